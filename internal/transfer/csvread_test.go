package transfer

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf16"
)

// readAll returns each row as "line: a|b|c", or "line! reason".
func readAll(t testing.TB, r io.Reader) []string {
	t.Helper()
	c := newCSVReader(r)
	var got []string
	for {
		fields, line, err := c.next()
		var bad *rowError
		switch {
		case errors.Is(err, io.EOF):
			return got
		case errors.As(err, &bad):
			got = append(got, fmt.Sprintf("%d! %s", line, bad.reason))
		case err != nil:
			return append(got, "stopped: "+err.Error())
		default:
			var row []string
			for _, f := range fields {
				row = append(row, text(f))
			}
			got = append(got, fmt.Sprintf("%d: %s", line, strings.Join(row, "|")))
		}
	}
}

func utf16File(s string, order binary.AppendByteOrder) string {
	b := order.AppendUint16(nil, 0xfeff)
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

func TestCSVReader(t *testing.T) {
	t.Parallel()
	const never = "! it is too long, or a quotation mark in it is never closed"
	for name, tc := range map[string]struct {
		in   string
		want []string
	}{
		"empty":               {"", nil},
		"only a mark":         {"\xef\xbb\xbf", nil},
		"plain":               {"a,b\n1,2\n", []string{"1: a|b", "2: 1|2"}},
		"no last line end":    {"a,b\n1,2", []string{"1: a|b", "2: 1|2"}},
		"CR LF":               {"a,b\r\n1,2\r\n", []string{"1: a|b", "2: 1|2"}},
		"CR":                  {"a,b\r1,2\r3,4", []string{"1: a|b", "2: 1|2", "3: 3|4"}},
		"byte order mark":     {"\xef\xbb\xbfa,b\n1,2", []string{"1: a|b", "2: 1|2"}},
		"UTF-16 LE":           {utf16File("a\té\r\n1\t😀\r\n", binary.LittleEndian), []string{"1: a|é", "2: 1|😀"}},
		"UTF-16 BE":           {utf16File("a,é\n1,2\n", binary.BigEndian), []string{"1: a|é", "2: 1|2"}},
		"Windows-1252":        {"a\nMontr\xe9al \x80\x93\n", []string{"1: a", "2: Montréal €“"}},
		"semicolons":          {"a;b,c;d\n1;2", []string{"1: a|b,c|d", "2: 1|2"}},
		"tabs":                {"a\tb,c\td\n1\t2", []string{"1: a|b,c|d", "2: 1|2"}},
		"delimiter in quotes": {"\"a;;;\",b\n1,2", []string{"1: a;;;|b", "2: 1|2"}},
		"quotes":              {`a,"b ""c"" d","",e"f` + "\n" + `"x"`, []string{`1: a|b "c" d||e"f`, "2: x"}},
		"line end in quotes":  {"a,\"b\r\nc\nd\"\n1,2\n", []string{"1: a|b\r\nc\nd", "4: 1|2"}},
		"stray quote":         {`"John "Jo" Smith",x` + "\n1,2", []string{`1: John "Jo" Smith|x`, "2: 1|2"}},
		"empty lines":         {"a,b\n\n\r\n,\n1,2\n\n", []string{"1: a|b", "5: 1|2"}},
		"empty fields":        {"a,,\n,,b\n", []string{"1: a||", "2: ||b"}},
		"never closed":        {"a,b\n\"1,2\n3,4\n5,6", []string{"1: a|b", "2" + never, "3: 3|4", "4: 5|6"}},
		"never closed, last":  {"a,b\n1,\"", []string{"1: a|b", "2" + never}},
		"NUL":                 {"a\n1\x002\n", []string{"1: a", "2: 1\x002"}},
		"long field":          {"a\n" + strings.Repeat("x", maxField+1) + "\n1\n", []string{"1: a", "2! a field is longer than 32768 bytes", "3: 1"}},
		"long line":           {"a\n" + strings.Repeat("x", 1<<20) + "\n1\n", []string{"1: a", "2" + never, "3: 1"}},
		"long line, CR LF":    {"a\r\n" + strings.Repeat("x", 1<<20) + "\r\n1\r\n", []string{"1: a", "2" + never, "3: 1"}},
		"many columns":        {"a\n" + strings.Repeat(",", 100_000) + "x\n1\n", []string{"1: a", "2! it has more than 200 columns", "3: 1"}},
	} {
		t.Run("SEC-14 "+name, func(t *testing.T) {
			t.Parallel()
			for how, r := range map[string]io.Reader{
				"at once": strings.NewReader(tc.in), "halves": iotest.HalfReader(strings.NewReader(tc.in)), "with its end": iotest.DataErrReader(strings.NewReader(tc.in)),
			} {
				if got := readAll(t, r); !slices.Equal(got, tc.want) {
					t.Errorf("%s: %.300q; want %.300q", how, got, tc.want)
				}
			}
		})
	}
}

// A file made of quotation marks that never close costs a look ahead for each; it is given up in good time.
func TestCSVReaderGivesUp(t *testing.T) {
	t.Parallel()
	start := time.Now()
	got := readAll(t, strings.NewReader("a,b\n"+strings.Repeat("\"x\n", 300_000)))
	if last := got[len(got)-1]; !strings.Contains(last, "is this a CSV file?") || len(got) > maxBroken+2 {
		t.Errorf("%d rows, the last %q", len(got), last)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestCSVReaderPassesErrorsOn(t *testing.T) {
	t.Parallel()
	broken := io.MultiReader(strings.NewReader("a,b\n1,2\n"), iotest.ErrReader(errors.New("disk on fire")))
	got := readAll(t, broken)
	if len(got) != 3 || !strings.Contains(got[2], "disk on fire") {
		t.Errorf("got %q", got)
	}
}

func FuzzCSVReader(f *testing.F) {
	for _, s := range []string{"email,name\na@b.cd,\"x\ny\"\n", "a;b\r\"", "\xff\xfea\x00,\x00", "\xef\xbb\xbf\"\"\"\",\r\n\r", "\"a\"b\",c\n", "\t\t\n\"x\t\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c := newCSVReader(bytes.NewReader(in))
		last := int64(0)
		for {
			fields, line, err := c.next()
			if errors.Is(err, io.EOF) {
				break
			}
			var bad *rowError
			if err != nil && !errors.As(err, &bad) {
				t.Fatalf("%q: %v", in, err)
			}
			if line <= last {
				t.Fatalf("%q: row at line %d after one at %d", in, line, last)
			}
			last = line
			if err == nil && (len(fields) == 0 || len(fields) > maxColumns) {
				t.Fatalf("%q: %d fields", in, len(fields))
			}
		}

		// What encoding/csv writes, it reads the same.
		var rows [][]string
		for row := range bytes.SplitSeq(in, []byte{0}) {
			rows = append(rows, strings.Split(strings.ToValidUTF8(string(row), ""), "\x01"))
		}
		var file bytes.Buffer
		file.WriteString("h,\n") // decides the delimiter
		w := csv.NewWriter(&file)
		for _, row := range rows {
			if err := w.Write(row); err != nil || len(row) > maxColumns {
				return
			}
		}
		w.Flush()
		c = newCSVReader(bytes.NewReader(file.Bytes()))
		if _, _, err := c.next(); err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if strings.Join(row, "") == "" {
				continue
			}
			fields, _, err := c.next()
			if err != nil {
				t.Fatalf("%q: %v", file.String(), err)
			}
			got := make([]string, len(fields))
			for i, f := range fields {
				got[i] = string(f)
			}
			if !slices.Equal(got, row) {
				t.Fatalf("%q: read %q; want %q", file.String(), got, row)
			}
		}
	})
}
