// Package conformance tries numbered checks from outside: through what the rooms export, on the wire and in the database.
// It knows nothing of how the sender works inside, so that it stays true when that changes.
package conformance

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"go.uber.org/goleak"

	"mailer/internal/appeals"
	"mailer/internal/dbtest"
	"mailer/internal/delivery"
	"mailer/internal/links"
	"mailer/internal/logtest"
	"mailer/internal/message"
	"mailer/internal/relay"
	"mailer/internal/reports"
	"mailer/internal/subscribers"
)

// dbtest keeps its server and a connection to it as long as the process lives.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("mailer/internal/db/private.(*Server).launch.func1"),
		goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"),
		goleak.IgnoreAnyFunction("database/sql.(*DB).connectionCleaner"))
}

const campaign = int64(7)

// frozen is the moment of every campaign here, so that two databases build the same octets.
var frozen = time.Date(2026, time.November, 22, 7, 0, 0, 0, time.UTC)

// rig is a database with one list, and what is needed to send to it.
type rig struct {
	*testing.T
	db    *sqlx.DB
	ring  *links.Ring
	store *delivery.Store
	log   *logtest.Buffer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	d := dbtest.Open(t)
	d.SetMaxOpenConns(30)
	ring, err := links.NewRing("a secret of a test, long enough to be one", nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, db: d, ring: ring, store: delivery.NewStore(d, ring, subscribers.NewStore(d, ring)), log: &logtest.Buffer{}}
	r.exec(`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain)
		VALUES ('weekly', 'The Weekly', 'Example News', 'news@example.org', 'bounce.example.org')`)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the sender's log:\n%s", r.log)
		}
	})
	return r
}

func (r *rig) exec(query string, args ...any) {
	r.Helper()
	if _, err := r.db.ExecContext(context.Background(), query, args...); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
}

func (r *rig) count(query string, args ...any) (n int64) {
	r.Helper()
	if err := r.db.GetContext(context.Background(), &n, query, args...); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
	return n
}

// reader adds one confirmed reader of the list.
func (r *rig) reader(address string) {
	r.Helper()
	r.exec(`WITH s AS (INSERT INTO subscribers (address, canonical, wire, address_hash, provider, name)
			VALUES ($1, $1, $1, sha256($1::text::bytea), 'other', 'Jo . Smith') RETURNING id)
		INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at)
		SELECT id, 1, 'confirmed', 'test', clock_timestamp() - interval '1 hour' FROM s`, address)
}

// readers adds reader1@example.net and on, in the same order in every database.
func (r *rig) readers(n int) []string {
	r.Helper()
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("reader%d@example.net", i+1))
		r.reader(all[i])
	}
	r.exec(`ANALYZE`)
	return all
}

// launch starts the send of campaign 7. The story is in the HTML and in the text part.
func (r *rig) launch(story string, change ...func(*delivery.Launch)) {
	r.Helper()
	m := message.NewMarks("q7x4k2m9")
	c, err := message.Compile(message.Draft{
		Campaign: campaign, Key: r.ring.Current(), Domain: "mail.example.org",
		FromName: "Example News", FromAddress: "news@example.org", ReplyTo: "editors@example.org",
		Subject: "The week in Examplia", Date: frozen, Bulk: true,
		ListName: "The Weekly", ListLabel: "weekly.lists.example.org", LeaveBase: "https://news.example.org/u/", Marks: m,
		HTML: fmt.Sprintf("<!doctype html><html lang=\"en\"><head><title>The week</title></head><body>\n.\n<p>Hello %s</p>\n<p>%s</p>\n<p><a href=\"https://news.example.org/u/%s\">Leave</a></p></body></html>",
			m.Slot(message.SlotName, "reader"), story, m.Slot(message.SlotLeave, "")),
		Text: fmt.Sprintf("Hello %s\n\n%s\n\nLeave: https://news.example.org/u/%s\n", m.Slot(message.SlotName, "reader"), story, m.Slot(message.SlotLeave, "")),
	})
	if err != nil {
		r.Fatalf("compile: %v", err)
	}
	l := delivery.Launch{Campaign: campaign, List: 1, EnvelopeDomain: "bounce.example.org", ExpiresAt: time.Now().Add(24 * time.Hour),
		Messages: []delivery.Message{{Compiled: c, WebHTML: "<p>The week</p>"}}}
	for _, f := range change {
		f(&l)
	}
	tx := r.db.MustBegin()
	if err := r.store.LaunchTx(context.Background(), tx, l); err != nil {
		r.Fatalf("launch: %v", err)
	}
	if err := tx.Commit(); err != nil {
		r.Fatalf("launch: %v", err)
	}
}

