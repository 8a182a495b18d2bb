package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/smtptest"
)

// on is the same rig for a subtest.
func (r *rig) on(t *testing.T) *rig {
	other := *r
	other.t = t
	return &other
}

// set changes a variable of the environment, for what starts from now on.
func (r *rig) set(name, value string) {
	r.env = slices.DeleteFunc(slices.Clone(r.env), func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	r.env = append(r.env, name+"="+value)
}

func (r *rig) get(name string) string {
	p := program{env: r.env}
	return p.getenv(name)
}

// database is the program's database, for looking into it.
func (r *rig) database() *sqlx.DB {
	r.t.Helper()
	d, err := db.Open(context.Background(), r.get("MAILER_DATABASE_URL"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = d.Close() })
	return d
}

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

// address waits until the service says where its web server listens.
func (p *process) address() (address string) {
	p.t.Helper()
	if !poll(func() bool {
		found := listening.FindStringSubmatch(p.said())
		if found != nil {
			address = found[1]
		}
		return found != nil
	}) {
		p.t.Fatalf("it does not say where it listens:\n%s", p.said())
	}
	return address
}

// until waits for a condition.
func (r *rig) until(what string, cond func() bool) {
	r.t.Helper()
	if !poll(cond) {
		r.t.Fatalf("in vain: %s", what)
	}
}

// value reads one value of the database.
func value[T any](t *testing.T, d *sqlx.DB, query string, args ...any) (v T) {
	t.Helper()
	if err := d.GetContext(context.Background(), &v, query, args...); err != nil {
		t.Fatalf("%v in %s", err, query)
	}
	return v
}

// done waits for the end of a send. Nothing waits for its second try meanwhile: the backoff is not what is tested here.
func (r *rig) done(d *sqlx.DB, id string) {
	r.t.Helper()
	r.until("the end of send "+id, func() bool {
		if _, err := d.ExecContext(context.Background(), `UPDATE retries SET due = clock_timestamp() WHERE due > clock_timestamp()`); err != nil {
			r.t.Fatal(err)
		}
		return value[string](r.t, d, `SELECT state FROM sends WHERE campaign_id = $1`, id) == "done"
	})
}

// list makes the list weekly, with readers of a CSV file, and a story; it returns the number of the story.
func (r *rig) list(readers string) string {
	r.t.Helper()
	dir := r.t.TempDir()
	write(r.t, filepath.Join(dir, "readers.csv"), readers)
	write(r.t, filepath.Join(dir, "story.md"), "---\ntitle: The tide that keeps time\nsection: Science\nurl: https://paper.example.org/tides\n---\nA clock has been running for ninety years.\n")
	r.run("lists", "create", "weekly", "--name", "The Weekly", "--from-name", "The Weekly", "--from-address", "weekly@news.example.org",
		"--envelope-domain", "bounce.example.org", "--legal-name", "Example Press Ltd", "--postal-address", "1 High Street, Anytown", "--contact", "hello@news.example.org")
	r.run("subscribers", "import", filepath.Join(dir, "readers.csv"), "--list", "weekly", "--confirmed", "--source", "test")
	return fmt.Sprint(r.run("articles", "import", filepath.Join(dir, "story.md"))["article"].(map[string]any)["id"])
}

// campaign makes a campaign of a story and returns its number.
func (r *rig) campaign(story string) string {
	r.t.Helper()
	return fmt.Sprint(r.run("campaigns", "create", "--story", story, "--list", "weekly")["id"])
}

// subscription is where a person stands with the list.
func (r *rig) subscription(address string) string {
	r.t.Helper()
	return fmt.Sprint(r.run("subscribers", "show", address)["subscriptions"].([]any)[0].(map[string]any)["state"])
}

// mailTo waits for a mail to an address that is as wanted.
func (r *rig) mailTo(to string, wanted func(letter) bool) (found letter) {
	r.t.Helper()
	r.until("a mail to "+to, func() bool {
		for _, e := range r.relay.Ledger() {
			if e.To == to {
				if found = read(r.t, e); wanted(found) {
					return true
				}
			}
		}
		return false
	})
	return found
}

// letter is a mail as its reader sees it.
type letter struct {
	smtptest.Entry
	header mail.Header
	text   string // of all parts, decoded
}

func read(t *testing.T, e smtptest.Entry) letter {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(e.Data))
	if err != nil {
		t.Fatalf("the mail to %s: %v", e.To, err)
	}
	l := letter{Entry: e, header: m.Header}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		t.Fatalf("the mail to %s is %s, %v", e.To, kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			return l
		} else if err != nil {
			t.Fatalf("the mail to %s: %v", e.To, err)
		}
		body := io.Reader(part)
		if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
			body = quotedprintable.NewReader(part)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			t.Fatalf("the mail to %s: %v", e.To, err)
		}
		l.text += string(b)
	}
}

func (l letter) subject() string {
	s, _ := new(mime.WordDecoder).DecodeHeader(l.header.Get("Subject"))
	return s
}

// link is where a link of the mail leads on this machine: the first one to a page of the service, such as /u/.
func (l letter) link(t *testing.T, page, address string) string {
	t.Helper()
	found := regexp.MustCompile(`https://news\.example\.org` + page + `[A-Za-z0-9_-]+`).FindString(l.text)
	return local(t, found, address)
}

// oneClick is the address of the one-click POST (RFC 8058) on this machine.
func (l letter) oneClick(t *testing.T, address string) string {
	t.Helper()
	found := leaveURL.FindStringSubmatch(l.header.Get("List-Unsubscribe"))
	if found == nil || l.header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		t.Fatalf("no one-click in %v", l.header)
	}
	return local(t, found[1], address)
}

func local(t *testing.T, link, address string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Host == "" {
		t.Fatalf("no link: %q, %v", link, err)
	}
	u.Scheme, u.Host = "http", address
	return u.String()
}

// page asks the service for a page, which must answer 200.
func page(t *testing.T, method, address, form string) string {
	t.Helper()
	status, body, err := ask(method, address, form)
	if err != nil || status != 200 {
		t.Fatalf("%s: status %d, %v\n%s", method, status, err, body)
	}
	return body
}
