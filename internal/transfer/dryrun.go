package transfer

import (
	"context"
	"database/sql/driver"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

// beginDry has the import happen on a connection where temporary tables hide the real ones. It does there just what it does in
// earnest, with the same statements.
func (im *importer) beginDry(ctx context.Context) error {
	conn, err := im.store.db.Connx(ctx)
	if err != nil {
		return db.Err(err, "begin the dry run")
	}
	im.dry = true
	im.lanes = []*lane{{conn: conn, in: make(chan *batch, 1)}}
	schema, err := im.merger.DryRun(ctx, conn)
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, `CREATE TEMP TABLE imports (LIKE `+schema+`.imports INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING CONSTRAINTS, PRIMARY KEY (id))`)
	if err != nil {
		return db.Err(err, "begin the dry run")
	}
	return db.InConnTx(ctx, conn, func(tx *sqlx.Tx) error { return im.note(ctx, tx, "") })
}

// discard drops the temporary tables. Where that fails the connection is thrown away: nobody else may find them on it.
func (l *lane) discard(ctx context.Context) {
	if _, err := l.conn.ExecContext(ctx, `DISCARD TEMP`); err != nil {
		_ = l.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = l.conn.Close()
}
