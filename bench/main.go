// Command bench measures how fast mailer sends, imports and launches on the machine it runs on, beside the ceiling that
// the machine sets and beside the ordinary way of doing the same. `make bench` builds and runs it; docs/benchmarks.md says
// what each part does and how to read the table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if child() {
		return
	}
	o, err := parse(os.Args[1:])
	if err != nil {
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := run(ctx, o)
	if report != nil {
		report.print(os.Stdout)
		if werr := report.write(o.json); err == nil {
			err = werr
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options say what is measured, and how much of it.
type options struct {
	only      map[int]bool // parts; empty: all
	repeat    int
	readers   int           // of the whole path
	ordinary  int           // messages of the ordinary way
	small     int           // readers of the small list of part 5
	million   int           // readers of the large list
	window    time.Duration // how long a relay-bound part is watched
	latency   time.Duration // that relay's, for each answer
	signing   time.Duration // how long bare signatures are made
	calling   time.Duration // how long each public page is called
	settings  []string      // of the sender, beyond the defaults
	dir, json string
	mailer    string // the program
}

func parse(args []string) (*options, error) {
	o := &options{only: map[int]bool{}}
	var only string
	var quick bool
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&only, "only", "", "parts to run, such as 1,2,3 (default: all)")
	f.IntVar(&o.repeat, "repeat", 1, "how often each part is run; the table has best and median")
	f.IntVar(&o.readers, "readers", 100_000, "readers of parts 1, 2, 7 and 10")
	f.IntVar(&o.ordinary, "ordinary", 20_000, "messages of part 3, the ordinary way")
	f.IntVar(&o.small, "small", 10_000, "readers of the small list of part 5")
	f.IntVar(&o.million, "million", 1_000_000, "readers of the large list of parts 5, 6 and 9")
	f.DurationVar(&o.window, "window", 15*time.Second, "how long parts 4 and 8 are watched")
	f.DurationVar(&o.latency, "latency", 20*time.Millisecond, "how long the relay of parts 4 and 8 takes for each answer")
	f.DurationVar(&o.signing, "signing", 5*time.Second, "how long part 7 makes bare signatures")
	f.DurationVar(&o.calling, "calling", 5*time.Second, "how long part 10 calls each public page")
	f.StringVar(&o.dir, "dir", "bin", "folder for the databases; on a real disk, or the figures are not worth much. Removed again")
	f.StringVar(&o.json, "json", "bin/bench.json", "where the figures are written")
	f.StringVar(&o.mailer, "mailer", "bin/mailer", "the program that is measured")
	f.Func("set", "a setting of the sender that is not its default, such as MAILER_CONNECTIONS=50; may be repeated", func(v string) error {
		o.settings = append(o.settings, v)
		return nil
	})
	f.BoolFunc("mix", "readers at large providers too, which have limits of their own, instead of at unnamed domains only", func(string) error {
		domains = mixedDomains
		return nil
	})
	f.BoolVar(&quick, "quick", false, "everything, small: to see that it works, not how fast")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if quick { // one list for everything, as most of the time goes into making lists
		o.readers, o.ordinary, o.small, o.million = 900, 100, 900, 900
		o.window, o.latency, o.signing, o.calling = 500*time.Millisecond, 60*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
	}
	for s := range strings.SplitSeq(only, ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > len(parts) {
			err = fmt.Errorf("-only: there is no part %q", s)
			fmt.Fprintln(os.Stderr, err)
			return nil, err
		}
		o.only[n] = true
	}
	if o.repeat < 1 || o.readers < 1 || o.ordinary < 1 || o.small < 1 || o.million < 1 {
		err := errors.New("numbers must be positive")
		fmt.Fprintln(os.Stderr, err)
		return nil, err
	}
	return o, nil
}

// part is one measurement of the list.
type part struct {
	name string
	run  func(*bench, context.Context) error
}

// parts in the order of the table; the first is number 1.
var parts = []part{
	{"the ceiling: prebuilt messages, a plain pipelined loop", (*bench).ceiling},
	{"the whole path, with the permit", (*bench).wholePath},
	{"the ordinary way", (*bench).ordinaryWay},
	{"a relay that takes its time", (*bench).slowRelay},
	{"peak memory", (*bench).memory},
	{"launch of a million", (*bench).million},
	{"DKIM", (*bench).dkim},
	{"several sending processes", (*bench).nodes},
	{"import and export", (*bench).inAndOut},
	{"public pages", (*bench).endpoints},
}

// run measures and returns what there is, also after an error.
func run(ctx context.Context, o *options) (*report, error) {
	b, err := open(ctx, o)
	if b != nil {
		defer b.close()
	}
	if err != nil {
		return nil, err
	}
	var failed []error // one part that cannot be measured does not keep the others from it
	// Rounds outside, parts inside: what is compared is measured as close together as can be.
	for round := range o.repeat {
		b.large, b.plain = nil, nil
		for i, p := range parts {
			if len(o.only) > 0 && !o.only[i+1] {
				continue
			}
			b.say("part %d, %s (round %d of %d)", i+1, p.name, round+1, o.repeat)
			b.part, b.loadBefore = i+1, load()
			if err := p.run(b, ctx); err != nil {
				failed = append(failed, fmt.Errorf("part %d: %w", i+1, err))
				b.say("%v", failed[len(failed)-1])
			}
			if ctx.Err() != nil {
				return b.report, errors.New("interrupted; what was measured before is above")
			}
			b.report.loads(i+1, b.loadBefore, load())
		}
	}
	b.report.conclude()
	return b.report, errors.Join(failed...)
}
