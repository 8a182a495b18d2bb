package inbox

import (
	"bytes"
	"io"
	"mime"
	"strings"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // bodies in any character set
	"golang.org/x/net/html"
)

// content is a mail taken apart for its page.
type content struct {
	Fields []field
	Text   string
	HTML   string
	Parts  []string // whatever else it has: "image/png, 12 kB"
	Source string   // the file, cut at maxSource
	Cut    bool
}

type field struct{ Name, Value string }

const (
	maxSource = 2 << 20
	maxPart   = 5 << 20
	maxDepth  = 8
)

// take takes a file apart. It never fails: what is no mail still has a source.
func take(file []byte) content {
	c := content{Source: strings.ToValidUTF8(string(file[:min(len(file), maxSource)]), "\ufffd"), Cut: len(file) > maxSource}
	e, err := message.Read(bytes.NewReader(file))
	if e == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return c
	}
	for f := e.Header.Fields(); f.Next(); {
		v, err := f.Text()
		if err != nil {
			v = f.Value()
		}
		name := f.Key()
		if raw, err := f.Raw(); err == nil { // as it was written, and not in canonical case
			before, _, _ := bytes.Cut(raw, []byte(":"))
			name = string(bytes.TrimSpace(before))
		}
		c.Fields = append(c.Fields, field{strings.ToValidUTF8(name, "\ufffd"), strings.ToValidUTF8(v, "\ufffd")})
	}
	c.walk(e, 0)
	return c
}

// walk looks for the text and HTML parts to show.
func (c *content) walk(e *message.Entity, depth int) {
	if parts := e.MultipartReader(); parts != nil {
		for depth < maxDepth {
			p, err := parts.NextPart()
			if p == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
				return
			}
			c.walk(p, depth+1)
		}
		return
	}
	kind, _, err := e.Header.ContentType()
	if err != nil || kind == "" {
		kind = "text/plain"
	}
	disposition, _, err := mime.ParseMediaType(e.Header.Get("Content-Disposition"))
	attached := err == nil && disposition == "attachment"
	b, err := io.ReadAll(io.LimitReader(e.Body, maxPart))
	if err != nil && len(b) == 0 {
		return
	}
	body := strings.ToValidUTF8(string(b), "\ufffd")
	switch {
	case kind == "text/html" && !attached && c.HTML == "":
		c.HTML = body
	case kind == "text/plain" && !attached && c.Text == "":
		c.Text = body
	default:
		c.Parts = append(c.Parts, kind+", "+size(len(b)))
	}
}

// forFrame makes links of a mail open in a new tab, as they would otherwise open within its frame. The tag stands at the
// beginning of the head, or where a head would be, so that it does not put the page into quirks mode.
func forFrame(doc string) string {
	const tag = `<base target="_blank">`
	z := html.NewTokenizer(strings.NewReader(doc))
	for at := 0; ; {
		kind := z.Next()
		end := at + len(z.Raw())
		switch kind {
		case html.ErrorToken:
			return tag + doc
		case html.DoctypeToken, html.CommentToken, html.TextToken:
			if kind != html.TextToken || strings.TrimSpace(doc[at:end]) == "" {
				at = end
				continue
			}
		case html.StartTagToken:
			switch name, _ := z.TagName(); string(name) {
			case "html":
				at = end
				continue
			case "head":
				at = end
			}
		}
		return doc[:at] + tag + doc[at:]
	}
}

// piece is a stretch of text, with URL when it is a link.
type piece struct{ Text, URL string }

// linked finds the links in a plain text.
func linked(s string) []piece {
	var out []piece
	for {
		i := nextURL(s)
		if i < 0 {
			break
		}
		end := strings.IndexFunc(s[i:], func(r rune) bool { return r <= ' ' || strings.ContainsRune("<>\"\u00a0", r) })
		if end < 0 {
			end = len(s) - i
		}
		u := strings.TrimRight(s[i:i+end], ".,;:!?)]'")
		out = append(out, piece{Text: s[:i]}, piece{u, u})
		s = s[i+len(u):]
	}
	return append(out, piece{Text: s})
}

// nextURL returns where the next http(s) URL with something behind its slashes begins, or -1.
func nextURL(s string) int {
	for from := 0; ; {
		i := strings.Index(s[from:], "http")
		if i < 0 {
			return -1
		}
		i += from
		for _, scheme := range []string{"https://", "http://"} {
			if rest, ok := strings.CutPrefix(s[i:], scheme); ok && rest != "" && rest[0] > ' ' && !strings.ContainsRune(".,;:!?)]'<>\"", rune(rest[0])) {
				return i
			}
		}
		from = i + len("http")
	}
}
