package campaigns

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/render"
)

// Fixes mends what a launched campaign says. Somebody writes a corrected copy; an editor puts it in the place of the message, for all
// readers whose turn has not come. Words may change, not what stands where: which readers get which part was settled at the launch.
type Fixes struct{ svc *Service }

// NewFixes returns the fixes of a service's campaigns.
func NewFixes(s *Service) *Fixes { return &Fixes{svc: s} }

// Fix is a corrected copy of a launched campaign.
type Fix struct {
	ID         int64      `db:"id" json:"id"` // 0: nobody has begun one; the content is that of the campaign
	Campaign   int64      `db:"campaign_id" json:"campaign"`
	Version    int        `db:"version" json:"version"`
	Subject    string     `db:"subject" json:"subject"`
	Preheader  string     `db:"preheader" json:"preheader"`
	EditedBy   string     `db:"edited_by" json:"edited_by"`
	EditedAt   time.Time  `db:"edited_at" json:"edited_at"`
	ReleasedBy string     `db:"released_by" json:"released_by,omitempty"`
	ReleasedAt *time.Time `db:"released_at" json:"released_at,omitempty"`
	Reached    *int64     `db:"reached" json:"readers,omitempty"` // of the audience when it was put in place

	Hands  pq.StringArray `db:"hands" json:"hands"` // all who have written any part of it
	Data   []byte         `db:"blocks" json:"-"`
	Blocks []render.Block `db:"-" json:"blocks"`
}

const selectFix = `SELECT id, campaign_id, version, subject, preheader, blocks, edited_by, edited_at, hands, released_by, released_at, reached FROM campaign_fixes`

// Open returns the fix that is being written of a launched campaign; where there is none, what it would begin with. Errors: NotFound;
// Conflict when the campaign was not launched.
func (f *Fixes) Open(ctx context.Context, id int64) (Fix, error) {
	c, err := load(ctx, f.svc.DB, id)
	if err != nil {
		return Fix{}, err
	}
	if c.State != Launched {
		return Fix{}, conflict(c, "only what is going out needs a fix; edit the campaign instead")
	}
	return openFix(ctx, f.svc.DB, c)
}

func openFix(ctx context.Context, q db.Q, c Campaign) (Fix, error) {
	var open []Fix
	if err := q.SelectContext(ctx, &open, selectFix+` WHERE campaign_id = $1 AND released_at IS NULL AND dropped_at IS NULL`, c.ID); err != nil {
		return Fix{}, db.Err(err, "read the fix")
	}
	if len(open) == 0 {
		blocks, err := loadBlocks(ctx, q, c.ID)
		return Fix{Campaign: c.ID, Subject: c.Subject, Preheader: c.Preheader, Blocks: blocks}, err
	}
	err := json.Unmarshal(open[0].Data, &open[0].Blocks)
	return open[0], errs.Wrap(err, errs.Internal, "read the fix")
}

// Released returns the fixes of a campaign that were put in place, the last one first, without their content.
func (f *Fixes) Released(ctx context.Context, id int64) ([]Fix, error) {
	fixes := []Fix{}
	err := f.svc.DB.SelectContext(ctx, &fixes, selectFix+` WHERE campaign_id = $1 AND released_at IS NOT NULL ORDER BY id DESC LIMIT 20`, id)
	return fixes, db.Err(err, "list the fixes")
}

