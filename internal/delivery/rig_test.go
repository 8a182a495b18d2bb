package delivery

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

	"mailer/internal/dbtest"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
	"mailer/internal/subscribers"
)

// dbtest keeps its server and a connection to it as long as the process lives.
func TestMain(m *testing.M) {
	if smtptest.IsSink() {
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("mailer/internal/db/private.(*Server).launch.func1"),
		goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"),
		goleak.IgnoreAnyFunction("database/sql.(*DB).connectionCleaner"))
}

const (
	testList     = int64(1)
	testCampaign = int64(7)
)

var frozen = time.Date(2026, time.November, 22, 7, 0, 0, 0, time.UTC)

// rig is a database with one list, and what is needed to send to it.
type rig struct {
	*testing.T
	db    *sqlx.DB
	url   string // of the database
	ring  *links.Ring
	subs  *subscribers.Store
	store *Store
}

func newRig(t *testing.T) *rig {
	t.Helper()
	d, url := dbtest.OpenURL(t)
	d.SetMaxOpenConns(30)
	ring, err := links.NewRing("a secret of a test, long enough to be one", nil)
	if err != nil {
		t.Fatal(err)
	}
	subs := subscribers.NewStore(d, ring)
	r := &rig{T: t, db: d, url: url, ring: ring, subs: subs, store: NewStore(d, ring, subs)}
	r.exec(`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain)
		VALUES ('weekly', 'The Weekly', 'Example News', 'news@example.org', 'bounce.example.org')`)
	return r
}

func (r *rig) exec(query string, args ...any) {
	r.Helper()
	if _, err := r.db.ExecContext(context.Background(), query, args...); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
}

func (r *rig) count(query string, args ...any) int64 {
	r.Helper()
	var n int64
	if err := r.db.GetContext(context.Background(), &n, query, args...); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
	return n
}

// readers adds n confirmed readers, reader1@… on, spread over three providers; every fifth is a supporter.
func (r *rig) readers(n int) {
	r.Helper()
	r.exec(`
		WITH s AS (
			INSERT INTO subscribers (address, canonical, wire, address_hash, provider, name, supporter)
			SELECT a, a, a, sha256(a::bytea), (ARRAY['google', 'microsoft', 'other'])[1 + g % 3],
			       CASE WHEN g % 2 = 0 THEN 'Reader ' || g ELSE '' END, g % 5 = 0
			FROM (SELECT g, 'reader' || g || '@' || (ARRAY['google', 'microsoft', 'other'])[1 + g % 3] || '.example' AS a
			      FROM generate_series(1, $1) g) x RETURNING id)
		INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at)
		SELECT id, 1, 'confirmed', 'test', clock_timestamp() - interval '1 hour' FROM s`, n)
	r.exec(`ANALYZE`)
}

func (r *rig) subscriber(address string) int64 {
	r.Helper()
	return r.count(`SELECT id FROM subscribers WHERE wire = $1`, address)
}

func addressOf(n int) string {
	return fmt.Sprintf("reader%d@%s.example", n, []string{"google", "microsoft", "other"}[n%3])
}

// compiled returns a message of some kilobytes with a name, a leave link and a part that supporters do not see.
func (r *rig) compiled(campaign int64, story string) *message.Compiled {
	r.Helper()
	m := message.NewMarks("q7x4k2m9")
	body := strings.Repeat("<p>"+story+"</p>\n", 20)
	c, err := message.Compile(message.Draft{
		Campaign: campaign, Key: r.ring.Current(), Domain: "mail.example.org",
		FromName: "Example News", FromAddress: "news@example.org", ReplyTo: "editors@example.org",
		Subject: "The week in Examplia", Date: frozen, Bulk: true,
		ListName: "The Weekly", ListLabel: "weekly.lists.example.org", LeaveBase: "https://news.example.org/u/", Marks: m,
		HTML: fmt.Sprintf(`<!doctype html><html lang="en"><head><title>The week</title></head><body><p>Hello %s</p>%s%s<p>Become a supporter</p>%s<p><a href="https://news.example.org/u/%s">Leave</a></p></body></html>`,
			m.Slot(message.SlotName, "reader"), body, m.Open(1), m.Close(1), m.Slot(message.SlotLeave, "")),
		Text: fmt.Sprintf("Hello %s\n\n%s\n\n%sBecome a supporter\n%s\nLeave: https://news.example.org/u/%s\n",
			m.Slot(message.SlotName, "reader"), story, m.Open(1), m.Close(1), m.Slot(message.SlotLeave, "")),
	})
	if err != nil {
		r.Fatalf("compile: %v", err)
	}
	return c
}

