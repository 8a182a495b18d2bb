package db

import (
	"context"
	"iter"

	"github.com/jmoiron/sqlx"
)

// CopyIn runs copySQL, a COPY … FROM STDIN, with the rows of the sequence and returns how many Postgres took. It stops at
// the first error of the sequence or of Postgres; the transaction is then of no more use and must be rolled back.
func CopyIn(ctx context.Context, tx *sqlx.Tx, copySQL string, rows iter.Seq2[[]any, error]) (int64, error) {
	stmt, err := tx.PrepareContext(ctx, copySQL)
	if err != nil {
		return 0, Err(err, "begin copy")
	}
	defer func() { _ = stmt.Close() }()
	for row, err := range rows {
		if err != nil {
			return 0, err
		}
		if _, err := stmt.ExecContext(ctx, row...); err != nil {
			return 0, Err(err, "copy rows")
		}
	}
	res, err := stmt.ExecContext(ctx) // no arguments: the end of the data
	if err != nil {
		return 0, Err(err, "copy rows")
	}
	n, err := res.RowsAffected()
	return n, Err(err, "copy rows")
}
