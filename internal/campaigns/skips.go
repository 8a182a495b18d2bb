package campaigns

import (
	"context"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// SkipDay is a day on which a digest has no edition.
type SkipDay struct {
	Day    string `db:"day" json:"day"` // 2026-12-25, or 12-25 for every year
	Reason string `db:"reason" json:"reason,omitempty"`
	Recipe bool   `db:"-" json:"recipe,omitempty"` // written in the recipe
}

// Skip takes the editions of a day (2026-12-25, in the digest's zone) out: those to come and those that wait already. A
// repetition changes the reason. Errors: NotFound, Invalid.
func (g *Digests) Skip(ctx context.Context, slug, day, reason, who string) error {
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return errs.Field("day", "%q is not a day; write it like 2026-12-25", day)
	}
	return db.InTx(ctx, g.svc.DB, func(tx *sqlx.Tx) error {
		d, err := digestWhere(ctx, tx, `slug = $1`, slug)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO digest_skips (digest_id, day, reason) VALUES ($1, $2, $3)
			ON CONFLICT (digest_id, day) DO UPDATE SET reason = excluded.reason`, d.ID, day, reason); err != nil {
			return db.Err(err, "skip a day")
		}
		var skipped []int64
		if err := tx.SelectContext(ctx, &skipped, `UPDATE campaigns SET state = 'skipped', reason = $3, version = version + 1, updated_at = $4
			WHERE digest_id = $1 AND state IN ('draft', 'in_review', 'approved', 'held') AND edition LIKE $2::text || 'T%' RETURNING id`,
			d.ID, day, skipReason(reason), g.svc.Now()); err != nil {
			return db.Err(err, "skip a day")
		}
		return audit.Log(ctx, tx, who, "digest.skip", "digest "+slug, map[string]any{"day": day, "reason": reason, "campaigns": skipped})
	})
}

// Unskip takes a day off the list; an edition that was skipped stays skipped. Errors: NotFound, and Invalid for a day that
// the recipe skips.
func (g *Digests) Unskip(ctx context.Context, slug, day, who string) error {
	return db.InTx(ctx, g.svc.DB, func(tx *sqlx.Tx) error {
		d, err := digestWhere(ctx, tx, `slug = $1`, slug)
		if err != nil {
			return err
		}
		if _, err := time.Parse(time.DateOnly, day); err != nil || inRecipe(d.Recipe, day) {
			return errs.Field("day", "%q is not a day of the table; days of the recipe are changed there", day)
		}
		res, err := tx.ExecContext(ctx, `DELETE FROM digest_skips WHERE digest_id = $1 AND day = $2`, d.ID, day)
		if err != nil {
			return db.Err(err, "take back a skipped day")
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return errs.New(errs.NotFound, "%s is not skipped", day)
		}
		return audit.Log(ctx, tx, who, "digest.unskip", "digest "+slug, map[string]any{"day": day})
	})
}

// Skips lists the days without an edition: those of the recipe, then the others by date. Errors: NotFound.
func (g *Digests) Skips(ctx context.Context, slug string) ([]SkipDay, error) {
	d, err := g.Get(ctx, slug)
	if err != nil {
		return nil, err
	}
	list := []SkipDay{}
	err = g.svc.DB.SelectContext(ctx, &list, `SELECT to_char(day, 'YYYY-MM-DD') AS day, reason FROM digest_skips WHERE digest_id = $1 ORDER BY day`, d.ID)
	for _, day := range slices.Backward(d.Recipe.Skip) {
		list = slices.Insert(list, 0, SkipDay{Day: day, Recipe: true})
	}
	return list, db.Err(err, "list skipped days")
}

func inRecipe(r Recipe, day string) bool {
	return slices.Contains(r.Skip, day) || slices.Contains(r.Skip, day[len("2006-"):])
}

// skipsAmong returns which of the days have no edition, with the reason.
func skipsAmong(ctx context.Context, q db.Q, d Digest, days []string) (map[string]string, error) {
	skips := map[string]string{}
	for _, day := range days {
		if inRecipe(d.Recipe, day) {
			skips[day] = skipReason("the recipe leaves this day out")
		}
	}
	var rows []SkipDay
	if err := q.SelectContext(ctx, &rows, `SELECT to_char(day, 'YYYY-MM-DD') AS day, reason FROM digest_skips
		WHERE digest_id = $1 AND day = ANY ($2::date[])`, d.ID, pq.Array(days)); err != nil {
		return nil, db.Err(err, "read skipped days")
	}
	for _, r := range rows {
		skips[r.Day] = skipReason(r.Reason)
	}
	return skips, nil
}

func skipReason(reason string) string {
	if reason == "" {
		return "no edition on this day"
	}
	return "no edition on this day: " + reason
}
