package campaigns

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/appeals"
	"mailer/internal/articles"
	"mailer/internal/audience"
	"mailer/internal/db"
	"mailer/internal/dbtest"
	"mailer/internal/delivery"
	"mailer/internal/fetch"
	"mailer/internal/letters"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// room is the whole of campaigns on a database of its own, with a clock that tests set.
type room struct {
	*Service
	t     *testing.T
	url   string
	clock *atomic.Int64
	list  subscribers.List
	site  *httptest.Server // where its feed is
	feed  atomic.Value     // what the feed says, a string; empty: nothing new
	pages sync.Map         // of the site, by path
}

const secret = "0123456789abcdef0123456789abcdef"

// newRoom begins at the given moment (UTC) with a list, an appeal and a feed.
func newRoom(t *testing.T, at string) *room {
	t.Helper()
	d, url := dbtest.OpenURL(t)
	r := &room{t: t, url: url, clock: new(atomic.Int64)}
	r.set(at)
	r.feed.Store("")
	r.site = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.site.Close)
	r.Service = r.process(d)
	var err error
	r.list, err = r.Lists.CreateList(t.Context(), subscribers.List{Slug: "morning", Name: "Morning Briefing", FromName: "The Example Courier",
		FromAddress: "news@example.org", ReplyTo: "desk@example.org", EnvelopeDomain: "bounce.example.org", LegalName: "Example Courier Ltd",
		PostalAddress: "1 Harbour Street\nExampletown", Contact: "desk@example.org", HomeURL: "https://www.example.org", Language: "en",
		TimeZone: "Europe/Paris", Description: "What happened while the town slept, chosen by our editors before breakfast."})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Appeals.Create(t.Context(), appeals.NewAppeal{Slug: "autumn", Heading: "Keep the harbour lights on",
		Body: "We are paid by **readers**.", Button: "Become a supporter", URL: "https://www.example.org/support"}, "test"); err != nil {
		t.Fatal(err)
	}
	r.exec(`INSERT INTO feeds (slug, url) VALUES ('city', $1)`, r.site.URL+"/city")
	return r
}

// serve is the publisher: a feed that has nothing new, unless the test says what it says.
func (r *room) serve(w http.ResponseWriter, req *http.Request) {
	body := r.feed.Load().(string)
	page, ok := r.pages.Load(req.URL.Path)
	switch {
	case ok:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, page.(string))
	case req.URL.Path != "/city":
		http.NotFound(w, req)
	case body == "":
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("Content-Type", "application/rss+xml")
		_, _ = io.WriteString(w, body)
	}
}

// process is one more process on the same clock.
func (r *room) process(d *sqlx.DB) *Service {
	r.t.Helper()
	ring, err := links.NewRing(secret, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	templates, err := render.Load("")
	if err != nil {
		r.t.Fatal(err)
	}
	at := r.site.Listener.Addr().String()
	lists := subscribers.NewStore(d, ring)
	lists.Now = r.now
	urls := links.URLs{Base: "https://news.example.org"}
	sends := delivery.NewStore(d, ring, lists)
	sends.Narrow = audience.Narrow
	return New(Deps{DB: d, Ring: ring, Lists: lists, Letters: letters.New(letters.Deps{Ring: ring, Templates: templates, URLs: urls, MailDomain: "mail.example.org", Now: r.now}), Articles: articles.NewStore(d, fetch.New(fetch.Options{AllowPrivate: true, AllowHosts: []string{at, strings.Replace(at, "127.0.0.1", "localhost", 1)}}), r.now),
		Appeals: appeals.NewStore(d, r.now), Audience: audience.NewStore(d, lists, r.now), Delivery: sends, Templates: templates,
		URLs: urls, MailDomain: "mail.example.org", Now: r.now,
		Log: slog.New(slog.DiscardHandler)})
}

// another opens the same database with a pool of its own.
func (r *room) another() *Service {
	r.t.Helper()
	d, err := db.Open(r.t.Context(), r.url)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = d.Close() })
	return r.process(d)
}

func (r *room) now() time.Time { return time.Unix(0, r.clock.Load()).UTC() }

// set puts the clock to a moment in UTC, "2026-11-22 07:00".
func (r *room) set(at string) time.Time {
	r.t.Helper()
	t := utc(r.t, at)
	r.clock.Store(t.UnixNano())
	return t
}

