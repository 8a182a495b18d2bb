package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mailer/cmd/mailer/demo"
	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/inbox"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// demoPlaces are the addresses of the demo, kept so that a later run has the same ones and links in old mails still work.
type demoPlaces struct {
	Web      string    `json:"web"`
	Inbox    string    `json:"inbox"`
	Newsroom string    `json:"newsroom"`
	Opened   time.Time `json:"opened"` // sample stories are dated before this
	Sent     *demoSent `json:"sent,omitempty"`
}

// demoSent is what only the run that sent the digest knows: whom the list had then. Readers come and go afterwards.
type demoSent struct {
	Campaign   int64         `json:"campaign"`
	Readers    int64         `json:"readers"`
	Skipped    int64         `json:"skipped"`
	Why        []demoSkipped `json:"skipped_why"`
	Supporters int64         `json:"supporters"`
	Appealed   int64         `json:"shown_appeal"`
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
	return d.write(home)
}

func (d *demoPlaces) write(home string) error {
	raw, err := json.MarshalIndent(d, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(home, "demo.json"), raw, 0o600)
	}
	return errs.Wrap(err, errs.Unavailable, "write to the folder %s", home)
}

// demoSummary is what the demo tells at its end. Its figures are those of the send, also in a later run.
type demoSummary struct {
	Campaign   int64         `json:"campaign"`
	Subject    string        `json:"subject"`
	Stories    int           `json:"stories"`
	Readers    int64         `json:"readers,omitempty"` // 0: not known any more, nor are Skipped, Why, Supporters and Appealed
	Audience   int64         `json:"audience"`
	Accepted   int64         `json:"accepted"`
	Failed     int64         `json:"failed"`
	Deferred   int64         `json:"deferred"`
	Left       int64         `json:"left"` // or suppressed, between the launch and their turn
	Skipped    int64         `json:"skipped"`
	Why        []demoSkipped `json:"skipped_why"`
	Supporters int64         `json:"supporters"`
	Appealed   int64         `json:"shown_appeal"`
	Caught     int           `json:"mails_in_inbox"`
	Again      bool          `json:"sent_before"`
	Seconds    float64       `json:"seconds"`

	Desk     string `json:"desk_url"` // logs in once
	Inbox    string `json:"inbox_url"`
	Mail     string `json:"mail_url"`
	Leave    string `json:"unsubscribe_url"`
	Choices  string `json:"preferences_url"`
	Archive  string `json:"archive_url"`
	Signup   string `json:"signup_url"`
	Newsroom string `json:"newsroom_url"`
}

type demoSkipped struct {
	Reason  string `json:"reason"`
	Readers int64  `json:"readers"`
}

func (d *demoRun) summarise(ctx context.Context, list subscribers.List, c campaigns.Campaign, b delivery.Balance, again bool) (*demoSummary, error) {
	s := &demoSummary{Campaign: c.ID, Subject: c.Subject, Stories: c.StoryCount, Audience: b.Audience, Accepted: b.Accepted,
		Failed: b.Failed, Deferred: b.Deferred, Left: b.Suppressed, Caught: d.svc.inbox.Count(ctx), Again: again, Seconds: time.Since(d.started).Seconds(),
		Inbox: d.svc.inboxURL, Signup: d.svc.webURL + "/subscribe/" + list.Slug, Newsroom: d.news.Base + "/", Why: []demoSkipped{}}
	if list.ArchiveOpen {
		s.Archive = d.svc.webURL + "/archive/" + list.Slug
	}
	if !again {
		if err := d.noteSent(ctx, list, c.ID, b); err != nil {
			return nil, err
		}
	}
	if then := d.places.Sent; then != nil && then.Campaign == c.ID {
		s.Readers, s.Skipped, s.Supporters, s.Appealed = then.Readers, then.Skipped, then.Supporters, then.Appealed
		s.Why = append(s.Why, then.Why...)
	}
	desk, err := d.openDesk(ctx)
	if err != nil {
		return nil, err
	}
	s.Desk = desk
	return s, d.findMail(ctx, s, list)
}

// demoEditor is whose desk the demo opens.
const demoEditor = "ines@example.org"

