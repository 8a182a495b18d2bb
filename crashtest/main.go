// Command crashtest proves the promises of the send (docs/reliability.md): it runs a real mailer serve on a real Postgres against a
// relay that writes each message to a ledger on disk before it answers, kills what can be killed, and compares the ledger with
// the database. Run it by make crashtest KILLS=200.
//
// It prints the seed: with SEED the same faults are tried at the same moments, as far as a machine repeats itself. It ends with one
// line of figures, and with status 1 when a promise was broken; the evidence then stays where it says.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"mailer/internal/failpoint"
)

func main() {
	kills := flag.Int("kills", 200, "kills at random moments and at failpoints")
	seed := flag.Uint64("seed", 0, "seed of a run to repeat (0: another one)")
	readers := flag.Int("readers", 4000, "readers of each send")
	only := flag.String("only", "", "run only scenarios whose name or number contains this")
	parallel := flag.Int("parallel", 3, "scenarios at a time")
	keep := flag.Bool("keep", false, "keep the files also when all is well")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *seed == 0 {
		*seed = rand.Uint64N(1 << 32)
	}
	ok, err := prove(ctx, os.Stdout, options{kills: *kills, seed: *seed, readers: *readers, parallel: *parallel, only: *only, keep: *keep})
	if err != nil {
		fmt.Fprintln(os.Stderr, "crashtest:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

type options struct {
	kills    int
	seed     uint64
	readers  int
	parallel int
	only     string
	keep     bool
}

// scenarios are all of them. Half of the kills are for a single sender with policy retry.
func scenarios(kills int, short bool) []scenario {
	all := []scenario{
		{"SND-25", "kills", killRounds(kills/2, false, false)},
		{"SND-27", "kills with policy hold", killRounds(kills/4, true, false)},
		{"SND-29", "two senders, one of them killed", killRounds(kills-kills/2-kills/4, false, true)},
		{"SND-29", "one of two killed before a scheduled start", takeover},
	}
	zombiePoints, stormFaults := failpoint.Names, kills/5
	if short {
		zombiePoints, stormFaults = []string{"permit-granted", "reply-read"}, 10
	}
	for _, name := range append([]string{""}, zombiePoints...) {
		title := "stopped beyond the lease"
		if name != "" {
			title += " at " + name
		}
		all = append(all, scenario{"SND-28", title, zombies(name)})
	}
	all = append(all,
		scenario{"SND-30", "postgres killed", databaseTrouble(3, crash)},
		scenario{"SND-30", "postgres restarted", databaseTrouble(3, restart)},
		scenario{"SND-30", "a process of postgres killed", databaseTrouble(3, killBackend)},
		scenario{"SND-30", "no connection to postgres left", databaseTrouble(2, noSlots)},
		scenario{"SND-38", "disk of the database full", fullDisk},
		scenario{"SND-25", "all at once", storm(stormFaults)},
		scenario{"SND-24", "stopped in good order", termination},
		scenario{"SND-25", "kills while the audience is written", audienceKills},
		scenario{"SND-21", "relay gone and back", relayGone},
		scenario{"SND-16", "relay says nothing", relayMute},
	)
	for _, name := range failpoint.Names {
		all = append(all, scenario{"SND-26", "killed at " + name, atPoint(name, false)})
	}
	for _, name := range failpoint.Names {
		if after[name].unknown > 0 {
			all = append(all, scenario{"SND-27", "killed at " + name + " with policy hold", atPoint(name, true)})
		}
	}
	return all
}

// prove runs the scenarios and reports whether every promise was kept.
func prove(ctx context.Context, out io.Writer, o options) (bool, error) {
	var list []scenario
	for _, sc := range scenarios(o.kills, false) {
		if strings.Contains(sc.id+" "+sc.name, o.only) {
			list = append(list, sc)
		}
	}
	if len(list) == 0 { // a proof of nothing would look like one
		return false, fmt.Errorf("there is no scenario with %q in its name or number; try SND-25, or killed", o.only)
	}
	dir, err := os.MkdirTemp("", "mailer-crashtest-")
	if err != nil {
		return false, err
	}
	fmt.Fprintf(out, "seed %d, files in %s\n", o.seed, dir)
	l, err := newLab(ctx, dir, o.seed, o.readers, out)
	if err != nil {
		return false, err
	}
	defer l.end()
	r := result{ran: len(list)}
	l.runAll(ctx, list, o.parallel, func(sc scenario, s *session) { r.add(l, sc, s) })
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	for _, b := range r.broken {
		fmt.Fprintln(out, "BROKEN", b)
	}
	fmt.Fprintln(out, r.verdict(l))
	if len(r.broken) > 0 {
		fmt.Fprintf(out, "the evidence is in %s: of each send the ledger, the logs and, where a promise was broken, the database\n", dir)
	} else if !o.keep {
		defer os.RemoveAll(dir)
	}
	return len(r.broken) == 0, nil
}

// runAll runs scenarios, some at a time, and hands on each result as it comes.
func (l *lab) runAll(ctx context.Context, list []scenario, parallel int, done func(scenario, *session)) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	todo := make(chan scenario)
	for range parallel {
		wg.Go(func() {
			for sc := range todo {
				s := l.run(ctx, sc)
				mu.Lock()
				done(sc, s)
				mu.Unlock()
			}
		})
	}
	for _, sc := range list {
		if ctx.Err() == nil {
			todo <- sc
		}
	}
	close(todo)
	wg.Wait()
}

// result is what the scenarios found.
type result struct {
	ran, over int
	sum       figures
	broken    []string
	skipped   []string
}

func (r *result) add(l *lab, sc scenario, s *session) {
	r.over++
	r.sum.add(s.sum)
	for _, b := range s.broken {
		r.broken = append(r.broken, sc.id+" "+sc.name+": "+b)
	}
	told := fmt.Sprintf("%d kills and %d other faults, %d mails, %d copies too many", s.sum.Kills, s.sum.Faults, s.sum.Mails, s.sum.Copies)
	if s.skipped != "" {
		r.skipped = append(r.skipped, sc.id)
		told = "not run here: " + s.skipped
	}
	left := time.Since(l.began) / time.Duration(r.over) * time.Duration(r.ran-r.over)
	l.say("%d of %d: %s %s: %s (about %v to go)", r.over, r.ran, sc.id, sc.name, told, left.Round(time.Second))
}

// verdict is the last line.
func (r *result) verdict(l *lab) string {
	end, notRun, f := "every promise kept", "", r.sum
	if len(r.broken) > 0 {
		end = fmt.Sprintf("%d PROMISES BROKEN", len(r.broken))
	}
	if len(r.skipped) > 0 {
		notRun = fmt.Sprintf(" (not run here: %s)", strings.Join(r.skipped, " "))
	}
	return fmt.Sprintf("seed %d, %.0f s, %d scenarios%s: %d kills (%d of them at a failpoint) and %d other faults in %d sends; "+
		"%d readers, %d mails, %d left; %d copies too many of at most %d; %d doubts, of which %d remain and are known by name; %d looks; %s",
		l.seed, time.Since(l.began).Seconds(), r.ran, notRun, f.Kills, f.Points, f.Faults, f.Sends,
		f.Readers, f.Mails, f.Left, f.Copies, f.Allowed, f.Doubts+f.Unknown, f.Unknown, f.Looks, end)
}
