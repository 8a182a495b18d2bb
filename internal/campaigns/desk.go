package campaigns

import (
	"context"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// Desk is where editors write a campaign, several of them at once. Each change is kept as it is made, with a history; none ever
// overwrites what somebody else has written meanwhile.
type Desk struct{ svc *Service }

// NewDesk returns the desk of the service's campaigns.
func NewDesk(s *Service) *Desk { return &Desk{svc: s} }

// Do makes a change in the campaign that the editor saw at a version, and returns the campaign as it is then. An approval lapses with
// it, as with Service.Edit. What others have not touched since is changed on top of theirs. Where they have, the error is a *Clash, the
// change is kept, and Apply makes it later. Nobody clashes with themselves. Asking again for what was done already changes nothing.
// Errors: NotFound; Invalid with the field at fault; Conflict, a *Clash or because the campaign is past editing.
func (k *Desk) Do(ctx context.Context, id int64, version int, ch Change, who string) (Campaign, error) {
	return k.do(ctx, id, version, ch, who, 0)
}

// do is Do, for a change that was kept before where kept is not 0.
func (k *Desk) do(ctx context.Context, id int64, version int, ch Change, who string, kept int64) (Campaign, error) {
	if err := checkWho(who); err != nil {
		return Campaign{}, err
	}
	if err := ch.check(); err != nil {
		return Campaign{}, err
	}
	if ch.Block == "" && (ch.Do == AddBlock || ch.Do == AddStory) {
		ch.Block = newBlockID()
	}
	was, err := load(ctx, k.svc.DB, id)
	if err != nil {
		return was, err
	}
	l, err := k.svc.Lists.List(ctx, was.ListID)
	if err != nil {
		return was, err
	}
	if err := k.svc.checkTopic(ctx, l, "topic", ch.Topic, false); err != nil {
		return was, err
	}
	m, err := k.materials(ctx, was, ch)
	if err != nil {
		return was, err
	}
	var clash *Clash
	err = db.InTx(ctx, k.svc.DB, func(tx *sqlx.Tx) error {
		d := deed{desk: k, tx: tx, list: l, change: &ch, who: who, kept: kept, materials: m}
		clash, err = d.run(ctx, id, version)
		return err
	})
	if err != nil {
		return was, err
	}
	c, err := k.svc.Campaign(ctx, id)
	if clash != nil && err == nil {
		err = clash
	}
	return c, err
}

// materials reads what a change needs of other rooms.
func (k *Desk) materials(ctx context.Context, c Campaign, ch Change) (m materials, err error) {
	switch {
	case ch.Do == AddStory:
		a, err := k.svc.Articles.Article(ctx, ch.Article)
		if errs.KindOf(err) == errs.NotFound {
			return m, errs.Field("article", "there is no story %d", ch.Article)
		} else if err != nil {
			return m, err
		}
		st := freeze(a, c.Template)
		m.story = &st
	case ch.Do == SetAppeal, ch.Do == AddBlock && ch.Kind == render.KindAppeal:
		if ch.Topic != "" {
			return m, errs.Field("topic", "an appeal is for every reader and has no topic")
		}
		a, err := k.svc.Appeals.Get(ctx, ch.Appeal)
		if errs.KindOf(err) == errs.NotFound {
			return m, errs.Field("appeal", "there is no appeal %q; create it first", ch.Appeal)
		} else if err != nil {
			return m, err
		}
		m.appeal = blockAppeal(a)
	case ch.Do == Restore:
		m.former, err = k.record(ctx, k.svc.DB, c.ID, ch.Revision)
	}
	return m, err
}

// deed is a change while it is made.
type deed struct {
	desk   *Desk
	tx     *sqlx.Tx
	list   subscribers.List
	change *Change
	who    string
	kept   int64
	materials
}

// run makes the change, or keeps it and returns with what it clashes.
func (d *deed) run(ctx context.Context, id int64, version int) (*Clash, error) {
	if _, err := d.tx.ExecContext(ctx, `SELECT FROM campaigns WHERE id = $1 FOR UPDATE`, id); err != nil {
		return nil, db.Err(err, "lock campaign")
	}
	c, err := load(ctx, d.tx, id)
	switch {
	case err != nil:
		return nil, err
	case !c.open() && c.State != Held:
		return nil, conflict(c, "it can no longer be edited")
	case version > c.Version || version < 0:
		return nil, errMoved
	}
	before := content{Subject: c.Subject, Preheader: c.Preheader}
	if before.Blocks, err = loadBlocks(ctx, d.tx, id); err != nil {
		return nil, err
	}
	if d.picked, err = loadPicked(ctx, d.tx, id); err != nil {
		return nil, err
	}
	last, err := d.desk.baseline(ctx, d.tx, c, record{before, d.picked})
	if err != nil {
		return nil, err
	}
	after := before.copied()
	failed := after.do(d.change, d.materials)
	if failed == nil && same(before, after) {
		return nil, d.drop(ctx)
	}
	if version < c.Version {
		clash, err := d.meets(ctx, c, version, &before, failed)
		if clash != nil || err != nil {
			return clash, err
		}
	}
	if failed == nil {
		failed = (&Edit{Subject: &after.Subject, Preheader: &after.Preheader, Blocks: after.Blocks, atDesk: true}).check()
	}
	if failed != nil {
		return nil, failed
	}
	return nil, d.save(ctx, c, last, before, after)
}

// save keeps the content and writes the change into the history.
func (d *deed) save(ctx context.Context, c Campaign, last revision, before, after content) error {
	switch {
	case d.story != nil:
		d.picked[d.story.ArticleID] = *d.story
	case d.former != nil:
		d.picked = d.former.Picked
	}
	hash, err := hashOf(c.Template, after, d.list)
	if err != nil {
		return err
	}
	state, now := Draft, d.desk.svc.Now()
	if c.State == Held {
		state = Held
	}
	err = change(ctx, d.tx, c, now, `state = $4, subject = $5, preheader = $6, content_hash = $7, edited_by = $8, edited_at = $3, `+unapproved, state, after.Subject, after.Preheader, hash, d.who)
	if err != nil {
		return err
	}
	if err := keep(ctx, d.tx, c.ID, after.Blocks, d.picked); err != nil {
		return err
	}
	if err := d.drop(ctx); err != nil {
		return err
	}
	r := revision{Campaign: c.ID, First: c.Version + 1, Version: c.Version + 1, Account: d.who, Begun: now, At: now, What: d.change.words(before, after, d.materials), Fold: d.change.fold(),
		touched: map[string]int{}, record: record{after, d.picked}}
	for _, part := range d.change.touches(&before) {
		r.touched[part] = r.Version
	}
	if d.change.Undo {
		r.Restored = &d.change.Revision
	}
	if r.folds(last) {
		return r.foldInto(ctx, d.tx, last)
	}
	if err := r.insert(ctx, d.tx); err != nil {
		return err
	}
	return audit.Log(ctx, d.tx, d.who, "campaign.edit", auditName(c.ID), map[string]any{"what": r.What, "version": r.Version, "approval_lapsed": len(c.Approval) > 0})
}

// drop forgets the kept change that was made now.
func (d *deed) drop(ctx context.Context) error {
	if d.kept == 0 {
		return nil
	}
	_, err := d.tx.ExecContext(ctx, `DELETE FROM campaign_unsaved WHERE id = $1`, d.kept)
	return db.Err(err, "forget a kept change")
}
