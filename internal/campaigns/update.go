package campaigns

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// Update replaces the recipe of the digest that r.Slug names. Editions to come follow the new one. Of those that wait
// already, the ones nobody has touched follow too (another hour, or skipped when they no longer occur); what a person has
// edited or approved stays at the time that person knew. No edition goes out twice, since its nominal time is its key.
// Errors as Create, and NotFound; a digest stays with its list.
func (g *Digests) Update(ctx context.Context, r Recipe, who string) (Digest, error) {
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
		was, err := digestWhere(ctx, tx, `slug = $1 FOR UPDATE`, r.Slug)
		if err != nil {
			return err
		}
		if was.ListID != l.ID {
			return errs.Field("list", "a digest stays with its list; make a new digest for %q", r.List)
		}
		moved := was.Schedule != r.Schedule || was.TimeZone != zone || was.Recipe.Clock != r.Clock
		// planned_to may lie ahead by as much as drafts open early; what the new schedule has there is to be planned anew.
		err = tx.GetContext(ctx, &d, `UPDATE digests SET name = $2, recipe = $3, schedule = $4, time_zone = $5, updated_at = $6,
				planned_to = CASE WHEN $7 THEN least(planned_to, $6) ELSE planned_to END
			WHERE id = $1 RETURNING id, slug, list_id, name, recipe, schedule, time_zone, active, planned_to, created_at, updated_at`,
			was.ID, r.Name, r, r.Schedule, zone, now, moved)
		if err != nil {
			return db.Err(err, "change digest")
		}
		if moved {
			if err := g.follow(ctx, tx, d, now); err != nil {
				return err
			}
		}
		return audit.Log(ctx, tx, who, "digest.update", "digest "+r.Slug, map[string]any{"schedule": r.Schedule, "time_zone": zone, "was": was.Recipe})
	})
	d.tell(now)
	return d, err
}

// follow brings waiting editions that nobody has touched to the digest's new schedule.
func (g *Digests) follow(ctx context.Context, tx *sqlx.Tx, d Digest, now time.Time) error {
	sched, err := d.schedule()
	if err != nil {
		return err
	}
	var waiting []struct {
		ID      int64     `db:"id"`
		Edition string    `db:"edition"`
		SendAt  time.Time `db:"send_at"`
	}
	if err := tx.SelectContext(ctx, &waiting, `SELECT id, edition, send_at FROM campaigns
		WHERE digest_id = $1 AND state = 'draft' AND edited_at IS NULL AND edition NOT LIKE 'manual-%' AND send_at > $2 FOR UPDATE`, d.ID, now); err != nil {
		return db.Err(err, "look for waiting editions")
	}
	for _, w := range waiting {
		wall, err := time.Parse(nominalLayout, w.Edition)
		if err != nil {
			return errs.Wrap(err, errs.Internal, "read an edition's name")
		}
		if sched == nil || !sched.nextWall(wall.Add(-time.Second)).Equal(wall) {
			if _, err := tx.ExecContext(ctx, `UPDATE campaigns SET state = 'skipped', reason = 'the digest has another schedule now',
				version = version + 1, updated_at = $2 WHERE id = $1`, w.ID, now); err != nil {
				return db.Err(err, "skip an edition")
			}
			continue
		}
		at := place(wall, sched.zone)
		if !at.After(now) {
			at = w.SendAt // its time has passed in the new zone; it was to go out later today, and it will
		}
		t := clockOf(d.Recipe.Clock, at)
		if _, err := tx.ExecContext(ctx, `UPDATE campaigns SET opens_at = $2, cutoff_at = $3, approval_due_at = $4, send_at = $5, expires_at = $6,
				no_approval = $7, late_by = $8 * interval '1 second', late = $9, doubt_policy = $10, version = version + 1, updated_at = $11
			WHERE id = $1`, w.ID, t.opens, t.cutoff, t.approvalDue, t.send, t.expires,
			d.Recipe.Clock.NoApproval, int64(d.Recipe.Clock.LateBy.std().Seconds()), d.Recipe.Clock.Late, d.Recipe.Clock.Doubt, now); err != nil {
			return db.Err(err, "move an edition")
		}
	}
	return nil
}
