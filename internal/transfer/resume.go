package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"hash"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// Options are what an import is told; they are kept with it, so that a resume needs the files alone.
type Options struct {
	Source    string            `json:"source"`
	Wording   string            `json:"wording,omitempty"`
	Confirmed bool              `json:"confirmed"`
	Status    string            `json:"status,omitempty"`
	Expires   time.Time         `json:"expires,omitzero"`
	Map       map[string]string `json:"map,omitempty"`
	Narrow    bool              `json:"narrow,omitempty"`
}

// check reads the options, and what follows from them.
func (im *importer) check() (err error) {
	o := &im.Options
	if o.Source, err = subscribers.OneLine("source", o.Source, 500); err != nil {
		return err
	}
	if o.Source == "" {
		return errs.Field("source", `say where the consent of these people comes from, like "sign-up sheet at the fair, May 2026"`)
	}
	if o.Wording, err = subscribers.SomeLines("wording", o.Wording, 5000); err != nil {
		return err
	}
	if im.standing, err = parseStanding(o.Status); err != nil {
		return err
	}
	if !o.Expires.IsZero() && !o.Expires.After(im.store.subs.Now()) {
		return errs.Field("expires", "it is over already; name a date that is to come")
	}
	im.mapping, err = readMapping(o.Map)
	return err
}

// check finds what is wrong with a request before anything is done. What a resume was told is known to be right.
func (s *Store) check(r ImportRequest) error {
	if r.Resume != 0 {
		return nil
	}
	im := &importer{store: s, Options: r.options()}
	return im.check()
}

// lane is one connection that merges, in the order of the file, the rows of those people that are its own.
type lane struct {
	number int
	conn   *sqlx.Conn
	in     chan *batch
	from   int    // the last batch that was merged before a resume
	digest []byte // of what was read up to it

	progress ImportProgress // of the part merged last
	pending  int64          // of those it added
	barred   []RowNote
}

// lockImport is the class of the advisory locks, one per list, under which an import runs.
const lockImport = 0x696d

// openLanes takes the list for this import alone.
func (im *importer) openLanes(ctx context.Context, patient bool) error {
	for n := range lanes {
		conn, err := im.store.db.Connx(ctx)
		if err != nil {
			return db.Err(err, "begin the import")
		}
		im.lanes = append(im.lanes, &lane{number: n, conn: conn, in: make(chan *batch, 1)})
	}
	wait := `0`
	if patient { // who was killed just now may not have been missed yet
		wait = `10s`
	}
	return db.InConnTx(ctx, im.lanes[0].conn, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `SET LOCAL lock_timeout = '`+wait+`'`)
		if err != nil {
			return db.Err(err, "begin the import")
		}
		var mine bool
		if patient {
			_, err = tx.ExecContext(ctx, `SELECT pg_advisory_lock($1::int, $2::int)`, lockImport, im.list)
			mine = err == nil
			if err = db.Err(err, "begin the import"); errs.KindOf(err) == errs.Unavailable && ctx.Err() == nil {
				err = nil
			}
		} else {
			err = db.Err(tx.GetContext(ctx, &mine, `SELECT pg_try_advisory_lock($1::int, $2::int)`, lockImport, im.list), "begin the import")
		}
		if err == nil && !mine {
			err = errs.New(errs.Conflict, "another import into this list is under way; wait until it is done")
		}
		return err
	})
}

