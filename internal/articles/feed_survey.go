package articles

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"mailer/internal/errs"
)

// shape is what a first look at the tokens of an XML document finds.
type shape struct {
	root    string
	entries []entryShape // of an Atom feed
}

// entryShape says what the parser does not: whether title and summary of an Atom entry are HTML, and its language.
type entryShape struct {
	title, summary string // type attributes
	language       string
}

// survey walks through the tokens once and refuses what would be too deep or too much for the parser behind it, which
// builds all of it in memory. Entities of a document type are never expanded, here or there.
func survey(text string) (shape, error) {
	var s shape
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	depth, items := 0, 0
	for {
		tok, err := d.RawToken()
		if err != nil { // also the end; what is malformed the parser reports
			if s.root == "" && !errors.Is(err, io.EOF) {
				return s, malformed(err)
			}
			return s, nil
		}
		switch t := tok.(type) {
		case xml.StartElement:
			name := strings.ToLower(t.Name.Local)
			if depth++; depth > maxDepth {
				return s, errs.New(errs.Invalid, "the feed is nested more than %d deep, which no feed is", maxDepth)
			}
			if s.root == "" {
				if s.root = name; name == "html" {
					return s, nil
				}
			}
			if name == "item" || name == "entry" {
				if items++; items > maxListed {
					return s, errs.New(errs.Invalid, "the feed lists more than %d stories", maxListed)
				}
			}
			s.note(t, name, depth)
		case xml.EndElement:
			depth--
		}
	}
}

func (s *shape) note(t xml.StartElement, name string, depth int) {
	if s.root != "feed" {
		return
	}
	attr := func(local string) string {
		for _, a := range t.Attr {
			if strings.EqualFold(a.Name.Local, local) {
				return strings.ToLower(a.Value)
			}
		}
		return ""
	}
	if depth == 2 && name == "entry" {
		s.entries = append(s.entries, entryShape{language: attr("lang")})
	}
	if depth != 3 || len(s.entries) == 0 {
		return
	}
	e := &s.entries[len(s.entries)-1]
	switch kind := attr("type"); name {
	case "title":
		e.title = kind
		if attr("mode") == "escaped" && kind == "" { // Atom 0.3
			e.title = "html"
		}
	case "summary":
		e.summary = kind
	}
}
