package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mailer/internal/smtptest"
)

// start starts the service as a process of its own, with flags.
func (r *rig) start(args ...string) *process {
	r.t.Helper()
	p := &process{t: r.t, cmd: exec.Command("mailer", append([]string{"serve"}, args...)...)}
	p.cmd.Env, p.cmd.Stderr, p.cmd.Dir = r.env, p, r.t.TempDir()
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() })
	return p
}

// relays configures two relays by a file, in place of MAILER_SMTP_URL; more is added to the file.
func (r *rig) relays(second *smtptest.Relay, more string) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "mailer.toml")
	write(r.t, file, "[[relay]]\nname = \"first\"\nurl_env = \"FIRST_RELAY\"\nweight = 2\nconnections = 3\n\n[[relay]]\nname = \"second\"\nurl = \""+
		second.URL()+"\"\n"+more)
	r.env = slices.DeleteFunc(slices.Clone(r.env), func(kv string) bool { return strings.HasPrefix(kv, "MAILER_SMTP_URL=") })
	r.env = append(r.env, "FIRST_RELAY="+r.relay.URL(), "MAILER_CONFIG="+file)
}

// fails runs a command that must fail, and returns what it says.
func (r *rig) fails(want int, args ...string) string {
	r.t.Helper()
	var out, errors bytes.Buffer
	p := &program{env: r.env, stdin: strings.NewReader(""), stdout: &out, stderr: &errors}
	if status := p.run(context.Background(), args); status != want {
		r.t.Errorf("mailer %s: status %d, want %d\n%s", strings.Join(args, " "), status, want, errors.String())
	}
	return errors.String()
}

// prints runs a command that must succeed, and returns what it shows to people.
func (r *rig) prints(args ...string) string {
	r.t.Helper()
	var out, errors bytes.Buffer
	p := &program{env: r.env, stdin: strings.NewReader(""), stdout: &out, stderr: &errors}
	if status := p.run(context.Background(), args); status != 0 {
		r.t.Fatalf("mailer %s: status %d\n%s", strings.Join(args, " "), status, errors.String())
	}
	return out.String()
}

