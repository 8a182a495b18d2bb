package delivery

import (
	"bufio"
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"mailer/internal/logtest"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// logLine is a line of the mail log as a program reads it.
type logLine struct {
	Time     time.Time `json:"time"`
	Campaign int64     `json:"campaign"`
	Seq      int64     `json:"seq"`
	Mail     string    `json:"mail"`
	Outbox   int64     `json:"outbox"`
	Attempt  int       `json:"attempt"`
	To       string    `json:"to"`
	Provider string    `json:"provider"`
	Relay    string    `json:"relay"`
	Result   string    `json:"result"`
	Class    string    `json:"class"`
	Permit   string    `json:"permit"`
	Code     int       `json:"code"`
	Reply    string    `json:"reply"`
	QueueID  string    `json:"queue_id"`
	Took     float64   `json:"took_ms"`
}

func readMailLog(t testing.TB, path string) (lines []logLine, raw string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for sc := bufio.NewScanner(bytes.NewReader(data)); sc.Scan(); {
		var l logLine
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			t.Fatalf("%v: %s", err, sc.Text())
		}
		lines = append(lines, l)
	}
	return lines, string(data)
}

func openLog(t testing.TB) (*MailLog, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mail.jsonl")
	m, err := OpenMailLog(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return m, path
}

// Every attempt is one line, and every outcome has its line: accepted, put off, refused, in doubt, left before the dot, left
// before the claim, single mails. No line names a reader.
func TestMailLogLines(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(300)
	gate := smtptest.NewGate()
	t.Cleanup(gate.Open)
	s := smtptest.Start(t,
		smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
			switch {
			case strings.Contains(e.Line, "reader11@"):
				return smtptest.Reply("550 5.1.1 <reader11@" + strings.SplitN(e.Line, "@", 2)[1][:5] + "…>: unknown")
			case strings.Contains(e.Line, "reader13@"):
				return gate.Hook(smtptest.Go())(e)
			}
			return smtptest.Go()
		}),
		smtptest.On(smtptest.RcptTo, forFirst(addressOf(22), 2, smtptest.Reply("450 4.2.1 \"busy\" \\ later"))),
		smtptest.On(smtptest.Recorded, forFirst(addressOf(33), 1, smtptest.Drop())))
	r.launch()
	if _, err := r.store.extendAudience(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.leave(addressOf(44), false)
	r.exec(`INSERT INTO outbox (dedupe_key, kind, envelope_from, recipient, data) VALUES ('m1', 'confirm', 'a@bounce.example.org', 'single@google.example', convert_to(E'Subject: x\r\n\r\nx\r\n', 'UTF8'))`)
	m, path := openLog(t)
	run := r.sender(r.relay(s), with(func(c *SenderConfig) { c.MailLog = m }))
	<-gate.Reached()
	r.leave(addressOf(13), false)
	gate.Open()
	r.state(StateDone)
	r.until("the single mail is out", func() bool { return copies(s)["single@google.example"] == 1 })
	run.stop()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	lines, raw := readMailLog(t, path)
	count := map[string]int64{}
	for _, l := range lines {
		result := l.Result
		switch {
		case l.Mail != "":
			result = "mail"
		case l.Permit == string(verdictAway): // on a slow machine; it is tried again at once
			result = "away"
		}
		count[result]++
		if l.Time.IsZero() || l.Attempt == 0 || !strings.Contains(l.To, "•••@") || l.Campaign != testCampaign && l.Mail == "" {
			t.Errorf("line: %+v", l)
		}
		switch result {
		case "accepted":
			if l.Code != 250 || l.Reply == "" || l.Relay == "" || l.Provider == "" || l.Seq == 0 || l.Took <= 0 {
				t.Errorf("line: %+v", l)
			}
		case "deferred":
			if l.Code != 450 || l.Reply != `"busy" \ later` || l.Class == "" {
				t.Errorf("line: %+v", l)
			}
		case "refused":
			if l.Permit != string(verdictLeft) {
				t.Errorf("line: %+v", l)
			}
		case "mail":
			if l.Mail != "confirm" || l.Outbox == 0 || l.Result != "accepted" {
				t.Errorf("line: %+v", l)
			}
		}
	}
	for result, want := range map[string]int64{
		"accepted": r.count(`SELECT count(*) FROM outcomes WHERE kind = 'accepted'`), "deferred": 2, "failed": 1, "doubt": 1, "refused": 1, "suppressed": 1, "mail": 1,
	} {
		if count[result] != want {
			t.Errorf("%d lines %s, want %d", count[result], result, want)
		}
	}
	if n := count["accepted"] + count["deferred"] + count["failed"] + count["doubt"] + count["refused"] + count["suppressed"]; n != r.count(`SELECT count(*) FROM outcomes`) {
		t.Errorf("%d lines of campaigns that count, %d outcomes", n, r.count(`SELECT count(*) FROM outcomes`))
	}
	if strings.Contains(raw, "reader") || strings.Contains(raw, "single@") {
		t.Error("a line names a reader")
	}
}

