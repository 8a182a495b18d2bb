package articles

import (
	"cmp"
	"net/url"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"

	ext "github.com/mmcdole/gofeed/extensions"

	"mailer/internal/render"
)

// Widths in pixels: what is narrower than small is no photo for a mail; 1200 is twice the width of a mail's column.
const (
	smallImage = 200
	fullImage  = 1200
)

// mediaImages returns the pictures that an item names by Media RSS, with their words, the best first.
func mediaImages(e ext.Extensions, base *url.URL) []render.Image {
	media := e["media"]
	var out []render.Image
	words := func(scopes ...map[string][]ext.Extension) (caption, credit, alt string) {
		for _, s := range scopes {
			caption = cmp.Or(caption, text(s["description"]))
			credit = cmp.Or(credit, credits(s["credit"]))
			alt = cmp.Or(alt, text(s["title"]))
		}
		return caption, credit, alt
	}
	add := func(c ext.Extension, scopes ...map[string][]ext.Extension) {
		if !isPicture(c.Attrs["url"], c.Attrs["type"], c.Attrs["medium"]) {
			return
		}
		img := render.Image{URL: absolute(base, c.Attrs["url"]), Width: pixels(c.Attrs["width"]), Height: pixels(c.Attrs["height"])}
		if img.URL == "" || img.Width > 0 && img.Width < smallImage || avatar(img.URL) {
			return
		}
		caption, credit, alt := words(append([]map[string][]ext.Extension{c.Children}, scopes...)...)
		img.Credit = line(trimCredit(credit), maxShort)
		captioned(&img, line(textOfHTML(caption), maxCaption))
		img.Alt = line(textOfHTML(alt), maxCaption)
		out = append(out, img)
	}
	for _, c := range media["content"] {
		add(c, media)
	}
	for _, g := range media["group"] {
		for _, c := range g.Children["content"] {
			add(c, g.Children, media)
		}
		for _, c := range g.Children["thumbnail"] {
			add(c, g.Children, media)
		}
	}
	for _, c := range media["thumbnail"] {
		add(c, media)
	}
	for _, c := range media["content"] { // the still of a video
		for _, t := range c.Children["thumbnail"] {
			add(t, c.Children, media)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return fitness(out[i]) > fitness(out[j]) })
	return out
}

// fitness orders pictures by width: the narrowest that fills a mail, then those nearest below; an unknown width stands
// in the middle.
func fitness(i render.Image) int {
	switch {
	case i.Width == 0:
		return 500
	case i.Width >= fullImage:
		return 1 << 20 / i.Width * fullImage
	}
	return i.Width
}

func text(list []ext.Extension) string {
	for _, e := range list {
		if e.Value != "" {
			return e.Value
		}
	}
	return ""
}

// credits joins the makers of a picture; other roles (the author of a story, a distributor) are not meant.
func credits(list []ext.Extension) string {
	var out []string
	for _, e := range list {
		role := strings.ToLower(e.Attrs["role"])
		made := role == "" || strings.Contains(role, "photo") || strings.Contains(role, "illustrat") || role == "owner" || role == "provider"
		if e.Value != "" && made {
			out = append(out, textOfHTML(e.Value))
		}
	}
	return strings.Join(out, " / ")
}

// linkedImage returns the picture of an enclosure, if it is one.
func linkedImage(base *url.URL, ref, kind string) []render.Image {
	if !isPicture(ref, kind, "") {
		return nil
	}
	if u := absolute(base, ref); u != "" && !avatar(u) {
		return []render.Image{{URL: u}}
	}
	return nil
}

func isPicture(ref, kind, medium string) bool {
	kind, medium = strings.ToLower(kind), strings.ToLower(medium)
	if strings.Contains(kind, "svg") {
		return false
	}
	if strings.HasPrefix(kind, "image/") || medium == "image" {
		return true
	}
	if kind != "" || medium != "" {
		return false
	}
	u, err := url.Parse(ref)
	if err != nil {
		return false
	}
	switch strings.ToLower(path.Ext(u.Path)) {
	case ".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif":
		return true
	case ".mp3", ".mp4", ".m4a", ".m4v", ".ogg", ".webm", ".mov", ".pdf", ".svg", ".wav", ".html", ".htm":
		return false
	}
	return true // a picture server without endings; a thumbnail, or content that names no type
}

// avatar reports whether an address is the portrait that a blog puts beside every post.
func avatar(u string) bool {
	return strings.Contains(u, "gravatar.com/") || strings.Contains(u, "/avatar/")
}

func pixels(s string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(s), "px"))
	if err != nil || n < 0 || n > 20000 {
		return 0
	}
	return n
}

// sizeSuffix is what publishing programs add to the names of scaled copies: photo-1024x683.jpg.
var sizeSuffix = regexp.MustCompile(`(?:-\d{2,5}x\d{2,5}|-scaled|@\dx)(\.\w+)$`)

// sameImage reports whether two addresses are the same picture, perhaps in another size or from another server.
func sameImage(a, b string) bool {
	if a == b {
		return true
	}
	name := func(s string) (string, string) {
		u, err := url.Parse(s)
		if err != nil {
			return "", ""
		}
		p := sizeSuffix.ReplaceAllString(u.Path, "$1")
		return p, path.Base(p)
	}
	pa, na := name(a)
	pb, nb := name(b)
	return pa != "" && pa == pb && len(pa) > 1 || len(na) > 12 && na == nb
}
