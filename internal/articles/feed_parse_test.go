package articles

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// golden compares got, as indented JSON, with a file.
func golden(t *testing.T, file string, got any) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(got); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, b.Bytes()) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", file, diff(string(want), b.String()))
	}
}

// diff shows the lines that differ.
func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	var b strings.Builder
	for i := 0; i < max(len(w), len(g)) && b.Len() < 4000; i++ {
		var a, c string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			c = g[i]
		}
		if a != c {
			fmt.Fprintf(&b, "%d\n- %s\n+ %s\n", i+1, a, c)
		}
	}
	return b.String()
}

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// readFeed parses a fixture.
func readFeed(t *testing.T, name string) parsedFeed {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/feeds", name))
	if err != nil {
		t.Fatal(err)
	}
	f, err := parseFeed(data, "application/xml", mustURL("https://feeds.example.org/all/"+name), 500, testNow)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Feeds as found in the wild, each with what it must come to.
func TestParseFeedGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/feeds/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		name := filepath.Base(f)
		if strings.HasSuffix(name, ".golden.json") {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := readFeed(t, name)
			golden(t, "testdata/feeds/"+strings.TrimSuffix(name, filepath.Ext(name))+".golden.json", got)
		})
	}
	if n < 15 {
		t.Fatalf("only %d fixtures", n)
	}
}

// SEC-21: invalid UTF-8, and the same feed in eight encodings, right and wrong declarations among them, is the same feed.
func TestFeedEncodings(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"windows-1252.xml", "latin1-declared.xml", "utf8-declared-1252.xml", "latin1-declared-utf8.xml", "utf16.xml", "utf16-nobom.xml", "utf8-bom.xml", "mixed.xml"} {
		f := readFeed(t, name)
		if f.Title != "Café « Le Phare »" || len(f.Items) != 1 || f.Items[0].Story.Title != "L’été à Saint-Malo – 20 € l’entrée" ||
			f.Items[0].Story.Dek != "Où l’on apprend que la mer monte…" {
			t.Errorf("%s: %q %+v", name, f.Title, f.Items)
		}
	}
	// What the server says counts where the document says nothing.
	data := []byte("<rss><channel><title>\xcf\xf0\xe8\xe2\xe5\xf2</title><item><title>x\xff</title><link>https://a.example/</link></item></channel></rss>")
	f, err := parseFeed(data, "text/xml; charset=windows-1251", mustURL("https://a.example/feed"), 10, testNow)
	if err != nil || f.Title != "Привет" {
		t.Errorf("%q, %v", f.Title, err)
	}
}

// XML decoded once, HTML decoded once, and nothing after that.
func TestEntities(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, i := range readFeed(t, "entities.xml").Items {
		got[strings.TrimPrefix(i.GUID, "ent-")] = i.Story.Title
	}
	for guid, want := range map[string]string{
		"once": "Cod & chips: the mayor’s “plan”", "twice": "Cod & chips: the mayor’s \"plan\"", "cdata": "Cod & chips: the mayor’s \"plan\"",
		"cdata-in-text": "Cod & chips", "html-named": "Café culture\u00a0— a guide", "bare": "R&D at Cod & Sons costs < 5 % of sales",
		"literal": "How to write <b> in HTML", "tags": "Cod and chips", "mixed-cdata": "Cod & chips & peas", "thrice": "About the entity &amp; itself",
	} {
		if got[guid] != want {
			t.Errorf("%s: %q; want %q", guid, got[guid], want)
		}
	}
}

// SEC-21: dates of the future count as now, and those that cannot be read as first seen.
func TestFeedDates(t *testing.T) {
	t.Parallel()
	for _, i := range readFeed(t, "dates.xml").Items {
		want, dated := map[string]string{
			"iso": "2026-06-03T06:12:00Z", "spaces": "2026-06-03T08:12:00Z", "weekday": "2026-06-03T08:12:00Z", "zone": "2026-06-03T15:12:00Z",
			"french": "2026-06-03T08:12:00Z", "future": testNow.Format(time.RFC3339), "garbage": "2026-06-03T12:00:00Z",
		}[strings.TrimPrefix(i.GUID, "date-")]
		if !dated {
			want = testNow.Format(time.RFC3339)
		}
		if got := i.Story.Published.Format(time.RFC3339); got != want || i.Dated != dated {
			t.Errorf("%s: %s, dated %v; want %s, %v", i.GUID, got, i.Dated, want, dated)
		}
	}
}

