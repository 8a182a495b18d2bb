package message_test

import (
	"bytes"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/links"
	"mailer/internal/message"
)

// count returns how often a field occurs in a raw header.
func count(header, name string) int {
	return len(regexp.MustCompile(`(?mi)^`+regexp.QuoteMeta(name)+`:`).FindAllString(header, -1))
}

func TestHeaderFields(t *testing.T) {
	raw := build(t, draft(t), reader(t, 99, 7))
	header, p := rawHeader(t, raw), parse(t, raw)
	t.Run("MSG-01", func(t *testing.T) {
		for _, name := range []string{"From", "Date", "Message-ID", "To", "Subject", "MIME-Version", "Content-Type",
			"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"} {
			if n := count(header, name); n != 1 {
				t.Errorf("%s stands %d times", name, n)
			}
		}
	})
	t.Run("order", func(t *testing.T) {
		var names []string
		for _, line := range strings.Split(header, "\r\n") {
			if name, _, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") {
				names = append(names, name)
			}
		}
		want := "From To Subject Date Message-ID Reply-To List-Id List-Unsubscribe List-Unsubscribe-Post Feedback-ID Precedence X-Auto-Response-Suppress X-Campaign-Ref MIME-Version Content-Type"
		if got := strings.Join(names, " "); got != want {
			t.Errorf("fields are %s;\nwant %s", got, want)
		}
	})
	t.Run("MSG-02", func(t *testing.T) {
		to, err := p.header.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Address != "reader7@example.net" {
			t.Errorf("To = %v, %v", to, err)
		}
		if count(header, "Cc")+count(header, "Bcc") != 0 {
			t.Error("there is a Cc or Bcc")
		}
		for _, a := range regexp.MustCompile(`[\w.+-]+@[\w.-]+`).FindAllString(string(raw), -1) {
			if a != "reader7@example.net" && !strings.HasSuffix(a, "example.org") {
				t.Errorf("the address %s stands in the message", a)
			}
		}
	})
	t.Run("MSG-06", func(t *testing.T) {
		when, err := p.header.Date()
		if err != nil || !when.Equal(frozen) || !strings.HasSuffix(p.header.Get("Date"), " +0100") {
			t.Errorf("Date: %s = %v, %v; want %v", p.header.Get("Date"), when, err, frozen)
		}
	})
	t.Run("MSG-07", func(t *testing.T) { checkUnsubscribe(t, header, p) })
	t.Run("MSG-08", func(t *testing.T) {
		if !strings.Contains(header, "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n") {
			t.Errorf("List-Unsubscribe-Post: %q", p.header.Get("List-Unsubscribe-Post"))
		}
	})
	t.Run("MSG-14", func(t *testing.T) {
		if p.header.Get("Precedence") != "bulk" || p.header.Get("X-Auto-Response-Suppress") != "OOF, AutoReply" || count(header, "Auto-Submitted") != 0 {
			t.Errorf("header of list mail:\n%s", header)
		}
	})
	t.Run("MSG-15", func(t *testing.T) { checkNothingLeaks(t, raw) })
}

func checkUnsubscribe(t *testing.T, header string, p parsed) {
	t.Helper()
	value := p.header.Get("List-Unsubscribe")
	u, err := url.Parse(strings.Trim(value, "<>"))
	if err != nil || u.Scheme != "https" || value != "<"+u.String()+">" || strings.Count(value, "<") != 1 {
		t.Fatalf("List-Unsubscribe: %s (%v)", value, err)
	}
	if _, err := ring(t).ParseLeave(strings.TrimPrefix(u.String(), leaveBase)); err != nil {
		t.Errorf("the token of %s: %v", u, err)
	}
	if !strings.Contains(header, value) {
		t.Errorf("MSG-07: folded inside the angle brackets:\n%s", header)
	}
}

// checkNothingLeaks is MSG-15: no fields that belong to others, nothing about the machine or the program.
func checkNothingLeaks(t *testing.T, raw []byte) {
	t.Helper()
	for _, name := range []string{"User-Agent", "X-Mailer", "Return-Path", "Received", "Bcc", "Sender", "X-Priority", "Disposition-Notification-To"} {
		if count(rawHeader(t, raw), name) != 0 {
			t.Errorf("MSG-15: the field %s", name)
		}
	}
	for _, s := range []string{"localhost", "127.0.0.1", "/home/", "/root", "/work", "go1.", "golang", "internal/"} {
		if bytes.Contains(raw, []byte(s)) {
			t.Errorf("MSG-15: %q stands in the message", s)
		}
	}
}

