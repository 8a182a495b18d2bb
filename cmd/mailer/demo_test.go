package main

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// The demo sends its digest to the readers who may have it, says why others do not get it, and finds all that again.
func TestDemo(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "a folder of its own")
	run := func() (s demoSummary) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		p := &program{env: []string{"MAILER_HOME=" + home, "PATH=" + t.TempDir()}, stdout: &stdout, stderr: &stderr, stdin: strings.NewReader("")}
		if status := p.run(t.Context(), []string{"demo", "--once", "--json"}); status != 0 {
			t.Fatalf("status %d\n%s", status, stderr.String())
		}
		if err := json.Unmarshal(stdout.Bytes(), &s); err != nil {
			t.Fatalf("%v in %s", err, stdout.String())
		}
		return s
	}
	first := run()
	if first.Audience != 45 || first.Accepted != 45 || first.Skipped != 5 || first.Caught != 45 || first.Readers != 50 || first.Stories != 9 || first.Again {
		t.Errorf("%+v", first)
	}
	if len(first.Why) != 2 || first.Appealed+first.Supporters != 45 || first.Supporters == 0 {
		t.Errorf("why %v, appeal to %d, supporters %d", first.Why, first.Appealed, first.Supporters)
	}
	if !strings.Contains(first.Leave, "/u/") || !strings.Contains(first.Mail, "/m/") || !strings.Contains(first.Choices, "/p/") || !strings.Contains(first.Archive, "/archive/morning") {
		t.Errorf("addresses %q, %q, %q, %q", first.Leave, first.Mail, first.Choices, first.Archive)
	}
	var stderr bytes.Buffer
	p := &program{env: []string{"MAILER_HOME=" + home, "PATH=" + t.TempDir()}, stdout: io.Discard, stderr: &stderr, stdin: strings.NewReader("")}
	if status := p.run(t.Context(), []string{"subscribers", "leave", "farid@example.net", "--list", "morning"}); status != 0 {
		t.Fatalf("status %d\n%s", status, stderr.String())
	}
	second := run()
	if !second.Again || second.Campaign != first.Campaign || second.Accepted != 45 {
		t.Errorf("the second run: %+v", second)
	}
	// What was sent does not change with who comes and goes.
	if second.Readers != 50 || second.Skipped != 5 || second.Appealed != first.Appealed || second.Supporters != first.Supporters || second.Mail != first.Mail {
		t.Errorf("the second run mixes then and now: %+v", second)
	}
}

// A second demo in a folder would take other ports, and break the links in the mails of the first.
func TestDemoOnceInAFolder(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	unlock, err := lockDemo(home)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockDemo(home); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second lock: %v", err)
	}
	unlock()
	again, err := lockDemo(home)
	if err != nil {
		t.Fatal(err)
	}
	again()
}
