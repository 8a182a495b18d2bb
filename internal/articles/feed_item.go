package articles

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"sort"
	"strings"
	"time"

	"mailer/internal/render"
)

// item is one story of a feed, cleaned.
type item struct {
	GUID      string
	Canonical string // may be empty
	Position  int    // in the feed, 0 first
	Dated     bool   // Story.Published is what the feed says, not when we saw it
	Story     render.Story
}

// textValue is a text whose format says whether it is HTML.
type textValue struct {
	s    string
	html bool
}

// maxPlain is how many octets of a field that becomes one line are looked at.
const maxPlain = 32 << 10

func (t textValue) plain() string {
	if len(t.s) > maxPlain {
		t.s = strings.ToValidUTF8(t.s[:maxPlain], "")
	}
	if t.html {
		return textOfHTML(t.s)
	}
	return textOfPlain(t.s)
}

// rawItem is one story as some format gives it.
type rawItem struct {
	guid       string
	url        string // resolved, or empty
	base       *url.URL
	title      textValue
	dek        textValue
	body       textValue
	dates      []string // the first that can be read counts
	bylines    []string
	section    string // named as such
	categories []string
	images     []render.Image // best first
	language   string
}

// finish cleans the raw items, keeps the newest limit of them, and gives each its identity. seen once decides: a guid
// that two different stories share identifies neither.
func finish(f *parsedFeed, raw []rawItem, limit int, now time.Time) {
	shared := map[string]int{}
	for _, r := range raw {
		if g := strings.TrimSpace(r.guid); g != "" {
			shared[g]++
		}
	}
	taken := map[string]bool{}
	for i, r := range raw {
		it, ok := r.clean(f.Language, now)
		if !ok {
			f.Skipped++
			continue
		}
		it.Position = i
		it.Canonical = CanonicalURL(it.Story.URL)
		it.GUID = identity(r, it, shared[strings.TrimSpace(r.guid)] > 1)
		if taken["g"+it.GUID] || it.Canonical != "" && taken["u"+it.Canonical] {
			f.Skipped++ // listed twice
			continue
		}
		taken["g"+it.GUID], taken["u"+it.Canonical] = true, true
		f.Items = append(f.Items, it)
	}
	if len(f.Items) > limit {
		sort.SliceStable(f.Items, func(i, j int) bool { return f.Items[i].Story.Published.After(f.Items[j].Story.Published) })
		f.Skipped += len(f.Items) - limit
		f.Items = f.Items[:limit]
		sort.Slice(f.Items, func(i, j int) bool { return f.Items[i].Position < f.Items[j].Position })
	}
}

// identity returns what a story is known by within its feed: its guid, unless that is shared, or so short that it can
// only be a place in the list; else its canonical address; else a hash of title and date.
func identity(r rawItem, it item, shared bool) string {
	g := line(r.guid, 2000)
	weak := shared || len(g) < 5
	switch {
	case g != "" && (!weak || it.Canonical == "" && !shared):
		if len(g) > 500 {
			return hash(g)
		}
		return g
	case it.Canonical != "":
		return it.Canonical
	}
	return hash(it.Story.Title, strings.Join(r.dates, " "))
}

func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)[:16])
}

// clean makes an item of r; ok is false where there is nothing to show.
func (r rawItem) clean(language string, now time.Time) (it item, ok bool) {
	s := &it.Story
	s.URL = r.url
	s.Title = line(r.title.plain(), maxTitle)
	s.Published, it.Dated = published(r.dates, now)
	s.Language = languageTag(r.language)
	if s.Language == "" {
		s.Language = language
	}
	for _, b := range r.bylines {
		s.Authors = mergeAuthors(s.Authors, parseByline(textOfPlain(b)))
	}
	s.Section, s.Tags = line(r.section, maxShort), tags(r.categories, r.section)

	body := r.body
	if body.s == "" && (len(r.dek.s) > maxDek || manyParagraphs(r.dek)) { // the whole story in the place of the summary
		body, r.dek = r.dek, textValue{}
	}
	html := body.s
	if !body.html && html != "" {
		html = paragraphs(textOfPlain(html))
	}
	s.BodyHTML, s.Image = settle(html, r.base, r.images)
	s.BodyHTML = withoutLastParagraph(s.BodyHTML)
	text := line(textOfHTML(s.BodyHTML), 1<<20)
	s.Words = countWords(text)
	s.Dek = line(withoutTail(r.dek.plain()), maxDek)
	if s.Image == nil && r.dek.html {
		_, s.Image = settle(r.dek.s, r.base, r.images)
	}
	if s.Dek == "" && text != "" {
		s.Dek = cut(line(firstParagraph(s.BodyHTML), maxDek), 200)
	}
	if s.Title == "" {
		s.Title = cut(s.Dek, 100)
	}
	if strings.EqualFold(s.Dek, s.Title) {
		s.Dek = ""
	}
	return it, s.Title != "" && (s.URL != "" || s.BodyHTML != "" || s.Dek != "")
}

