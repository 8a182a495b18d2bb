package message_test

import (
	"bytes"
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/message"
)

// MSG-21: what could make a new header field, or make one name look like another, is refused when it is saved (CheckHeader)
// and again by Compile.
func TestHeaderInjection(t *testing.T) {
	set := map[string]func(*message.Draft, string){
		"subject":   func(d *message.Draft, s string) { d.Subject = s },
		"from name": func(d *message.Draft, s string) { d.FromName = s },
		"list name": func(d *message.Draft, s string) { d.ListName = s },
		"header":    func(d *message.Draft, s string) { d.Extra = []message.Header{{Name: "X-Proof", Value: s}} },
	}
	for _, bad := range []string{"a\r\nBcc: x@example.com", "a\nb", "a\rb", "a\x00b", "a\tb", "a\x1bb", "a\x7fb", "a\u0085b", "a\u2028b",
		"a\u202eb", "a\u2066b", "a\xffb", "\r\n\r\n<p>body</p>", "a\vb"} {
		if err := message.CheckHeader("name", bad); errs.KindOf(err) != errs.Invalid {
			t.Errorf("MSG-21: CheckHeader(%q) = %v", bad, err)
		}
		if clean := message.CleanHeader(bad); message.CheckHeader("name", clean) != nil || strings.ContainsAny(clean, "\r\n") {
			t.Errorf("MSG-21: CleanHeader(%q) = %q", bad, clean)
		}
		for field, put := range set {
			d := draft(t)
			put(&d, bad)
			if _, err := message.Compile(d); errs.KindOf(err) != errs.Invalid {
				t.Errorf("MSG-21: %s %q: Compile gives %v", field, bad, err)
			}
		}
	}
	for _, bad := range []string{"", "news", "news@", "@example.org", "a b@example.org", "news@example.org\r\nBcc: x@example.com", "news@exa mple.org",
		"n\u00e9ws@example.org", "news@ex\u00e1mple.org", "<news@example.org>", "a@example.org, b@example.org", "a..b@example.org",
		strings.Repeat("a", 65) + "@example.org", "news@-example.org", "news@example-.org", "news@example..org", "news@" + strings.Repeat("a.", 130) + "org"} {
		d := draft(t)
		d.FromAddress = bad
		if _, err := message.Compile(d); errs.KindOf(err) != errs.Invalid {
			t.Errorf("From %q: %v", bad, err)
		}
		if d := draft(t); bad != "" {
			d.ReplyTo = bad
			if _, err := message.Compile(d); errs.KindOf(err) != errs.Invalid {
				t.Errorf("Reply-To %q: %v", bad, err)
			}
		}
	}
}

