package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailer/internal/dbtest"
)

// An import that is killed goes on where it was, and comes to what an undisturbed one comes to.
func TestImportKilled(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.OpenURL(t)
	dir := t.TempDir()
	const n = 120_000
	file := filepath.Join(dir, "readers.csv")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "email,name")
	for i := range n {
		fmt.Fprintf(w, "reader%d@example.org,Reader %d\n", i, i)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	mailer := func(args ...string) *exec.Cmd {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(dir, "mailer")
		_ = os.Symlink(exe, link)
		cmd := exec.Command(link, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "MAILER_DATABASE_URL="+dsn, "MAILER_SMTP_URL=smtp://127.0.0.1:9?tls=none", "MAILER_BASE_URL=https://news.example.org",
			"MAILER_SECRET=0123456789abcdef0123456789abcdef")
		return cmd
	}
	if out, err := mailer("lists", "create", "weekly", "--name", "W", "--from-name", "W", "--from-address", "w@news.example.org").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	victim := mailer("subscribers", "import", file, "--list", "weekly", "--confirmed", "--source", "fair")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	var rows int
	for deadline := time.Now().Add(time.Minute); rows == 0 && time.Now().Before(deadline); {
		if err := d.Get(&rows, `SELECT coalesce(max(rows), 0) FROM imports`); err != nil {
			t.Fatal(err)
		}
	}
	_ = victim.Process.Kill()
	_ = victim.Wait()
	if err := d.Get(&rows, `SELECT count(*) FROM imports WHERE finished_at IS NULL AND rows BETWEEN 1 AND $1`, n-1); err != nil || rows != 1 {
		t.Fatalf("it was not killed in the middle: %d, %v", rows, err)
	}
	if out, err := mailer("subscribers", "imports").CombinedOutput(); err != nil || !strings.Contains(string(out), "broken off") && !strings.Contains(string(out), "running") {
		t.Fatalf("imports: %v: %s", err, out)
	}
	out, err := mailer("subscribers", "import", file, "--resume", "1").CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("%d rows: %d added, 0 updated", n, n)) || !strings.Contains(string(out), "had been done before") {
		t.Fatalf("resume: %v: %s", err, out)
	}
	var people, consents int
	if err := d.Get(&people, `SELECT count(*) FROM mailable`); err != nil || people != n {
		t.Errorf("%d mailable, %v", people, err)
	}
	if err := d.Get(&consents, `SELECT count(*) FROM consent_log`); err != nil || consents != n {
		t.Errorf("%d notes of consent, %v", consents, err)
	}
}