func (r *rig) launchOf(campaign int64) Launch {
	return Launch{
		Campaign: campaign, List: testList, Groups: 0b11, SupporterGroups: 0b01, EnvelopeDomain: "bounce.example.org",
		Messages:  []Message{{Compiled: r.compiled(campaign, "A story of the week."), WebHTML: "<p>The week</p>"}},
		ExpiresAt: time.Now().Add(24 * time.Hour),
	}
}

// launch starts the send of campaign 7, as changed by with.
func (r *rig) launch(with ...func(*Launch)) {
	r.Helper()
	l := r.launchOf(testCampaign)
	for _, f := range with {
		f(&l)
	}
	r.launchTx(l)
}

func (r *rig) launchTx(l Launch) {
	r.Helper()
	tx := r.db.MustBegin()
	if err := r.store.LaunchTx(context.Background(), tx, l); err != nil {
		r.Fatalf("launch: %v", err)
	}
	if err := tx.Commit(); err != nil {
		r.Fatalf("launch: %v", err)
	}
}

func (r *rig) relay(s *smtptest.Relay, with ...func(*relay.Config)) *relay.Relay {
	r.Helper()
	cfg := relay.Config{URL: s.URL(), HelloName: "mail.example.org", Timeouts: relay.Timeouts{Dot: 20 * time.Second, Quit: 200 * time.Millisecond}}
	for _, f := range with {
		f(&cfg)
	}
	rl, err := relay.New(cfg)
	if err != nil {
		r.Fatal(err)
	}
	return rl
}

// running is a sender at work.
type running struct {
	*Sender
	ask  func()          // as SIGTERM does
	stop func()          // the same, and waits until Run has returned
	kill func()          // as SIGKILL does
	done <-chan struct{} // Run has returned
}

// sender starts a sender with times that suit a test: waits of a second are milliseconds.
func (r *rig) sender(rl *relay.Relay, with ...func(*Sender)) *running {
	r.Helper()
	s := NewSender(SenderConfig{
		Store: r.store, Relays: []RelayLine{{Relay: rl}}, Log: slog.New(slog.NewTextHandler(testLog{r.T}, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Connections: 4, Hold: -1, Lease: 3 * time.Second, Idle: 20 * time.Millisecond, Tick: 100 * time.Millisecond,
		Backoff: func(attempt int, _ string) time.Duration { return time.Duration(attempt) * 50 * time.Millisecond },
		RelayBackoff: func(failures int) time.Duration {
			return min(time.Duration(failures)*10*time.Millisecond, 100*time.Millisecond)
		},
		MailBackoff: func(int) time.Duration { return 30 * time.Millisecond },
	})
	for _, f := range with {
		f(s)
	}
	return r.run(s)
}

func (r *rig) run(s *Sender) *running {
	ctx, cancel := context.WithCancel(context.Background())
	abandon, kill := context.WithCancel(context.Background())
	s.abandon = abandon
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			r.Errorf("Run: %v", err)
		}
	}()
	run := &running{Sender: s, done: done, ask: cancel,
		stop: func() { cancel(); <-done },
		kill: func() { kill(); cancel(); <-done },
	}
	r.Cleanup(func() { run.stop(); kill() })
	return run
}

// with changes the configuration of a sender before it starts, and what was made of it.
func with(change func(*SenderConfig)) func(*Sender) {
	return func(s *Sender) {
		cfg := s.cfg
		change(&cfg)
		*s = *NewSender(cfg)
	}
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", strings.TrimSpace(string(p)))
	return len(p), nil
}

