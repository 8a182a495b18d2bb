package reports

import (
	"fmt"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/appeals"
	"mailer/internal/db"
	"mailer/internal/dbtest"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/subscribers"
)

// bench is a database with one list and one campaign of twelve readers in it.
type bench struct {
	t  *testing.T
	d  *sqlx.DB
	id int64
	*Store
	sends *delivery.Store
}

func newBench(t *testing.T) *bench {
	t.Helper()
	d := dbtest.Open(t)
	ring, err := links.NewRing("0123456789abcdef0123456789abcdef", nil)
	if err != nil {
		t.Fatal(err)
	}
	sends := delivery.NewStore(d, ring, subscribers.NewStore(d, ring))
	b := &bench{t: t, d: d, sends: sends, Store: NewStore(d, sends, appeals.NewStore(d, time.Now))}
	b.exec(`INSERT INTO lists (slug, name, from_name, from_address, envelope_domain) VALUES ('morning', 'Morning', 'Courier', 'news@example.org', 'bounce.example.org')`)
	if err := d.GetContext(t.Context(), &b.id, `INSERT INTO campaigns (list_id, edition, name, template, subject) VALUES (1, 'manual-1', 'One', 'digest', 'Cranes move') RETURNING id`); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) exec(q string, args ...any) {
	b.t.Helper()
	if _, err := b.d.ExecContext(b.t.Context(), q, args...); err != nil {
		b.t.Fatal(err)
	}
}

