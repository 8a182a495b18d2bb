package relay_test

import (
	"errors"
	"strings"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/relay"
)

func TestURL(t *testing.T) {
	t.Parallel()
	for in, name := range map[string]string{
		"smtp://mail.example.org":                               "mail.example.org:587",
		"smtp://user:pa%2Fss@mail.example.org:2525":             "mail.example.org:2525",
		"smtp://mail.example.org?tls=starttls":                  "mail.example.org:587",
		"smtp://mail.example.org?tls=implicit":                  "mail.example.org:465",
		"smtps://user:pass@mail.example.org/":                   "mail.example.org:465",
		"smtps://Bücher.example":                                "xn--bcher-kva.example:465",
		"smtp://127.0.0.1:1025?tls=none":                        "127.0.0.1:1025",
		"smtp://user:pass@localhost?tls=none":                   "localhost:25",
		"smtp://[::1]:1025?tls=none":                            "[::1]:1025",
		"smtp://mail.internal.example:25?tls=none&insecure=yes": "mail.internal.example:25",
		" smtp://mail.example.org. ":                            "mail.example.org:587",
	} {
		r, err := relay.New(relay.Config{URL: in})
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if r.Name() != name {
			t.Errorf("%s: name %q; want %q", in, r.Name(), name)
		}
	}
	for in, says := range map[string]string{
		"":                                      "not set",
		"mail.example.org:587":                  "",
		"https://mail.example.org":              "smtp://",
		"smtp://":                               "host name",
		"smtp://:587":                           "host name",
		"smtp://user:s3cr3t@mail.example.org:0": "port",
		"smtp://user:s3cr3t@mail.example.org:70000":         "port",
		"smtp://user:s3cr3t@mail.example.org:abc":           "percent-encoded",
		"smtp://user:s3cr3t#x@mail.example.org":             "percent-encoded",
		"smtp://user:s3cr3t/x@mail.example.org":             "percent-encoded",
		"smtp://user:s3cr3t%zz@mail.example.org":            "percent-encoded",
		"smtp://user:s3cr3t@mail.example.org/inbox":         "?options",
		"smtp://user@mail.example.org":                      "password",
		"smtp://:s3cr3t@mail.example.org":                   "password",
		"smtp://user:s3cr3t%0d%0a@mail.example.org":         "control",
		"smtp://user:s3cr3t@mail.example.org?tls=none":      "clear text",
		"smtp://user:s3cr3t@10.0.0.1?tls=none&insecure=yes": "clear text",
		"smtp://mail.example.org?tls=none":                  "insecure=yes",
		"smtp://mail.example.org?tls=maybe":                 "starttls, implicit or none",
		"smtps://mail.example.org?tls=none":                 "starttls, implicit or none",
		"smtps://mail.example.org?tls=starttls":             "starttls, implicit or none",
		"smtp://mail.example.org?tls=none&tls=starttls":     "twice",
		"smtp://mail.example.org?insecure=1":                "yes",
		"smtp://mail.example.org?timeout=3":                 `"timeout"`,
		"smtp://exa mple.org":                               "",
		"smtp://-exa_mple-.org":                             "host name",
		"smtp:user@mail.example.org":                        "",
	} {
		_, err := relay.New(relay.Config{URL: in})
		var e *errs.Error
		if !errors.As(err, &e) || e.Kind != errs.Config || e.Field != relay.Setting {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if text := err.Error(); !strings.Contains(text, says) || !strings.Contains(text, "smtp://user:password@mail.example.org:587") || strings.Contains(text, "s3cr3t") {
			t.Errorf("%q: %s", in, text)
		}
	}
	for _, hello := range []string{"a b", "a\r\nQUIT", "bücher.example"} {
		if _, err := relay.New(relay.Config{URL: "smtp://mail.example.org", HelloName: hello}); errs.KindOf(err) != errs.Config {
			t.Errorf("EHLO %q: %v", hello, err)
		}
	}
}

func FuzzURL(f *testing.F) {
	f.Add("mail.example.org:587?tls=starttls")
	f.Add("mail.example.org?tls=none&insecure=yes")
	f.Add("[::1]/#x")
	f.Fuzz(func(t *testing.T, rest string) {
		if strings.Contains(rest, "hunter2hunter2") {
			return
		}
		r, err := relay.New(relay.Config{URL: "smtp://user:hunter2hunter2@" + rest})
		if err != nil && strings.Contains(err.Error(), "hunter2hunter2") || err == nil && strings.Contains(r.Name(), "hunter2hunter2") {
			t.Fatalf("the password stands in %v", err)
		}
	})
}
