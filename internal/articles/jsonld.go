package articles

import (
	"cmp"
	"encoding/json"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"mailer/internal/render"
)

// linkedData is what a page says of its story in JSON-LD (schema.org: NewsArticle and its kin).
type linkedData struct {
	headline, dek, section, date, url, language string
	authors                                     []render.Author
	tags                                        []string
	image                                       *render.Image
}

// maxLinked bounds the search through nested JSON-LD.
const maxLinked = 2000

// readLinkedData finds the first story in the JSON-LD of a page.
func readLinkedData(doc *html.Node) (linkedData, bool) {
	for n := range doc.Descendants() {
		if n.DataAtom != atom.Script || !strings.Contains(strings.ToLower(attr(n, "type")), "ld+json") || n.FirstChild == nil {
			continue
		}
		text := strings.TrimSpace(n.FirstChild.Data)
		var v any
		if json.Unmarshal([]byte(text), &v) != nil {
			// Line breaks within strings and comment marks around them are the usual faults.
			text = strings.NewReplacer("\r", " ", "\n", " ", "\t", " ", "//<![CDATA[", "", "//]]>", "", "<![CDATA[", "", "]]>", "").Replace(text)
			if json.Unmarshal([]byte(text), &v) != nil {
				continue
			}
		}
		seen := 0
		if m := findStory(v, &seen); m != nil {
			return storyOf(m), true
		}
	}
	return linkedData{}, false
}

// findStory looks for an object whose type is a kind of article.
func findStory(v any, seen *int) map[string]any {
	if *seen++; *seen > maxLinked {
		return nil
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if m := findStory(e, seen); m != nil {
				return m
			}
		}
	case map[string]any:
		for _, t := range ldStrings(v["@type"]) {
			if strings.HasSuffix(t, "Article") || strings.HasSuffix(t, "Posting") || t == "Report" || t == "Review" {
				return v
			}
		}
		for _, k := range []string{"@graph", "mainEntity", "mainEntityOfPage", "itemListElement"} {
			if m := findStory(v[k], seen); m != nil {
				return m
			}
		}
	}
	return nil
}

func storyOf(m map[string]any) linkedData {
	d := linkedData{
		headline: ldString(m["headline"]), dek: cmp.Or(ldString(m["alternativeHeadline"]), ldString(m["description"]), ldString(m["abstract"])),
		date: cmp.Or(ldString(m["datePublished"]), ldString(m["dateCreated"])), url: cmp.Or(ldString(m["url"]), ldString(m["mainEntityOfPage"])),
		language: ldString(m["inLanguage"]),
	}
	if d.headline == "" {
		d.headline = ldString(m["name"])
	}
	if s := ldStrings(m["articleSection"]); len(s) > 0 {
		d.section, d.tags = s[0], s[1:]
	}
	for _, k := range ldStrings(m["keywords"]) {
		d.tags = append(d.tags, strings.Split(k, ",")...)
	}
	d.authors = ldAuthors(m["author"])
	if len(d.authors) == 0 {
		d.authors = ldAuthors(m["creator"])
	}
	d.image = ldImage(m["image"])
	return d
}

// ldString reads a text; of an object its value, name, id or url.
func ldString(v any) string {
	switch v := v.(type) {
	case string:
		return fold(textOfPlain(v))
	case []any:
		if len(v) > 0 {
			return ldString(v[0])
		}
	case map[string]any:
		for _, k := range []string{"@value", "name", "url", "@id"} {
			if s, ok := v[k].(string); ok && s != "" {
				return fold(textOfPlain(s))
			}
		}
	}
	return ""
}

func ldStrings(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []string
	for _, e := range list {
		if s := ldString(e); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// ldAuthors reads persons with what is said of them; organisations are authors only where no person is.
func ldAuthors(v any) []render.Author {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var people, desks []render.Author
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			if s, ok := e.(string); ok && !strings.HasPrefix(s, "http") {
				people = mergeAuthors(people, parseByline(s))
			}
			continue
		}
		names := parseByline(ldString(m["name"]))
		if len(names) == 1 {
			more := render.Author{Name: names[0].Name, Title: ldString(m["jobTitle"]),
				Institution: cmp.Or(ldString(m["affiliation"]), ldString(m["worksFor"])), Bio: ldString(m["description"])}
			names[0] = mergeAuthor(names[0], more)
		}
		if strings.HasSuffix(ldString(m["@type"]), "Organization") {
			desks = mergeAuthors(desks, names)
		} else {
			people = mergeAuthors(people, names)
		}
	}
	if len(people) > 0 {
		return people
	}
	return desks
}

func ldImage(v any) *render.Image {
	switch v := v.(type) {
	case string:
		return &render.Image{URL: v}
	case []any:
		for _, e := range v {
			if i := ldImage(e); i != nil {
				return i
			}
		}
	case map[string]any:
		i := &render.Image{URL: cmp.Or(ldString(v["url"]), ldString(v["contentUrl"]), ldString(v["@id"])), Width: ldPixels(v["width"]), Height: ldPixels(v["height"]),
			Credit: trimCredit(cmp.Or(ldString(v["creditText"]), ldString(v["creator"]), ldString(v["author"]), ldString(v["copyrightNotice"])))}
		captioned(i, cmp.Or(ldString(v["caption"]), ldString(v["description"])))
		if i.URL != "" {
			return i
		}
	}
	return nil
}

func ldPixels(v any) int {
	if f, ok := v.(float64); ok && f >= 0 && f <= 20000 {
		return int(f)
	}
	return pixels(ldString(v))
}
