package message_test

import (
	"bytes"
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"mailer/internal/errs"
	"mailer/internal/message"
)

// MSG-17: exactly two leaves, text first, both UTF-8.
func TestParts(t *testing.T) {
	p := parse(t, build(t, draft(t), reader(t, 99, 7)))
	if len(p.types) != 2 || p.types[0] != "text/plain; charset=utf-8" || p.types[1] != "text/html; charset=utf-8" {
		t.Fatalf("MSG-17: leaves %q", p.types)
	}
	leave := reader(t, 99, 7).LeaveToken
	if want := fmt.Sprintf(bodyText, "Ada", leave, "", ""); p.text != want {
		t.Errorf("text is\n%q; want\n%q", p.text, want)
	}
	if want := fmt.Sprintf(bodyHTML, "Ada", leave, "", ""); p.html != want {
		t.Errorf("HTML is\n%q; want\n%q", p.html, want)
	}
}

// awkward are lines that mail is known to damage.
var awkward = []string{".", "..", "...", ".leading dot", "From x", "From here on", ">From x", "From", "trailing spaces   ", "trailing tab\t", " ", "\t",
	"  leading", strings.Repeat("x", 5000), strings.Repeat("five words of some length ", 200), strings.Repeat("é", 500), strings.Repeat("x", 74) + ".", strings.Repeat("x", 75) + ".", strings.Repeat("x", 76) + ".",
	strings.Repeat("x", 75) + "From y", strings.Repeat("x", 75) + " ", strings.Repeat("x", 74) + "=", "line\u2028separator\u2029paragraph", "emoji 👩‍👩‍👧 🇨🇿", "שלום עולם", "مرحبا",
	"combining e\u0301 o\u0308", "=", "==3D", "=\r", "100 % = all", "\u00a0nbsp\u00a0", "--", "-- ", "\u200b", "soft\u00adhyphen", "\ufeffbom", "\U0001F600"}

// MSG-18: every awkward line, at the start, in the middle and at the end of both parts, decodes to the same text.
func TestAwkwardLines(t *testing.T) {
	lines := strings.Join(awkward, "\n")
	lines = strings.ReplaceAll(lines, "=\r", "=")
	for name, body := range map[string]string{"all": lines + "\n", "no line end": lines, "with a blank end": lines + "\n\n\n"} {
		t.Run(name, func(t *testing.T) {
			d := draft(t)
			leave := d.Marks.Slot(message.SlotLeave, "")
			d.Text = body + leave + "\n" + body
			d.HTML = "<p>" + body + "</p><a href=\"" + leave + "\">x</a><p>" + body
			p := parse(t, build(t, d, reader(t, 99, 7)))
			tok := reader(t, 99, 7).LeaveToken
			end := func(s string) string { return norm.NFC.String(strings.TrimSuffix(s, "\n") + "\n") }
			if name == "with a blank end" {
				end = norm.NFC.String
			}
			if want := end(body + tok + "\n" + body); p.text != want {
				t.Errorf("MSG-18: text\n%q; want\n%q", p.text, want)
			}
			if want := end("<p>" + body + "</p><a href=\"" + tok + "\">x</a><p>" + body); p.html != want {
				t.Errorf("MSG-18: HTML\n%q; want\n%q", p.html, want)
			}
		})
	}
}