// until waits for a condition, with a deadline.
func (r *rig) until(what string, ok func() bool) {
	r.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			r.Fatalf("waited in vain for: %s\nbalance: %+v", what, r.balance())
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (r *rig) balance() Balance {
	r.Helper()
	b, err := r.store.Balance(context.Background(), testCampaign)
	if err != nil {
		r.Fatalf("balance: %v", err)
	}
	r.adds(b)
	return b
}

// adds checks that a balance adds up. SND-36
func (r *rig) adds(b Balance) {
	r.Helper()
	sum := b.Queued + b.Claimed + b.Accepted + b.Deferred + b.Failed + b.Suppressed + b.Cancelled + b.Expired + b.Unknown
	if sum != b.Audience {
		r.Errorf("the balance is off by %d: %+v", b.Audience-sum, b)
	}
	if b.State == StateDone && (b.Open() != 0 || !b.AudienceComplete) {
		r.Errorf("a send that is done has something open: %+v", b)
	}
	for _, n := range []int64{b.Queued, b.Claimed, b.Accepted, b.Deferred, b.Failed, b.Suppressed, b.Cancelled, b.Expired, b.Unknown} {
		if n < 0 {
			r.Errorf("a part of the balance is negative: %+v", b)
		}
	}
}

// state waits for a state of the send.
func (r *rig) state(want string) Balance {
	r.Helper()
	var b Balance
	r.until("the send is "+want, func() bool { b = r.balance(); return b.State == want })
	return b
}

// agrees checks at rest that the balance is what the rows say, one by one. SND-37
func (r *rig) agrees() {
	r.Helper()
	b := r.balance()
	got := map[string]int64{"queued": b.Queued, "claimed": b.Claimed, "accepted": b.Accepted, "deferred": b.Deferred, "failed": b.Failed,
		"suppressed": b.Suppressed, "cancelled": b.Cancelled, "expired": b.Expired, "unknown": b.Unknown}
	var rows []struct {
		State string `db:"state"`
		N     int64  `db:"n"`
	}
	if err := r.db.SelectContext(context.Background(), &rows,
		`SELECT state, count(*) AS n FROM delivery_state WHERE campaign_id = $1 GROUP BY state`, testCampaign); err != nil {
		r.Fatal(err)
	}
	sum := int64(0)
	for _, row := range rows {
		if got[row.State] != row.N {
			r.Errorf("%s: the balance says %d, the rows say %d", row.State, got[row.State], row.N)
		}
		sum += row.N
	}
	if sum != b.Audience {
		r.Errorf("the balance says %d readers, there are %d", b.Audience, sum)
	}
}

// copies returns how many copies each recipient got.
func copies(s *smtptest.Relay) map[string]int {
	n := map[string]int{}
	for _, e := range s.Ledger() {
		n[e.To]++
	}
	return n
}

// once checks that exactly these readers got exactly one copy.
func (r *rig) once(s *smtptest.Relay, readers ...string) {
	r.Helper()
	got := copies(s)
	for _, a := range readers {
		if got[a] != 1 {
			r.Errorf("%s got %d copies", a, got[a])
		}
		delete(got, a)
	}
	for a, n := range got {
		r.Errorf("%s got %d copies and should not have any", a, n)
	}
}

func all(n int, but ...string) []string {
	var list []string
	for i := 1; i <= n; i++ {
		if a := addressOf(i); !slices.Contains(but, a) {
			list = append(list, a)
		}
	}
	return list
}

// outcomesOf returns kind/class of each attempt for a reader, in order.
func (r *rig) outcomesOf(address string) []string {
	r.Helper()
	var kinds []string
	if err := r.db.SelectContext(context.Background(), &kinds, `SELECT o.kind || CASE WHEN o.class = '' THEN '' ELSE '/' || o.class END
		FROM outcomes o JOIN deliveries d USING (campaign_id, seq) WHERE d.recipient = $1 ORDER BY o.attempt`, address); err != nil {
		r.Fatal(err)
	}
	return kinds
}
