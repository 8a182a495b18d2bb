// Package demo is the sample newsroom of `mailer demo`: an invented paper with its stories, pictures, feeds, readers
// and an appeal, served on loopback so that the demo runs the real way from feeds to inboxes.
package demo

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/yuin/goldmark"
)

//go:embed content
var content embed.FS

// Author is one name of a byline.
type Author struct{ Name, Title, Institution, Bio string }

// Byline returns the author as a paper prints it: name, title, institution.
func (a Author) Byline() string {
	parts := slices.DeleteFunc([]string{a.Name, a.Title, a.Institution}, func(s string) bool { return s == "" })
	return strings.Join(parts, ", ")
}

// Story is one story of the newsroom.
type Story struct {
	Slug, Feed, Section, Title, Dek string
	Hours                           int // before the newsroom's opening, see Newsroom.Opened
	Tags                            []string
	Picture, Alt, Caption, Credit   string
	Body                            string // Markdown
	Author                          []Author

	Published time.Time     `toml:"-"`
	URL       string        `toml:"-"`
	Image     string        `toml:"-"` // absolute address of the picture; empty without one
	HTML      template.HTML `toml:"-"`
}

// Newsroom is the paper's web site: front page, stories, pictures, a page to give, and three feeds.
type Newsroom struct {
	Base    string    // where it is served, without a slash at the end
	Opened  time.Time // stories are dated before this moment
	Stories []Story
}

// Feeds are the newsroom's feeds: the slug each gets in mailer, its section and its path.
var Feeds = []struct{ Slug, Section, Path string }{
	{"city", "City", "/feeds/city.rss"},
	{"science", "Science", "/feeds/science.atom"},
	{"ideas", "Ideas", "/feeds/ideas.json"},
}

// Open reads the embedded stories of the newsroom that is served at base and opened at the given moment.
func Open(base string, opened time.Time) (*Newsroom, error) {
	raw, err := content.ReadFile("content/stories.toml")
	if err != nil {
		return nil, err
	}
	var file struct{ Story []Story }
	if err := toml.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("stories.toml: %w", err)
	}
	for i := range file.Story {
		s := &file.Story[i]
		s.Published = opened.Add(-time.Duration(s.Hours) * time.Hour).Truncate(time.Minute)
		s.URL = base + "/stories/" + s.Slug
		if s.Picture != "" {
			s.Image = base + "/pictures/" + s.Picture + ".jpg"
		}
		var buf bytes.Buffer
		if err := goldmark.Convert([]byte(s.Body), &buf); err != nil {
			return nil, fmt.Errorf("story %s: %w", s.Slug, err)
		}
		s.HTML = template.HTML(buf.String())
	}
	return &Newsroom{Base: base, Opened: opened, Stories: file.Story}, nil
}

// InFeed returns the stories of one feed, newest first.
func (n *Newsroom) InFeed(slug string) []Story {
	var out []Story
	for _, s := range n.Stories {
		if s.Feed == slug {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Story) int { return b.Published.Compare(a.Published) })
	return out
}

// Handler serves the newsroom.
func (n *Newsroom) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { n.page(w, "front", n) })
	mux.HandleFunc("GET /support", func(w http.ResponseWriter, r *http.Request) {
		n.page(w, "support", map[string]string{"Base": n.Base, "Ref": r.URL.Query().Get("utm_campaign")})
	})
	mux.HandleFunc("GET /stories/{slug}", func(w http.ResponseWriter, r *http.Request) {
		i := slices.IndexFunc(n.Stories, func(s Story) bool { return s.Slug == r.PathValue("slug") })
		if i < 0 {
			http.NotFound(w, r)
			return
		}
		n.page(w, "story", map[string]any{"Base": n.Base, "Story": n.Stories[i]})
	})
	mux.HandleFunc("GET /pictures/{file}", func(w http.ResponseWriter, r *http.Request) {
		img, ok := Picture(strings.TrimSuffix(r.PathValue("file"), ".jpg"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "image/jpeg")
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Write(img)
	})
	mux.HandleFunc("GET /feeds/city.rss", n.feed("application/rss+xml", n.rss))
	mux.HandleFunc("GET /feeds/science.atom", n.feed("application/atom+xml", n.atom))
	mux.HandleFunc("GET /feeds/ideas.json", n.feed("application/feed+json", n.json))
	return mux
}

// feed serves one feed with a Last-Modified that lets a poller ask again for nothing.
func (n *Newsroom) feed(mime string, make func() ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := make()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", mime+"; charset=utf-8")
		http.ServeContent(w, r, "", n.Opened, bytes.NewReader(body))
	}
}

var pages = template.Must(template.New("").ParseFS(content, "content/*.html"))

func (n *Newsroom) page(w http.ResponseWriter, name string, data any) {
	var buf bytes.Buffer
	if err := pages.ExecuteTemplate(&buf, name, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'")
	w.Write(buf.Bytes())
}
