package delivery

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/relay"
)

// A send pauses itself when, at one provider or over all of it, more of the deliveries that were answered for good than this were
// refused. The first two are usual limits of providers and mail services, far above what a well-kept list has; a fault of single
// readers' values is never usual.
const (
	brakeLeast   = 200  // deliveries that were answered; with fewer a share says nothing
	brakeHard    = 0.05 // dead mailboxes: hard and inactive
	brakeBlocked = 0.10 // block: policy, content, reputation
	brakeUnbuilt = 0.01 // render: our own failure to build a reader's message
)

// fewRefusals is how many refusals say nothing, whatever their share: in a small first slice two are five per cent.
const fewRefusals = 2

// brakeCount is what has come of a send at one provider since it was last resumed.
type brakeCount struct {
	Provider string `db:"provider"`
	Answered int64  `db:"answered"` // accepted or failed
	Hard     int64  `db:"hard"`
	Blocked  int64  `db:"blocked"`
	Unbuilt  int64  `db:"unbuilt"`
}

// countsSQL counts a send by provider from its beginning. Closed chunks are their tallies; refusals are read by the index of
// notable outcomes, so that the cost goes with the refusals and the work in hand, not with the audience.
const countsSQL = `
	SELECT a.provider, a.answered, coalesce(r.hard, 0) AS hard, coalesce(r.blocked, 0) AS blocked, coalesce(r.unbuilt, 0) AS unbuilt
	FROM (
		SELECT x.provider, sum(x.n)::bigint AS answered FROM (
			SELECT provider, accepted + failed AS n FROM chunks WHERE campaign_id = $1 AND closed_at IS NOT NULL
			UNION ALL
			SELECT c.provider, (SELECT count(*) FROM outcomes o WHERE o.campaign_id = c.campaign_id AND o.seq BETWEEN c.from_seq AND c.to_seq
			                    AND o.kind IN ('accepted', 'failed'))
			FROM chunks c WHERE c.campaign_id = $1 AND c.closed_at IS NULL AND c.token > 0) x
		GROUP BY x.provider) a
	LEFT JOIN (
		SELECT c.provider, count(*) FILTER (WHERE o.class IN ('hard', 'inactive')) AS hard, count(*) FILTER (WHERE o.class = 'block') AS blocked,
		       count(*) FILTER (WHERE o.class = 'render') AS unbuilt
		FROM outcomes o CROSS JOIN LATERAL (SELECT provider FROM chunks WHERE campaign_id = $1 AND from_seq <= o.seq
		                                    ORDER BY from_seq DESC LIMIT 1) c
		WHERE o.campaign_id = $1 AND o.kind = 'failed'
		GROUP BY c.provider) r ON r.provider = a.provider`

// checkBrake looks at what came of a running send since it was last resumed, and pauses it when too much was refused. It returns
// the reason for people, empty when all is well. Any number of processes may ask; one of them pauses.
func (s *Store) checkBrake(ctx context.Context, campaign int64) (reason string, err error) {
	const read = `SELECT resumed_at, CASE WHEN slice_state = 'out' THEN slice_size END AS slice_size FROM sends WHERE campaign_id = $1 AND state = 'running'`
	var sends []struct {
		Resumed *time.Time `db:"resumed_at"`
		Slice   *int64     `db:"slice_size"` // while only that is out
	}
	if err := s.db.SelectContext(ctx, &sends, read, campaign); err != nil {
		return "", db.Err(err, "read the send")
	}
	if len(sends) == 0 {
		return "", nil
	}
	send := sends[0]
	least := int64(brakeLeast)
	if send.Slice != nil {
		least = min(least, *send.Slice)
	}
	counts, err := s.brakeCounts(ctx, campaign)
	if err != nil {
		return "", err
	}
	trip := tooMuch(counts, least)
	if trip == nil {
		return "", nil
	}
	said, err := s.exampleReply(ctx, campaign, trip)
	if err != nil {
		return "", err
	}
	reason = trip.sentence(said)
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		// Resumed meanwhile, it has a new beginning.
		const pause = `
			UPDATE sends SET state = 'paused', reason = $2, slice_state = CASE WHEN slice_state = 'out' THEN 'failed' ELSE slice_state END
			WHERE campaign_id = $1 AND state = 'running' AND resumed_at IS NOT DISTINCT FROM $3`
		res, err := tx.ExecContext(ctx, pause, campaign, reason, send.Resumed)
		if err != nil {
			return db.Err(err, "pause the send")
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			reason = ""
			return db.Err(err, "pause the send")
		}
		return audit.Log(ctx, tx, actorSender, "campaign.brake", campaignSubject(campaign), map[string]any{"reason": reason,
			"provider": trip.Provider, "class": trip.class, "answered": trip.Answered, "refused": trip.refused})
	})
	return reason, err
}

// brakeCounts counts a send by provider since it was last resumed.
func (s *Store) brakeCounts(ctx context.Context, campaign int64) ([]brakeCount, error) {
	const q = `
		SELECT n.provider, n.answered - coalesce(m.answered, 0) AS answered, n.hard - coalesce(m.hard, 0) AS hard,
		       n.blocked - coalesce(m.blocked, 0) AS blocked, n.unbuilt - coalesce(m.unbuilt, 0) AS unbuilt
		FROM (` + countsSQL + `) n LEFT JOIN brake_marks m ON m.campaign_id = $1 AND m.provider = n.provider
		ORDER BY n.provider`
	var counts []brakeCount
	err := s.db.SelectContext(ctx, &counts, q, campaign)
	return counts, db.Err(err, "count what was refused")
}