// Write keeps a corrected copy. fix says which version it is based on; its blocks must be those of the campaign but for their words.
// Errors: NotFound; Invalid with the field at fault; Conflict when someone else has written meanwhile.
func (f *Fixes) Write(ctx context.Context, fix Fix, who string) (Fix, error) {
	if err := checkWho(who); err != nil {
		return fix, err
	}
	if err := (&Edit{Subject: &fix.Subject, Preheader: &fix.Preheader, Blocks: fix.Blocks}).check(); err != nil {
		return fix, err
	}
	for _, b := range fix.Blocks {
		for j := range b.Stories {
			if body := &b.Stories[j].BodyHTML; *body != "" {
				*body = render.SanitizeBody(*body, nil)
			}
		}
	}
	data, err := json.Marshal(fix.Blocks)
	if err != nil {
		return fix, errs.Wrap(err, errs.Internal, "keep the fix")
	}
	err = db.InTx(ctx, f.svc.DB, func(tx *sqlx.Tx) error {
		_, was, err := f.lock(ctx, tx, fix.Campaign)
		if err != nil {
			return err
		}
		if was.Version != fix.Version {
			return errs.New(errs.Conflict, "the fix was changed by %s meanwhile; look at it again", was.EditedBy)
		}
		if !sameShape(was.Blocks, fix.Blocks) {
			return errs.Field("blocks", "a fix changes words; it cannot add, move or take out blocks and stories, since readers have been told apart by them")
		}
		now := f.svc.Now()
		if was.ID == 0 {
			_, err = tx.ExecContext(ctx, `INSERT INTO campaign_fixes (campaign_id, subject, preheader, blocks, edited_by, edited_at, hands) VALUES ($1, $2, $3, $4, $5, $6, ARRAY[$5::text])`,
				fix.Campaign, fix.Subject, fix.Preheader, string(data), who, now)
		} else {
			_, err = tx.ExecContext(ctx, `UPDATE campaign_fixes SET version = version + 1, subject = $2, preheader = $3, blocks = $4, edited_by = $5, edited_at = $6,
				hands = CASE WHEN $5::text = ANY (hands) THEN hands ELSE hands || $5::text END WHERE id = $1`,
				was.ID, fix.Subject, fix.Preheader, string(data), who, now)
		}
		if err != nil {
			return db.Err(err, "keep the fix")
		}
		return audit.Log(ctx, tx, who, "campaign.fix_write", auditName(fix.Campaign), nil)
	})
	if err != nil {
		return fix, err
	}
	return f.Open(ctx, fix.Campaign)
}