// launch starts the send and writes down what became of its readers: 1 to 6 at google, 7 to 12 elsewhere.
func (b *bench) launch() {
	b.t.Helper()
	marks := message.NewMarks("test")
	leave := "https://news.example.org/u/" + marks.Slot(message.SlotLeave, "")
	compiled, err := message.Compile(message.Draft{Campaign: b.id, Key: "k", Domain: "mail.example.org", FromAddress: "news@example.org", Subject: "Cranes move",
		Date: time.Now(), Bulk: true, ListLabel: "morning.lists.mail.example.org", LeaveBase: "https://news.example.org/u/", Marks: marks,
		HTML: `<p>Cranes</p><a href="` + leave + `">Unsubscribe</a>`, Text: "Cranes\n" + leave})
	if err != nil {
		b.t.Fatal(err)
	}
	err = db.InTx(b.t.Context(), b.d, func(tx *sqlx.Tx) error {
		return b.sends.LaunchTx(b.t.Context(), tx, delivery.Launch{Campaign: b.id, List: 1, Messages: []delivery.Message{{Compiled: compiled}},
			ExpiresAt: time.Now().Add(time.Hour), EnvelopeDomain: "bounce.example.org"})
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.exec(`INSERT INTO deliveries (campaign_id, seq, subscriber_id, recipient, groups, slots)
		SELECT $1, n, 100 + n, 'reader' || n || '@' || CASE WHEN n <= 6 THEN 'gmail.example' ELSE 'example.com' END, 0, '{}' FROM generate_series(1, 12) n`, b.id)
	b.exec(`UPDATE sends SET audience = 12, audience_complete = true`)
	b.exec(`INSERT INTO chunks (campaign_id, wave, provider, from_seq, to_seq, priority, not_before, revision, token)
		VALUES ($1, 1, 'google', 1, 6, 0, now(), 1, 1), ($1, 1, 'other', 7, 12, 0, now(), 1, 1)`, b.id)
	b.exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind, class, code, enhanced, reply, at) VALUES
		($1, 1, 1, 'accepted', '', 250, '', 'ok', '2026-11-22 07:00:01Z'), ($1, 2, 1, 'accepted', '', 250, '', 'ok', '2026-11-22 07:00:02Z'),
		($1, 3, 1, 'failed', 'hard', 550, '5.1.1', 'no such user', '2026-11-22 07:00:03Z'), ($1, 4, 1, 'failed', 'hard', 550, '5.1.1', 'no such user', '2026-11-22 07:00:03Z'),
		($1, 5, 1, 'failed', 'block', 550, '5.7.1', 'not from you', '2026-11-22 07:00:04Z'),
		($1, 6, 1, 'unknown', '', 0, '', 'the reply was never read', '2026-11-22 07:00:05Z'),
		($1, 7, 1, 'failed', 'hard', 550, '5.1.1', 'unknown user', '2026-11-22 07:00:06Z'),
		($1, 8, 1, 'failed', 'hard', 550, '5.1.1', 'unknown user', '2026-11-22 07:00:06Z'), ($1, 8, 2, 'accepted', '', 250, '', 'a late fact', '2026-11-22 07:09:00Z'),
		($1, 9, 1, 'deferred', 'greylist', 451, '4.7.1', 'come back', '2026-11-22 07:00:07Z'), ($1, 10, 1, 'deferred', 'greylist', 451, '4.7.1', 'come back', '2026-11-22 07:00:07Z')`, b.id)
	b.exec(`INSERT INTO retries (campaign_id, seq, chunk_id, attempt, due) SELECT $1, n, 2, 2, '2026-11-22 07:20:00Z'::timestamptz + n * interval '1 minute' FROM generate_series(9, 10) n`, b.id)
}

func TestReport(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r, err := b.Campaign(t.Context(), b.id)
	if err != nil || r.Balance != nil || r.Campaign.Subject != "Cranes move" || r.Campaign.List != "morning" || r.FirstAt != nil || len(r.Refusals)+len(r.Doubts)+len(r.Clicks) != 0 {
		t.Fatalf("before the launch: %v %+v", err, r)
	}
	b.launch()
	b.exec(`INSERT INTO appeals (slug) VALUES ('autumn')`)
	b.exec(`INSERT INTO appeal_variants (appeal_id, heading, body, button, url) VALUES (1, 'Keep the lights on', 'b', 'Give', 'https://www.example.org')`)
	b.exec(`INSERT INTO appeal_clicks (campaign_id, variant_id, hour, clicks) VALUES ($1, 1, '2026-11-22 07:00Z', 3), ($1, 1, '2026-11-22 08:00Z', 4), (99, 1, '2026-11-22 08:00Z', 50)`, b.id)
	b.exec(`INSERT INTO consent_log (subscriber_id, list_id, event, method, campaign_id) VALUES
		(101, 1, 'unsubscribed', 'one-click', $1), (102, 1, 'unsubscribed', 'one-click', $1), (102, 1, 'unsubscribed', 'one-click', $1),
		(103, 1, 'unsubscribed_all', 'form', $1), (104, 1, 'signed_up', 'form', $1), (105, 1, 'unsubscribed', 'one-click', 99)`, b.id)

	r, err = b.Campaign(t.Context(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	if x := r.Balance; x == nil || x.Audience != 12 || x.Accepted != 3 || x.Failed != 4 || x.Unknown != 1 || x.Deferred != 2 || x.Queued+x.Claimed != 2 {
		t.Errorf("SND-36: balance %+v", x)
	}
	want := []Refusal{{Class: "hard", Provider: "google", Readers: 2, Reply: "no such user"}, {Class: "block", Provider: "google", Readers: 1, Reply: "not from you"},
		{Class: "hard", Provider: "other", Readers: 1, Reply: "unknown user"}}
	if len(r.Refusals) != len(want) {
		t.Fatalf("refusals %+v", r.Refusals)
	}
	var failed int64
	for i, w := range want {
		if r.Refusals[i] != w {
			t.Errorf("refusal %+v; want %+v", r.Refusals[i], w)
		}
		failed += r.Refusals[i].Readers
	}
	if failed != r.Balance.Failed {
		t.Errorf("%d refused, %d failed", failed, r.Balance.Failed)
	}
	if len(r.Deferred) != 1 || r.Deferred[0].Class != "greylist" || r.Deferred[0].Readers != 2 || r.Deferred[0].NextDue == nil || !r.Deferred[0].NextDue.Equal(time.Date(2026, 11, 22, 7, 29, 0, 0, time.UTC)) {
		t.Errorf("deferred %+v", r.Deferred)
	}
	if len(r.Waiting) != 2 || r.Waiting[0].Due == nil || r.Waiting[0].Class != "greylist" || r.Waiting[0].Subscriber != 109 {
		t.Errorf("waiting %+v", r.Waiting)
	}
	if len(r.Doubts) != 1 || r.Doubts[0].Address != subscribers.Mask("reader6@gmail.example") || r.Doubts[0].Subscriber != 106 || r.Doubts[0].Provider != "google" {
		t.Errorf("in doubt %+v", r.Doubts)
	}
	if len(r.Leavers) != 2 || r.Leavers[0] != (Leavers{"one-click", "unsubscribed", 2}) || r.Leavers[1] != (Leavers{"form", "unsubscribed_all", 1}) {
		t.Errorf("leavers %+v", r.Leavers)
	}
	if len(r.Clicks) != 1 || r.Clicks[0].Clicks != 7 || r.Clicks[0].Slug != "autumn" {
		t.Errorf("clicks %+v", r.Clicks)
	}
	if r.FirstAt == nil || r.LastAt == nil || r.LastAt.Sub(*r.FirstAt) != 8*time.Minute+59*time.Second {
		t.Errorf("from %v to %v", r.FirstAt, r.LastAt)
	}
	if _, err := b.Campaign(t.Context(), 99); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a campaign that is not there: %v", err)
	}
}

// Whoever is in doubt, or was given up, stands there masked, with the attempt and the time; what it waits for stands there in
// sentences; and the numbers are those of the rows. SND-20, SND-37
func TestReportNames(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.launch()
	b.exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind, class, code, enhanced, reply, at) VALUES
		($1, 11, 1, 'doubt', 'crash', 0, '', 'the sender stopped', '2026-11-22 07:00:08Z'),
		($1, 12, 3, 'expired', 'transient', 450, '4.2.1', '<reader12@example.com> is busy', '2026-11-22 07:00:09Z')`, b.id)
	b.exec(`INSERT INTO retries (campaign_id, seq, chunk_id, attempt, due) VALUES ($1, 11, 2, 2, '2026-11-22 07:31:00Z')`, b.id)
	r, err := b.Campaign(t.Context(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Expired) != 1 || r.Expired[0].Subscriber != 112 || r.Expired[0].Attempts != 3 || r.Expired[0].Reply != "<r•••@example.com> is busy" {
		t.Errorf("SND-20: expired %+v", r.Expired)
	}
	if len(r.Retried) != 1 || r.Retried[0].Address != "r•••@example.com" || r.Retried[0].Attempts != 1 || r.Retried[0].Due == nil || r.Retried[0].At.IsZero() {
		t.Errorf("in doubt and sent once more: %+v", r.Retried)
	}
	if len(r.Doubts) != 1 || r.Doubts[0].Attempts != 1 || !r.Doubts[0].At.Equal(time.Date(2026, 11, 22, 7, 0, 5, 0, time.UTC)) || r.Doubts[0].Decision != "" {
		t.Errorf("in doubt: %+v", r.Doubts)
	}
	var what []string
	for _, w := range r.Waits {
		what = append(what, w.For)
	}
	if fmt.Sprint(what) != "[sender retries retries person]" {
		t.Errorf("it waits for %v", what)
	}
	if _, err := b.sends.DecideDoubts(t.Context(), b.id, nil, delivery.DecideAccept, "ed"); err != nil {
		t.Fatal(err)
	}
	if r, err = b.Campaign(t.Context(), b.id); err != nil || r.Doubts[0].Decision != delivery.DecideAccept || r.Doubts[0].DecidedBy != "ed" {
		t.Errorf("decided: %+v, %v", r.Doubts, err)
	}
	var rows []struct {
		State string `db:"state"`
		N     int64  `db:"n"`
	}
	if err := b.d.SelectContext(t.Context(), &rows, `SELECT state, count(*) AS n FROM delivery_state WHERE campaign_id = $1 GROUP BY state`, b.id); err != nil {
		t.Fatal(err)
	}
	x := r.Balance
	numbers := map[string]int64{"accepted": x.Accepted, "failed": x.Failed, "unknown": x.Unknown, "deferred": x.Deferred, "expired": x.Expired, "queued": x.Queued}
	for _, row := range rows {
		if numbers[row.State] != row.N {
			t.Errorf("SND-37: %s: the report says %d, the rows say %d", row.State, numbers[row.State], row.N)
		}
	}
}
