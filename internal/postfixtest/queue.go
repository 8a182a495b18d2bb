package postfixtest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Mail is a message that the server has accepted, for one recipient.
type Mail struct {
	Queue     string // "hold", unless a test lets it go on
	ID        string // as in "250 2.0.0 Ok: queued as ID"
	Sender    string
	Recipient string
}

// Queue returns what the server holds, as its own tool lists it. It works while the server is stopped too.
func (s *Server) Queue() []Mail {
	s.t.Helper()
	out := s.run("postqueue", "-c", s.path("conf"), "-j")
	var mails []Mail
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var m struct {
			Queue      string `json:"queue_name"`
			ID         string `json:"queue_id"`
			Sender     string `json:"sender"`
			Recipients []struct {
				Address string `json:"address"`
			} `json:"recipients"`
		}
		if err := dec.Decode(&m); err != nil {
			s.t.Fatalf("postqueue: %v\n%s", err, out)
		}
		for _, r := range m.Recipients {
			mails = append(mails, Mail{m.Queue, m.ID, m.Sender, r.Address})
		}
	}
	return mails
}

// Message returns a queued message as it stands in its queue file, with CRLF at the end of each line and without the
// Received field that the server has put in front.
func (s *Server) Message(id string) []byte {
	s.t.Helper()
	out := s.run("postcat", "-c", s.path("conf"), "-bhq", id)
	msg := bytes.ReplaceAll(out, []byte("\n"), []byte("\r\n"))
	if !bytes.HasPrefix(msg, []byte("Received: ")) {
		s.t.Fatalf("message %s does not begin with Received:\n%.500s", id, msg)
	}
	for at := 0; ; {
		i := bytes.IndexByte(msg[at:], '\n')
		if at += i + 1; i < 0 || at == len(msg) || msg[at] != ' ' && msg[at] != '\t' {
			return msg[at:]
		}
	}
}

func (s *Server) run(name string, args ...string) []byte {
	s.t.Helper()
	var complaints bytes.Buffer
	cmd := exec.Command(tool(name), args...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%s: %v: %s", name, err, &complaints)
	}
	return out
}

// Log returns what the server has written into its mail log so far.
func (s *Server) Log() string {
	b, err := os.ReadFile(s.path("log"))
	if err != nil {
		return ""
	}
	return string(b)
}

// WaitLog waits until the log has n lines with a text, and returns them.
func (s *Server) WaitLog(text string, n int) []string {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		var found []string
		for line := range strings.Lines(s.Log()) {
			if strings.Contains(line, text) {
				found = append(found, strings.TrimSpace(line))
			}
		}
		if len(found) >= n {
			return found
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("postfix logged %q %d times, want %d", text, len(found), n)
		}
	}
}
