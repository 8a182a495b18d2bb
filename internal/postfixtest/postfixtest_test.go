package postfixtest_test

import (
	"net/smtp"
	"strings"
	"testing"

	"mailer/internal/postfixtest"
)

// The test room itself, with an SMTP client that is not ours.
func TestServer(t *testing.T) {
	t.Parallel()
	s := postfixtest.Start(t, postfixtest.Answer("busy@example.net", "450 4.2.1 not now"), postfixtest.KnowsNobodyAt("gone.example"))
	send := func(to string) error {
		return smtp.SendMail(s.Addr(), nil, "a@example.org", []string{to}, []byte("Subject: x\r\nFrom: a@example.org\r\n"+
			"To: b@example.org\r\nDate: Sun, 22 Nov 2026 07:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\n.dot\r\nend\r\n"))
	}
	for to, want := range map[string]string{"busy@example.net": "4.2.1", "x@gone.example": "5.1.1"} {
		if err := send(to); err == nil || !strings.Contains(err.Error(), want+" ") {
			t.Errorf("%s: %v, want %s", to, err, want)
		}
	}
	if err := send("b@example.net"); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		q := s.Queue()
		if len(q) != 1 || q[0].Queue != "hold" || q[0].Sender != "a@example.org" || q[0].Recipient != "b@example.net" {
			t.Fatalf("queue %+v", q)
		}
		if m := string(s.Message(q[0].ID)); !strings.HasPrefix(m, "Subject: x\r\n") || !strings.HasSuffix(m, "\r\n\r\n.dot\r\nend\r\n") {
			t.Errorf("message %q", m)
		}
		s.WaitLog(q[0].ID+": message-id=<1@example.org>", 1)
	}
	check()
	s.Kill()
	if err := send("b@example.net"); err == nil {
		t.Error("it answers after it was killed")
	}
	check()
	s.Resume()
	check()
}
