package people_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mailer/internal/accounts"
	"mailer/internal/web/admin/admintest"
)

func itoa(n int) string { return strconv.Itoa(n) }

// An invitation from the form to the first click, and what the owner may do to an account.
func TestInvitation(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.Newsroom()
	owner := r.Client(r.Person("Ines", accounts.Owner))
	list := fmt.Sprintf("role-%d", r.List.ID)
	if p := owner.Post("/admin/people", url.Values{"email": {"tom"}, "role": {"none"}, list: {"writer"}}); p.Status != http.StatusBadRequest || !strings.Contains(p.Body, `id="f-email-problem"`) {
		t.Errorf("no address: %d\n%s", p.Status, cut(p.Body))
	}
	r.want("without a role", owner.Post("/admin/people", url.Values{"email": {"tom@example.org"}, "role": {"none"}}), http.StatusBadRequest)
	p := owner.Post("/admin/people", url.Values{"email": {"tom@example.org"}, "name": {"Tom"}, "role": {"none"}, list: {"writer"}})
	r.want("the invitation", p, http.StatusOK)
	person := strings.SplitN(p.URL, "?", 2)[0]
	tom, err := r.Accounts.People.ByEmail(t.Context(), "tom@example.org")
	if err != nil || tom.Role(r.List.ID) != accounts.Writer || tom.Everywhere() != accounts.None || person != "/admin/people/"+strconv.FormatInt(tom.ID, 10) {
		t.Fatalf("%+v at %s, %v", tom, person, err)
	}
	c := r.Stranger()
	if p := r.enter(c, r.mailed(tom.Email), url.Values{"name": {"Tom Okafor"}, "password": {admintest.Password}}); p.URL != "/admin" || !r.in(c) {
		t.Fatalf("%d at %s\n%s", p.Status, p.URL, cut(p.Body))
	}
	if p := owner.Get(person); !strings.Contains(p.Body, "Tom Okafor") || !strings.Contains(p.Body, "account.join") {
		t.Errorf("the page of the person:\n%s", cut(p.Body))
	}
	r.want("another role", owner.Post(person+"/roles", url.Values{"role": {"none"}, list: {"editor"}}), http.StatusOK)
	r.want("owner of a list", owner.Post(person+"/roles", url.Values{"role": {"none"}, list: {"owner"}}), http.StatusBadRequest)
	if tom, err = r.Accounts.People.Get(t.Context(), tom.ID); err != nil || tom.Role(r.List.ID) != accounts.Editor {
		t.Errorf("%+v, %v", tom.Grants, err)
	}
	r.want("disable", owner.Post(person+"/disable", nil), http.StatusOK)
	if r.in(c) || r.login(r.Stranger(), tom.Email, admintest.Password).Status != http.StatusForbidden {
		t.Error("a disabled account is open")
	}
	r.want("a link for a disabled account", owner.Post(person+"/link", nil), http.StatusConflict)
	r.want("enable", owner.Post(person+"/enable", nil), http.StatusOK)
	r.withFactor(r.Client(tom))
	r.want("remove the factor", owner.Post(person+"/factor", nil), http.StatusOK)
	r.Client(tom)
	r.want("the only owner", owner.Post("/admin/people/1/disable", nil), http.StatusConflict)
	r.want("nobody", owner.Get("/admin/people/999"), http.StatusNotFound)
}

// Without a list no mail can be sent: the link is shown to who invites, once.
func TestInvitationWithoutList(t *testing.T) {
	t.Parallel()
	r := open(t)
	owner := r.Client(r.Person("Ines", accounts.Owner))
	p := owner.Post("/admin/people", url.Values{"email": {"tom@example.org"}, "role": {"editor"}})
	link := regexp.MustCompile(`http://[^\s"<>]+/admin/enter/[A-Za-z0-9_-]{43}`).FindString(p.Body)
	if p.Status != http.StatusOK || link == "" {
		t.Fatalf("%d\n%s", p.Status, cut(p.Body))
	}
	c := r.Stranger()
	if r.enter(c, link, url.Values{"password": {admintest.Password}}); !r.in(c) {
		t.Error("the link does not let Tom in")
	}
}

