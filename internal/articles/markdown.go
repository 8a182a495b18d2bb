package articles

import (
	"bytes"
	"cmp"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	gmhtml "github.com/yuin/goldmark/renderer/html"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// markdownHTML turns Markdown into HTML. HTML inside it passes: all of it is sanitised afterwards.
var markdownHTML = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(gmhtml.WithUnsafe()))

// parseMarkdown reads a story from Markdown. Where front matter says what the story is, the text is its body; where there
// is none, the head of the text is read as that of a copied page is.
func parseMarkdown(text string, o Overrides) (*plain, error) {
	text = clean(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"))
	front, text, err := frontMatter(text)
	if err != nil {
		return nil, err
	}
	p := newPlain(o)
	if err := p.front(front, o); err != nil {
		return nil, err
	}
	p.units = markdownUnits(text)
	p.leadImage()
	rest := p.units
	if p.story.Title == "" {
		rest = p.header()
	} else if len(rest) > 0 && rest[0].head && strings.EqualFold(rest[0].text, fold(p.story.Title)) {
		rest = rest[1:]
	}
	appeal := p.appeal // of the front matter
	rest, err = p.cutAppeal(rest, o)
	if err != nil {
		return nil, err
	}
	if appeal != nil {
		p.appeal = appeal
	}
	p.body = p.middle(rest)
	p.language()
	var source, out bytes.Buffer
	for _, u := range p.body {
		source.WriteString(u.raw + "\n\n")
	}
	for _, n := range p.note {
		source.WriteString("*" + n + "*\n\n")
	}
	if err := markdownHTML.Convert(source.Bytes(), &out); err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "the Markdown could not be read")
	}
	var given []render.Image
	if p.story.Image != nil && p.story.Image.URL != "" {
		given = []render.Image{*p.story.Image}
	}
	var img *render.Image
	if p.story.BodyHTML, img = settle(out.String(), p.base(), given); img != nil {
		if p.story.Image != nil {
			complete(img, *p.story.Image)
		}
		p.story.Image = img
	}
	return p, nil
}

// markdownUnits parts Markdown into its blocks. Lists, code, tables and HTML are kept whole and never taken for anything
// else.
func markdownUnits(text string) []unit {
	var out []unit
	var block []string
	fence := ""
	flush := func() {
		if len(block) > 0 {
			out = append(out, markdownUnit(strings.Join(block, "\n")))
			block = nil
		}
	}
	for l := range strings.SplitSeq(text, "\n") {
		t := strings.TrimSpace(l)
		switch {
		case fence != "":
			block = append(block, l)
			if strings.HasPrefix(t, fence) {
				fence = ""
				flush()
			}
			continue
		case strings.HasPrefix(t, "```") || strings.HasPrefix(t, "~~~"):
			flush()
			fence = t[:3]
		case t == "":
			if inList(block) { // a list with blank lines is one list
				block = append(block, "")
			} else {
				flush()
			}
			continue
		case inList(block) && block[len(block)-1] == "" && !listLine.MatchString(l) && !strings.HasPrefix(l, "  "):
			flush()
		case atxHeading.MatchString(l), imageBlock.MatchString(t):
			flush()
			block = []string{l}
			flush()
			continue
		}
		block = append(block, strings.TrimRight(l, " ")+strings.Repeat(" ", min(2, len(l)-len(strings.TrimRight(l, " ")))))
	}
	flush()
	for i := range out {
		out[i].at, out[i].gap = i, true
	}
	return out
}

var (
	listLine   = regexp.MustCompile(`^\s{0,3}(?:[-*+]|\d{1,9}[.)])\s+\S`)
	atxHeading = regexp.MustCompile(`^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$`)
	setext     = regexp.MustCompile(`^(.+)\n\s{0,3}(=+|-+)\s*$`)
	imageBlock = regexp.MustCompile(`^!\[([^\]]*)\]\(\s*<?([^\s)>]+)>?(?:\s+["'(](.*)["')])?\s*\)(?:\{[^}]*\})?$`)
	linkBlock  = regexp.MustCompile(`^(?:\*\*|__|\*|_)?\[([^\]]+)\]\(\s*<?([^\s)>]+)>?(?:\s+["'(].*["')])?\s*\)(?:\{[^}]*\})?(?:\*\*|__|\*|_)?$`)
	inlineLink = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	emphasis   = regexp.MustCompile(`(\*\*|__|\*|_|~~|` + "`" + `)(\S(?:.*?\S)?)(\*\*|__|\*|_|~~|` + "`" + `)`)
	escaped    = regexp.MustCompile(`\\([!-/:-@\[-` + "`" + `{-~])`)
)

func inList(block []string) bool { return len(block) > 0 && listLine.MatchString(block[0]) }

func markdownUnit(raw string) unit {
	raw = strings.TrimRight(raw, "\n ")
	u := unit{raw: raw, markdown: raw, lines: 1 + strings.Count(raw, "\n")}
	if m := atxHeading.FindStringSubmatch(raw); m != nil {
		u.head, u.text = true, plainMarkdown(m[2])
		return u
	}
	if m := setext.FindStringSubmatch(raw); m != nil && !strings.Contains(m[1], "\n\n") {
		u.head, u.text = true, plainMarkdown(m[1])
		return u
	}
	first := strings.TrimSpace(raw)
	if m := linkBlock.FindStringSubmatch(first); m != nil {
		u.text, u.link = plainMarkdown(m[1]), absolute(nil, m[2])
		return u
	}
	u.text = plainMarkdown(raw)
	switch {
	case listLine.MatchString(raw), strings.HasPrefix(first, "```"), strings.HasPrefix(first, "~~~"), strings.HasPrefix(first, "|"), strings.HasPrefix(first, ">"),
		strings.HasPrefix(first, "<"), strings.HasPrefix(raw, "    "):
		u.opaque = true
	}
	return u
}

// plainMarkdown is the text of a block without its mark-up.
func plainMarkdown(s string) string {
	s = inlineLink.ReplaceAllString(s, "$1")
	for range 3 {
		s = emphasis.ReplaceAllStringFunc(s, func(m string) string {
			g := emphasis.FindStringSubmatch(m)
			if g[1] != g[3] {
				return m
			}
			return g[2]
		})
	}
	return fold(textOfHTML(escaped.ReplaceAllString(s, "$1")))
}

// leadImage takes an image that stands alone at the beginning of the text, with the caption below it.
func (p *plain) leadImage() {
	for i := 0; i < len(p.units) && i < 8; i++ {
		m := imageBlock.FindStringSubmatch(strings.TrimSpace(p.units[i].raw))
		if m == nil {
			continue
		}
		ref := absolute(p.base(), m[2])
		if ref == "" || p.story.Image != nil && p.story.Image.URL != "" && !sameImage(p.story.Image.URL, ref) {
			return
		}
		img := p.image()
		img.URL = ref
		img.Alt = cmp.Or(img.Alt, m[1])
		if m[3] != "" {
			captioned(img, m[3])
		}
		n := 1
		if i+1 < len(p.units) {
			next := p.units[i+1]
			_, credit, strong := splitCaption(next.text)
			whole := strings.TrimSpace(next.raw)
			italic := len(whole) > 2 && (whole[0] == '*' || whole[0] == '_') && whole[1] != whole[0] && whole[0] == whole[len(whole)-1]
			if (italic || credit != "" && strong) && next.words() < 90 && !next.head {
				captioned(img, next.text)
				n = 2
			}
		}
		p.units = append(append([]unit(nil), p.units[:i]...), p.units[i+n:]...)
		return
	}
}
