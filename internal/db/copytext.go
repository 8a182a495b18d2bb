package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"iter"

	"github.com/jmoiron/sqlx"
)

// textCopy is what lib/pq offers beside the rows of CopyIn: text that is in the format of COPY already.
type textCopy interface {
	driver.Stmt
	CopyData(ctx context.Context, text string) (driver.Result, error)
}

// CopyText runs copySQL, a COPY … FROM STDIN, in the transaction that is under way on c. Each text is one row or more in the text
// format of COPY, without the last line end. It spares database/sql for each row, which CopyIn pays; AppendCopyText writes fields.
// After an error the transaction must be rolled back.
func CopyText(ctx context.Context, c *sqlx.Conn, copySQL string, texts iter.Seq[string]) error {
	err := c.Raw(func(raw any) error {
		p, ok := raw.(driver.ConnPrepareContext)
		if !ok {
			return errors.New("the driver prepares nothing")
		}
		stmt, err := p.PrepareContext(ctx, copySQL)
		if err != nil {
			return err
		}
		in, ok := stmt.(textCopy)
		if !ok {
			return errors.Join(errors.New("the driver does not copy text"), stmt.Close())
		}
		for text := range texts {
			if _, err := in.CopyData(ctx, text); err != nil {
				return errors.Join(err, in.Close())
			}
		}
		return in.Close() // ends the data and waits for the answer
	})
	return Err(err, "copy rows")
}

// AppendCopyText appends v as a field in the text format of COPY.
func AppendCopyText(to []byte, v string) []byte {
	from := 0
	for i := range len(v) {
		var short byte
		switch v[i] {
		case '\\':
			short = '\\'
		case '\n':
			short = 'n'
		case '\r':
			short = 'r'
		case '\t':
			short = 't'
		default:
			continue
		}
		to = append(append(to, v[from:i]...), '\\', short)
		from = i + 1
	}
	return append(to, v[from:]...)
}

// InConnTx is InTx on a connection that the caller keeps.
func InConnTx(ctx context.Context, c *sqlx.Conn, f func(tx *sqlx.Tx) error) error {
	return again(ctx, func() error { return once(ctx, c, f) })
}