// Sending processes come and go on one database, with SIGKILL among them, over two relays: every reader gets the mail, and copies
// beyond the first are no more than the connections that were open at the kills. SND-29
func TestSND29NodesComeAndGo(t *testing.T) {
	const readers, connections, kills = 3000, 4, 3
	slow := func(smtptest.Event) smtptest.Action { time.Sleep(2 * time.Millisecond); return smtptest.Go() }
	r := newRig(t, smtptest.On(smtptest.Recorded, slow))
	second := smtptest.Start(t, smtptest.On(smtptest.Recorded, slow))
	r.relays(second, "")
	r.set("MAILER_CONNECTIONS", fmt.Sprint(connections))
	d := r.database()
	id := r.launch(readers)
	nodes := []*process{r.start("--roles", "sender"), r.start("--roles", "sender")}
	got := func() int { return r.relay.Len() + second.Len() }
	defer func() {
		if t.Failed() {
			for _, n := range nodes {
				t.Log(n.said())
			}
		}
	}()
	for kill := 1; kill <= kills; kill++ {
		r.until("messages go out", func() bool { return got() >= kill*readers/5 })
		nodes = append(nodes, r.start("--roles", "sender"))
		victim := nodes[0]
		nodes = nodes[1:]
		victim.signal(syscall.SIGKILL)
		victim.ends(20 * time.Second)
	}
	r.until("the end of the send", func() bool {
		// The leases of the dead are over at once, and so is the wait of what they left in doubt: 30 s would show nothing more. What
		// the living hold they renew with the next beat.
		for _, q := range []string{
			`UPDATE chunks SET lease_until = clock_timestamp() WHERE owner IS NOT NULL AND lease_until < clock_timestamp() + interval '21 seconds'`,
			`UPDATE retries SET lease_until = clock_timestamp() WHERE owner IS NOT NULL AND lease_until < clock_timestamp() + interval '21 seconds'`,
			`UPDATE retries SET due = clock_timestamp() WHERE due > clock_timestamp()`} {
			if _, err := d.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		return value[string](t, d, `SELECT state FROM sends WHERE campaign_id = $1`, id) == "done"
	})
	b := r.balance(id)
	r.adds(b)
	if b["accepted"].(float64)+b["unknown"].(float64) != readers || b["failed"].(float64) != 0 {
		t.Errorf("balance: %v", b)
	}
	copies := map[string]int{}
	for _, s := range []*smtptest.Relay{r.relay, second} {
		for _, e := range s.Ledger() {
			copies[e.To]++
		}
	}
	extra := 0
	for i := range readers {
		n := copies[fmt.Sprintf("reader%d@example.org", i)]
		if n == 0 {
			t.Errorf("reader %d got nothing", i)
		}
		extra += max(n-1, 0)
	}
	if extra > connections*kills {
		t.Errorf("%d copies too many after %d kills with %d connections", extra, kills, connections)
	}
	if r.relay.Len() == 0 || second.Len() == 0 {
		t.Errorf("the relays took %d and %d", r.relay.Len(), second.Len())
	}
	t.Logf("%d mails over the one relay, %d over the other, %d copies too many", r.relay.Len(), second.Len(), extra)
}

// Schedules fire once however many schedulers there are, and go on when one of them is killed: within 30 s another has done it.
// SND-29
func TestSND29SchedulerIsTakenOver(t *testing.T) {
	const campaigns = 4
	r := newRig(t)
	d := r.database()
	story := r.list("email\nada@example.org\nbasil@example.org\n")
	var ids []string
	for range campaigns {
		id := r.campaign(story)
		r.run("campaigns", "approve", id)
		r.run("campaigns", "schedule", id, time.Now().Add(time.Hour).Format("2006-01-02 15:04"))
		ids = append(ids, id)
	}
	first, second := r.start("--roles", "scheduler"), r.start("--roles", "scheduler")
	sends := func() int { return value[int](t, d, `SELECT count(*) FROM sends`) }
	due := func(id string) {
		if _, err := d.Exec(`UPDATE campaigns SET send_at = date_trunc('minute', clock_timestamp()) WHERE id = $1`, id); err != nil {
			t.Fatal(err)
		}
	}
	due(ids[0])
	r.until("the first is launched", func() bool { return sends() == 1 })
	due(ids[1])
	first.signal(syscall.SIGKILL)
	first.ends(20 * time.Second)
	for _, id := range ids[2:] {
		due(id)
	}
	killed := time.Now()
	r.until("all are launched", func() bool { return sends() == campaigns })
	if took := time.Since(killed); took > 30*time.Second {
		t.Errorf("the other scheduler took over after %s\n%s", took, second.said())
	}
	if n := value[int](t, d, `SELECT count(*) FROM audit_log WHERE action = 'campaign.launch'`); n != campaigns {
		t.Errorf("%d launches of %d campaigns", n, campaigns)
	}
	r.start("--roles", "sender")
	r.start("--roles", "sender")
	for _, id := range ids {
		r.done(d, id)
	}
	if n := r.relay.Len(); n != 2*campaigns {
		t.Errorf("%d mails of %d campaigns to 2 readers", n, campaigns)
	}
}

// What a person does with relays and lanes at the command line.
func TestRelaysAndLanes(t *testing.T) {
	r := newRig(t)
	second := smtptest.Start(t, smtptest.Auth("mailer", "sesame99"), smtptest.Extensions("SIZE 35882577", "DSN", "8BITMIME"))
	r.relays(second, "lists = [\"weekly\"]\ndaily_cap = 500\n\n[[lane]]\nprovider = \"gmail.com\"\nconnections = 7\n")
	if says := r.fails(78, "serve", "--roles", "sender"); !strings.Contains(says, `names the list "weekly", which does not exist (relay second in `) ||
		!strings.Contains(says, "there is none yet") {
		t.Errorf("a list that does not exist: %s", says)
	}
	id := r.campaign(r.list("email\nada@yahoo.com\n"))
	d := r.database()
	if _, err := d.Exec(`INSERT INTO lanes (relay, provider, suspended, connections, per_minute, said, until)
		VALUES ('second', 'yahoo', true, 0, 0, '451 4.7.0 [TSS04] later', clock_timestamp() + interval '2 hours')`); err != nil {
		t.Fatal(err)
	}
	shown := r.prints("config")
	if !strings.Contains(shown, "FIRST_RELAY") || !strings.Contains(shown, "second") || !strings.Contains(shown, "gmail.com") || strings.Contains(shown, "sesame99") {
		t.Errorf("config shows\n%s", shown)
	}
	if shown := r.prints("relays"); !strings.Contains(shown, "no sender runs") || !strings.Contains(shown, "0 of 500") || strings.Contains(shown, "sesame99") {
		t.Errorf("relays shows\n%s", shown)
	}
	if shown := r.prints("lanes"); !strings.Contains(shown, "yahoo") || !strings.Contains(shown, "suspended") || !strings.Contains(shown, "TSS04") {
		t.Errorf("lanes shows\n%s", shown)
	}
	if shown := r.prints("lanes", "--limits"); !strings.Contains(shown, "google") || !strings.Contains(shown, "7") || !strings.Contains(shown, "no limit") {
		t.Errorf("lanes --limits shows\n%s", shown)
	}
	shown = r.prints("relays", "check")
	for _, want := range []string{"first", "PIPELINING", "20.0 MB", "second", "accepted", "35.9 MB", "DSN"} {
		if !strings.Contains(shown, want) {
			t.Errorf("relays check lacks %s:\n%s", want, shown)
		}
	}
	if slices.ContainsFunc(append(second.Commands(), r.relay.Commands()...), func(c string) bool { return strings.HasPrefix(c, "MAIL") }) {
		t.Error("a check sent something")
	}
	r.run("campaigns", "start", id, "--yes", "--urgent")
	r.start("--roles", "sender")
	r.until("the sender says how the relays are", func() bool { return strings.Contains(r.prints("relays"), " ok ") })
	if n := value[int](t, d, `SELECT priority FROM sends WHERE campaign_id = $1`, id); n != 100 {
		t.Errorf("an urgent campaign has priority %d", n)
	}
	if second.Len() != 0 {
		t.Error("a suspended lane was used")
	}
	r.run("lanes", "resume", "second", "yahoo.com")
	r.done(d, id)
	if second.Len() != 1 || r.relay.Len() != 0 {
		t.Errorf("the list's relay took %d, the other %d", second.Len(), r.relay.Len())
	}
	if n := value[int](t, d, `SELECT count(*) FROM audit_log WHERE action = 'lane.resume' AND actor <> '' AND subject = 'lane second yahoo'`); n != 1 {
		t.Errorf("%d audit entries", n)
	}
	r.fails(66, "lanes", "resume", "second", "yahoo")
	if says := r.fails(64, "lanes", "resume", "second", "gmial"); !strings.Contains(says, "known are") {
		t.Errorf("an unknown provider: %s", says)
	}
	second.Close()
	if says := r.fails(75, "relays", "check", "second"); !strings.Contains(says, "does not answer") {
		t.Errorf("a relay that is away: %s", says)
	}
}
