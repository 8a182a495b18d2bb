package public

import (
	"bytes"
	"context"
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"

	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// head is what a page says of itself to search engines, to sites that show a card for a link, and to feed readers.
type head struct {
	URL         string // the one address of the page
	Site        string
	Title       string
	Description string
	Published   string // RFC 3339; empty: not an article
	Image       *render.Image
	Feeds       []feedLink
	Previous    string
	Next        string
}

// feedLink leads to a feed.
type feedLink struct{ Name, Title, URL string }

// archiveURL returns the address of a list's archive, or of what stands in it.
func (a *past) archiveURL(list, what string) string {
	if what != "" {
		what = "/" + what
	}
	return a.base + "/archive/" + list + what
}

// feedLinks returns the feeds of a list.
func (a *past) feedLinks(l subscribers.List) []feedLink {
	return []feedLink{
		{"Atom", l.Name + " (Atom)", a.archiveURL(l.Slug, "atom.xml")},
		{"RSS", l.Name + " (RSS)", a.archiveURL(l.Slug, "rss.xml")},
	}
}

// joinURL returns where one subscribes to a list; it is empty where nobody can.
func joinURL(l subscribers.List) string {
	if !l.SignupOpen {
		return ""
	}
	return "/subscribe/" + l.Slug
}

// title returns what a campaign is called in the archive.
func title(l subscribers.List, p campaigns.Past) string {
	if t := strings.TrimSpace(p.Subject); t != "" {
		return t
	}
	return l.Name
}

// index makes a page of the list of a shelf's campaigns.
func (a *past) index(sh *shelf, n int) (draft, error) {
	type entry struct{ URL, Day, Date, Title, Text string }
	l, w := sh.list, lang.For(sh.list.Language)
	var entries []entry
	for _, p := range sh.past[(n-1)*perPage : min(n*perPage, len(sh.past))] {
		entries = append(entries, entry{"/archive/" + l.Slug + "/" + slugOf(p), p.At.Format("2006-01-02"), w.LongDate(p.At), title(l, p), p.Preheader})
	}
	at := func(n int) string {
		switch {
		case n < 1 || n > sh.pages():
			return ""
		case n == 1:
			return a.archiveURL(l.Slug, "")
		}
		return a.archiveURL(l.Slug, "") + "?page=" + strconv.Itoa(n)
	}
	place := ""
	if sh.pages() > 1 {
		place = w.T("archive.page", n, sh.pages())
	}
	heading := say(w, "archive.heading")
	if n > 1 {
		heading += ", " + template.HTML(template.HTMLEscapeString(place))
	}
	newer, older := at(n-1), at(n+1)
	feeds := a.feedLinks(l)
	for i, f := range feeds {
		feeds[i].URL = strings.TrimPrefix(f.URL, a.base)
	}
	body, err := fill("archive.html", struct {
		Words                          *lang.Words
		List                           subscribers.List
		Entries                        []entry
		Place, Newer, Older, Subscribe string
		Feeds                          []feedLink
	}{w, l, entries, place, strings.TrimPrefix(newer, a.base), strings.TrimPrefix(older, a.base), joinURL(l), feeds})
	if err != nil {
		return draft{}, err
	}
	out, err := page{Words: w, Brand: l.Name, Accent: l.AccentColour, HomeURL: l.HomeURL, Heading: heading,
		Text: template.HTML(template.HTMLEscapeString(l.Description)), Body: body,
		Head: &head{URL: at(n), Site: l.Name, Title: l.Name, Description: l.Description, Feeds: a.feedLinks(l), Previous: newer, Next: older}}.write()
	return draft{out.body, "text/html; charset=utf-8", out.language, out.policy}, err
}

var (
	noRobots  = regexp.MustCompile(`(?i)<meta name="?robots"?[^>]*>\s*`)
	headEnd   = regexp.MustCompile(`(?i)</head\s*>`)
	bodyStart = regexp.MustCompile(`(?i)<body\b[^>]*>`)
	bodyEnd   = regexp.MustCompile(`(?i)</body\s*>`)
	giftLink  = regexp.MustCompile(`(/give/[A-Za-z0-9_-]{20,})(["'<])`)
)

// campaign makes the page of a campaign: the stored one, which has nothing personal, in a frame of the archive's.
func (a *past) campaign(ctx context.Context, sh *shelf, p campaigns.Past) (draft, error) {
	html, err := a.page(ctx, p.ID)
	if err != nil {
		return draft{}, err
	}
	if p.Corrected != 0 {
		if html, err = a.corrected(ctx, p.ID, sh.list.Language, html); err != nil {
			return draft{}, err
		}
	}
	blocks, err := a.src.Blocks(ctx, []int64{p.ID})
	if err != nil {
		return draft{}, err
	}
	l := sh.list
	image, text := tell(p, blocks[p.ID])
	var top, above, below bytes.Buffer
	frame := struct {
		Words     *lang.Words
		List      subscribers.List
		Subscribe string
		Colour    template.CSS
	}{lang.For(l.Language), l, joinURL(l), ""}
	if colour.MatchString(l.AccentColour) {
		frame.Colour = template.CSS(l.AccentColour)
	}
	for _, part := range []struct {
		into *bytes.Buffer
		name string
		data any
	}{
		{&top, "head.html", head{URL: a.archiveURL(l.Slug, slugOf(p)), Site: l.Name, Title: title(l, p), Description: text,
			Published: p.At.Format(time.RFC3339), Image: image, Feeds: a.feedLinks(l)}},
		{&top, "frame_style.html", frame}, {&above, "frame_above.html", frame}, {&below, "frame_below.html", frame},
	} {
		if err := layout.ExecuteTemplate(part.into, part.name, part.data); err != nil {
			return draft{}, errs.Wrap(err, errs.Internal, "write a page of the archive")
		}
	}
	html = noRobots.ReplaceAllLiteralString(html, "")
	html = giftLink.ReplaceAllString(html, "$1?from=archive$2")
	html = insert(html, headEnd.FindStringIndex(html), true, top.String())
	html = insert(html, bodyStart.FindStringIndex(html), false, above.String())
	ends := bodyEnd.FindAllStringIndex(html, -1)
	if len(ends) > 0 {
		html = insert(html, ends[len(ends)-1], true, below.String())
	}
	return draft{[]byte(html), "text/html; charset=utf-8", l.Language, a.mailPolicy()}, nil
}

// insert puts a text before or behind a place of html. Without such a place, in a template of the operator's, html stays as it is.
func insert(html string, place []int, before bool, text string) string {
	if place == nil {
		return html
	}
	at := place[1]
	if before {
		at = place[0]
	}
	return html[:at] + text + html[at:]
}

// tell returns the picture of a campaign and what it says in a line or two: the editor's preheader, else the dek of its first story.
func tell(p campaigns.Past, blocks []render.Block) (image *render.Image, text string) {
	text = strings.TrimSpace(p.Preheader)
	for _, b := range blocks {
		for _, s := range b.Stories {
			if text == "" {
				text = s.Dek
			}
			if image == nil && s.Image != nil && render.Link(s.Image.URL) != "" {
				image = s.Image
			}
		}
	}
	return image, text
}

// mailPolicy lets a page of mail HTML be what it is in a mail program: styles of its own and pictures, and nothing else; it has
// no origin, and whatever it opens is free again.
func (a *past) mailPolicy() string {
	images := "https:"
	if strings.HasPrefix(a.base, "http://localhost") { // development: feeds and pictures are on this machine
		images += " http://localhost:*"
	}
	return "default-src 'none'; img-src " + images + "; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
}
