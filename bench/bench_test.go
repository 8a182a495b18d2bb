package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets this program play the roles that need a process of their own.
func TestMain(m *testing.M) {
	if child() {
		return
	}
	os.Exit(m.Run())
}

// TestQuick runs every part, small, and asks whether the figures are of the right kind; never how high they are.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs everything")
	}
	dir := t.TempDir()
	mailer := filepath.Join(dir, "mailer")
	if out, err := exec.Command("go", "build", "-o", mailer, "mailer/cmd/mailer").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	o, err := parse([]string{"-quick", "-dir", dir, "-mailer", mailer, "-json", filepath.Join(dir, "bench.json")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	r, err := run(ctx, o)
	if err != nil {
		if os.Getenv("MAILER_TEST_REQUIRE_DB") == "" && strings.Contains(err.Error(), "PostgreSQL") {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	r.print(t.Output())
	if err := r.write(o.json); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(o.json)
	if err != nil {
		t.Fatal(err)
	}
	var written report
	if err := json.Unmarshal(data, &written); err != nil {
		t.Fatal(err)
	}
	for part := range parts {
		if !slices.ContainsFunc(written.Rows, func(w row) bool { return w.Part == part+1 }) {
			t.Errorf("part %d has no figures", part+1)
		}
	}
	for _, w := range written.Rows {
		memory := w.Unit == "MB" && runtime.GOOS != "linux"
		if w.Value <= 0 && !memory || w.Median != w.Value || len(w.All) != 1 {
			t.Errorf("%+v", w)
		}
		if strings.HasPrefix(w.Name, "delayed answers") && (w.Value < 0.9 || w.Value > 6) {
			t.Errorf("%v delayed answers for a message", w.Value)
		}
		if w.Unit == "MB" && runtime.GOOS == "linux" && (w.Value < 5 || w.Value > 2000) {
			t.Errorf("%s: %v MB", w.Name, w.Value)
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, "bench-run-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestInterrupted ends a run in the middle, as Ctrl-C does: nothing of it stays.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "mailer")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nsleep 600\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	o, err := parse([]string{"-quick", "-only", "2", "-dir", dir, "-mailer", program, "-json", filepath.Join(dir, "bench.json")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := run(ctx, o); ended <- err }()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(10 * time.Millisecond) {
		if found, _ := filepath.Glob(filepath.Join(dir, "bench-run-*", "postgres", "server.json")); len(found) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not start")
		}
		select {
		case err := <-ended:
			if strings.Contains(err.Error(), "PostgreSQL") && os.Getenv("MAILER_TEST_REQUIRE_DB") == "" {
				t.Skip(err)
			}
			t.Fatal(err)
		default:
		}
	}
	cancel()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("it does not say that it was interrupted")
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "bench-run-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCritical(t *testing.T) {
	t.Parallel()
	const ms = int64(time.Millisecond)
	at := func(arrived, answered int64, commands string) group {
		return group{arrived * ms, answered * ms, commands}
	}
	for name, tc := range map[string]struct {
		groups   []group
		answers  float64
		messages int
	}{
		"envelope, then the end": {[]group{at(0, 20, "EHLO"), at(21, 41, "MAIL RCPT DATA"), at(42, 62, "."), at(63, 83, "MAIL RCPT DATA"), at(84, 104, "."),
			at(105, 125, "MAIL RCPT DATA"), at(126, 146, "."), at(147, 167, "QUIT")}, 2, 2},
		"the next envelope with the end":                {[]group{at(0, 20, "MAIL RCPT DATA"), at(21, 41, ". MAIL RCPT DATA"), at(42, 62, ". MAIL RCPT DATA"), at(63, 83, ".")}, 1, 2},
		"the next envelope while the end is unanswered": {[]group{at(0, 20, "MAIL RCPT DATA"), at(21, 41, "."), at(22, 42, "MAIL RCPT DATA"), at(43, 63, ".")}, 1, 1},
		"one by one":  {[]group{at(0, 20, "."), at(21, 41, "MAIL"), at(42, 62, "RCPT"), at(63, 83, "DATA"), at(84, 104, ".")}, 4, 1},
		"one message": {[]group{at(0, 20, "MAIL RCPT DATA"), at(21, 41, ".")}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers, messages, delay := critical(tc.groups)
			if answers != tc.answers || messages != tc.messages {
				t.Errorf("%v answers, %d messages; want %v, %d", answers, messages, tc.answers, tc.messages)
			}
			if messages > 0 && delay != 20*time.Millisecond {
				t.Errorf("delay %v", delay)
			}
		})
	}
}

// What arrives may be cut anywhere: the sink counts the same.
func TestSinkFeed(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("A line of the message.\r\n", 900) + "..\r\n. \r\n"
	envelope := "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
	turns := []string{"EHLO x\r\n", envelope, body + ".\r\n" + envelope, body + ".\r\n" + envelope, body + ".\r\nQUIT\r\n"} // between two: an answer is read
	for _, size := range []int{1, 2, 3, 5, 7, 1000, 4096, 20000} {
		ss := &session{s: &sink{}}
		var kept []byte
		answers := ""
		for _, turn := range turns {
			for piece := range slices.Chunk([]byte(turn), size) {
				ss.out = ss.out[:0]
				kept = append([]byte{}, ss.feed(append(kept, piece...))...)
				answers += string(ss.out)
			}
		}
		if n := ss.s.messages.Load(); n != 3 || !ss.quit || strings.Count(answers, "354 ") != 3 || strings.Contains(answers, "500 ") {
			t.Errorf("in pieces of %d: %d messages; %q", size, n, answers)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := &report{}
	for _, v := range []float64{100, 300, 200} {
		r.add(measure{Part: 1, Name: nameCeiling, Value: v})
		r.add(measure{Part: 2, Name: nameWhole, Value: v / 2, Aim: atLeast(90, "")})
		r.add(measure{Part: 2, Name: "memory", Value: v, Less: true, Aim: atMost(150, "")})
	}
	r.conclude()
	want := []struct {
		name         string
		best, median float64
		met          bool
	}{{nameCeiling, 300, 200, false}, {nameWhole, 150, 100, true}, {"memory", 100, 200, false}, {"of the ceiling (1)", 0.5, 0.5, true}}
	rows := r.rows()
	if len(rows) != len(want) {
		t.Fatalf("%d rows: %+v", len(rows), rows)
	}
	for i, w := range want {
		o := rows[i]
		if o.Name != w.name || o.Best != w.best || o.Median != w.median || o.Aim != nil && o.Aim.Met != w.met {
			t.Errorf("%+v; want %+v", o, w)
		}
	}
}
