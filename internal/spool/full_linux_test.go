package spool

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"mailer/internal/errs"
)

// UNS-11: a disk that is really full.
func TestDiskFull(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no small disk: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	s := open(t, dir)
	entry := []byte(strings.Repeat("x", 1000))
	kept := 0
	for range 200 {
		err := s.Append(entry)
		if errs.KindOf(err) == errs.Unavailable {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		kept++
	}
	if kept == 0 || kept == 200 {
		t.Fatalf("%d entries fitted", kept)
	}
	if got := drain(t, s); len(got) != kept {
		t.Errorf("%d entries came back; want %d", len(got), kept)
	}
	put(t, s, "again")
	want(t, drain(t, s), "again")
}
