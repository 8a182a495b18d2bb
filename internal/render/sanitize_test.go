package render

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

var storyBase = mustURL("https://www.lantern.example/science/tides?ref=feed")

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

func TestSanitizeBody(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, want string }{
		"plain":                 {"Just text.", "<p>Just text.</p>\n"},
		"empty":                 {" <p>&nbsp;</p><p>\u200b</p><div><br></div>", ""},
		"MSG-36 script":         {`<p>a<script>alert(1)</script>b</p><style>p{}</style>`, "<p>ab</p>\n"},
		"MSG-36 handler":        {`<p onclick="x()">a<img src=x onerror=alert(1)></p>`, "<p>a</p>\n" + `<figure><img src="https://www.lantern.example/science/x" alt=""></figure>` + "\n"},
		"MSG-36 unclosed":       {`<p><b>bold <i>both`, "<p><strong>bold <em>both</em></strong></p>\n"},
		"MSG-36 cdata":          {`<p>a ]]> b</p>`, "<p>a ]]&gt; b</p>\n"},
		"javascript":            {`<p><a href="javascript:alert(1)">x</a> <a href=" JaVa&#10;Script:alert(1)">y</a></p>`, "<p>x y</p>\n"},
		"data":                  {`<p><a href="data:text/html,x">x</a><img src="data:image/png;base64,AAAA" alt="y"></p>`, "<p>x</p>\n"},
		"forms and frames":      {`<form action="/x"><input name=a><p>in</p></form><iframe src="https://e.example"></iframe><p>out</p>`, "<p>out</p>\n"},
		"relative":              {`<p><a href="../about">us</a></p>`, `<p><a href="https://www.lantern.example/about">us</a></p>` + "\n"},
		"MSG-26 http":           {`<p><a href="http://e.example/x">x</a></p>`, `<p><a href="https://e.example/x">x</a></p>` + "\n"},
		"MSG-26 userinfo":       {`<p><a href="https://a@e.example/">x</a></p>`, "<p>x</p>\n"},
		"MSG-26 numbers":        {`<p><a href="https://127.0.0.1/">x</a><a href="https://2130706433/">y</a><a href="https://0x7f.1/">z</a><a href="https://[::1]/">!</a></p>`, "<p>xyz!</p>\n"},
		"MSG-26 shortener":      {`<p><a href="https://bit.ly/3xyz">x</a></p>`, "<p>x</p>\n"},
		"MSG-26 other host":     {`<p><a href="https://evil.example.net/">www.bank.example.com</a> <a href="https://evil.example.net/">https://bank.example.com/a</a></p>`, "<p>www.bank.example.com https://bank.example.com/a</p>\n"},
		"MSG-26 in other words": {`<p><a href="https://evil.example.net/">→ bank.example.com.</a> <a href="https://evil.example.net/">“bank.example.com/a”</a> <a href="https://evil.example.net/">Log in at www.bank.example.com, now</a></p>`, "<p>→ bank.example.com. “bank.example.com/a” Log in at www.bank.example.com, now</p>\n"},
		"MSG-26 own words":      {`<p><a href="https://www.example.net/a">Read on at www.example.net.</a> and <a href="https://nodejs.example.org/">Node.js!</a></p>`, `<p><a href="https://www.example.net/a">Read on at www.example.net.</a> and <a href="https://nodejs.example.org/">Node.js!</a></p>` + "\n"},
		"MSG-26 own host":       {`<p><a href="https://www.example.net/a">example.net/a</a> and <a href="https://nodejs.example.org/">Node.js</a></p>`, `<p><a href="https://www.example.net/a">example.net/a</a> and <a href="https://nodejs.example.org/">Node.js</a></p>` + "\n"},
		"localhost":             {`<p><a href="http://localhost:8025/x">x</a></p>`, `<p><a href="http://localhost:8025/x">x</a></p>` + "\n"},
		"idn":                   {`<p><a href="https://bücher.example/ä">x</a></p>`, `<p><a href="https://xn--bcher-kva.example/%C3%A4">x</a></p>` + "\n"},
		"headings":              {`<h1>One</h1><h4>Two</h4><h6>Three</h6><h2><b>Four</b></h2>`, "<h2>One</h2>\n<h3>Two</h3>\n<h4>Three</h4>\n<h2>Four</h2>\n"},
		"divs":                  {`<div>a</div><div>b <p>c</p> d</div>`, "<p>a</p>\n<p>b</p>\n<p>c</p>\n<p>d</p>\n"},
		"MSG-29 same links":     {`<p><a href="https://e.example/">one</a> <a href="https://e.example/">two</a><a href="https://e.example/"></a></p>`, `<p><a href="https://e.example/">one two</a></p>` + "\n"},
		"lists":                 {`<ol start=3><li>a<ul><li>b</ul><li><p>c</p><p>d</p></ol>`, "<ol start=\"3\"><li>a<ul><li>b</li></ul>\n</li><li>c<br>d</li></ol>\n"},
		"list in list":          {`<ul><li>a</li><ul><li>b</li></ul></ul>`, "<ul><li>a<ul><li>b</li></ul>\n</li></ul>\n"},
		"quote":                 {`<blockquote><h2>Who</h2>said <q>this</q><blockquote>deep</blockquote></blockquote>`, "<blockquote><p><strong>Who</strong></p>\n<p>said this</p>\n<p>deep</p>\n</blockquote>\n"},
		"code":                  {"<pre>\n\tif a &lt; b {\n\t}\n</pre><p><code>x</code></p>", "<pre>    if a &lt; b {\n    }</pre>\n<p><code>x</code></p>\n"},
		"breaks":                {`<p>a <br> b<br><br><br>c<br></p>`, "<p>a<br>b<br><br>c</p>\n"},
		"table of data":         {`<table><tr><th>Year</th><th>Sea</th></tr><tr><td>2025</td><td><b>4</b> mm</td></tr></table>`, "<p>Year · Sea</p>\n<p>2025 · <strong>4</strong> mm</p>\n"},
		"table for layout":      {`<table><tr><td><p>a</p><img src="https://e.example/i.jpg" width=600 height=400></td><td>b</td></tr></table>`, "<p>a</p>\n<figure><img src=\"https://e.example/i.jpg\" alt=\"\" width=\"600\" height=\"400\"></figure>\n<p>b</p>\n"},
		"figure":                {`<figure><img src="/i.jpg" alt="A &amp; B" width="1200px" height="800"><figcaption>Low tide. <cite>Ann Lee</cite></figcaption></figure>`, `<figure><img src="https://www.lantern.example/i.jpg" alt="A &amp; B" width="1200" height="800"><figcaption>Low tide. <cite>Ann Lee</cite></figcaption></figure>` + "\n"},
		"image in text":         {`<p>a <a href="/x"><img src="/i.png" alt="x"></a> b</p>`, "<p>a</p>\n<figure><img src=\"https://www.lantern.example/i.png\" alt=\"x\"></figure>\n<p>b</p>\n"},
		"image in a list":       {`<ul><li>a <img src="/i.png"></li></ul>`, "<ul><li>a</li></ul>\n<figure><img src=\"https://www.lantern.example/i.png\" alt=\"\"></figure>\n"},
		"MSG-37 tracker":        {`<p>a<img src="https://count.example/p.gif" width="1" height="1"></p>`, "<p>a</p>\n"},
		"emoji as image":        {`<p>a <img src="https://s.example/72x72/1f600.png" alt="😀" width=16 height=16></p>`, "<p>a 😀</p>\n"},
		"svg":                   {`<p>a<img src="/i.svg?x=1"><svg><a href="/x"><text>b</text></a></svg></p>`, "<p>a</p>\n"},
		"entities":              {`<p>R&amp;D &lt;b&gt; caf&eacute; &amp;amp;</p>`, "<p>R&amp;D &lt;b&gt; café &amp;amp;</p>\n"},
		"direction override":    {"<p>a\u202eb\u202c</p>", "<p>ab</p>\n"},
		"nothing known":         {`<custom-element><weird>kept</weird></custom-element>`, "<p>kept</p>\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := SanitizeBody(tc.in, storyBase); got != tc.want {
				t.Errorf("SanitizeBody(%q)\n got %q\nwant %q", tc.in, got, tc.want)
			}
		})
	}
}

