package sending_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/delivery"
	"mailer/internal/web/admin/admintest"
)

// rig is the sample newsroom with an editor, and a sender that hands its mail to a scripted relay.
type rig struct {
	*admintest.Rig
	*testing.T
	editor *admintest.Client
	who    accounts.Account
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{Rig: admintest.Open(t).Newsroom(), T: t}
	r.who = r.Person("Ines", accounts.Editor)
	r.editor = r.Client(r.who)
	return r
}

// more adds n readers to the list.
func (r *rig) more(n int) {
	r.Helper()
	r.exec(`WITH s AS (
			INSERT INTO subscribers (address, canonical, wire, address_hash, provider)
			SELECT a, a, a, sha256(a::bytea), 'other' FROM (SELECT 'more' || g || '@more.example' AS a FROM generate_series(1, $1::int) g) x ON CONFLICT DO NOTHING RETURNING id)
		INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at)
		SELECT id, $2, 'confirmed', 'test', clock_timestamp() - interval '1 hour' FROM s`, n, r.List.ID)
}

func (r *rig) exec(q string, args ...any) {
	r.Helper()
	if _, err := r.DB.ExecContext(context.Background(), q, args...); err != nil {
		r.Fatalf("%s: %v", q, err)
	}
}

func (r *rig) count(q string, args ...any) (n int64) {
	r.Helper()
	if err := r.DB.GetContext(context.Background(), &n, q, args...); err != nil {
		r.Fatalf("%s: %v", q, err)
	}
	return n
}

// until waits for a condition, with a deadline.
func (r *rig) until(what string, ok func() bool) {
	r.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatalf("waited in vain for: %s", what)
		}
	}
}

func (r *rig) balance(id int64) delivery.Balance {
	r.Helper()
	b, err := r.Delivery.Balance(r.Context(), id)
	if err != nil {
		r.Fatal(err)
	}
	return b
}

func page(id int64) string { return fmt.Sprintf("/admin/campaigns/%d/send", id) }

var hidden = regexp.MustCompile(`name="(shown|content|version)" value="([^"]*)"`)

// form reads the hidden fields of a page, as its form would send them.
func form(p admintest.Page) url.Values {
	v := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(p.Body, -1) {
		v.Set(m[1], m[2])
	}
	return v
}

// start starts a campaign as an editor does who types the number that they see.
func (r *rig) start(id int64) {
	r.Helper()
	f := form(r.editor.Get(page(id)))
	f.Set("readers", f.Get("shown"))
	f.Set("force", "on")
	if p := r.editor.Post(page(id)+"/start", f); p.Status != 200 || p.URL != page(id) {
		_, main, _ := strings.Cut(p.Body, "<main")
		r.Fatalf("start: %d at %s\n%s", p.Status, p.URL, main)
	}
}

func (r *rig) want(p admintest.Page, status int, parts ...string) {
	r.Helper()
	if p.Status != status {
		r.Errorf("%s answered with %d, not %d", p.URL, p.Status, status)
	}
	for _, part := range parts {
		if !strings.Contains(p.Body, part) {
			_, main, _ := strings.Cut(p.Body, "<main")
			main, _, _ = strings.Cut(main, "</main>")
			r.Errorf("%s lacks %q:\n%s", p.URL, part, main)
		}
	}
}

// caution makes a campaign's launch as careful as the test wants it.
func (r *rig) caution(id int64, c campaigns.CautionChange) {
	r.Helper()
	if _, err := r.Campaigns.SetCaution(r.Context(), id, c, "test"); err != nil {
		r.Fatal(err)
	}
}

// stream is what the page of a send is told by server-sent events.
type stream struct {
	*rig
	end func()

	mu   sync.Mutex
	text strings.Builder
}

// stream opens the events of a campaign.
func (r *rig) stream(id int64) *stream {
	r.Helper()
	ctx, cancel := context.WithCancel(r.Context())
	s := &stream{rig: r, end: cancel}
	req, err := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("%s/admin/campaigns/%d/events", r.Base, id), nil)
	if err != nil {
		r.Fatal(err)
	}
	for _, c := range r.editor.Cookies() {
		req.AddCookie(c)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		r.Errorf("the stream: %d, %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	go func() {
		defer res.Body.Close()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			s.mu.Lock()
			s.text.WriteString(lines.Text() + "\n")
			s.mu.Unlock()
		}
	}()
	return s
}

// until waits for a part of the stream.
func (s *stream) until(part string) {
	s.Helper()
	s.rig.until("the stream says "+part, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return strings.Contains(s.text.String(), part)
	})
}
