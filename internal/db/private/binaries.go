package private

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"mailer/internal/errs"
)

// oldest is the oldest major version the schema works with (UNIQUE NULLS NOT DISTINCT came with 15).
const oldest = 15

// binaries is a folder with initdb and postgres of one version.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }

// find returns the binaries to use: those of version want when it is not zero (data belong to one major version), else
// the newest. It returns errs.Unavailable with the one command that installs them when there are none.
func find(want int) (binaries, error) {
	var best binaries
	var seen []string
	for _, dir := range candidates() {
		b, ok := look(dir)
		if !ok {
			continue
		}
		seen = append(seen, strconv.Itoa(b.major))
		if b.major >= oldest && (want == 0 || b.major == want) && b.major > best.major {
			best = b
		}
	}
	switch {
	case best.major > 0:
		return best, nil
	case want != 0 && len(seen) > 0:
		return best, errs.New(errs.Unavailable, "the data were made by PostgreSQL %d, and here is only %s; install version %d, or set MAILER_DATABASE_URL",
			want, strings.Join(slices.Compact(seen), ", "), want)
	case len(seen) > 0:
		return best, errs.New(errs.Unavailable, "PostgreSQL %s is too old, version %d or newer is needed; %s", seen[0], oldest, installHint())
	}
	return best, errs.New(errs.Unavailable, "PostgreSQL is not installed; %s, or set MAILER_DATABASE_URL to a database elsewhere", installHint())
}

// candidates lists folders that may hold the binaries, those a person chose (PATH) first.
func candidates() []string {
	var dirs []string
	if p, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			p = real
		}
		dirs = append(dirs, filepath.Dir(p))
	}
	if p, err := exec.LookPath("pg_config"); err == nil {
		if out, err := exec.Command(p, "--bindir").Output(); err == nil {
			dirs = append(dirs, strings.TrimSpace(string(out)))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                                   // packages of postgresql.org for Fedora and RHEL
		"/usr/libexec/postgresql*",                           // Alpine
		"/opt/homebrew/opt/postgresql*/bin",                  // Homebrew on Apple silicon
		"/usr/local/opt/postgresql*/bin",                     // Homebrew on Intel
		"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",     // Homebrew on Linux
		"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
		"/usr/local/pgsql/bin",                               // built from source
	} {
		found, _ := filepath.Glob(pattern)
		dirs = append(dirs, found...)
	}
	return dirs
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func look(dir string) (binaries, bool) {
	b := binaries{dir: dir}
	if fi, err := os.Stat(b.path("initdb")); err != nil || fi.IsDir() {
		return b, false
	}
	out, err := exec.Command(b.path("postgres"), "--version").Output()
	if err != nil {
		return b, false
	}
	m := versionPattern.FindSubmatch(out)
	if m == nil {
		return b, false
	}
	b.major, err = strconv.Atoi(string(m[1]))
	return b, err == nil
}

// installHint is the one command that installs Postgres here.
func installHint() string {
	if runtime.GOOS == "darwin" {
		return "install it by: brew install postgresql"
	}
	for _, m := range []struct{ tool, command string }{
		{"apt-get", "apt-get install postgresql"}, {"dnf", "dnf install postgresql-server"},
		{"apk", "apk add postgresql"}, {"pacman", "pacman -S postgresql"}, {"zypper", "zypper install postgresql-server"},
		{"brew", "brew install postgresql"},
	} {
		if _, err := exec.LookPath(m.tool); err == nil {
			if os.Geteuid() != 0 && m.tool != "brew" {
				m.command = "sudo " + m.command
			}
			return "install it by: " + m.command
		}
	}
	return "install it with the package manager of this machine"
}
