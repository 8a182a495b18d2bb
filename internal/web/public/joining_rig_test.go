package public_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/delivery"
	"mailer/internal/letters"
	"mailer/internal/limits"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/render"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
	"mailer/internal/web/public"
)

// joining is a rig whose list is open for sign-up, with a clock that can be set ahead or back.
type joining struct {
	*rig
	signup *signup.Service
	ahead  atomic.Int64 // nanoseconds
}

// plenty are caps that no test reaches by accident.
var plenty = signup.Caps{Address: 1000, Network: 1000, Domain: 1000, Total: 100_000}

const ownOrigin = "https://news.paper.org"

func newJoining(t testing.TB, change func(*signup.Deps, *public.Deps)) *joining {
	t.Helper()
	r := newRig(t)
	j := &joining{rig: r}
	now := func() time.Time { return time.Now().Add(time.Duration(j.ahead.Load())) }
	r.store.Now = now
	r.list.SignupOpen, r.list.LegalName, r.list.PostalAddress, r.list.Contact = true, "Example Press Ltd", "1 High Street\nAnytown", "hello@paper.org"
	var err error
	if r.list, err = r.store.UpdateList(t.Context(), r.list); err != nil {
		t.Fatal(err)
	}
	templates, err := render.Load("")
	if err != nil {
		t.Fatal(err)
	}
	counts := limits.New(r.db, r.ring)
	d := signup.Deps{DB: r.db, Ring: r.ring, Subscribers: r.store, Delivery: delivery.NewStore(r.db, r.ring, r.store), Limits: counts, BaseURL: ownOrigin,
		Letters: letters.New(letters.Deps{Ring: r.ring, Templates: templates, URLs: links.URLs{Base: ownOrigin}, MailDomain: "paper.org",
			Now: now, Limits: counts}), Caps: plenty, Now: now, Log: slog.New(slog.NewJSONHandler(r.log, nil))}
	pages := r.deps()
	if change != nil {
		change(&d, &pages)
	}
	j.signup = signup.New(d)
	pages.Signup = j.signup
	r.base = serve(t, pages)
	return j
}

// publication offers the rig's list and n more.
func (j *joining) publication(n int) (slugs []string) {
	j.t.Helper()
	p, err := j.store.Publications.Create(j.t.Context(), subscribers.Publication{Slug: "courier", Name: "The Courier", HomeURL: "https://www.paper.org/"})
	if err != nil {
		j.t.Fatal(err)
	}
	for i := range n {
		j.newList(fmt.Sprintf("list-%d", i), fmt.Sprintf("List %c", 'A'+i))
	}
	lists, err := j.store.Lists(j.t.Context())
	if err != nil {
		j.t.Fatal(err)
	}
	for _, l := range lists {
		l.SignupOpen, l.PublicationID = true, &p.ID
		if _, err := j.store.UpdateList(j.t.Context(), l); err != nil {
			j.t.Fatal(err)
		}
		slugs = append(slugs, l.Slug)
	}
	return slugs
}

var stampOf = regexp.MustCompile(`name="stamp" value="([^"]+)"`)

// stamp is that of a page that was opened so long ago.
func (j *joining) stamp(path string, ago time.Duration) string {
	j.t.Helper()
	j.ahead.Add(-int64(ago))
	a := j.do("GET", path, "")
	j.ahead.Add(int64(ago))
	m := stampOf.FindStringSubmatch(a.body)
	if m == nil {
		j.t.Fatalf("GET %s: %d, no form in\n%s", path, a.status, a.body)
	}
	return m[1]
}

// join fills in the form of a page as a person does.
func (j *joining) join(path, address string, header ...string) answer {
	j.t.Helper()
	return j.joinWith(path, url.Values{"address": {address}, "stamp": {j.stamp(path, 10*time.Second)}, "website": {""}}, header...)
}

func (j *joining) joinWith(path string, fields url.Values, header ...string) answer {
	j.t.Helper()
	return j.post(path, fields.Encode(), append([]string{"Origin", ownOrigin, "Sec-Fetch-Site", "same-origin", "X-Forwarded-For", "203.0.113.9"}, header...)...)
}

// work lets the worker finish.
func (j *joining) work() {
	j.t.Helper()
	if _, err := j.signup.Work(context.Background()); err != nil {
		j.t.Fatal(err)
	}
	if n := j.waiting(); n != 0 {
		j.t.Fatalf("%d requests are left", n)
	}
}

func (j *joining) waiting() int { return j.count(`SELECT count(*) FROM signups`) }

func (j *joining) confirms() int {
	return j.count(`SELECT count(*) FROM outbox WHERE kind = 'confirm'`)
}

func (j *joining) exec(query string) {
	j.t.Helper()
	if _, err := j.db.ExecContext(j.t.Context(), query); err != nil {
		j.t.Fatal(err)
	}
}

// mail is the newest mail to an address, with the soft line breaks taken out.
func (j *joining) mail(kind, to string) string {
	j.t.Helper()
	var data []byte
	err := j.db.GetContext(j.t.Context(), &data, `SELECT data FROM outbox WHERE kind = $1 AND recipient = $2 ORDER BY id DESC LIMIT 1`, kind, to)
	if err != nil {
		j.t.Fatalf("no mail of kind %s to %s: %v", kind, to, err)
	}
	return strings.ReplaceAll(string(data), "=\r\n", "")
}

var confirmLink = regexp.MustCompile(`/c/([A-Za-z0-9_-]{40})`)

func (j *joining) link(to string) string {
	j.t.Helper()
	m := confirmLink.FindStringSubmatch(j.mail("confirm", to))
	if m == nil {
		j.t.Fatalf("no link in\n%s", j.mail("confirm", to))
	}
	return "/c/" + m[1]
}

// stateOf is where an address stands with a list; empty: nowhere.
func (j *joining) stateOf(address, list string) string {
	j.t.Helper()
	_, subs, err := j.store.ByAddress(j.t.Context(), address)
	if err != nil {
		return ""
	}
	for _, s := range subs {
		if s.List == list {
			return s.State
		}
	}
	return ""
}

// launch puts a campaign of the rig's list on the way.
func (j *joining) launch(campaign int64, subject string) {
	j.t.Helper()
	m := message.NewMarks("q7x4k2m9")
	leave := ownOrigin + "/u/" + m.Slot(message.SlotLeave, "")
	c, err := message.Compile(message.Draft{Campaign: campaign, Key: j.ring.Current(), Domain: "paper.org", FromName: "The Daily", FromAddress: "news@paper.org",
		Subject: subject, Date: time.Now().Truncate(time.Second), Bulk: true, ListName: "The Daily", ListLabel: "daily.paper.org", LeaveBase: ownOrigin + "/u/", Marks: m,
		HTML: `<!doctype html><html lang="en"><head><title>T</title></head><body><p>News</p><p><a href="` + leave + `">Leave</a></p></body></html>`,
		Text: "News\n\nLeave: " + leave + "\n"})
	if err != nil {
		j.t.Fatal(err)
	}
	err = db.InTx(j.t.Context(), j.db, func(tx *sqlx.Tx) error {
		return delivery.NewStore(j.db, j.ring, j.store).LaunchTx(j.t.Context(), tx, delivery.Launch{Campaign: campaign, List: j.list.ID,
			Messages: []delivery.Message{{Compiled: c, WebHTML: "<p>News"}}, ExpiresAt: time.Now().Add(time.Hour), EnvelopeDomain: "paper.org"})
	})
	if err != nil {
		j.t.Fatal(err)
	}
}
