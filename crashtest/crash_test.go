package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mailer/internal/db/private"
)

// said gathers what the lab tells, to be shown where something is broken.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestPromises is the short form of the crash proof: twenty kills, each failpoint once, and each fault (SND-24 to SND-30, SND-38). The
// seed is always the same; make crashtest tries others.
func TestPromises(t *testing.T) {
	if testing.Short() {
		t.Skip("the crash proof takes minutes")
	}
	if _, err := private.Tool("initdb"); err != nil {
		if os.Getenv("MAILER_TEST_REQUIRE_DB") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	// Not t.TempDir: a socket's path may have about 104 bytes.
	dir, err := os.MkdirTemp("", "mailer-crashtest-")
	if err != nil {
		t.Fatal(err)
	}
	out := &said{}
	l, err := newLab(t.Context(), dir, 20, 700, out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.end()
		if t.Failed() {
			t.Logf("the evidence is in %s\n%s", dir, out)
		} else {
			_ = os.RemoveAll(dir)
		}
	})
	list := scenarios(20, true)
	found := map[string]chan *session{}
	for _, sc := range list {
		found[sc.name] = make(chan *session, 1)
	}
	// The scenarios wait for leases more than they work, so more of them run at a time than there are processors.
	go l.runAll(t.Context(), list, 6, func(sc scenario, s *session) { found[sc.name] <- s })
	for _, sc := range list {
		t.Run(sc.id+" "+sc.name, func(t *testing.T) {
			s := <-found[sc.name]
			for _, b := range s.broken {
				t.Error(b)
			}
			if s.skipped != "" {
				t.Skip("not run here: " + s.skipped)
			}
		})
	}
}

// TestFailpointsAreForTests makes sure that what an operator builds has neither failpoints nor shortened waits in it.
func TestFailpointsAreForTests(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program twice")
	}
	for _, flags := range [][]string{nil, {"-tags", "failpoints"}} {
		file := filepath.Join(t.TempDir(), "mailer")
		if err := build(file, flags...); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, variable := range []string{"MAILER_FAILPOINT", "MAILER_TEST_HASTE"} {
			if got := bytes.Contains(b, []byte(variable)); got != (flags != nil) {
				t.Errorf("%s in a build with %q: %v", variable, strings.Join(flags, " "), got)
			}
		}
	}
}

// TestRandomRepeats holds the promise of SEED: the same numbers for the same scenario, others for others.
func TestRandomRepeats(t *testing.T) {
	draw := func(seed uint64, name string) string {
		r := (&lab{seed: seed}).random(name)
		return fmt.Sprint(r.Uint64(), r.Uint64())
	}
	first, again := draw(1, "a"), draw(1, "a")
	if first != again || first == draw(2, "a") || first == draw(1, "b") {
		t.Error("the numbers do not go by seed and name")
	}
}
