package render

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// The usual typefaces, by names without quotes so that they are short in the attributes that repeat them.
const (
	Serif = "Georgia,Times New Roman,Times,serif"
	Sans  = "Helvetica Neue,Helvetica,Arial,sans-serif"
	Mono  = "Menlo,Consolas,Courier New,monospace"
)

// column is the width of the text and of the widest photo, in CSS pixels; tallest is how high a photo may become.
const (
	column  = 600
	tallest = 640
)

// rowText is about how many characters of a body stand in one row of the layout table: Word cuts a row that is higher than
// its page.
const rowText = 1800

// typesetter writes a document as the HTML of a mail: everything essential inline, colours of the light mode inline and
// class names for the dark ones.
type typesetter struct {
	shades Shades
	dir    string // of the text around
	column int
	face   Face
	paid   bool // its links are a sponsor's
}

// rows returns the document as pieces for the rows of a table.
func (ts typesetter) rows(d document) []template.HTML {
	var rows []template.HTML
	var b strings.Builder
	length := 0 // of the row so far
	for i, bl := range d {
		length += bl.length()
		end := i == len(d)-1 || length+d[i+1].length() > rowText
		if ts.block(&b, bl, end); end {
			rows = append(rows, template.HTML(b.String())) // #nosec G203 -- made of escaped text only
			b.Reset()
			length = 0
		}
	}
	return rows
}

// length is about how much room a block takes, in characters.
func (b block) length() int {
	n := 60 + len(plainRuns(b.text))
	for _, in := range b.blocks {
		n += in.length()
	}
	for _, it := range b.items {
		n += 60 + len(plainRuns(it.text))
		for _, l := range it.lists {
			n += l.length()
		}
	}
	if b.kind == figure {
		n += 900
	}
	return n
}

// block writes one block; the last of a text has no space below.
func (ts typesetter) block(b *strings.Builder, bl block, last bool) {
	below := 18
	if last {
		below = 0
	}
	switch bl.kind {
	case paragraph:
		ts.paragraph(b, bl.text, ts.text(below), "ink")
	case heading:
		size := map[int]string{2: "font-size:22px;line-height:29px", 3: "font-size:19px;line-height:26px", 4: "font-size:17px;line-height:24px"}[bl.level]
		tag := "h" + strconv.Itoa(bl.level)
		fmt.Fprintf(b, `<%s class="ink"%s style="margin:10px 0 10px;font-family:%s;%s;font-weight:bold;color:%s">`, tag, ts.turned(bl.text), ts.face.Text, size, ts.shades.Ink)
		writeRuns(b, bl.text, ts.link())
		b.WriteString("</" + tag + ">\n")
	case rule:
		fmt.Fprintf(b, `<p class="mute" aria-hidden="true" style="%s;text-align:center">*&nbsp;&nbsp;*&nbsp;&nbsp;*</p>`+"\n", ts.font(below, ts.face.Text, "17px", "28px", ts.shades.Muted))
	case code:
		text := strings.NewReplacer("  ", "&nbsp;&nbsp;", "\n", "<br>").Replace(html.EscapeString(plainRuns(bl.text)))
		fmt.Fprintf(b, `<p class="ink" dir="ltr" style="%s;text-align:left">%s</p>`+"\n", ts.font(below, Mono, "14px", "21px", ts.shades.Ink), text)
	case quote:
		ts.quote(b, bl, below)
	case list:
		ts.list(b, bl, below)
	case figure:
		ts.figure(b, bl, below)
	}
}

// text is the style of running text.
func (ts typesetter) text(below int) string {
	return ts.font(below, ts.face.Text, "17px", "28px", ts.shades.Ink)
}

func (ts typesetter) font(below int, family, size, line, colour string) string {
	return fmt.Sprintf("margin:0 0 %dpx;font-family:%s;font-size:%s;line-height:%s;color:%s", below, family, size, line, colour)
}

// link is the attributes of a link in text.
func (ts typesetter) link() string {
	rel := ""
	if ts.paid {
		rel = ` rel="sponsored nofollow"`
	}
	return ` class="link"` + rel + ` style="color:` + ts.shades.Accent + `;text-decoration:underline"`
}

// turned returns the attribute that a text needs whose script runs against the text around it.
func (ts typesetter) turned(text []run) string {
	if dir := direction(plainRuns(text), ts.dir); dir != ts.dir {
		return ` dir="` + dir + `"`
	}
	return ""
}

func (ts typesetter) paragraph(b *strings.Builder, text []run, style, class string) {
	fmt.Fprintf(b, `<p class="%s"%s style="%s">`, class, ts.turned(text), style)
	writeRuns(b, text, ts.link())
	b.WriteString("</p>\n")
}

