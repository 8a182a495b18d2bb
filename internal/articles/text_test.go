package articles

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTextOfHTML(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain": "plain", "a <b>bold</b> word": "a bold word", "a<br>b": "a b", "<p>a</p><p>b</p>": "a b", "x < y > z": "x < y > z",
		"is x<y? no": "is x<y? no", "is x <y": "is x <y", "end <a href=": "end", "5 <3": "5 <3", "&amp;amp;": "&amp;", "&lt;b&gt;": "<b>",
		"a<script>evil()</script>b": "ab", "a<style>p{}</style>b": "ab", "a<svg><title>x</title></svg>b": "ab", "a<!-- c -->b": "ab",
		"<o:p>word</o:p>": "word", "caf&eacute;": "café", "&#8217;": "’", "&#x202e;x": "x", "<![CDATA[a & b]]>": "a & b", "a ]]> b": "a ]]> b",
		"<img src=x onerror=alert(1)>": "", "<IMG SRC=x>a": "a", "1<sup>st</sup>": "1st",
	} {
		if got := line(textOfHTML(in), 1000); got != want {
			t.Errorf("textOfHTML(%q) = %q; want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"A <b> in a headline": "A <b> in a headline", "<em>Real</em> markup": "Real markup", "AT&amp;T": "AT&T", "&lt;b&gt; &amp; &#8217;": "&lt;b&gt; & ’",
		`<img src=x onerror=alert(1)>Go`: "Go", "5 < 6 & 7": "5 < 6 & 7",
	} {
		if got := line(textOfPlain(in), 1000); got != want {
			t.Errorf("textOfPlain(%q) = %q; want %q", in, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"  a \t b\r\nc ": "a b c", "« a »": "« a »", "a\u00a0:\u00a0b": "a\u00a0:\u00a0b", "a \u00a0 b": "a b", "a\x00b\x1bc": "abc", "a\u202eb\u2066c\u200fd": "abcd",
		"a\xffb": "a\ufffdb", "e\u0301": "é", "so\u00adft": "soft", "👩\u200d🚀": "👩\u200d🚀", "\ufeffa": "a", "a\u2028b": "a b",
	} {
		if got := line(in, 100); got != want {
			t.Errorf("line(%q) = %q; want %q", in, got, want)
		}
	}
	long := line(strings.Repeat("häuser ", 100), 50)
	if utf8.RuneCountInString(long) > 50 || !strings.HasSuffix(long, "häuser…") {
		t.Errorf("cut at %q", long)
	}
	if got := line(strings.Repeat("字", 100), 50); utf8.RuneCountInString(got) != 50 {
		t.Errorf("%q", got)
	}
}

func TestCountWords(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{"": 0, "one": 1, "It’s a well-known fact, 3.5 times.": 6, "–": 0, "字字字字": 2, "a  b\nc": 3, "l’eau d’ici": 2} {
		if got := countWords(in); got != want {
			t.Errorf("countWords(%q) = %d; want %d", in, got, want)
		}
	}
}
