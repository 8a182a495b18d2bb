package relay_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// permit answers as it is told, and counts.
type permit struct {
	yes   bool
	asked int
}

func (p *permit) Ask(refused func()) {
	p.asked++
	if !p.yes {
		refused()
	}
}

func (p *permit) Answer(context.Context) bool { return p.yes }

// mails returns n messages to reader1@example.net and so on, all permitted.
func mails(n int) []*relay.Mail {
	var list []*relay.Mail
	for i := 1; i <= n; i++ {
		list = append(list, &relay.Mail{Envelope: relay.Envelope{From: env.From, To: reader(i)}, Message: message(fmt.Sprint(i)), Permit: &permit{yes: true}})
	}
	return list
}

func reader(i int) string { return fmt.Sprintf("reader%d@example.net", i) }

// to does a at a stage when the envelope is to this reader, or the command names it.
func to(i int, a smtptest.Action) smtptest.Hook {
	return func(e smtptest.Event) smtptest.Action {
		if e.To == reader(i) || strings.Contains(e.Line, "<"+reader(i)+">") {
			return a
		}
		return smtptest.Go()
	}
}

// carryAll carries messages one after the other, each announced, over as many connections as that takes, until each has a
// result that is not Requeue. It returns the results of all tries as "1 accepted dot".
func carryAll(t *testing.T, r *relay.Relay, list []*relay.Mail) (said []string) {
	t.Helper()
	var c *relay.Conn
	for i := 0; i < len(list); {
		if len(said) > 10*len(list) {
			t.Fatalf("no end: %q", said)
		}
		if c == nil || !c.Usable() {
			if c != nil {
				c.Quit()
			}
			c = dial(t, r)
		}
		res := c.Carry(t.Context(), list[i], func() *relay.Mail {
			if i+1 < len(list) {
				return list[i+1]
			}
			return nil
		})
		said = append(said, strings.Join(strings.Fields(fmt.Sprint(i+1, " ", res.Kind, " ", res.Class, " ", res.Stage)), " "))
		if !res.Reusable {
			c.Quit()
		}
		if res.Kind != relay.Requeue {
			i++
		}
	}
	c.Quit()
	return said
}

// counts returns how many copies of each message the relay has taken.
func counts(s *smtptest.Relay, n int) []int {
	got := make([]int, n)
	for _, e := range s.Ledger() {
		var i int
		fmt.Sscanf(e.MessageID, "%d@", &i)
		got[i-1]++
	}
	return got
}