// markBrake makes the brake count from here on.
func markBrake(ctx context.Context, tx *sqlx.Tx, campaign int64) error {
	const q = `
		INSERT INTO brake_marks (campaign_id, provider, answered, hard, blocked, unbuilt)
		SELECT $1, n.provider, n.answered, n.hard, n.blocked, n.unbuilt FROM (` + countsSQL + `) n
		ON CONFLICT (campaign_id, provider) DO UPDATE
		SET answered = EXCLUDED.answered, hard = EXCLUDED.hard, blocked = EXCLUDED.blocked, unbuilt = EXCLUDED.unbuilt`
	_, err := tx.ExecContext(ctx, q, campaign)
	return db.Err(err, "note what has come of the send")
}

// A trip is why the brake was pulled.
type trip struct {
	brakeCount // of a provider, or of all with Provider empty
	class      string
	refused    int64
	limit      float64
}

// tooMuch returns what passes a limit: at a provider rather than over all.
func tooMuch(counts []brakeCount, least int64) *trip {
	var total brakeCount
	for _, c := range counts {
		total.Answered += c.Answered
		total.Hard += c.Hard
		total.Blocked += c.Blocked
		total.Unbuilt += c.Unbuilt
		if t := c.tooMuch(least); t != nil {
			return t
		}
	}
	return total.tooMuch(least)
}

func (c brakeCount) tooMuch(least int64) *trip {
	if c.Answered < max(least, 1) {
		return nil
	}
	for _, t := range []trip{
		{c, relay.ClassBlock, c.Blocked, brakeBlocked}, {c, relay.ClassHard, c.Hard, brakeHard}, {c, classRender, c.Unbuilt, brakeUnbuilt},
	} {
		if t.refused > fewRefusals && float64(t.refused) > t.limit*float64(c.Answered) {
			return &t
		}
	}
	return nil
}

// classRender is the class of a delivery whose message could not be built.
const classRender = "render"

// sentence says why a send paused itself, with the figures and what was said.
func (t *trip) sentence(said string) string {
	who := t.Provider
	if who == "" {
		who = "all providers together"
	}
	what := map[string]string{relay.ClassHard: "were refused for dead mailboxes", relay.ClassBlock: "were refused for policy, content or reputation",
		classRender: "could not be built"}[t.class]
	advice := map[string]string{relay.ClassHard: "Look where the list came from, then resume", relay.ClassBlock: "Find out why before you resume",
		classRender: "Look at the names of these readers, then resume"}[t.class]
	reason := fmt.Sprintf("The brake: of %d messages answered for %s, %d (%.1f %%) %s; the limit is %g %%", t.Answered, who, t.refused,
		100*float64(t.refused)/float64(t.Answered), what, 100*t.limit)
	if said != "" {
		reason += ". One of them: " + said
	}
	return reason + ". " + advice
}

// exampleReply returns what was said of the last one that counted.
func (s *Store) exampleReply(ctx context.Context, campaign int64, t *trip) (string, error) {
	const q = `
		SELECT o.code, o.reply FROM outcomes o CROSS JOIN LATERAL (SELECT provider FROM chunks WHERE campaign_id = $1 AND from_seq <= o.seq
		                                                         ORDER BY from_seq DESC LIMIT 1) c
		WHERE o.campaign_id = $1 AND o.kind = 'failed' AND (o.class = $2 OR $2 = 'hard' AND o.class = 'inactive') AND $3 IN ('', c.provider)
		ORDER BY o.at DESC LIMIT 1`
	var o []struct {
		Code  int    `db:"code"`
		Reply string `db:"reply"`
	}
	if err := s.db.SelectContext(ctx, &o, q, campaign, t.class, t.Provider); err != nil || len(o) == 0 {
		return "", db.Err(err, "read a refusal")
	}
	return said(relay.Result{Code: o[0].Code, Text: MaskReply(o[0].Reply)}), nil
}

// brakeSoon is how long after a refusal a send is looked at, so that many are counted at once; brakeRest is how many times as
// long as a look took the next one is put off.
const (
	brakeSoon = 250 * time.Millisecond
	brakeRest = 50
)

// brakeNotes are the campaigns of which this process saw a refusal since it last looked at them.
type brakeNotes struct {
	mu    sync.Mutex
	sends map[int64]bool
	wake  chan struct{}
}

func newBrakeNotes() *brakeNotes {
	return &brakeNotes{sends: map[int64]bool{}, wake: make(chan struct{}, 1)}
}

// note asks for a look at a campaign. It costs little, and is only called for refusals.
func (b *brakeNotes) note(campaign int64) {
	b.mu.Lock()
	b.sends[campaign] = true
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *brakeNotes) take() []int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []int64
	for id := range b.sends {
		ids = append(ids, id)
	}
	clear(b.sends)
	return ids
}

// observeBrake is told of every result of an attempt.
func (s *Sender) observeBrake(it *item, res relay.Result) {
	if res.Kind != relay.Failed {
		return
	}
	switch res.Class {
	case relay.ClassHard, relay.ClassInactive, relay.ClassBlock:
		s.brake.note(it.Campaign)
	}
}