// Each awkward line also as what a slot or an optional group is followed by, in and out.
func TestAwkwardSeams(t *testing.T) {
	for _, line := range awkward {
		line = strings.ReplaceAll(line, "\r", "")
		d := draft(t)
		name, leave := d.Marks.Slot(message.SlotName, ""), d.Marks.Slot(message.SlotLeave, "")
		marked := "%[1]s" + line + "%[2]s" + line + "\n%[3]s" + line + "%[4]s" + line + "\n%[5]s" + line + "%[6]s\n"
		marked = strings.ReplaceAll(strings.ReplaceAll(marked, "100 % =", "100 %% ="), "%%%%", "%%")
		open, shut := d.Marks.Open(5), d.Marks.Close(5)
		d.Text = fmt.Sprintf(marked, name, leave, open, shut, open, shut) + "end " + leave
		d.HTML = "<p>" + fmt.Sprintf(marked, name, leave, open, shut, open, shut) + "</p>" + leave
		for _, groups := range []uint64{0, 1 << 5} {
			for _, who := range []string{"", "Ada"} {
				r := reader(t, 99, 7)
				r.Groups, r.Name = groups, who
				p := parse(t, build(t, d, r))
				want := who + line + r.LeaveToken + line + "\n" + line + line + "\n" + line + "\nend " + r.LeaveToken + "\n"
				if groups == 0 {
					want = who + line + r.LeaveToken + line + "\n" + line + "\n\nend " + r.LeaveToken + "\n"
				}
				if want = norm.NFC.String(want); p.text != want {
					t.Errorf("line %q, groups %x, name %q: text\n%q; want\n%q", line, groups, who, p.text, want)
				}
				if !strings.HasPrefix(p.html, "<p>"+norm.NFC.String(who+line+r.LeaveToken)) {
					t.Errorf("line %q: HTML %q", line, p.html)
				}
			}
		}
	}
}

// MSG-19: the delimiter of the parts cannot be forged from inside an article.
func TestBoundaryInText(t *testing.T) {
	d := draft(t)
	m, err := mail.ReadMessage(bytes.NewReader(build(t, d, reader(t, 99, 7))))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	old := params["boundary"]
	article := "\n--" + old + "\nContent-Type: text/plain\n\nforged\n--" + old + "--\n"
	d.Text += article
	d.HTML += "<pre>" + article + "</pre>"
	r := reader(t, 99, 7)
	r.Name = "--" + old
	raw := build(t, d, r)
	p := parse(t, raw)
	if len(p.types) != 2 || !strings.Contains(p.text, article) || !strings.Contains(p.html, article) {
		t.Errorf("MSG-19: leaves %q, text %q", p.types, p.text)
	}
	m, err = mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if _, params, err = mime.ParseMediaType(m.Header.Get("Content-Type")); err != nil || len(params["boundary"]) > 70 {
		t.Fatalf("boundary %v, %v", params, err)
	}
	if n := strings.Count(string(raw), "--"+params["boundary"]); n != 3 {
		t.Errorf("MSG-19: the delimiter stands %d times in the message", n)
	}
	// The encoding itself leaves no room for any delimiter of ours: "=_" does not occur in a part.
	body := string(raw[bytes.Index(raw, []byte("\r\n\r\n")):])
	if strings.Count(body, "=_") != 3 {
		t.Error("MSG-19: \"=_\" stands in a part")
	}
}

// MSG-24, the part about sizes: above 90 kB Compiled says so, above 100 kB Compile refuses unless forced.
func TestHTMLSize(t *testing.T) {
	grow := func(d message.Draft, n int) message.Draft {
		line := strings.Repeat("é=x ", 20) + "\n" // long when encoded: 14 octets for 6
		d.HTML += "<!-- -->" + strings.Repeat(line, n/len(line))
		return d
	}
	small := compile(t, draft(t))
	whole := parse(t, build(t, draft(t), reader(t, 99, 7))).html
	if n := small.HTMLSize(^uint64(0)); n < len(whole)-100 || n > len(whole)+100 {
		t.Errorf("MSG-24: HTMLSize is %d; decoded it has %d octets", n, len(whole))
	}
	if with, without := small.HTMLSize(2), small.HTMLSize(0); with-without < 80 || small.Size(2) <= small.Size(0) {
		t.Errorf("MSG-24: HTMLSize is %d with the appeal, %d without", with, without)
	}
	if c := compile(t, grow(draft(t), 88_000)); c.HTMLSize(c.Groups()) > message.HTMLWarning {
		t.Errorf("MSG-24: 88 kB count as %d", c.HTMLSize(c.Groups()))
	}
	if c := compile(t, grow(draft(t), 92_000)); c.HTMLSize(c.Groups()) <= message.HTMLWarning {
		t.Errorf("MSG-24: 92 kB count as %d", c.HTMLSize(c.Groups()))
	}
	d := grow(draft(t), 102_000)
	if _, err := message.Compile(d); errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), "kB") {
		t.Errorf("MSG-24: 102 kB: %v", err)
	}
	d.Force = true
	if c := compile(t, d); c.HTMLSize(c.Groups()) < 100_000 {
		t.Error("MSG-24: forced, but the size is not told")
	}
	d = draft(t)
	d.Text += strings.Repeat("a long text\n", 50_000)
	if _, err := message.Compile(d); errs.KindOf(err) != errs.Invalid {
		t.Errorf("600 kB of text: %v", err)
	}
}

