package delivery

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/smtptest"
)

// Each copy has its own reader's link to the preferences, beside the one to leave, and a retry would have the same.
func TestPreferencesLink(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(5)
	s := smtptest.Start(t)
	m := message.NewMarks("q7x4k2m9")
	leave, preferences := m.Slot(message.SlotLeave, ""), m.Slot(message.SlotPreferences, "")
	c, err := message.Compile(message.Draft{Campaign: testCampaign, Key: r.ring.Current(), Domain: "mail.example.org", FromName: "Example News", FromAddress: "news@example.org",
		Subject: "The week", Date: frozen, Bulk: true, ListName: "The Weekly", ListLabel: "weekly.lists.example.org", LeaveBase: "https://news.example.org/u/", Marks: m,
		HTML: fmt.Sprintf(`<p>The week</p><a href="https://news.example.org/u/%s">Leave</a> <a href="https://news.example.org/p/%s">Choose</a>`, leave, preferences),
		Text: fmt.Sprintf("The week\nhttps://news.example.org/u/%s\nhttps://news.example.org/p/%s\n", leave, preferences)})
	if err != nil {
		t.Fatal(err)
	}
	r.launch(func(l *Launch) { l.Messages = []Message{{Compiled: c}} })
	r.sender(r.relay(s))
	r.state(StateDone)
	link := regexp.MustCompile(`https://news\.example\.org/p/([A-Za-z0-9_-]+)`)
	copies := s.Ledger()
	if len(copies) != 5 {
		t.Fatalf("%d copies; want 5", len(copies))
	}
	for _, e := range copies {
		found := link.FindAllStringSubmatch(strings.ReplaceAll(string(e.Data), "=\r\n", ""), -1)
		if len(found) != 2 || found[0][1] != found[1][1] {
			t.Fatalf("links %v; want the same in both parts", found)
		}
		got, err := r.ring.ParsePreferences(found[0][1])
		if want := (links.Preferences{Subscriber: r.subscriber(e.To), List: testList, Campaign: testCampaign}); err != nil || got != want {
			t.Errorf("the link of %s names %+v, %v; want %+v", e.To, got, err, want)
		}
	}
}
