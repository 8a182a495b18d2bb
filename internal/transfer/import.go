package transfer

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

const (
	importBatch = 20_000 // rows of a file that are read together; a leave waits for one merge of half of them at most
	lanes       = 2      // connections that merge; Postgres works with one processor for each
	maxNotes    = 1000   // rows told of one by one; all are counted
)

// ImportRequest is one file or more of people for one list. The first row of each names the columns: an email, and as it likes name
// (or first name and last name), language, supporter, status and what meaningNames has; every other column becomes an attribute.
type ImportRequest struct {
	ListID   int64
	FileName string       // for the record
	Files    []ImportFile // see ImportFiles; nil: R is the only one
	R        io.Reader    // read once
	Source   string       // where these people's consent comes from; needed
	Wording  string       // what they were told, if known
	// Confirmed says that these people agreed already. Without it, and for role accounts, a subscription starts as pending.
	// A status column can only lower that, row by row.
	Confirmed bool
	Status    string                       // of rows that do not name one, such as unsubscribed for a list of those who left; empty: confirmed
	Expires   time.Time                    // when the consent of these people ends, being only implied; zero: it does not end
	Map       map[string]string            // what columns hold, by their names; see readMapping
	Narrow    bool                         // by somebody who may act on this list alone: nobody is suppressed, and what other lists know of people stays
	DryRun    bool                         // find out what would happen, and change nothing
	Resume    int64                        // an import that was broken off: go on with it, given the same files. All else but Who is as it was told then
	Notes     func(kind string, n RowNote) // gets every note, with the whole address; may be nil
	Begun     func(id int64)               // gets the number of the import once there is one; may be nil
	Who       string                       // the person who imports, for the audit log
}

func (r ImportRequest) options() Options {
	return Options{Source: r.Source, Wording: r.Wording, Confirmed: r.Confirmed, Status: r.Status, Expires: r.Expires, Map: r.Map, Narrow: r.Narrow}
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

// Kinds of notes.
const (
	NoteRejected = "rejected"
	NoteBarred   = "not brought back"
	NoteLook     = "worth a look"
)

// RowNote is one row that a person should look at.
type RowNote struct {
	Line   int64  `db:"line" json:"line"`       // of the file, from 1
	Value  string `db:"address" json:"address"` // masked in reports
	Reason string `db:"reason" json:"reason"`
}

// ImportReport is what came of an import. Of each kind of note the first thousand are kept.
type ImportReport struct {
	ImportID int64 `json:"import_id,omitempty"` // none of a dry run
	ImportProgress
	Errors  []RowNote `json:"errors"`          // rejected rows
	Barred  []RowNote `json:"barred"`          // suppressed rows, with the reason of the suppression
	Look    []RowNote `json:"look"`            // rows taken that look odd: role accounts, mixed alphabets, mistyped domains
	Pending int64     `json:"pending"`         // of those added: they get no mail until they confirm, and nobody has asked them
	Columns []string  `json:"columns"`         // how the columns were understood, for people
	Hints   []string  `json:"hints,omitempty"` // what to know about files of this kind
	Partial bool      `json:"partial"`         // the import ended early; what is counted was done, and it can be resumed
	DryRun  bool      `json:"dry_run,omitempty"`
	Resumed int64     `json:"resumed,omitempty"` // rows that were done before; counted in Rows, their notes are not repeated
}

// Import adds the people of a file to a list, batch by batch, in flat memory: rows are checked here, copied to Postgres and
// merged. It never lifts a suppression and never brings back who left. progress, which may be nil, is called after each
// merge. What is wrong with single rows is in the report; an error is about the whole, and the report then says how far it came.
// Of two imports into one list at a time the second is refused with errs.Conflict.
func (s *Store) Import(ctx context.Context, r ImportRequest, progress func(ImportProgress)) (ImportReport, error) {
	im, err := s.beginImport(ctx, r)
	if im != nil {
		defer im.close()
	}
	if err != nil {
		return ImportReport{}, err
	}
	if im.progress = progress; progress == nil {
		im.progress = func(ImportProgress) {}
	}
	err = im.run(ctx)
	if err != nil && im.report.Rows == 0 && im.drop(ctx) {
		return im.report, err
	}
	im.report.Partial = err != nil
	if ferr := im.finish(ctx, r.Who); err == nil {
		err = ferr
	}
	slices.SortStableFunc(im.report.Barred, func(x, y RowNote) int { return cmp.Compare(x.Line, y.Line) })
	return im.report, err
}

// importer is one import under way.
type importer struct {
	store *Store
	list  int64
	Options
	standing standing // of rows without a status
	mapping  mapping
	topics   map[string]uint64
	files    []ImportFile
	merger   *subscribers.Merger
	record   int64 // number in imports, which in a dry run is a table of its own
	lanes    []*lane
	dry      bool
	notes    func(kind string, n RowNote)
	progress func(ImportProgress)

	mu     sync.Mutex // over report
	report ImportReport
}

func (s *Store) beginImport(ctx context.Context, r ImportRequest) (*importer, error) {
	im := &importer{store: s, list: r.ListID, files: r.Files, notes: r.Notes,
		Options: r.options(),
		report:  ImportReport{DryRun: r.DryRun, Errors: []RowNote{}, Barred: []RowNote{}, Look: []RowNote{}, Columns: []string{}}}
	if im.files == nil {
		im.files = []ImportFile{{Name: r.FileName, Open: func() (io.ReadCloser, error) { return io.NopCloser(r.R), nil }}}
	}
	if im.notes == nil {
		im.notes = func(string, RowNote) {}
	}
	if r.Resume != 0 {
		if err := im.recall(ctx, r); err != nil {
			return nil, err
		}
		im.Narrow = im.Narrow || r.Narrow // whoever goes on with it
	}
	if err := im.check(); err != nil {
		return nil, err
	}
	fileName, err := subscribers.OneLine("file", r.FileName, 200)
	if err != nil {
		return nil, err
	}
	if err := subscribers.OpenList(ctx, s.db, im.list); err != nil {
		return nil, err
	}
	topics, err := s.subs.Topics.Of(ctx, im.list, true)
	if err != nil {
		return nil, err
	}
	im.topics = make(map[string]uint64, len(topics))
	for _, t := range topics {
		im.topics[t.Slug] = t.Mask()
	}
	im.merger = s.subs.Merger(im.list, im.Source, im.Wording)
	im.merger.Narrow = im.Narrow
	if r.DryRun {
		return im, im.beginDry(ctx)
	}
	if err := im.openLanes(ctx, r.Resume != 0); err != nil {
		return im, err
	}
	if r.Resume != 0 {
		return im, im.resume(ctx, r.Resume)
	}
	if err := im.note(ctx, s.db, fileName); err != nil {
		return im, err
	}
	if r.Begun != nil {
		r.Begun(im.record)
	}
	return im, nil
}

// run reads in one goroutine and merges in one for each lane: the file is parsed while Postgres works. After a cancelled context it
// does not wait for the reader, which may hang on a pipe that says nothing.
func (im *importer) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	free := make(chan *batch, lanes+1)
	for range cap(free) {
		free <- new(batch)
	}
	var merging sync.WaitGroup
	for _, l := range im.lanes {
		merging.Go(func() {
			if err := im.mergeLane(ctx, l, free); err != nil {
				stop(err)
			}
		})
	}
	read := make(chan error, 1)
	go func() {
		rr := &rowReader{im: im, confirmed: im.Confirmed, expires: im.Expires, now: im.store.subs.Now(), topics: im.topics,
			languages: make(map[string]string), digest: newDigest()}
		read <- rr.read(ctx, free, func(b *batch) error {
			b.left.Store(int32(len(im.lanes)))
			for _, l := range im.lanes {
				select {
				case l.in <- b:
				case <-ctx.Done():
					return db.Err(ctx.Err(), "import")
				}
			}
			return nil
		})
		for _, l := range im.lanes {
			close(l.in)
		}
	}()
	var err error
	select {
	case err = <-read:
	case <-ctx.Done():
	}
	merging.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return db.Err(cause, "import")
	}
	return err
}