// quote stands in a cell with a line beside it, because Word knows no border of other elements.
func (ts typesetter) quote(b *strings.Builder, bl block, below int) {
	dir, side, pad := ts.dir, "left", "0 0 0 18px"
	if len(bl.blocks) > 0 {
		dir = direction(plainRuns(bl.blocks[0].text), dir)
	}
	if dir == "rtl" {
		side, pad = "right", "0 18px 0 0"
	}
	fmt.Fprintf(b, `<table role="presentation" width="100%%" cellpadding="0" cellspacing="0" border="0"><tr><td style="padding:0 0 %dpx"><table role="presentation" width="100%%" cellpadding="0" cellspacing="0" border="0"><tr><td class="bar" style="border-%s:2px solid %s;padding:%s">`,
		below, side, ts.shades.Accent, pad)
	for i, in := range bl.blocks {
		ts.block(b, in, i == len(bl.blocks)-1)
	}
	b.WriteString("</td></tr></table></td></tr></table>\n")
}

func (ts typesetter) list(b *strings.Builder, bl block, below int) {
	tag, margin := "ul", fmt.Sprintf("margin:0 0 %dpx 24px", below)
	outer := ts.dir
	if len(bl.items) > 0 {
		ts.dir = direction(plainRuns(bl.items[0].text), outer)
	}
	if ts.dir == "rtl" {
		margin = fmt.Sprintf("margin:0 24px %dpx 0", below)
	}
	if bl.ordered {
		tag = "ol"
	}
	b.WriteString("<" + tag)
	if bl.ordered && bl.start != 1 {
		b.WriteString(` start="` + strconv.Itoa(bl.start) + `"`)
	}
	if ts.dir != outer {
		b.WriteString(` dir="` + ts.dir + `"`)
	}
	b.WriteString(` style="` + margin + `;padding:0">`)
	for i, it := range bl.items {
		gap := 8
		if i == len(bl.items)-1 {
			gap = 0
		}
		fmt.Fprintf(b, `<li class="ink"%s style="%s">`, ts.turned(it.text), ts.text(gap))
		writeRuns(b, it.text, ts.link())
		for _, l := range it.lists {
			ts.list(b, l, 4)
		}
		b.WriteString("</li>")
	}
	b.WriteString("</" + tag + ">\n")
}

func (ts typesetter) figure(b *strings.Builder, bl block, below int) {
	p := fit(bl.image, ts.column, tallest)
	gap := below
	if len(bl.text) > 0 {
		gap = 8
	}
	fmt.Fprintf(b, `<table role="presentation" width="100%%" cellpadding="0" cellspacing="0" border="0"><tr><td style="padding:0 0 %dpx">`, gap)
	b.WriteString(string(ts.image(p)))
	b.WriteString("</td></tr></table>\n")
	if len(bl.text) > 0 {
		ts.paragraph(b, bl.text, ts.font(below, ts.face.Small, "13px", "19px", ts.shades.Muted), "mute")
	}
}

// Photo is an image as a mail shows it.
type Photo struct {
	URL, Alt, Caption, Credit string
	Width, Height             int  // as shown, in CSS pixels
	Guessed                   bool // its true size is not known: Word, which would distort it, must not show it
}

// fit returns an image scaled down to a width and height. One whose size is not known is taken to be 3:2.
func fit(img Image, width, height int) Photo {
	p := Photo{URL: img.URL, Alt: img.Alt, Width: img.Width, Height: img.Height}
	if p.Width <= 0 || p.Height <= 0 {
		p.Width, p.Height, p.Guessed = width, (width*2+1)/3, true
		return p
	}
	scale := min(1, float64(width)/float64(p.Width), float64(height)/float64(p.Height))
	p.Width = max(1, int(math.Round(float64(p.Width)*scale)))
	p.Height = max(1, int(math.Round(float64(p.Height)*scale)))
	return p
}

// image writes the img element of a photo, its alternative text set as a caption would be where images are off.
func (ts typesetter) image(p Photo) template.HTML {
	s := fmt.Sprintf(`<img class="mute tint wide" src="%s" alt="%s" width="%d" height="%d" style="display:block;width:100%%;max-width:%dpx;height:auto;border:0;background-color:%s;font-family:%s;font-size:14px;line-height:20px;color:%s">`,
		html.EscapeString(p.URL), html.EscapeString(p.Alt), p.Width, p.Height, p.Width, ts.shades.Tint, ts.face.Small, ts.shades.Muted)
	if p.Guessed {
		s = string(notWord) + s + string(endNotWord)
	}
	return template.HTML(s) // #nosec G203 -- every value is escaped above
}

// Conditional comments, which Outlook on Windows (Word) obeys and everything else takes for comments.
const (
	word       template.HTML = "<!--[if mso]>"
	endWord    template.HTML = "<![endif]-->"
	notWord    template.HTML = "<!--[if !mso]><!-->"
	endNotWord template.HTML = "<!--<![endif]-->"
)
