package render

import (
	"strings"

	"golang.org/x/net/html"
)

// LinksOf returns the addresses that an editor's Markdown links to, in order, each once.
func LinksOf(text string) []string {
	d, err := fromMarkdown(text, func(fallback string) string { return fallback })
	if err != nil {
		return nil
	}
	var b strings.Builder
	d.write(&b)
	return LinksIn(b.String())
}

// LinksIn returns the addresses of links and images in the HTML of a story's body, in order, each once.
func LinksIn(body string) []string {
	var found []string
	seen := map[string]bool{}
	z := html.NewTokenizer(strings.NewReader(body))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return found
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			for _, a := range t.Attr {
				if (t.Data == "a" && a.Key == "href" || t.Data == "img" && a.Key == "src") && !seen[a.Val] {
					seen[a.Val] = true
					found = append(found, a.Val)
				}
			}
		}
	}
}
