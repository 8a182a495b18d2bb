package people_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/web/admin/admintest"
)

// rig is the desk with what these tests ask for again and again.
type rig struct {
	*testing.T
	*admintest.Rig
}

func open(t *testing.T, opts ...admintest.Option) *rig {
	t.Helper()
	return &rig{t, admintest.Open(t, opts...)}
}

func (r *rig) count(query string, args ...any) (n int) {
	r.Helper()
	if err := r.DB.GetContext(r.Context(), &n, query, args...); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
	return n
}

func (r *rig) exec(stmt string, args ...any) {
	r.Helper()
	if _, err := r.DB.ExecContext(r.Context(), stmt, args...); err != nil {
		r.Fatalf("%s: %v", stmt, err)
	}
}

// want checks the status of an answer.
func (r *rig) want(what string, p admintest.Page, status int) {
	r.Helper()
	if p.Status != status {
		r.Errorf("%s: %d at %s; want %d\n%s", what, p.Status, p.URL, status, cut(p.Body))
	}
}

func cut(body string) string {
	if _, main, ok := strings.Cut(body, "<main"); ok {
		body = main
	}
	return body[:min(len(body), 1200)]
}

// in reports whether a client is logged in.
func (r *rig) in(c *admintest.Client) bool {
	r.Helper()
	return c.Raw("GET", "/admin/account", nil, nil).Status == http.StatusOK
}

// login sends the form of the log-in.
func (r *rig) login(c *admintest.Client, email, password string) admintest.Page {
	r.Helper()
	return c.Post("/admin/login", url.Values{"email": {email}, "password": {password}})
}

var secretText = regexp.MustCompile(`<code class="people-secret">([A-Z2-7 ]+)</code>`)

// withFactor sets a second factor up as a person does, and returns its secret and recovery codes.
func (r *rig) withFactor(c *admintest.Client) (secret string, codes []string) {
	r.Helper()
	p := c.Post("/admin/account/factor", nil)
	m := secretText.FindStringSubmatch(p.Body)
	if m == nil {
		r.Fatalf("there is no secret on the page\n%s", p.Body)
	}
	p = c.Post("/admin/account/factor/confirm", url.Values{"code": {r.code(m[1], 0)}})
	for _, c := range regexp.MustCompile(`<li><code>([a-z2-7-]+)</code></li>`).FindAllStringSubmatch(p.Body, -1) {
		codes = append(codes, c[1])
	}
	if len(codes) != 10 {
		r.Fatalf("%d recovery codes\n%s", len(codes), p.Body)
	}
	return m[1], codes
}

// code is what an app shows, so many steps of 30 s from now.
func (r *rig) code(secret string, steps int) string {
	r.Helper()
	code, err := accounts.CodeAt(secret, time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		r.Fatal(err)
	}
	return code
}

// enter opens a link of a mail or of the terminal: the page, then its form.
func (r *rig) enter(c *admintest.Client, link string, form url.Values) admintest.Page {
	r.Helper()
	path := strings.TrimPrefix(link, r.Base)
	r.want("the page of a link", c.Get(path), http.StatusOK)
	return c.Post(path, form)
}

// mailed returns the link in the newest mail to an address, as it stands in the outbox.
func (r *rig) mailed(address string) string {
	r.Helper()
	r.Accounts.Links.Wait()
	var data []byte
	if err := r.DB.GetContext(r.Context(), &data, `SELECT data FROM outbox WHERE recipient = $1 ORDER BY id DESC LIMIT 1`, address); err != nil {
		r.Fatalf("no mail to %s: %v", address, err)
	}
	text := strings.NewReplacer("=\r\n", "", "=3D", "=").Replace(string(data))
	m := regexp.MustCompile(`https?://[^\s"<>]+/admin/enter/[A-Za-z0-9_-]{43}`).FindString(text)
	if m == "" {
		r.Fatalf("no link in the mail\n%s", text)
	}
	return m
}
