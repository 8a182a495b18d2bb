package message_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	gomessage "github.com/emersion/go-message"
	gomail "github.com/emersion/go-message/mail"

	"mailer/internal/links"
	"mailer/internal/message"
)

const (
	leaveBase = "https://news.example.org/u/"
	bodyHTML  = `<!doctype html><html lang="en"><head><title>The week</title><style>p{margin:0}</style></head><body>
<p>Good morning, %[1]s.</p>
%[3]s<table role="presentation"><tr><td><h2>Keep us going</h2><p>%[1]s, please give.</p></td></tr></table>%[4]s
<p><a href="https://news.example.org/u/%[2]s">Unsubscribe</a></p></body></html>
`
	bodyText = "Good morning, %[1]s.\n\n%[3]sKeep us going\n\n%[1]s, please give.\n\n%[4]s-- \nUnsubscribe: https://news.example.org/u/%[2]s\n"
)

var frozen = time.Date(2026, 11, 22, 7, 30, 0, 0, time.FixedZone("", 3600))

func ring(t testing.TB) *links.Ring {
	t.Helper()
	r, err := links.NewRing("a-secret-of-the-message-tests-0123456789", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// draft is a complete campaign: a name slot with fallback, a leave slot, and an appeal in group 1.
func draft(t testing.TB) message.Draft {
	t.Helper()
	m := message.NewMarks("nonce of " + t.Name())
	name, leave := m.Slot(message.SlotName, "dear reader"), m.Slot(message.SlotLeave, "")
	return message.Draft{
		Campaign: 99, Key: ring(t).Current(), Domain: "mail.example.org",
		FromName: "Example News", FromAddress: "news@example.org", ReplyTo: "editors@example.org",
		Subject: "The week in Examplia", Date: frozen, Bulk: true,
		ListName: "The Weekly", ListLabel: "weekly.lists.example.org",
		FeedbackID: "99:weekly:bulk:examplenews", LeaveBase: leaveBase, Marks: m,
		HTML: fmt.Sprintf(bodyHTML, name, leave, m.Open(1), m.Close(1)),
		Text: fmt.Sprintf(bodyText, name, leave, m.Open(1), m.Close(1)),
	}
}

// reader is one whose tokens are genuine.
func reader(t testing.TB, campaign, subscriber int64) *message.Reader {
	t.Helper()
	r := ring(t)
	return &message.Reader{
		To: fmt.Sprintf("reader%d@example.net", subscriber), Name: "Ada", Groups: ^uint64(0),
		MessageID:  r.MessageID("", campaign, subscriber, "mail.example.org"),
		LeaveToken: r.LeaveToken("", links.Leave{Subscriber: subscriber, List: 1, Campaign: campaign}),
		Ref:        r.BounceToken("", links.Bounce{Campaign: campaign, Subscriber: subscriber}),
	}
}

func compile(t testing.TB, d message.Draft) *message.Compiled {
	t.Helper()
	c, err := message.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// build compiles, stores, loads and splices: what a sending process does.
func build(t testing.TB, d message.Draft, r *message.Reader) []byte {
	t.Helper()
	stored, err := compile(t, d).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var c message.Compiled
	if err := c.UnmarshalBinary(stored); err != nil {
		t.Fatal(err)
	}
	raw, err := c.Append(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	checkWire(t, raw)
	return raw
}

// checkWire asserts what holds for every message as it goes over the wire (MSG-16).
func checkWire(t testing.TB, raw []byte) {
	t.Helper()
	if !bytes.HasSuffix(raw, []byte("\r\n")) {
		t.Error("MSG-16: the message does not end in CRLF")
	}
	header := true
	for i, line := range strings.Split(strings.TrimSuffix(string(raw), "\r\n"), "\r\n") {
		if line == "" {
			header = false
		}
		limit := 76
		switch {
		case header && strings.HasPrefix(line, " ") && !strings.Contains(line[1:], " ") && (strings.Contains(line, "@") || strings.Contains(line, "://")):
			limit = 998 // an address or a URL, which cannot be folded
		case header:
			limit = 78
		}
		switch {
		case strings.ContainsAny(line, "\r\n\x00"):
			t.Errorf("MSG-16: bare CR, bare LF or NUL in line %d: %q", i+1, line)
		case len(line) > limit:
			t.Errorf("MSG-16: line %d has %d octets: %q", i+1, len(line), line)
		case strings.HasPrefix(line, "."), strings.HasPrefix(line, "From "):
			t.Errorf("line %d would be altered on its way: %q", i+1, line)
		case header && strings.TrimSpace(line) == "":
			t.Errorf("line %d of the header is white space", i+1)
		case !header && strings.TrimRight(line, " \t") != line:
			t.Errorf("line %d ends in white space: %q", i+1, line)
		}
		for _, c := range []byte(line) {
			if c >= 0x80 {
				t.Errorf("MSG-16: 8-bit octet in line %d: %q", i+1, line)
				break
			}
		}
	}
}

// parsed is a message as independent parsers see it.
type parsed struct {
	header     mail.Header
	text, html string
	types      []string
}

func (p parsed) subject(t testing.TB) string {
	t.Helper()
	s, err := new(mime.WordDecoder).DecodeHeader(p.header.Get("Subject"))
	if err != nil {
		t.Error(err)
	}
	return s
}

// parse reads raw with the standard library and with go-message, and fails where they disagree.
func parse(t testing.TB, raw []byte) parsed {
	t.Helper()
	a, b := parseStandard(t, raw), parseOther(t, raw)
	if a.text != b.text || a.html != b.html {
		t.Fatalf("two parsers disagree:\n%q\n%q\n%q\n%q", a.text, b.text, a.html, b.html)
	}
	return a
}

func parseStandard(t testing.TB, raw []byte) parsed {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type %q: %v", kind, err)
	}
	p := parsed{header: m.Header}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		p.add(part.Header.Get("Content-Type"), body)
	}
	return p
}

func (p *parsed) add(kind string, body []byte) {
	p.types = append(p.types, kind)
	s := strings.ReplaceAll(string(body), "\r\n", "\n")
	if strings.HasPrefix(kind, "text/plain") {
		p.text = s
	} else {
		p.html = s
	}
}

func parseOther(t testing.TB, raw []byte) parsed {
	t.Helper()
	r, err := gomail.CreateReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var p parsed
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return p
		}
		if err != nil && !gomessage.IsUnknownCharset(err) {
			t.Fatal(err)
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			t.Fatal(err)
		}
		p.add(part.Header.Get("Content-Type"), body)
	}
}

// rawHeader returns the header as it stands on the wire.
func rawHeader(t testing.TB, raw []byte) string {
	t.Helper()
	h, _, ok := strings.Cut(string(raw), "\r\n\r\n")
	if !ok {
		t.Fatal("no end of the header")
	}
	return h + "\r\n"
}
