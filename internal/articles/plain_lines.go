package articles

import (
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// unit is a paragraph, a heading, or another thing that a person sees as one: lines that belong together, joined.
type unit struct {
	text  string
	lines int
	gap   bool   // a blank line stands before it
	link  string // where it leads, if all of it is a link (HTML and Markdown)
	head  bool   // known to be a heading (HTML and Markdown)
	at    int    // index in the source's own list of blocks
	raw   string // as it stands in the source (HTML and Markdown)

	markdown string // for an appeal, where that is not the escaped text

	opaque bool // a list, a table, code: never anything but a part of the story
}

func (u unit) words() int { return len(strings.Fields(u.text)) }

// short reports whether u could be a headline, a button or a name: one line, few words.
func (u unit) short(words int) bool {
	return u.words() <= words && utf8.RuneCountInString(u.text) <= 12*words
}

var (
	numbered = regexp.MustCompile(`^\(?#?(\d{1,2})\s?(?:(?:[.):]|[.)]?\s[–—-])\s+|[.)])(\p{L}.*|["“«‘(¿¡].*|(?:\$|€|£|\d).*)$`)
	onlyNum  = regexp.MustCompile(`^\(?#?(\d{1,2})[.)]?$`)
	bulleted = regexp.MustCompile(`^(?:[*•·▪●◦‣■–-])\s+(\S.*)$`)
	divider  = regexp.MustCompile(`^(?:[*•·_~#=–—-]\s*){3,}$`)
	onlyURL  = regexp.MustCompile(`^<?(https?://[^\s<>]+)>?$`)
)

// unitsOf splits a text into units. Lines of one block are joined where one goes on in the next: a text that was wrapped
// shows it by lines that are nearly full, and any text by how a line ends and the next begins. Lines that are something
// of their own (a byline, a date, a numbered point) are never joined to what stands before them.
func unitsOf(text string, now time.Time) []unit {
	text = clean(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"))
	var blocks [][]textLine
	var block []textLine
	for l := range strings.SplitSeq(text, "\n") {
		if l = fold(l); l != "" {
			block = append(block, textLine{l, stands(l, now)})
		} else if block != nil {
			blocks, block = append(blocks, block), nil
		}
	}
	if block != nil {
		blocks = append(blocks, block)
	}
	w := wrapWidth(blocks)
	var out []unit
	for _, b := range blocks {
		for i := 0; i < len(b); {
			n := i + 1
			for n < len(b) && joins(b[n-1], b[n], w, len(out) == 0) {
				n++
			}
			out = append(out, unit{text: glued(b[i:n]), lines: n - i, gap: i == 0})
			i = n
		}
	}
	return numberedUnits(out)
}

// textLine is a line of a text that is not empty, white space folded.
type textLine struct {
	text   string
	stands bool // is something of its own, which no paragraph goes on into or from
}

// glued is all the lines, each joined to the one before.
func glued(lines []textLine) string {
	if len(lines) == 1 {
		return lines[0].text
	}
	var b strings.Builder
	for i, l := range lines {
		b.WriteString(l.text)
		if i+1 < len(lines) && !keepsHyphen(l.text) {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// numberedUnits joins numbers that stand alone on a line, as big numerals do on a page, to what they number. They must
// count from 1 and be two at least.
func numberedUnits(units []unit) []unit {
	want, at := 1, map[int]string{}
	for i, u := range units {
		if m := onlyNum.FindStringSubmatch(u.text); m != nil && m[1] == strconv.Itoa(want) && i+1 < len(units) && !onlyNum.MatchString(units[i+1].text) {
			at[i] = m[1]
			want++
		}
	}
	var out []unit
	for i := 0; i < len(units); i++ {
		u := units[i]
		if n, ok := at[i]; ok && want > 2 {
			u = units[i+1]
			u.text, u.gap = n+". "+u.text, units[i].gap
			i++
		}
		u.at = len(out)
		out = append(out, u)
	}
	return out
}

// glue joins a line to the one it goes on from; a word that was parted by a hyphen stays as it was written, since most
// such hyphens belong to the word.
func glue(a, b string) string {
	if keepsHyphen(a) {
		return a + b
	}
	return a + " " + b
}

func keepsHyphen(a string) bool {
	return strings.HasSuffix(a, "-") && !strings.HasSuffix(a, " -") && !strings.HasSuffix(a, "--")
}

// wrapWidth returns the width that the text was wrapped to, or 0 when every line is a paragraph of its own.
func wrapWidth(blocks [][]textLine) int {
	var inner []int // lengths of lines that are not the last of their block, and that something may go on from
	for n, b := range blocks {
		for i, l := range b[:len(b)-1] {
			if n+i > 0 && !l.stands && !b[i+1].stands {
				inner = append(inner, utf8.RuneCountInString(l.text))
			}
		}
	}
	if len(inner) < 2 {
		return 0
	}
	sort.Ints(inner)
	w := inner[len(inner)*95/100]
	if w > 140 || w < 30 || len(inner) < 4 && inner[0] < 45 {
		return 0
	}
	full := 0
	for _, n := range inner {
		if n*10 >= w*7 {
			full++
		}
	}
	if full*10 < len(inner)*6 {
		return 0
	}
	return w
}

// openEnd are words that a line cannot end a thought with.
var openEnd = wordSet("a an the of and or to in on at by for from with as that which who is are was were be been has have had its his her their our your this these but nor than into about between over under " +
	"le la les l’ un une des du de et ou à au aux en dans par pour sur avec que qui est sont der die das den dem ein eine und oder zu von mit für auf im am el los las y o con para que del al")

// joins reports whether the next line goes on with what the first began. w is the width of the text, 0 when it was not wrapped;
// headline says that the first is a line of the first unit of all.
func joins(first, next textLine, w int, headline bool) bool {
	a, b := first.text, next.text
	if next.stands || first.stands || divider.MatchString(a) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(b)
	lowerStart := unicode.IsLower(r)
	ended := endsSentence(a) || strings.HasSuffix(a, ":")
	if numbered.MatchString(a) || bulleted.MatchString(a) { // a point goes on like a paragraph does
		return lowerStart && !ended || w > 0 && fills(a, b, w) && !numbered.MatchString(b)
	}
	switch {
	case lowerStart && !ended, strings.HasSuffix(a, ","), strings.HasSuffix(a, "-") && lowerStart:
		return true
	case openEnd[strings.ToLower(a[strings.LastIndexAny(a, " \u00a0")+1:])] && !ended:
		return true
	case headline:
		return !ended && w > 0 && fills(a, b, w) && len(b) < len(a)*8/10 && !endsSentence(b)
	case w > 0:
		return fills(a, b, w)
	}
	return false
}

// fills reports whether the first word of b would not have fitted on the line a of width w, give or take an eighth.
func fills(a, b string, w int) bool {
	word, _, _ := strings.Cut(b, " ")
	return utf8.RuneCountInString(a)+1+utf8.RuneCountInString(word) > w*7/8
}

// stands reports whether a line is something of its own, which no paragraph goes on into or from.
func stands(l string, now time.Time) bool {
	if isJunk(l) || onlyURL.MatchString(l) || divider.MatchString(l) {
		return true
	}
	if n := utf8.RuneCountInString(l); n > 200 {
		return false
	}
	if _, _, ok := labelledField(l); ok || otherMakers.MatchString(l) {
		return true
	}
	if _, ok := bylineLine(l); ok {
		return true
	}
	if _, ok := dateLine(l, nil, now); ok {
		return true
	}
	if isPerson(l, 2) && len(strings.Fields(l)) <= 4 && !strings.HasSuffix(l, ".") && !strings.HasSuffix(l, ",") {
		return true
	}
	return isInfo(l)
}
