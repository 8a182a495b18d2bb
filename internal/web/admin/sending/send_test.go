package sending_test

import (
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/delivery"
	"mailer/internal/smtptest"
)

// SEC-26 on the desk: the number of readers has to be typed, a writer cannot start, a double click is one start, and a launch can be
// taken back.
func TestStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.Draft()
	first := r.editor.Get(page(c.ID))
	r.want(first, 200, "Type the number of readers", "<b>45</b>", "Send to 45 readers now")
	right := form(first)
	right.Set("readers", "45")
	t.Run("SEC-26 a look starts nothing", func(t *testing.T) {
		for _, method := range []string{"GET", "HEAD"} {
			if p := r.editor.Raw(method, page(c.ID)+"/start?readers=45&shown=45", nil, nil); p.Status != 404 && p.Status != 405 {
				t.Errorf("%s: %d", method, p.Status)
			}
		}
	})
	t.Run("SEC-26 another number", func(t *testing.T) {
		for _, typed := range []string{"", "44", "450", "-45", "forty-five", "4 5 0"} {
			wrong := form(first)
			wrong.Set("readers", typed)
			wrong.Set("force", "on")
			p := r.editor.Post(page(c.ID)+"/start", wrong)
			r.want(p, 400, `aria-invalid="true"`, `aria-describedby="f-readers-hint f-readers-problem"`)
		}
		grown := form(first)
		grown.Set("readers", "981000")
		grown.Set("shown", "981000")
		r.want(r.editor.Post(page(c.ID)+"/start", grown), 400, "Meanwhile it is 45 readers")
	})
	t.Run("SEC-26 a writer", func(t *testing.T) {
		writer := r.Client(r.Person("Walter", accounts.Writer))
		r.want(writer.Get(page(c.ID)), 200, "An editor starts it")
		for _, act := range []string{"start", "pause", "resume", "cancel", "undo", "release", "doubts", "late"} {
			r.want(writer.Post(page(c.ID)+"/"+act, right), 403)
		}
	})
	if n := r.count(`SELECT count(*) FROM sends`); n != 0 {
		t.Fatalf("%d sends", n)
	}
	r.caution(c.ID, campaigns.CautionChange{UndoWindow: new(time.Hour)})
	t.Run("SEC-26 double click", func(t *testing.T) {
		right := form(r.editor.Get(page(c.ID)))
		right.Set("readers", "45")
		right.Set("force", "on")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				p := r.editor.Post(page(c.ID)+"/start", right)
				if p.Status != 200 || p.URL != page(c.ID) {
					t.Errorf("%d at %s", p.Status, p.URL)
				}
			})
		}
		wg.Wait()
		if n := r.count(`SELECT count(*) FROM sends`); n != 1 {
			t.Errorf("%d sends", n)
		}
		if n := r.count(`SELECT count(*) FROM audit_log WHERE action = 'campaign.start' AND actor = 'ines@example.org'`); n != 1 {
			t.Errorf("%d starts in the audit log", n)
		}
	})
	r.want(r.editor.Get(page(c.ID)), 200, "Nothing has left yet", "Take it back", "data-until=")
	r.want(r.editor.Post(page(c.ID)+"/undo", nil), 200, "nobody got anything", "It is held: the launch was taken back by ines@example.org")
	if n := r.count(`SELECT count(*) FROM sends`) + r.count(`SELECT count(*) FROM deliveries`); n != 0 {
		t.Errorf("%d rows of a launch that was taken back", n)
	}
	r.want(r.editor.Post(page(c.ID)+"/undo", nil), 409, "no launch to take back")
}

// SEC-26 the stop button: what goes out after it is what was permitted before, one message for each connection. Cancelling wants a word
// more. Whoever watches sees each step, also after the connection broke.
func TestStopButton(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.more(600)
	c := r.Draft()
	const connections = 4
	gate := smtptest.NewGate()
	hold := gate.Hook(smtptest.Go())
	var taken atomic.Int64
	s := smtptest.Start(t, smtptest.On(smtptest.Recorded, func(e smtptest.Event) smtptest.Action {
		if taken.Add(1) > 60 {
			return hold(e)
		}
		return smtptest.Go()
	}))
	r.Sender(s, connections)
	r.start(c.ID)
	<-gate.Reached()
	// The stream begins with all parts; broken off and opened again it does so once more.
	broken := r.stream(c.ID)
	broken.until("event: send-waits\n")
	broken.end()
	live := r.stream(c.ID)
	live.until("event: send-figures\n")
	live.until("event: send-controls\n")
	live.until("event: send-waits\n")
	r.want(r.editor.Get(page(c.ID)), 200, `data-events="`, ">Pause</button>")
	r.want(r.editor.Post(page(c.ID)+"/pause", nil), 200, "Paused by ines@example.org", ">Go on</button>")
	pressed := taken.Load()
	live.until("Paused by ines@example.org")
	gate.Open()
	r.until("every connection has given back what it held", func() bool { b := r.balance(c.ID); return b.State == delivery.StatePaused && b.Claimed == 0 })
	if after := taken.Load(); after > pressed+connections || after >= 600 {
		t.Errorf("SEC-26: %d messages were taken when stop was pressed, %d in the end, over %d connections", pressed, after, connections)
	}
	before := s.Len()
	r.want(r.editor.Post(page(c.ID)+"/pause", nil), 200)
	r.want(r.editor.Post(page(c.ID)+"/cancel", nil), 400, "Tick the box")
	if b := r.balance(c.ID); b.State != delivery.StatePaused || s.Len() != before {
		t.Errorf("%+v, %d messages after %d", b, s.Len(), before)
	}
	if n := r.count(`SELECT count(*) FROM audit_log WHERE action = 'campaign.pause' AND actor = 'ines@example.org'`); n != 1 {
		t.Errorf("%d pauses in the audit log", n)
	}
	r.want(r.editor.Post(page(c.ID)+"/resume", nil), 200, "It goes on")
	r.until("the end", func() bool { return r.balance(c.ID).State == delivery.StateDone })
	got := map[string]int{}
	for _, e := range s.Ledger() {
		got[e.To]++
	}
	for to, n := range got {
		if n != 1 {
			t.Errorf("%s got %d copies", to, n)
		}
	}
	if len(got) != 645 {
		t.Errorf("%d readers have it", len(got))
	}
	r.want(r.editor.Get(page(c.ID)), 200, "Everybody has an answer", "645", "Open the report")
	live.until("event: reload\n")
	if p := r.editor.Get(strings.TrimSuffix(page(c.ID), "/send") + "/events"); !strings.Contains(p.Body, "event: done\n") || !strings.Contains(p.Body, "645") {
		t.Errorf("the stream of a send that is over:\n%s", p.Body)
	}
}

