package campaigns

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailer/internal/delivery"
	"mailer/internal/relay"
	"mailer/internal/render"
	"mailer/internal/smtptest"
	"mailer/internal/subscribers"
)

// readerOn adds a confirmed reader to a list, who has switched off topics by their bits and chosen how often.
func (r *room) readerOn(list int64, address string, off uint64, frequency string) {
	r.t.Helper()
	added, err := r.Lists.Add(r.t.Context(), subscribers.AddRequest{Address: address, ListID: list, Confirmed: true, Source: "test", Wording: "test", Method: "admin"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.exec(`UPDATE subscriptions SET topics_off = $3, frequency = $4, confirmed_at = least(confirmed_at, now() - interval '1 hour') WHERE subscriber_id = $1 AND list_id = $2`, added.Subscriber.ID, list, int64(off), frequency)
}

// topic adds a topic to the list.
func (r *room) topic(slug string) subscribers.Topic {
	r.t.Helper()
	topic, err := r.Lists.Topics.Create(r.t.Context(), subscribers.Topic{ListID: r.list.ID, Slug: slug, Name: "News of " + slug}, "test")
	if err != nil {
		r.t.Fatal(err)
	}
	return topic
}

// in puts a story into a section of its publisher.
func (r *room) in(section, title, published string) int64 {
	r.t.Helper()
	id := r.story(title, published)
	r.exec(`UPDATE articles SET section = $2 WHERE id = $1`, id, section)
	return id
}

// otherList adds a list with a digest of the same feed.
func (r *room) otherList(slug, recipe string) subscribers.List {
	r.t.Helper()
	l := r.list
	l.ID, l.Slug, l.Name = 0, slug, "The "+slug
	l, err := r.Lists.CreateList(r.t.Context(), l)
	if err != nil {
		r.t.Fatal(err)
	}
	rec, err := ParseRecipe(fmt.Appendf(nil, "name = %q\nlist = %q\n%s", "Digest "+slug, slug, recipe))
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.Digests.Create(r.t.Context(), rec, "test"); err != nil {
		r.t.Fatal(err)
	}
	return l
}

// mail runs a sender until all sends are over, and returns what each reader was sent: the titles given that their copies have,
// in order.
func (r *room) mail(s *smtptest.Relay, titles ...string) map[string]string {
	r.t.Helper()
	from := s.Len()
	r.exec(`UPDATE sends SET not_before = now(), expires_at = now() + interval '1 day' WHERE finished_at IS NULL`) // the clock of the room is not the database's
	rl, err := relay.New(relay.Config{URL: s.URL(), HelloName: "mail.example.org", Timeouts: relay.Timeouts{Quit: 200 * time.Millisecond}})
	if err != nil {
		r.t.Fatal(err)
	}
	sender := delivery.NewSender(delivery.SenderConfig{Store: r.Delivery, Relays: []delivery.RelayLine{{Relay: rl}}, Connections: 2,
		Idle: 10 * time.Millisecond, Tick: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sender.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); r.number(`SELECT count(*) FROM sends WHERE finished_at IS NULL`) > 0; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Error("the sends do not end")
			break
		}
	}
	stop()
	if err := <-done; err != nil {
		r.t.Error(err)
	}
	got := map[string]string{}
	for _, e := range s.Ledger()[from:] {
		text, html, err := parts(e.Data)
		if err != nil {
			r.t.Fatal(err)
		}
		var has [2][]string
		for i, body := range []string{text, html} {
			for _, title := range titles {
				if strings.Contains(body, title) || i == 0 && strings.Contains(body, strings.ToUpper(title)) {
					has[i] = append(has[i], title)
				}
			}
		}
		if !slices.Equal(has[0], has[1]) {
			r.t.Errorf("%s: the text has %q, the HTML %q", e.To, has[0], has[1])
		}
		if before, twice := got[e.To]; twice {
			has[0] = append([]string{before, "and again"}, has[0]...)
		}
		got[e.To] = strings.Join(has[0], ", ")
	}
	return got
}

func (r *room) wantSent(got, want map[string]string) {
	r.t.Helper()
	for _, who := range slices.Sorted(keysOf(got, want)) {
		if got[who] != want[who] {
			r.t.Errorf("%s was sent %q; want %q", who, got[who], want[who])
		}
	}
}

func keysOf(maps ...map[string]string) func(yield func(string) bool) {
	all := map[string]bool{}
	for _, m := range maps {
		for k := range m {
			all[k] = true
		}
	}
	return func(yield func(string) bool) {
		for k := range all {
			if !yield(k) {
				return
			}
		}
	}
}

func (r *room) start(id int64) Campaign {
	r.t.Helper()
	c, err := r.Start(r.t.Context(), id, "ed", false)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

const courtsAndSport = `
intro = "Good morning."
[stories]
min = 1
[lead]
rule = "newest"
[appeal]
slug = "autumn"
place = "after 2"
[[sections]]
title = "From the courts"
sections = ["Courts"]
topic = "courts"
[[sections]]
title = "On the pitch"
sections = ["Sport"]
topic = "sport"
[[sections]]
title = "Round the town"
sections = ["City"]
`

// Sections of a topic go, heading and all, to the readers who want it; intro, appeal and the story on top to everybody.
func TestTopicsInMail(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	courts, sport := r.topic("courts"), r.topic("sport")
	l := r.list
	rec, err := ParseRecipe([]byte("name = \"Daily\"\nlist = \"morning\"\nschedule = \"0 7 * * *\"" + courtsAndSport))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Digests.Create(t.Context(), rec, "test"); err != nil {
		t.Fatal(err)
	}
	r.in("City", "Cranes move", "2026-11-21 04:00")
	r.in("Courts", "Judge speaks", "2026-11-21 04:30") // newer, but the lead is for everybody
	r.in("Courts", "Trial opens", "2026-11-21 03:00")
	r.in("Sport", "Rowers win", "2026-11-21 03:30")
	r.tick("2026-11-21 05:00")
	c := r.edition("2026-11-21T07:00")
	if c.Subject != "Cranes move" || strings.Contains(c.Preheader, "Judge") || strings.Contains(c.Preheader, "Rowers") {
		t.Errorf("subject %q and preheader %q name what not every reader gets", c.Subject, c.Preheader)
	}
	r.readerOn(l.ID, "all@example.com", 0, "each")
	r.readerOn(l.ID, "no-courts@example.com", courts.Mask(), "each")
	r.readerOn(l.ID, "no-sport@example.com", sport.Mask(), "each")
	r.readerOn(l.ID, "neither@example.com", courts.Mask()|sport.Mask(), "each")
	s := smtptest.Start(t)
	c = r.start(c.ID)
	// What happens to topics, recipe and readers from here on changes nothing of this mail.
	if _, err := r.Lists.Topics.Retire(t.Context(), l.ID, "courts", "test"); err != nil {
		t.Fatal(err)
	}
	got := r.mail(s, "Good morning", "Cranes move", "From the courts", "Judge speaks", "Trial opens", "On the pitch", "Rowers win", "Keep the harbour lights on")
	r.wantSent(got, map[string]string{
		"all@example.com":       "Good morning, Cranes move, From the courts, Judge speaks, Trial opens, On the pitch, Rowers win, Keep the harbour lights on",
		"no-courts@example.com": "Good morning, Cranes move, On the pitch, Rowers win, Keep the harbour lights on",
		"no-sport@example.com":  "Good morning, Cranes move, From the courts, Judge speaks, Trial opens, Keep the harbour lights on",
		"neither@example.com":   "Good morning, Cranes move, Keep the harbour lights on",
	})
	if n := r.number(`SELECT groups FROM campaign_stories WHERE campaign_id = $1 AND article_id = (SELECT id FROM articles WHERE title = 'Judge speaks')`, c.ID); n != 1<<(2+courts.Bit) {
		t.Errorf("the story is noted with groups %b", n)
	}
}

// A mail of one story with a topic goes to those who want the topic, and to nobody else.
func TestStoryOfTopic(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-21 05:00")
	courts := r.topic("courts")
	r.readerOn(r.list.ID, "all@example.com", 0, "weekly")
	r.readerOn(r.list.ID, "no-courts@example.com", courts.Mask(), "each")
	id := r.story("Judge speaks", "2026-11-21 04:00")
	if _, err := r.CreateStory(t.Context(), NewStory{List: "morning", ArticleID: id, Topic: "kitchen"}, "ed"); err == nil {
		t.Error("a topic that the list does not have was taken")
	}
	c, err := r.CreateStory(t.Context(), NewStory{List: "morning", ArticleID: id, Topic: "courts"}, "ed")
	if err != nil {
		t.Fatal(err)
	}
	problems, err := r.Preflight(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems { // its subject names the story, but so it is for everybody who gets the mail
		if p.Level != Noted {
			t.Errorf("%+v", p)
		}
	}
	s := smtptest.Start(t)
	c = r.start(c.ID)
	r.wantSent(r.mail(s, "Judge speaks"), map[string]string{"all@example.com": "Judge speaks"})
}

// Before the send the room tells of a subject that names what some readers do not get, and of topics that are none; a preview shows the
// mail as a reader gets it who has switched off topics.
func TestTopicsBeforeTheSend(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late", "Judge speaks")
	r.topic("courts")
	with := func(change func(blocks []render.Block)) Campaign {
		t.Helper()
		c = r.get(c.ID)
		blocks := slices.Clone(c.Blocks)
		change(blocks)
		edited, err := r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Blocks: blocks, Preheader: ptr("What else happened while the town slept, and more")}, "ed")
		if err != nil {
			t.Fatal(err)
		}
		return edited
	}
	find := func(code string) (found []string) {
		t.Helper()
		problems, err := r.Preflight(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			if p.Code == code {
				found = append(found, p.Level+": "+p.Message)
			}
		}
		return found
	}
	section := slices.IndexFunc(c.Blocks, func(b render.Block) bool { return b.Kind == render.KindSection })
	lead := slices.IndexFunc(c.Blocks, func(b render.Block) bool { return b.Lead })
	c = with(func(b []render.Block) { b[section].Topic = "courts" })
	if got := find("topic"); len(got) != 0 {
		t.Errorf("a section with a topic: %q", got)
	}
	for _, reader := range []Reader{{}, {TopicsOff: []string{"courts"}}, {Supporter: true, TopicsOff: []string{"courts"}}} {
		v, err := r.Preview(t.Context(), c.ID, reader)
		if err != nil {
			t.Fatal(err)
		}
		want := len(reader.TopicsOff) == 0
		if strings.Contains(v.HTML, "Ferry late") != want || strings.Contains(v.Text, "Judge speaks") != want || !strings.Contains(v.HTML, "Cranes move") {
			t.Errorf("the preview for %+v shows the topic: %t", reader, !want)
		}
		if !strings.Contains(v.Web, "Ferry late") {
			t.Error("the page for browsers lacks a story")
		}
	}
	if _, err := r.Preview(t.Context(), c.ID, Reader{TopicsOff: []string{"kitchen"}}); err == nil {
		t.Error("a preview without a topic that the list does not have")
	}
	if _, err := r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Subject: ptr("Ferry late, and cranes")}, "ed"); err != nil {
		t.Fatal(err)
	}
	if got := find("topic"); len(got) != 1 || !strings.HasPrefix(got[0], "warned: “Ferry late” is for readers of the topic courts only, and the subject names it") {
		t.Errorf("a subject that names it: %q", got)
	}
	c = with(func(b []render.Block) { b[lead].Topic = "courts" })
	if _, err := r.Edit(t.Context(), c.ID, Edit{Version: c.Version, Subject: ptr("Good morning")}, "ed"); err != nil {
		t.Fatal(err)
	}
	if got := find("topic"); len(got) != 1 || !strings.Contains(got[0], "every story is of a topic") {
		t.Errorf("every story of the topic: %q", got)
	}
	v, err := r.Preview(t.Context(), c.ID, Reader{TopicsOff: []string{"courts"}})
	if err != nil || !slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Code == "nothing" }) {
		t.Errorf("a reader with nothing left: %+v, %v", v.Problems, err)
	}
	c = with(func(b []render.Block) { b[section].Topic = "" })
	if got := find("topic"); len(got) != 1 || !strings.HasPrefix(got[0], "warned: the first story, “Cranes move”") {
		t.Errorf("the first story alone: %q", got)
	}
	r.exec(`UPDATE campaign_blocks SET data = jsonb_set(data, '{topic}', '"kitchen"') WHERE campaign_id = $1 AND position = $2`, c.ID, lead+1)
	if got := find("topic"); len(got) == 0 || !strings.HasPrefix(got[0], "refused: ") {
		t.Errorf("a topic that the list does not have: %q", got)
	}
	blocks := r.get(c.ID).Blocks
	if _, err := r.Edit(t.Context(), c.ID, Edit{Version: r.get(c.ID).Version, Blocks: blocks}, "ed"); err == nil {
		t.Error("an edit with a topic that the list does not have")
	}
}

