package articles

import (
	"bytes"
	"mime"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// declared finds the encoding that an XML declaration or an HTML head names. Both are ASCII in every encoding that
// reaches this point.
var declared = regexp.MustCompile(`(?i)^[^>]{0,200}?\bencoding\s*=\s*["']\s*([\w.:-]+)|<meta[^>]{0,200}?\bcharset\s*=\s*["']?\s*([\w.:-]+)`)

// decode turns a document of any encoding into UTF-8. In this order it believes: a byte order mark; bytes that can only
// be UTF-16; bytes that are valid UTF-8, whatever is declared; the Content-Type of the server; the document's own
// declaration. Where UTF-8 is declared (or nothing) and the bytes are not, the parts that are valid are kept and the
// rest is read as windows-1252, which is what such mixtures are made of.
func decode(data []byte, contentType string) string {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return mixed(data[3:])
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return with(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), data)
	case bytes.HasPrefix(data, []byte("<\x00")), bytes.HasPrefix(data, []byte("{\x00")):
		return with(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), data)
	case bytes.HasPrefix(data, []byte("\x00<")), bytes.HasPrefix(data, []byte("\x00{")):
		return with(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), data)
	case utf8.Valid(data) && !bytes.Contains(data, []byte("\x1b$")): // ISO-2022-JP is ASCII with escapes
		return string(data)
	}
	label := ""
	if _, params, err := mime.ParseMediaType(contentType); err == nil {
		label = params["charset"]
	}
	if enc := lookup(label); enc != nil {
		return with(enc, data)
	}
	if m := declared.FindSubmatch(data[:min(len(data), 2048)]); m != nil {
		label = string(m[1]) + string(m[2])
	}
	if enc := lookup(label); enc != nil {
		return with(enc, data)
	}
	return mixed(data)
}

// lookup returns the encoding of a label, nil when it is unknown, or UTF-8, or UTF-16 (which a document without a byte
// order mark is not, whatever it says).
func lookup(label string) encoding.Encoding {
	enc, name := charset.Lookup(strings.TrimSpace(label))
	if enc == nil || name == "utf-8" || strings.HasPrefix(name, "utf-16") || name == "replacement" {
		return nil
	}
	if canonical, err := htmlindex.Name(enc); err == nil && canonical == "x-user-defined" {
		return nil
	}
	return enc
}

func with(enc encoding.Encoding, data []byte) string {
	out, err := enc.NewDecoder().Bytes(data)
	if err != nil {
		return mixed(data)
	}
	return string(out)
}

// mixed keeps what is valid UTF-8 and reads every other byte as windows-1252.
func mixed(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	var b strings.Builder
	b.Grow(len(data) + len(data)/8)
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		if r == utf8.RuneError && n == 1 {
			r = charmap.Windows1252.DecodeByte(data[0])
		}
		b.WriteRune(r)
		data = data[n:]
	}
	return b.String()
}