// The state after each refusal is exactly known, also when the next envelope was under way already.
func TestAhead(t *testing.T) {
	t.Parallel()
	lost := smtptest.Reply("421 4.4.2 closing").ThenDrop()
	for name, tc := range map[string]struct {
		opts        []smtptest.Option
		want        string
		copies      string
		connections int
		rset        bool
	}{
		"all well": {nil, "1 accepted dot, 2 accepted dot, 3 accepted dot", "[1 1 1]", 1, false},
		"SND-06 451 at the dot": {[]smtptest.Option{smtptest.On(smtptest.Dot, to(1, smtptest.Reply("451 4.3.0 not now")))},
			"1 deferred transient dot, 2 accepted dot, 3 accepted dot", "[0 1 1]", 1, false},
		"SND-10 554 at the dot": {[]smtptest.Option{smtptest.On(smtptest.Dot, to(2, smtptest.Reply("554 5.7.1 no")))},
			"1 accepted dot, 2 failed block dot, 3 accepted dot", "[1 0 1]", 1, false},
		"SND-09 RCPT of the next": {[]smtptest.Option{smtptest.On(smtptest.RcptTo, to(2, smtptest.Reply("550 5.1.1 nobody")))},
			"1 accepted dot, 2 failed hard rcpt, 3 accepted dot", "[1 0 1]", 1, true},
		"SND-06 RCPT of the last": {[]smtptest.Option{smtptest.On(smtptest.RcptTo, to(3, smtptest.Reply("450 4.2.1 later")))},
			"1 accepted dot, 2 accepted dot, 3 deferred transient rcpt", "[1 1 0]", 1, false},
		"RCPT of the next, and 354 all the same": {[]smtptest.Option{smtptest.On(smtptest.RcptTo, to(2, smtptest.Reply("550 5.1.1 nobody"))),
			smtptest.On(smtptest.Data, func(e smtptest.Event) smtptest.Action {
				if e.To == "" {
					return smtptest.Reply("354 go on")
				}
				return smtptest.Go()
			})}, "1 accepted dot, 2 failed hard rcpt, 3 accepted dot", "[1 0 1]", 2, false},
		"DATA of the next": {[]smtptest.Option{smtptest.On(smtptest.Data, to(2, smtptest.Reply("451 4.3.0 no room")))},
			"1 accepted dot, 2 deferred transient data, 3 accepted dot", "[1 0 1]", 1, true},
		"MAIL of the next": {[]smtptest.Option{smtptest.On(smtptest.MailFrom, func() smtptest.Hook {
			var n atomic.Int64
			return func(smtptest.Event) smtptest.Action {
				if n.Add(1) == 2 {
					return smtptest.Reply("451 4.3.0 no")
				}
				return smtptest.Go()
			}
		}())}, "1 accepted dot, 2 deferred transient mail, 3 accepted dot", "[1 0 1]", 1, true},
		"SND-05 421 at the dot": {[]smtptest.Option{smtptest.On(smtptest.Dot, smtptest.First(1, lost))},
			"1 requeue busy dot, 1 accepted dot, 2 accepted dot, 3 accepted dot", "[1 1 1]", 2, false},
		"SND-05 421 at RCPT of the next": {[]smtptest.Option{smtptest.On(smtptest.RcptTo, once(to(2, lost)))},
			"1 accepted dot, 2 requeue busy rcpt, 2 accepted dot, 3 accepted dot", "[1 1 1]", 2, false},
		"SND-05 421 at DATA of the next": {[]smtptest.Option{smtptest.On(smtptest.Data, once(to(2, lost)))},
			"1 accepted dot, 2 requeue busy data, 2 accepted dot, 3 accepted dot", "[1 1 1]", 2, false},
		"SND-18 421 at MAIL of each next": {[]smtptest.Option{smtptest.MaxMessages(1)},
			"1 accepted dot, 2 requeue busy mail, 2 accepted dot, 3 requeue busy mail, 3 accepted dot", "[1 1 1]", 3, false},
		"SND-01 dies between the replies": {[]smtptest.Option{smtptest.On(smtptest.Replied, once(to(1, smtptest.Drop())))},
			"1 accepted dot, 2 requeue link mail, 2 accepted dot, 3 accepted dot", "[1 1 1]", 2, false},
		"SND-01 dies within the envelope's replies": {[]smtptest.Option{smtptest.On(smtptest.RcptTo, once(to(2, smtptest.Raw("250-2.1.5").ThenDrop())))},
			"1 accepted dot, 2 requeue link rcpt, 2 accepted dot, 3 accepted dot", "[1 1 1]", 2, false},
		"SND-02 dies before the dot is answered": {[]smtptest.Option{smtptest.On(smtptest.Recorded, to(1, smtptest.Drop()))},
			"1 doubt link dot, 2 accepted dot, 3 accepted dot", "[1 1 1]", 2, false},
		"SND-02 garbage for the dot": {[]smtptest.Option{smtptest.On(smtptest.Recorded, to(1, smtptest.Reply("what?")))},
			"1 doubt garbage dot, 2 accepted dot, 3 accepted dot", "[1 1 1]", 2, false},
		"a reply too many": {[]smtptest.Option{smtptest.On(smtptest.Recorded, to(1, smtptest.Reply("250 2.0.0 Ok\n250 2.0.0 and once more")))},
			"1 accepted dot, 2 requeue garbage data, 2 accepted dot, 3 accepted dot", "[1 1 1]", 2, false},
		"no PIPELINING": {[]smtptest.Option{smtptest.Extensions("8BITMIME")}, "1 accepted dot, 2 accepted dot, 3 accepted dot", "[1 1 1]", 1, false},
		"TLS":           {[]smtptest.Option{smtptest.StartTLS()}, "1 accepted dot, 2 accepted dot, 3 accepted dot", "[1 1 1]", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := smtptest.Start(t, tc.opts...)
			list := mails(3)
			if got := strings.Join(carryAll(t, newRelay(t, s), list), ", "); got != tc.want {
				t.Errorf("results: %s\nwant:    %s", got, tc.want)
			}
			if got := fmt.Sprint(counts(s, 3)); got != tc.copies {
				t.Errorf("copies %s, want %s", got, tc.copies)
			}
			if n := s.Connections(); n != tc.connections {
				t.Errorf("%d connections, want %d", n, tc.connections)
			}
			if rset := slices.Contains(s.Commands(), "RSET"); rset != tc.rset {
				t.Errorf("RSET said: %v", rset)
			}
		})
	}
}

// once lets a hook act once.
func once(h smtptest.Hook) smtptest.Hook {
	var done atomic.Bool
	return func(e smtptest.Event) smtptest.Action {
		a := h(e)
		if fmt.Sprint(a) == fmt.Sprint(smtptest.Go()) || done.Swap(true) {
			return smtptest.Go()
		}
		return a
	}
}