func utc(t *testing.T, at string) time.Time {
	t.Helper()
	v, err := time.Parse("2006-01-02 15:04", at)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (r *room) exec(q string, args ...any) {
	r.t.Helper()
	if _, err := r.DB.ExecContext(context.Background(), q, args...); err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) number(q string, args ...any) (n int64) {
	r.t.Helper()
	if err := r.DB.GetContext(context.Background(), &n, q, args...); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// story puts an article into the database as a poll at its time of publication would.
func (r *room) story(title, published string) int64 {
	r.t.Helper()
	at := utc(r.t, published)
	slug := strings.ToLower(strings.ReplaceAll(title, " ", "-"))
	id := r.number(`INSERT INTO articles (feed_id, guid, canonical_url, url, title, dek, authors, section, tags, published_at, changed_at, created_at, words, language, body_html, content_hash, by_hand)
		VALUES (1, $1, $2, $2, $3, $4, '[{"name":"Ada Example"}]', 'City', '{harbour}', $5, $5, $5, 400, 'en', '<p>Body of the story.</p>', '\x00', true) RETURNING id`,
		slug, "https://www.example.org/"+slug, title, "What it means for "+title+" and everyone near it.", at)
	// All of them stand in the last document of the feed: nobody asks for their pages.
	r.exec(`INSERT INTO feed_items (feed_id, guid, article_id, position, last_seen) VALUES (1, $1, $2, 0, '2026-11-01')`, slug, id)
	return id
}

// reader adds a confirmed reader.
func (r *room) reader(address string, supporter bool) int64 {
	r.t.Helper()
	added, err := r.Lists.Add(r.t.Context(), subscribers.AddRequest{Address: address, ListID: r.list.ID, Supporter: &supporter, Confirmed: true, Source: "test", Wording: "test", Method: "admin"})
	if err != nil {
		r.t.Fatal(err)
	}
	return added.Subscriber.ID
}

// digest keeps a recipe: every day at seven in Paris, three stories at least, and what the test adds to it.
func (r *room) digest(extra string) Digest {
	r.t.Helper()
	rec := r.recipe(extra)
	d, err := r.Digests.Create(r.t.Context(), rec, "test")
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *room) recipe(extra string) Recipe {
	r.t.Helper()
	top, tables := "", extra
	if !strings.HasPrefix(strings.TrimSpace(extra), "[") {
		top, tables, _ = strings.Cut(extra, "\n")
	}
	rec, err := ParseRecipe(fmt.Appendf(nil, "slug = \"daily\"\nname = \"Daily\"\nlist = \"morning\"\n%s\n%s\n", ensure(top, "schedule", `"0 7 * * *"`), tables+"\n[[sections]]\ntitle = \"City\"\nfeeds = [\"city\"]\n"))
	if err != nil {
		r.t.Fatal(err)
	}
	return rec
}

// ensure adds a key to a line of keys unless it is there.
func ensure(line, key, value string) string {
	if strings.Contains(line, key) {
		return line
	}
	return line + "\n" + key + " = " + value
}

// tick lets the clock's owner work and fails on errors.
func (r *room) tick(at string) TickReport {
	r.t.Helper()
	r.set(at)
	rep, err := r.Tick(r.t.Context())
	if err != nil {
		r.t.Fatalf("tick at %s: %v", at, err)
	}
	return rep
}

// edition returns the campaign of an edition, with its blocks.
func (r *room) edition(nominal string) Campaign {
	r.t.Helper()
	id := r.number(`SELECT id FROM campaigns WHERE edition = $1`, nominal)
	c, err := r.Campaign(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *room) get(id int64) Campaign {
	r.t.Helper()
	c, err := r.Campaign(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// want checks the state of a campaign and a part of its reason.
func (r *room) want(c Campaign, state, reason string) {
	r.t.Helper()
	if c.State != state || !strings.Contains(c.Reason, reason) {
		r.t.Errorf("campaign %s is %s (%s); want %s (…%s…)", c.Edition, c.State, c.Reason, state, reason)
	}
}

// compiled returns the frozen message of a launched campaign.
func (r *room) compiled(id int64) *message.Compiled {
	r.t.Helper()
	var data []byte
	if err := r.DB.GetContext(context.Background(), &data, `SELECT compiled FROM messages WHERE campaign_id = $1`, id); err != nil {
		r.t.Fatal(err)
	}
	var c message.Compiled
	if err := c.UnmarshalBinary(data); err != nil {
		r.t.Fatal(err)
	}
	return &c
}

// bytesFor returns what a reader of a launched campaign would be sent.
func (r *room) bytesFor(id int64, groups uint64) string {
	r.t.Helper()
	data, err := r.compiled(id).Append(nil, &message.Reader{To: "a@example.com", MessageID: "x@mail.example.org", LeaveToken: "token", Groups: groups})
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}