// close gives back what the import held. Its lock goes too.
func (im *importer) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if im.dry {
		im.lanes[0].discard(ctx)
		return
	}
	for _, l := range im.lanes {
		if l.number == 0 {
			_, _ = l.conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1::int, $2::int)`, lockImport, im.list)
		}
		_ = l.conn.Close()
	}
}

// note makes the record of the import.
func (im *importer) note(ctx context.Context, q db.Q, fileName string) error {
	options, err := json.Marshal(im.Options)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "the options of the import cannot be kept")
	}
	err = q.GetContext(ctx, &im.record, `INSERT INTO imports (list_id, file_name, source, options) VALUES ($1, $2, $3, $4) RETURNING id`,
		im.list, fileName, im.Source, string(options))
	if !im.dry {
		im.report.ImportID = im.record
	}
	return db.Err(err, "begin the import")
}

// recall takes the options of an import that was broken off.
func (im *importer) recall(ctx context.Context, r ImportRequest) error {
	var was struct {
		ListID   int64      `db:"list_id"`
		Options  string     `db:"options"`
		Ours     bool       `db:"ours"`
		Finished *time.Time `db:"finished_at"`
	}
	err := db.Err(im.store.db.GetContext(ctx, &was, `SELECT list_id, options, cardinality(done) = $2 AS ours, finished_at FROM imports WHERE id = $1`,
		r.Resume, lanes), "find the import")
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return errs.Wrap(err, errs.NotFound, "there is no import %d", r.Resume)
	case err != nil:
		return err
	case was.Finished != nil:
		return errs.New(errs.Conflict, "import %d is done; there is nothing to resume", r.Resume)
	case !was.Ours:
		return errs.New(errs.Conflict, "import %d was made by another version and cannot be resumed; importing the file anew does no harm", r.Resume)
	case r.ListID != 0 && r.ListID != was.ListID:
		return errs.New(errs.Conflict, "import %d is one into another list", r.Resume)
	case r.DryRun:
		return errs.New(errs.Conflict, "an import is resumed in earnest only")
	}
	im.list = was.ListID
	if err := json.Unmarshal([]byte(was.Options), &im.Options); err != nil {
		return errs.Wrap(err, errs.Internal, "the options of import %d are not understood", r.Resume)
	}
	return nil
}

// resume takes up an import where its lanes were. Under the lock, so that nobody else moves them.
func (im *importer) resume(ctx context.Context, id int64) error {
	var was struct {
		ImportProgress
		Done     pq.Int32Array `db:"done"`
		Digests  pq.ByteaArray `db:"digests"`
		Finished *time.Time    `db:"finished_at"`
	}
	err := im.store.db.GetContext(ctx, &was, `SELECT rows, added, updated, unchanged, suppressed, opted_out, duplicates, rejected, done, digests, finished_at
		FROM imports WHERE id = $1`, id)
	switch {
	case err != nil:
		return db.Err(err, "find the import")
	case was.Finished != nil:
		return errs.New(errs.Conflict, "import %d is done; there is nothing to resume", id)
	}
	for i, l := range im.lanes {
		l.from, l.digest = int(was.Done[i]), was.Digests[i]
	}
	im.record, im.report.ImportID = id, id
	im.report.ImportProgress, im.report.Resumed = was.ImportProgress, was.Rows
	return nil
}

// merged reports a batch that all lanes have merged before.
func (im *importer) merged(number int) bool {
	for _, l := range im.lanes {
		if number > l.from {
			return false
		}
	}
	return true
}

// checkpoint counts a part and notes in the same transaction that the lane has merged it. Last of all: lanes wait for each other
// here, and so only for the commit.
func (im *importer) checkpoint(ctx context.Context, tx *sqlx.Tx, l *lane, b *batch) error {
	p := l.progress
	res, err := tx.ExecContext(ctx, `UPDATE imports SET rows = rows + $1, added = added + $2, updated = updated + $3,
		unchanged = unchanged + $4, suppressed = suppressed + $5, opted_out = opted_out + $6,
		duplicates = duplicates + $7, rejected = rejected + $8, done[$9::int] = $10, digests[$9::int] = $11
		WHERE id = $12 AND done[$9::int] = $10 - 1`,
		p.Rows, p.Added, p.Updated, p.Unchanged, p.Suppressed, p.OptedOut, p.Duplicates, p.Rejected, l.number+1, b.number, b.digest, im.record)
	if err != nil {
		return db.Err(err, "count the import")
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errs.New(errs.Conflict, "another process goes on with this import")
	}
	return nil
}

// digest is a hash of all that was read, by which a resume knows the file again.
type digest struct{ hash.Hash }

func newDigest() digest { return digest{sha256.New()} }

func (d digest) add(b []byte) {
	if d.Hash != nil {
		d.Write(b)
	}
}

func (d digest) sum() []byte { return d.Sum(nil) }