// A first slice waits for a person who lets the rest go; readers in doubt wait for one who decides; who joins late is added.
func TestSliceDoubtsAndLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.more(100)
	c := r.Draft()
	r.exec(`UPDATE campaigns SET doubt_policy = 'hold'`)
	r.caution(c.ID, campaigns.CautionChange{FirstSlice: new(10.0), SliceWait: new(time.Hour)})
	s := smtptest.Start(t, smtptest.On(smtptest.Recorded, smtptest.First(1, smtptest.Drop())))
	r.Sender(s, 1)
	r.start(c.ID)
	r.until("the slice is out", func() bool { b := r.balance(c.ID); return b.Accepted == 14 && b.Unknown == 1 })
	p := r.editor.Get(page(c.ID))
	r.want(p, 200, "The first slice is out: 15 of 145 readers", ">Go on now</button>", ">Stop</button>", "Why is it waiting?", "In doubt: you decide", "•••@")
	if strings.Contains(p.Body, ": mailer ") {
		t.Error("the page tells what to type on a command line")
	}
	r.want(r.editor.Post(page(c.ID)+"/late", nil), 409, "first slice")
	r.want(r.editor.Post(page(c.ID)+"/release", nil), 200, "The rest goes now")
	r.until("the end", func() bool { return r.balance(c.ID).State == delivery.StateDone })
	r.want(r.editor.Post(page(c.ID)+"/doubts", map[string][]string{"decision": {"resend"}}), 400, "Tick the readers")
	seq := r.count(`SELECT seq FROM outcomes WHERE kind = 'unknown'`)
	r.want(r.editor.Post(page(c.ID)+"/doubts", map[string][]string{"decision": {"resend"}, "seq": {itoa(seq)}}), 200, "Sent once more to 1 in doubt")
	r.until("the doubt is resolved", func() bool { b := r.balance(c.ID); return b.Accepted == 145 && b.State == delivery.StateDone })

	r.want(r.editor.Get(page(c.ID)+"/late"), 200, "Nobody: all who are in the audience now")
	r.more(103)
	late := form(r.editor.Get(page(c.ID) + "/late"))
	if late.Get("shown") != "3" {
		t.Errorf("late joiners: %v", late)
	}
	late.Set("readers", "4")
	r.want(r.editor.Post(page(c.ID)+"/late", late), 400, `aria-invalid="true"`)
	late.Set("readers", "3")
	r.want(r.editor.Post(page(c.ID)+"/late", late), 200, "It goes to 3 late joiners")
	r.until("they have it", func() bool { b := r.balance(c.ID); return b.Accepted == 148 && b.State == delivery.StateDone })
	r.want(r.editor.Get(page(c.ID)), 200, "3 readers were added after the first audience")
	if n := s.Len(); n != 149 { // one of them twice: it was in doubt
		t.Errorf("%d messages", n)
	}
}

// A campaign gets its time on the desk, in the zone of who gives it, and can be given up; neither is a writer's to do.
func TestScheduleOnTheDesk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.Draft()
	at := page(c.ID) + "/schedule"
	zone, err := time.LoadLocation(r.List.TimeZone)
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().In(zone).Add(26 * time.Hour).Truncate(time.Minute)
	form := url.Values{"at": {soon.Format("2006-01-02T15:04")}}
	r.want(r.Client(r.Person("Vera", accounts.Writer)).Post(at, form), 403)
	r.want(r.editor.Post(at, url.Values{"at": {"tomorrow"}}), 400, `id="f-at-problem"`, "Choose a day and an hour")
	r.want(r.editor.Post(at, url.Values{"at": {"2020-01-01T07:00"}}), 400, `id="f-at-problem"`, `value="2020-01-01T07:00"`)
	r.want(r.editor.Post(at, form), 200, "Its time is "+soon.Format("Monday 2 January, 15:04"), "Another time", soon.Format("2006-01-02T15:04"))
	if now, err := r.Campaigns.Campaign(t.Context(), c.ID); err != nil || now.SendAt == nil || !now.SendAt.Equal(soon) {
		t.Fatalf("its time is %v, %v; want %v", now.SendAt, err, soon)
	}
	r.want(r.editor.Post(page(c.ID)+"/cancel", url.Values{"sure": {"on"}}), 200)
	if now, err := r.Campaigns.Campaign(t.Context(), c.ID); err != nil || now.State != campaigns.Cancelled {
		t.Errorf("given up: %s, %v", now.State, err)
	}
	r.want(r.editor.Post(at, form), 409)
}