// SEC-07: a token is shown once and kept as a hash; it opens exports and reports of its scope, and nothing that concerns people,
// second factors or settings, nor any change; it is void as soon as it is revoked, and when its person may no more.
func TestSEC07(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.Newsroom()
	ines := r.Person("Ines", accounts.Owner)
	c := r.Client(ines)
	make := func(scope string) string {
		t.Helper()
		p := c.Post("/admin/account/tokens", url.Values{"name": {"Sheet of " + scope}, "scope": {scope}, "days": {"30"}})
		m := regexp.MustCompile(`id="token">(mailer_[A-Za-z0-9_-]{43})<`).FindStringSubmatch(p.Body)
		if m == nil {
			t.Fatalf("no token: %d\n%s", p.Status, cut(p.Body))
		}
		return m[1]
	}
	reports, exports := make("reports"), make("exports")
	if p := c.Get("/admin/account"); !strings.Contains(p.Body, "Sheet of reports") || strings.Contains(p.Body, reports) || strings.Contains(p.Body, reports[7:20]) {
		t.Error("the token is shown again")
	}
	if n := r.count(`SELECT count(*) FROM api_tokens a WHERE a::text || encode(hash, 'escape') LIKE '%' || $1 || '%'`, reports[7:]); n != 0 {
		t.Error("the token stands in the database")
	}
	bearer := func(token, method, path string) int {
		t.Helper()
		return r.Stranger().Raw(method, path, nil, http.Header{"Authorization": {"Bearer " + token}}).Status
	}
	for _, token := range []string{reports, exports} {
		for _, route := range r.Frame.Routes() {
			method, path, _ := strings.Cut(fill(route.Pattern, nil), " ")
			if route.Need.IsOpen() || route.Need.ForMachines() {
				continue
			}
			if got := bearer(token, method, path); got != http.StatusForbidden && got != http.StatusNotFound {
				t.Errorf("%s with a token: %d", route.Pattern, got)
			}
		}
	}
	for _, route := range r.Frame.Routes() {
		if m := route.Pattern; route.Need.ForMachines() && (!strings.HasPrefix(m, "GET ") || regexp.MustCompile(`people|account|audit|settings|login|relays`).MatchString(m)) {
			t.Errorf("%s is open to tokens", m)
		}
	}
	for _, try := range []struct {
		token, path string
		want        int
	}{
		{reports, "report.csv", http.StatusOK}, {exports, "report.csv", http.StatusOK}, {reports, "readers.csv", http.StatusForbidden}, {exports, "readers.csv", http.StatusOK},
		{exports + "x", "readers.csv", http.StatusUnauthorized},
	} {
		if got := bearer(try.token, "GET", "/admin/lists/"+r.List.Slug+"/"+try.path); got != try.want {
			t.Errorf("%s with a token: %d; want %d", try.path, got, try.want)
		}
	}
	for name, wrong := range map[string]string{"another": exports[:len(exports)-4] + "AAAA", "a session": c.Cookies()[0].Value} {
		if got := bearer(wrong, "GET", "/admin/people"); got != http.StatusUnauthorized {
			t.Errorf("with %s: %d", name, got)
		}
	}
	whose := func(token string) (accounts.Account, bool) { return r.Accounts.Tokens.Account(t.Context(), token) }
	if a, ok := whose(reports); !ok || a.Everywhere() != accounts.Viewer {
		t.Errorf("a token for reports has the role %v, %v", a.Everywhere(), ok)
	}
	if a, ok := whose(exports); !ok || a.Everywhere() != accounts.Editor {
		t.Errorf("a token for exports has the role %v, %v", a.Everywhere(), ok)
	}
	tom := r.Person("Tom", accounts.Viewer)
	toms := r.Client(tom)
	r.want("a token that sees more than its person", toms.Post("/admin/account/tokens", url.Values{"name": {"x"}, "scope": {"exports"}}), http.StatusBadRequest)
	r.want("a scope that there is not", toms.Post("/admin/account/tokens", url.Values{"name": {"x"}, "scope": {"people"}}), http.StatusBadRequest)
	id := r.count(`SELECT id FROM api_tokens WHERE scope = 'exports'`)
	revoke := "/admin/account/tokens/" + itoa(id) + "/revoke"
	r.want("somebody else revokes", toms.Post(revoke, nil), http.StatusNotFound)
	if r.want("revoke", c.Post(revoke, nil), http.StatusOK); bearer(exports, "GET", "/admin/people") != http.StatusUnauthorized {
		t.Error("a revoked token is known")
	}
	if r.exec(`UPDATE api_tokens SET expires_at = now() WHERE scope = 'reports'`); bearer(reports, "GET", "/admin/people") != http.StatusUnauthorized {
		t.Error("an expired token is known")
	}
	last := make("reports")
	r.Person("Other", accounts.Owner)
	if err := r.Accounts.People.Disable(t.Context(), ines.ID, "test"); err != nil {
		t.Fatal(err)
	}
	if _, ok := whose(last); ok {
		t.Error("the token of a disabled account is known")
	}
}

