package transfer

import (
	"context"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/subscribers"
)

// raceTries is how often a part is merged anew because somebody in it signed up, or was erased, at that very moment.
const raceTries = 5

// mergePart brings a lane's part of a batch into the tables in one transaction, together with the count of the import and how far
// the lane is. Who signs up in between is a conflict, and then all of it is done again.
func (im *importer) mergePart(ctx context.Context, l *lane, b *batch) (err error) {
	rows := b.parts[l.number]
	for range raceTries {
		err = db.InConnTx(ctx, l.conn, func(tx *sqlx.Tx) error {
			// The commits are waited for at the end; should the last ones be lost, so is the note that they were done.
			if _, err := tx.ExecContext(ctx, `SET LOCAL synchronous_commit = off`); err != nil {
				return db.Err(err, "prepare the import")
			}
			done, err := im.merger.Merge(ctx, tx, l.conn, rows)
			if err != nil {
				return err
			}
			l.take(done)
			if l.number == 0 { // what stands in no row is counted with the first lane
				l.progress.Duplicates, l.progress.Rejected = b.duplicates, b.rejected
				l.progress.Rows += b.duplicates + b.rejected
			}
			return im.checkpoint(ctx, tx, l, b)
		})
		if !subscribers.Raced(err) {
			break
		}
	}
	return err
}

// take notes what came of a part.
func (l *lane) take(done subscribers.Merged) {
	l.progress = ImportProgress{Rows: done.Rows, Added: done.Added, Updated: done.Updated, Unchanged: done.Unchanged, Suppressed: done.Suppressed, OptedOut: done.OptedOut}
	l.pending, l.barred = done.Pending, l.barred[:0]
	for _, b := range done.Barred {
		l.barred = append(l.barred, RowNote{Line: b.Line, Value: b.Address, Reason: b.Reason})
	}
}