// MSG-07: the field stays on one line when it fits, and is folded after its colon when it does not.
func TestUnsubscribeFolding(t *testing.T) {
	for base, want := range map[string]string{
		"https://a.test/":                          "List-Unsubscribe: <https://a.test/",
		"https://newsletters.paper.example.org/u/": "List-Unsubscribe:\r\n <https://newsletters.paper.example.org/u/",
	} {
		d := draft(t)
		d.LeaveBase = base
		if header := rawHeader(t, build(t, d, reader(t, 99, 7))); !strings.Contains(header, want) {
			t.Errorf("want %q in\n%s", want, header)
		}
	}
}

// MSG-07: where mail to the leave address is read, that address is named too: second, on a line of its own, with the same token in
// small letters. A stored message says the same.
func TestUnsubscribeByMail(t *testing.T) {
	d := draft(t)
	d.LeaveAt = "bounce.paper.example.org"
	c := compile(t, d)
	stored, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var again message.Compiled
	if err := again.UnmarshalBinary(stored); err != nil {
		t.Fatal(err)
	}
	rd := reader(t, 99, 7)
	for _, c := range []*message.Compiled{c, &again} {
		raw, err := c.Append(nil, rd)
		if err != nil {
			t.Fatal(err)
		}
		header := rawHeader(t, raw)
		found := regexp.MustCompile(`\r\nList-Unsubscribe:\r?\n? <https://([^<> \r\n]+)>,\r\n <mailto:(u-[a-z2-7]{48})@bounce\.paper\.example\.org>\r\n`).FindStringSubmatch(header)
		if found == nil || strings.Count(header, "List-Unsubscribe:") != 1 {
			t.Fatalf("header:\n%s", header)
		}
		byPage, errPage := ring(t).ParseLeave(found[1][strings.LastIndexByte(found[1], '/')+1:])
		byMail, errMail := ring(t).ParseLeaveLocal(strings.ToUpper(found[2]))
		if errPage != nil || errMail != nil || byPage != byMail {
			t.Errorf("%v, %v; %v, %v", byPage, errPage, byMail, errMail)
		}
	}
	rd.LeaveToken = "preview" // no token: no address
	raw, err := c.Append(nil, rd)
	if err != nil || strings.Contains(rawHeader(t, raw), "mailto") || !strings.Contains(rawHeader(t, raw), "/preview>\r\n") {
		t.Errorf("%v\n%s", err, rawHeader(t, raw))
	}
	d.LeaveAt = "no domain"
	if _, err := message.Compile(d); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a domain with a blank: %v", err)
	}
}

// MSG-04: a hundred thousand messages of three campaigns.
func TestMessageIDs(t *testing.T) {
	const each = 33_334
	r := ring(t)
	s, err := r.Signer(r.Current())
	if err != nil {
		t.Fatal(err)
	}
	field := regexp.MustCompile(`\r\nMessage-ID: <([a-z2-7]{32})@mail\.example\.org>\r\n`)
	seen := make(map[string]bool, 3*each)
	var raw []byte
	for campaign := int64(1); campaign <= 3; campaign++ {
		d := draft(t)
		d.Campaign = campaign
		c := compile(t, d)
		for sub := int64(1); sub <= each; sub++ {
			raw, err = c.Append(raw[:0], &message.Reader{To: fmt.Sprintf("reader%d@example.net", sub),
				MessageID: s.MessageID(campaign, sub, c.Domain()), LeaveToken: s.Leave(links.Leave{Subscriber: sub, List: 1, Campaign: campaign})})
			if err != nil {
				t.Fatal(err)
			}
			m := field.FindSubmatch(raw[:min(len(raw), 1200)])
			if m == nil || seen[string(m[1])] {
				t.Fatalf("MSG-04: campaign %d, subscriber %d: no Message-ID, or one that was there before:\n%s", campaign, sub, rawHeader(t, raw))
			}
			seen[string(m[1])] = true
		}
	}
	if len(seen) != 3*each {
		t.Errorf("MSG-04: %d Message-IDs", len(seen))
	}
}

