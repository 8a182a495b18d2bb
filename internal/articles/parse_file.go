package articles

import (
	"path/filepath"
	"strings"
	"time"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// Overrides correct what ParseFile recognises; empty fields leave it as it is.
type Overrides struct {
	Title, Dek                  string
	Author                      string // names as in a byline, "Jane Roe and John Doe"; replaces all authors
	AuthorTitle, Institution    string // of the first author
	Date                        string // see ParseDate
	Section                     string
	Tags                        []string
	Image, Alt, Caption, Credit string
	URL, Language               string
	NoAppeal                    bool           // nothing in the file is an appeal
	AppealFrom                  string         // the appeal starts at the paragraph that begins with this text
	Zone                        *time.Location // of dates that name no zone; default UTC
	Now                         time.Time      // for dates that say no year; default the time of the call

	at string // where a page was read; what it says of its own address counts within that site
}

// ParsedAppeal is an appeal for support found at the end of a file. Heading and Button are empty where the file has none.
type ParsedAppeal struct {
	Heading string `json:"heading"`
	Body    string `json:"body"` // Markdown paragraphs
	Button  string `json:"button"`
	URL     string `json:"url,omitempty"`
}

// Parsed is what a file was understood to be.
type Parsed struct {
	Story      render.Story  `json:"story"` // Published is zero where the file says nothing of it
	Appeal     *ParsedAppeal `json:"appeal,omitempty"`
	Recognised []string      `json:"recognised"` // what was taken for what, a line each, for a person to check
}

// ParseFile reads an article from a file: Markdown with front matter (.md, .markdown), HTML (.html, .htm, .xhtml), or plain
// text as it is copied from a published page (anything else). Errors are Invalid and say what is missing.
func ParseFile(name string, data []byte, o Overrides) (Parsed, error) {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if len(data) > MaxFile {
		return Parsed{}, errs.New(errs.Invalid, "the file is larger than %d MB, which no article is; save the story alone, as text, Markdown or HTML without pictures and scripts", MaxFile>>20)
	}
	text := decode(data, "")
	if n := strings.Count(text, "\n"); n > maxLines {
		return Parsed{}, errs.New(errs.Invalid, "the file has more than %d lines, which no article has", maxLines)
	}
	if !isReadable(text) {
		return Parsed{}, errs.New(errs.Invalid, "the file is not text; save the page as text, HTML or Markdown first")
	}
	var p *plain
	var err error
	switch strings.ToLower(filepath.Ext(name)) {
	case ".md", ".markdown", ".mdown", ".mkd":
		p, err = parseMarkdown(text, o)
	case ".html", ".htm", ".xhtml":
		p, err = parsePage(text, o)
	default:
		p, err = parsePlain(text, o)
	}
	if err != nil {
		return Parsed{}, err
	}
	if err := o.apply(p); err != nil {
		return Parsed{}, err
	}
	return p.parsed()
}

// How large a file may be, in octets and in lines. The longest reports of a paper have a tenth of it.
const (
	MaxFile  = 1 << 20
	maxLines = 50_000
)
