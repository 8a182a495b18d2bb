package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mailer/internal/db/private"
)

// bench is one run: a folder, a Postgres, a news room, and what was measured.
type bench struct {
	*options
	dir        string // of this run
	pg         *private.Server
	report     *report
	sites      map[int]*site // by number of readers
	bodies     []byte        // a message of the digest as it goes out
	ended      []func()      // what close does, last first
	part       int
	large      *largeSent // of this round
	plain      *sent      // of this round
	imported   bool       // the import of the large list was measured
	loadBefore float64
}

// open makes the folder and starts the Postgres, with its defaults and fsync on: what mailer itself starts when no
// database is configured.
func open(ctx context.Context, o *options) (*bench, error) {
	if _, err := os.Stat(o.mailer); err != nil {
		return nil, fmt.Errorf("%w; `make build` makes it", err)
	}
	var err error
	if o.mailer, err = filepath.Abs(o.mailer); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.dir, "bench-run-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	b := &bench{options: o, dir: dir, sites: map[int]*site{}}
	b.ended = append(b.ended, func() { _ = os.RemoveAll(dir) })
	b.pg, err = private.Start(ctx, dir, func(m string) { b.say("%s", m) })
	if err != nil {
		return b, err
	}
	b.ended = append(b.ended, b.pg.Stop)
	b.report, err = b.newReport(ctx)
	return b, err
}

// close ends everything and removes it.
func (b *bench) close() {
	for i := len(b.ended) - 1; i >= 0; i-- {
		b.ended[i]()
	}
}

// say tells how it goes.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}

// note keeps one figure of this part.
func (b *bench) note(m measure) { m.Part = b.part; b.report.add(m) }