// Who chose the weekly edition gets it alone; but as long as there is none each edition goes to them as well, also after it was stopped.
func TestWeekly(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	r.digest("")
	r.readerOn(r.list.ID, "each@example.com", 0, "each")
	r.readerOn(r.list.ID, "weekly@example.com", 0, "weekly")
	s := smtptest.Start(t)
	weekly := func(want bool) {
		t.Helper()
		if got, err := r.Digests.Weekly(t.Context(), r.list.ID); got != want || err != nil {
			t.Errorf("weekly: %t, %v", got, err)
		}
	}
	daily := func(day, title string) Campaign {
		t.Helper()
		r.story(title, day+" 03:00")
		r.tick(day + " 05:00")
		return r.start(r.edition(day + "T07:00").ID)
	}
	weekly(false)
	c := daily("2026-11-21", "Cranes move")
	if c.Frequency != delivery.FrequencyAll {
		t.Errorf("it went to readers of %q", c.Frequency)
	}
	r.wantSent(r.mail(s, "Cranes move"), map[string]string{"each@example.com": "Cranes move", "weekly@example.com": "Cranes move"})

	// A weekly digest that is by hand only is not one to rely on.
	byHand, err := ParseRecipe([]byte("name = \"The week\"\nlist = \"morning\"\nfrequency = \"weekly\"\n[[sections]]\nfeeds = [\"city\"]"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Digests.Create(t.Context(), byHand, "test"); err != nil {
		t.Fatal(err)
	}
	weekly(false)
	byHand.Schedule = "0 9 * * 1"
	if _, err := r.Digests.Update(t.Context(), byHand, "test"); err != nil {
		t.Fatal(err)
	}
	weekly(true)
	c = daily("2026-11-22", "Ferry late")
	r.wantSent(r.mail(s, "Ferry late"), map[string]string{"each@example.com": "Ferry late"})

	// The weekly edition carries what only the others have had, and not what its own readers have.
	r.tick("2026-11-23 07:30")
	var week Campaign
	for _, id := range []string{"2026-11-23T09:00"} {
		week = r.edition(id)
	}
	if got := titles(week); !slices.Equal(got, []string{"Ferry late"}) {
		t.Errorf("the weekly edition has %v", got)
	}
	week = r.start(week.ID)
	r.wantSent(r.mail(s, "Ferry late"), map[string]string{"weekly@example.com": "Ferry late"})

	if err := r.Digests.SetActive(t.Context(), "the-week", false, "test"); err != nil {
		t.Fatal(err)
	}
	weekly(false)
	c = daily("2026-11-24", "Locks closed")
	r.wantSent(r.mail(s, "Locks closed"), map[string]string{"each@example.com": "Locks closed", "weekly@example.com": "Locks closed"})
}

const evening = `schedule = "30 7 * * *"
[stories]
repeat = "reader"
[lead]
rule = "newest"
[[sections]]
title = "Round the town"
sections = ["City"]
[[sections]]
title = "From the courts"
sections = ["Courts"]
`

// A story that a reader was sent with one list does not come again with another one that says so; its heading goes with it, and who
// has not had it gets it.
func TestNoStoryTwice(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	courts := r.topic("courts")
	rec, err := ParseRecipe([]byte("name = \"Daily\"\nlist = \"morning\"\nschedule = \"0 7 * * *\"\n[lead]\nrule = \"newest\"\n[[sections]]\ntitle = \"Round the town\"\nsections = [\"City\"]\n" +
		"[[sections]]\ntitle = \"From the courts\"\ntopic = \"courts\"\nsections = [\"Courts\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Digests.Create(t.Context(), rec, "test"); err != nil {
		t.Fatal(err)
	}
	other := r.otherList("evening", evening)
	r.in("City", "Cranes move", "2026-11-21 04:30")
	r.in("Courts", "Judge speaks", "2026-11-21 04:00")
	r.readerOn(r.list.ID, "both@example.com", 0, "each")
	r.readerOn(r.list.ID, "no-courts@example.com", courts.Mask(), "each")
	r.readerOn(r.list.ID, "refused@example.com", 0, "each")
	for _, address := range []string{"both@example.com", "no-courts@example.com", "refused@example.com", "evening@example.com"} {
		r.readerOn(other.ID, address, 0, "each")
	}
	var refuse atomic.Bool
	refuse.Store(true)
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		if e.To == "refused@example.com" && refuse.Load() {
			return smtptest.Reply("550 5.7.1 not today")
		}
		return smtptest.Go()
	}))
	r.tick("2026-11-21 05:00")
	r.start(r.edition("2026-11-21T07:00").ID)
	r.in("City", "Ferry late", "2026-11-21 05:10")
	r.tick("2026-11-21 05:40")
	c := r.edition("2026-11-21T07:30")
	if got := titles(c); !slices.Equal(got, []string{"Ferry late", "Cranes move", "Judge speaks"}) || c.Subject != "Ferry late" || strings.Contains(c.Preheader, "Cranes") {
		t.Errorf("%q, %q: %v", c.Subject, c.Preheader, got)
	}
	mail := []string{"Ferry late", "Round the town", "Cranes move", "From the courts", "Judge speaks"}
	r.wantSent(r.mail(s), map[string]string{"both@example.com": "", "no-courts@example.com": ""})
	refuse.Store(false)
	c = r.start(c.ID)
	if err := r.Digests.SetActive(t.Context(), "digest-evening", false, "test"); err != nil { // upstream changes nothing
		t.Fatal(err)
	}
	r.wantSent(r.mail(s, mail...), map[string]string{
		"both@example.com":      "Ferry late",
		"no-courts@example.com": "Ferry late, From the courts, Judge speaks",
		"refused@example.com":   strings.Join(mail, ", "),
		"evening@example.com":   strings.Join(mail, ", "),
	})
}

