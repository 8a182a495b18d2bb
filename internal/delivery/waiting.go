package delivery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/relay"
)

// Wait is one thing that a send waits for, in a sentence.
type Wait struct {
	For   string     `json:"for"` // paused, undo, time, slice, retries, relay, lane, sender, audience or person
	Text  string     `json:"text"`
	Until *time.Time `json:"until,omitempty"`
}

// waitingSend is what Waiting reads of a send.
type waitingSend struct {
	State      string     `db:"state"`
	Reason     string     `db:"reason"`
	NotBefore  time.Time  `db:"not_before"`
	UndoUntil  *time.Time `db:"undo_until"`
	SliceState string     `db:"slice_state"`
	SliceWait  int        `db:"slice_wait"`
	SliceSize  *int64     `db:"slice_size"`
	SliceOf    *int64     `db:"slice_of"`
	SliceOutAt *time.Time `db:"slice_out_at"`
	Resumed    *time.Time `db:"resumed_at"`
	Complete   bool       `db:"audience_complete"`
	Audience   int64      `db:"audience"`
	Behind     bool       `db:"behind"`
	Alive      bool       `db:"alive"`
	Now        time.Time  `db:"now"`
}

// senderSilent is how long after its last mark a sender counts as gone.
const senderSilent = time.Minute

// Waiting says what a send waits for now, each in one sentence, the most weighty first; nothing when it is over or simply goes on. It
// returns errs.NotFound when the campaign was never launched.
func (s *Store) Waiting(ctx context.Context, campaign int64) ([]Wait, error) {
	const q = `
		SELECT state, reason, not_before, undo_until, slice_state, slice_wait, slice_size, slice_of, slice_out_at, resumed_at, audience_complete, audience,
		       ` + behindEarlier + ` AS behind,
		       EXISTS (SELECT FROM sender_marks WHERE at > clock_timestamp() - $2 * interval '1 second') AS alive, clock_timestamp() AS now
		FROM sends x WHERE campaign_id = $1`
	var send waitingSend
	err := s.db.GetContext(ctx, &send, q, campaign, int64(senderSilent.Seconds()))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errs.New(errs.NotFound, "campaign %d has not been launched", campaign)
	} else if err != nil {
		return nil, db.Err(err, "read the send")
	}
	waits := []Wait{}
	add := func(what string, until *time.Time, format string, args ...any) {
		waits = append(waits, Wait{For: what, Text: fmt.Sprintf(format, args...), Until: until})
	}
	switch send.State {
	case StatePaused:
		add("paused", nil, "It is paused: %s. To go on: mailer campaigns resume %d", strings.TrimSuffix(send.Reason, "."), campaign)
	case StateRunning:
		if !send.Alive {
			add("sender", nil, "No sender is running; start one: mailer serve")
		}
		if err := s.waitingToRun(ctx, campaign, send, add); err != nil {
			return nil, err
		}
	}
	if n, err := s.UndecidedDoubts(ctx, campaign); err != nil {
		return nil, err
	} else if n > 0 {
		add("person", nil, "%s in doubt: it is not known whether the mail arrived, and a person decides: mailer campaigns doubts %d", readersAre(n), campaign)
	}
	return waits, nil
}

// waitingToRun adds what holds up a running send.
func (s *Store) waitingToRun(ctx context.Context, campaign int64, send waitingSend, add func(string, *time.Time, string, ...any)) error {
	switch {
	case send.UndoUntil != nil && send.UndoUntil.After(send.Now):
		add("undo", send.UndoUntil, "Undo window: it begins in %s. To take it back: mailer campaigns undo %d", spell(send.UndoUntil.Sub(send.Now)), campaign)
		return nil
	case send.NotBefore.After(send.Now):
		add("time", &send.NotBefore, "It begins at %s, in %s", clock(send.NotBefore, send.Now), spell(send.NotBefore.Sub(send.Now)))
	}
	switch {
	case send.SliceState == sliceOut && send.SliceSize != nil && send.SliceOf != nil && send.SliceOutAt != nil:
		if err := s.waitingSlice(ctx, campaign, send, add); err != nil {
			return err
		}
	case !send.Complete && send.Behind:
		add("audience", nil, "It waits for the audience of an earlier campaign, at most a quarter of an hour: no reader gets a story from both")
	case !send.Complete:
		add("audience", nil, "Its audience is still being written: %d readers so far", send.Audience)
	}
	if err := s.waitingRelays(ctx, campaign, send, add); err != nil {
		return err
	}
	return s.waitingRetries(ctx, campaign, send, add)
}

func (s *Store) waitingSlice(ctx context.Context, campaign int64, send waitingSend, add func(string, *time.Time, string, ...any)) error {
	b, err := s.Balance(ctx, campaign)
	if err != nil {
		return err
	}
	o := openSlice{Campaign: campaign, Size: *send.SliceSize, Wait: send.SliceWait, OutAt: *send.SliceOutAt, Resumed: send.Resumed}
	at := o.decidesAt()
	when := "decides in " + spell(at.Sub(send.Now))
	if !at.After(send.Now) {
		at = o.givesUpAt()
		when = fmt.Sprintf("decides when %.0f %% of them have an answer, or asks for a person in %s", 100*sliceEnough, spell(at.Sub(send.Now)))
	}
	add("slice", &at, "The first slice is out: %d of %d readers, %d with an answer; %s. To go on at once: mailer campaigns release %d",
		*send.SliceSize, *send.SliceOf, b.Audience-b.Open(), when, campaign)
	return nil
}