// script is a relay of a test's own: it greets, offers PIPELINING and then does what f says.
func script(t *testing.T, f func(c net.Conn, in *bufio.Reader), change ...func(*relay.Config)) *relay.Relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(time.Minute))
			in := bufio.NewReader(c)
			fmt.Fprint(c, "220 script\r\n")
			in.ReadString('\n')
			fmt.Fprint(c, "250-script\r\n250 PIPELINING\r\n")
			f(c, in)
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-ended })
	cfg := relay.Config{URL: "smtp://" + ln.Addr().String() + "?tls=none", HelloName: "news.example.org", Timeouts: quick}
	for _, f := range change {
		f(&cfg)
	}
	r, err := relay.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// readTo reads up to and including a line, and returns what was read.
func readTo(in *bufio.Reader, line string) (text string) {
	for {
		l, err := in.ReadString('\n')
		if text += l; err != nil || l == line+"\r\n" {
			return text
		}
	}
}

// The next envelope is written with the dot, not before it, and not when the dot was answered.
func TestAheadIsOneWrite(t *testing.T) {
	t.Parallel()
	var seen atomic.Pointer[string]
	r := script(t, func(c net.Conn, in *bufio.Reader) {
		readTo(in, "DATA")
		fmt.Fprint(c, "250 ok\r\n250 ok\r\n354 go on\r\n")
		readTo(in, ".")
		group := readTo(in, "DATA") // comes without an answer to the dot
		seen.Store(&group)
		fmt.Fprint(c, "250 taken\r\n250 ok\r\n250 ok\r\n354 go on\r\n")
		readTo(in, ".")
		fmt.Fprint(c, "250 taken\r\n")
		in.ReadByte()
	})
	list := mails(2)
	c := dial(t, r)
	early := false
	next := func() *relay.Mail { early = seen.Load() != nil; return list[1] }
	want(t, c.Carry(t.Context(), list[0], next), "accepted dot", true)
	if g := *seen.Load(); g != "MAIL FROM:<"+env.From+">\r\nRCPT TO:<"+reader(2)+">\r\nDATA\r\n" || early {
		t.Errorf("with the dot came %q; before it: %v", g, early)
	}
	want(t, c.Carry(t.Context(), list[1], nil), "accepted dot", true)
	c.Close()
}

// The result is there as soon as the dot is answered, also when the answers to the next envelope take their time.
func TestAheadResultAtOnce(t *testing.T) {
	t.Parallel()
	gate := smtptest.NewGate()
	s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, to(2, smtptest.Go())), smtptest.On(smtptest.RcptTo, func(e smtptest.Event) smtptest.Action {
		if strings.Contains(e.Line, reader(2)) {
			return gate.Hook(smtptest.Go())(e)
		}
		return smtptest.Go()
	}))
	list := mails(2)
	c := dial(t, newRelay(t, s))
	want(t, c.Carry(t.Context(), list[0], func() *relay.Mail { return list[1] }), "accepted dot", true)
	<-gate.Reached()
	gate.Open()
	want(t, c.Carry(t.Context(), list[1], nil), "accepted dot", true)
	accepted(t, s, 2)
}

// A message that was announced and is not wanted any more is not sent, and nobody is at risk.
func TestAheadWithdrawn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end  func(t *testing.T, c *relay.Conn, list []*relay.Mail) relay.Result
		want string
	}{
		"quit":  {func(_ *testing.T, c *relay.Conn, _ []*relay.Mail) relay.Result { c.Quit(); return relay.Result{} }, ""},
		"close": {func(_ *testing.T, c *relay.Conn, _ []*relay.Mail) relay.Result { c.Close(); return relay.Result{} }, ""},
		"context": {func(_ *testing.T, c *relay.Conn, list []*relay.Mail) relay.Result {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return c.Carry(ctx, list[1], nil)
		}, "requeue cancelled check"},
		"another": {func(t *testing.T, c *relay.Conn, list []*relay.Mail) relay.Result {
			return c.Carry(t.Context(), list[2], nil)
		}, "requeue link check"},
		"a single mail": {func(t *testing.T, c *relay.Conn, _ []*relay.Mail) relay.Result {
			return c.Send(t.Context(), env, message("3"), yes)
		}, "requeue link check"},
		"SND-04 no permit": {func(t *testing.T, c *relay.Conn, list []*relay.Mail) relay.Result {
			list[1].Permit = &permit{yes: false}
			return c.Carry(t.Context(), list[1], func() *relay.Mail { return list[2] })
		}, "refused permit body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var text atomic.Bool // the relay got some of the text of the second message
			s := smtptest.Start(t, smtptest.On(smtptest.Body, func(e smtptest.Event) smtptest.Action {
				text.Store(text.Load() || e.Accepted > 0)
				return smtptest.Go()
			}))
			list := mails(3)
			c := dial(t, newRelay(t, s))
			want(t, c.Carry(t.Context(), list[0], func() *relay.Mail { return list[1] }), "accepted dot", true)
			if res := tc.end(t, c, list); tc.want != "" {
				want(t, res, tc.want, false)
			}
			if c.Usable() {
				t.Error("it is still usable")
			}
			if err := s.WaitClosed(t.Context()); err != nil {
				t.Fatal(err)
			}
			accepted(t, s, 1)
			if text.Load() && !strings.HasPrefix(name, "SND-04") {
				t.Error("something was said to a relay that waits for text")
			}
			if v := s.Violations(); len(v) > 0 {
				t.Errorf("%q", v)
			}
		})
	}
}

