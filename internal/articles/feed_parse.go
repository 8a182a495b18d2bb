package articles

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/mmcdole/gofeed/atom"
	"github.com/mmcdole/gofeed/rss"

	"mailer/internal/errs"
)

// Limits of a feed document. What lies beyond the cap of stories is left out; what lies beyond these is not read at all.
const (
	maxListed = 20000 // stories in a document
	maxDepth  = 100   // elements within elements
)

// parsedFeed is what a feed says, in our words.
type parsedFeed struct {
	Title, HomeURL, Language string
	Items                    []item
	Skipped                  int // without anything to show, or beyond the cap
}

// parseFeed reads a feed document of any format. where is the address it came from, limit how many stories are kept
// (the newest), now what counts as the present. Errors are Invalid and say in words what is wrong with the document.
func parseFeed(data []byte, contentType string, where *url.URL, limit int, now time.Time) (f parsedFeed, err error) {
	// The parsers are other people's code on strangers' bytes; a slip of theirs must cost one feed and not the service.
	defer func() {
		if r := recover(); r != nil {
			f, err = parsedFeed{}, errs.Wrap(fmt.Errorf("panic: %v", r), errs.Invalid, "the feed could not be understood")
		}
	}()
	text := strings.TrimLeft(decode(data, contentType), " \t\r\n\x00\ufeff")
	if i := strings.Index(text, "<?xml"); i > 0 && i < 1024 { // a warning of the server's program before the document
		text = text[i:]
	}
	switch {
	case text == "":
		return parsedFeed{}, errs.New(errs.Invalid, "the feed is empty: not even a title is in it")
	case text[0] == '{':
		return parseJSONFeed(text, where, limit, now)
	case text[0] != '<':
		return parsedFeed{}, errs.New(errs.Invalid, "this is not a feed: it is neither RSS nor Atom nor JSON Feed")
	}
	text = xmlDeclaration.ReplaceAllString(text, "") // it may name an encoding that the text no longer has
	text = escapeLoose(baseToFolder(text))
	shape, err := survey(text)
	if err != nil {
		return parsedFeed{}, err
	}
	switch shape.root {
	case "rss", "rdf":
		f, err := (&rss.Parser{}).Parse(strings.NewReader(text))
		if err != nil {
			return parsedFeed{}, malformed(err)
		}
		return readRSS(f, where, limit, now), nil
	case "feed":
		f, err := (&atom.Parser{}).Parse(strings.NewReader(text))
		if err != nil {
			return parsedFeed{}, malformed(err)
		}
		return readAtom(f, shape, where, limit, now), nil
	case "html":
		return parsedFeed{}, notAFeed(text, where)
	}
	return parsedFeed{}, errs.New(errs.Invalid, "this is not a feed: its outermost element is <%s>", cut(line(shape.root, 40), 40))
}

// escapeLoose escapes every "<" that begins no tag, as in "costs < 5 %". Inside CDATA, where it is right as it is, the
// escaped form means the same as HTML.
func escapeLoose(text string) string {
	var b strings.Builder
	done := 0
	for i := 0; ; i++ {
		n := strings.IndexByte(text[i:], '<')
		if n < 0 || i+n+1 >= len(text) {
			break
		}
		i += n
		if c := text[i+1]; c <= ' ' || isDigit(c) || strings.IndexByte("=<&.,;)-", c) >= 0 {
			b.WriteString(text[done:i] + "&lt;")
			done = i + 1
		}
	}
	if done == 0 {
		return text
	}
	return b.String() + text[done:]
}

var xmlDeclaration = regexp.MustCompile(`^<\?xml[^>]{0,500}\?>`)

// malformed tells of XML that cannot be read, with the line where it breaks.
func malformed(err error) error {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return errs.Wrap(err, errs.Invalid, "the feed is not well-formed: it breaks at line %d (%s)", syntax.Line, cut(line(syntax.Msg, 120), 120))
	}
	if errors.Is(err, io.EOF) || strings.Contains(err.Error(), "EOF") {
		return errs.Wrap(err, errs.Invalid, "the feed is cut off before its end")
	}
	return errs.Wrap(err, errs.Invalid, "the feed could not be understood")
}

var feedLink = regexp.MustCompile(`(?is)<link\b[^>]*\btype\s*=\s*["']?application/(?:rss\+xml|atom\+xml|feed\+json|json)\b[^>]*>`)

var hrefValue = regexp.MustCompile(`(?is)\bhref\s*=\s*["']?([^"'\s>]+)`)

// notAFeed tells of a web page where a feed was expected, and names the feed that the page itself names.
func notAFeed(text string, where *url.URL) error {
	for _, l := range feedLink.FindAllString(text[:min(len(text), 200<<10)], 20) {
		if m := hrefValue.FindStringSubmatch(l); m != nil && !strings.Contains(strings.ToLower(l), "comments") {
			if u := absolute(where, textOfHTML(m[1])); u != "" {
				return errs.New(errs.Invalid, "this is a web page, not a feed; the page names this one: %s", u)
			}
		}
	}
	return errs.New(errs.Invalid, "this is a web page, not a feed")
}

// baseAttr matches xml:base. By RFC 3986 a base without a slash at its end is a document, and links are relative to its
// folder; the parser takes it for a folder, so it is made one here.
var baseAttr = regexp.MustCompile(`(\bxml:base\s*=\s*)("[^"]*"|'[^']*')`)

func baseToFolder(text string) string {
	if !strings.Contains(text, "xml:base") {
		return text
	}
	return baseAttr.ReplaceAllStringFunc(text, func(m string) string {
		at := strings.IndexAny(m, `"'`)
		head, quote, value := m[:at], m[at:at+1], m[at+1:len(m)-1]
		value, _, _ = strings.Cut(value, "#")
		value, _, _ = strings.Cut(value, "?")
		rest := value
		if i := strings.Index(value, "://"); i >= 0 {
			rest = value[i+3:]
		}
		if i := strings.LastIndexByte(rest, '/'); i >= 0 {
			value = value[:len(value)-len(rest)+i+1]
		} else if rest == value { // "story.html": relative, in the same folder
			value = ""
		}
		return head + quote + value + quote
	})
}