// sender starts a sender towards a relay, with waits of milliseconds where a newsroom waits minutes, and returns what stops it.
func (r *rig) sender(cfg relay.Config, change ...func(*delivery.SenderConfig)) (stop func()) {
	r.Helper()
	cfg.HelloName = "mail.example.org"
	cfg.Timeouts.Dot, cfg.Timeouts.Quit = 20*time.Second, 200*time.Millisecond
	rl, err := relay.New(cfg)
	if err != nil {
		r.Fatal(err)
	}
	sc := delivery.SenderConfig{
		Store: r.store, Relays: []delivery.RelayLine{{Relay: rl}}, Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Connections: 4, Hold: -1, Lease: 3 * time.Second, Idle: 20 * time.Millisecond, Tick: 100 * time.Millisecond,
		Backoff: func(attempt int, _ string) time.Duration { return time.Duration(attempt) * 50 * time.Millisecond },
		RelayBackoff: func(failures int) time.Duration {
			return min(time.Duration(failures)*10*time.Millisecond, 100*time.Millisecond)
		},
	}
	for _, f := range change {
		f(&sc)
	}
	s := delivery.NewSender(sc)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			r.Errorf("Run: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	r.Cleanup(stop)
	return stop
}

// until waits for a condition, with a deadline.
func (r *rig) until(what string, ok func() bool) {
	r.Helper()
	for deadline := time.Now().Add(90 * time.Second); !ok(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("waited in vain for: %s\nbalance: %+v", what, r.balance())
		}
	}
}

// balance returns where every reader stands. Whatever happens, it adds up.
func (r *rig) balance() delivery.Balance {
	r.Helper()
	b, err := r.store.Balance(context.Background(), campaign)
	if err != nil {
		r.Fatalf("balance: %v", err)
	}
	if sum := b.Queued + b.Claimed + b.Accepted + b.Deferred + b.Failed + b.Suppressed + b.Cancelled + b.Expired + b.Unknown; sum != b.Audience {
		r.Errorf("the balance is off by %d: %+v", b.Audience-sum, b)
	}
	return b
}

// state waits for a state of the send.
func (r *rig) state(want string) (b delivery.Balance) {
	r.Helper()
	r.until("the send is "+want, func() bool { b = r.balance(); return b.State == want })
	return b
}

// outcomes returns kind/class of each attempt for a reader, in order.
func (r *rig) outcomes(address string) (kinds []string) {
	r.Helper()
	if err := r.db.SelectContext(context.Background(), &kinds, `SELECT o.kind || CASE WHEN o.class = '' THEN '' ELSE '/' || o.class END
		FROM outcomes o JOIN deliveries d USING (campaign_id, seq) WHERE d.recipient = $1 ORDER BY o.attempt`, address); err != nil {
		r.Fatal(err)
	}
	return kinds
}

func (r *rig) report() reports.Report {
	r.Helper()
	rep, err := reports.NewStore(r.db, r.store, appeals.NewStore(r.db, time.Now)).Campaign(context.Background(), campaign)
	if err != nil {
		r.Fatalf("report: %v", err)
	}
	return rep
}

// untouched checks that nobody was given up, suppressed or recorded as tried.
func (r *rig) untouched(b delivery.Balance) {
	r.Helper()
	if b.Accepted+b.Deferred+b.Failed+b.Suppressed+b.Expired+b.Unknown+b.Cancelled != 0 || b.Queued+b.Claimed != b.Audience {
		r.Errorf("somebody was touched: %+v", b)
	}
	for _, table := range []string{"suppressions", "outcomes", "retries"} {
		if n := r.count(`SELECT count(*) FROM ` + table); n != 0 {
			r.Errorf("%d %s", n, table)
		}
	}
}

func without(all []string, but ...string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(but, s) })
}

// story is long enough for a message of some kilobytes, and has what mail servers stumble over.
var story = ".\n..\nFrom the beginning: caffè, naïve — “quoted”.\n" + strings.Repeat("A quiet line of text, as there are many in a digest.\n", 100) + ".dot\n"
