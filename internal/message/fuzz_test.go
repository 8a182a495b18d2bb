package message_test

import (
	"html"
	"net/textproto"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"mailer/internal/message"
)

// visible is what Compile promises to make of a body, written another way: line ends unified, no control characters but
// tab and line end, valid UTF-8, NFC, a line end at the end.
func visible(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(s, "\uFFFD"))
	var out strings.Builder
	for _, r := range s {
		if r == '\n' || r == '\t' || !unicode.IsControl(r) {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// FuzzAppend: with any text, HTML text, subject and name, the message is fit for the wire and two independent parsers read
// the same text, subject and name out of it.
func FuzzAppend(f *testing.F) {
	for _, line := range awkward {
		f.Add(line, line, line, line, true)
		f.Add("a\n"+line, line+"\n"+line, "subject "+line, line+"&", false)
	}
	f.Add("--=_x\r\n.\r\nFrom a", "<>&\"'\u0338", "=?UTF-8?Q?=41?= x  y", "O'Hara & Söhne", true)
	f.Fuzz(func(t *testing.T, text, inner, subject, name string, group bool) {
		if len(text)+len(inner) > 20_000 {
			t.Skip()
		}
		d := draft(t)
		m := d.Marks
		who, leave := m.Slot(message.SlotName, "reader"), m.Slot(message.SlotLeave, "")
		escaped := html.EscapeString(strings.ToValidUTF8(inner, "\uFFFD"))
		d.Text = text + who + text + m.Open(3) + text + m.Close(3) + leave + "\n"
		d.HTML = "<p>" + escaped + who + escaped + m.Open(3) + "<b>" + escaped + "</b>" + m.Close(3) + leave + "</p>\n"
		d.Subject = subject
		subjectBad := message.CheckHeader("subject", subject) != nil
		c, err := message.Compile(d)
		if err != nil {
			if !subjectBad && len(subject) < 400 && strings.Trim(subject, " ") != "" &&
				!regexp.MustCompile(`(?i)^ *(re|fwd?):`).MatchString(subject) && strings.TrimSpace(visible(text)) != "" {
				t.Fatalf("Compile: %v", err)
			}
			return
		}
		if subjectBad {
			t.Fatalf("subject %q was taken", subject)
		}
		r := reader(t, 99, 7)
		r.Name, r.Groups = name, 0
		if group {
			r.Groups = 1 << 3
		}
		raw, err := c.Append(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		checkWire(t, raw)
		p := parse(t, raw)
		if got, want := p.subject(t), norm.NFC.String(strings.Trim(subject, " ")); got != want {
			t.Fatalf("subject %q; want %q", got, want)
		}
		again := norm.NFC.String(visible(text))
		shown, ok := strings.CutPrefix(p.text, again)
		if group {
			again += again
		}
		shown, end := strings.CutSuffix(shown, again+r.LeaveToken+"\n")
		if !ok || !end {
			t.Fatalf("text %q; want %q around the name", p.text, again)
		}
		if shown != "reader" && shown != strings.TrimSpace(cut(message.CleanHeader(name))) && shown != strings.TrimSpace(name) {
			t.Fatalf("name %q is shown as %q", name, shown)
		}
		page := html.UnescapeString(p.html)
		if !strings.Contains(p.html, html.EscapeString(shown)) || strings.Contains(page, "<b>") != (group || strings.Contains(inner, "<b>")) {
			t.Fatalf("HTML %q, name %q", p.html, shown)
		}
	})
}

func cut(s string) string {
	if r := []rune(s); len(r) > 64 {
		return string(r[:64])
	}
	return s
}

// FuzzHeaderField: any name and value of an extra field either are refused or stand in the message as one field of that name.
func FuzzHeaderField(f *testing.F) {
	f.Add("X-Proof", "yes")
	f.Add("X-Proof", "épreuve "+strings.Repeat("long ", 40))
	f.Add("X-A: b\r\nBcc", "a@example.org")
	f.Add("Bcc", "a@example.org")
	f.Add("X-\r\n", "\r\n")
	f.Fuzz(func(t *testing.T, name, value string) {
		d := draft(t)
		d.Extra = []message.Header{{Name: name, Value: value}}
		c, err := message.Compile(d)
		if err != nil {
			return
		}
		raw, err := c.Append(nil, reader(t, 99, 7))
		if err != nil {
			t.Fatal(err)
		}
		checkWire(t, raw)
		p := parse(t, raw)
		if len(p.header) != 16 || !strings.HasPrefix(strings.ToUpper(name), "X-") || len(p.header[textproto.CanonicalMIMEHeaderKey(name)]) != 1 {
			t.Fatalf("field %q: %q gives the header %v", name, value, p.header)
		}
	})
}
