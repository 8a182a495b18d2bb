package campaigns

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
)

// The same person's changes of the same text are one revision as long as no more than foldPause lies between them, and foldMost since
// the first. Of a campaign so many revisions are kept, the newest.
const (
	foldPause     = 2 * time.Minute
	foldMost      = 15 * time.Minute
	keptRevisions = 300
)

// record is content as the history keeps it, with its stories as they were picked.
type record struct {
	content
	Picked map[int64]render.Story
}

// Revision is what a campaign's content was from one change to the next.
type Revision struct {
	ID      int64     `db:"id" json:"id"`
	Version int       `db:"version" json:"version"` // of the campaign, with this content
	Account string    `db:"account" json:"account"` // who made it so
	At      time.Time `db:"at" json:"at"`
	What    string    `db:"what" json:"what"` // for people: rewrote the headline of “…”
}

// revision is one while it is written.
type revision struct {
	ID       int64     `db:"id"`
	Campaign int64     `db:"campaign_id"`
	First    int       `db:"first_version"`
	Version  int       `db:"version"`
	Account  string    `db:"account"`
	Begun    time.Time `db:"begun_at"`
	At       time.Time `db:"at"`
	What     string    `db:"what"`
	Fold     string    `db:"fold"`
	Restored *int64    `db:"restored"`
	Touched  []byte    `db:"touched"`
	Content  []byte    `db:"content"`

	touched map[string]int // part, and the version at which it was changed last
	record
}

const selectRevision = `SELECT id, campaign_id, first_version, version, account, begun_at, at, what, fold, restored, touched, content FROM campaign_revisions`

func (r *revision) read() error {
	err := json.Unmarshal(r.Touched, &r.touched)
	if err == nil && len(r.Content) > 0 {
		if err = json.Unmarshal(r.Content, &r.record); err == nil {
			r.unpack()
		}
	}
	return errs.Wrap(err, errs.Internal, "read a revision")
}

func (r *revision) write() (err error) {
	if r.Touched, err = json.Marshal(r.touched); err == nil {
		r.Blocks = append([]render.Block{}, withIDs(r.Blocks)...)
		r.Content, err = json.Marshal(r.packed())
	}
	return errs.Wrap(err, errs.Internal, "write a revision")
}

// packed leaves out the originals of stories that stand in the content as they were picked: most do, with their text.
func (r record) packed() record {
	picked := map[int64]render.Story{}
	for id, original := range r.Picked {
		picked[id] = original
	}
	for _, st := range storiesOf(r.Blocks) {
		if original, ok := picked[st.ArticleID]; ok && same(st, original) {
			delete(picked, st.ArticleID)
		}
	}
	r.Picked = picked
	return r
}

// unpack puts in what packed left out.
func (r *record) unpack() {
	if r.Picked == nil {
		r.Picked = map[int64]render.Story{}
	}
	for _, st := range storiesOf(r.Blocks) {
		if _, ok := r.Picked[st.ArticleID]; !ok && st.ArticleID != 0 {
			r.Picked[st.ArticleID] = st
		}
	}
}

// folds reports whether the revision belongs to the one before.
func (r *revision) folds(last revision) bool {
	return r.Fold != "" && r.Fold == last.Fold && r.Account == last.Account && last.Version == r.Version-1 &&
		r.At.Sub(last.At) < foldPause && r.At.Sub(last.Begun) < foldMost
}

func (r *revision) foldInto(ctx context.Context, q db.Q, last revision) error {
	for part, version := range last.touched {
		r.touched[part] = max(r.touched[part], version)
	}
	if err := r.write(); err != nil {
		return err
	}
	_, err := q.ExecContext(ctx, `UPDATE campaign_revisions SET version = $2, at = $3, what = $4, touched = $5, content = $6 WHERE id = $1`,
		last.ID, r.Version, r.At, r.What, r.Touched, r.Content)
	return db.Err(err, "add to a revision")
}

func (r *revision) insert(ctx context.Context, q db.Q) error {
	if err := r.write(); err != nil {
		return err
	}
	err := q.GetContext(ctx, &r.ID, `INSERT INTO campaign_revisions (campaign_id, first_version, version, account, begun_at, at, what, fold, restored, touched, content)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id`,
		r.Campaign, r.First, r.Version, r.Account, r.Begun, r.At, r.What, r.Fold, r.Restored, r.Touched, r.Content)
	if err != nil {
		return db.Err(err, "write a revision")
	}
	_, err = q.ExecContext(ctx, `DELETE FROM campaign_revisions WHERE campaign_id = $1
		AND id <= (SELECT id FROM campaign_revisions WHERE campaign_id = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)`, r.Campaign, keptRevisions)
	return db.Err(err, "drop old revisions")
}

