package campaigns

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// Digests keeps recipes, their schedules and their days without an edition.
type Digests struct{ svc *Service }

// Digest is a recurring recipe.
type Digest struct {
	ID        int64     `db:"id" json:"id"`
	Slug      string    `db:"slug" json:"slug"`
	ListID    int64     `db:"list_id" json:"list_id"`
	Name      string    `db:"name" json:"name"`
	Recipe    Recipe    `db:"recipe" json:"recipe"`
	Schedule  string    `db:"schedule" json:"schedule"` // empty: by hand only
	TimeZone  string    `db:"time_zone" json:"time_zone"`
	Active    bool      `db:"active" json:"active"`
	PlannedTo time.Time `db:"planned_to" json:"planned_to"` // editions due up to here have been dealt with
	CreatedAt time.Time `db:"created_at" json:"created_at"`
	UpdatedAt time.Time `db:"updated_at" json:"updated_at"`

	Next *time.Time `db:"-" json:"next,omitempty"` // when the next edition is due, skipped days apart
}

// Scan reads a recipe from the database.
func (r *Recipe) Scan(src any) error {
	data, ok := src.([]byte)
	if !ok {
		return fmt.Errorf("a recipe cannot be read from %T", src)
	}
	return json.Unmarshal(data, r)
}

// Value writes a recipe to the database.
func (r Recipe) Value() (driver.Value, error) { return json.Marshal(r) }

// schedule returns the digest's schedule, or nil when it is run by hand only.
func (d *Digest) schedule() (*Schedule, error) {
	if d.Schedule == "" {
		return nil, nil
	}
	return ParseSchedule(d.Schedule, d.TimeZone)
}

const selectDigest = `SELECT id, slug, list_id, name, recipe, schedule, time_zone, active, planned_to, created_at, updated_at FROM digests`

// Create keeps a recipe as a digest; its first edition is the first that is due from now on. Errors: Invalid with the
// key at fault, NotFound for the list, Conflict when the slug is taken.
func (g *Digests) Create(ctx context.Context, r Recipe, who string) (Digest, error) {
	l, zone, err := g.resolve(ctx, r)
	if err != nil {
		return Digest{}, err
	}
	var d Digest
	now := g.svc.Now()
	err = db.InTx(ctx, g.svc.DB, func(tx *sqlx.Tx) error {
		if err := g.svc.holdSegments(ctx, tx, r.Segments, r.Exclude); err != nil {
			return err
		}
		err := tx.GetContext(ctx, &d, `INSERT INTO digests (slug, list_id, name, recipe, schedule, time_zone, planned_to, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7)
			RETURNING id, slug, list_id, name, recipe, schedule, time_zone, active, planned_to, created_at, updated_at`,
			r.Slug, l.ID, r.Name, r, r.Schedule, zone, now)
		if err != nil {
			if err = db.Err(err, "create digest"); errs.KindOf(err) == errs.Conflict {
				return errs.Wrap(err, errs.Conflict, "there is a digest %q already", r.Slug)
			}
			return err
		}
		return audit.Log(ctx, tx, who, "digest.create", "digest "+r.Slug, map[string]any{"schedule": r.Schedule, "time_zone": zone})
	})
	d.tell(now)
	return d, err
}

