package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program that runs beside this one. It ends with stop, and at the latest with this program.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Reader
	log   string // file of its standard error
	once  sync.Once
	ended chan struct{}
	err   error
}

// start runs a program; its standard error goes into a file, as the mail log of mailer does in production.
func (b *bench) start(env []string, name string, args ...string) (*process, error) {
	log, err := os.CreateTemp(b.dir, "log-")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{cmd: exec.Command(name, args...), log: log.Name(), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Dir = b.dir
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = attributes()
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.lines = bufio.NewReaderSize(out, 1<<20)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		// Not Wait: that would close the pipe under whoever still reads from it.
		_, p.err = p.cmd.Process.Wait()
		close(p.ended)
	}()
	b.ended = append(b.ended, p.stop)
	return p, nil
}

// stop ends the program: politely first, and with force when that takes too long.
func (p *process) stop() {
	p.once.Do(func() {
		_ = p.in.Close()
		for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGKILL} {
			_ = p.cmd.Process.Signal(s)
			select {
			case <-p.ended:
				return
			case <-time.After(8 * time.Second):
			}
		}
	})
}

// said is the end of what it wrote to standard error.
func (p *process) said() string {
	data, _ := os.ReadFile(p.log)
	return strings.TrimSpace(string(data[max(0, len(data)-2000):]))
}

// answer reads one line of JSON from the program.
func (p *process) answer(to any) error {
	line, err := p.lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("%w; it said: %s", err, p.said())
	}
	return json.Unmarshal(line, to)
}

// ask writes one line and reads the answer.
func (p *process) ask(question string, to any) error {
	if _, err := fmt.Fprintln(p.in, question); err != nil {
		return err
	}
	return p.answer(to)
}

// within is answer for a context.
func (p *process) within(ctx context.Context, to any) error {
	done := make(chan error, 1)
	go func() { done <- p.answer(to) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		p.stop()
		<-done
		return ctx.Err()
	}
}

const childEnv = "MAILER_BENCH_CHILD"

// child plays one of the roles that need a process of their own, when this program was started for that.
func child() bool {
	role, spec, ok := strings.Cut(os.Getenv(childEnv), " ")
	if !ok {
		return false
	}
	os.Unsetenv(childEnv)
	var err error
	switch role {
	case "sink":
		err = runSink([]byte(spec))
	case "loop":
		err = runLoop([]byte(spec))
	case "ordinary":
		err = runOrdinary([]byte(spec))
	case "caller":
		err = runCaller([]byte(spec))
	case "bareweb":
		err = runBareWeb([]byte(spec))
	default:
		err = errors.New("no such role")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// startChild starts this program in a role.
func (b *bench) startChild(role string, spec any) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	return b.start([]string{childEnv + "=" + role + " " + string(data)}, self)
}

// reply writes one line of JSON for the parent.
func reply(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(append(data, '\n'))
	return err
}
