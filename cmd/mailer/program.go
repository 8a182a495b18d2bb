package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"mailer/internal/errs"
)

// program is one run of the command: what it was given, and where it writes. Tests start it as main does.
type program struct {
	env            []string
	stdin          io.Reader
	stdout, stderr io.Writer
	cut            <-chan struct{} // closed when a stop must not wait any longer; nil means never
	flags          globals
}

// globals are the flags that every command takes.
type globals struct {
	Config  string           `group:"global" short:"c" placeholder:"FILE" help:"Configuration file (default: mailer.toml, if there is one)."`
	Home    string           `group:"global" placeholder:"DIR" help:"Folder of what development mode keeps (default: .mailer)."`
	JSON    bool             `group:"global" name:"json" help:"Print JSON, for programs."`
	Version kong.VersionFlag `group:"global" help:"Print the version."`
}

// run parses the command line, runs the command and returns the exit status, one of sysexits(3).
func (p *program) run(ctx context.Context, args []string) (status int) {
	// kong ends the program itself after --help and --version; here it only ends run.
	type exit int
	defer func() {
		if v := recover(); v != nil {
			e, ok := v.(exit)
			if !ok {
				panic(v)
			}
			status = int(e)
		}
	}()
	var c cli
	parser, err := kong.New(&c, kong.Name("mailer"), kong.Description(description),
		kong.Writers(p.stdout, p.stderr), kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.ExplicitGroups(groups), kong.Vars{"version": version()},
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(p))
	if err != nil {
		panic(err) // the tags of the commands are wrong: every test would find it
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if err != nil {
		return p.fail(usage(err))
	}
	p.flags = c.globals
	return p.fail(k.Run())
}

// usage makes kong's complaint about the command line an error of ours.
func usage(err error) error {
	hint := "mailer --help"
	var pe *kong.ParseError
	if errors.As(err, &pe) && pe.Context != nil {
		if n := pe.Context.Selected(); n != nil {
			hint = "mailer " + n.Path() + " --help"
		}
	}
	return errs.New(errs.Usage, "%s\nsee: %s", strings.TrimSpace(err.Error()), strings.Replace(hint, "mailer mailer", "mailer", 1))
}

// fail says on standard error what went wrong and returns the exit status that goes with it.
func (p *program) fail(err error) int {
	if err == nil {
		return 0
	}
	for line := range strings.SplitSeq(errs.Public(err), "\n") {
		fmt.Fprintln(p.stderr, "mailer: "+line)
	}
	// Whoever runs commands is the operator: they may see the cause.
	switch errs.KindOf(err) {
	case errs.Internal, errs.Unavailable, errs.Config, errs.Denied:
		if why := cause(err); why != "" {
			fmt.Fprintln(p.stderr, "  because: "+why)
		}
	}
	return errs.KindOf(err).ExitCode()
}

// cause is what lies beneath the public message; empty when nothing does.
func cause(err error) string {
	var e *errs.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if e.Err != nil {
		return e.Err.Error()
	}
	if e.Kind == errs.Internal {
		return e.Msg
	}
	return ""
}

// say tells the person at the terminal what is going on; it goes to standard error, so that output can be piped.
func (p *program) say(format string, args ...any) {
	fmt.Fprintf(p.stderr, "mailer: "+format+"\n", args...)
}

// who names the person at the command line for the audit log and for approvals.
func (p *program) who() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if v := p.getenv(name); v != "" {
			return v
		}
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "command line"
}

func (p *program) getenv(name string) string {
	for _, kv := range p.env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// confirm asks before something that cannot be taken back. Where nobody can answer, yes must have been given.
func (p *program) confirm(yes bool, format string, args ...any) error {
	if yes {
		return nil
	}
	question := fmt.Sprintf(format, args...)
	if f, ok := p.stdin.(*os.File); !ok || !isTerminal(f) {
		return errs.New(errs.Usage, "%s Nobody is there to ask; add --yes to go ahead.", question)
	}
	fmt.Fprintf(p.stderr, "%s [y/N] ", question)
	var answer string
	_, _ = fmt.Fscanln(p.stdin, &answer)
	if a := strings.ToLower(answer); a != "y" && a != "yes" {
		return errs.New(errs.Usage, "nothing was done")
	}
	return nil
}

func isTerminal(f *os.File) bool {
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0
}

// version is what the build knows of itself.
func version() string {
	bi, ok := debug.ReadBuildInfo()
	if !ok {
		return "mailer (unknown version)"
	}
	v, commit := bi.Main.Version, ""
	for _, s := range bi.Settings {
		if s.Key == "vcs.revision" {
			commit = " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return "mailer " + v + commit + " " + bi.GoVersion
}
