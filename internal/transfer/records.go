package transfer

import (
	"context"
	"time"

	"mailer/internal/db"
)

// ImportRecord is an import as it is remembered.
type ImportRecord struct {
	ID         int64      `db:"id" json:"id"`
	ListID     int64      `db:"list_id" json:"-"`
	List       string     `db:"-" json:"list"` // slug
	FileName   string     `db:"file_name" json:"file_name"`
	Source     string     `db:"source" json:"source"`
	StartedAt  time.Time  `db:"started_at" json:"started_at"`
	FinishedAt *time.Time `db:"finished_at" json:"finished_at,omitempty"`
	Running    bool       `db:"running" json:"running"`     // an import into this list is under way
	Resumable  bool       `db:"resumable" json:"resumable"` // it was broken off and can be gone on with, unless it is running
	ImportProgress
}

// Imports returns the last imports, newest first.
func (s *Store) Imports(ctx context.Context, limit int) ([]ImportRecord, error) {
	records := []ImportRecord{}
	err := s.db.SelectContext(ctx, &records, `
		SELECT i.id, i.list_id, i.file_name, i.source, i.started_at, i.finished_at, i.rows, i.added, i.updated, i.unchanged, i.suppressed,
			i.opted_out, i.duplicates, i.rejected, i.finished_at IS NULL AND cardinality(i.done) = $3 AS resumable,
			i.finished_at IS NULL AND i.id = (SELECT max(id) FROM imports n WHERE n.list_id = i.list_id) AND EXISTS (SELECT 1 FROM pg_locks k
				WHERE k.locktype = 'advisory' AND k.granted AND k.classid = $2::int AND k.objid = i.list_id AND k.objsubid = 2
				AND k.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS running
		FROM imports i ORDER BY i.id DESC LIMIT $1`, limit, lockImport, lanes)
	if err != nil {
		return nil, db.Err(err, "read the imports")
	}
	slugs, err := s.subs.Slugs(ctx)
	for i := range records {
		records[i].List = slugs[records[i].ListID]
	}
	return records, err
}
