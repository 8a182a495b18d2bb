package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
)

// What strangers wrote (headlines, replies of servers) must not steer the terminal it is printed on.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain text":                  "plain text",
		"two\nlines\tand tab":         "two lines and tab",
		"\x1b[31mred\x1b[0m":          "[31mred[0m",
		"\u202eevil\u202c":            "evil",
		"  spaces  around ":           "spaces around",
		"caf\u00e9 \u4e2d\u6587 ok":   "café 中文 ok",
		"bell\aback\bspace\x7f\u009b": "bellbackspace",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q; want %q", in, got, want)
		}
	}
	if got := shorten("a rather long headline", 10); got != "a rather …" {
		t.Errorf("shorten = %q", got)
	}
}

func TestCell(t *testing.T) {
	at := time.Date(2026, 11, 22, 7, 0, 0, 0, time.Local)
	var none *time.Time
	for _, tc := range []struct {
		in   any
		want string
	}{{at, "2026-11-22 07:00"}, {&at, "2026-11-22 07:00"}, {none, "-"}, {time.Time{}, "-"}, {true, "yes"}, {false, "no"}, {int64(7), "7"}, {"a\tb", "a b"}} {
		if got := cell(tc.in); got != tc.want {
			t.Errorf("cell(%v) = %q; want %q", tc.in, got, tc.want)
		}
	}
}

// Programs get [] for an empty list, never null.
func TestListOfNothing(t *testing.T) {
	for asJSON, want := range map[bool]string{true: "[]\n", false: "Nothing here.\n"} {
		var out bytes.Buffer
		p := &program{stdout: &out, flags: globals{JSON: asJSON}}
		if err := list[int](p, nil, "Nothing here.", nil, nil); err != nil || out.String() != want {
			t.Errorf("json %v: %q, %v; want %q", asJSON, out.String(), err, want)
		}
	}
}

func TestConfirm(t *testing.T) {
	if err := (&program{}).confirm(true, "Sure?"); err != nil {
		t.Errorf("with --yes: %v", err)
	}
	// A pipe is nobody: even one that says yes.
	var asked bytes.Buffer
	p := &program{stdin: strings.NewReader("y\n"), stderr: &asked}
	if err := p.confirm(false, "Sure?"); errs.KindOf(err) != errs.Usage || !strings.Contains(err.Error(), "--yes") || asked.Len() > 0 {
		t.Errorf("from a pipe: %v, asked %q", err, asked.String())
	}
	// A character device that answers nothing is no yes.
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	p = &program{stdin: null, stderr: io.Discard}
	if err := p.confirm(false, "Sure?"); errs.KindOf(err) != errs.Usage {
		t.Errorf("no answer: %v", err)
	}
}

func TestParseWhen(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]string{
		"2026-11-23 07:00":          "2026-11-23T06:00:00Z", // Paris is an hour ahead in winter
		"2026-06-23T07:00":          "2026-06-23T05:00:00Z",
		"2026-11-23T07:00:00Z":      "2026-11-23T07:00:00Z",
		"2026-11-23T07:00:00+02:00": "2026-11-23T05:00:00Z",
		"+2h30m":                    "2026-11-22T14:30:00Z",
	} {
		if got, err := parseWhen(in, "Europe/Paris", now); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("parseWhen(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "tomorrow", "+2", "+-2h", "2026-13-01 07:00", "07:00"} {
		if got, err := parseWhen(in, "Europe/Paris", now); errs.KindOf(err) != errs.Invalid {
			t.Errorf("parseWhen(%q) = %v, %v; want it refused", in, got, err)
		}
	}
}

func TestFail(t *testing.T) {
	for name, tc := range map[string]struct {
		err     error
		status  int
		says    string
		because bool
	}{
		"nothing":     {nil, 0, "", false},
		"not found":   {errs.New(errs.NotFound, "there is no list weekly"), 66, "mailer: there is no list weekly\n", false},
		"internal":    {io.ErrUnexpectedEOF, 70, "mailer: Something went wrong", true},
		"unavailable": {errs.Wrap(io.EOF, errs.Unavailable, "later"), 75, "mailer: later\n", true},
		"conflict":    {errs.Wrap(io.EOF, errs.Conflict, "twice"), 65, "mailer: twice\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := &program{stderr: &out}
			if got := p.fail(tc.err); got != tc.status || !strings.HasPrefix(out.String(), tc.says) || strings.Contains(out.String(), "because:") != tc.because {
				t.Errorf("status %d, says %q", got, out.String())
			}
		})
	}
}
