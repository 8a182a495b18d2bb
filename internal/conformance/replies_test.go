package conformance

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"mailer/internal/delivery"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// odd are replies as no RFC foresees them. For each: what is on record when it answers a RCPT, what when it answers the final dot,
// and a part of the text that is kept.
var odd = []struct{ raw, rcpt, dot, text string }{
	{"550-5.1.1 The address\r\n550-5.1.1 you wrote to\r\n550 5.1.1 does not exist\r\n", "failed/hard", "failed/hard", "The address you wrote to does not exist"},
	{"451 4.3.0 " + strings.Repeat("words without end ", 120) + "\r\n", "deferred/transient accepted", "deferred/transient accepted", "words without end"},
	{"451 4.3.0 " + strings.Repeat("words without end ", 6000) + "\r\n", "deferred/transient accepted", "deferred/transient accepted", "words without end"},
	{"550 5.7.1 refus\xe9 \xff\x00\x1b[31m\x7f\r\n", "failed/block", "failed/block", `refus\xe9 \xff\x00\x1b[31m\x7f`},
	{"550 5.7.1 a\u202eb\u200bc\u2028d\r\n", "failed/block", "failed/block", `a\u{202e}b\u{200b}c\u{2028}d`},
	{"550 5.7.1 <script>alert(1)</script>' OR 1=1; --\r\n", "failed/block", "failed/block", "<script>alert(1)</script>' OR 1=1; --"},
	{"550-5.1.1 no\n550 5.1.1 one\n", "failed/hard", "failed/hard", "no one"},
	{"450 4.2.1\r\n", "deferred/transient accepted", "deferred/transient accepted", ""},
	{"450\r\n", "deferred/transient accepted", "deferred/transient accepted", ""},
	{"go away\r\n", "accepted", "doubt/garbage accepted", ""},
	{"\r\n", "accepted", "doubt/garbage accepted", ""},
	{"5500 no\r\n", "accepted", "doubt/garbage accepted", ""},
	{"999 what\r\n", "accepted", "doubt/garbage accepted", ""},
	{"250\r\n", "accepted", "accepted", ""},
	{"250-\r\n250 \r\n", "accepted", "accepted", ""},
	{"250-2.0.0 Ok\r\n250 2.0.0 queued\r\n", "accepted", "accepted", ""},
	{"251 2.1.5 forwarded\r\n", "accepted", "accepted", ""},
	{"252 2.5.2 trying\r\n", "accepted", "accepted", ""},
}

// SND-14: odd replies are read without panic, and are stored capped and escaped, so that whatever shows them, shows what they say and
// nothing else. SND-15: a 2yz in whatever form is an acceptance, once.
func TestOddReplies(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]smtptest.Stage{"SND-14 SND-15 at RCPT": smtptest.RcptTo, "SND-14 SND-15 after the dot": smtptest.Dot} {
		for ext, opt := range map[string]smtptest.Option{"pipelined": smtptest.Extensions("PIPELINING"), "one by one": smtptest.Extensions()} {
			t.Run(name+" "+ext, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				all := r.readers(len(odd))
				var mu sync.Mutex
				answered := map[string]bool{}
				s := smtptest.Start(t, opt, smtptest.Lenient(), smtptest.On(at, func(e smtptest.Event) smtptest.Action {
					mu.Lock()
					defer mu.Unlock()
					i := slices.Index(all, e.To)
					if i < 0 || answered[e.To] {
						return smtptest.Go()
					}
					answered[e.To] = true
					return smtptest.Raw(odd[i].raw)
				}))
				r.launch(story)
				r.sender(relay.Config{URL: s.URL()})
				b := r.state(delivery.StateDone)
				var accepted []string
				for i, o := range odd {
					want := o.rcpt
					if at == smtptest.Dot {
						want = o.dot
					}
					if got := strings.Join(r.outcomes(all[i]), " "); got != want {
						t.Errorf("%.40q: %s, want %s", o.raw, got, want)
					}
					if strings.HasSuffix(want, "accepted") {
						accepted = append(accepted, all[i])
					}
				}
				if b.Accepted != int64(len(accepted)) || b.Failed != int64(len(odd)-len(accepted)) {
					t.Errorf("balance: %+v", b)
				}
				copies := map[string]int{}
				for _, e := range s.Ledger() {
					copies[e.To]++
				}
				for _, who := range accepted {
					if copies[who] != 1 { // a reply that is none was given before anything was taken
						t.Errorf("SND-15: %s got %d copies", who, copies[who])
					}
				}
				r.shownSafely(all)
			})
		}
	}
}

