package people_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/web/admin/admintest"
)

// The first visit: a link makes the owner, once, and lets them in; opening the link changes nothing.
func TestFirstVisit(t *testing.T) {
	t.Parallel()
	r := open(t)
	link, err := r.Accounts.Links.Owner(t.Context())
	if err != nil || !strings.HasPrefix(link, r.Base+"/admin/enter/") {
		t.Fatal(link, err)
	}
	path := strings.TrimPrefix(link, r.Base)
	c := r.Stranger()
	const hint = "Nobody has an account here yet"
	if p := c.Get("/admin"); p.URL != "/admin/login" || !strings.Contains(p.Body, hint) {
		t.Errorf("before the first visit: at %s\n%s", p.URL, cut(p.Body))
	}
	for range 2 {
		r.want("the link", c.Get(path), http.StatusOK)
	}
	if n := r.count(`SELECT count(*) FROM accounts`); n != 0 {
		t.Fatal("opening the link made an account")
	}
	if p := c.Post(path, url.Values{"email": {"ines@example.org"}, "name": {"Ines"}, "password": {"short"}}); p.Status != http.StatusBadRequest ||
		!strings.Contains(p.Body, "f-password-problem") || !strings.Contains(p.Body, `value="ines@example.org"`) || strings.Contains(p.Body, `value="short"`) {
		t.Errorf("a short password: %d\n%s", p.Status, cut(p.Body))
	}
	if p := r.enter(c, link, url.Values{"email": {"ines@example.org"}, "name": {"Ines"}, "password": {admintest.Password}}); p.URL != "/admin" || !r.in(c) {
		t.Errorf("the owner is not in: %d at %s", p.Status, p.URL)
	}
	other := r.Stranger()
	if p := other.Get("/admin/login"); strings.Contains(p.Body, hint) {
		t.Error("after the first visit it is said that nobody has an account")
	}
	r.want("the link again", other.Get(path), http.StatusNotFound)
	r.want("the link used again", other.Post(path, url.Values{"email": {"eve@example.org"}, "password": {admintest.Password}}), http.StatusNotFound)
	if r.in(other) || r.count(`SELECT count(*) FROM accounts`) != 1 {
		t.Error("a link that was used lets somebody in")
	}
	if r.want("people", c.Get("/admin/people"), http.StatusOK); r.count(`SELECT count(*) FROM audit_log WHERE actor = 'ines@example.org' AND action IN ('account.create', 'account.login')`) != 2 {
		t.Error("the audit log does not know of it")
	}
}

// SEC-01: whether there is such an account does not show in the answer, neither of the log-in nor of a forgotten password.
func TestSEC01SameAnswer(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.Person("Ines", accounts.Owner)
	answers := map[string]string{}
	for _, who := range []string{"ines@example.org", "nobody@example.org", "ines\x00@example.org", "ines\xff@example.org"} {
		c := r.Stranger()
		p := r.login(c, who, "not the password")
		r.want(who, p, http.StatusForbidden)
		if len(c.Cookies()) != 0 {
			t.Errorf("%s: cookies %v", who, c.Cookies())
		}
		f := c.Post("/admin/forgot", url.Values{"email": {who}})
		answers[who] = http.StatusText(p.Status) + regexp.MustCompile(`value="[^"]*"`).ReplaceAllString(p.Body, "") + http.StatusText(f.Status) + f.Body
	}
	for who, answer := range answers {
		if answer != answers["nobody@example.org"] {
			t.Errorf("the answers differ, for %q and for nobody:\n%s\n%s", who, answer, answers["nobody@example.org"])
		}
	}
	r.Accounts.Links.Wait()
	// One is right: there is no list that could send Ines her mail.
	if log := r.Log.String(); strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, "there is no list yet") {
		t.Errorf("SEC-01: in the log:\n%s", r.Log.String())
	}
	for range 10 {
		r.login(r.Stranger(), "ines@example.org", "not the password")
	}
	c := r.Stranger()
	if p := r.login(c, "ines@example.org", admintest.Password); p.Status != http.StatusForbidden || !strings.Contains(p.Body, "tried too often") || r.in(c) {
		t.Errorf("after eleven wrong ones the right password gets %d\n%s", p.Status, cut(p.Body))
	}
}

