package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const nameWhole = "launch to done"

// peer is what the fastest other program was measured at: messages a second, in its best setting, with 5 to 6 GB of memory.
const peer = 3893

// wholePath sends one campaign with a real mailer serve, as it comes.
func (b *bench) wholePath(ctx context.Context) error {
	sent, err := b.plainSend(ctx)
	if err != nil {
		return err
	}
	n := float64(sent.audience)
	b.note(measure{Name: nameWhole, Value: sent.rate(), Unit: "messages/s", CPU: sent.cpu,
		Aim:  atLeast(4*peer, fmt.Sprintf("≥ 4 × %d", peer)),
		Note: fmt.Sprintf("%d readers, default settings, mail log on; at most %d connections at once", sent.audience, sent.stats.Most)})
	b.note(measure{Name: "first message to done", Value: n / sent.done.Sub(sent.first).Seconds(), Unit: "messages/s"})
	b.note(measure{Name: "launch to first message", Value: sent.first.Sub(sent.launched).Seconds() * 1000, Unit: "ms", Less: true})
	b.note(measure{Name: "memory of the sender", Value: sent.memory, Unit: "MB", Less: true, Aim: atMost(150, "< 150")})
	return nil
}

// sent is what came of a whole send.
type sent struct {
	launched, first, done time.Time
	audience              int64
	memory                float64 // of the sender, at most, MB
	cpu                   map[string]float64
	stats                 sinkStats
}

// sendOne sends one campaign to all readers of the site with a fresh process and a fresh sink.
func (s *site) sendOne(ctx context.Context) (r sent, err error) {
	sink, err := s.startSink(0)
	if err != nil {
		return r, err
	}
	defer sink.stop()
	p, _, err := s.serve(sink.setting())
	if err != nil {
		return r, err
	}
	defer p.stop()
	id, err := s.campaign(ctx)
	if err != nil {
		return r, err
	}
	m := s.newMeter([]*process{p}, sink.process)
	if err := s.launch(ctx, id); err != nil {
		return r, err
	}
	state, err := s.untilDone(ctx, id, p)
	if err != nil {
		return r, err
	}
	r.memory, r.cpu = peakMemory(p.cmd.Process.Pid), m.perMessage(state.Audience)
	if r.stats, err = sink.stats(); err != nil {
		return r, err
	}
	if r.stats.Messages != state.Audience || state.Audience != int64(s.readers) {
		return r, fmt.Errorf("%d readers, %d in the audience, %d messages", s.readers, state.Audience, r.stats.Messages)
	}
	r.launched, r.done, r.audience, r.first = state.Launched, state.Finished.Time, state.Audience, time.Unix(0, r.stats.First)
	return r, nil
}

// sendState is where a send stands.
type sendState struct {
	State    string       `db:"state"`
	Reason   string       `db:"reason"`
	Audience int64        `db:"audience"`
	Complete bool         `db:"audience_complete"`
	Launched time.Time    `db:"audience_as_of"` // the moment of the launch, to the microsecond
	Finished sql.NullTime `db:"finished_at"`
}

func (s *site) state(ctx context.Context, id int64) (st sendState, err error) {
	const q = `SELECT state, reason, audience, audience_complete, audience_as_of, finished_at FROM sends WHERE campaign_id = $1`
	err = s.db.GetContext(ctx, &st, q, id)
	return st, err
}

// untilDone waits for the end of a send and tells how it goes. It asks the database twenty times a second for one row,
// which does not show in the figures.
func (s *site) untilDone(ctx context.Context, id int64, p *process) (st sendState, err error) {
	for told := time.Now(); sleep(ctx, 50*time.Millisecond); {
		if st, err = s.state(ctx, id); err != nil || st.State == "done" {
			return st, err
		}
		if st.State != "running" {
			return st, fmt.Errorf("the send is %s: %s", st.State, st.Reason)
		}
		select {
		case <-p.ended:
			return st, errors.New("mailer serve ended: " + p.said())
		default:
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			var taken int64
			if err := s.db.GetContext(ctx, &taken, `SELECT coalesce(sum(accepted), 0) FROM chunks WHERE campaign_id = $1`, id); err != nil {
				return st, err
			}
			s.say("%d of %d", taken, s.readers)
		}
	}
	return st, ctx.Err()
}
