package public

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"mailer/internal/errs"
	"mailer/internal/lang"
)

var (
	//go:embed pages
	files embed.FS

	// layout is the page.html around every page. The other files are what single pages have within it.
	layout = template.Must(template.ParseFS(files, "pages/*.html"))
	style  = narrow(must(files.ReadFile("pages/style.css")))

	styleHash = hash(style)
)

func must(b []byte, err error) string {
	if err != nil {
		panic(err) // embedded: can only fail in a build that no test has seen
	}
	return string(b)
}

// narrow takes out of a style sheet what only people who write it need.
func narrow(css string) string {
	css = strings.Join(strings.Fields(css), " ")
	return strings.NewReplacer(" { ", "{", "; } ", "}", "; ", ";", " } ", "}", "} ", "}").Replace(css)
}

// page is what every page of ours has; what is empty is left out.
type page struct {
	Words   *lang.Words
	Brand   string // name of the newsletter
	Accent  string // its colour
	Heading template.HTML
	Text    template.HTML
	Body    template.HTML // what a page of its own kind has, see fill
	Main    *button
	Note    template.HTML
	More    []*button
	HomeURL string
	Head    *head // of pages that search engines and other programs may know; nil: they are asked to look away
}

// button is a form of one button. Its value is what asked reads.
type button struct {
	Text  template.HTML // above it
	Label string
	Value string
}

// markup is the tags of a heading, which a title cannot have.
var markup = regexp.MustCompile(`<[^>]*>`)

// Title returns the heading and the newsletter.
func (p page) Title() template.HTML {
	heading := template.HTML(markup.ReplaceAllString(string(p.Heading), "")) // #nosec G203 -- what was escaped is escaped yet
	if p.Brand == "" {
		return heading
	}
	return heading + " · " + template.HTML(template.HTMLEscapeString(p.Brand))
}

// HomeName returns the host of the publication's home page.
func (p page) HomeName() string {
	u, err := url.Parse(p.HomeURL)
	if err != nil {
		return p.HomeURL
	}
	return strings.TrimPrefix(u.Host, "www.")
}

// say returns a text with args, which are HTML already, in the places that it marks.
func say(w *lang.Words, key string, args ...template.HTML) template.HTML {
	text := template.HTMLEscapeString(w.T(key))
	if len(args) == 0 {
		return template.HTML(text)
	}
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a
	}
	return template.HTML(fmt.Sprintf(text, values...))
}

// fill executes one of the files of pages for the Body of a page.
func fill(name string, data any) (template.HTML, error) {
	var b bytes.Buffer
	if err := layout.ExecuteTemplate(&b, name, data); err != nil {
		return "", errs.Wrap(err, errs.Internal, "write the page")
	}
	return template.HTML(b.String()), nil // #nosec G203 -- html/template has escaped it
}

var colour = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// written is a page as it goes out.
type written struct {
	body     []byte
	language string
	policy   string // Content-Security-Policy
}

// write makes a page. Its styles stand in it, allowed by their hashes, so that it is one request and nothing from elsewhere ever
// gets in.
func (p page) write() (written, error) {
	accent, styles := "", styleHash
	if colour.MatchString(p.Accent) {
		accent = ":root{--accent:" + p.Accent + "}"
		styles += " " + hash(accent)
	}
	var b bytes.Buffer
	err := layout.ExecuteTemplate(&b, "page.html", struct {
		page
		Style, Colour template.CSS
	}{p, template.CSS(style), template.CSS(accent)})
	return written{b.Bytes(), p.Words.Tag(), "default-src 'none'; style-src " + styles + "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
		errs.Wrap(err, errs.Internal, "write a page")
}

// show answers with a page.
func (s *site) show(w http.ResponseWriter, r *http.Request, status int, p page) {
	out, err := p.write()
	if err != nil {
		s.Log.Error("write a page", "path", redacted(r.URL.Path), "err", err)
		plain(w, http.StatusInternalServerError, "Something went wrong on our side.")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", out.language)
	h.Set("Content-Security-Policy", out.policy)
	w.WriteHeader(status)
	_, _ = w.Write(out.body) // who asked may have gone
}

// hash names a style in a Content-Security-Policy.
func hash(css string) string {
	sum := sha256.Sum256([]byte(css))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// invalid answers for every link that leads nowhere, always with the same page.
func (s *site) invalid(w http.ResponseWriter, r *http.Request, status int) {
	words := lang.For(spoken(r))
	s.show(w, r, status, page{Words: words, Heading: say(words, "page.invalid.heading"), Text: say(words, "page.invalid.text")})
}

// fail answers for what went wrong on our side, and asks to come back where that helps.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errs.KindOf(err) != errs.Unavailable {
		s.Log.Error("a page failed", "path", redacted(r.URL.Path), "err", err)
		s.failed(w, r)
		return
	}
	s.Log.Warn("a page has to wait", "path", redacted(r.URL.Path), "err", err)
	words := lang.For(spoken(r))
	w.Header().Set("Retry-After", "60")
	s.show(w, r, http.StatusServiceUnavailable, page{Words: words, Heading: say(words, "page.unavailable.heading"), Text: say(words, "page.unavailable.text")})
}

func (s *site) failed(w http.ResponseWriter, r *http.Request) {
	words := lang.For(spoken(r))
	s.show(w, r, http.StatusInternalServerError, page{Words: words, Heading: say(words, "page.error.heading"), Text: say(words, "page.error.text")})
}

// spoken returns the language that a request asks for most, of those that we have words for; where a page belongs to a newsletter, that one's
// language counts instead.
func spoken(r *http.Request) string {
	best, most := "", 0.0
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, weight, _ := strings.Cut(part, ";")
		q, err := strconv.ParseFloat(strings.TrimPrefix(strings.ReplaceAll(weight, " ", ""), "q="), 64)
		if err != nil {
			q = 1
		}
		if q > most && lang.Speaks(tag) {
			best, most = lang.For(tag).Tag(), q
		}
	}
	return best
}
