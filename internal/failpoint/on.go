//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// point is the one that is armed.
type point struct {
	name string
	nth  int64
	sig  syscall.Signal
	hits atomic.Int64
}

var armed = arm(os.Getenv("MAILER_FAILPOINT"))

// arm reads NAME@NTH or NAME@NTH:stop. What it does not understand ends the process: a proof of nothing would look like one.
func arm(s string) *point {
	if s == "" {
		return nil
	}
	s, stop := strings.CutSuffix(s, ":stop")
	name, count, _ := strings.Cut(s, "@")
	nth, err := strconv.ParseInt(count, 10, 64)
	if err != nil || nth < 1 || !slices.Contains(Names, name) {
		fmt.Fprintf(os.Stderr, "MAILER_FAILPOINT=%s is not NAME@NTH with one of %s\n", s, strings.Join(Names, ", "))
		os.Exit(64)
	}
	p := &point{name: name, nth: nth, sig: syscall.SIGKILL}
	if stop {
		p.sig = syscall.SIGSTOP
	}
	return p
}

// Hit ends or stops this process when it is the moment that MAILER_FAILPOINT names.
func Hit(name string) {
	if armed == nil || armed.name != name || armed.hits.Add(1) != armed.nth {
		return
	}
	fmt.Fprintf(os.Stderr, "failpoint %s, time %d: %v\n", name, armed.nth, armed.sig)
	_ = syscall.Kill(os.Getpid(), armed.sig)
	if armed.sig == syscall.SIGKILL {
		select {}
	}
}