// SEC-21: stories without guids, with doubled and shared ones, are told apart by their addresses, else by their words.
func TestIdentities(t *testing.T) {
	t.Parallel()
	f := readFeed(t, "no-guids.xml")
	var got []string
	for _, i := range f.Items {
		got = append(got, i.Story.Title+" = "+i.GUID)
	}
	s := strings.Join(got, "\n")
	for _, want := range []string{"With a link = https://noguid.example/story?id=7", "A place for a guid = https://noguid.example/place",
		"Shared one = https://noguid.example/shared-1", "Shared two = https://noguid.example/shared-2"} {
		if !strings.Contains(s, want) {
			t.Errorf("no %q in\n%s", want, s)
		}
	}
	if strings.Count(s, "Without a link = sha256:") != 2 || f.Items[1].GUID == f.Items[2].GUID {
		t.Errorf("stories of one title on two days are one:\n%s", s)
	}
	if strings.Contains(s, "The same again") || len(f.Items) != 6 || f.Skipped != 3 {
		t.Errorf("%d items, %d skipped:\n%s", len(f.Items), f.Skipped, s)
	}
}

// MSG-36: whatever a feed puts into its fields arrives as inert text, capped.
func TestHostileFeed(t *testing.T) {
	t.Parallel()
	f := readFeed(t, "hostile.xml")
	for _, i := range f.Items {
		s := i.Story
		for field, v := range map[string]string{"title": s.Title, "dek": s.Dek, "url": s.URL, "authors": show(s.Authors)} {
			for _, bad := range []string{"onerror", "onload", "onclick", "javascript:", "\u202e", "\u2066", "\u200b", "\n", "\r", "data:"} {
				if strings.Contains(v, bad) {
					t.Errorf("MSG-36 %s: %s %q has %q", i.GUID, field, v, bad)
				}
			}
		}
		for _, bad := range []string{"javascript:", "<script", "<iframe", "<style", "onerror"} {
			if strings.Contains(strings.ToLower(s.BodyHTML), bad) {
				t.Errorf("MSG-36 %s: body has %q: %s", i.GUID, bad, s.BodyHTML)
			}
		}
		if s.Image != nil {
			t.Errorf("%s: image %+v", i.GUID, s.Image)
		}
	}
	if f.Title != "Hostile" || f.HomeURL != "" {
		t.Errorf("feed %q %q", f.Title, f.HomeURL)
	}
	byGUID := map[string]item{}
	for _, i := range f.Items {
		byGUID[i.GUID] = i
	}
	if got := byGUID["hostile-script"].Story.Title; got != "<script>alert(1)</script>" {
		t.Errorf("what is written about is gone: %q", got) // escaped text, shown as it is
	}
	if got := byGUID["hostile-header"].Story.Title; got != "Line one Bcc: all@example.org" {
		t.Errorf("%q", got)
	}
	if byGUID["hostile-link"].Story.URL != "" || byGUID["hostile-user"].Story.URL != "" {
		t.Error("a harmful link was kept")
	}

	long := strings.Repeat("long ", 200_000)
	doc := "<rss><channel><item><link>https://a.example/</link><title>" + long + "</title><description>" + long + "</description></item></channel></rss>"
	f, err := parseFeed([]byte(doc), "", mustURL("https://a.example/feed"), 10, testNow)
	if err != nil || len(f.Items) != 1 {
		t.Fatal(err)
	}
	if n := len([]rune(f.Items[0].Story.Title)); n > maxTitle {
		t.Errorf("MSG-36: 1 MB title is kept at %d characters", n)
	}
	if n := len([]rune(f.Items[0].Story.Dek)); n > maxDek {
		t.Errorf("MSG-36: dek of %d characters", n)
	}
}

