package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mailer/internal/dbtest"
	"mailer/internal/smtptest"
)

// rig is the program configured for production on a database and a relay of its own.
type rig struct {
	t     *testing.T
	relay *smtptest.Relay
	env   []string
}

func newRig(t *testing.T, opts ...smtptest.Option) *rig {
	t.Helper()
	t.Parallel()
	_, dsn := dbtest.OpenURL(t)
	relay := smtptest.Start(t, opts...)
	return &rig{t: t, relay: relay, env: []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "USER=tester", "MAILER_DATABASE_URL=" + dsn, "MAILER_SMTP_URL=" + relay.URL(),
		"MAILER_BASE_URL=https://news.example.org", "MAILER_SECRET=0123456789abcdef0123456789abcdef", "MAILER_CONNECTIONS=1", "MAILER_LISTEN=127.0.0.1:0"}}
}

// run runs a command in this process, which must succeed, and returns its JSON.
func (r *rig) run(args ...string) map[string]any {
	r.t.Helper()
	var out, errors bytes.Buffer
	p := &program{env: r.env, stdin: strings.NewReader(""), stdout: &out, stderr: &errors}
	if status := p.run(context.Background(), append(args, "--json")); status != 0 {
		r.t.Fatalf("mailer %s: status %d\n%s", strings.Join(args, " "), status, errors.String())
	}
	var v map[string]any
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		r.t.Fatalf("mailer %s: %v in %s", strings.Join(args, " "), err, out.String())
	}
	return v
}

// launch makes a campaign to n readers and starts it; it returns its number.
func (r *rig) launch(n int) string {
	r.t.Helper()
	dir := r.t.TempDir()
	readers := "email\n"
	for i := range n {
		readers += fmt.Sprintf("reader%d@example.org\n", i)
	}
	write(r.t, filepath.Join(dir, "readers.csv"), readers)
	write(r.t, filepath.Join(dir, "story.md"), "---\ntitle: The tide that keeps time\nsection: Science\nurl: https://paper.example.org/tides\n---\nA clock has been running for ninety years.\n")
	r.run("lists", "create", "weekly", "--name", "The Weekly", "--from-name", "The Weekly", "--from-address", "weekly@news.example.org",
		"--legal-name", "Example Press Ltd", "--postal-address", "1 High Street, Anytown", "--contact", "hello@news.example.org")
	r.run("subscribers", "import", filepath.Join(dir, "readers.csv"), "--list", "weekly", "--confirmed", "--source", "test")
	story := r.run("articles", "import", filepath.Join(dir, "story.md"))["article"].(map[string]any)["id"]
	id := fmt.Sprint(r.run("campaigns", "create", "--story", fmt.Sprint(story), "--list", "weekly")["id"])
	r.run("campaigns", "start", id, "--yes")
	return id
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// balance is where the send stands.
func (r *rig) balance(id string) map[string]any {
	r.t.Helper()
	return r.run("campaigns", "show", id)["send"].(map[string]any)
}

// adds checks that the audience is the sum of its parts (SND-36).
func (r *rig) adds(b map[string]any) {
	r.t.Helper()
	sum := 0.0
	for _, key := range []string{"queued", "claimed", "accepted", "deferred", "failed", "suppressed", "cancelled", "expired", "unknown"} {
		sum += b[key].(float64)
	}
	if sum != b["audience"].(float64) {
		r.t.Errorf("the audience does not add up: %v", b)
	}
}

// process is mailer serve as a process of its own.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func (r *rig) serve() *process {
	r.t.Helper()
	p := &process{t: r.t, cmd: exec.Command("mailer", "serve")}
	p.cmd.Env, p.cmd.Stderr, p.cmd.Dir = r.env, p, r.t.TempDir()
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	return p
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the end of the process and returns its status.
func (p *process) ends(within time.Duration) int {
	p.t.Helper()
	done := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(within):
		p.t.Fatalf("still running after %v:\n%s", within, p.said())
	}
	return p.cmd.ProcessState.ExitCode()
}

func reached(t *testing.T, g *smtptest.Gate) {
	t.Helper()
	select {
	case <-g.Reached():
	case <-time.After(30 * time.Second):
		t.Fatal("no message came to the gate")
	}
}

// SND-24: SIGTERM lets the delivery in hand come to its end, begins no other, and ends with 0; nothing is in doubt.
func TestStopFinishesWhatIsInHand(t *testing.T) {
	gate := smtptest.NewGate()
	r := newRig(t, smtptest.On(smtptest.Dot, gate.Hook(smtptest.Go())))
	id := r.launch(5)
	p := r.serve()
	reached(t, gate) // a final dot was written, its reply is awaited
	p.signal(syscall.SIGTERM)
	if !poll(func() bool { return strings.Contains(p.said(), "stopping") }) {
		t.Fatalf("it does not say that it stops:\n%s", p.said())
	}
	if syscall.Kill(p.cmd.Process.Pid, 0) != nil {
		t.Fatal("it ended with a delivery in hand")
	}
	gate.Open()
	if status := p.ends(20 * time.Second); status != 0 {
		t.Fatalf("status %d:\n%s", status, p.said())
	}
	b := r.balance(id)
	r.adds(b)
	if b["accepted"].(float64) != float64(r.relay.Len()) || r.relay.Len() == 0 || r.relay.Len() == 5 || b["unknown"].(float64) != 0 || b["deferred"].(float64) != 0 {
		t.Errorf("%d mails went out, and the balance is %v", r.relay.Len(), b)
	}
	// The next start does the rest, each once.
	p = r.serve()
	if !poll(func() bool { return r.balance(id)["state"] == "done" }) {
		t.Fatalf("the send does not end: %v\n%s", r.balance(id), p.said())
	}
	p.signal(syscall.SIGINT)
	if status := p.ends(20 * time.Second); status != 0 {
		t.Errorf("status %d:\n%s", status, p.said())
	}
	if got := r.relay.Len(); got != 5 {
		t.Errorf("%d mails went out to 5 readers", got)
	}
}