// published returns the first date that can be read. One in the future counts as now, one before the web existed and one
// that is missing as not given.
func published(dates []string, now time.Time) (t time.Time, given bool) {
	for _, d := range dates {
		t, ok := ParseDate(d, time.UTC, now)
		if !ok || t.Year() < 1990 {
			continue
		}
		if t.After(now) {
			t = now
		}
		return t.UTC().Truncate(time.Second), true
	}
	return now.UTC().Truncate(time.Second), false
}

// tails are what publishing programs put behind a summary.
var tails = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\s*(?:The post|L’article|L'article|Der Beitrag|La entrada)\s.{1,400}?\s(?:appeared first on|est apparu en premier sur|erschien zuerst auf|se publicó primero en)\s.{1,200}$`),
	regexp.MustCompile(`(?i)\s*(?:Continue reading|Read more|Read the full story|Read full article|Lire la suite|Weiterlesen|Leer más|Keep reading)\b.{0,200}$`),
	regexp.MustCompile(`\s*(?:\[\s*(?:…|\.\.\.|&hellip;)\s*\]|\(\s*(?:…|\.\.\.)\s*\))\s*(?:→|»)?\s*$`),
}

func withoutTail(s string) string {
	s = fold(s)
	for i, t := range tails {
		cutOff := t.ReplaceAllString(s, "")
		if i == len(tails)-1 && cutOff != s && !endsSentence(cutOff) {
			cutOff += "…"
		}
		s = cutOff
	}
	return s
}

// withoutLastParagraph takes "The post … appeared first on …" off the end of a clean body.
func withoutLastParagraph(body string) string {
	at := strings.LastIndex(body, "<p>")
	if at < 0 || len(body)-at > 2000 {
		return body
	}
	if t := fold(textOfHTML(body[at:])); t != "" && tails[0].ReplaceAllString(t, "") == "" {
		return body[:at]
	}
	return body
}

func manyParagraphs(t textValue) bool {
	return t.html && (strings.Count(strings.ToLower(t.s), "<p") > 2 || len(t.s) > 4*maxDek)
}

// tags cleans a list of categories: no doubles, no markup, nothing that says nothing, at most 20.
func tags(list []string, section string) []string {
	var out []string
	seen := map[string]bool{"": true, "uncategorized": true, "uncategorised": true, "non classé": true, strings.ToLower(section): true}
	for _, c := range list {
		c = line(textOfHTML(c), 80)
		if low := strings.ToLower(c); !seen[low] && len(out) < 20 {
			seen[low] = true
			out = append(out, c)
		}
	}
	return out
}

// contentHash identifies what a story says, whenever it says it.
func contentHash(s render.Story) []byte {
	h := sha256.New()
	put := func(parts ...string) {
		for _, p := range parts {
			fmt.Fprintf(h, "%d:%s", len(p), p)
		}
	}
	put(s.Title, s.Dek, s.Section, s.URL, s.Language, s.BodyHTML, fmt.Sprint(len(s.Authors), len(s.Tags)))
	for _, a := range s.Authors {
		put(a.Name, a.Title, a.Institution, a.Bio)
	}
	put(s.Tags...)
	if i := s.Image; i != nil {
		put(i.URL, i.Alt, i.Caption, i.Credit, fmt.Sprint(i.Width, i.Height))
	}
	return h.Sum(nil)
}

func bytesHash(data []byte) []byte {
	h := sha256.Sum256(bytes.TrimSpace(data))
	return h[:]
}