// SEC-21: documents made to exhaust the reader are refused or inert, with a sentence that says why.
func TestFeedBombs(t *testing.T) {
	t.Parallel()
	rss := func(s string) string {
		return `<rss version="2.0"><channel><title>T</title>` + s + `</channel></rss>`
	}
	where := mustURL("https://bomb.example/feed")

	t.Run("SEC-21 billion laughs", func(t *testing.T) {
		t.Parallel()
		doc := `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;"><!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">]>` +
			rss(`<item><title>A &lol3; B</title><link>https://bomb.example/1</link></item>`)
		f, err := parseFeed([]byte(doc), "", where, 10, testNow)
		if err == nil && (len(f.Items) != 1 || strings.Contains(f.Items[0].Story.Title, "lollol")) {
			t.Fatalf("%+v", f)
		}
	})
	t.Run("SEC-21 XXE", func(t *testing.T) {
		t.Parallel()
		doc := `<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY % y SYSTEM "http://127.0.0.1/e.dtd"> %y;]>` +
			rss(`<item><title>A &x; B</title><link>https://bomb.example/1</link></item>`)
		f, err := parseFeed([]byte(doc), "", where, 10, testNow)
		if err == nil && (len(f.Items) != 1 || strings.Contains(f.Items[0].Story.Title, "root:")) {
			t.Fatalf("%+v", f)
		}
	})
	for name, doc := range map[string]string{
		"SEC-21 10⁶ items":      rss(strings.Repeat("<item/>", 300_000)),
		"SEC-21 nested":         "<rss><channel>" + strings.Repeat("<x:a>", 900_000),
		"SEC-21 nested Atom":    `<feed xmlns="http://www.w3.org/2005/Atom"><entry><content type="xhtml">` + strings.Repeat("<p>", 500_000),
		"SEC-21 10⁶ JSON items": `{"version":"1","items":[` + strings.Repeat("{},", 1_000_000) + `{}]}`,
		"SEC-21 nested JSON":    `{"items":` + strings.Repeat("[", 1_000_000),
		"cut off":               `<rss version="2.0"><channel><title>T</title><item><title>x`,
		"not XML":               "hello",
		"nothing":               "  \n ",
		"HTML":                  `<!doctype html><html><head><link rel="alternate" type="application/rss+xml" href="/news.rss"></head><body>x</body></html>`,
		"other XML":             `<?xml version="1.0"?><opml version="2.0"><body/></opml>`,
		"JSON that is no feed":  `{"hello": "world"}`,
		"broken JSON":           "{\n\"items\": [\n{\"id\": }]}",
		"binary":                "\x00\x01\x02\x03\xff\xfe",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := parseFeed([]byte(doc), "", where, 500, testNow)
			if errs.KindOf(err) != errs.Invalid {
				t.Fatalf("%d items, error %v; want Invalid", len(f.Items), err)
			}
			if name == "HTML" && !strings.Contains(errs.Public(err), "https://bomb.example/news.rss") {
				t.Errorf("the page's own feed is not named: %v", err)
			}
			if strings.HasPrefix(name, "SEC-21 nested") && name != "SEC-21 nested JSON" && !strings.Contains(errs.Public(err), "nested more than 100 deep") {
				t.Errorf("refused for another reason: %v", err)
			}
			if name == "broken JSON" && !strings.Contains(errs.Public(err), "line 3") {
				t.Errorf("no line: %v", err)
			}
		})
	}
	t.Run("deep HTML in a story", func(t *testing.T) {
		t.Parallel()
		doc := rss(`<item><title>Deep</title><link>https://bomb.example/1</link><description><![CDATA[` + strings.Repeat("<div>", 20_000) + `text]]></description></item>`)
		f, err := parseFeed([]byte(doc), "", where, 500, testNow)
		if err != nil || len(f.Items) != 1 {
			t.Fatal(err)
		}
	})
	t.Run("many pictures in a story", func(t *testing.T) {
		t.Parallel()
		doc := rss(`<item><title>Pictures</title><link>https://bomb.example/1</link><description><![CDATA[<div>` + strings.Repeat(`<img src=x width=1>`, 20_000) + `</div>]]></description></item>`)
		if _, err := parseFeed([]byte(doc), "", where, 500, testNow); err != nil {
			t.Fatal(err)
		}
	})
}

