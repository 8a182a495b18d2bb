package relay_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"mailer/internal/relay"
	"mailer/internal/smtptest"
)

// SND-14 and SND-15: replies as no RFC foresees them, to the dot and to RCPT.
func TestOddReplies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("words without end ", 150)
	for name, tc := range map[string]struct {
		raw, dot, rcpt, text string
	}{
		"SND-14 three lines":          {"550-5.1.1 The address\r\n550-5.1.1 you wrote to\r\n550 5.1.1 does not exist\r\n", "failed hard dot", "failed hard rcpt", "The address you wrote to does not exist"},
		"SND-14 2 KB":                 {"451 4.3.0 " + long + "\r\n", "deferred transient dot", "deferred transient rcpt", "words without end"},
		"SND-14 100 KB":               {"451 4.3.0 " + strings.Repeat(long, 40) + "\r\n", "deferred transient dot", "deferred transient rcpt", "words without end"},
		"SND-14 200 lines":            {strings.Repeat("451-4.3.0 so\r\n", 199) + "451 4.3.0 so\r\n", "deferred transient dot", "deferred transient rcpt", "so so"},
		"SND-14 not UTF-8":            {"550 5.7.1 refus\xe9 \xff\x00\x1b[31m\r\n", "failed block dot", "failed block rcpt", `refus\xe9 \xff\x00\x1b[31m`},
		"SND-14 direction and marks":  {"550 5.7.1 a\u202eb\u200bc\u00a0d\u2028e\r\n", "failed block dot", "failed block rcpt", `a\u{202e}b\u{200b}c d\u{2028}e`},
		"SND-14 LF only":              {"550-5.1.1 no\n550 5.1.1 one\n", "failed hard dot", "failed hard rcpt", "no one"},
		"SND-14 no code":              {"go away\r\n", "doubt garbage dot", "requeue garbage rcpt", ""},
		"SND-14 four digits":          {"5500 no\r\n", "doubt garbage dot", "requeue garbage rcpt", ""},
		"SND-14 code of none":         {"999 ok\r\n", "doubt garbage dot", "requeue garbage rcpt", ""},
		"SND-14 a line lost its code": {"550-5.1.1 no such\r\nuser here\r\n550 5.1.1 at all\r\n", "failed hard dot", "failed hard rcpt", "no such user here at all"},
		"SND-14 markup":               {"554 5.7.1 <script>alert(1)</script>\r\n", "failed block dot", "failed block rcpt", "<script>alert(1)</script>"},
		"SND-15 no text":              {"250\r\n", "accepted dot", "accepted dot", ""},
		"SND-15 a space":              {"250 \r\n", "accepted dot", "accepted dot", ""},
		"SND-15 mixed":                {"250-2.0.0 Ok\r\n250 2.0.0 queued\r\n", "accepted dot", "accepted dot", "Ok queued"},
		"SND-15 empty first line":     {"250-\r\n250 \r\n", "accepted dot", "accepted dot", ""},
		"SND-15 251":                  {"251 2.1.5 forwarded\r\n", "accepted dot", "accepted dot", "forwarded"},
		"SND-15 252":                  {"252 2.5.2 trying\r\n", "accepted dot", "accepted dot", "trying"},
		"SND-15 other 2yz":            {"259 whatever\r\n", "accepted dot", "accepted dot", "whatever"},
		"SND-15 other codes within":   {"250-one\r\n251 two\r\n", "accepted dot", "accepted dot", "one two"},
		"SND-15 text glued to code":   {"250ok\r\n", "accepted dot", "accepted dot", "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBoth(t, func(t *testing.T, ext smtptest.Option) {
				for _, at := range []smtptest.Stage{smtptest.Dot, smtptest.RcptTo} {
					s := smtptest.Start(t, ext, smtptest.On(at, smtptest.Always(smtptest.Raw(tc.raw))))
					res := dial(t, newRelay(t, s)).Send(t.Context(), env, message("1"), yes)
					verdict := tc.dot
					if at == smtptest.RcptTo {
						verdict = tc.rcpt
					}
					want(t, res, verdict, res.Reusable)
					if !strings.Contains(res.Text, tc.text) && (at == smtptest.Dot || res.Kind != relay.Accepted) {
						t.Errorf("text %q; want %q", res.Text, tc.text)
					}
					wellFormed(t, res.Text)
					if ok := res.Kind == relay.Accepted; ok != (s.Len() == 1) {
						t.Errorf("%d in the ledger", s.Len())
					}
				}
			})
		})
	}
}

// wellFormed checks that a text may be stored in Postgres, written into a log line and shown.
func wellFormed(t testing.TB, s string) {
	t.Helper()
	if !utf8.ValidString(s) || len(s) > relay.MaxText {
		t.Errorf("%d bytes, valid UTF-8 %v", len(s), utf8.ValidString(s))
	}
	for _, r := range s {
		if r != ' ' && !unicode.IsPrint(r) {
			t.Errorf("%q has %U", s, r)
		}
	}
}
