package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc; Linux shows it so on every architecture.
const tick = 10 * time.Millisecond

// stat reads the processor time of a process, and of its ended children, from /proc; zero where there is no /proc.
func stat(pid int) (parent int, self, children time.Duration) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, 0
	}
	// The name in brackets may hold anything; what follows the last bracket begins with field 3.
	f := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(f) < 15 {
		return 0, 0, 0
	}
	n := func(field int) time.Duration {
		v, _ := strconv.ParseInt(f[field-3], 10, 64)
		return time.Duration(v) * tick
	}
	parent, _ = strconv.Atoi(f[4-3])
	return parent, n(14) + n(15), n(16) + n(17)
}

// cpuOf is the processor time of one process.
func cpuOf(pid int) time.Duration { _, self, _ := stat(pid); return self }

// cpuOfFamily is the processor time of a process and of all its children, those that have ended too: a Postgres.
func cpuOfFamily(pid int) time.Duration {
	_, self, ended := stat(pid)
	sum := self + ended
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		child, _ := strconv.Atoi(filepath.Base(name))
		if parent, self, _ := stat(child); parent == pid {
			sum += self
		}
	}
	return sum
}

// peakMemory is the most memory the process ever had resident, in MB (VmHWM); zero where there is no /proc.
func peakMemory(pid int) float64 {
	data, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kb / 1024
		}
	}
	return 0
}

// load is the load of the machine over the last minute.
func load() float64 {
	data, _ := os.ReadFile("/proc/loadavg")
	v, _, _ := strings.Cut(string(data), " ")
	n, _ := strconv.ParseFloat(v, 64)
	return n
}

// meter measures the processor time of sender, Postgres and sink over a span.
type meter struct {
	begin    map[string]time.Duration
	pids     map[string][]int
	postgres int
}

// newMeter begins to measure. senders and sinks are processes.
func (b *bench) newMeter(senders []*process, sink *process) *meter {
	m := &meter{pids: map[string][]int{}, postgres: b.pg.PID()}
	for _, p := range senders {
		m.pids["sender"] = append(m.pids["sender"], p.cmd.Process.Pid)
	}
	if sink != nil {
		m.pids["sink"] = []int{sink.cmd.Process.Pid}
	}
	m.begin = m.read()
	return m
}

func (m *meter) read() map[string]time.Duration {
	now := map[string]time.Duration{"postgres": cpuOfFamily(m.postgres)}
	for name, pids := range m.pids {
		for _, pid := range pids {
			now[name] += cpuOf(pid)
		}
	}
	return now
}

// perMessage is the processor time of each since the beginning, in microseconds for each message; nil where the system
// does not tell.
func (m *meter) perMessage(messages int64) map[string]float64 {
	out := map[string]float64{}
	for name, v := range m.read() {
		out[name] = float64((v - m.begin[name]).Microseconds()) / float64(max(1, messages))
	}
	if out["sender"] == 0 && out["sink"] == 0 {
		return nil
	}
	return out
}

// spending returns a function that says how much processor time has been spent since by Postgres, and by the commands of mailer
// that this process has waited for: on a shared machine it tells more than the time on the clock.
func (b *bench) spending() func() string {
	commands := func() time.Duration { _, _, ended := stat(os.Getpid()); return ended }
	postgres, ours := cpuOfFamily(b.pg.PID()), commands()
	return func() string {
		text := fmt.Sprintf("processor time: Postgres %.1f s", (cpuOfFamily(b.pg.PID()) - postgres).Seconds())
		if d := commands() - ours; d > 0 {
			text += fmt.Sprintf(", mailer %.1f s", d.Seconds())
		}
		return text
	}
}