// 500 items are all kept; of more, the newest, in the order of the feed.
func TestManyItems(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`<rss version="2.0"><channel><title>Many</title><link>https://many.example/</link>`)
	for i := range 500 { // oldest first
		fmt.Fprintf(&b, `<item><guid>many-%d</guid><title>Story %d</title><link>https://many.example/%d</link><pubDate>%s</pubDate></item>`,
			i, i, i, testNow.Add(time.Duration(i-600)*time.Hour).Format(time.RFC1123Z))
	}
	b.WriteString(`</channel></rss>`)
	f, err := parseFeed([]byte(b.String()), "", mustURL("https://many.example/feed"), 500, testNow)
	if err != nil || len(f.Items) != 500 || f.Skipped != 0 {
		t.Fatalf("%d items, %v", len(f.Items), err)
	}
	f, err = parseFeed([]byte(b.String()), "", mustURL("https://many.example/feed"), 40, testNow)
	if err != nil || len(f.Items) != 40 || f.Skipped != 460 || f.Items[0].GUID != "many-460" || f.Items[39].GUID != "many-499" {
		t.Fatalf("%d items, %d skipped, first %s, %v", len(f.Items), f.Skipped, f.Items[0].GUID, err)
	}
}

func TestCanonicalURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://Example.ORG":                                    "https://example.org/",
		"HTTPS://example.org:443/A?b=1#c":                        "https://example.org/A?b=1",
		"http://example.org:80/":                                 "http://example.org/",
		"http://example.org:8080/":                               "http://example.org:8080/",
		"https://example.org/a/./b/../c":                         "https://example.org/a/c",
		"https://example.org/?utm_source=a&id=3&UTM_Medium=b":    "https://example.org/?id=3",
		"https://example.org/?fbclid=1":                          "https://example.org/",
		"https://example.org/?a=1&gclid=x&b=2&mc_cid=y&mc_eid=z": "https://example.org/?a=1&b=2",
		"https://example.org/?b=2&a=1":                           "https://example.org/?b=2&a=1",
		"https://example.org/?":                                  "https://example.org/",
		"https://bücher.example/ä":                               "https://xn--bcher-kva.example/%C3%A4",
		"https://example.org./x":                                 "https://example.org/x",
		"  https://example.org/x ":                               "https://example.org/x",
		"mailto:a@example.org":                                   "", "//example.org/": "", "/a": "", "": "", "javascript:alert(1)": "", "https://": "", "https://u:p@example.org/": "", "http://[::1": "",
	} {
		if got := CanonicalURL(in); got != want {
			t.Errorf("CanonicalURL(%q) = %q; want %q", in, got, want)
		}
		if again := CanonicalURL(want); again != want {
			t.Errorf("CanonicalURL(%q) = %q is not stable", want, again)
		}
	}
}

func FuzzCanonicalURL(f *testing.F) {
	for _, s := range []string{"https://Example.ORG:443/a/../b?utm_x=1&c=d#e", "http://[::1]:80/", "https://bücher.example/%zz", "https://a.example?&&a", "http://a//../b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := CanonicalURL(s)
		if c == "" {
			return
		}
		if again := CanonicalURL(c); again != c {
			t.Fatalf("%q gives %q gives %q", s, c, again)
		}
		if !strings.HasPrefix(c, "http") {
			t.Fatalf("%q gives %q", s, c)
		}
	})
}

func FuzzParseFeed(f *testing.F) {
	files, _ := filepath.Glob("testdata/feeds/*")
	for _, name := range files {
		if data, err := os.ReadFile(name); err == nil && !strings.HasSuffix(name, ".golden.json") {
			f.Add(data, "text/xml; charset=utf-8")
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, contentType string) {
		p, err := parseFeed(data, contentType, mustURL("https://feeds.example.org/f"), 20, testNow)
		if err != nil {
			if k := errs.KindOf(err); k != errs.Invalid {
				t.Fatalf("kind %d: %v", k, err)
			}
			return
		}
		for _, i := range p.Items {
			s := i.Story
			if s.Title == "" || i.GUID == "" || len([]rune(s.Title)) > maxTitle || len([]rune(s.Dek)) > maxDek {
				t.Fatalf("%+v", i)
			}
			for _, text := range []string{s.Title, s.Dek, s.Section, i.GUID, s.URL} {
				if text != clean(text) || strings.ContainsAny(text, "\r\n") {
					t.Fatalf("not clean: %q", text)
				}
			}
			if s.Published.After(testNow) {
				t.Fatalf("published %v", s.Published)
			}
			if low := strings.ToLower(s.BodyHTML); strings.Contains(low, "<script") || strings.Contains(low, "href=\"javascript:") {
				t.Fatalf("body %s", s.BodyHTML)
			}
		}
	})
}
