package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"mailer/internal/smtptest"
)

// relaySpec is what the process of the relay is told.
type relaySpec struct {
	Addr   string `json:"addr"`
	Ledger string `json:"ledger"` // fsynced before each 250
	Events string `json:"events"` // what the relay did that a reader of the ledger must know
	Seed   uint64 `json:"seed"`

	Think       time.Duration `json:"think"`        // between the ledger and the 250, this long at most
	Defer       float64       `json:"defer"`        // share of RCPT and of dots that are answered 451
	Cut         float64       `json:"cut"`          // share of dots at which it hangs up, half of them after it has taken the message
	MaxMessages int           `json:"max_messages"` // per connection; 0: any number
	NoPipelines bool          `json:"no_pipelining"`
}

// relayEnv, when set, makes this program the relay and nothing else. Its value is a relaySpec. The relay is a process of its own, so
// that it outlives whatever is killed, and can be killed too.
const relayEnv = "MAILER_CRASHTEST_RELAY"

func init() {
	v, ok := os.LookupEnv(relayEnv)
	if !ok {
		return
	}
	var spec relaySpec
	err := json.Unmarshal([]byte(v), &spec)
	if err == nil {
		err = spec.serve(os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// deadReader is how addresses begin that do not exist as far as the relay is concerned.
const deadReader = "dead-"

// cutEvent is one message that the relay left unanswered of its own accord.
type cutEvent struct {
	To    string `json:"to"`
	Taken bool   `json:"taken"` // it stands in the ledger
}

// serve runs the relay until its input ends, and answers questions asked there, a line each.
func (spec relaySpec) serve(in io.Reader, out io.Writer) error {
	events, err := os.OpenFile(spec.Events, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer events.Close()
	m := &mischief{spec: spec, rnd: rand.New(rand.NewPCG(spec.Seed, 1)), events: json.NewEncoder(events)}
	opts := []smtptest.Option{smtptest.Ledger(smtptest.KeepSum), smtptest.LedgerFile(spec.Ledger, true),
		smtptest.On(smtptest.RcptTo, m.recipient), smtptest.On(smtptest.Dot, m.dot), smtptest.On(smtptest.Recorded, m.recorded)}
	if spec.MaxMessages > 0 {
		opts = append(opts, smtptest.MaxMessages(spec.MaxMessages))
	}
	if spec.NoPipelines {
		opts = append(opts, smtptest.Extensions("SIZE 20000000", "8BITMIME", "ENHANCEDSTATUSCODES"))
	}
	r, err := smtptest.Listen(spec.Addr, opts...)
	if err != nil {
		return err
	}
	defer r.Close()
	fmt.Fprintln(out, r.Addr())
	for sc := bufio.NewScanner(in); sc.Scan(); {
		switch sc.Text() {
		case "open":
			fmt.Fprintln(out, r.Open())
		case "violations":
			b, err := json.Marshal(r.Violations())
			if err != nil {
				return err
			}
			fmt.Fprintln(out, string(b))
		}
	}
	return nil
}

// mischief is what a relay does now and then.
type mischief struct {
	spec   relaySpec
	mu     sync.Mutex
	rnd    *rand.Rand
	events *json.Encoder
}

func (m *mischief) chance(p float64) bool { return m.number() < p }

func (m *mischief) number() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rnd.Float64()
}

func (m *mischief) recipient(e smtptest.Event) smtptest.Action {
	switch {
	case strings.HasPrefix(e.To, deadReader):
		return smtptest.Reply("550 5.1.1 No such mailbox")
	case m.chance(m.spec.Defer):
		return smtptest.Reply("451 4.3.0 Try again later")
	}
	return smtptest.Go()
}

func (m *mischief) dot(e smtptest.Event) smtptest.Action {
	switch {
	case m.chance(m.spec.Defer):
		return smtptest.Reply("451 4.3.0 Try again later")
	case m.chance(m.spec.Cut / 2):
		return m.cut(e, false)
	}
	return smtptest.Go()
}

// recorded comes when the message is in the ledger. A relay that thinks here is what a kill is most likely to find.
func (m *mischief) recorded(e smtptest.Event) smtptest.Action {
	if m.spec.Think > 0 {
		t := time.NewTimer(time.Duration(m.number() * float64(m.spec.Think)))
		defer t.Stop()
		select {
		case <-t.C:
		case <-e.Done:
		}
	}
	if m.chance(m.spec.Cut / 2) {
		return m.cut(e, true)
	}
	return smtptest.Go()
}

func (m *mischief) cut(e smtptest.Event, taken bool) smtptest.Action {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.events.Encode(cutEvent{To: e.To, Taken: taken})
	return smtptest.Reset()
}

// relayProcess is the relay as the proof sees it.
type relayProcess struct {
	spec relaySpec
	log  *os.File
	sys  *keeper

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	bad []string // violations that former processes reported
}

// startRelay starts the relay; its ledger lies in dir.
func startRelay(sys *keeper, dir string, spec relaySpec) (*relayProcess, error) {
	spec.Addr, spec.Ledger, spec.Events = "127.0.0.1:0", filepath.Join(dir, "ledger.jsonl"), filepath.Join(dir, "relay.jsonl")
	log, err := os.OpenFile(filepath.Join(dir, "relay.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	r := &relayProcess{spec: spec, log: log, sys: sys}
	return r, r.start()
}

// start starts it again after kill, at the same address and with the same ledger.
func (r *relayProcess) start() error {
	spec, err := json.Marshal(r.spec)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r.cmd = exec.Command(self)
	r.cmd.Env = append(os.Environ(), relayEnv+"="+string(spec))
	r.cmd.Stderr = r.log
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	r.out = bufio.NewReader(out)
	if err := r.sys.start(r.cmd, syscall.SIGKILL); err != nil {
		return err
	}
	addr, err := r.out.ReadString('\n')
	if err != nil {
		return fmt.Errorf("the relay does not start; see %s: %w", r.log.Name(), err)
	}
	r.spec.Addr = strings.TrimSpace(addr)
	r.spec.Seed++ // the next one does not repeat what this one did
	return nil
}

func (r *relayProcess) ask(question string) (string, error) {
	if _, err := fmt.Fprintln(r.in, question); err != nil {
		return "", err
	}
	answer, err := r.out.ReadString('\n')
	return strings.TrimSpace(answer), err
}

// violations returns what the clients did against the protocol, of all processes that this relay was.
func (r *relayProcess) violations() ([]string, error) {
	answer, err := r.ask("violations")
	if err != nil {
		return nil, err
	}
	var now []string
	err = json.Unmarshal([]byte(answer), &now)
	return append(append([]string(nil), r.bad...), now...), err
}

// kill ends the relay without a word, as a machine that loses its power.
func (r *relayProcess) kill() error {
	bad, err := r.violations()
	if err != nil {
		return err
	}
	r.bad = bad
	if err := r.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = r.cmd.Wait()
	return nil
}

func (r *relayProcess) signal(s syscall.Signal) error { return r.cmd.Process.Signal(s) }

func (r *relayProcess) url() string { return "smtp://" + r.spec.Addr + "?tls=none" }

// end ends the relay for good.
func (r *relayProcess) end() {
	_ = r.in.Close()
	_ = r.cmd.Process.Signal(syscall.SIGCONT)
	_ = r.cmd.Wait()
	_ = r.log.Close()
}