// A doubt that a killed sender left has its line when the next one finds it.
func TestMailLogOfRecovered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(30)
	gate := smtptest.NewGate()
	s := smtptest.Start(t, smtptest.On(smtptest.Recorded, gate.Hook(smtptest.Go())))
	r.launch(func(l *Launch) { l.DoubtPolicy = PolicyHold })
	dead := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Connections, c.Lease = 1, 300*time.Millisecond }))
	<-gate.Reached()
	dead.kill()
	gate.Open()
	m, path := openLog(t)
	run := r.sender(r.relay(s), with(func(c *SenderConfig) { c.MailLog = m }))
	r.state(StateDone)
	run.stop()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	lines, _ := readMailLog(t, path)
	doubts := 0
	for _, l := range lines {
		if l.Result == "doubt" {
			doubts++
			if l.Class != "crash" || l.Reply != crashReply || !strings.Contains(l.To, "•••@") || l.Attempt != 1 || l.Seq == 0 {
				t.Errorf("line: %+v", l)
			}
		}
	}
	if doubts != 1 || len(lines) != 30 {
		t.Errorf("%d lines, %d of them doubts; want 30 and 1", len(lines), doubts)
	}
}

// Lines are there within a second without a stop; a file that was renamed gets no more after Reopen; none is lost or torn.
func TestMailLogFile(t *testing.T) {
	t.Parallel()
	m, path := openLog(t)
	a := attempt{campaign: 1, seq: 2, number: 1, to: "ada@example.org", Result: relay.Result{Kind: relay.Accepted, Code: 250, Text: "ok"}}
	l := attemptLog{file: m, log: slog.New(slog.DiscardHandler)}
	l.tell(a)
	deadline := time.Now().Add(20 * time.Second)
	for {
		if lines, _ := readMailLog(t, path); len(lines) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the line does not come")
		}
		<-time.After(5 * time.Millisecond)
	}
	const writers, each = 8, 5000
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				l.tell(a)
			}
		})
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := m.Reopen(); err != nil {
		t.Fatal(err)
	}
	group.Wait()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	l.tell(a) // after the end: lost, and harmless
	old, _ := readMailLog(t, path+".1")
	fresh, _ := readMailLog(t, path)
	if len(old)+len(fresh) != writers*each+1 || len(fresh) == 0 {
		t.Errorf("%d and %d lines; want %d in all", len(old), len(fresh), writers*each+1)
	}
	if _, err := OpenMailLog(filepath.Join(path, "below", "a file"), slog.Default()); err == nil || !strings.Contains(err.Error(), "MAILER_MAIL_LOG") {
		t.Errorf("a file that cannot be made: %v", err)
	}
}

// Without a file the lines go to the ordinary log, at its level.
func TestMailLogOrdinary(t *testing.T) {
	t.Parallel()
	for level, want := range map[slog.Level]int{slog.LevelInfo: 1, slog.LevelWarn: 0} {
		buf := &logtest.Buffer{}
		l := attemptLog{log: slog.New(slog.NewTextHandler(buf, &slog.HandlerOptions{Level: level}))}
		l.tell(attempt{campaign: 1, seq: 2, number: 3, to: "ada@example.org", Result: relay.Result{Kind: relay.Failed, Code: 550, Text: "<ada@example.org> unknown", QueueID: "q"}})
		if got := strings.Count(buf.String(), "msg=attempt campaign=1 seq=2 attempt=3 to=a•••@example.org"); got != want || strings.Contains(buf.String(), "ada@") {
			t.Errorf("at %v: %s", level, buf)
		}
	}
}

// Whatever a reply holds, the line is JSON and says it.
func FuzzMailLogLine(f *testing.F) {
	for _, s := range []string{"ok", `quo"te \ `, "tab\tnl\nnul\x00", "\xff\xfe", "é\u2028 <b>", strings.Repeat("x", 600)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, reply string) {
		line := attempt{to: "a@b", Result: relay.Result{Text: reply}}.appendJSON(nil, time.Now())
		var got logLine
		if err := json.Unmarshal(line, &got); err != nil || !utf8.Valid(line) || bytes.ContainsAny(line, "\n\x00") {
			t.Fatalf("%v: %q", err, line)
		}
		if want := strings.ToValidUTF8(MaskReply(reply), "\uFFFD"); !strings.Contains(reply, "@") && utf8.ValidString(reply) && got.Reply != want {
			t.Errorf("the reply is %q; want %q", got.Reply, want)
		}
	})
}

func BenchmarkMailLog(b *testing.B) {
	m, _ := openLog(b)
	l := attemptLog{file: m, log: slog.New(slog.DiscardHandler)}
	a := attempt{campaign: 7, seq: 123456, number: 1, to: "ada.lovelace@example.org", provider: "google", relay: "smtp.example.org:587",
		Result: relay.Result{Kind: relay.Accepted, Code: 250, Enhanced: "2.0.0", Text: "Ok: queued as 4bX1zQ2hWvz9s", QueueID: "4bX1zQ2hWvz9s", Took: 38 * time.Millisecond}}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.tell(a)
		}
	})
	if err := m.Close(); err != nil {
		b.Fatal(err)
	}
}