func TestSanitizeBodyOfAnySize(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"deep":       strings.Repeat("<div><b>", 5000) + "core" + strings.Repeat("</b></div>", 5000),
		"deep lists": strings.Repeat("<ul><li>x", 100),
		"long":       "<p>" + strings.Repeat("word ", 400_000) + "</p>",
	} {
		if got := SanitizeBody(in, nil); got == "" || got != SanitizeBody(got, nil) {
			t.Errorf("%s: nothing left, or not stable: %.200q", name, got)
		}
	}
}

// allowed are the elements of clean HTML with the attributes that each may have.
var allowed = map[string][]string{"p": nil, "h2": nil, "h3": nil, "h4": nil, "ul": nil, "ol": {"start"}, "li": nil, "blockquote": nil,
	"pre": nil, "hr": nil, "br": nil, "a": {"href"}, "strong": nil, "em": nil, "cite": nil, "s": nil, "code": nil, "sub": nil, "sup": nil,
	"figure": nil, "figcaption": nil, "img": {"src", "alt", "width", "height"}}

// FuzzSanitizeBody: whatever comes in, what comes out is made of what is allowed, and cleaning it again changes nothing. MSG-36
func FuzzSanitizeBody(f *testing.F) {
	for _, s := range []string{"<p>a</p>", "<b><i>x</b>y</i>", "<table><td><p>a<td>b<tr>c", "<a href=/x><a href=/y>z", "<ul><ul><li>a<p>b",
		"<pre>\n\n a\t</pre>", "<pre>0\r\r\r0", "<svg><style><img src=x></style>", "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
		"<figure><img src=a><figcaption>b<img src=c></figcaption></figure>", "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
		"<p> a<br> <br> <br>b </p>", "a<!-- b -->c<![CDATA[d]]>e", "<blockquote><ul><li><img src=x></li></ul><hr>", "<h1>a<p>b<h2>c", "<dl><dt>a<dd>b", "\xff<p>\x00\u2028x",
		"<ol start=-1><li value=2>a", "<b> </b><i> x </i> <b>y </b>", "<li>a<tr><td>b<td>c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out := SanitizeBody(in, storyBase)
		if again := SanitizeBody(out, storyBase); again != out {
			t.Errorf("not stable:\n in %q\nout %q\nnow %q", in, out, again)
		}
		nodes, err := html.ParseFragment(strings.NewReader(out), &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			checkAllowed(t, n)
		}
		// Empty lines within <pre> are as its author wrote them.
		if text := PlainText(in); strings.Contains(text, "\n\n\n") && !strings.Contains(strings.ToLower(in), "<pre") {
			t.Errorf("text of %q has empty lines in a row: %q", in, text)
		}
	})
}

func checkAllowed(t *testing.T, n *html.Node) {
	switch n.Type {
	case html.ElementNode:
		attributes, ok := allowed[n.Data]
		if !ok || n.Namespace != "" {
			t.Errorf("element %s:%s came through", n.Namespace, n.Data)
		}
		for _, a := range n.Attr {
			if !slices.Contains(attributes, a.Key) {
				t.Errorf("attribute %s of %s came through", a.Key, n.Data)
			}
			if a.Key == "href" || a.Key == "src" {
				if code, reason := urlFault(a.Val); code != "" && code != "localhost" {
					t.Errorf("%q %s", a.Val, reason)
				}
			}
		}
	case html.TextNode:
	default:
		t.Errorf("node of type %v came through", n.Type)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		checkAllowed(t, c)
	}
}
