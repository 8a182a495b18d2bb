package render

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// textWidth is the length of the lines of the text part, in columns: what fits a terminal with room for "> ".
const textWidth = 74

// fill breaks text into lines of at most columns columns, each after prefix. Its own line ends stay. An address is never
// broken, and neither is another long word, unless it is of a script that has no spaces.
func fill(s string, columns int, prefix string) string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		lines = append(lines, breakLine(line, columns)...)
	}
	for i, line := range lines {
		lines[i] = strings.TrimRight(prefix+line, " ")
	}
	return strings.Join(lines, "\n")
}

// breakLine breaks one line at its spaces; a space that must not break is written as a common one.
func breakLine(s string, columns int) []string {
	var lines []string
	line, used := "", 0
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' }) {
		word = strings.ReplaceAll(word, "\u00a0", " ")
		for i, piece := range pieces(word, columns) {
			w := columnsOf(piece)
			switch {
			case line == "":
				line, used = piece, w
			case i == 0 && used+1+w <= columns:
				line, used = line+" "+piece, used+1+w
			case i > 0 && used+w <= columns:
				line, used = line+piece, used+w
			default:
				lines = append(lines, line)
				line, used = piece, w
			}
		}
	}
	return append(lines, line)
}

// pieces cuts a word that is too long for a line, where it may be cut: between the characters of scripts without spaces,
// which are the wide ones.
func pieces(word string, columns int) []string {
	if columnsOf(word) <= columns || strings.Contains(word, "://") {
		return []string{word}
	}
	var out []string
	start, used := 0, 0
	for i, r := range word {
		if i > start && isWide(r) && used+2 > columns/3 {
			out = append(out, word[start:i])
			start, used = i, 0
		}
		used += columnsOf(string(r))
	}
	return append(out, word[start:])
}

// columnsOf returns how wide s is on a terminal.
func columnsOf(s string) int {
	n := utf8.RuneCountInString(s)
	for _, r := range s {
		if r > 0x10ff && isWide(r) {
			n++
		}
	}
	return n
}

func isWide(r rune) bool {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return true
	}
	return false
}

// underline returns title with a line of the given character below it.
func underline(title string, with string) string {
	title = fill(title, textWidth, "")
	longest := 0
	for line := range strings.SplitSeq(title, "\n") {
		longest = max(longest, columnsOf(line))
	}
	return title + "\n" + strings.Repeat(with, longest)
}

// PlainText turns the HTML of a story's body into lines of text for the text part: paragraphs, lists and quotes as people
// write them, and links as numbers whose addresses follow at the end.
func PlainText(s string) string { return foreignDocument(s, nil).plain() }

// references are the addresses that follow a text, in the order of their numbers.
type references struct {
	list   []string
	number map[string]int
}

// of returns the number of an address.
func (f *references) of(href string) int {
	n, ok := f.number[href]
	if !ok {
		f.list = append(f.list, href)
		n = len(f.list)
		f.number[href] = n
	}
	return n
}

// plain writes the document as text.
func (d document) plain() string {
	refs := references{number: map[string]int{}}
	var out strings.Builder
	out.WriteString(d.plainBlocks("", &refs))
	if len(refs.list) > 0 && out.Len() > 0 {
		out.WriteByte('\n')
	}
	for i, ref := range refs.list {
		out.WriteString("\n[" + strconv.Itoa(i+1) + "] " + ref)
	}
	return out.String()
}

func (d document) plainBlocks(prefix string, refs *references) string {
	var parts []string
	columns := textWidth - columnsOf(prefix)
	for _, b := range d {
		switch b.kind {
		case paragraph, heading:
			parts = append(parts, fill(referenced(b.text, refs), columns, prefix))
		case code:
			parts = append(parts, indent(plainRuns(b.text), prefix+"    "))
		case rule:
			parts = append(parts, prefix+"* * *")
		case quote:
			parts = append(parts, document(b.blocks).plainBlocks(prefix+"> ", refs))
		case list:
			parts = append(parts, b.plainList(prefix, refs))
		case figure:
			text := referenced(b.text, refs)
			if text == "" {
				text = b.image.Alt
			}
			if text != "" {
				parts = append(parts, fill("["+text+"]", columns, prefix))
			}
		}
	}
	return strings.Join(parts, "\n"+strings.TrimRight(prefix, " ")+"\n")
}

func (b block) plainList(prefix string, refs *references) string {
	var lines []string
	for i, it := range b.items {
		bullet := "- "
		if b.ordered {
			bullet = strconv.Itoa(b.start+i) + ". "
		}
		inner := prefix + strings.Repeat(" ", len(bullet))
		text := fill(referenced(it.text, refs), textWidth-columnsOf(inner), inner)
		lines = append(lines, strings.TrimRight(prefix+bullet+strings.TrimPrefix(text, inner), " "))
		for _, l := range it.lists {
			lines = append(lines, l.plainList(inner, refs))
		}
	}
	return strings.Join(lines, "\n")
}

// referenced returns the text with a number after each link whose text is not its address.
func referenced(runs []run, refs *references) string {
	var b strings.Builder
	for i, r := range runs {
		b.WriteString(r.text)
		if r.href == "" || i+1 < len(runs) && runs[i+1].href == r.href || r.text == r.href {
			continue
		}
		b.WriteString("\u00a0[" + strconv.Itoa(refs.of(r.href)) + "]")
	}
	return b.String()
}

func indent(s, prefix string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(prefix+line, " ")
	}
	return strings.Join(lines, "\n")
}
