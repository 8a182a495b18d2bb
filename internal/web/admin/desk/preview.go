package desk

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// A preview is foreign HTML: titles, texts and pictures of other people's, in a template that may be the operator's. It is shown in a frame that
// has no origin, so that whatever is in it reaches neither the desk nor its cookies; nothing in it runs but the few lines of framed.js, named by their
// hash, which tell the desk how long the mail is.

//go:embed framed.js
var framedScript string

var framedHash = func() string {
	sum := sha256.Sum256([]byte(framedScript))
	return base64.StdEncoding.EncodeToString(sum[:])
}()

// view is how a mail is looked at.
type view struct {
	Phone, Text, Dark bool
	Images            bool
	Supporter         bool
	Off               []string // slugs of topics that the reader does not want
	Topics            []subscribers.Topic
	Address           string
}

func newView(base string, topics []subscribers.Topic) view {
	return view{Phone: true, Images: true, Topics: topics, Address: base + "/preview"}
}

// readView reads how a mail is to be looked at. Unknown values are the ordinary ones.
func readView(q url.Values) view {
	return view{Text: q.Get("view") == "text", Dark: q.Get("dark") != "", Images: q.Get("images") != "off", Supporter: q.Get("as") == "supporter", Off: q["without"]}
}

// preview shows the mail as a reader would see it, for the frame beside the mail.
func (rm *room) preview(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	look := readView(r.URL.Query())
	g, err := rm.listing.Glance(r.Context(), v.Campaign, campaigns.Reader{Name: r.FormValue("name"), Supporter: look.Supporter, TopicsOff: look.Off})
	images := frame.Pictures(rm.Campaigns.Development)
	if !look.Images {
		images = "'none'"
	}
	var out string
	switch kind := errs.KindOf(err); {
	case kind == errs.Invalid || kind == errs.Config:
		out = note(look, "It cannot be shown yet", errs.Public(err))
	case err != nil:
		return err
	case g.Nothing:
		out = note(look, "No mail", "A reader like this gets nothing: no story is left.")
	case look.Text:
		out = plainPage(look, g.Text)
	default:
		out = g.HTML
	}
	frame.Foreign(w, dress(out, look, g.HTMLSize), frame.May{Pictures: images, Script: "sha256-" + framedHash,
		Sandbox: " allow-scripts allow-popups allow-popups-to-escape-sandbox"})
	return nil
}

var (
	darkQuery   = regexp.MustCompile(`\(\s*prefers-color-scheme\s*:\s*dark\s*\)`)
	schemeMeta  = regexp.MustCompile(`(?i)<meta name="(?:color-scheme|supported-color-schemes)" content="[^"]*">`)
	headOpens   = regexp.MustCompile(`(?i)<head\b[^>]*>`)
	bodyCloses  = regexp.MustCompile(`(?i)</body\s*>`)
	darkNow     = "(min-width:0px)"
	darkNever   = "(max-width:0px)"
	previewHead = template.Must(template.New("").Parse(`<base target="_blank"><meta name="color-scheme" content="{{.Scheme}}"><meta name="mail-size" content="{{.Size}}">`))
)

// dress makes the mail light or dark whatever the editor's own screen is, has its links open elsewhere, and adds the script that tells its height.
func dress(html string, look view, size int) string {
	scheme, query := "only light", darkNever
	if look.Dark {
		scheme, query = "only dark", darkNow
	}
	html = schemeMeta.ReplaceAllLiteralString(darkQuery.ReplaceAllLiteralString(html, query), "")
	var top bytes.Buffer
	if err := previewHead.Execute(&top, struct {
		Scheme string
		Size   string
	}{scheme, strconv.Itoa(size)}); err != nil {
		return html // two constants and a number
	}
	if at := headOpens.FindStringIndex(html); at != nil {
		html = html[:at[1]] + top.String() + html[at[1]:]
	}
	script := "<script>" + framedScript + "</script>"
	if ends := bodyCloses.FindAllStringIndex(html, -1); len(ends) > 0 {
		at := ends[len(ends)-1][0]
		return html[:at] + script + html[at:]
	}
	return html + script
}

var notePage = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title><style>
body{margin:0;padding:2rem 1.25rem;font:16px/1.5 system-ui,sans-serif;background:{{.Ground}};color:{{.Ink}}}
h1{font-size:1.125rem;margin:0 0 .4rem}p{margin:0;white-space:pre-line}pre{margin:0;font:13px/1.55 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
</style></head><body>{{if .Plain}}<pre>{{.Plain}}</pre>{{else}}<h1>{{.Title}}</h1><p>{{.Text}}</p>{{end}}</body></html>`))

type noteData struct {
	Title, Text, Plain string
	Ground, Ink        template.CSS
}

func (d noteData) page(look view) string {
	d.Ground, d.Ink = "#ffffff", "#1d1c1a"
	if look.Dark {
		d.Ground, d.Ink = "#14161a", "#eceae5"
	}
	var b bytes.Buffer
	if err := notePage.Execute(&b, d); err != nil {
		return ""
	}
	return b.String()
}

// note is what stands in the place of a mail that cannot be shown.
func note(look view, title, text string) string {
	return noteData{Title: title, Text: frame.Whole(text)}.page(look)
}

// plainPage shows the plain text of a mail.
func plainPage(look view, text string) string {
	return noteData{Title: "Plain text", Plain: text}.page(look)
}

// Without reports whether the reader of the view does not want a topic.
func (v view) Without(slug string) bool { return slices.Contains(v.Off, slug) }