// mergeLane merges what comes in until that or ctx ends.
func (im *importer) mergeLane(ctx context.Context, l *lane, free chan<- *batch) error {
	for {
		var b *batch
		more := true
		select {
		case b, more = <-l.in:
		case <-ctx.Done():
			return nil
		}
		if !more {
			return nil
		}
		switch {
		case b.number > l.from:
			if err := im.mergePart(ctx, l, b); err != nil {
				return err
			}
			im.tell(l, b)
		case b.number == l.from && !bytes.Equal(b.digest, l.digest):
			return errs.New(errs.Conflict, "this is not the file that import %d began with; give it that one, or begin a new import", im.record)
		}
		if b.left.Add(-1) == 0 {
			b.reset()
			free <- b
		}
	}
}

// tell reports what came of a part that is committed. The rows that stand in no part are told of with the first.
func (im *importer) tell(l *lane, b *batch) {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.report.add(l.progress)
	im.report.Pending += l.pending
	for _, of := range []struct {
		to    *[]RowNote
		notes []RowNote
		kind  string
	}{{&im.report.Errors, b.errors, NoteRejected}, {&im.report.Barred, l.barred, NoteBarred}, {&im.report.Look, b.look, NoteLook}} {
		if l.number > 0 && of.kind != NoteBarred {
			continue
		}
		for _, n := range of.notes {
			im.notes(of.kind, n)
			if len(*of.to) < maxNotes {
				n.Value = subscribers.Mask(n.Value)
				*of.to = append(*of.to, n)
			}
		}
	}
	im.progress(im.report.ImportProgress)
}

// drop takes back the record of an import that did nothing: there is nothing to go on with, and a file that cannot be read does not
// become readable. What a lane has merged and could not tell of any more keeps its record.
func (im *importer) drop(ctx context.Context) bool {
	if im.dry {
		return true
	}
	res, err := im.store.db.ExecContext(context.WithoutCancel(ctx), `DELETE FROM imports WHERE id = $1 AND rows = 0 AND finished_at IS NULL`, im.record)
	if err != nil {
		return false
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return false
	}
	im.report.ImportID = 0
	return true
}

// finish closes the record of the import, unless it can be resumed, and notes it in the audit log, also after an error.
func (im *importer) finish(ctx context.Context, who string) error {
	if im.dry {
		return nil
	}
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
		if !im.report.Partial {
			// This commit is waited for, and with it all those before it.
			_, err := tx.ExecContext(ctx, `UPDATE imports SET finished_at = clock_timestamp() WHERE id = $1`, im.record)
			if err != nil {
				return db.Err(err, "finish the import")
			}
		}
		p := im.report.ImportProgress
		return audit.Log(ctx, tx, who, "subscribers.import", "import "+strconv.FormatInt(im.record, 10), map[string]any{
			"list": im.list, "rows": p.Rows, "added": p.Added, "updated": p.Updated, "suppressed": p.Suppressed,
			"opted_out": p.OptedOut, "rejected": p.Rejected, "partial": im.report.Partial,
		})
	})
}

func (p *ImportProgress) add(q ImportProgress) {
	p.Rows += q.Rows
	p.Added += q.Added
	p.Updated += q.Updated
	p.Unchanged += q.Unchanged
	p.Suppressed += q.Suppressed
	p.OptedOut += q.OptedOut
	p.Duplicates += q.Duplicates
	p.Rejected += q.Rejected
}