// waitingRelays adds the trouble of relays, as every process finds them, and of lanes that the send still needs.
func (s *Store) waitingRelays(ctx context.Context, campaign int64, send waitingSend, add func(string, *time.Time, string, ...any)) error {
	const relays = `
		SELECT relay, state, min(retry_at) AS retry_at, min(said) AS said FROM relay_states
		WHERE state <> 'ok' AND at > clock_timestamp() - $1 * interval '1 second'
		GROUP BY relay, state ORDER BY relay, state`
	var states []struct {
		Relay string     `db:"relay"`
		State string     `db:"state"`
		Retry *time.Time `db:"retry_at"`
		Said  string     `db:"said"`
	}
	if err := s.db.SelectContext(ctx, &states, relays, int64(stateFresh.Seconds())); err != nil {
		return db.Err(err, "read how the relays are")
	}
	for _, r := range states {
		next := ""
		if r.Retry != nil {
			next = "; next try in " + spell(r.Retry.Sub(send.Now))
		}
		switch {
		case r.State == RelayCapped && r.Retry != nil:
			add("relay", r.Retry, "The daily cap of the relay %s is reached; it goes on at %s", r.Relay, clock(*r.Retry, send.Now))
		case r.State == RelayCapped:
			add("relay", nil, "The daily cap of the relay %s is reached", r.Relay)
		case r.Said == "":
			add("relay", r.Retry, "The relay %s cannot be used%s", r.Relay, next)
		default:
			add("relay", r.Retry, "The relay %s says %s%s", r.Relay, MaskReply(r.Said), next)
		}
	}
	const lanes = `
		SELECT l.relay, l.provider, l.suspended, l.said, l.until FROM lanes l
		WHERE l.until > clock_timestamp()
		  AND (EXISTS (SELECT FROM chunks c WHERE c.campaign_id = $1 AND c.closed_at IS NULL AND c.provider = l.provider)
		       OR EXISTS (SELECT FROM retries r WHERE r.campaign_id = $1 AND r.provider = l.provider))
		ORDER BY l.relay, l.provider`
	var slow []struct {
		Relay     string    `db:"relay"`
		Provider  string    `db:"provider"`
		Suspended bool      `db:"suspended"`
		Said      string    `db:"said"`
		Until     time.Time `db:"until"`
	}
	if err := s.db.SelectContext(ctx, &slow, lanes, campaign); err != nil {
		return db.Err(err, "read which lanes are slowed")
	}
	for _, l := range slow {
		how := "slowed"
		if l.Suspended {
			how = "stopped"
		}
		add("lane", &l.Until, "Mail to %s over %s is %s until %s, since it said: %s", l.Provider, l.Relay, how, clock(l.Until, send.Now), MaskReply(l.Said))
	}
	return nil
}

// waitingRetries adds who waits for another attempt, by provider and reply, the most of them first.
func (s *Store) waitingRetries(ctx context.Context, campaign int64, send waitingSend, add func(string, *time.Time, string, ...any)) error {
	const q = `
		SELECT c.provider, coalesce(o.class, '') AS class, count(*) AS n, min(r.due) AS due,
		       coalesce((array_agg(o.code ORDER BY o.at DESC))[1], 0) AS code, coalesce((array_agg(o.reply ORDER BY o.at DESC))[1], '') AS reply
		FROM retries r JOIN chunks c ON c.id = r.chunk_id
		LEFT JOIN outcomes o ON o.campaign_id = r.campaign_id AND o.seq = r.seq AND o.attempt = r.attempt - 1
		WHERE r.campaign_id = $1 GROUP BY 1, 2 ORDER BY n DESC, 1, 2 LIMIT 5`
	var rows []struct {
		Provider string    `db:"provider"`
		Class    string    `db:"class"`
		N        int64     `db:"n"`
		Due      time.Time `db:"due"`
		Code     int       `db:"code"`
		Reply    string    `db:"reply"`
	}
	if err := s.db.SelectContext(ctx, &rows, q, campaign); err != nil {
		return db.Err(err, "read what is tried again")
	}
	for _, r := range rows {
		next := "due now"
		if r.Due.After(send.Now) {
			next = fmt.Sprintf("next try at %s, in %s", clock(r.Due, send.Now), spell(r.Due.Sub(send.Now)))
		}
		add("retries", &r.Due, "%d at %s wait for another try: %s; %s", r.N, r.Provider,
			shortReply(said(relay.Result{Code: r.Code, Text: MaskReply(r.Reply), Class: r.Class, Stage: relay.StageDot})), next)
	}
	return nil
}

func shortReply(text string) string {
	const most = 120
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}

func readersAre(n int64) string {
	if n == 1 {
		return "1 reader is"
	}
	return fmt.Sprintf("%d readers are", n)
}

// spell says a length of time as people do: 20 s, 4 min, 2 h 10 min.
func spell(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 90*time.Second:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < 90*time.Minute:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Round(24*time.Hour).Hours()/24))
}

// clock says a moment in UTC, with its day when that is another one.
func clock(at, now time.Time) string {
	at, now = at.UTC(), now.UTC()
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return at.Format("15:04 UTC")
	}
	return at.Format("2006-01-02 15:04 UTC")
}
