package frame

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"

	"mailer/internal/errs"
)

//go:embed parts
var ownFiles embed.FS

// base has the layout and the parts that every page may use.
var base = template.Must(template.New("").Funcs(funcs).ParseFS(ownFiles, "parts/*.html"))

// ownPages are those of the frame itself.
var ownPages = &Pages{template.Must(base.Clone())} // base itself is never executed: then it could not be cloned any more

// Pages are the templates of one room. A template is given a View: .V is the visit, .D what the handler passed.
type Pages struct{ t *template.Template }

// Load parses every .html file in the folder pages of a room. It panics on an error: the files are embedded.
func Load(fsys fs.FS) *Pages {
	t := template.Must(base.Clone())
	return &Pages{template.Must(t.ParseFS(fsys, "pages/*.html"))}
}

// View is what a template is given.
type View struct {
	V *Visit
	D any
}

// Link is a named address.
type Link struct{ Name, URL string }

// Head is what a page has above and around it.
type Head struct {
	Title   string
	Nav     string   // key of the navigation that is lit
	Crumbs  []Link   // where the page hangs, from the top
	Scripts []string // assets, run in this order after those of the frame
	Styles  []string // assets
	Wide    bool     // uses all of the width
	Bare    bool     // without navigation: before the log-in
}

// Page answers with a whole page: the template name within the layout.
func (v *Visit) Page(w http.ResponseWriter, p *Pages, name string, h Head, data any) error {
	return v.write(w, http.StatusOK, p, name, h, data)
}

// PageStatus is Page with another status, such as that of a form that was not accepted.
func (v *Visit) PageStatus(w http.ResponseWriter, status int, p *Pages, name string, h Head, data any) error {
	return v.write(w, status, p, name, h, data)
}

// Part answers with a fragment.
func (v *Visit) Part(w http.ResponseWriter, p *Pages, name string, data any) error {
	html, err := p.part(v, name, data)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(html)) // who asked may have gone
	return nil
}

// part executes a template by name.
func (p *Pages) part(v *Visit, name string, data any) (template.HTML, error) {
	var b bytes.Buffer
	if err := p.t.ExecuteTemplate(&b, name, View{v, data}); err != nil {
		return "", errs.Wrap(err, errs.Internal, "write a page of the desk")
	}
	return template.HTML(b.String()), nil // #nosec G203 -- html/template has escaped it
}

func (v *Visit) write(w http.ResponseWriter, status int, p *Pages, name string, h Head, data any) error {
	body, err := p.part(v, name, data)
	if err != nil {
		return err
	}
	l := layout{Head: h, Body: body, Nav: navigation(v, h.Nav), Logged: v.Account.ID != 0 && !h.Bare}
	for _, s := range append([]string{"frame.css"}, h.Styles...) {
		l.StyleURLs = append(l.StyleURLs, v.frame.AssetURL(s))
	}
	for _, s := range append([]string{"htmx.js", "frame.js"}, h.Scripts...) {
		l.ScriptURLs = append(l.ScriptURLs, v.frame.AssetURL(s))
	}
	if !v.Machine {
		l.Notice = v.frame.Sessions.PopFlash(v.request.Context())
	}
	out, err := p.part(v, "layout.html", l)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(out)) // who asked may have gone
	return nil
}

// layout is what layout.html shows.
type layout struct {
	Head
	Body       template.HTML
	Nav        []section
	Logged     bool
	Notice     string
	StyleURLs  []string
	ScriptURLs []string
}

// With returns an address with a parameter of its query replaced; empty takes it out. For links of filters and pagers.
func With(address, name, value string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	q := u.Query()
	if q.Set(name, value); value == "" {
		q.Del(name)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// Here returns the address of the page without its host, for links that change a part of it.
func (v *Visit) Here() string { return v.request.URL.RequestURI() }