// The second signal cuts off what is in hand at once. What is then in doubt is known by name and waits for its second try
// (policy retry); the next start sends the rest without waiting for anything.
func TestSecondSignalCuts(t *testing.T) {
	gate := smtptest.NewGate()
	r := newRig(t, smtptest.On(smtptest.Dot, gate.Hook(smtptest.Go())))
	id := r.launch(3)
	p := r.serve()
	reached(t, gate)
	p.signal(syscall.SIGTERM)
	if !poll(func() bool { return strings.Contains(p.said(), "stopping") }) {
		t.Fatal("it does not say that it stops")
	}
	// One that follows the first on its heels is the same wish; whoever means it says it again.
	if !poll(func() bool {
		if strings.Contains(p.said(), "cut off") {
			return true
		}
		p.signal(syscall.SIGTERM)
		return false
	}) {
		t.Fatalf("it does not cut:\n%s", p.said())
	}
	if status := p.ends(20 * time.Second); status != 75 {
		t.Fatalf("status %d, want 75:\n%s", status, p.said())
	}
	if b := r.balance(id); b["deferred"] != 1.0 || b["queued"] != 2.0 {
		t.Errorf("after the cut: %v", b)
	}
	gate.Open()
	p = r.serve()
	if !poll(func() bool { b := r.balance(id); return b["accepted"] == 2.0 && b["deferred"] == 1.0 }) {
		t.Fatalf("the others are not sent, or the one in doubt is not known: %v\n%s", r.balance(id), p.said())
	}
	r.adds(r.balance(id))
	doubts := r.run("campaigns", "report", id)["waiting"].([]any)
	if len(doubts) != 1 {
		t.Errorf("in doubt are %v", doubts)
	}
	for _, e := range r.relay.Ledger() {
		if n := r.copies(e.To); n > 1 {
			t.Errorf("%s got %d copies before its second try", e.To, n)
		}
	}
}

// copies is how many mails an address got.
func (r *rig) copies(to string) (n int) {
	for _, e := range r.relay.Ledger() {
		if e.To == to {
			n++
		}
	}
	return n
}

// While it stops it takes no new requests, so that whoever balances load goes elsewhere.
func TestStopClosesTheDoor(t *testing.T) {
	gate := smtptest.NewGate()
	r := newRig(t, smtptest.On(smtptest.Dot, gate.Hook(smtptest.Go())))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	ln.Close()
	r.env = append(r.env, "MAILER_LISTEN="+address)
	r.launch(1)
	p := r.serve()
	up := func() bool {
		res, err := http.Get("http://" + address + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
	if !poll(up) {
		t.Fatalf("it does not come up:\n%s", p.said())
	}
	reached(t, gate)
	p.signal(syscall.SIGTERM)
	if !poll(func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err != nil
	}) {
		t.Error("it goes on taking requests")
	}
	gate.Open()
	if status := p.ends(20 * time.Second); status != 0 {
		t.Errorf("status %d:\n%s", status, p.said())
	}
}

// Two processes on one database share the work: everybody gets one mail (SND-29).
func TestTwoProcesses(t *testing.T) {
	r := newRig(t)
	a, b := r.serve(), r.serve()
	id := r.launch(300)
	if !poll(func() bool { return r.balance(id)["state"] == "done" }) {
		t.Fatalf("the send does not end: %v\n%s\n%s", r.balance(id), a.said(), b.said())
	}
	r.adds(r.balance(id))
	for _, e := range r.relay.Ledger() {
		if n := r.copies(e.To); n != 1 {
			t.Errorf("%s got %d copies", e.To, n)
		}
	}
	if r.relay.Len() != 300 {
		t.Errorf("%d mails to 300 readers", r.relay.Len())
	}
}

// A part that cannot start is refused at the start, and nothing is left running.
func TestRefusedAtTheStart(t *testing.T) {
	r := newRig(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "digest.html"), "{{ if }}")
	for name, tc := range map[string]struct{ setting, says string }{
		"a broken template":   {"MAILER_TEMPLATES=" + dir, "digest.html"},
		"another secret":      {"MAILER_SECRET=another-secret-of-more-than-32-characters", "MAILER_OLD_SECRETS"},
		"a relay without URL": {"MAILER_SMTP_URL=smtp://", "MAILER_SMTP_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			r.run("migrate") // the first start notes the secret
			r.run("lists", "show", r.anyList())
			var errors bytes.Buffer
			p := &program{env: append(append([]string{}, r.env...), tc.setting), stderr: &errors}
			if status := p.run(context.Background(), []string{"serve"}); status != 78 || !strings.Contains(errors.String(), tc.says) {
				t.Errorf("status %d, says %s; want 78 and %s", status, errors.String(), tc.says)
			}
		})
	}
}

func (r *rig) anyList() string {
	r.t.Helper()
	p := &program{env: r.env, stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
	p.run(context.Background(), []string{"lists", "create", "weekly", "--name", "The Weekly", "--from-name", "The Weekly", "--from-address", "weekly@news.example.org"})
	return "weekly"
}
