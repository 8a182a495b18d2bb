package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mailer/cmd/mailer/demo"
	"mailer/internal/campaigns"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// demoPlaces are the addresses of the demo, kept so that a later run has the same ones and links in old mails still work.
type demoPlaces struct {
	Web      string    `json:"web"`
	Inbox    string    `json:"inbox"`
	Newsroom string    `json:"newsroom"`
	Opened   time.Time `json:"opened"` // sample stories are dated before this
}

func recallPlaces(home string) demoPlaces {
	d := demoPlaces{Web: "127.0.0.1:8025", Inbox: "127.0.0.1:8026", Newsroom: "127.0.0.1:8027", Opened: time.Now().Truncate(time.Second)}
	if raw, err := os.ReadFile(filepath.Join(home, "demo.json")); err == nil {
		_ = json.Unmarshal(raw, &d) // a damaged file costs the old addresses only
	}
	return d
}

func (d *demoPlaces) remember(home string, s *service) error {
	local := func(u string) string { return strings.Replace(u, "http://localhost", "127.0.0.1", 1) }
	d.Web, d.Inbox = local(s.webURL), local(s.inboxURL)
	raw, err := json.MarshalIndent(d, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(home, "demo.json"), raw, 0o600)
	}
	return errs.Wrap(err, errs.Unavailable, "write to the folder %s", home)
}

// demoSummary is what the demo tells at its end.
type demoSummary struct {
	Campaign   int64         `json:"campaign"`
	Subject    string        `json:"subject"`
	Stories    int           `json:"stories"`
	Readers    int64         `json:"readers"`
	Audience   int64         `json:"audience"`
	Accepted   int64         `json:"accepted"`
	Failed     int64         `json:"failed"`
	Deferred   int64         `json:"deferred"`
	Skipped    int64         `json:"skipped"`
	Why        []demoSkipped `json:"skipped_why"`
	Supporters int64         `json:"supporters"`
	Appealed   int64         `json:"shown_appeal"`
	Caught     int           `json:"mails_in_inbox"`
	Again      bool          `json:"sent_before"`
	Seconds    float64       `json:"seconds"`

	Inbox    string `json:"inbox_url"`
	Mail     string `json:"mail_url"`
	Leave    string `json:"unsubscribe_url"`
	Signup   string `json:"signup_url"`
	Newsroom string `json:"newsroom_url"`
}

type demoSkipped struct {
	Reason  string `json:"reason"`
	Readers int64  `json:"readers"`
}

func (d *demoRun) summarise(ctx context.Context, list subscribers.List, c campaigns.Campaign, b delivery.Balance, again bool) (*demoSummary, error) {
	n, err := d.svc.subscribers.Counts(ctx, list.ID)
	if err != nil {
		return nil, err
	}
	s := &demoSummary{Campaign: c.ID, Subject: c.Subject, Stories: c.StoryCount, Readers: n.Pending + n.Confirmed + n.Unsubscribed,
		Audience: b.Audience, Accepted: b.Accepted, Failed: b.Failed, Deferred: b.Deferred, Supporters: n.Supporters,
		Appealed: n.Mailable - n.Supporters, Caught: d.svc.inbox.Count(ctx), Again: again, Seconds: time.Since(d.started).Seconds(),
		Inbox: d.svc.inboxURL, Signup: d.svc.webURL + "/subscribe/" + list.Slug, Newsroom: d.news.Base + "/", Why: []demoSkipped{}}
	// As it was at the launch: who has left since was in the audience.
	s.Skipped = s.Readers - s.Audience
	pending := min(n.Pending, s.Skipped)
	for _, w := range []demoSkipped{{"not confirmed yet", pending}, {"suppressed after a complaint", s.Skipped - pending}} {
		if w.Readers > 0 {
			s.Why = append(s.Why, w)
		}
	}
	return s, d.findMail(s)
}

// findMail picks one reader's copy, whose links the summary shows.
func (d *demoRun) findMail(s *demoSummary) error {
	caught := d.svc.inbox.Find(demo.ShownReader)
	if len(caught) == 0 {
		return nil
	}
	m := caught[0]
	raw, err := d.svc.inbox.Raw(m.ID)
	if err != nil {
		return err
	}
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return errs.Wrap(err, errs.Internal, "read a caught mail")
	}
	s.Mail = d.svc.inboxURL + "/m/" + m.ID
	s.Leave = strings.Trim(parsed.Header.Get("List-Unsubscribe"), "<>")
	return nil
}

func (s *demoSummary) print(w io.Writer) {
	fmt.Fprintln(w)
	if s.Again {
		fmt.Fprintf(w, "The digest of the first run: %s\n\n", s.Subject)
	} else {
		fmt.Fprintf(w, "Composed and sent in %.1f s: %s\n\n", s.Seconds, s.Subject)
	}
	pairs(w, "  stories", s.Stories, "  readers", s.Readers, "  audience", s.Audience, "  accepted", s.Accepted)
	if s.Failed+s.Deferred > 0 {
		pairs(w, "  failed", s.Failed, "  deferred", s.Deferred)
	}
	fmt.Fprintf(w, "  skipped   %d\n", s.Skipped)
	for _, y := range s.Why {
		fmt.Fprintf(w, "            %d %s\n", y.Readers, y.Reason)
	}
	fmt.Fprintf(w, "  appeal    shown to %d, not to the %s\n\n", s.Appealed, plural(s.Supporters, "supporter", "supporters"))
	fmt.Fprintln(w, "Look at")
	pairs(w, "  the inbox", s.Inbox, "  one reader's mail", s.Mail, "  its unsubscribe page", s.Leave, "  the sign-up page", s.Signup, "  the newsroom it came from", s.Newsroom)
	fmt.Fprintln(w)
}