// What cannot be sent is not announced, its own turn says why, and the connection is as good as before.
func TestAheadUnfit(t *testing.T) {
	t.Parallel()
	s := smtptest.Start(t)
	list := mails(3)
	list[1].Message = []byte("a bare\nLF\r\n")
	if got := strings.Join(carryAll(t, newRelay(t, s), list), ", "); got != "1 accepted dot, 2 failed sender check, 3 accepted dot" {
		t.Error(got)
	}
	if n := list[1].Permit.(*permit).asked; n != 0 || s.Connections() != 1 {
		t.Errorf("permit asked %d times, %d connections", n, s.Connections())
	}
}

// SND-18: nothing is announced on a connection that has carried its share.
func TestAheadShare(t *testing.T) {
	t.Parallel()
	s := smtptest.Start(t)
	r := newRelay(t, s, func(c *relay.Config) { c.MaxMessages = 2 })
	if got := strings.Join(carryAll(t, r, mails(5)), ", "); strings.Contains(got, "requeue") {
		t.Error(got)
	}
	if n := s.Connections(); n != 3 || len(s.Violations()) > 0 {
		t.Errorf("%d connections, %q", n, s.Violations())
	}
	if n := strings.Count(strings.Join(s.Commands(), "\n")+"\n", "QUIT\n"); n != 3 {
		t.Errorf("QUIT said %d times", n)
	}
}

// A break within the body of an announced message is still told from a doubt.
func TestAheadBrokenBeforeDot(t *testing.T) {
	t.Parallel()
	s := smtptest.Start(t, smtptest.On(smtptest.Data, to(2, smtptest.Reply("354 go on").ThenDrop())))
	list := mails(2)
	c := dial(t, newRelay(t, s))
	want(t, c.Carry(t.Context(), list[0], func() *relay.Mail { return list[1] }), "accepted dot", true)
	list[1].Permit = waiting(func(ctx context.Context) bool { return s.WaitClosed(ctx) == nil })
	want(t, c.Carry(t.Context(), list[1], nil), "requeue link body", false)
	accepted(t, s, 1)
}

// waiting is a permit that comes when a function says so.
type waiting func(context.Context) bool

func (waiting) Ask(func())                        {}
func (w waiting) Answer(ctx context.Context) bool { return w(ctx) }

// A relay that loses what comes with the dot costs one timeout, or some connections, and is then spoken to one message at a time.
func TestDeafRelay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lose func(c net.Conn, in *bufio.Reader) // what comes with the dot
		want []string
	}{
		"silent": {func(_ net.Conn, in *bufio.Reader) { in.ReadByte(); in.Discard(in.Buffered()) },
			[]string{"1 accepted dot", "2 requeue timeout mail"}},
		"hangs up": {func(c net.Conn, in *bufio.Reader) { in.ReadByte(); in.Discard(in.Buffered()); c.Close() },
			[]string{"1 accepted dot", "2 requeue link mail", "2 accepted dot", "3 requeue link mail", "3 accepted dot", "4 requeue link mail"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ahead atomic.Int64
			r := script(t, func(c net.Conn, in *bufio.Reader) {
				for {
					if text := readTo(in, "DATA"); !strings.HasSuffix(text, "DATA\r\n") {
						return
					}
					fmt.Fprint(c, "250 ok\r\n250 ok\r\n354 go on\r\n")
					readTo(in, ".")
					more := in.Buffered() > 0
					fmt.Fprint(c, "250 taken\r\n")
					if more {
						ahead.Add(1)
						tc.lose(c, in)
					}
				}
			}, func(c *relay.Config) { c.Timeouts.Mail = 50 * time.Millisecond })
			got := carryAll(t, r, mails(8))
			if !slices.Equal(got[:len(tc.want)], tc.want) {
				t.Errorf("%q", got)
			}
			if rest := strings.Join(got[len(tc.want):], ", "); strings.Contains(rest, "requeue") || !strings.HasSuffix(rest, "8 accepted dot") {
				t.Errorf("afterwards: %s", rest)
			}
		})
	}
}