// SEC-08: what a form or a query brings beside its fields changes nothing: no role, no address, nobody else's account.
func TestSEC08(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.Newsroom()
	ines, tom := r.Person("Ines", accounts.Owner), r.Person("Tom", accounts.Viewer)
	c := r.Client(tom)
	more := url.Values{"role": {"owner"}, "role-1": {"editor"}, "grants": {`[{"list":0,"role":"owner"}]`}, "Grants[0][Role]": {"4"}, "is_admin": {"true"}, "email": {"eve@example.org"},
		"Email": {"eve@example.org"}, "id": {"1"}, "ID": {"1"}, "account_id": {"1"}, "person": {"1"}, "account[id]": {"1"}, "disabled_at": {""}, "totp": {""}, "second_factor": {"off"}, "joined": {"on"}}
	const snapshot = `SELECT count(*) FROM accounts a LEFT JOIN account_grants g ON g.account_id = a.id WHERE a.email = $1 AND a.canonical = $1 AND g.role = $2 AND g.list_id IS NULL AND a.name = $3`
	for path, own := range map[string]url.Values{
		"/admin/account":                 {"name": {"Tom O"}, "time_zone": {"Europe/Brussels"}},
		"/admin/account?id=1&role=owner": {"name": {"Tom O"}, "time_zone": {"Europe/Brussels"}},
	} {
		form := url.Values{}
		for _, v := range []url.Values{more, own} {
			for name, values := range v {
				form[name] = values
			}
		}
		r.want(path, c.Post(path, form), http.StatusOK)
		if r.count(snapshot, tom.Email, "viewer", "Tom O") != 1 || r.count(snapshot, ines.Email, "owner", "Ines") != 1 {
			t.Errorf("%s changed more than it has fields for", path)
		}
	}
	if p := c.Do("POST", "/admin/account", nil, http.Header{"Content-Type": {"application/json"}}); p.Status != http.StatusBadRequest || r.count(snapshot, tom.Email, "viewer", "Tom O") != 1 {
		t.Errorf("JSON in place of a form: %d", p.Status)
	}
	// A link sets the password of its own account, whatever else the form says.
	link, err := r.Accounts.Links.For(t.Context(), tom, "test")
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"password": {"nine loud geese at dusk"}, "name": {"Eve"}}
	for name, values := range more {
		form[name] = values
	}
	r.enter(r.Stranger(), link, form)
	if r.count(snapshot, tom.Email, "viewer", "Tom O") != 1 || r.count(snapshot, ines.Email, "owner", "Ines") != 1 {
		t.Errorf("a link for a new password changed more: %s", r.text(`SELECT string_agg(a::text, E'\n') FROM accounts a`))
	}
	r.Client(ines) // with her own password
	// An invitation gives the roles of its fields: for lists that there are.
	owner := r.Client(ines)
	for name, form := range map[string]url.Values{
		"a list that there is not": {"email": {"a@example.org"}, "role": {"none"}, "role-999": {"editor"}},
		"a role that there is not": {"email": {"a@example.org"}, "role": {"god"}},
		"owner of a list":          {"email": {"a@example.org"}, "role": {"none"}, fmt.Sprintf("role-%d", r.List.ID): {"owner"}},
	} {
		r.want(name, owner.Post("/admin/people", form), http.StatusBadRequest)
	}
	form = url.Values{"email": {"a@example.org"}, "role": {"viewer"}, "password": {"nine loud geese at dusk"}, "id": {"77"}, "joined": {"true"}, "Grants": {"owner"}}
	r.want("an invitation", owner.Post("/admin/people", form), http.StatusOK)
	if a, err := r.Accounts.People.ByEmail(t.Context(), "a@example.org"); err != nil || a.Everywhere() != accounts.Viewer || a.Joined || a.ID == 77 {
		t.Errorf("%+v, %v", a, err)
	}
}
