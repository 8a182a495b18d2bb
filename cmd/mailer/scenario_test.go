package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mailer/internal/dbtest"
	"mailer/internal/smtptest"
)

// TestMain lets this test binary be the program: scenarios and other tests start it as a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mailer": main})
}

// TestScenarios runs testdata/*.txt: the real program, a real Postgres, a relay on loopback. Beside testscript's own
// commands they have those of scenario below.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			s := &scenario{t: t}
			testscript.Run(t, testscript.Params{Files: []string{file}, Setup: s.setup, Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"production": s.production, "status": s.status, "json": s.json, "until": s.until, "freeport": s.freeport,
				"http": s.http, "feeds": s.feeds, "relay": s.relayCmd, "one-click": s.oneClick,
				"gone": s.gone, "caught": s.caught,
			}})
		})
	}
}

// scenario is what one script has around it.
type scenario struct {
	t     *testing.T
	relay *smtptest.Relay
}

// setup gives each script a home of its own and nothing configured.
func (s *scenario) setup(env *testscript.Env) error {
	env.Setenv("USER", "tester")
	env.Setenv("HOME", env.WorkDir)
	for _, name := range []string{"GOCOVERDIR", "TZ"} {
		env.Setenv(name, os.Getenv(name))
	}
	env.Setenv("TZ", "UTC")
	return nil
}

// production configures a database of this script's own and a relay on loopback.
func (s *scenario) production(ts *testscript.TestScript, _ bool, _ []string) {
	_, dsn := dbtest.OpenURL(s.t)
	s.relay = smtptest.Start(s.t)
	ts.Setenv("MAILER_DATABASE_URL", dsn)
	ts.Setenv("MAILER_SMTP_URL", s.relay.URL())
	ts.Setenv("MAILER_BASE_URL", "https://news.example.org")
	ts.Setenv("MAILER_SECRET", "0123456789abcdef0123456789abcdef")
}

// status runs a command and checks how it ends: status 64 mailer lists nonsense.
func (s *scenario) status(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("%s ended with status %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// json runs a command and puts a value of its JSON into a variable: json ID 0.id mailer campaigns list --json.
func (s *scenario) json(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec(args[2], args[3:]...))
	v, err := lookUp(ts.ReadFile("stdout"), args[1])
	ts.Check(err)
	ts.Setenv(args[0], v)
}

// lookUp follows a path such as 0.send.accepted.
func lookUp(text, path string) (string, error) {
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return "", fmt.Errorf("%w in %s", err, text)
	}
	for _, key := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(x) {
				return "", fmt.Errorf("no %s in %s", path, text)
			}
			v = x[i]
		}
	}
	if v == nil {
		return "", fmt.Errorf("no %s in %s", path, text)
	}
	return fmt.Sprint(v), nil
}

// caught waits until the mail catcher shows a mail: caught bob@example.test $INBOX.
func (s *scenario) caught(ts *testscript.TestScript, _ bool, args []string) {
	page := ""
	if !poll(func() bool {
		_, text, err := ask("GET", "http://"+args[1]+"/", "")
		page = text
		return err == nil && strings.Contains(text, args[0])
	}) {
		ts.Fatalf("no mail to %s was caught:\n%s", args[0], page)
	}
}

// gone waits until a file is not there any more.
func (s *scenario) gone(ts *testscript.TestScript, _ bool, args []string) {
	if !poll(func() bool {
		_, err := os.Stat(ts.MkAbs(args[0]))
		return os.IsNotExist(err)
	}) {
		ts.Fatalf("%s is still there", args[0])
	}
}

// until repeats a command until its JSON has a value: until send.state=done mailer campaigns show 1 --json.
func (s *scenario) until(ts *testscript.TestScript, _ bool, args []string) {
	path, want, _ := strings.Cut(args[0], "=")
	got := ""
	if !poll(func() bool {
		if err := ts.Exec(args[1], args[2:]...); err != nil {
			return false
		}
		v, err := lookUp(ts.ReadFile("stdout"), path)
		got = v
		return err == nil && v == want
	}) {
		ts.Fatalf("%s stays %q, want %q", path, got, want)
	}
}