// newest returns the newest revision; one without an id where there is none.
func (k *Desk) newest(ctx context.Context, q db.Q, id int64) (r revision, err error) {
	err = q.GetContext(ctx, &r, selectRevision+` WHERE campaign_id = $1 ORDER BY id DESC LIMIT 1`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return r, nil
	} else if err != nil {
		return r, db.Err(err, "read the history")
	}
	return r, r.read()
}

// baseline returns the newest revision. What was changed elsewhere than at the desk since gets a revision first.
func (k *Desk) baseline(ctx context.Context, q db.Q, c Campaign, now record) (revision, error) {
	last, err := k.newest(ctx, q, c.ID)
	if err != nil {
		return last, err
	}
	if last.ID != 0 && same(last.content, now.content) {
		return last, nil
	}
	r := revision{Campaign: c.ID, First: c.Version, Version: c.Version, Account: c.CreatedBy, At: c.UpdatedAt, What: "made the campaign",
		touched: map[string]int{everything: c.Version}, record: now}
	switch {
	case c.EditedAt != nil && (last.ID == 0 || c.EditedAt.After(last.At)):
		r.Account, r.At, r.What = c.EditedBy, *c.EditedAt, "edited the campaign"
	case c.EditedAt != nil:
		r.Account, r.What = bySchedule, "brought the stories up to date"
	case c.ComposedAt != nil && c.DigestID != nil:
		r.Account, r.At, r.What = bySchedule, *c.ComposedAt, "composed the campaign from its recipe"
	}
	if r.Account == "" {
		r.Account = bySchedule
	}
	r.Begun = r.At
	return r, r.insert(ctx, q)
}

// record returns the content of a revision. Errors: NotFound.
func (k *Desk) record(ctx context.Context, q db.Q, id, rev int64) (*record, error) {
	var r revision
	err := q.GetContext(ctx, &r, selectRevision+` WHERE campaign_id = $1 AND id = $2`, id, rev)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errs.New(errs.NotFound, "campaign %d has no revision %d", id, rev)
	} else if err != nil {
		return nil, db.Err(err, "read a revision")
	}
	return &r.record, r.read()
}

// History returns the revisions of a campaign, newest first: at most limit (50 where it is 0), those before the one named where it is not 0.
func (k *Desk) History(ctx context.Context, id, before int64, limit int) ([]Revision, error) {
	if limit <= 0 || limit > 200 {
		limit = 50
	}
	list := []Revision{}
	err := k.svc.DB.SelectContext(ctx, &list, `SELECT id, version, account, at, what FROM campaign_revisions
		WHERE campaign_id = $1 AND ($2::bigint = 0 OR id < $2) ORDER BY id DESC LIMIT $3`, id, before, limit)
	return list, db.Err(err, "read the history")
}

// Restore brings the content of a revision back. Errors as Do; a *Clash where anything was changed since version.
func (k *Desk) Restore(ctx context.Context, id, rev int64, version int, who string) (Campaign, error) {
	return k.Do(ctx, id, version, Change{Do: Restore, Revision: rev}, who)
}

// Undo takes back the newest change; done again, the one before it. Errors as Do, and NotFound when there is nothing to take back.
func (k *Desk) Undo(ctx context.Context, id int64, version int, who string) (Campaign, error) {
	c, err := k.svc.Campaign(ctx, id)
	if err != nil {
		return c, err
	}
	r, err := k.newest(ctx, k.svc.DB, id)
	if err != nil {
		return c, err
	}
	const nothing = "there is nothing to take back"
	if !same(r.content, content{Subject: c.Subject, Preheader: c.Preheader, Blocks: c.Blocks}) {
		return c, errs.New(errs.NotFound, nothing+": the newest change was not made at the desk")
	}
	at := r.ID
	for r.Restored != nil {
		at = *r.Restored
		r = revision{}
		err := k.svc.DB.GetContext(ctx, &r, selectRevision+` WHERE campaign_id = $1 AND id = $2`, id, at)
		if errors.Is(err, sql.ErrNoRows) {
			return Campaign{}, errs.New(errs.NotFound, nothing)
		} else if err != nil {
			return Campaign{}, db.Err(err, "read a revision")
		}
	}
	var target int64
	err = k.svc.DB.GetContext(ctx, &target, `SELECT id FROM campaign_revisions WHERE campaign_id = $1 AND id < $2 ORDER BY id DESC LIMIT 1`, id, at)
	if errors.Is(err, sql.ErrNoRows) {
		return Campaign{}, errs.New(errs.NotFound, nothing)
	} else if err != nil {
		return Campaign{}, db.Err(err, "read the history")
	}
	return k.Do(ctx, id, version, Change{Do: Restore, Revision: target, Undo: true}, who)
}
