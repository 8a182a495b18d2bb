package public

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailer/internal/campaigns"
	"mailer/internal/dbtest"
	"mailer/internal/errs"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// archiveRig is an archive with a clock that the test sets.
type archiveRig struct {
	t     *testing.T
	past  *past
	src   *campaigns.Archive
	store *subscribers.Store
	list  subscribers.List
	clock atomic.Int64
	reads atomic.Int64 // of stored pages
	exec  func(q string, args ...any)
}

func newArchiveRig(t *testing.T) *archiveRig {
	t.Helper()
	d := dbtest.Open(t)
	ring, err := links.NewRing(strings.Repeat("archive-", 8), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &archiveRig{t: t, store: subscribers.NewStore(d, ring)}
	r.src = campaigns.NewArchive(d, r.store)
	r.clock.Store(time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC).Unix())
	r.exec = func(q string, args ...any) {
		t.Helper()
		if _, err := d.ExecContext(t.Context(), q, args...); err != nil {
			t.Fatal(err)
		}
	}
	r.list, err = r.store.CreateList(t.Context(), subscribers.List{Slug: "daily", Name: "Daily", FromAddress: "news@paper.org", ArchiveOpen: true})
	if err != nil {
		t.Fatal(err)
	}
	r.past = &past{src: r.src, base: "https://news.paper.org", log: slog.New(slog.DiscardHandler), now: func() time.Time { return time.Unix(r.clock.Load(), 0) },
		page: func(_ context.Context, id int64) (string, error) {
			r.reads.Add(1)
			return fmt.Sprintf("<html><head></head><body>Page %d %s</body></html>", id, strings.Repeat("x", 1000)), nil
		}}
	return r
}

func (r *archiveRig) launch(id int64) {
	r.t.Helper()
	at := time.Date(2026, 11, int(id), 7, 0, 0, 0, time.UTC)
	r.exec(`INSERT INTO campaigns (id, list_id, edition, name, template, state, subject, launched_at, approved_hash) OVERRIDING SYSTEM VALUE
		VALUES ($1, $2, 'manual-' || $1::bigint, '', 'digest', 'launched', 'Subject ' || $1::bigint, $3, '')`, id, r.list.ID, at)
	r.exec(`INSERT INTO campaign_blocks (campaign_id, position, kind, data) VALUES ($1, 0, 'text', '{"kind": "text", "text": "x"}')`, id)
	r.exec(`INSERT INTO sends (campaign_id, list_id, state, envelope_domain, not_before, expires_at, finished_at) VALUES ($1, $2, 'done', 'b.paper.org', $3, $3, $3)`, id, r.list.ID, at)
	r.exec(`INSERT INTO messages (campaign_id, revision, variant, compiled, web_html) VALUES ($1, 1, 0, '', '')`, id)
}

func (r *archiveRig) get(what string) (*made, error) {
	return r.past.answer(r.t.Context(), "daily", what, "")
}

// has reads something of the archive and says whether a text stands in it.
func (r *archiveRig) has(what, text string) bool {
	r.t.Helper()
	m, err := r.get(what)
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.Contains(string(m.body), text)
}

func (r *archiveRig) later(d time.Duration) { r.clock.Add(int64(d / time.Second)) }

