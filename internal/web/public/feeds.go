package public

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"html/template"
	"strconv"
	"time"

	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// feedKind is one of the feeds of a list.
type feedKind struct {
	kind  string // Content-Type
	whole bool   // with the content of each campaign, not only a line about it
	write func(f *feed) any
}

// feeds are the feeds by the last part of their address.
var feeds = map[string]feedKind{
	"rss.xml":       {"application/rss+xml; charset=utf-8", false, rss},
	"atom.xml":      {"application/atom+xml; charset=utf-8", false, atom},
	"rss-full.xml":  {"application/rss+xml; charset=utf-8", true, rss},
	"atom-full.xml": {"application/atom+xml; charset=utf-8", true, atom},
}

// feed is what the two formats are written from.
type feed struct {
	list       subscribers.List
	self, home string
	id         string
	updated    time.Time
	entries    []feedEntry
}

type feedEntry struct {
	id, url, title, text, html string
	at                         time.Time
}

// feed makes a feed of the newest campaigns of a shelf.
func (a *past) feed(ctx context.Context, sh *shelf, name string, kind feedKind) (draft, error) {
	l, newest := sh.list, sh.past[:min(len(sh.past), perPage)]
	ids := make([]int64, len(newest))
	for i, p := range newest {
		ids[i] = p.ID
	}
	blocks, err := a.src.Blocks(ctx, ids)
	if err != nil {
		return draft{}, err
	}
	f := &feed{list: l, self: a.archiveURL(l.Slug, name), home: a.archiveURL(l.Slug, ""), id: feedID(l, 0), updated: l.CreatedAt}
	for _, p := range newest {
		if p.At.After(f.updated) {
			f.updated = p.At
		}
		e := feedEntry{id: feedID(l, p.ID), url: a.archiveURL(l.Slug, slugOf(p)), title: title(l, p), at: p.At}
		_, e.text = tell(p, blocks[p.ID])
		if kind.whole {
			if e.html, err = contentHTML(l, blocks[p.ID], e.url); err != nil {
				return draft{}, err
			}
		}
		f.entries = append(f.entries, e)
	}
	b, err := xml.Marshal(kind.write(f))
	if err != nil {
		return draft{}, errs.Wrap(err, errs.Internal, "write a feed")
	}
	return draft{append([]byte(xml.Header), b...), kind.kind, l.Language, "default-src 'none'; sandbox; frame-ancestors 'none'"}, nil
}