// openDesk returns a link that opens the desk, logged in, and makes the editor it is for.
func (d *demoRun) openDesk(ctx context.Context) (string, error) {
	people := d.svc.accounts.People
	editor, err := people.ByEmail(ctx, demoEditor)
	if none, err := missing(err); err != nil {
		return "", err
	} else if none {
		// Nobody knows the password: the way in is the link, or mailer people reset.
		editor, err = people.Create(ctx, accounts.Person{Email: demoEditor, Name: "Ines Halloran", Password: rand.Text(), Grants: accounts.Grants{{Role: accounts.Owner}}}, "demo")
		if err != nil {
			return "", err
		}
	}
	return d.svc.accounts.Links.Demo(ctx, editor)
}

// noteSent writes down whom the list has just after the send, for this run and later ones. When that does not add up to the audience,
// somebody joined or left meanwhile, and there is nothing certain to tell.
func (d *demoRun) noteSent(ctx context.Context, list subscribers.List, campaign int64, b delivery.Balance) error {
	n, err := d.svc.subscribers.Counts(ctx, list.ID)
	if err != nil || n.Mailable != b.Audience {
		return err
	}
	sent := &demoSent{Campaign: campaign, Readers: n.Pending + n.Confirmed + n.Unsubscribed, Supporters: n.Supporters, Appealed: n.Mailable - n.Supporters}
	sent.Skipped = sent.Readers - b.Audience
	for _, w := range []demoSkipped{{"not confirmed yet", n.Pending}, {"suppressed after a complaint", n.Suppressed}, {"left", n.Unsubscribed}} {
		if w.Readers > 0 {
			sent.Why = append(sent.Why, w)
		}
	}
	d.places.Sent = sent
	return d.places.write(d.svc.cfg.Home)
}

// findMail picks one reader's copy of the digest, whose links the summary shows: that of the usual reader, or else of anybody who has one.
func (d *demoRun) findMail(ctx context.Context, s *demoSummary, list subscribers.List) error {
	all := append(d.svc.inbox.Find(demo.ShownReader), d.svc.inbox.Messages()...)
	at := slices.IndexFunc(all, func(m inbox.Mail) bool { return m.Subject == s.Subject })
	if at < 0 {
		return nil
	}
	m := all[at]
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
	reader, _, err := d.svc.subscribers.ByAddress(ctx, m.To)
	if none, err := missing(err); none || err != nil { // erased since
		return err
	}
	ring := d.svc.ring
	s.Choices = d.svc.webURL + "/p/" + ring.PreferencesToken(ring.Current(), links.Preferences{Subscriber: reader.ID, List: list.ID, Campaign: s.Campaign})
	return nil
}

func (s *demoSummary) print(w io.Writer) {
	fmt.Fprintln(w)
	if s.Again {
		fmt.Fprintf(w, "The digest of the first run: %s\n\n", s.Subject)
	} else {
		fmt.Fprintf(w, "Composed and sent in %.1f s: %s\n\n", s.Seconds, s.Subject)
	}
	fmt.Fprintf(w, "  stories   %d\n", s.Stories)
	if s.Readers > 0 {
		fmt.Fprintf(w, "  readers   %d\n", s.Readers)
	}
	pairs(w, "  audience", s.Audience, "  accepted", s.Accepted)
	if s.Failed+s.Deferred+s.Left > 0 {
		pairs(w, "  failed", s.Failed, "  deferred", s.Deferred, "  left meanwhile", s.Left)
	}
	if s.Readers > 0 {
		fmt.Fprintf(w, "  skipped   %d\n", s.Skipped)
		for _, y := range s.Why {
			fmt.Fprintf(w, "            %d %s\n", y.Readers, y.Reason)
		}
		fmt.Fprintf(w, "  appeal    shown to %d, not to the %s\n", s.Appealed, plural(s.Supporters, "supporter", "supporters"))
	}
	fmt.Fprintln(w, "\nLook at what readers got")
	pairs(w, "  the inbox", s.Inbox, "  one reader's mail", s.Mail, "  its unsubscribe page", s.Leave, "  its preferences", s.Choices, "  the archive", s.Archive, "  the sign-up page", s.Signup, "  the newsroom it came from", s.Newsroom)
	fmt.Fprintf(w, "\nOpen the editors' desk, logged in (once; started again, the demo makes another link)\n  %s\n\n", s.Desk)
}
