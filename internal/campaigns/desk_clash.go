package campaigns

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Clash is the error, of kind errs.Conflict, of a change that meets with what somebody else has done since. The change is kept.
type Clash struct {
	By      string    // who did the other change: an account, or schedule
	At      time.Time // when
	What    string    // what, for people: rewrote the headline of “…”
	Version int       // of the campaign now
	Mine    string    // what was to be done
	Kept    int64     // under which Apply makes it and Discard drops it
	Fits    bool      // what it is about is still there, so that Apply can make it

	err error
}

// Error says who, when and what.
func (c *Clash) Error() string { return c.err.Error() }

// Unwrap returns the Conflict.
func (c *Clash) Unwrap() error { return c.err }

// meets finds out what a change clashes with that was made for an older version; nil where it goes well with all that was done since. failed is
// why it cannot be made any more, if it cannot.
func (d *deed) meets(ctx context.Context, c Campaign, version int, before *content, failed error) (*Clash, error) {
	var since []revision
	err := d.tx.SelectContext(ctx, &since, `SELECT id, campaign_id, first_version, version, account, begun_at, at, what, fold, restored, touched, ''::bytea AS content
		FROM campaign_revisions WHERE campaign_id = $1 AND version > $2 ORDER BY id`, c.ID, version)
	if err != nil {
		return nil, db.Err(err, "look for what was done meanwhile")
	}
	mine := d.change.touches(before)
	var other, others *revision // the one that it clashes with; the last of somebody else
	known := version            // up to here it is known what was done
	for i := range since {
		r := &since[i]
		if err := r.read(); err != nil {
			return nil, err
		}
		if r.First <= known+1 {
			known = max(known, r.Version)
		}
		if r.Account == d.who && d.change.Do != Restore {
			continue // one's own, of which the answer has not come yet or was lost
		}
		others = r
		for part, at := range r.touched {
			if at > version && slices.ContainsFunc(mine, func(m string) bool { return overlap(m, part) }) {
				other = r
			}
		}
	}
	clash := &Clash{Version: c.Version, Fits: failed == nil}
	switch {
	case other != nil:
		clash.By, clash.At, clash.What = other.Account, other.At, other.What
	case known < c.Version && c.State == Approved && c.ApprovedAt != nil:
		clash.By, clash.At, clash.What = c.ApprovedBy, *c.ApprovedAt, "approved the campaign, which a change undoes"
	case failed != nil && others != nil:
		clash.By, clash.At, clash.What = others.Account, others.At, others.What
	default:
		return nil, nil
	}
	clash.Mine = d.change.words(*before, *before, d.materials)
	if err := d.hold(ctx, c, version, clash); err != nil {
		return nil, err
	}
	zone, err := loadZone(cmp.Or(c.TimeZone, d.list.TimeZone))
	if err != nil {
		zone = time.UTC
	}
	rest := "your change is kept"
	if !clash.Fits {
		rest = "what your change is about is no longer there; the change is kept"
	}
	clash.err = errs.New(errs.Conflict, "at %s, %s %s; %s", clash.At.In(zone).Format("15:04"), clash.By, clash.What, rest)
	return clash, nil
}

// hold keeps the change for its author: of several of the same, the last.
func (d *deed) hold(ctx context.Context, c Campaign, version int, clash *Clash) error {
	if d.kept != 0 {
		clash.Kept = d.kept
		return nil
	}
	data, err := json.Marshal(d.change)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "keep a change")
	}
	fold := cmp.Or(d.change.fold(), d.change.Do+" "+d.change.Block+" "+strconv.FormatInt(d.change.Article+d.change.Revision, 10))
	err = d.tx.GetContext(ctx, &clash.Kept, `INSERT INTO campaign_unsaved (campaign_id, account, at, version, what, fold, change) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (campaign_id, account, fold) DO UPDATE SET at = excluded.at, version = excluded.version, what = excluded.what, change = excluded.change RETURNING id`,
		c.ID, d.who, d.desk.svc.Now(), version, clash.Mine, fold, data)
	return db.Err(err, "keep a change")
}

// Unsaved is a change that met with somebody else's and waits for its author.
type Unsaved struct {
	ID      int64     `db:"id" json:"id"`
	At      time.Time `db:"at" json:"at"`
	Version int       `db:"version" json:"version"` // that its author had seen
	What    string    `db:"what" json:"what"`
	Data    []byte    `db:"change" json:"-"`
	Change  Change    `db:"-" json:"change"`
}

// Unsaved returns the kept changes of a person in a campaign, oldest first.
func (k *Desk) Unsaved(ctx context.Context, id int64, who string) ([]Unsaved, error) {
	list := []Unsaved{}
	err := k.svc.DB.SelectContext(ctx, &list, `SELECT id, at, version, what, change FROM campaign_unsaved WHERE campaign_id = $1 AND account = $2 ORDER BY id`, id, who)
	if err != nil {
		return nil, db.Err(err, "read kept changes")
	}
	for i := range list {
		if err := json.Unmarshal(list[i].Data, &list[i].Change); err != nil {
			return nil, errs.Wrap(err, errs.Internal, "read a kept change")
		}
	}
	return list, nil
}

// Apply makes a kept change in the version of the campaign that its author has seen now. Errors as Do, and NotFound when there is no such kept
// change of this person.
func (k *Desk) Apply(ctx context.Context, id, kept int64, version int, who string) (Campaign, error) {
	list, err := k.Unsaved(ctx, id, who)
	if err != nil {
		return Campaign{}, err
	}
	i := slices.IndexFunc(list, func(u Unsaved) bool { return u.ID == kept })
	if i < 0 {
		return Campaign{}, errs.New(errs.NotFound, "there is no such kept change; it was made or dropped already")
	}
	return k.do(ctx, id, version, list[i].Change, who, kept)
}

// Discard drops a kept change. Errors: NotFound.
func (k *Desk) Discard(ctx context.Context, id, kept int64, who string) error {
	res, err := k.svc.DB.ExecContext(ctx, `DELETE FROM campaign_unsaved WHERE campaign_id = $1 AND id = $2 AND account = $3`, id, kept, who)
	if err != nil {
		return db.Err(err, "drop a kept change")
	}
	if n, _ := res.RowsAffected(); n == 0 {
		return errs.New(errs.NotFound, "there is no such kept change; it was made or dropped already")
	}
	return nil
}
