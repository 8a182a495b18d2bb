//go:build failpoints

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"mailer/internal/delivery"
	"mailer/internal/relay"
)

// hastes are the waits that MAILER_TEST_HASTE shortens, such as lease=5s,retry=1s,relay=100ms,dot=10s,tick=1s: the crash proof
// need not wait five minutes for each doubt. The variable is read in a build with the tag failpoints only.
func hastes() map[string]time.Duration {
	waits := map[string]time.Duration{}
	for part := range strings.SplitSeq(os.Getenv("MAILER_TEST_HASTE"), ",") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			fmt.Fprintf(os.Stderr, "MAILER_TEST_HASTE: %s is no time\n", part)
			os.Exit(64)
		}
		waits[name] = d
	}
	return waits
}

func hasteSender(c delivery.SenderConfig) delivery.SenderConfig {
	waits := hastes()
	if d := waits["lease"]; d > 0 {
		c.Lease = d
	}
	if d := waits["tick"]; d > 0 {
		c.Tick, c.Idle = d, d/5
	}
	if d := waits["retry"]; d > 0 {
		c.Backoff = func(int, string) time.Duration { return d }
	}
	if d := waits["hold"]; d > 0 {
		c.Hold = d
	}
	if d := waits["relay"]; d > 0 {
		c.RelayBackoff = func(failures int) time.Duration { return d << min(max(failures, 1)-1, 3) }
	}
	return c
}

func hasteRelay(c relay.Config) relay.Config {
	if d := hastes()["dot"]; d > 0 {
		c.Timeouts = relay.Timeouts{Hello: d, Mail: d, Rcpt: d, Data: d, Block: d, Dot: d}
	}
	return c
}
