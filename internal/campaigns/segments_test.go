package campaigns

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
	"mailer/internal/subscribers"
)

// segment saves a rule.
func (r *room) segment(slug, rule string) {
	r.t.Helper()
	if _, err := r.Audience.Create(r.t.Context(), slug, "", rule, "test"); err != nil {
		r.t.Fatal(err)
	}
}

// resident adds a confirmed reader who lives in a city.
func (r *room) resident(address, city string, supporter bool) {
	r.t.Helper()
	if _, err := r.Lists.Add(r.t.Context(), subscribers.AddRequest{Address: address, ListID: r.list.ID, Supporter: &supporter, Confirmed: true, Source: "test",
		Wording: "test", Method: "admin", Attributes: map[string]string{"city": city}}); err != nil {
		r.t.Fatal(err)
	}
}

// byHand makes a campaign of one story now, in real time, as a sender needs it.
func byHand(t *testing.T, with func(n *NewStory)) (*room, Campaign) {
	t.Helper()
	now := time.Now().UTC()
	r := newRoom(t, now.Format("2006-01-02 15:04"))
	r.segment("paris", `city is Paris`)
	r.segment("givers", `supporter`)
	n := NewStory{List: "morning", ArticleID: r.story("Cranes move", now.Add(-time.Hour).Format("2006-01-02 15:04"))}
	with(&n)
	c, err := r.CreateStory(t.Context(), n, "ed")
	if err != nil {
		t.Fatal(err)
	}
	return r, c
}

// deliver runs a sender until the send is over, and returns who got a copy.
func (r *room) deliver(id int64) []string {
	r.t.Helper()
	sink := smtptest.Start(r.t)
	rl, err := relay.New(relay.Config{URL: sink.URL(), HelloName: "mail.example.org"})
	if err != nil {
		r.t.Fatal(err)
	}
	sender := delivery.NewSender(delivery.SenderConfig{Store: r.Delivery, Relays: []delivery.RelayLine{{Relay: rl}}, Log: slog.New(slog.DiscardHandler),
		Connections: 2, Idle: 10 * time.Millisecond, Tick: 20 * time.Millisecond})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- sender.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			r.t.Errorf("sender: %v", err)
		}
	}()
	for end := time.Now().Add(time.Minute); ; {
		b, err := r.Delivery.Balance(r.t.Context(), id)
		if err == nil && b.State == delivery.StateDone {
			break
		}
		if time.Now().After(end) {
			r.t.Fatalf("the send does not end: %+v, %v", b, err)
		}
		<-time.After(5 * time.Millisecond)
	}
	var to []string
	for _, e := range sink.Ledger() {
		to = append(to, e.To)
	}
	slices.Sort(to)
	return to
}

// The rule of a send is that of its launch: neither an edit of a segment nor its end changes whom it goes to. What readers are counts at
// the moment when they are added. The first slice is cut of those whom it goes to.
func TestSegmentsAreFrozen(t *testing.T) {
	t.Parallel()
	r, c := byHand(t, func(n *NewStory) { n.Segments, n.Exclude = []string{"paris"}, []string{"givers"} })
	var want []string
	for i := range 40 {
		address := fmt.Sprintf("reader%02d@example.com", i)
		r.resident(address, []string{"Paris", "Lyon"}[i%2], i%4 == 2)
		if i%4 == 0 {
			want = append(want, address)
		}
	}
	r.resident("mover@example.com", "Lyon", false)
	r.Caution = Caution{FirstSlice: 1}
	c, err := r.Start(t.Context(), c.ID, "ed", false)
	if err != nil {
		t.Fatal(err)
	}
	everyone := "everybody"
	for _, slug := range []string{"paris", "givers"} {
		if _, err := r.Audience.Update(t.Context(), slug, nil, &everyone, "ed"); err != nil {
			t.Fatal(err)
		}
		if err := r.Audience.Delete(t.Context(), slug, "ed"); err != nil { // a launched campaign needs it no more
			t.Fatal(err)
		}
	}
	r.resident("mover@example.com", "Paris", false)
	want = append([]string{"mover@example.com"}, want...)
	if got := r.deliver(c.ID); !slices.Equal(got, want) {
		t.Errorf("it went to %v; want %v", got, want)
	}
	if n := r.number(`SELECT slice_of FROM sends WHERE campaign_id = $1`, c.ID); n != int64(len(want)) {
		t.Errorf("the first slice was cut of %d readers; want %d", n, len(want))
	}
	w, _, err := r.Inspect(t.Context(), c.ID)
	if err != nil || w.Rule != `attribute city is "Paris" and not supporter` || strings.Join(w.Segments, " ") != "paris" || strings.Join(w.Exclude, " ") != "givers" || w.Readers != nil {
		t.Errorf("it says it went to %+v (%v)", w, err)
	}
}

