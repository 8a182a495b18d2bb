package spool

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"mailer/internal/errs"
)

func open(t *testing.T, dir string) *Spool {
	t.Helper()
	s, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func put(t *testing.T, s *Spool, entries ...string) {
	t.Helper()
	for _, e := range entries {
		if err := s.Append([]byte(e)); err != nil {
			t.Fatal(err)
		}
	}
}

func drain(t *testing.T, s *Spool) (got []string) {
	t.Helper()
	err := s.Drain(3, func(entries [][]byte) error {
		for _, e := range entries {
			got = append(got, string(e))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("drained %q; want %q", got, want)
	}
}

// What was appended comes back once, in order, also after the program has ended; then the folder is empty.
func TestOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "a", "b\nwith a line end", "", "c", "d")
	want(t, drain(t, s), "a", "b\nwith a line end", "", "c", "d")
	put(t, s, "e", "f")
	s.Close() // as good as a crash: nothing is written at the end
	s = open(t, dir)
	if s.Pending() != 2 {
		t.Errorf("%d pending; want 2", s.Pending())
	}
	put(t, s, "g")
	want(t, drain(t, s), "e", "f", "g")
	want(t, drain(t, s))
	if left, _ := os.ReadDir(dir); len(left) != 0 || s.Pending() != 0 {
		t.Errorf("%d files and %d pending are left", len(left), s.Pending())
	}
}

// An error of the taker keeps everything that was not taken for good; what is appended meanwhile follows.
func TestTakerFails(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	put(t, s, "a", "b", "c", "d")
	away := errors.New("away")
	n := 0
	err := s.Drain(2, func([][]byte) error {
		if n++; n == 2 {
			return away
		}
		return nil
	})
	if !errors.Is(err, away) {
		t.Fatal(err)
	}
	put(t, s, "e")
	want(t, drain(t, s), "a", "b", "c", "d", "e")
}

// Many at once all return after their entry is on the disk, and share its fsyncs.
func TestTogether(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	syncs := 0 // under the lock of the disk
	s.sync = func(f *os.File) error { syncs++; return f.Sync() }
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			if err := s.Append(fmt.Append(nil, i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got := drain(t, s)
	slices.Sort(got)
	if got = slices.Compact(got); len(got) != 200 || syncs >= 200 {
		t.Errorf("%d entries of 200 with %d fsyncs", len(got), syncs)
	}
}

// What somebody else has put into the folder under such a name neither stops the spool nor is read or removed.
func TestForeign(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, encode([]byte("not ours")), 0o600); err != nil {
		t.Fatal(err)
	}
	folder, link := filepath.Join(dir, "1-1"+suffix), filepath.Join(dir, "2-1"+suffix)
	if err := errors.Join(os.Mkdir(folder, 0o700), os.Symlink(outside, link)); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	put(t, s, "a", "b")
	if got := drain(t, s); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("drained %q", got)
	}
	for _, name := range []string{folder, link, outside} {
		if _, err := os.Lstat(name); err != nil {
			t.Error(err)
		}
	}
}

// UNS-11: wherever a crash cuts a file, what was there before the cut is handed on, and nothing else.
func TestTorn(t *testing.T) {
	t.Parallel()
	whole := slices.Concat(encode([]byte("first")), encode([]byte("second")), encode([]byte("third one")))
	ends := map[int]int{}
	for i, at := 1, 0; i <= 3; i++ {
		at += bytes.IndexByte(whole[at:], '\n') + 1
		ends[at] = i
	}
	n := 0
	for cut := range len(whole) + 1 {
		if ends[cut] > 0 {
			n = ends[cut]
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "1-1.spool"), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want(t, drain(t, open(t, dir)), []string{"first", "second", "third one"}[:n]...)
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("cut at %d: %d files are left", cut, len(left))
		}
	}
}

// A damaged entry is passed over and its file kept for a person; entries before and behind it count.
func TestDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := slices.Concat(encode([]byte("first")), encode([]byte("second")), encode([]byte("third")))
	data[bytes.Index(data, []byte("second"))] = 'S'
	if err := os.WriteFile(filepath.Join(dir, "1-1.spool"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	want(t, drain(t, s), "first", "third")
	want(t, drain(t, s))
	if _, err := os.Stat(filepath.Join(dir, "1-1.damaged")); err != nil {
		t.Error(err)
	}
}

// UNS-11: a disk that does not write is told, nothing half stays, and when it writes again all goes on.
func TestDiskFails(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	put(t, s, "a")
	s.sync = func(*os.File) error { return syscall.ENOSPC }
	if err := s.Append([]byte("b")); errs.KindOf(err) != errs.Unavailable {
		t.Errorf("Append on a full disk: %v", err)
	}
	s.sync = (*os.File).Sync
	put(t, s, "c")
	want(t, drain(t, s), "a", "c")
}

// UNS-11: what one process has on the disk when it is killed another one hands on, and nobody takes what a living one has.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("SPOOL_TEST_DIR"); dir != "" {
		s, err := Open(dir, slog.Default())
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; ; i++ {
			if err := s.Append(fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
			fmt.Println("kept", i)
		}
	}
	t.Parallel()
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	child.Env = append(os.Environ(), "SPOOL_TEST_DIR="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	last := -1
	for last < 50 {
		if _, err := fmt.Fscanf(out, "kept %d\n", &last); err != nil {
			t.Fatal(err)
		}
	}
	want(t, drain(t, s)) // it lives
	_ = child.Process.Kill()
	for {
		if _, err := fmt.Fscanf(out, "kept %d\n", &last); err != nil {
			break
		}
	}
	_ = child.Wait()
	got := drain(t, s)
	if s.Pending() != 0 {
		t.Errorf("%d pending; those of the other process were never counted here", s.Pending())
	}
	put(t, s, "mine")
	if s.Pending() != 1 {
		t.Errorf("%d pending; want 1", s.Pending())
	}
	if len(got) < last+1 || len(got) > last+2 {
		t.Fatalf("%d entries; it was told that %d are kept", len(got), last+1)
	}
	for i, e := range got {
		if e != fmt.Sprint(i) {
			t.Fatalf("entry %d is %q", i, e)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(encode([]byte("entry")), 3)
	f.Add([]byte("00000000 0 \n00000000 99999999999999999999 x\n"), 0)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		for len(data) > 0 {
			_, rest, ok := decode(data)
			if !ok {
				return
			}
			if len(rest) >= len(data) {
				t.Fatal("no progress")
			}
			data = rest
		}
	})
}