// poll tries a condition for a minute: longer than the lease of a process that died.
func poll(cond func() bool) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if cond() {
			return true
		}
	}
	return false
}

// freeport puts an address that nobody listens on into each variable.
func (s *scenario) freeport(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		ts.Setenv(name, ln.Addr().String())
		defer ln.Close()
	}
}

// http asks a server, waiting until it is there, and puts the body on stdout: http 200 GET http://$ADDR/healthz. A
// fourth argument is the body of a form.
func (s *scenario) http(ts *testscript.TestScript, _ bool, args []string) {
	body := ""
	if len(args) > 3 {
		body = args[3]
	}
	status, text, err := 0, "", error(nil)
	if !poll(func() bool {
		status, text, err = ask(args[1], args[2], body)
		return err == nil
	}) {
		ts.Fatalf("%s: %v", args[2], err)
	}
	fmt.Fprint(ts.Stdout(), text)
	if fmt.Sprint(status) != args[0] {
		ts.Fatalf("%s %s: status %d, want %s\n%s", args[1], args[2], status, args[0], text)
	}
}

func ask(method, address, form string) (status int, body string, err error) {
	req, err := http.NewRequest(method, address, strings.NewReader(form))
	if err != nil {
		return 0, "", err
	}
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// feeds serves a folder of the script on loopback, allows the program to read from there and sets FEEDS to its address.
func (s *scenario) feeds(ts *testscript.TestScript, _ bool, args []string) {
	srv := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	ts.Defer(srv.Close)
	host := strings.TrimPrefix(srv.URL, "http://")
	ts.Setenv("FEEDS", srv.URL)
	ts.Setenv("MAILER_ALLOW_HOSTS", host)
}

// relayCmd looks into the relay's ledger:
//
//	relay wait 3               until that many mails came
//	relay count 3              that many came so far
//	relay to ada@example.org   the mail to that address goes to stdout
func (s *scenario) relayCmd(ts *testscript.TestScript, neg bool, args []string) {
	switch args[0] {
	case "wait", "count":
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		if args[0] == "wait" {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			ts.Check(s.relay.Wait(ctx, n))
		}
		if got := s.relay.Len(); got != n {
			ts.Fatalf("the relay got %d mails, want %d", got, n)
		}
	case "to":
		data, found := s.mailTo(args[1])
		if found == neg {
			ts.Fatalf("a mail to %s came: %v", args[1], found)
		}
		fmt.Fprintf(ts.Stdout(), "%s", data)
	default:
		ts.Fatalf("relay %s is not known", args[0])
	}
}

// mailTo returns the last mail to an address.
func (s *scenario) mailTo(address string) (data []byte, found bool) {
	for _, e := range s.relay.Ledger() {
		if e.To == address {
			data, found = e.Data, true
		}
	}
	return data, found
}

var leaveURL = regexp.MustCompile(`<(https://[^>]+)>`)

// oneClick does what a mail program does when its reader unsubscribes (RFC 8058), at the server on this machine:
// one-click ada@example.org $ADDR.
func (s *scenario) oneClick(ts *testscript.TestScript, _ bool, args []string) {
	data, found := s.mailTo(args[0])
	if !found {
		ts.Fatalf("no mail to %s came", args[0])
	}
	m, err := mail.ReadMessage(bytes.NewReader(data))
	ts.Check(err)
	found2 := leaveURL.FindStringSubmatch(m.Header.Get("List-Unsubscribe"))
	if found2 == nil || m.Header.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
		ts.Fatalf("the mail to %s offers no one-click unsubscribing: %v", args[0], m.Header)
	}
	u, err := url.Parse(found2[1])
	ts.Check(err)
	u.Scheme, u.Host = "http", args[1]
	status, body, err := ask("POST", u.String(), "List-Unsubscribe=One-Click")
	ts.Check(err)
	if status != http.StatusOK {
		ts.Fatalf("POST %s: status %d\n%s", u.Path, status, body)
	}
}
