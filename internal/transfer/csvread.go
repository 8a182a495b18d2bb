package transfer

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"mailer/internal/errs"
)

// Limits of a file that is imported; what is longer is an error of its row, what is wider of the file.
const (
	maxRecord  = 128 << 10 // bytes
	maxField   = 32 << 10  // bytes
	maxColumns = 200
	maxBroken  = 100 // rows with a quotation mark that never closes, each of which costs a long look ahead
)

// csvReader reads rows of a CSV file as it is found in the wild (RFC 4180 and its neighbours): any of three delimiters,
// line ends of every system also within quotes, stray quotation marks, UTF-8 with or without a byte order mark, UTF-16
// with one, else Windows-1252. encoding/csv would read on to the end of the file for a quotation mark that never closes;
// this one loses the row it stands in and goes on at the next line. It holds one record in memory.
type csvReader struct {
	src    io.Reader
	comma  byte
	buf    []byte // read and not used yet: buf[pos:]
	pos    int
	eof    bool
	err    error
	line   int64 // of the next record, from 1
	broken int
	digest digest // of what was read, when one is kept

	fields  [][]byte
	scratch []byte // unquoted forms of fields
}

// rowError is what is wrong with one row; reading can go on.
type rowError struct{ reason string }

func (e *rowError) Error() string { return e.reason }

// newCSVReader looks at the beginning of r for its encoding and delimiter.
func newCSVReader(r io.Reader) *csvReader {
	c := &csvReader{src: r, line: 1, comma: ','}
	c.fill()
	switch head := c.buf; {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		c.pos = 3
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		rest := io.MultiReader(bytes.NewReader(bytes.Clone(head)), r)
		decoder := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()
		*c = csvReader{src: transform.NewReader(rest, decoder), line: 1, comma: ','}
		c.fill()
	}
	c.comma = delimiter(c.buf[c.pos:])
	return c
}

// delimiter is the one that the first line has most of, outside of quotation marks.
func delimiter(head []byte) byte {
	var count [256]int
	quoted := false
	for _, b := range head {
		if b == '"' {
			quoted = !quoted
		}
		if !quoted && (b == '\n' || b == '\r') {
			break
		}
		if !quoted {
			count[b]++
		}
	}
	best := byte(',')
	for _, d := range []byte{';', '\t'} {
		if count[d] > count[best] {
			best = d
		}
	}
	return best
}

// fill reads more of the source, moving what is left to the front.
func (c *csvReader) fill() {
	if c.pos > 0 {
		c.buf = append(c.buf[:0], c.buf[c.pos:]...)
		c.pos = 0
	}
	const chunk = 64 << 10
	have := len(c.buf)
	if cap(c.buf) < have+chunk {
		grown := make([]byte, have, have+2*chunk)
		copy(grown, c.buf)
		c.buf = grown
	}
	n, err := io.ReadFull(c.src, c.buf[have:have+chunk])
	c.buf = c.buf[:have+n]
	switch err {
	case nil:
	case io.EOF, io.ErrUnexpectedEOF:
		c.eof = true
	default:
		c.eof, c.err = true, err
	}
}

// next returns the fields of the next row that is not empty, and the line it begins at. The fields are valid until the
// next call. A *rowError concerns this row only; io.EOF is the end; any other error ends the file.
func (c *csvReader) next() (fields [][]byte, line int64, err error) {
	for {
		rest := c.buf[c.pos:]
		if len(rest) == 0 && c.eof {
			if errs.KindOf(c.err) == errs.Invalid { // it says itself what is wrong
				return nil, c.line, c.err
			}
			if c.err != nil {
				return nil, c.line, errs.Wrap(c.err, errs.Unavailable, "the file cannot be read to its end")
			}
			return nil, c.line, io.EOF
		}
		n, state := c.parse(rest)
		if state == rowOpen && !c.eof && len(rest) < maxRecord {
			c.fill()
			continue
		}
		line = c.line
		switch {
		case state == rowOpen && c.brokenQuote():
			return nil, line, errs.New(errs.Invalid, "more than %d rows have a quotation mark that is never closed; is this a CSV file?", maxBroken)
		case state == rowOpen:
			c.skipLine()
			return nil, line, &rowError{"it is too long, or a quotation mark in it is never closed"}
		}
		c.advance(n)
		switch {
		case len(c.fields) > maxColumns:
			return nil, line, &rowError{fmt.Sprintf("it has more than %d columns", maxColumns)}
		case blank(c.fields):
			continue // an empty line, or the rows of delimiters that spreadsheets add at the end
		case state == rowTooLong:
			return nil, line, &rowError{fmt.Sprintf("a field is longer than %d bytes", maxField)}
		}
		return c.fields, line, nil
	}
}

