package articles

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// BenchmarkParseFeed reads a feed of 500 stories with full text, about 1 MB.
func BenchmarkParseFeed(b *testing.B) {
	var s strings.Builder
	s.WriteString(`<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Bench</title><link>https://bench.example/</link>`)
	for i := range 500 {
		fmt.Fprintf(&s, `<item><guid>bench-%d</guid><title>Story %d &amp;amp; more</title><link>https://bench.example/%d</link><dc:creator>Jane Roe, Professor of Law, University of Ostmark</dc:creator>`+
			`<pubDate>%s</pubDate><description>A short summary.</description><content:encoded><![CDATA[%s]]></content:encoded></item>`, i, i, i, testNow.Add(-time.Duration(i)*time.Hour).Format(time.RFC1123Z),
			strings.Repeat("<p>A paragraph with <a href=\"/x\">a link</a> and some more words in it, as stories have them. It goes on for a while.</p>", 15))
	}
	s.WriteString(`</channel></rss>`)
	data := []byte(s.String())
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if f, err := parseFeed(data, "", mustURL("https://bench.example/feed"), 500, testNow); err != nil || len(f.Items) != 500 {
			b.Fatal(err)
		}
	}
}

// BenchmarkParsePlain reads one copied article.
func BenchmarkParsePlain(b *testing.B) {
	data, err := os.ReadFile("testdata/plain/08-page-with-everything.txt")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := ParseFile("a.txt", data, Overrides{Now: testNow}); err != nil {
			b.Fatal(err)
		}
	}
}