// MSG-05: a retry is the same octets, also by another process that compiled or loaded the message anew, with other marks.
func TestRetryIsIdentical(t *testing.T) {
	first := build(t, draft(t), reader(t, 99, 7))
	d := draft(t)
	m := message.NewMarks("another nonce")
	name, leave := m.Slot(message.SlotName, "dear reader"), m.Slot(message.SlotLeave, "")
	d.Marks = m
	d.HTML = fmt.Sprintf(bodyHTML, name, leave, m.Open(1), m.Close(1))
	d.Text = fmt.Sprintf(bodyText, name, leave, m.Open(1), m.Close(1))
	if again := build(t, d, reader(t, 99, 7)); !bytes.Equal(first, again) {
		t.Errorf("MSG-05: first\n%s\nthen\n%s", first, again)
	}
	if other := build(t, d, reader(t, 99, 8)); bytes.Equal(first, other) {
		t.Error("two readers got the same octets")
	}
}

// MSG-12: equal for all campaigns of a list, whatever else differs.
func TestListID(t *testing.T) {
	field := regexp.MustCompile(`(?s)\r\nList-Id:( .*?)\r\n[^ ]`)
	var first string
	for campaign := int64(1); campaign <= 3; campaign++ {
		d := draft(t)
		d.Campaign, d.Subject, d.Date = campaign, fmt.Sprint("Edition ", campaign), frozen.AddDate(0, 0, int(campaign))
		m := field.FindStringSubmatch(rawHeader(t, build(t, d, reader(t, campaign, 1))))
		if m == nil || m[1] != ` "The Weekly" <weekly.lists.example.org>` || first != "" && m[1] != first {
			t.Fatalf("MSG-12: List-Id:%v", m)
		}
		first = m[1]
	}
	d := draft(t)
	d.ListName = strings.Repeat("名", 100)
	if _, err := message.Compile(d); errs.KindOf(err) != errs.Invalid {
		t.Errorf("MSG-12: a List-Id above 255 octets: %v", err)
	}
	for _, label := range []string{"", "weekly", "weekly@example.org", "weekly..example.org", "we ekly.example.org", "weekly.example.org>\r\nX-A: b", ".weekly.example.org"} {
		d := draft(t)
		d.ListLabel = label
		if _, err := message.Compile(d); errs.KindOf(err) != errs.Invalid {
			t.Errorf("MSG-12: label %q: %v", label, err)
		}
	}
}

// MSG-13: at most four fields, the last of 5 to 15 characters, the same for every reader.
func TestFeedbackID(t *testing.T) {
	c := compile(t, draft(t))
	values := make(map[string]bool)
	for sub := int64(1); sub <= 1000; sub++ {
		raw, err := c.Append(nil, reader(t, 99, sub))
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		values[m.Header.Get("Feedback-ID")] = true
	}
	if len(values) != 1 || !values["99:weekly:bulk:examplenews"] {
		t.Errorf("MSG-13: Feedback-ID over 1,000 messages: %v", values)
	}
	for _, id := range []string{"a:b:c:d:examplenews", "a:b:abcd", "a:b:sixteencharacter", "a:b c:examplenews", "é:examplenews", "a:b:examplenews\r\nX-A: b"} {
		d := draft(t)
		d.FeedbackID = id
		if _, err := message.Compile(d); errs.KindOf(err) != errs.Invalid {
			t.Errorf("MSG-13: Feedback-ID %q: %v", id, err)
		}
	}
}

// MSG-14: a confirm mail is no list mail and says that a machine wrote it.
func TestSingleMail(t *testing.T) {
	m := message.NewMarks("n")
	raw := build(t, message.Draft{Marks: m, FromAddress: "news@example.org", Subject: "Please confirm", Date: frozen, AutoSubmitted: true,
		HTML: "<p>Confirm: <a href=\"https://news.example.org/c/T\">yes</a></p>", Text: "Confirm: https://news.example.org/c/T"},
		&message.Reader{To: "reader@example.net", MessageID: links.NewMessageID("mail.example.org")})
	header := rawHeader(t, raw)
	if !strings.Contains(header, "\r\nAuto-Submitted: auto-generated\r\n") {
		t.Errorf("MSG-14: no Auto-Submitted:\n%s", header)
	}
	for _, name := range []string{"List-Unsubscribe-Post", "List-Unsubscribe", "List-Id", "Precedence", "Feedback-ID", "X-Campaign-Ref"} {
		if count(header, name) != 0 {
			t.Errorf("MSG-14: %s on a confirm mail", name)
		}
	}
	if p := parse(t, raw); p.text != "Confirm: https://news.example.org/c/T\n" {
		t.Errorf("text: %q", p.text)
	}
}
