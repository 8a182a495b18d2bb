package delivery

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/smtptest"
)

func sliced(percent float64, wait time.Duration) func(*Launch) {
	return func(l *Launch) { l.SlicePercent, l.SliceWait = percent, wait }
}

func (r *rig) slice() string {
	r.Helper()
	var state string
	if err := r.db.GetContext(r.Context(), &state, `SELECT slice_state FROM sends`); err != nil {
		r.Fatal(err)
	}
	return state
}

// A first slice goes out alone: so many readers, over all providers, and not one more. When it went well the rest follows by
// itself.
func TestFirstSlice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(1500)
	s := smtptest.Start(t)
	r.launch(sliced(10, time.Hour))
	r.sender(r.relay(s))
	r.until("the slice is out", func() bool { return s.Len() == 150 })
	<-time.After(300 * time.Millisecond) // several looks for work, and at the slice
	if s.Len() != 150 {
		t.Errorf("%d messages; the slice has 150 readers", s.Len())
	}
	b := r.balance()
	if b.Audience != 150 || b.AudienceComplete || b.Accepted != 150 || b.State != StateRunning || r.slice() != sliceOut {
		t.Errorf("slice %q, balance: %+v", r.slice(), b)
	}
	for _, provider := range []string{"google", "microsoft", "other"} {
		n := 0
		for to := range copies(s) {
			if strings.HasSuffix(to, "@"+provider+".example") {
				n++
			}
		}
		if n < 25 || n > 75 {
			t.Errorf("%d of 150 at %s: not a fair sample", n, provider)
		}
	}
	waits, err := r.store.Waiting(t.Context(), testCampaign)
	if err != nil || len(waits) != 1 || waits[0].For != "slice" || !strings.HasPrefix(waits[0].Text, "The first slice is out: 150 of 1500 readers, 150 with an answer; decides in ") ||
		waits[0].Until == nil || time.Until(*waits[0].Until) < 50*time.Minute {
		t.Errorf("it waits for %+v, %v", waits, err)
	}
	r.exec(`UPDATE sends SET slice_wait = 0`) // as if the hour was over
	if b := r.state(StateDone); b.Accepted != 1500 || r.slice() != slicePassed {
		t.Errorf("slice %q, balance: %+v", r.slice(), b)
	}
	r.once(s, all(1500)...)
	r.agrees()
	if n := r.count(`SELECT count(*) FROM audit_log WHERE action = 'campaign.slice' AND detail->>'slice' = 'passed'`); n != 1 {
		t.Errorf("%d entries in the audit log", n)
	}
}

// A slice with too many refusals pauses the send, however few its readers; a person who resumes lets the rest go.
func TestSliceFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(1200)
	f := &refuser{nth: 5, reply: "550 5.7.1 refused by policy"}
	s := smtptest.Start(t, f.option())
	r.launch(sliced(2.5, time.Hour))
	r.sender(r.relay(s))
	b := r.state(StatePaused)
	if !strings.HasPrefix(b.Reason, "The brake: of ") || b.Audience != 30 || r.slice() != sliceFailed {
		t.Errorf("slice %q, balance: %+v", r.slice(), b)
	}
	if err := r.store.Release(t.Context(), testCampaign, "ed"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a failed slice was released: %v", err)
	}
	f.off.Store(true)
	if err := r.store.Resume(t.Context(), testCampaign); err != nil {
		t.Fatal(err)
	}
	if b := r.state(StateDone); b.Accepted+b.Failed != 1200 || b.Failed > 10 {
		t.Errorf("balance: %+v", b)
	}
	r.agrees()
}

// A slice that is put off does not tell; after a while a person is asked. One that a person releases is not waited for.
func TestSliceWithoutAnswers(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"asks", "released"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(1000)
			s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, smtptest.Always(smtptest.Reply("450 4.2.1 not now"))))
			r.launch(sliced(2, 0))
			r.sender(r.relay(s), with(func(c *SenderConfig) { c.Backoff = func(int, string) time.Duration { return time.Hour } }))
			r.until("all of the slice is put off", func() bool { return r.balance().Deferred == 20 })
			if how == "released" {
				if err := r.store.Release(t.Context(), testCampaign, "ed"); err != nil {
					t.Fatal(err)
				}
				r.until("the rest is tried", func() bool { return r.balance().Deferred == 1000 })
				if n := r.count(`SELECT count(*) FROM audit_log WHERE action = 'campaign.release' AND actor = 'ed'`); n != 1 || r.slice() != sliceReleased {
					t.Errorf("%d entries in the audit log, slice %q", n, r.slice())
				}
				if err := r.store.Release(t.Context(), testCampaign, "ed"); errs.KindOf(err) != errs.Conflict {
					t.Errorf("released twice: %v", err)
				}
				return
			}
			if paused, err := r.store.decideSlices(t.Context()); len(paused) != 0 || err != nil {
				t.Errorf("decided without answers: %v, %v", paused, err)
			}
			r.exec(`UPDATE sends SET slice_out_at = now() - interval '31 minutes'`)
			b := r.state(StatePaused)
			if !strings.Contains(b.Reason, "only 0 of its 20 readers have an answer and 20 wait for another try") || b.Audience != 20 {
				t.Errorf("balance: %+v", b)
			}
		})
	}
	r := newRig(t)
	r.launch()
	r.exec(`UPDATE sends SET slice_state = 'out', undo_until = clock_timestamp() + interval '1 hour'`)
	if err := r.store.Release(t.Context(), testCampaign, "ed"); errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "undo window") {
		t.Errorf("released before it was out: %v", err)
	}
	if err := r.store.Release(t.Context(), 99, "ed"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("released what was never launched: %v", err)
	}
}