// SEC-02: with a second factor the password opens nothing, a code is taken once, and guesses over fresh log-ins lock.
func TestSEC02(t *testing.T) {
	t.Parallel()
	r := open(t)
	ines := r.Person("Ines", accounts.Owner)
	first := r.Client(ines)
	secret, codes := r.withFactor(first)
	r.exec(`UPDATE accounts SET totp_step = totp_step - 1`) // the code that set it up counts as used; another 30 s have passed

	half := r.Stranger()
	p := r.login(half, ines.Email, admintest.Password)
	if p.Status != http.StatusOK || !strings.HasPrefix(p.URL, "/admin/login/code") {
		t.Fatalf("after the password: %d at %s", p.Status, p.URL)
	}
	for _, path := range []string{"/admin", "/admin/account", "/admin/people"} {
		if p := half.Raw("GET", path, nil, nil); p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), "/admin/login") {
			t.Errorf("%s is open before the code: %d", path, p.Status)
		}
	}
	r.want("turning the factor off before the code", half.Raw("POST", "/admin/account/factor/off", url.Values{"password": {admintest.Password}}, nil), http.StatusUnauthorized)
	code := r.code(secret, 0)
	if p := half.Post("/admin/login/code", url.Values{"code": {code}}); p.Status != http.StatusOK || !r.in(half) {
		t.Fatalf("the right code: %d at %s\n%s", p.Status, p.URL, cut(p.Body))
	}
	again := r.Stranger()
	r.login(again, ines.Email, admintest.Password)
	r.want("the same code", again.Post("/admin/login/code", url.Values{"code": {code}}), http.StatusForbidden)
	if p := again.Post("/admin/login/code", url.Values{"code": {codes[3]}}); p.URL != "/admin" || !r.in(again) {
		t.Errorf("a recovery code: %d at %s", p.Status, p.URL)
	}
	locked := 0
	for range 16 {
		guess := r.Stranger()
		r.login(guess, ines.Email, admintest.Password)
		if p := guess.Post("/admin/login/code", url.Values{"code": {"123456"}}); strings.Contains(p.Body, "tried too often") {
			locked++
		}
	}
	if locked != 8 {
		t.Errorf("%d of 16 guesses were refused unlooked at; want 8", locked)
	}
	last := r.Stranger()
	r.login(last, ines.Email, admintest.Password)
	if r.want("the right code after the guesses", last.Post("/admin/login/code", url.Values{"code": {r.code(secret, 1)}}), http.StatusForbidden); r.in(last) {
		t.Error("it lets them in")
	}
	// Who is half logged in has ten minutes for the code.
	r.exec(`UPDATE sessions SET data = replace(data, '"half at":"', '"half at":"0') WHERE data LIKE '%half at%'`)
	slow := r.Stranger()
	r.login(slow, ines.Email, admintest.Password)
	r.exec(`UPDATE sessions SET data = regexp_replace(data, '"half at":"\d+"', '"half at":"' || $1::text || '"') WHERE data LIKE '%half at%'`, time.Now().Add(-11*time.Minute).Unix())
	if p := slow.Get("/admin/login/code"); !strings.HasPrefix(p.URL, "/admin/login?") && p.URL != "/admin/login" {
		t.Errorf("after eleven minutes: %s", p.URL)
	}
}

