package message_test

import (
	"bytes"
	"fmt"
	htmltemplate "html/template"
	"strings"
	"testing"
	texttemplate "text/template"

	"github.com/wneessen/go-mail"

	"mailer/internal/message"
)

// page is a mail of 18 kB HTML and 4.6 kB text with 36 slots, as a template of name and leave token.
func page() (html, text string) {
	const (
		stories  = 16
		sentence = "The council of Examplia voted on Thursday to reopen the old café by the river – after ninety years. "
	)
	var h, x strings.Builder
	h.WriteString(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The week</title></head><body><p>Good morning, {{.Name}}.</p>`)
	x.WriteString("Good morning, {{.Name}}.\n")
	for i := range stories {
		fmt.Fprintf(&h, "<table role=\"presentation\" width=\"600\"><tr><td style=\"padding:0 24px;font-size:16px\">\n<h2><a href=\"https://news.example.org/%d\">Story number %d</a></h2>\n<p>%s</p>\n<p>For you, {{.Name}}.</p></td></tr></table>\n",
			i, i, strings.Repeat(sentence, 9))
		fmt.Fprintf(&x, "Story number %d\n%s\nFor you, {{.Name}}.\n", i, strings.Repeat(sentence, 2))
	}
	h.WriteString("</body></html>\n")
	return strings.Replace(h.String(), "</body>", `<a href="https://news.example.org/u/{{.Leave}}">Unsubscribe</a></body>`, 1),
		x.String() + strings.Repeat("A line of the footer, which never ends.\n", 16) + "https://news.example.org/u/{{.Leave}}\n"
}

func pageDraft(t testing.TB) message.Draft {
	t.Helper()
	d := draft(t)
	fill := strings.NewReplacer("{{.Name}}", d.Marks.Slot(message.SlotName, "reader"), "{{.Leave}}", d.Marks.Slot(message.SlotLeave, ""))
	html, text := page()
	d.HTML, d.Text = fill.Replace(html), fill.Replace(text)
	return d
}

// TestAppendAllocatesNothing: a message goes into a buffer that is large enough without any allocation.
func TestAppendAllocatesNothing(t *testing.T) {
	c, r := compile(t, pageDraft(t)), reader(t, 99, 7)
	dst := make([]byte, 0, 1<<16)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := c.Append(dst, r); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("Append allocates %v times", n)
	}
	empty := &message.Reader{To: r.To, MessageID: r.MessageID, LeaveToken: r.LeaveToken}
	if raw, err := c.Append(nil, empty); err != nil || cap(raw) < len(raw)+100 {
		t.Errorf("the estimate of the size was too small for %d octets (%v)", len(raw), err)
	}
}

// BenchmarkAppend compares three ways to build one reader's mail on one core: the ceiling (a plain copy of as many octets),
// ours, and the ordinary one (both templates per reader, then go-mail). Ratios are reported as metrics.
func BenchmarkAppend(b *testing.B) {
	c, r := compile(b, pageDraft(b)), reader(b, 99, 7)
	raw, err := c.Append(nil, r)
	if err != nil {
		b.Fatal(err)
	}
	perOp := func(b *testing.B) float64 { return float64(b.Elapsed().Nanoseconds()) / float64(b.N) }
	var ceiling, ours float64
	b.Run("copy", func(b *testing.B) {
		dst := make([]byte, 0, 2*len(raw))
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			dst = append(dst[:0], raw...)
		}
		ceiling = perOp(b)
	})
	b.Run("splice", func(b *testing.B) {
		dst := make([]byte, 0, 2*len(raw))
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			if dst, err = c.Append(dst[:0], r); err != nil {
				b.Fatal(err)
			}
		}
		ours = perOp(b)
		b.ReportMetric(1e9/ours, "mails/s")
		b.ReportMetric(ours/ceiling, "times-copy")
	})
	b.Run("ordinary", func(b *testing.B) {
		html, text := page()
		h := htmltemplate.Must(htmltemplate.New("html").Parse(html))
		x := texttemplate.Must(texttemplate.New("text").Parse(text))
		b.ReportAllocs()
		for b.Loop() {
			ordinary(b, h, x, r)
		}
		b.ReportMetric(1e9/perOp(b), "mails/s")
		b.ReportMetric(perOp(b)/ours, "times-splice")
	})
}

func ordinary(b *testing.B, h *htmltemplate.Template, x *texttemplate.Template, r *message.Reader) {
	b.Helper()
	data := struct{ Name, Leave string }{r.Name, r.LeaveToken}
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := m.From("news@example.org"); err != nil {
		b.Fatal(err)
	}
	if err := m.To(r.To); err != nil {
		b.Fatal(err)
	}
	m.Subject("The week in Examplia")
	m.SetMessageIDWithValue(r.MessageID)
	if err := m.SetBodyTextTemplate(x, data); err != nil {
		b.Fatal(err)
	}
	if err := m.AddAlternativeHTMLTemplate(h, data); err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := m.WriteTo(&out); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkCompile is what a campaign costs once.
func BenchmarkCompile(b *testing.B) {
	d := pageDraft(b)
	for b.Loop() {
		if _, err := message.Compile(d); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUnmarshal is what a chunk costs that finds its message in the table.
func BenchmarkUnmarshal(b *testing.B) {
	data, err := compile(b, pageDraft(b)).MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := new(message.Compiled).UnmarshalBinary(data); err != nil {
			b.Fatal(err)
		}
	}
}