// A campaign without segments keeps no rule, and goes to its list.
func TestNoSegments(t *testing.T) {
	t.Parallel()
	r, c := byHand(t, func(*NewStory) {})
	r.resident("ada@example.com", "Paris", true)
	if _, err := r.Start(t.Context(), c.ID, "ed", false); err != nil {
		t.Fatal(err)
	}
	if n := r.number(`SELECT count(*) FROM sends WHERE rule IS NULL`); n != 1 {
		t.Error("a rule was kept")
	}
	if got := r.deliver(c.ID); !slices.Equal(got, []string{"ada@example.com"}) {
		t.Errorf("it went to %v", got)
	}
}

// A person is told how many readers a campaign goes to, and has to force one that goes to nobody.
func TestAudienceIsCounted(t *testing.T) {
	t.Parallel()
	r, c := byHand(t, func(n *NewStory) { n.Segments = []string{"paris"} })
	r.resident("ada@example.com", "Lyon", false)
	r.resident("bob@example.com", "Lyon", false)
	says := func(level, message string) {
		t.Helper()
		list, err := r.Preflight(t.Context(), c.ID)
		if err != nil || !slices.ContainsFunc(list, func(p Problem) bool { return p.Level == level && strings.Contains(p.Message, message) }) {
			t.Errorf("no %s problem says %q: %+v, %v", level, message, list, err)
		}
	}
	says(Warned, "it goes to nobody: none of the 2 readers")
	for name, act := range map[string]func(force bool) error{
		"approve": func(force bool) error { _, err := r.Approve(t.Context(), c.ID, "ed", force); return err },
		"start":   func(force bool) error { _, err := r.Start(t.Context(), c.ID, "ed", force); return err },
	} {
		if err := act(false); errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), "goes to nobody") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Approve(t.Context(), c.ID, "ed", true); err != nil {
		t.Errorf("forced: %v", err)
	}
	r.resident("bob@example.com", "Paris", false)
	says(Noted, "it goes to 1 of 2 readers")
	w, problems, err := r.Inspect(t.Context(), c.ID)
	if err != nil || *w.Readers != 1 || *w.Of != 2 || w.Rule != `attribute city is "Paris"` || len(problems) == 0 {
		t.Errorf("%+v, %+v, %v", w, problems, err)
	}
	if v, err := r.Preview(t.Context(), c.ID, Reader{}); err != nil || v.Whom.Readers == nil || *v.Whom.Readers != 1 || len(v.Problems) != len(problems) {
		t.Errorf("%+v, %v", v.Whom, err)
	}
	slip := `citty is Paris`
	if _, err := r.Audience.Update(t.Context(), "paris", nil, &slip, "ed"); err != nil {
		t.Fatal(err)
	}
	says(Noted, `no reader of the list has the attribute "citty"`)
}

// An approval is for whom it goes to as well: it lapses when a segment is edited, or another one is chosen.
func TestApprovalIsForTheAudience(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	r.segment("paris", `city is Paris`)
	r.resident("bob@example.com", "Paris", false)
	edit := Edit{Version: c.Version, Segments: &[]string{"paris"}}
	c, err := r.Edit(t.Context(), c.ID, edit, "ed")
	if err != nil || c.State != Draft || strings.Join(c.Segments, " ") != "paris" {
		t.Fatalf("%v, %s to %v", err, c.State, c.Segments)
	}
	if c, err = r.Approve(t.Context(), c.ID, "ed", false); err != nil {
		t.Fatal(err)
	}
	if c, err = r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Exclude: &[]string{}}, "ed"); err != nil || c.State != Draft {
		t.Errorf("chosen anew it is %s (%v)", c.State, err)
	}
	if c, err = r.Approve(t.Context(), c.ID, "ed", false); err != nil {
		t.Fatal(err)
	}
	other := `city is "Lyon"`
	if _, err := r.Audience.Update(t.Context(), "paris", nil, &other, "ed"); err != nil {
		t.Fatal(err)
	}
	r.tick("2026-11-21 06:00")
	c = r.get(c.ID)
	r.want(c, Held, "whom it goes to was changed after the approval")
	// Its old approval does not come back by giving it another time.
	at := r.now().Add(time.Hour)
	if _, err = r.Schedule(t.Context(), c.ID, at, "ed"); err != nil {
		t.Fatal(err)
	}
	r.tick(at.Format("2006-01-02 15:04"))
	r.want(r.get(c.ID), Held, "whom it goes to was changed after the approval")
	// A name that changes the rule not at all changes nothing.
	same, name := `attribute city is "Lyon"`, "Lyon"
	if _, err = r.Approve(t.Context(), c.ID, "ed", true); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Audience.Update(t.Context(), "paris", &name, &same, "ed"); err != nil {
		t.Fatal(err)
	}
	if c, err = r.Start(t.Context(), c.ID, "ed", true); err != nil || c.State != Launched {
		t.Errorf("%s (%v)", c.State, err)
	}
}

