package campaigns

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
)

// lookBack is how far behind the planner looks after the service was away; what was due before is not even noted.
const lookBack = 32 * 24 * time.Hour

// plan makes the editions whose draft opens by now, of every digest with a schedule. Each is made once whoever plans and
// however often: the digest's row is locked, and an edition is unique by its nominal local time.
func (s *Service) plan(ctx context.Context, now time.Time) (made int, err error) {
	var ids []int64
	err = s.DB.SelectContext(ctx, &ids, `SELECT id FROM digests WHERE active AND schedule <> '' ORDER BY id`)
	if err != nil {
		return 0, db.Err(err, "look for digests to plan")
	}
	for _, id := range ids {
		n, err := s.planDigest(ctx, id, now)
		made += n
		if err != nil {
			// One digest that cannot be planned must not keep the others from their readers.
			s.Log.Error("plan a digest", "digest", id, "err", err)
		}
	}
	return made, nil
}

func (s *Service) planDigest(ctx context.Context, id int64, now time.Time) (made int, err error) {
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		made = 0
		var locked []Digest // none when another process is planning it
		if err := tx.SelectContext(ctx, &locked, selectDigest+` WHERE id = $1 AND active AND schedule <> '' FOR UPDATE SKIP LOCKED`, id); err != nil {
			return db.Err(err, "read digest")
		}
		if len(locked) == 0 {
			return nil
		}
		d := locked[0]
		horizon := now.Add(d.Recipe.Clock.Opens.std())
		if !horizon.After(d.PlannedTo) { // also when the clock was set back: what is behind planned_to is done
			return nil
		}
		sched, err := d.schedule()
		if err != nil {
			return err
		}
		from := d.PlannedTo
		if limit := now.Add(-lookBack); from.Before(limit) {
			from = limit
		}
		editions, err := s.editions(ctx, tx, d, sched, from, horizon, now)
		if err != nil {
			return err
		}
		for _, e := range editions {
			n, err := s.insertEdition(ctx, tx, d, e, now)
			if err != nil {
				return err
			}
			made += n
		}
		_, err = tx.ExecContext(ctx, `UPDATE digests SET planned_to = $2 WHERE id = $1`, d.ID, horizon)
		return db.Err(err, "note what has been planned")
	})
	return made, err
}

// edition is a slot of a schedule with what is known of it when it is planned.
type edition struct {
	Slot
	skip string // why it is skipped at once; empty: it is not
}

// editions returns the slots in (from, horizon]. Of those missed altogether only the newest is worth a thought.
func (s *Service) editions(ctx context.Context, q db.Q, d Digest, sched *Schedule, from, horizon, now time.Time) ([]edition, error) {
	var list []edition
	var days []string
	for at := from; ; {
		slot, ok := sched.Next(at)
		if !ok || slot.At.After(horizon) {
			break
		}
		at = slot.At
		list, days = append(list, edition{Slot: slot}), append(days, slot.Day())
	}
	if len(list) == 0 {
		return nil, nil
	}
	skips, err := skipsAmong(ctx, q, d, days)
	if err != nil {
		return nil, err
	}
	for i := range list {
		next := i + 1
		switch {
		case skips[list[i].Day()] != "":
			list[i].skip = skips[list[i].Day()]
		case next < len(list) && !list[next].At.After(now):
			list[i].skip = "missed: the service was not running when it was due, and a newer edition was due since"
		}
	}
	return list[max(0, len(list)-maxMissed):], nil
}

// maxMissed bounds how many editions are noted after a long absence.
const maxMissed = 100

func (s *Service) insertEdition(ctx context.Context, tx *sqlx.Tx, d Digest, e edition, now time.Time) (int, error) {
	t := clockOf(d.Recipe.Clock, e.At)
	state := Draft
	if e.skip != "" {
		state = Skipped
	}
	var ids []int64
	err := tx.SelectContext(ctx, &ids, `INSERT INTO campaigns (list_id, digest_id, edition, name, template, state, reason,
			opens_at, cutoff_at, approval_due_at, send_at, expires_at, no_approval, late_by, late, doubt_policy, created_by, created_at, updated_at, frequency)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 * interval '1 second', $15, $16, $17, $18, $18, $19)
		ON CONFLICT (digest_id, edition) DO NOTHING RETURNING id`,
		d.ListID, d.ID, e.Nominal, fmt.Sprintf("%s, %s", d.Name, e.Nominal), d.Recipe.Template, state, e.skip,
		t.opens, t.cutoff, t.approvalDue, t.send, t.expires,
		d.Recipe.Clock.NoApproval, int64(d.Recipe.Clock.LateBy.std().Seconds()), d.Recipe.Clock.Late, d.Recipe.Clock.Doubt, bySchedule, now, d.Recipe.Frequency)
	if err != nil {
		return 0, db.Err(err, "make an edition")
	}
	if len(ids) == 0 {
		return 0, nil // made already: under another time zone, before the clock was set back, or by another process
	}
	return 1, audit.Log(ctx, tx, bySchedule, "campaign.plan", auditName(ids[0]), map[string]any{"edition": e.Nominal, "state": state})
}

// times are the moments of one edition.
type times struct{ opens, cutoff, approvalDue, send, expires time.Time }

func clockOf(c Clock, send time.Time) times {
	return times{
		opens:       send.Add(-c.Opens.std()),
		cutoff:      send.Add(-c.Cutoff.std()),
		approvalDue: send.Add(-c.ApprovalDue.std()),
		send:        send,
		expires:     send.Add(c.Expires.std()),
	}
}