// What changes in the database shows after shelfFor, with another time of change; what did not change is not made again.
func TestArchiveIsFreshEnough(t *testing.T) {
	t.Parallel()
	r := newArchiveRig(t)
	r.launch(1)
	first, err := r.get("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.get("2026-11-01-1"); err != nil || r.reads.Load() != 1 {
		t.Fatalf("%v, %d reads", err, r.reads.Load())
	}
	r.launch(2)
	r.later(shelfFor - time.Second)
	if r.has("", "Subject 2") || r.has("rss.xml", "Subject 2") {
		t.Error("the database is asked at each request")
	}
	r.later(time.Second)
	second, err := r.get("")
	if err != nil || !strings.Contains(string(second.body), "Subject 2") || !r.has("rss.xml", "Subject 2") {
		t.Fatalf("the new campaign is not there: %v", err)
	}
	if !second.modified.After(first.modified) || second.tag == first.tag {
		t.Errorf("changed %v, then %v; tags %s, %s", first.modified, second.modified, first.tag, second.tag)
	}
	// The page of the first is the same as before, and is not made anew.
	if _, err := r.get("2026-11-01-1"); err != nil || r.reads.Load() != 1 {
		t.Errorf("%v, %d reads; want the one from before", err, r.reads.Load())
	}
	r.later(shelfFor)
	if same, err := r.get(""); err != nil || same != second {
		t.Errorf("made anew without a change: %v", err)
	}
	if feed, err := r.get("atom-full.xml"); err != nil || !feed.modified.Equal(second.modified) {
		t.Errorf("asked for later, it claims to be newer: %v, %v", feed.modified, err)
	}
	// Hidden by an editor, it is gone with all that there was of it.
	if changed, err := r.src.Hide(t.Context(), 1, true, "ada"); err != nil || !changed {
		t.Fatal(changed, err)
	}
	r.later(shelfFor)
	if _, err := r.get("2026-11-01-1"); errs.KindOf(err) != errs.NotFound || r.has("", "Subject 1") || r.has("atom.xml", "Subject 1") {
		t.Errorf("hidden, and still there: %v", err)
	}
	if changed, err := r.src.Hide(t.Context(), 1, true, "ada"); err != nil || changed {
		t.Errorf("hidden twice: %v, %v", changed, err)
	}
	if _, err := r.src.Hide(t.Context(), 1, false, "ada"); err != nil {
		t.Fatal(err)
	}
	r.later(shelfFor)
	if !r.has("2026-11-01-1", "Page 1") {
		t.Error("shown again, and not there")
	}
	if _, err := r.src.Hide(t.Context(), 99, true, "ada"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("no such campaign: %v", err)
	}
	// What the list says of itself stands around each campaign.
	r.list.Name, r.list.SignupOpen = "The Daily Star", true
	if _, err := r.store.UpdateList(t.Context(), r.list); err != nil {
		t.Fatal(err)
	}
	r.later(shelfFor)
	if !r.has("2026-11-01-1", "The Daily Star") || !r.has("2026-11-01-1", "/subscribe/daily") {
		t.Error("the frame is the old one")
	}
	r.list.ArchiveOpen = false
	if _, err := r.store.UpdateList(t.Context(), r.list); err != nil {
		t.Fatal(err)
	}
	r.later(shelfFor)
	for _, what := range []string{"", "2026-11-01-1", "rss.xml"} {
		if _, err := r.get(what); errs.KindOf(err) != errs.NotFound {
			t.Errorf("the archive was closed, and %q is there: %v", what, err)
		}
	}
}

// A campaign that was taken away does not come back because the database is away; and without it, what was there stays.
func TestArchiveStaysWithoutDatabase(t *testing.T) {
	t.Parallel()
	r := newArchiveRig(t)
	r.launch(1)
	if !r.has("", "Subject 1") {
		t.Fatal("not there")
	}
	r.exec(`ALTER TABLE campaigns RENAME TO away`)
	for range 3 {
		r.later(shelfFor)
		if !r.has("", "Subject 1") || !r.has("2026-11-01-1", "Page 1") {
			t.Error("gone with the database")
		}
	}
	r.exec(`ALTER TABLE lists RENAME TO lists_away`)
	r.later(shelfFor)
	if !r.has("", "Subject 1") {
		t.Error("gone with the database")
	}
	if _, err := r.past.answer(t.Context(), "other", "", ""); errs.KindOf(err) != errs.NotFound {
		t.Errorf("another list: %v", err)
	}
}

// What is kept has a limit, and what was used last stays.
func TestKeptHasALimit(t *testing.T) {
	t.Parallel()
	var a past
	makes := 0
	page := func(key string) *made {
		m, err := a.keep(key, time.Now(), func() (draft, error) {
			makes++
			return draft{body: make([]byte, maxKept/10)}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for i := range 100 {
		page(fmt.Sprint(i))
		page("0")
	}
	if a.kept.size > maxKept || len(a.kept.items) != a.kept.order.Len() || len(a.kept.items) > 10 || len(a.kept.items) < 8 {
		t.Errorf("%d octets in %d pages", a.kept.size, len(a.kept.items))
	}
	if makes != 100 {
		t.Errorf("made %d times; want 100", makes)
	}
	if page("1"); makes != 101 {
		t.Error("what was dropped is still there")
	}
	if _, err := a.keep("bad", time.Now(), func() (draft, error) { return draft{}, errors.New("no") }); err == nil || a.kept.get("bad") != nil {
		t.Error("an error is kept")
	}
}
