package demo

import (
	"encoding/json"
	"encoding/xml"
	"html/template"
	"strings"
	"time"
)

// figure is a story's lead picture as it stands at the top of its body in a feed.
var figure = template.Must(template.New("").Parse(`{{if .Image}}<figure><img src="{{.Image}}" alt="{{.Alt}}" width="1200" height="800">` +
	`<figcaption>{{.Caption}} <cite>{{.Credit}}</cite></figcaption></figure>{{end}}{{.HTML}}`))

func body(s Story) (string, error) {
	var sb strings.Builder
	err := figure.Execute(&sb, s)
	return sb.String(), err
}

type media struct {
	URL    string `xml:"url,attr"`
	Medium string `xml:"medium,attr"`
	Type   string `xml:"type,attr"`
	Width  int    `xml:"width,attr"`
	Height int    `xml:"height,attr"`
	Title  string `xml:"media:title"`
	Text   string `xml:"media:description"`
	Credit string `xml:"media:credit"`
}

func pictureOf(s Story) *media {
	if s.Image == "" {
		return nil
	}
	return &media{s.Image, "image", "image/jpeg", PictureWidth, PictureHeight, s.Alt, s.Caption, s.Credit}
}

type rssItem struct {
	Title    string   `xml:"title"`
	Link     string   `xml:"link"`
	GUID     string   `xml:"guid"`
	Date     string   `xml:"pubDate"`
	Creator  []string `xml:"dc:creator"`
	Category []string `xml:"category"`
	Dek      string   `xml:"description"`
	Media    *media   `xml:"media:content"`
	Body     string   `xml:"content:encoded"`
}

// rss is the City desk's feed: RSS 2.0 with Dublin Core, Media RSS and content:encoded.
func (n *Newsroom) rss() ([]byte, error) {
	type rss struct {
		XMLName struct{}  `xml:"rss"`
		Version string    `xml:"version,attr"`
		DC      string    `xml:"xmlns:dc,attr"`
		Media   string    `xml:"xmlns:media,attr"`
		Content string    `xml:"xmlns:content,attr"`
		Title   string    `xml:"channel>title"`
		Link    string    `xml:"channel>link"`
		About   string    `xml:"channel>description"`
		Lang    string    `xml:"channel>language"`
		Items   []rssItem `xml:"channel>item"`
	}
	doc := rss{Version: "2.0", DC: "http://purl.org/dc/elements/1.1/", Media: "http://search.yahoo.com/mrss/",
		Content: "http://purl.org/rss/1.0/modules/content/", Title: "The Quayside Review: City", Link: n.Base + "/",
		About: "News of the city and its port", Lang: "en"}
	for _, s := range n.InFeed("city") {
		html, err := body(s)
		if err != nil {
			return nil, err
		}
		item := rssItem{Title: s.Title, Link: s.URL, GUID: s.URL, Date: s.Published.Format(time.RFC1123Z),
			Category: append([]string{s.Section}, s.Tags...), Dek: s.Dek, Media: pictureOf(s), Body: html}
		for _, a := range s.Author {
			item.Creator = append(item.Creator, a.Byline())
		}
		doc.Items = append(doc.Items, item)
	}
	return xmlBytes(doc)
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

type atomLink struct {
	Href string `xml:"href,attr"`
	Rel  string `xml:"rel,attr,omitempty"`
}

type atomTerm struct {
	Term string `xml:"term,attr"`
}

type atomName struct {
	Name string `xml:"name"`
}

type atomEntry struct {
	Title     string     `xml:"title"`
	ID        string     `xml:"id"`
	Link      atomLink   `xml:"link"`
	Published string     `xml:"published"`
	Updated   string     `xml:"updated"`
	Author    []atomName `xml:"author"`
	Category  []atomTerm `xml:"category"`
	Summary   string     `xml:"summary"`
	Media     *media     `xml:"media:content"`
	Content   atomText   `xml:"content"`
}

// atom is the Science desk's feed: Atom 1.0 (RFC 4287) with Media RSS.
func (n *Newsroom) atom() ([]byte, error) {
	type feed struct {
		XMLName struct{}    `xml:"http://www.w3.org/2005/Atom feed"`
		Media   string      `xml:"xmlns:media,attr"`
		Lang    string      `xml:"xml:lang,attr"`
		Title   string      `xml:"title"`
		ID      string      `xml:"id"`
		Updated string      `xml:"updated"`
		Link    atomLink    `xml:"link"`
		Entries []atomEntry `xml:"entry"`
	}
	doc := feed{Media: "http://search.yahoo.com/mrss/", Lang: "en", Title: "The Quayside Review: Science",
		ID: n.Base + "/feeds/science.atom", Updated: n.Opened.Format(time.RFC3339), Link: atomLink{Href: n.Base + "/"}}
	for _, s := range n.InFeed("science") {
		html, err := body(s)
		if err != nil {
			return nil, err
		}
		e := atomEntry{Title: s.Title, ID: s.URL, Link: atomLink{Href: s.URL, Rel: "alternate"},
			Published: s.Published.Format(time.RFC3339), Updated: s.Published.Format(time.RFC3339),
			Category: []atomTerm{{s.Section}}, Summary: s.Dek, Media: pictureOf(s), Content: atomText{"html", html}}
		for _, t := range s.Tags {
			e.Category = append(e.Category, atomTerm{t})
		}
		for _, a := range s.Author {
			e.Author = append(e.Author, atomName{a.Byline()})
		}
		doc.Entries = append(doc.Entries, e)
	}
	return xmlBytes(doc)
}

func xmlBytes(doc any) ([]byte, error) {
	out, err := xml.MarshalIndent(doc, "", " ")
	return append([]byte(xml.Header), out...), err
}

// json is the Ideas desk's feed: JSON Feed 1.1.
func (n *Newsroom) json() ([]byte, error) {
	type author struct {
		Name string `json:"name"`
	}
	type item struct {
		ID        string   `json:"id"`
		URL       string   `json:"url"`
		Title     string   `json:"title"`
		Summary   string   `json:"summary"`
		HTML      string   `json:"content_html"`
		Image     string   `json:"image,omitempty"`
		Published string   `json:"date_published"`
		Authors   []author `json:"authors"`
		Tags      []string `json:"tags"`
	}
	var items []item
	for _, s := range n.InFeed("ideas") {
		html, err := body(s)
		if err != nil {
			return nil, err
		}
		it := item{ID: s.URL, URL: s.URL, Title: s.Title, Summary: s.Dek, HTML: html, Image: s.Image,
			Published: s.Published.Format(time.RFC3339), Tags: append([]string{s.Section}, s.Tags...)}
		for _, a := range s.Author {
			it.Authors = append(it.Authors, author{a.Byline()})
		}
		items = append(items, it)
	}
	return json.MarshalIndent(map[string]any{"version": "https://jsonfeed.org/version/1.1",
		"title": "The Quayside Review: Ideas", "home_page_url": n.Base + "/", "language": "en", "items": items}, "", " ")
}