// shownSafely checks every text of the relay's that is stored, listed or reported.
func (r *rig) shownSafely(all []string) {
	r.Helper()
	var stored []string
	if err := r.db.Select(&stored, `SELECT reply || queue_id || enhanced FROM outcomes`); err != nil {
		r.Fatal(err)
	}
	listed, err := r.store.Outcomes(r.Context(), campaign, delivery.Filter{})
	if err != nil {
		r.Fatal(err)
	}
	texts := map[string]string{}
	for _, l := range listed {
		texts[l.Address] = l.Reply
		stored = append(stored, l.Reply)
	}
	r.exec(`INSERT INTO campaigns (id, list_id, edition, name, template, state, launched_at, approved_hash) OVERRIDING SYSTEM VALUE
		VALUES ($1, 1, '', 'Test', 'digest', 'launched', now(), '')`, campaign)
	for _, f := range r.report().Refusals {
		stored = append(stored, f.Reply)
	}
	for _, s := range stored {
		if !utf8.ValidString(s) || len(s) > relay.MaxText+200 {
			r.Errorf("SND-14: %d bytes are stored, valid UTF-8: %v", len(s), utf8.ValidString(s))
		}
		if i := strings.IndexFunc(s, func(c rune) bool { return c != ' ' && !unicode.IsPrint(c) }); i >= 0 {
			r.Errorf("SND-14: %q has a character that is not to be shown", s)
		}
	}
	for i, o := range odd {
		if said, failed := texts[all[i]]; failed && !strings.Contains(said, o.text) {
			r.Errorf("SND-14: %q is listed as %q", o.raw, said)
		}
	}
	if len(texts) == 0 {
		r.Error("nobody is listed as failed")
	}
}

// SND-01: 421 to the RSET that follows a refusal changes nothing of what was accepted before, and costs nobody after.
// SND-05: a 421 anywhere makes the relay wait for longer and longer, and nobody else.
func TestClosingRelay(t *testing.T) {
	t.Parallel()
	closing := smtptest.Reply("421 4.4.2 closing").ThenDrop()
	t.Run("SND-01 421 on RSET", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(40)
		s := smtptest.Start(t, smtptest.On(smtptest.RcptTo, smtptest.For("reader9@example.net", smtptest.Reply("550 5.7.1 no"))),
			smtptest.On(smtptest.RcptTo, smtptest.For("reader19@example.net", smtptest.Reply("550 5.7.1 no"))),
			smtptest.On(smtptest.Rset, smtptest.Always(closing)))
		r.launch(story)
		r.sender(relay.Config{URL: s.URL()}, func(c *delivery.SenderConfig) { c.Connections = 1 })
		if b := r.state(delivery.StateDone); b.Accepted != 38 || b.Failed != 2 {
			t.Errorf("balance: %+v", b)
		}
		if n := r.count(`SELECT count(*) FROM outcomes`); n != 40 || s.Len() != 38 {
			t.Errorf("%d outcomes, %d messages for 40 readers", n, s.Len())
		}
		if !slices.Contains(s.Commands(), "RSET") {
			t.Error("RSET was never said")
		}
	})
	for at, name := range map[smtptest.Stage]string{smtptest.Greeting: "connect", smtptest.Hello: "EHLO", smtptest.MailFrom: "MAIL", smtptest.RcptTo: "RCPT", smtptest.Data: "DATA"} {
		t.Run("SND-05 421 at "+name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(40)
			s := smtptest.Start(t, smtptest.On(at, smtptest.First(4, closing)), smtptest.Lenient())
			waits := &failures{}
			r.launch(story)
			r.sender(relay.Config{URL: s.URL()}, func(c *delivery.SenderConfig) { c.Connections = 1 }, waits.note)
			if b := r.state(delivery.StateDone); b.Accepted != 40 || b.Reason != "" {
				t.Errorf("balance: %+v", b)
			}
			if n := r.count(`SELECT count(*) FROM outcomes WHERE kind <> 'accepted' OR attempt > 1`); n != 0 {
				t.Errorf("%d readers were touched by it", n)
			}
			if waits.len() < 2 || !waits.growing() {
				t.Errorf("the relay was given time after failures %v", waits.list)
			}
		})
	}
}

// A relay that is full says so to MAIL, before it has heard of any reader. It is given time; the readers' attempts are not used up.
// One message that it never wants is put off, and does not hold up those behind it. SND-05
func TestFullRelay(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"SND-05 disk full":     "452 4.3.1 Insufficient system storage",
		"SND-05 too much mail": "450 4.7.1 Error: too much mail from 127.0.0.1",
		"SND-05 no words":      "451 later",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(200)
			s := smtptest.Start(t, smtptest.On(smtptest.MailFrom, smtptest.First(24, smtptest.Reply(says))))
			r.launch(story)
			r.sender(relay.Config{URL: s.URL()}, func(c *delivery.SenderConfig) { c.Connections = 2 })
			if b := r.state(delivery.StateDone); b.Accepted != 200 || b.Reason != "" {
				t.Errorf("balance: %+v", b)
			}
			if n := r.count(`SELECT count(*) FROM outcomes WHERE kind = 'deferred'`); n > 24/3 {
				t.Errorf("%d readers were put off, for 24 answers that are not about them", n)
			}
			if s.Len() != 200 {
				t.Errorf("%d messages for 200 readers", s.Len())
			}
		})
	}
	t.Run("one message again and again", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.readers(60)
		var mu sync.Mutex
		var victim string
		s := smtptest.Start(t, smtptest.On(smtptest.MailFrom, func(e smtptest.Event) smtptest.Action {
			mu.Lock()
			defer mu.Unlock()
			if victim == "" {
				victim = e.From
			}
			if e.From == victim {
				return smtptest.Reply("452 4.3.4 not this one")
			}
			return smtptest.Go()
		}))
		r.launch(story)
		r.sender(relay.Config{URL: s.URL()}, func(c *delivery.SenderConfig) {
			c.Connections, c.Backoff = 1, func(int, string) time.Duration { return time.Hour }
		})
		r.until("the others have their mail", func() bool { b := r.balance(); return b.Accepted == 59 && b.Deferred == 1 })
	})
}