// A list hardly larger than the slice has none.
func TestSliceOfFew(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 10, 11} {
		r := newRig(t)
		r.readers(n)
		s := smtptest.Start(t)
		r.launch(sliced(50, 0))
		r.sender(r.relay(s))
		if b := r.state(StateDone); b.Accepted != int64(n) || b.Audience != int64(n) {
			t.Errorf("%d readers: %+v", n, b)
		}
	}
}

// In the undo window nothing goes out and the launch can be taken back without a trace; after it, not, and the send goes out.
func TestUndoWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(100)
	s := smtptest.Start(t)
	undo := func() error {
		return db.InTx(t.Context(), r.db, func(tx *sqlx.Tx) error { return r.store.UndoTx(t.Context(), tx, testCampaign) })
	}
	if err := undo(); errs.KindOf(err) != errs.NotFound {
		t.Errorf("undone before it was launched: %v", err)
	}
	r.sender(r.relay(s))
	window := func(d time.Duration) func(*Launch) { return func(l *Launch) { l.UndoWindow = d } }
	r.launch(window(time.Hour))
	<-time.After(200 * time.Millisecond) // several looks for work
	if b := r.balance(); s.Len() != 0 || b.Audience != 0 || b.State != StateRunning {
		t.Errorf("%d messages in the undo window, balance: %+v", s.Len(), b)
	}
	waits, err := r.store.Waiting(t.Context(), testCampaign)
	if err != nil || len(waits) != 1 || waits[0].For != "undo" || !strings.HasPrefix(waits[0].Text, "Undo window: it begins in 60 min") {
		t.Errorf("it waits for %+v, %v", waits, err)
	}
	if err := undo(); err != nil {
		t.Fatal(err)
	}
	if n := r.count(`SELECT count(*) FROM sends`) + r.count(`SELECT count(*) FROM messages`) + r.count(`SELECT count(*) FROM deliveries`); n != 0 {
		t.Errorf("%d rows are left of a launch that was taken back", n)
	}
	r.launch(window(time.Millisecond)) // the same campaign can be launched again
	if b := r.state(StateDone); b.Accepted != 100 {
		t.Errorf("balance: %+v", b)
	}
	if err := undo(); errs.KindOf(err) != errs.Conflict {
		t.Errorf("undone when it was done: %v", err)
	}
	r.once(s, all(100)...)
}

// Undo and the end of the window race: the database decides, so that either nobody has the mail and the send is gone, or
// everybody gets it.
func TestUndoRace(t *testing.T) {
	t.Parallel()
	undone := 0
	for i := range 8 {
		r := newRig(t)
		r.readers(40)
		s := smtptest.Start(t)
		r.sender(r.relay(s), with(func(c *SenderConfig) { c.Idle = time.Millisecond }))
		r.launch(func(l *Launch) { l.UndoWindow = 60 * time.Millisecond })
		var end time.Time
		if err := r.db.GetContext(t.Context(), &end, `SELECT undo_until FROM sends`); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Until(end.Add(time.Duration(i-4) * time.Millisecond)))
		var clicks sync.WaitGroup
		var mu sync.Mutex
		done := 0
		for range 2 { // two people
			clicks.Go(func() {
				err := db.InTx(t.Context(), r.db, func(tx *sqlx.Tx) error { return r.store.UndoTx(t.Context(), tx, testCampaign) })
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					done++
				case errs.KindOf(err) != errs.Conflict && errs.KindOf(err) != errs.NotFound:
					t.Errorf("undo: %v", err)
				}
			})
		}
		clicks.Wait()
		switch done {
		case 1:
			undone++
			<-time.After(100 * time.Millisecond) // many looks for work
			if n := r.count(`SELECT count(*) FROM deliveries`) + r.count(`SELECT count(*) FROM chunks`); n != 0 || s.Len() != 0 {
				t.Errorf("taken back, and %d rows and %d messages are there", n, s.Len())
			}
		case 0:
			if b := r.state(StateDone); b.Accepted != 40 {
				t.Errorf("not taken back, and the balance is %+v", b)
			}
		default:
			t.Errorf("taken back %d times", done)
		}
	}
	t.Logf("%d of 8 were taken back", undone)
}

func TestLaunchLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, spoil := range map[string]func(*Launch){
		"undo window": func(l *Launch) { l.UndoWindow = 2 * time.Hour }, "negative": func(l *Launch) { l.UndoWindow = -1 },
		"slice": func(l *Launch) { l.SlicePercent = 51 }, "wait": func(l *Launch) { l.SliceWait = 13 * time.Hour },
	} {
		l := r.launchOf(testCampaign)
		spoil(&l)
		if err := db.InTx(t.Context(), r.db, func(tx *sqlx.Tx) error { return r.store.LaunchTx(t.Context(), tx, l) }); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