// Drop gives up the fix that is being written; where there is none it changes nothing.
func (f *Fixes) Drop(ctx context.Context, id int64, who string) error {
	if err := checkWho(who); err != nil {
		return err
	}
	return db.InTx(ctx, f.svc.DB, func(tx *sqlx.Tx) error {
		_, was, err := f.lock(ctx, tx, id)
		if err != nil || was.ID == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE campaign_fixes SET dropped_at = $2 WHERE id = $1`, was.ID, f.svc.Now()); err != nil {
			return db.Err(err, "drop the fix")
		}
		return audit.Log(ctx, tx, who, "campaign.fix_drop", auditName(id), nil)
	})
}

// lock locks a launched campaign and returns it with its open fix.
func (f *Fixes) lock(ctx context.Context, tx *sqlx.Tx, id int64) (c Campaign, fix Fix, err error) {
	if _, err := tx.ExecContext(ctx, `SELECT FROM campaigns WHERE id = $1 FOR UPDATE`, id); err != nil {
		return c, fix, db.Err(err, "lock campaign")
	}
	if c, err = load(ctx, tx, id); err != nil {
		return c, fix, err
	}
	if c.State != Launched {
		return c, fix, conflict(c, "only what is going out needs a fix; edit the campaign instead")
	}
	fix, err = openFix(ctx, tx, c)
	return c, fix, err
}

// sameShape reports whether two contents have the same blocks with the same stories, whatever they say.
func sameShape(a, b []render.Block) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := a[i], b[i]
		if x.Kind != y.Kind || x.Topic != y.Topic || x.Lead != y.Lead || len(x.Stories) != len(y.Stories) || (x.Appeal == nil) != (y.Appeal == nil) ||
			x.Appeal != nil && x.Appeal.VariantID != y.Appeal.VariantID || (x.Title == "") != (y.Title == "") {
			return false
		}
		for j := range x.Stories {
			if x.Stories[j].ArticleID != y.Stories[j].ArticleID {
				return false
			}
		}
	}
	return true
}

// Look is a fix as an editor looks at it before it is put in place.
type Look struct {
	Fix
	Content  string // for Release
	HTML     string
	Text     string
	Problems []Problem
	Reach    delivery.Fix // whom it would reach now
}

// Look renders and checks the fix that is being written. Errors: NotFound; Conflict when there is none.
func (f *Fixes) Look(ctx context.Context, id int64) (Look, error) {
	c, err := load(ctx, f.svc.DB, id)
	if err != nil {
		return Look{}, err
	}
	fix, err := f.Open(ctx, id)
	if err != nil {
		return Look{}, err
	}
	p, err := f.prepare(ctx, c, fix)
	if err != nil {
		return Look{}, err
	}
	l := Look{Fix: fix, Content: hex.EncodeToString(p.hash), Problems: p.problems}
	if l.Reach, err = delivery.NewFixes(f.svc.Delivery).Reach(ctx, id); err != nil || p.printed.compiled == nil {
		return l, err
	}
	g, err := f.glance(c, &p)
	l.HTML, l.Text = g.HTML, g.Text
	return l, err
}

// Release puts the fix that a.Content names in the place of the message and says how many readers get it. The copy in the archive is
// the corrected one from then on. Errors: NotFound; Invalid with all that stands in the way; Denied where with four eyes another
// person has to do it; Conflict when it was changed since, or no reader is left whom it could reach.
func (f *Fixes) Release(ctx context.Context, id int64, a Assent) (Fix, error) {
	if err := checkWho(a.Who); err != nil {
		return Fix{}, err
	}
	c, err := load(ctx, f.svc.DB, id)
	if err != nil {
		return Fix{}, err
	}
	fix, err := f.Open(ctx, id)
	if err != nil {
		return fix, err
	}
	if fix.ID == 0 {
		return fix, errs.New(errs.Conflict, "there is no fix of campaign %d to put in place", id)
	}
	p, err := f.prepare(ctx, c, fix)
	if err != nil {
		return fix, err
	}
	if err := a.fits(&p); err != nil {
		return fix, err
	}
	if err := p.refusal(a); err != nil {
		return fix, err
	}
	err = db.InTx(ctx, f.svc.DB, func(tx *sqlx.Tx) error {
		return f.put(ctx, tx, fix, &p, a.Who)
	})
	if err != nil {
		return fix, err
	}
	err = f.svc.DB.GetContext(ctx, &fix, selectFix+` WHERE id = $1`, fix.ID)
	return fix, db.Err(err, "read the fix")
}

// put makes the fix what goes out and what the campaign says.
func (f *Fixes) put(ctx context.Context, tx *sqlx.Tx, fix Fix, p *prepared, who string) error {
	c, was, err := f.lock(ctx, tx, fix.Campaign)
	if err != nil {
		return err
	}
	if was.ID != fix.ID || was.Version != fix.Version {
		return errs.New(errs.Conflict, "the fix was changed by %s meanwhile; look at it again", was.EditedBy)
	}
	set, err := f.svc.Reviews.settings(ctx, tx, c.ListID)
	if err != nil {
		return err
	}
	// Not the last writer alone: else a colleague's comma would make one's own words theirs.
	if set.FourEyes && containsFold(append(was.Hands, was.EditedBy), who) {
		return errs.New(errs.Denied, "This list asks for four eyes, and you have written this fix, or some of it, yourself: somebody else has to put it in place. "+
			"Where all who may have written some of it, drop it and let one of you write it anew.")
	}
	reach, err := delivery.NewFixes(f.svc.Delivery).PutTx(ctx, tx, c.ID, delivery.Message{Compiled: p.printed.compiled, WebHTML: p.printed.out.Web})
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE campaign_fixes SET released_by = $2, released_at = $3, revision = $4, reached = $5 WHERE id = $1`,
		was.ID, who, f.svc.Now(), reach.Revision, reach.Readers); err != nil {
		return db.Err(err, "put the fix in place")
	}
	if err := change(ctx, tx, c, f.svc.Now(), `subject = $4, preheader = $5, content_hash = $6, approved_hash = $6`, was.Subject, was.Preheader, p.hash); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE campaign_blocks b SET data = x.data FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS x (data, n)
		WHERE b.campaign_id = $1 AND b.position = x.n`, c.ID, string(was.Data)); err != nil {
		return db.Err(err, "put the fix in place")
	}
	return audit.Log(ctx, tx, who, "campaign.fix", auditName(c.ID), map[string]any{"revision": reach.Revision, "readers": reach.Readers, "more": reach.More, "hash": p.hash})
}
