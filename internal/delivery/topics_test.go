package delivery

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/message"
	"mailer/internal/smtptest"
)

// parted is a message with stories in the groups given, each a line "story N" in HTML and text, and a heading in a group of its own;
// group 0 is for everybody.
func (r *rig) parted(campaign int64, heading int, stories ...int) *message.Compiled {
	r.Helper()
	m := message.NewMarks("q7x4k2m9")
	in := func(group int, s string) string {
		if group == 0 {
			return s
		}
		return m.Open(group) + s + m.Close(group)
	}
	html, text := in(heading, "<h2>Courts</h2>"), in(heading, "Courts\n")
	for i, group := range stories {
		name := "story " + string(rune('A'+i))
		html += in(group, "<p>"+name+"</p>")
		text += in(group, name+"\n")
	}
	html += in(1, "<p>Become a supporter</p>")
	text += in(1, "Become a supporter\n")
	leave := "https://news.example.org/u/" + m.Slot(message.SlotLeave, "")
	c, err := message.Compile(message.Draft{
		Campaign: campaign, Key: r.ring.Current(), Domain: "mail.example.org", FromName: "Example News", FromAddress: "news@example.org",
		Subject: "The week in Examplia", Date: frozen, Bulk: true, ListName: "The Weekly", ListLabel: "weekly.lists.example.org",
		LeaveBase: "https://news.example.org/u/", Marks: m,
		HTML: `<!doctype html><html lang="en"><head><title>The week</title></head><body>` + html + `<p><a href="` + leave + `">Leave</a></p></body></html>`,
		Text: text + "Leave: " + leave + "\n",
	})
	if err != nil {
		r.Fatalf("compile: %v", err)
	}
	return c
}

// got is what each reader was sent: the stories, the heading and the appeal by their first letters, in HTML and text alike.
func got(t *testing.T, s *smtptest.Relay) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, e := range s.Ledger() {
		text, html, _ := strings.Cut(string(e.Data), "text/html")
		parts := [2]string{}
		for i, body := range []string{text, html} {
			for _, mark := range []string{"Courts", "story A", "story B", "story C", "story D", "Become"} {
				if strings.Contains(body, mark) {
					parts[i] += mark[len(mark)-1:]
				}
			}
		}
		if parts[0] != parts[1] {
			t.Errorf("%s: the text has %q, the HTML %q", e.To, parts[0], parts[1])
		}
		if before, twice := all[e.To]; twice && before != parts[0] {
			t.Errorf("%s got %q and %q", e.To, before, parts[0])
		}
		all[e.To] = parts[0]
	}
	return all
}

func (r *rig) wants(s *smtptest.Relay, want map[string]string) {
	r.Helper()
	have := got(r.T, s)
	for a, stories := range want {
		if have[a] != stories {
			r.Errorf("%s got %q; want %q", a, have[a], stories)
		}
		delete(have, a)
	}
	for a, stories := range have {
		r.Errorf("%s got %q and should not have any mail", a, stories)
	}
}

// Topics that a reader has switched off are not in the mail, in either part; who has switched off all of them gets none, and is not
// counted for a first slice either. Supporters have topics too.
func TestTopics(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stories []int
		needs   []uint64
		want    map[string]string
	}{
		// Topics of the bits 0 and 29: groups 2 and 31. Readers 1 to 5 have switched off nothing, one, the other, both, and both with others.
		"a story for all": {[]int{0, 2, 31}, nil, map[string]string{addressOf(1): "sABCe", addressOf(2): "sACe", addressOf(3): "sABe", addressOf(4): "sAe", addressOf(5): "sA"}},
		"topics alone":    {[]int{2, 31, 31}, []uint64{1 << 2, 1 << 31}, map[string]string{addressOf(1): "sABCe", addressOf(2): "sBCe", addressOf(3): "sAe"}},
	} {
		for _, slice := range []float64{0, 50} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.readers(5) // the fifth is a supporter
				for n, off := range map[int]uint64{2: 1, 3: 1 << 29, 4: 1 | 1<<29, 5: 1<<30 - 1} {
					r.exec(`UPDATE subscriptions SET topics_off = $2 WHERE subscriber_id = $1`, r.subscriber(addressOf(n)), int64(off))
				}
				s := smtptest.Start(t)
				r.launch(func(l *Launch) {
					l.Messages[0].Compiled = r.parted(testCampaign, 0, tc.stories...)
					l.Groups, l.SupporterGroups, l.TopicGroups, l.Stories = 1<<1, 0, 1<<2|1<<31, tc.needs
					l.SlicePercent = slice
				})
				r.sender(r.relay(s))
				if b := r.state(StateDone); b.Audience != int64(len(tc.want)) {
					t.Errorf("%+v", b)
				}
				r.wants(s, tc.want)
			})
		}
	}
}