// Two lists with the same story that are launched at the same moment, by processes that do not know of each other: whoever comes second
// sees the first, and makes its mail again.
func TestNoStoryTwiceAtOnce(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	// Neither names the second story in its preheader: it would have to stay.
	first := r.otherList("noon", "preheader = \"{dek}\"\n"+strings.Replace(evening, "30 7", "40 7", 1))
	second := r.otherList("evening", "preheader = \"{dek}\"\n"+evening)
	r.in("City", "Cranes move", "2026-11-21 04:30")
	r.in("City", "Ferry late", "2026-11-21 04:20")
	r.readerOn(first.ID, "both@example.com", 0, "each")
	r.readerOn(second.ID, "both@example.com", 0, "each")
	r.tick("2026-11-21 05:50")
	processes := []*Service{r.another(), r.another()}
	var wg sync.WaitGroup
	for i, edition := range []string{"2026-11-21T07:30", "2026-11-21T07:40"} {
		id := r.edition(edition).ID
		wg.Go(func() {
			if _, err := processes[i].Start(context.Background(), id, "ed", false); err != nil {
				t.Errorf("start: %v", err)
			}
		})
	}
	wg.Wait()
	if n := r.number(`SELECT count(DISTINCT campaign_id) FROM send_repeats`); n != 1 {
		t.Errorf("%d of the two look at the other", n)
	}
	s := smtptest.Start(t)
	copies := 0
	r.mail(s)
	for _, e := range s.Ledger() {
		if strings.Contains(string(e.Data), "Ferry late") {
			copies++
		}
	}
	if copies != 1 {
		t.Errorf("the reader was sent the second story %d times in %d mails", copies, s.Len())
	}
}