// feedID names a list (campaign 0) or a campaign for ever, whatever the address of the service comes to be: a UUID of version 8 (RFC
// 9562 section 5.8) made of what never changes.
func feedID(l subscribers.List, campaign int64) string {
	sum := sha256.Sum256([]byte("archive of " + l.Slug + " since " + strconv.FormatInt(l.CreatedAt.UTC().Unix(), 10) + ": " + strconv.FormatInt(campaign, 10)))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return "urn:uuid:" + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// contentHTML makes the content of a campaign for a feed reader, which has a look of its own: no layout, no styles.
func contentHTML(l subscribers.List, blocks []render.Block, url string) (string, error) {
	type block struct {
		render.Block
		HTML template.HTML
	}
	type story struct {
		render.Story
		HTML template.HTML
	}
	var out bytes.Buffer
	for _, b := range blocks {
		data := struct {
			block
			Whole []story
		}{block: block{Block: b}}
		if b.Kind == render.KindText {
			text, err := render.WebText(b.Text, l.Language)
			if err != nil {
				return "", err
			}
			data.HTML = template.HTML(text) // #nosec G203 -- sanitised just now
		}
		for _, s := range b.Stories {
			// A story that stands for itself is there in full; of several, what leads to them.
			whole := story{Story: s}
			if b.Kind == render.KindStory && len(blocks) <= 3 {
				whole.HTML = template.HTML(render.SanitizeBody(s.BodyHTML, nil)) // #nosec G203 -- sanitised just now
			}
			data.Whole = append(data.Whole, whole)
		}
		if err := layout.ExecuteTemplate(&out, "feed.html", data); err != nil {
			return "", errs.Wrap(err, errs.Internal, "write a feed")
		}
	}
	return out.String(), nil
}

// RSS 2.0 with the usual additions: the feed's own address (atom:link) and the whole content (content:encoded).
func rss(f *feed) any {
	type link struct {
		Href string `xml:"href,attr"`
		Rel  string `xml:"rel,attr"`
		Type string `xml:"type,attr"`
	}
	type guid struct {
		Link bool   `xml:"isPermaLink,attr"`
		ID   string `xml:",chardata"`
	}
	type item struct {
		Title       string `xml:"title"`
		Link        string `xml:"link"`
		GUID        guid   `xml:"guid"`
		Date        string `xml:"pubDate"`
		Description string `xml:"description,omitempty"`
		Content     string `xml:"content:encoded,omitempty"`
	}
	type channel struct {
		Title       string `xml:"title"`
		Link        string `xml:"link"`
		Self        link   `xml:"atom:link"`
		Description string `xml:"description"`
		Language    string `xml:"language"`
		Built       string `xml:"lastBuildDate"`
		Items       []item `xml:"item"`
	}
	type document struct {
		XMLName xml.Name `xml:"rss"`
		Version string   `xml:"version,attr"`
		Atom    string   `xml:"xmlns:atom,attr"`
		Content string   `xml:"xmlns:content,attr"`
		Channel channel  `xml:"channel"`
	}
	d := document{Version: "2.0", Atom: "http://www.w3.org/2005/Atom", Content: "http://purl.org/rss/1.0/modules/content/", Channel: channel{
		Title: f.list.Name, Link: f.home, Self: link{f.self, "self", "application/rss+xml"}, Description: described(f.list),
		Language: f.list.Language, Built: f.updated.Format(time.RFC1123Z)}}
	for _, e := range f.entries {
		// What stands in description is HTML to most readers; ours is plain text.
		d.Channel.Items = append(d.Channel.Items, item{e.title, e.url, guid{false, e.id}, e.at.Format(time.RFC1123Z), template.HTMLEscapeString(e.text), e.html})
	}
	return d
}

// described is what a list says of itself, and its name where it says nothing: RSS wants something.
func described(l subscribers.List) string {
	if l.Description == "" {
		return l.Name
	}
	return l.Description
}

// Atom (RFC 4287).
func atom(f *feed) any {
	type link struct {
		Rel  string `xml:"rel,attr"`
		Type string `xml:"type,attr"`
		Href string `xml:"href,attr"`
	}
	type text struct {
		Type string `xml:"type,attr"`
		Text string `xml:",chardata"`
	}
	type person struct {
		Name string `xml:"name"`
	}
	type entry struct {
		ID        string `xml:"id"`
		Title     text   `xml:"title"`
		Link      link   `xml:"link"`
		Published string `xml:"published"`
		Updated   string `xml:"updated"`
		Summary   *text  `xml:"summary"`
		Content   *text  `xml:"content"`
	}
	type document struct {
		XMLName  xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
		Lang     string   `xml:"xml:lang,attr"`
		ID       string   `xml:"id"`
		Title    text     `xml:"title"`
		Subtitle *text    `xml:"subtitle"`
		Updated  string   `xml:"updated"`
		Author   person   `xml:"author"`
		Links    []link   `xml:"link"`
		Entries  []entry  `xml:"entry"`
	}
	optional := func(kind, s string) *text {
		if s == "" {
			return nil
		}
		return &text{kind, s}
	}
	author := f.list.FromName
	if author == "" {
		author = f.list.Name
	}
	d := document{Lang: f.list.Language, ID: f.id, Title: text{"text", f.list.Name}, Subtitle: optional("text", f.list.Description),
		Updated: f.updated.Format(time.RFC3339), Author: person{author},
		Links: []link{{"self", "application/atom+xml", f.self}, {"alternate", "text/html", f.home}}}
	for _, e := range f.entries {
		d.Entries = append(d.Entries, entry{e.id, text{"text", e.title}, link{"alternate", "text/html", e.url}, e.at.Format(time.RFC3339),
			e.at.Format(time.RFC3339), optional("text", e.text), optional("html", e.html)})
	}
	return d
}
