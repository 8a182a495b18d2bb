// Command mailer is a self-hosted newsletter and campaign service for newsrooms: one program, one Postgres.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	cut := make(chan struct{})
	// The first signal asks for an orderly stop, the second cuts off what is still in hand.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		first := time.Now()
		stop()
		for range signals {
			// timeout(1) and some supervisors signal the process and then its group: that is one wish, not two.
			if time.Since(first) > 300*time.Millisecond {
				close(cut)
				return
			}
		}
	}()
	p := &program{env: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, cut: cut}
	os.Exit(p.run(ctx, os.Args[1:]))
}