// SEC-03: a link for a new password goes by mail to the configured address whatever the request says, is kept as a hash, works once and
// for half an hour, logs nobody in, ends every session and leaves the second factor asked for.
func TestSEC03(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.Newsroom()
	ines := r.Person("Ines", accounts.Owner)
	before := r.Client(ines)
	secret, _ := r.withFactor(before)
	r.exec(`UPDATE accounts SET totp_step = totp_step - 1`)
	c := r.Stranger()
	c.Do("POST", "/admin/forgot", url.Values{"email": {ines.Email}}, http.Header{"Host": {"evil.example"}, "X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"https"}})
	link := r.mailed(ines.Email)
	if !strings.HasPrefix(link, r.Base+"/admin/enter/") {
		t.Errorf("the link in the mail is %s", link)
	}
	token := link[strings.LastIndex(link, "/")+1:]
	if n := r.count(`SELECT count(*) FROM entry_links l WHERE l::text LIKE '%' || $1 || '%' OR encode(token_hash, 'escape') LIKE '%' || $1 || '%'`, token); n != 0 {
		t.Error("the link stands in the database in the clear")
	}
	if n := r.count(`SELECT count(*) FROM entry_links WHERE purpose = 'reset' AND expires_at BETWEEN now() + interval '29 minutes' AND now() + interval '30 minutes'`); n != 1 {
		t.Errorf("%d links good for half an hour", n)
	}
	apiToken, err := r.Accounts.Tokens.Create(t.Context(), ines, "spreadsheet", accounts.ScopeReports, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Accounts.Tokens.Account(t.Context(), apiToken); !ok {
		t.Error("the API token opens nothing")
	}
	const another = "nine loud geese at dusk"
	p := r.enter(c, link, url.Values{"password": {another}})
	if !strings.HasPrefix(p.URL, "/admin/login") || r.in(c) {
		t.Errorf("after the new password: at %s, logged in: %v", p.URL, r.in(c))
	}
	if r.in(before) || r.count(`SELECT count(*) FROM sessions WHERE account_id = $1`, ines.ID) != 0 {
		t.Error("a session from before goes on")
	}
	if _, ok := r.Accounts.Tokens.Account(t.Context(), apiToken); ok {
		t.Error("SEC-03: an API token from before goes on")
	}
	r.want("the link again", c.Post(strings.TrimPrefix(link, r.Base), url.Values{"password": {"yet another one of hers"}}), http.StatusNotFound)
	r.want("the old password", r.login(c, ines.Email, admintest.Password), http.StatusForbidden)
	if p := r.login(c, ines.Email, another); !strings.HasPrefix(p.URL, "/admin/login/code") || r.in(c) {
		t.Errorf("the second factor is not asked for: at %s", p.URL)
	}
	if p := c.Post("/admin/login/code", url.Values{"code": {r.code(secret, 0)}}); p.URL != "/admin" {
		t.Errorf("with the code: %d at %s\n%s", p.Status, p.URL, cut(p.Body))
	}
	c.Post("/admin/forgot", url.Values{"email": {ines.Email}})
	late := r.mailed(ines.Email)
	r.exec(`UPDATE entry_links SET expires_at = now() - interval '1 second' WHERE used_at IS NULL`)
	r.want("a link that is too old", c.Post(strings.TrimPrefix(late, r.Base), url.Values{"password": {"yet another one of hers"}}), http.StatusNotFound)
	for range 8 {
		c.Post("/admin/forgot", url.Values{"email": {ines.Email}})
	}
	r.Accounts.Links.Wait()
	if n := r.count(`SELECT count(*) FROM outbox WHERE recipient = $1`, ines.Email); n != 5 {
		t.Errorf("%d mails; want 5 a day", n)
	}
	if n := r.count(`SELECT count(*) FROM outbox WHERE recipient <> $1 AND dedupe_key LIKE 'account:%'`, ines.Email); n != 0 {
		t.Errorf("%d mails to others", n)
	}
}

// SEC-04: what the cookie of a session says; another token at every log-in and change of what one may do; ends by time, by hand, and
// in the database.
func TestSEC04(t *testing.T) {
	t.Parallel()
	r := open(t, admintest.Production)
	r.Person("Ines", accounts.Owner)
	tom := r.Person("Tom", accounts.Writer)
	c := r.Stranger()
	p := c.Raw("POST", "/admin/login", url.Values{"email": {tom.Email}, "password": {admintest.Password}}, nil)
	cookie := p.Header.Get("Set-Cookie")
	for _, must := range []string{"__Host-mailer=", "; Path=/;", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
		if !strings.Contains(cookie+";", must) {
			t.Errorf("the cookie has no %q: %s", must, cookie)
		}
	}
	if strings.Contains(cookie, "Domain") || len(p.Header.Values("Set-Cookie")) != 1 {
		t.Errorf("cookies: %q", p.Header.Values("Set-Cookie"))
	}
	token := func() string {
		t.Helper()
		for _, k := range c.Cookies() {
			if k.Name == "__Host-mailer" {
				return k.Value
			}
		}
		return ""
	}
	// with asks with a token of before.
	with := func(token string) int {
		t.Helper()
		return r.Stranger().Raw("GET", "/admin/account", nil, http.Header{"Cookie": {"__Host-mailer=" + token}}).Status
	}
	one := token()
	if n := r.count(`SELECT count(*) FROM sessions s WHERE s::text LIKE '%' || $1 || '%' OR encode(token_hash, 'escape') LIKE '%' || $1 || '%'`, one); n != 0 || len(one) < 43 {
		t.Errorf("the token %q stands in the database", one)
	}
	steps := []struct {
		name string
		do   func()
	}{
		{"another log-in", func() { r.login(c, tom.Email, admintest.Password) }},
		{"another role", func() {
			if err := r.Accounts.People.SetGrants(t.Context(), tom.ID, accounts.Grants{{Role: accounts.Editor}}, "test"); err != nil {
				t.Fatal(err)
			}
			c.Get("/admin/account")
		}},
		{"another password", func() {
			r.want("password", c.Post("/admin/account/password", url.Values{"old": {admintest.Password}, "password": {"nine loud geese at dusk"}}), http.StatusOK)
		}},
		{"a second factor", func() { r.withFactor(c) }},
		{"no second factor", func() {
			r.want("off", c.Post("/admin/account/factor/off", url.Values{"password": {"nine loud geese at dusk"}}), http.StatusOK)
		}},
	}
	for _, s := range steps {
		was := token()
		if s.do(); token() == was || token() == "" {
			t.Errorf("%s: the token is the same", s.name)
		}
		if !r.in(c) || with(was) == http.StatusOK {
			t.Errorf("%s: in with the new token: %v; with the old one: %d", s.name, r.in(c), with(was))
		}
	}
	// A chosen token is not taken over: what the server has not made is not a session.
	fixed := r.Stranger()
	p = fixed.Do("POST", "/admin/login", url.Values{"email": {tom.Email}, "password": {"nine loud geese at dusk"}}, http.Header{"Cookie": {"__Host-mailer=chosen"}})
	if p.Status != http.StatusOK || with("chosen") == http.StatusOK {
		t.Errorf("a chosen token opens the account: %d", p.Status)
	}
	was := token()
	c.Post("/admin/logout", nil)
	if with(was) == http.StatusOK || r.in(c) {
		t.Error("after the log-out the token goes on")
	}
	for name, stmt := range map[string]string{
		"24 hours without a request": `UPDATE sessions SET seen_at = seen_at - interval '24 hours'`,
		"two weeks after the log-in": `UPDATE sessions SET expires_at = expires_at - interval '14 days'`,
		"disabled":                   `UPDATE accounts SET disabled_at = now() WHERE email LIKE 'tom%'`,
	} {
		if r.exec(`UPDATE accounts SET disabled_at = NULL`); r.login(c, tom.Email, "nine loud geese at dusk").Status != http.StatusOK || !r.in(c) {
			t.Fatalf("%s: cannot log in", name)
		}
		if r.exec(stmt); r.in(c) {
			t.Errorf("%s: the session goes on", name)
		}
	}
}

// SEC-04: a request that was under way while its session ended does not bring it back.
func TestSEC04NotBroughtBack(t *testing.T) {
	t.Parallel()
	r := open(t)
	ines := r.Person("Ines", accounts.Owner)
	for name, change := range map[string]func(ctx context.Context) error{
		"what it keeps": func(ctx context.Context) error { r.Accounts.Sessions.Flash(ctx, "a change"); return nil },
		"its token":     r.Accounts.Sessions.Renew,
	} {
		c := r.Client(ines)
		h := r.Accounts.Sessions.Middleware(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if _, ok := r.Accounts.Sessions.Who(q.Context()); !ok {
				t.Error("not logged in")
			}
			r.exec(`DELETE FROM sessions`)
			if err := change(q.Context()); err != nil {
				t.Error(err)
			}
		}))
		q, err := http.NewRequestWithContext(t.Context(), "GET", r.Base+"/admin", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range c.Cookies() {
			q.AddCookie(k)
		}
		h.ServeHTTP(discard{}, q)
		if n := r.count(`SELECT count(*) FROM sessions`); n != 0 || r.in(c) {
			t.Errorf("after a change of %s: %d sessions; want none", name, n)
		}
	}
}

// SEC-04: when several requests come just after a change of roles, one of them gets the new token and none ends the session.
func TestSEC04Together(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.Person("Olga", accounts.Owner)
	ines := r.Person("Ines", accounts.Editor)
	c := r.Client(ines)
	if err := r.Accounts.People.SetGrants(t.Context(), ines.ID, accounts.Grants{{Role: accounts.Writer}}, "test"); err != nil {
		t.Fatal(err)
	}
	var fresh atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if p := c.Raw("GET", "/admin/account", nil, nil); p.Header.Get("Set-Cookie") != "" {
				fresh.Add(1)
			}
		})
	}
	group.Wait()
	if fresh.Load() != 1 || !r.in(c) || r.count(`SELECT count(*) FROM sessions WHERE account_id = $1`, ines.ID) != 1 {
		t.Errorf("%d new tokens, logged in: %v", fresh.Load(), r.in(c))
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// Whoever is logged in sees where, and ends it there; other people's sessions are out of reach.
func TestSessions(t *testing.T) {
	t.Parallel()
	r := open(t)
	ines, tom := r.Person("Ines", accounts.Owner), r.Person("Tom", accounts.Owner)
	here, there, toms := r.Client(ines), r.Client(ines), r.Client(tom)
	if p := here.Get("/admin/account"); strings.Count(p.Body, "Log out there") != 1 || !strings.Contains(p.Body, "127.0.0.0/24") {
		t.Errorf("sessions on the page:\n%s", cut(p.Body))
	}
	id := r.count(`SELECT max(id) FROM sessions WHERE account_id = $1`, ines.ID)
	end := "/admin/account/sessions/" + itoa(id) + "/end"
	if r.want("somebody else's session", toms.Post(end, nil), http.StatusNotFound); !r.in(there) {
		t.Fatal("Tom has ended a session of Ines")
	}
	if r.want("end", here.Post(end, nil), http.StatusOK); r.in(there) || !r.in(here) {
		t.Errorf("in there: %v, here: %v", r.in(there), r.in(here))
	}
	there = r.Client(ines)
	if here.Post("/admin/account/sessions/end", nil); r.in(there) || !r.in(here) || !r.in(toms) {
		t.Errorf("all others: there %v, here %v, Tom %v", r.in(there), r.in(here), r.in(toms))
	}
	for next, want := range map[string]string{"/admin/account": "/admin/account", "https://evil.example/admin": "/admin", "//evil.example/admin/": "/admin", "/admin/../etc": "/admin", "/other": "/admin"} {
		c := r.Stranger()
		if p := c.Raw("POST", "/admin/login", url.Values{"email": {ines.Email}, "password": {admintest.Password}, "next": {next}}, nil); !strings.HasPrefix(p.Header.Get("Location"), want) || strings.Contains(p.Header.Get("Location"), "evil") {
			t.Errorf("next=%s leads to %s", next, p.Header.Get("Location"))
		}
	}
}