// MSG-35: a value that is absent, empty or no name gives the fallback; every other is escaped; never a placeholder.
func TestNames(t *testing.T) {
	c := compile(t, draft(t))
	for value, want := range map[string]string{
		"": "", "   ": "", "\u2003": "", "<b>": "", "{{x}}": "", "%s": "", "*|FNAME|*": "", "[First name]": "", "${name}": "",
		"<script>alert(1)</script>": "", "reader@example.net": "", "Win at https://spam.example": "", "see www.spam.example now": "",
		"Ada": "Ada", "  Ada ": "Ada", "O'Hara & Söhne": "O'Hara & Söhne", `Jo "the" Smith`: `Jo "the" Smith`, "名前": "名前",
		".dot": ".dot", "From x": "From x", "e\u0301": "é", "a\r\nb": "a b", "a\x00b": "a b", "\u202eevil": "evil", "=3D": "=3D",
		"\xff": "\ufffd", strings.Repeat("名", 90): strings.Repeat("名", 64), strings.Repeat("a", 90): strings.Repeat("a", 64),
	} {
		r := reader(t, 99, 7)
		r.Name = value
		raw, err := c.Append(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		checkWire(t, raw)
		if want == "" {
			want = "dear reader"
		}
		p := parse(t, raw)
		if wantText := "Good morning, " + want + "."; !strings.HasPrefix(p.text, wantText) || strings.Count(p.text, want) != 2 {
			t.Errorf("MSG-35: name %q: text %q; want %q twice", value, p.text, wantText)
		}
		escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(want)
		if strings.Count(p.html, ", "+escaped+".</p>")+strings.Count(p.html, "<p>"+escaped+", please") != 2 {
			t.Errorf("MSG-35: name %q: HTML %q; want %q twice", value, p.html, escaped)
		}
	}
}

// A fallback is escaped for where it stands, as a value is.
func TestFallbackIsEscaped(t *testing.T) {
	d := draft(t)
	name := d.Marks.Slot(message.SlotName, `R&D "friend" <x>`)
	d.HTML += `<img src="https://example.org/a.png" alt="` + name + `">` + name
	d.Text += name
	r := reader(t, 99, 7)
	r.Name = ""
	p := parse(t, build(t, d, r))
	if want := `alt="R&amp;D &#34;friend&#34; &lt;x&gt;">R&amp;D &#34;friend&#34; &lt;x&gt;`; !strings.Contains(p.html, want) {
		t.Errorf("HTML %q; want %q", p.html, want)
	}
	if !strings.HasSuffix(p.text, `R&D "friend" <x>`+"\n") {
		t.Errorf("text %q", p.text)
	}
}

func TestBodiesAreCleaned(t *testing.T) {
	d := draft(t)
	d.Text = "a\r\nb\rc\x00\x07\x1b\x7f\u0085d\xffe e\u0301\n" + d.Text
	d.HTML = "<p>\x00a\r\nb</p>\u0338<b>\u0338 =\u0338 e\u0301 \u0338</b>\u0327\u0338" + d.HTML
	p := parse(t, build(t, d, reader(t, 99, 7)))
	if !strings.HasPrefix(p.text, "a\nb\ncd\ufffde é\n") {
		t.Errorf("text %q", p.text)
	}
	if !strings.HasPrefix(p.html, "<p>a\nb</p>\u0338<b>\u0338 =\u0338 é \u0338</b>") {
		t.Errorf("HTML %q: markup was composed with a combining character", p.html)
	}
}
