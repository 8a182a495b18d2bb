package public_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/appeals"
	"mailer/internal/campaigns"
	"mailer/internal/dbtest"
	"mailer/internal/delivery"
	"mailer/internal/links"
	"mailer/internal/logtest"
	"mailer/internal/subscribers"
	"mailer/internal/web/public"
)

// rig is the public pages on a real socket and a real database.
type rig struct {
	t       testing.TB
	db      *sqlx.DB
	ring    *links.Ring
	store   *subscribers.Store
	appeals *appeals.Store
	base    string
	log     *logtest.Buffer

	list   subscribers.List
	person subscribers.Subscriber
	token  string // leave token of person, list and campaign 7
}

func newRing(t testing.TB, secrets ...string) *links.Ring {
	t.Helper()
	for i, s := range secrets {
		secrets[i] = s + strings.Repeat("-", 40)
	}
	ring, err := links.NewRing(secrets[0], secrets[1:])
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func newRig(t testing.TB) *rig { return newRigOn(t, dbtest.Open(t), newRing(t, "first")) }

// newRigOn serves the pages on d with one confirmed reader of one list.
func newRigOn(t testing.TB, d *sqlx.DB, ring *links.Ring) *rig {
	t.Helper()
	r := &rig{t: t, db: d, ring: ring, log: new(logtest.Buffer)}
	r.store = subscribers.NewStore(d, ring)
	r.appeals = appeals.NewStore(d, time.Now)
	r.base = serve(t, r.deps())
	r.list = r.newList("daily", "The Daily & Co")
	added, err := r.store.Add(t.Context(), subscribers.AddRequest{Address: "jane.doe@example.org", Name: "Jane", ListID: r.list.ID, Confirmed: true, Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	r.person = added.Subscriber
	r.token = ring.LeaveToken(ring.Current(), links.Leave{Subscriber: r.person.ID, List: r.list.ID, Campaign: 7})
	return r
}

// deps is what the pages of the rig stand on.
func (r *rig) deps() public.Deps {
	return public.Deps{Subscribers: r.store, Appeals: r.appeals, Delivery: delivery.NewStore(r.db, r.ring, r.store), Archive: campaigns.NewArchive(r.db, r.store),
		Ring: r.ring, BaseURL: "https://news.paper.org", Log: slog.New(slog.NewJSONHandler(r.log, nil)), Ready: func(context.Context) error { return nil }}
}

func (r *rig) newList(slug, name string) subscribers.List {
	r.t.Helper()
	l, err := r.store.CreateList(r.t.Context(), subscribers.List{Slug: slug, Name: name, FromAddress: "news@paper.org", HomeURL: "https://www.paper.org/", AccentColour: "#a3242b"})
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

// serve starts the real server on loopback and returns its address.
func serve(t testing.TB, d public.Deps) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := public.NewServer(ln.Addr().String(), public.New(d), d.Log)
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	return "http://" + ln.Addr().String()
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// noRedirect is a client that shows a redirect instead of following it.
var noRedirect = &http.Client{
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       30 * time.Second,
}

func (r *rig) do(method, path, body string, header ...string) answer {
	r.t.Helper()
	return r.doWith(noRedirect, method, path, strings.NewReader(body), header...)
}

func (r *rig) doWith(c *http.Client, method, path string, body io.Reader, header ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, r.base+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		} else {
			req.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := c.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

const (
	oneClick = "List-Unsubscribe=One-Click"
	formType = "application/x-www-form-urlencoded"
)

func (r *rig) post(path, body string, header ...string) answer {
	r.t.Helper()
	return r.do(http.MethodPost, path, body, append([]string{"Content-Type", formType}, header...)...)
}

// state is where the reader stands with the list.
func (r *rig) state() string {
	r.t.Helper()
	_, subs, err := r.store.Get(r.t.Context(), r.person.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range subs {
		if s.ListID == r.list.ID {
			return s.State
		}
	}
	return ""
}

// want checks the status of an answer, that it is no redirect, and the reader's state after it.
func (r *rig) want(name string, a answer, status int, state string) {
	r.t.Helper()
	if a.status != status || a.header.Get("Location") != "" || a.header.Get("Set-Cookie") != "" {
		r.t.Errorf("%s: %d, Location %q, Set-Cookie %q; want %d and neither", name, a.status, a.header.Get("Location"), a.header.Get("Set-Cookie"), status)
	}
	if got := r.state(); got != state {
		r.t.Errorf("%s: the reader is %s; want %s", name, got, state)
	}
}

// again makes the reader confirmed once more.
func (r *rig) again() {
	r.t.Helper()
	for _, q := range []string{`UPDATE subscriptions SET state = 'confirmed', unsubscribed_at = NULL, confirmed_at = now()`, `DELETE FROM suppressions`} {
		if _, err := r.db.ExecContext(r.t.Context(), q); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) count(query string) (n int) {
	r.t.Helper()
	if err := r.db.GetContext(r.t.Context(), &n, query); err != nil {
		r.t.Fatal(err)
	}
	return n
}