// Editions go to the segments of their recipe, as it is until they are launched; an edition that nobody approved goes by the segment as it
// is at its launch.
func TestRecipeSegments(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	r.segment("paris", `city is Paris`)
	r.segment("givers", `supporter`)
	r.resident("bob@example.com", "Paris", false)
	r.digest("segments = [\"paris\"]\n[clock]\nno_approval = \"send\"")
	r.story("Cranes move", "2026-11-21 03:59")
	r.tick("2026-11-21 04:30")
	c := r.edition("2026-11-21T07:00")
	if strings.Join(c.Segments, " ") != "paris" || len(c.Exclude) != 0 {
		t.Errorf("it goes to %v without %v", c.Segments, c.Exclude)
	}
	rec := r.recipe("exclude = [\"givers\"]\n[clock]\nno_approval = \"send\"")
	if _, err := r.Digests.Update(t.Context(), rec, "ed"); err != nil {
		t.Fatal(err)
	}
	if c = r.get(c.ID); len(c.Segments) != 0 || strings.Join(c.Exclude, " ") != "givers" {
		t.Errorf("it goes to %v without %v", c.Segments, c.Exclude)
	}
	for slug, want := range map[string]errs.Kind{"givers": errs.Conflict, "paris": errs.OK} {
		if err := r.Audience.Delete(t.Context(), slug, "ed"); errs.KindOf(err) != want {
			t.Errorf("delete %s: %v", slug, err)
		}
	}
	r.tick("2026-11-21 05:00")
	r.tick("2026-11-21 05:59")
	late := `supporter and city is set`
	if _, err := r.Audience.Update(t.Context(), "givers", nil, &late, "ed"); err != nil {
		t.Fatal(err)
	}
	r.tick("2026-11-21 06:00")
	r.want(r.get(c.ID), Launched, "")
	w, _, err := r.Inspect(t.Context(), c.ID)
	if err != nil || w.Rule != `not (supporter and attribute city is set)` || strings.Join(w.Exclude, " ") != "givers" {
		t.Errorf("%+v, %v", w, err)
	}
}

// What cannot be meant is refused where it is written.
func TestSegmentsRefused(t *testing.T) {
	t.Parallel()
	r, c := byHand(t, func(*NewStory) {})
	r.segment("sporty", `wants topic sport`)
	for name, tc := range map[string]struct {
		segments, exclude []string
		want              string
	}{
		"not there":       {[]string{"lyon"}, nil, `there is no segment "lyon"`},
		"not there 2":     {nil, []string{"lyon"}, `there is no segment "lyon"`},
		"twice":           {[]string{"paris", "paris"}, nil, `stands there twice`},
		"both":            {[]string{"paris"}, []string{"paris"}, `nobody would be left`},
		"no short name":   {[]string{"In Paris"}, nil, `not the short name`},
		"too many":        {slices.Repeat([]string{"paris"}, 21), nil, `20 is the limit`},
		"topic not there": {[]string{"sporty"}, nil, `has no topic "sport"`},
	} {
		if name != "topic not there" {
			_, err := r.CreateStory(t.Context(), NewStory{List: "morning", ArticleID: 1, Segments: tc.segments, Exclude: tc.exclude}, "ed")
			if errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), tc.want) {
				t.Errorf("%s: %v", name, err)
			}
			_, err = r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Segments: &tc.segments, Exclude: &tc.exclude}, "ed")
			if errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), tc.want) {
				t.Errorf("%s, edited: %v", name, err)
			}
		}
		rec := r.recipe("")
		rec.Segments, rec.Exclude = tc.segments, tc.exclude
		if _, err := r.Digests.Create(t.Context(), rec, "ed"); errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), tc.want) && !strings.HasPrefix(name, "not there") {
			t.Errorf("%s, in a recipe: %v", name, err)
		}
	}
	// One that cannot be used for this list stands in the way, and is said.
	c, err := r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Segments: &[]string{"sporty"}}, "ed")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Start(t.Context(), c.ID, "ed", true); errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), `no topic "sport"`) {
		t.Errorf("started: %v", err)
	}
}