func blank(fields [][]byte) bool {
	for _, f := range fields {
		if len(f) > 0 {
			return false
		}
	}
	return true
}

func (c *csvReader) brokenQuote() bool {
	c.broken++
	return c.broken > maxBroken
}

// advance goes on by n bytes of the buffer, counting lines.
func (c *csvReader) advance(n int) {
	used := c.buf[c.pos : c.pos+n]
	c.digest.add(used)
	c.line += int64(bytes.Count(used, []byte{'\n'}))
	if bytes.IndexByte(used, '\r') >= 0 { // old line ends are a lone CR
		c.line += int64(bytes.Count(used, []byte{'\r'}) - bytes.Count(used, []byte("\r\n")))
	}
	c.pos += n
}

// skipLine goes on to the line after the next line end, however far that is.
func (c *csvReader) skipLine() {
	for {
		if i := bytes.IndexAny(c.buf[c.pos:], "\r\n"); i >= 0 && (c.pos+i+1 < len(c.buf) || c.eof) {
			n := i + 1
			if c.buf[c.pos+i] == '\r' && c.pos+n < len(c.buf) && c.buf[c.pos+n] == '\n' {
				n++
			}
			c.advance(n)
			return
		}
		if c.eof {
			c.advance(len(c.buf) - c.pos)
			return
		}
		if last := len(c.buf) - 1; last > c.pos && c.buf[last] == '\r' {
			c.advance(last - c.pos) // the LF that belongs to it may come with the next read
		} else {
			c.advance(len(c.buf) - c.pos)
		}
		c.fill()
	}
}

// States of a record that parse saw.
const (
	rowDone = iota
	rowOpen // its end is not in sight
	rowTooLong
)

// parse splits the record at the beginning of b into c.fields and returns its length with its line end.
func (c *csvReader) parse(b []byte) (n, state int) {
	c.fields, c.scratch = c.fields[:0], c.scratch[:0]
	for i := 0; ; {
		field, end, closed := c.field(b, i)
		if !closed {
			return 0, rowOpen
		}
		if len(field) > maxField {
			state = rowTooLong
		}
		if len(c.fields) <= maxColumns { // one too many is enough to know
			c.fields = append(c.fields, field)
		}
		switch {
		case end == len(b): // the end of the file, without a line end
			return end, state
		case b[end] == c.comma:
			i = end + 1
		case b[end] == '\n':
			return end + 1, state
		case end+1 < len(b) && b[end+1] == '\n':
			return end + 2, state
		case end+1 == len(b) && !c.eof: // is there an LF behind this CR?
			return 0, rowOpen
		default:
			return end + 1, state
		}
	}
}

// field reads the field at b[i:] and returns where it ends: at a delimiter, a line end or the end of the file.
func (c *csvReader) field(b []byte, i int) (field []byte, end int, closed bool) {
	if i < len(b) && b[i] == '"' {
		return c.quotedField(b, i+1)
	}
	for end = i; end < len(b); end++ {
		if d := b[end]; d == c.comma || d == '\n' || d == '\r' {
			return b[i:end], end, true
		}
	}
	return b[i:end], end, c.eof
}

// quotedField reads on to the closing quotation mark: one that stands before a delimiter or a line end. Any other single
// one is text, as encoding/csv has it with LazyQuotes.
func (c *csvReader) quotedField(b []byte, i int) (field []byte, end int, closed bool) {
	from, start := i, len(c.scratch)
	for {
		q := bytes.IndexByte(b[i:], '"')
		if q < 0 {
			return nil, 0, false
		}
		i += q + 1
		switch {
		case i == len(b) && !c.eof:
			return nil, 0, false
		case i == len(b), b[i] == c.comma, b[i] == '\n', b[i] == '\r':
			if len(c.scratch) == start {
				return b[from : i-1], i, true
			}
			c.scratch = append(c.scratch, b[from:i-1]...)
			return c.scratch[start:len(c.scratch):len(c.scratch)], i, true
		case b[i] == '"':
			c.scratch = append(c.scratch, b[from:i]...) // up to and with the first of the two
			i++
			from = i
		}
	}
}

// text returns a field as text: UTF-8 where it is, else Windows-1252, which spreadsheets of old write.
func text(field []byte) string {
	if utf8.Valid(field) {
		return string(field)
	}
	decoded, err := charmap.Windows1252.NewDecoder().Bytes(field)
	if err != nil {
		return string(bytes.ToValidUTF8(field, []byte("\ufffd")))
	}
	return string(decoded)
}