// A choice made after the audience was written changes nothing of it: a retry is the same mail.
func TestTopicsAreFrozen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(1)
	s := smtptest.Start(t)
	r.launch(func(l *Launch) {
		l.Messages[0].Compiled = r.parted(testCampaign, 0, 0, 2)
		l.Groups, l.SupporterGroups, l.TopicGroups = 1<<1, 0, 1<<2
	})
	if _, err := r.store.extendAudience(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.exec(`UPDATE subscriptions SET topics_off = 1`)
	r.sender(r.relay(s))
	r.state(StateDone)
	r.wants(s, map[string]string{addressOf(1): "sABe"})
}

// earlier makes a send of another list of which the readers given had deliveries, each with groups, and what came of them.
func (r *rig) earlier(campaign int64, state string, readers map[string]earlierDelivery) {
	r.Helper()
	l := r.launchOf(campaign)
	l.List = 2
	r.launchTx(l)
	seq := 0
	for _, address := range slices.Sorted(mapKeys(readers)) {
		d := readers[address]
		seq++
		r.exec(`INSERT INTO deliveries (campaign_id, seq, subscriber_id, recipient, groups, slots) VALUES ($1, $2, $3, $4, $5, '{}')`,
			campaign, seq, r.subscriber(address), address, int64(d.groups))
		for i, kind := range d.outcomes {
			r.exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind) VALUES ($1, $2, $3, $4)`, campaign, seq, i+1, kind)
		}
	}
	r.exec(`UPDATE sends SET state = $2, audience = $3, audience_complete = true, finished_at = CASE WHEN $2 <> 'paused' THEN now() END WHERE campaign_id = $1`,
		campaign, state, seq)
}

type earlierDelivery struct {
	groups   uint64
	outcomes []string
}

func mapKeys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// A story that a reader was sent with another list is left out for that reader alone; the heading goes when nothing is left below it,
// and who has nothing left gets no mail.
func TestRepeats(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain) VALUES ('other', 'Other', 'Other', 'o@example.org', 'example.org')`)
	r.readers(12)
	had := func(outcomes ...string) earlierDelivery { return earlierDelivery{1 << 1, outcomes} }
	// Campaign 1 carried A to whoever had group 1, and B to whoever had group 5; campaigns 2 and 3 carried B to everybody.
	r.earlier(1, "paused", map[string]earlierDelivery{
		addressOf(1):  had("accepted"),
		addressOf(2):  had("failed"),
		addressOf(3):  had("suppressed"),
		addressOf(4):  had(),         // still queued
		addressOf(6):  {1 << 5, nil}, // was sent B and not A
		addressOf(7):  {1<<1 | 1<<5, []string{"deferred", "accepted"}},
		addressOf(8):  {0, []string{"accepted"}}, // of all that, nothing
		addressOf(12): had("failed", "accepted"), // a late answer after all
	})
	r.earlier(2, "cancelled", map[string]earlierDelivery{
		addressOf(9):  {0, nil},
		addressOf(10): {0, []string{"accepted"}},
		addressOf(11): {0, []string{"doubt"}},
	})
	r.earlier(3, "done", map[string]earlierDelivery{addressOf(1): {0, []string{"unknown"}}})
	r.earlier(4, "done", map[string]earlierDelivery{addressOf(3): {0, []string{"accepted"}}}) // has nothing to do with it
	s := smtptest.Start(t)
	l := r.launchOf(testCampaign)
	l.Messages[0].Compiled = r.parted(testCampaign, 40, 32, 33)
	l.Groups, l.SupporterGroups = 1<<1|1<<32|1<<33|1<<40, 1<<32|1<<33|1<<40
	l.Stories, l.Headings = []uint64{1 << 32, 1 << 33}, []Heading{{Group: 1 << 40, Stories: 1<<32 | 1<<33}}
	l.Repeats = []Repeat{{1, 1 << 1, 1 << 32}, {1, 1 << 5, 1 << 33}, {2, 0, 1 << 33}, {3, 0, 1 << 33}}
	r.launchTx(l)
	r.sender(r.relay(s))
	b := r.state(StateDone)
	want := map[string]string{
		// 1 has had A from campaign 1 and B from campaign 3, 7 both from campaign 1: no mail for them.
		addressOf(2): "sABe", addressOf(3): "sABe", addressOf(4): "sBe", addressOf(5): "sAB", addressOf(6): "sAe", addressOf(8): "sABe",
		addressOf(9): "sABe", addressOf(10): "sA", addressOf(11): "sAe", addressOf(12): "sBe",
	}
	if b.Audience != int64(len(want)) {
		t.Errorf("%+v", b)
	}
	r.wants(s, want)
}