// A campaign that was cancelled before anything was sent has not mailed its stories; one that was cancelled later has.
func TestCancelledBeforeAnythingWasSent(t *testing.T) {
	t.Parallel()
	for _, sent := range []bool{false, true} {
		t.Run(fmt.Sprintf("sent %t", sent), func(t *testing.T) {
			t.Parallel()
			r, c := waiting(t, "Cranes move")
			c = r.start(c.ID)
			if sent {
				r.exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind) VALUES ($1, 1, 1, 'accepted')`, c.ID)
			} else {
				r.exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind) VALUES ($1, 1, 1, 'failed')`, c.ID)
			}
			if _, err := r.Cancel(t.Context(), c.ID, "", "ed"); err != nil {
				t.Fatal(err)
			}
			again, err := r.Digests.Run(t.Context(), "daily", "ed")
			if sent {
				if err == nil {
					t.Errorf("the story that went out stands in it again: %v", titles(again))
				}
				return
			}
			if err != nil || !slices.Equal(titles(again), []string{"Cranes move"}) {
				t.Fatalf("%v, %v", titles(again), err)
			}
			problems, err := r.Preflight(t.Context(), again.ID)
			if err != nil || slices.ContainsFunc(problems, func(p Problem) bool { return p.Code == "repeat" }) {
				t.Errorf("%+v, %v", problems, err)
			}
			r.start(again.ID)
		})
	}
}