// resolve finds what a recipe names in other rooms, and its time zone.
func (g *Digests) resolve(ctx context.Context, r Recipe) (l subscribers.List, zone string, err error) {
	if err := r.check(); err != nil {
		return l, "", err
	}
	if l, err = g.svc.Lists.ListBySlug(ctx, r.List); err != nil {
		if errs.KindOf(err) == errs.NotFound {
			return l, "", errs.Wrap(err, errs.NotFound, "list: there is no list %q; create it first", r.List)
		}
		return l, "", err
	}
	if zone = r.TimeZone; zone == "" {
		zone = l.TimeZone
	}
	if _, err := loadZone(zone); err != nil {
		return l, "", err
	}
	if _, err := g.svc.aim(ctx, Campaign{Segments: r.Segments, Exclude: r.Exclude}, l); err != nil {
		return l, "", err
	}
	for i, sec := range r.Sections {
		if err := g.svc.checkTopic(ctx, l, fmt.Sprintf("sections[%d].topic", i+1), sec.Topic, false); err != nil {
			return l, "", err
		}
		for _, feed := range sec.Feeds {
			if _, err := g.svc.Articles.Feed(ctx, feed); errs.KindOf(err) == errs.NotFound {
				return l, "", errs.Field(fmt.Sprintf("sections[%d].feeds", i+1), "there is no feed %q; add it first", feed)
			} else if err != nil {
				return l, "", err
			}
		}
	}
	if r.Appeal.Slug != "" {
		if _, err := g.svc.Appeals.Get(ctx, r.Appeal.Slug); errs.KindOf(err) == errs.NotFound {
			return l, "", errs.Field("appeal.slug", "there is no appeal %q; create it first", r.Appeal.Slug)
		} else if err != nil {
			return l, "", err
		}
	}
	return l, zone, nil
}

// tell fills in what follows from the row.
func (d *Digest) tell(now time.Time) {
	if s, err := d.schedule(); err == nil && s != nil && d.Active {
		if slot, ok := s.Next(now); ok {
			d.Next = &slot.At
		}
	}
}

// List returns all digests in order of slug.
func (g *Digests) List(ctx context.Context) ([]Digest, error) {
	list := []Digest{}
	err := g.svc.DB.SelectContext(ctx, &list, selectDigest+` ORDER BY slug`)
	for i := range list {
		list[i].tell(g.svc.Now())
	}
	return list, db.Err(err, "list digests")
}

// Get returns the digest of this slug. Errors: NotFound.
func (g *Digests) Get(ctx context.Context, slug string) (Digest, error) {
	d, err := digestWhere(ctx, g.svc.DB, `slug = $1`, slug)
	d.tell(g.svc.Now())
	return d, err
}

func digestWhere(ctx context.Context, q db.Q, where string, arg any) (d Digest, err error) {
	err = q.GetContext(ctx, &d, selectDigest+` WHERE `+where, arg)
	if errors.Is(err, sql.ErrNoRows) {
		return d, errs.New(errs.NotFound, "there is no digest %v", arg)
	}
	return d, db.Err(err, "read digest")
}

// SetActive starts or stops the schedule of a digest. Stopped, editions that wait already are held for a person; what was due
// while it was stopped is not made up for. Errors: NotFound.
func (g *Digests) SetActive(ctx context.Context, slug string, active bool, who string) error {
	return db.InTx(ctx, g.svc.DB, func(tx *sqlx.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE digests SET active = $2, updated_at = $3,
			planned_to = CASE WHEN active THEN planned_to ELSE greatest(planned_to, $3) END WHERE slug = $1`, slug, active, g.svc.Now())
		if err != nil {
			return db.Err(err, "change digest")
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return errs.New(errs.NotFound, "there is no digest %s", slug)
		}
		if !active {
			if _, err := tx.ExecContext(ctx, `UPDATE campaigns SET state = 'held', reason = 'the digest was stopped', version = version + 1, updated_at = $2
				WHERE digest_id = (SELECT id FROM digests WHERE slug = $1) AND state IN ('draft', 'in_review', 'approved')
					AND edition NOT LIKE 'manual-%'`, slug, g.svc.Now()); err != nil {
				return db.Err(err, "hold waiting editions")
			}
		}
		action := map[bool]string{true: "digest.activate", false: "digest.stop"}[active]
		return audit.Log(ctx, tx, who, action, "digest "+slug, nil)
	})
}

// manualEdition is the key of a campaign that no schedule made.
func manualEdition() string { return "manual-" + strings.ToLower(rand.Text()[:10]) }