// A heading stands as long as one of its stories does; and where another story is for all, everybody gets the mail.
func TestHeadingOfRepeats(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain) VALUES ('other', 'Other', 'Other', 'o@example.org', 'example.org')`)
	r.readers(3)
	r.earlier(1, "done", map[string]earlierDelivery{addressOf(1): {0, []string{"accepted"}}, addressOf(2): {0, []string{"accepted"}}})
	r.earlier(2, "done", map[string]earlierDelivery{addressOf(2): {0, []string{"accepted"}}})
	s := smtptest.Start(t)
	r.launch(func(l *Launch) {
		l.Messages[0].Compiled = r.parted(testCampaign, 34, 32, 62, 0)
		l.Groups, l.SupporterGroups = 1<<32|1<<62|1<<34, 1<<32|1<<62|1<<34
		l.Headings = []Heading{{Group: 1 << 34, Stories: 1<<32 | 1<<62}}
		l.Repeats = []Repeat{{1, 0, 1 << 32}, {2, 0, 1 << 62}}
	})
	r.sender(r.relay(s))
	r.state(StateDone)
	r.wants(s, map[string]string{addressOf(1): "sBC", addressOf(2): "C", addressOf(3): "sABC"})
}

// Who counts is frozen: a send to another list that begins later changes nothing; and an undone launch leaves nothing behind.
func TestRepeatsAreFrozenAndUndone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(2)
	r.launch(func(l *Launch) {
		l.UndoWindow = time.Minute
		l.Messages[0].Compiled = r.parted(testCampaign, 0, 32)
		l.Groups, l.SupporterGroups = 1<<32, 1<<32
		l.Repeats = []Repeat{{1, 0, 1 << 32}}
	})
	if n := r.count(`SELECT count(*) FROM send_repeats`); n != 1 {
		t.Errorf("%d rows", n)
	}
	tx := r.db.MustBegin()
	if err := r.store.UndoTx(t.Context(), tx, testCampaign); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if n := r.count(`SELECT count(*) FROM send_repeats`); n != 0 {
		t.Errorf("%d rows after the undo", n)
	}
}

// Who has had a story is known once the audience of the earlier campaign is there: that is waited for, and said, but not for ever.
func TestRepeatsWaitForTheEarlierAudience(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain) VALUES ('other', 'Other', 'Other', 'o@example.org', 'example.org')`)
	r.readers(2)
	l := r.launchOf(1)
	l.List, l.Priority, l.UndoWindow = 2, -1, time.Hour
	r.launchTx(l)
	r.launch(func(l *Launch) {
		l.Messages[0].Compiled = r.parted(testCampaign, 0, 0, 32)
		l.Groups, l.SupporterGroups = 1<<32, 1<<32
		l.Repeats = []Repeat{{1, 0, 1 << 32}}
	})
	step := func(want int64) {
		t.Helper()
		if c, err := r.store.extendAudience(t.Context()); c != want || err != nil {
			t.Errorf("a step of %d, %v; want %d", c, err, want)
		}
	}
	step(0)
	waits, err := r.store.Waiting(t.Context(), testCampaign)
	if err != nil || !slices.ContainsFunc(waits, func(w Wait) bool {
		return strings.HasPrefix(w.Text, "It waits for the audience of an earlier campaign")
	}) {
		t.Errorf("%+v, %v", waits, err)
	}
	r.exec(`UPDATE sends SET undo_until = NULL WHERE campaign_id = 1`)
	step(1)
	step(testCampaign)
	r.exec(`UPDATE sends SET audience_complete = false, audience = 0 WHERE campaign_id IN (1, $1)`, testCampaign)
	r.exec(`DELETE FROM deliveries; DELETE FROM chunks; UPDATE sends SET state = 'paused' WHERE campaign_id = 1`)
	step(testCampaign) // a paused one may stay so for days
	r.exec(`UPDATE sends SET audience_complete = false, audience = 0, created_at = now() - interval '20 minutes', state = 'running', expires_at = CASE campaign_id WHEN 1 THEN now() ELSE expires_at END`)
	r.exec(`DELETE FROM deliveries; DELETE FROM chunks`)
	step(testCampaign)
}

// Groups that collide are refused: they would show a reader what is switched off, or hide what nobody asked to hide.
func TestGroupsThatCollide(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, change := range map[string]func(l *Launch){
		"a topic for everybody":           func(l *Launch) { l.TopicGroups, l.Groups = 1<<2, 1<<2 },
		"a repeat that is off":            func(l *Launch) { l.Repeats = []Repeat{{1, 0, 1 << 32}} },
		"a repeat off for supporters":     func(l *Launch) { l.Groups, l.Repeats = 1<<32, []Repeat{{1, 0, 1 << 32}} },
		"a heading that is off":           func(l *Launch) { l.Headings = []Heading{{1 << 33, 1 << 32}} },
		"a frequency that does not exist": func(l *Launch) { l.Frequency = "monthly" },
	} {
		l := r.launchOf(testCampaign)
		change(&l)
		if err := r.inTx(func(tx *sqlx.Tx) error { return r.store.LaunchTx(t.Context(), tx, l) }); err == nil {
			t.Errorf("%s: launched", name)
		}
	}
}

// inTx runs f in a transaction that is taken back.
func (r *rig) inTx(f func(tx *sqlx.Tx) error) error {
	tx := r.db.MustBegin()
	defer func() { _ = tx.Rollback() }()
	return f(tx)
}
