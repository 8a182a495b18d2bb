package subscribers

import (
	"context"
	"io"
	"strconv"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

const (
	importBatch = 20_000 // rows read together, and merged in two transactions side by side; a leave waits for one of them at most
	soloBatch   = 1000   // up to here one transaction does it
	maxNotes    = 1000   // rows told of one by one; all are counted
)

// ImportRequest is a CSV file of people for one list. The first row names the columns: an email, and as it likes name
// (or first name and last name), language, supporter, status; every other column becomes an attribute.
type ImportRequest struct {
	ListID   int64
	FileName string    // for the record
	Source   string    // where these people's consent comes from; needed
	Wording  string    // what they were told, if known
	R        io.Reader // read once
	// Confirmed says that these people agreed already. Without it, and for role accounts, a subscription starts as pending.
	// A status column can only lower that, row by row.
	Confirmed bool
	Who       string // the person who imports, for the audit log
}

// ImportProgress counts rows; Rows is the sum of the others.
type ImportProgress struct {
	Rows       int64 `db:"rows" json:"rows"`
	Added      int64 `db:"added" json:"added"`           // new on the list
	Updated    int64 `db:"updated" json:"updated"`       // on it already; something is new
	Unchanged  int64 `db:"unchanged" json:"unchanged"`   // on it already; nothing is new
	Suppressed int64 `db:"suppressed" json:"suppressed"` // left or must not be mailed; an import brings nobody back
	OptedOut   int64 `db:"opted_out" json:"opted_out"`   // the file itself says that they left, bounced or complained
	Duplicates int64 `db:"duplicates" json:"duplicates"` // the same person again, soon after; the last row counts, an opt-out before it
	Rejected   int64 `db:"rejected" json:"rejected"`     // see Errors
}

// RowNote is one row that a person should look at.
type RowNote struct {
	Line   int64  `db:"line" json:"line"`       // of the file, from 1
	Value  string `db:"address" json:"address"` // masked
	Reason string `db:"reason" json:"reason"`
}

// ImportReport is what came of an import. Of each kind of note the first thousand are kept.
type ImportReport struct {
	ImportID int64 `json:"import_id"`
	ImportProgress
	Errors  []RowNote `json:"errors"`  // rejected rows
	Barred  []RowNote `json:"barred"`  // suppressed rows, with the reason of the suppression
	Look    []RowNote `json:"look"`    // rows taken that look odd: role accounts, mixed alphabets, mistyped domains
	Columns []string  `json:"columns"` // how the columns were understood, for people
	Partial bool      `json:"partial"` // the import ended early; what is counted was done, and doing it again does no harm
}

// Import adds the people of a file to a list, batch by batch, in flat memory: rows are checked here, copied into a
// staging table and merged. It never lifts a suppression and never brings back who left. progress, which may be nil, is
// called after each batch. What is wrong with single rows is in the report; an error is about the whole, and the report
// then says how far it came.
func (s *Store) Import(ctx context.Context, r ImportRequest, progress func(ImportProgress)) (ImportReport, error) {
	im, err := s.beginImport(ctx, r)
	if err != nil {
		return ImportReport{}, err
	}
	if progress == nil {
		progress = func(ImportProgress) {}
	}
	err = im.run(ctx, progress)
	im.report.Partial = err != nil
	if ferr := im.finish(ctx, r.Who); err == nil {
		err = ferr
	}
	return im.report, err
}

// importer is one import under way.
type importer struct {
	store  *Store
	req    ImportRequest
	report ImportReport
}

func (s *Store) beginImport(ctx context.Context, r ImportRequest) (*importer, error) {
	var err error
	if r.Source, err = oneLine("source", r.Source, 500); err != nil {
		return nil, err
	}
	if r.Source == "" {
		return nil, errs.Field("source", `say where the consent of these people comes from, like "sign-up sheet at the fair, May 2026"`)
	}
	if r.Wording, err = someLines("wording", r.Wording, 5000); err != nil {
		return nil, err
	}
	if r.FileName, err = oneLine("file", r.FileName, 200); err != nil {
		return nil, err
	}
	if err := openList(ctx, s.db, r.ListID); err != nil {
		return nil, err
	}
	im := &importer{store: s, req: r, report: ImportReport{Errors: []RowNote{}, Barred: []RowNote{}, Look: []RowNote{}, Columns: []string{}}}
	err = s.db.GetContext(ctx, &im.report.ImportID, `INSERT INTO imports (list_id, file_name, source) VALUES ($1, $2, $3) RETURNING id`,
		r.ListID, r.FileName, r.Source)
	return im, db.Err(err, "begin the import")
}

// run reads in one goroutine and merges from this one: the file is parsed while Postgres works. After a cancelled context it
// does not wait for the reader, which may hang on a pipe that says nothing.
func (im *importer) run(ctx context.Context, progress func(ImportProgress)) error {
	rows, err := im.openRows()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	batches, done := make(chan *batch), make(chan error, 1)
	free := make(chan *batch, 2)
	free <- new(batch)
	free <- new(batch)
	go func() {
		done <- rows.read(ctx, free, batches)
		close(batches)
	}()
	for {
		select {
		case <-ctx.Done():
			return db.Err(ctx.Err(), "import")
		case b, more := <-batches:
			if !more {
				return <-done
			}
			if err := im.merge(ctx, b); err != nil {
				return err
			}
			im.report.Errors = appendNotes(im.report.Errors, b.errors)
			im.report.Look = appendNotes(im.report.Look, b.look)
			progress(im.report.ImportProgress)
			b.reset()
			free <- b
		}
	}
}

func appendNotes(to, notes []RowNote) []RowNote {
	return append(to, notes[:min(len(notes), maxNotes-len(to))]...)
}

// finish closes the record of the import and notes it in the audit log, also after an error or an interruption.
func (im *importer) finish(ctx context.Context, who string) error {
	ctx = context.WithoutCancel(ctx)
	if who == "" {
		who = "unknown"
	}
	if im.report.Added > 1000 {
		// The next send should not have to wait for autovacuum to tell Postgres how large the tables are now.
		if _, err := im.store.db.ExecContext(ctx, `ANALYZE subscribers, subscriptions`); err != nil {
			return db.Err(err, "finish the import")
		}
	}
	return db.InTx(ctx, im.store.db, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE imports SET finished_at = clock_timestamp() WHERE id = $1`, im.report.ImportID)
		if err != nil {
			return db.Err(err, "finish the import")
		}
		p := im.report.ImportProgress
		return audit.Log(ctx, tx, who, "subscribers.import", "import "+strconv.FormatInt(im.report.ImportID, 10), map[string]any{
			"list": im.req.ListID, "rows": p.Rows, "added": p.Added, "updated": p.Updated, "suppressed": p.Suppressed,
			"opted_out": p.OptedOut, "rejected": p.Rejected, "partial": im.report.Partial,
		})
	})
}
