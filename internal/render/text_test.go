package render

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlainText(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, want string }{
		"paragraphs":     {"<p>One &amp; two.</p><p>Three<br>four.</p>", "One & two.\n\nThree\nfour."},
		"links":          {`<p><a href="https://e.example/a">A</a>, <a href="https://e.example/b">B</a>, <a href="https://e.example/a">A again</a>.</p>`, "A [1], B [2], A again [1].\n\n[1] https://e.example/a\n[2] https://e.example/b"},
		"bare address":   {`<p><a href="https://e.example/a">https://e.example/a</a></p>`, "https://e.example/a"},
		"lists":          {"<ul><li>a<ol><li>b</li><li>c</li></ol></li></ul><ol start=9><li>d</li><li>e</li></ol>", "- a\n  1. b\n  2. c\n\n9. d\n10. e"},
		"quote":          {"<blockquote><p>a</p><p>b</p></blockquote>", "> a\n>\n> b"},
		"code and rule":  {"<pre>a\n  b</pre><hr>", "    a\n      b\n\n* * *"},
		"figure":         {`<figure><img src="https://e.example/a.jpg" alt="Pier"><figcaption>The pier.</figcaption></figure><img src="https://e.example/b.jpg" alt="Sea">`, "[The pier.]\n\n[Sea]"},
		"wrapped":        {"<p>" + strings.Repeat("word ", 20) + "</p>", strings.TrimSpace(strings.Repeat("word ", 15)) + "\nword word word word word"},
		"long address":   {"<p>See https://e.example/" + strings.Repeat("a", 80) + " there.</p>", "See\nhttps://e.example/" + strings.Repeat("a", 80) + "\nthere."},
		"without spaces": {"<p>" + strings.Repeat("潮", 40) + "</p>", strings.Repeat("潮", 36) + "\n" + strings.Repeat("潮", 4)},
		"nothing":        {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := PlainText(tc.in); got != tc.want {
				t.Errorf("PlainText(%q)\n got %q\nwant %q", tc.in, got, tc.want)
			}
		})
	}
}

func FuzzPlainText(f *testing.F) {
	for _, s := range []string{"<p>a</p>", "<ul><li>" + strings.Repeat("x ", 60), "<blockquote><pre>a\n\nb", "<p><a href=https://e.example/>x</a>", "潮潮潮", "<p>\u00a0 a \u200b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out := PlainText(in)
		if !utf8.ValidString(out) || strings.ContainsAny(out, "\x00\r") {
			t.Errorf("not plain text: %q", out)
		}
		for line := range strings.Lines(out) {
			if line = strings.TrimRight(line, "\n"); strings.TrimRight(line, " ") != line {
				t.Errorf("a line ends in a space: %q", line)
			}
		}
	})
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	show := func(fallback string) string { return "[" + fallback + "]" }
	for name, tc := range map[string]struct{ in, want string }{
		"text":            {"Hello *you*,\nand **you**.", "<p>Hello <em>you</em>, and <strong>you</strong>.</p>\n"},
		"HTML":            {"a <script>x</script> <b>b</b>\n\n<div onclick=x>c</div>", "<p>a x b</p>\n"},
		"links":           {"[a](javascript:alert(1)) [b](https://e.example/) https://e.example/c", `<p>a <a href="https://e.example/">b</a> <a href="https://e.example/c">https://e.example/c</a></p>` + "\n"},
		"name":            {"Dear {name|R&D friend}, dear **{name}**.", "<p>Dear [R&amp;D friend], dear <strong>[]</strong>.</p>\n"},
		"name in code":    {"`{name}`", "<p><code>{name}</code></p>\n"},
		"name in address": {"[x](https://e.example/{name})", `<p><a href="https://e.example/%7Bname%7D">x</a></p>` + "\n"},
		"headings":        {"# One\n\n### Two", "<h2>One</h2>\n<h3>Two</h3>\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := fromMarkdown(tc.in, show)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if d.write(&b); b.String() != tc.want {
				t.Errorf("Markdown %q\n got %q\nwant %q", tc.in, b.String(), tc.want)
			}
		})
	}
}

// FuzzMarkdown: whatever an editor types, what comes of it is clean, and a name stands in text only. MSG-35
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{"# a\n\n- b {name|c}", "[x](https://e.example/{name})", "<a href='{name}'>", "![{name}](https://e.example/a.png \"{name}\")", "`{name}`", "> {name", "{name|*a*}", "https://e.example/{name}"} {
		f.Add(s)
	}
	const mark = "Qmark0z"
	f.Fuzz(func(t *testing.T, in string) {
		if strings.Contains(in, mark) {
			return
		}
		d, err := fromMarkdown(in, func(string) string { return mark })
		if err != nil {
			return
		}
		var b strings.Builder
		d.write(&b)
		out := b.String()
		if again := SanitizeBody(out, nil); again != out && !strings.Contains(out, mark) {
			t.Errorf("not clean:\n in %q\nout %q\nnow %q", in, out, again)
		}
		for i, piece := range strings.Split(out, mark) {
			if strings.LastIndexByte(piece, '<') > strings.LastIndexByte(piece, '>') && i < strings.Count(out, mark) {
				t.Errorf("a name inside a tag: %q", out)
			}
		}
	})
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in   string
		most int
		want string
	}{
		{"short", 10, "short"}, {"one two three", 10, "one two…"}, {"one, two three", 6, "one…"}, {"abcdefghijkl", 5, "abcd…"},
		{"潮汐表错了港口", 4, "潮汐表…"},
	} {
		if got := cut(tc.in, tc.most); got != tc.want {
			t.Errorf("cut(%q, %d) = %q; want %q", tc.in, tc.most, got, tc.want)
		}
	}
}

func TestReadingMinutes(t *testing.T) {
	t.Parallel()
	for words, want := range map[int]int{0: 0, 99: 0, 100: 1, 220: 1, 221: 2, 2200: 10} {
		if got := (Story{Words: words}).ReadingMinutes(); got != want {
			t.Errorf("%d words: %d minutes; want %d", words, got, want)
		}
	}
}

func TestInitials(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Ines Falk": "IF", "Plato": "P", "Anna-Lena de Vries": "AV", "李明": "李", "Éva O'Hara": "ÉO", "42": "", "": ""} {
		if got := initials(name); got != want {
			t.Errorf("initials(%q) = %q; want %q", name, got, want)
		}
	}
}
