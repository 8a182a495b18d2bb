package admintest

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"mailer/internal/accounts"
	"mailer/internal/browsertest"
)

// Password is that of everybody in the rig.
const Password = "seven quiet herons at dawn"

// Person makes an account with a role on lists, or on all of them where none is named. The name becomes the address:
// "Ines" is ines@example.org.
func (r *Rig) Person(name string, role accounts.Role, lists ...int64) accounts.Account {
	r.t.Helper()
	grants := accounts.Grants{}
	for _, l := range lists {
		grants = append(grants, accounts.Grant{List: l, Role: role})
	}
	if len(lists) == 0 {
		grants = accounts.Grants{{Role: role}}
	}
	a, err := r.Accounts.People.Create(r.t.Context(), accounts.Person{Email: strings.ToLower(name) + "@example.org", Name: name, Password: Password, Grants: grants}, "test")
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// Page is an answer of the desk.
type Page struct {
	Status int
	Header http.Header
	Body   string
	URL    string // where it stands, after redirects
}

// Client is a browser without scripts, logged in as one person.
type Client struct {
	rig  *Rig
	http *http.Client
	jar  http.CookieJar
}

// Stranger returns a browser that is not logged in.
func (r *Rig) Stranger() *Client {
	r.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	c := *r.http()
	c.Jar = jar
	return &Client{r, &c, jar}
}

// http returns a client that trusts the rig's certificate, where it has one.
func (r *Rig) http() *http.Client {
	if r.trust != nil {
		return r.trust
	}
	return &http.Client{}
}

// Client logs a person in.
func (r *Rig) Client(a accounts.Account) *Client {
	r.t.Helper()
	c := r.Stranger()
	if p := c.Post("/admin/login", url.Values{"email": {a.Email}, "password": {Password}}); p.Status != http.StatusOK || strings.Contains(p.URL, "/login") {
		r.t.Fatalf("%s cannot log in: %d at %s\n%s", a.Email, p.Status, p.URL, p.Body)
	}
	return c
}

// Get opens a page.
func (c *Client) Get(path string) Page { return c.Do("GET", path, nil, nil) }

// Post sends a form, as a browser does from a page of the desk.
func (c *Client) Post(path string, form url.Values) Page { return c.Do("POST", path, form, nil) }

// HTMX sends a form as htmx does.
func (c *Client) HTMX(method, path string, form url.Values) Page {
	return c.Do(method, path, form, http.Header{"Hx-Request": {"true"}})
}

// Do makes any request. Redirects are followed.
func (c *Client) Do(method, path string, form url.Values, header http.Header) Page {
	c.rig.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(c.rig.t.Context(), method, c.rig.Base+path, body)
	if err != nil {
		c.rig.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Origin", c.rig.Base)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.rig.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.rig.t.Fatal(err)
	}
	return Page{res.StatusCode, res.Header, string(b), res.Request.URL.RequestURI()}
}

// Raw is Do without following redirects.
func (c *Client) Raw(method, path string, form url.Values, header http.Header) Page {
	c.rig.t.Helper()
	still := *c.http
	still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return (&Client{c.rig, &still, c.jar}).Do(method, path, form, header)
}

// Cookies returns what the desk has set.
func (c *Client) Cookies() []*http.Cookie {
	u, err := url.Parse(c.rig.Base)
	if err != nil {
		c.rig.t.Fatal(err)
	}
	return c.jar.Cookies(u)
}

// Browser opens a real browser, logged in as a person, with scripts on.
func (r *Rig) Browser(a accounts.Account) *browsertest.Tab {
	r.t.Helper()
	tab := browsertest.Open(r.t)
	tab.Scripts(true)
	r.LogIn(tab, a)
	return tab
}

// LogIn gives a browser the session of a person.
func (r *Rig) LogIn(tab *browsertest.Tab, a accounts.Account) {
	r.t.Helper()
	for _, c := range r.Client(a).Cookies() {
		tab.Cookie(r.Base+"/", c.Name, c.Value)
	}
}