// MSG-21 at send: values of a reader that cannot stand in a header make no message.
func TestReaderValues(t *testing.T) {
	c := compile(t, draft(t))
	for name, spoil := range map[string]func(*message.Reader){
		"line end in address":     func(r *message.Reader) { r.To = "a@example.org\r\nBcc: b@example.org" },
		"two addresses":           func(r *message.Reader) { r.To = "a@example.org, b@example.org" },
		"no address":              func(r *message.Reader) { r.To = "" },
		"address without @":       func(r *message.Reader) { r.To = "reader" },
		"U-label":                 func(r *message.Reader) { r.To = "a@exámple.org" },
		"line end in Message-ID":  func(r *message.Reader) { r.MessageID = "a@b\r\n.example.org" },
		"no Message-ID":           func(r *message.Reader) { r.MessageID = "" },
		"brackets in Message-ID":  func(r *message.Reader) { r.MessageID = "<a@example.org>" },
		"no leave token":          func(r *message.Reader) { r.LeaveToken = "" },
		"line end in leave token": func(r *message.Reader) { r.LeaveToken = "a>\r\nX: b" },
		"long leave token":        func(r *message.Reader) { r.LeaveToken = strings.Repeat("a", 65) },
		"line end in reference":   func(r *message.Reader) { r.Ref = "a\r\nX: b" },
		"unclosed quoted local":   func(r *message.Reader) { r.To = `"a\"@example.org` },
		"control in quoted local": func(r *message.Reader) { r.To = "\"a\r\nb\"@example.org" },
	} {
		r := reader(t, 99, 7)
		spoil(r)
		if out, err := c.Append([]byte("before"), r); errs.KindOf(err) != errs.Invalid || string(out) != "before" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
	for _, to := range []string{`"a b"@example.org`, `"a\"b"@example.org`, "o'hara+news@example.org", strings.Repeat("a", 64) + "@xn--exmple-qta.example"} {
		r := reader(t, 99, 7)
		r.To = to
		p := parse(t, build(t, draft(t), r))
		if _, err := mail.ParseAddress(p.header.Get("To")); err != nil || strings.TrimSpace(p.header.Get("To")) != to {
			t.Errorf("To: %q; want %q (%v)", p.header.Get("To"), to, err)
		}
	}
	r := reader(t, 99, 7)
	r.To = "用户@xn--fsqu00a.example" // MSG-42's other half: relays with SMTPUTF8 get it as it is
	if raw, err := c.Append(nil, r); err != nil || !bytes.Contains(raw, []byte("\r\nTo: 用户@xn--fsqu00a.example\r\n")) {
		t.Errorf("internationalised local part: %v", err)
	}
}

func TestDraftRefusals(t *testing.T) {
	for name, spoil := range map[string]func(*message.Draft){
		"no subject":        func(d *message.Draft) { d.Subject = " " },
		"long subject":      func(d *message.Draft) { d.Subject = strings.Repeat("a ", 300) },
		"fake answer":       func(d *message.Draft) { d.Subject = "RE: your article" },
		"fake forward":      func(d *message.Draft) { d.Subject = "Fwd: news" },
		"mark in subject":   func(d *message.Draft) { d.Subject = "Hello " + d.Marks.Slot(message.SlotName, "") },
		"no date":           func(d *message.Draft) { d.Date = time.Time{} },
		"no campaign":       func(d *message.Draft) { d.Campaign = 0 },
		"negative campaign": func(d *message.Draft) { d.Campaign = -1 },
		"no key":            func(d *message.Draft) { d.Key = "" },
		"no domain":         func(d *message.Draft) { d.Domain = "" },
		"bad domain":        func(d *message.Draft) { d.Domain = "mail example" },
		"http leave":        func(d *message.Draft) { d.LeaveBase = "http://news.example.org/u/" },
		"no leave":          func(d *message.Draft) { d.LeaveBase = "" },
		"leave with query":  func(d *message.Draft) { d.LeaveBase = "https://news.example.org/u/?a=/" },
		"leave with user":   func(d *message.Draft) { d.LeaveBase = "https://u:p@news.example.org/u/" },
		"leave, no slash":   func(d *message.Draft) { d.LeaveBase = "https://news.example.org/u" },
		"leave with space":  func(d *message.Draft) { d.LeaveBase = "https://news.example.org/ u/" },
		"empty text":        func(d *message.Draft) { d.Text = " \n" },
		"empty html":        func(d *message.Draft) { d.HTML = "" },
		"no link in text":   func(d *message.Draft) { d.Text = strings.ReplaceAll(d.Text, d.Marks.Slot(message.SlotLeave, ""), "") },
		"no link in html":   func(d *message.Draft) { d.HTML = strings.ReplaceAll(d.HTML, d.Marks.Slot(message.SlotLeave, ""), "") },
		"link in a group": func(d *message.Draft) {
			leave := d.Marks.Slot(message.SlotLeave, "")
			d.Text = strings.ReplaceAll(d.Text, leave, d.Marks.Open(1)+leave+d.Marks.Close(1))
		},
		"extra: Bcc":       func(d *message.Draft) { d.Extra = []message.Header{{Name: "Bcc", Value: "a@example.org"}} },
		"extra: X-Mailer":  func(d *message.Draft) { d.Extra = []message.Header{{Name: "x-mailer", Value: "1.0"}} },
		"extra: own field": func(d *message.Draft) { d.Extra = []message.Header{{Name: "X-Campaign-Ref", Value: "1"}} },
		"extra: twice": func(d *message.Draft) {
			d.Extra = []message.Header{{Name: "X-A", Value: "1"}, {Name: "x-a", Value: "2"}}
		},
		"extra: injection": func(d *message.Draft) { d.Extra = []message.Header{{Name: "X-A: b\r\nBcc", Value: "1"}} },
		"extra: empty":     func(d *message.Draft) { d.Extra = []message.Header{{Name: "X-A"}} },
	} {
		d := draft(t)
		spoil(&d)
		if _, err := message.Compile(d); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v; want kind Invalid", name, err)
		}
	}
	for _, base := range []string{"http://127.0.0.1:8025/u/", "http://localhost:8025/u/", "http://[::1]:8025/u/"} {
		d := draft(t)
		d.LeaveBase = base // development: nothing leaves the machine
		build(t, d, reader(t, 99, 7))
	}
}

// The header stays below 16 kB whatever a draft holds.
func TestLargestHeader(t *testing.T) {
	d := draft(t)
	d.Subject, d.FromName = strings.Repeat("語", 500), strings.Repeat("語", 120)
	d.ListName = strings.Repeat("語", 30)
	d.LeaveBase = "https://news.example.org/" + strings.Repeat("u", 770) + "/"
	for i := range 4 {
		d.Extra = append(d.Extra, message.Header{Name: fmt.Sprint("X-Extra-", i), Value: strings.Repeat("é", 250)})
	}
	if n := len(rawHeader(t, build(t, d, reader(t, 99, 7)))); n > 16_000 {
		t.Errorf("the header has %d octets", n)
	}
	d.Extra = append(d.Extra, message.Header{Name: "X-Extra-4", Value: "one too many"})
	if _, err := message.Compile(d); errs.KindOf(err) != errs.Invalid {
		t.Errorf("five extra fields: %v", err)
	}
}

func TestExtraHeader(t *testing.T) {
	d := draft(t)
	d.Extra = []message.Header{{Name: "X-Proof", Value: "épreuve for the editors of a paper with a name that makes this line rather long"}}
	p := parse(t, build(t, d, reader(t, 99, 7)))
	if got, err := new(mime.WordDecoder).DecodeHeader(p.header.Get("X-Proof")); err != nil || got != d.Extra[0].Value {
		t.Errorf("X-Proof: %q, %v", got, err)
	}
}

// CheckListID refuses, when a list is named, just the names that Compile would refuse when it is mailed.
func TestCheckListID(t *testing.T) {
	t.Parallel()
	refused := 0
	for _, letter := range []string{"a", "é", "漢", "\U0001F30A"} {
		for n := 1; n <= 80; n++ {
			d := draft(t)
			d.ListName = strings.Repeat(letter, n)
			_, err := message.Compile(d)
			saved := message.CheckListID("name", d.ListName, d.ListLabel)
			if (err == nil) != (saved == nil) {
				t.Fatalf("%d times %s: compiled %v, saved %v", n, letter, err, saved)
			}
			if saved != nil {
				refused++
				if errs.KindOf(saved) != errs.Invalid || !strings.HasPrefix(errs.Public(saved), "name: ") {
					t.Fatalf("%d times %s: %v", n, letter, saved)
				}
			}
		}
	}
	if refused == 0 || refused == 4*80 {
		t.Errorf("%d of %d names are refused", refused, 4*80)
	}
}
