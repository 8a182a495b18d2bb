package articles

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/mmcdole/gofeed/atom"
	ext "github.com/mmcdole/gofeed/extensions"
	"github.com/mmcdole/gofeed/rss"
	"golang.org/x/text/language"
)

// readRSS reads RSS 0.9 to 2.0 and RDF. Titles and descriptions are HTML: the format leaves it open, and that is what
// publishers put there.
func readRSS(f *rss.Feed, where *url.URL, limit int, now time.Time) parsedFeed {
	base := where
	home := absolute(where, f.Link)
	if u, err := url.Parse(home); err == nil && home != "" {
		base = u
	}
	p := parsedFeed{Title: line(textOfHTML(f.Title), maxTitle), HomeURL: home, Language: languageTag(f.Language)}
	if p.Language == "" && f.DublinCoreExt != nil {
		p.Language = languageTag(cmp.Or(f.DublinCoreExt.Language...))
	}
	var raw []rawItem
	for _, i := range f.Items {
		raw = append(raw, rssItem(i, base))
	}
	finish(&p, raw, limit, now)
	return p
}

func rssItem(i *rss.Item, base *url.URL) rawItem {
	r := rawItem{title: textValue{i.Title, true}, dek: textValue{i.Description, true}, body: textValue{i.Content, true}, base: base}
	link := i.Link
	if original := value(i.Extensions, "feedburner", "origLink"); original != "" {
		link = original
	}
	if link == "" {
		for _, l := range i.Extensions["atom"]["link"] {
			if rel := l.Attrs["rel"]; rel == "" || rel == "alternate" {
				link = l.Attrs["href"]
			}
		}
	}
	if i.GUID != nil {
		r.guid = i.GUID.Value
		if link == "" && !strings.EqualFold(i.GUID.IsPermalink, "false") && strings.HasPrefix(r.guid, "http") {
			link = r.guid
		}
	}
	r.url = absolute(base, link)
	r.dates = append(r.dates, i.PubDate)
	if dc := i.DublinCoreExt; dc != nil {
		r.bylines = append(r.bylines, dc.Creator...)
		r.dates = append(r.dates, dc.Date...)
		r.categories = append(r.categories, dc.Subject...)
		r.language = cmp.Or(dc.Language...)
	}
	for _, d := range [][2]string{{"dcterms", "created"}, {"dcterms", "issued"}, {"atom", "published"}, {"atom", "updated"}} {
		r.dates = append(r.dates, value(i.Extensions, d[0], d[1]))
	}
	if len(r.bylines) == 0 && i.Author != "" {
		r.bylines = []string{i.Author}
	}
	for _, a := range i.Extensions["atom"]["author"] {
		r.bylines = append(r.bylines, childValue(a, "name"))
	}
	r.section = value(i.Extensions, "prism", "section")
	for _, c := range i.Categories {
		if r.section == "" && strings.Contains(strings.ToLower(c.Domain), "section") {
			r.section = c.Value
			continue
		}
		r.categories = append(r.categories, c.Value)
	}
	r.images = mediaImages(i.Extensions, base)
	for _, e := range i.Enclosures {
		r.images = append(r.images, linkedImage(base, e.URL, e.Type)...)
	}
	if r.dek.s == "" {
		r.dek = textValue{value(i.Extensions, "itunes", "subtitle"), false}
	}
	return r
}

// readAtom reads Atom 1.0 and 0.3. Whether a text is HTML is what its type says.
func readAtom(f *atom.Feed, s shape, where *url.URL, limit int, now time.Time) parsedFeed {
	p := parsedFeed{Title: line(textOfHTML(f.Title), maxTitle), Language: languageTag(f.Language)}
	for _, l := range f.Links {
		if l.Rel == "alternate" && p.HomeURL == "" {
			p.HomeURL = absolute(where, l.Href)
		}
	}
	var raw []rawItem
	for n, e := range f.Entries {
		var kinds entryShape
		if n < len(s.entries) {
			kinds = s.entries[n]
		}
		raw = append(raw, atomItem(e, f, kinds, where))
	}
	finish(&p, raw, limit, now)
	return p
}

func atomItem(e *atom.Entry, f *atom.Feed, kinds entryShape, base *url.URL) rawItem {
	r := rawItem{guid: e.ID, base: base, language: kinds.language, title: atomText(e.Title, kinds.title), dek: atomText(e.Summary, kinds.summary)}
	if e.Content != nil && e.Content.Src == "" {
		r.body = atomText(e.Content.Value, strings.ToLower(e.Content.Type))
	}
	link := value(e.Extensions, "feedburner", "origLink")
	for _, l := range e.Links {
		switch {
		case l.Rel == "alternate" && link == "" && (l.Type == "" || strings.Contains(l.Type, "html")):
			link = l.Href
		case l.Rel == "enclosure":
			r.images = append(r.images, linkedImage(base, l.Href, l.Type)...)
		}
	}
	if link == "" && strings.HasPrefix(e.ID, "http") {
		link = e.ID
	}
	r.url = absolute(base, link)
	r.dates = []string{e.Published, e.Updated}
	people := e.Authors
	if len(people) == 0 && e.Source != nil {
		people = e.Source.Authors
	}
	if len(people) == 0 {
		people = f.Authors // RFC 4287, section 4.2.1: the feed's authors are those of entries that name none
	}
	for _, a := range people {
		r.bylines = append(r.bylines, a.Name)
	}
	for _, c := range e.Categories {
		name := c.Label
		if name == "" {
			name = c.Term
		}
		if r.section == "" && strings.Contains(strings.ToLower(c.Scheme), "section") {
			r.section = name
			continue
		}
		r.categories = append(r.categories, name)
	}
	r.images = append(mediaImages(e.Extensions, base), r.images...)
	return r
}

// tagPrefix is the name space prefix of XHTML elements, which HTML does not know.
var tagPrefix = regexp.MustCompile(`(</?)[A-Za-z][\w.]*:([a-z])`)

// atomText gives a text construct with what its type says of it (RFC 4287, section 3.1.1).
func atomText(s, kind string) textValue {
	switch {
	case strings.Contains(kind, "xhtml"):
		return textValue{tagPrefix.ReplaceAllString(s, "$1$2"), true}
	case strings.Contains(kind, "html"):
		return textValue{s, true}
	}
	return textValue{s, false}
}

// languageTag returns s as a BCP 47 tag, or "" when it is none.
func languageTag(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "_", "-")
	if s == "" || len(s) > 35 {
		return ""
	}
	t, err := language.Parse(s)
	if err != nil || t == language.Und {
		return ""
	}
	return t.String()
}

func value(e ext.Extensions, prefix, name string) string {
	for _, v := range e[prefix][name] {
		if v.Value != "" {
			return v.Value
		}
	}
	return ""
}

func childValue(e ext.Extension, name string) string {
	for _, v := range e.Children[name] {
		if v.Value != "" {
			return v.Value
		}
	}
	return ""
}
