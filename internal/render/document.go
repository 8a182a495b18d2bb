package render

import (
	"slices"
	"strings"
)

// document is foreign HTML reduced to what a mail can carry. Everything that becomes part of a mail's body, from a feed, a
// page or Markdown, passes through this form, so nothing that it cannot say gets into a mail.
type document []block

type blockKind uint8

const (
	paragraph blockKind = iota
	heading
	list
	quote
	code
	rule
	figure
)

// block is one part of a document.
type block struct {
	kind    blockKind
	level   int     // of a heading, 2 to 4
	text    []run   // of a paragraph, a heading and code; the caption of a figure
	ordered bool    // list
	start   int     // number of the first item of an ordered list
	items   []item  // list
	blocks  []block // of a quote: paragraphs, lists and code
	image   Image   // figure: URL, Width, Height and Alt
}

// item is one entry of a list: its text and the lists within it.
type item struct {
	text  []run
	lists []block
}

// style is a set of the ways that text may differ.
type style uint8

const (
	bold style = 1 << iota
	italic
	cited // the credit of a caption
	fixed // code
	lower
	upper
	struck
)

// run is text of one style; a line end in it is a forced break.
type run struct {
	text  string
	style style
	href  string
}

// plainRuns returns the text alone.
func plainRuns(runs []run) string {
	var b strings.Builder
	for _, r := range runs {
		b.WriteString(r.text)
	}
	return b.String()
}

// has reports whether there is a block of that kind at the top of the document.
func (d document) has(kind blockKind) bool {
	return slices.ContainsFunc(d, func(b block) bool { return b.kind == kind })
}

// unhead makes bold paragraphs of headings.
func (d document) unhead() {
	for i, b := range d {
		if b.kind == heading {
			d[i].kind = paragraph
			for j := range b.text {
				b.text[j].style |= bold
			}
		}
	}
}

// beginsWith reports whether a dek is no more than how the document begins: feeds without summaries give such deks.
func (d document) beginsWith(dek string) bool {
	dek = strings.TrimRight(dek, "…. ")
	var text strings.Builder
	for _, b := range d {
		if text.Len() > len(dek) {
			break
		}
		text.WriteString(plainRuns(b.text) + " ")
	}
	return dek != "" && strings.HasPrefix(strings.Join(strings.Fields(text.String()), " "), dek)
}

// eachText calls f for every list of runs.
func (d document) eachText(f func(runs []run)) {
	for _, b := range d {
		f(b.text)
		document(b.blocks).eachText(f)
		for _, it := range b.items {
			f(it.text)
			document(it.lists).eachText(f)
		}
	}
}

// order sets the levels of headings so that none is skipped: the first is top, and each is at most one below the one
// before it.
func (d document) order(top int) {
	last := top - 1
	for i := range d {
		if d[i].kind == heading {
			d[i].level = min(max(d[i].level, top), last+1, 4)
			last = d[i].level
		}
	}
}

// tidy makes runs canonical: no style on white space alone, one run where two are alike, links that follow each other to
// the same place made one, no space at the ends.
func tidy(runs []run) []run {
	for i, r := range runs {
		if !blank(r.text) {
			continue
		}
		var before, after run
		if i > 0 {
			before = runs[i-1]
		}
		if i+1 < len(runs) {
			after = runs[i+1]
		}
		runs[i].style = before.style & after.style
		if runs[i].href = ""; before.href == after.href {
			runs[i].href = before.href
		}
	}
	runs = slices.DeleteFunc(runs, func(r run) bool { return r.text == "" })
	var out []run
	for i := 0; i < len(runs); {
		j := i + 1
		for j < len(runs) && runs[j].style == runs[i].style && runs[j].href == runs[i].href {
			j++
		}
		out = append(out, run{text: plainRuns(runs[i:j]), style: runs[i].style, href: runs[i].href})
		i = j
	}
	for len(out) > 0 {
		if out[0].text = strings.TrimLeftFunc(out[0].text, isBlank); out[0].text != "" {
			break
		}
		out = out[1:]
	}
	for len(out) > 0 {
		last := len(out) - 1
		if out[last].text = strings.TrimRightFunc(out[last].text, isBlank); out[last].text != "" {
			break
		}
		out = out[:last]
	}
	return out
}

func blank(s string) bool { return strings.TrimFunc(s, isBlank) == "" }

// isBlank reports white space of any kind, and the characters of no width that feeds fill empty paragraphs with.
func isBlank(r rune) bool {
	switch r {
	case ' ', '\n', '\t', '\r', '\f', '\v', '\u0085', '\u00a0', '\u1680', '\u2028', '\u2029', '\u202f', '\u205f', '\u3000', '\u200b', '\u2060', '\ufeff':
		return true
	}
	return r >= '\u2000' && r <= '\u200a'
}
