package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/links"
)

// lab is what all scenarios share: the program under test, a server, and a database with readers that each of them gets a copy of.
type lab struct {
	dir     string
	mailer  string // the program, built with the tag failpoints
	seed    uint64
	readers int
	log     io.Writer
	began   time.Time

	sys  *keeper
	pg   *postgres
	ring *links.Ring

	mu     sync.Mutex
	fields int

	making sync.Mutex
	made   map[string]bool // templates on the shared server
}

const (
	secret  = "0123456789abcdef0123456789abcdef"
	baseURL = "https://news.example.org"
	slots   = 200 // connections that a server takes
)

// The databases that scenarios get copies of.
const (
	usual = "usual" // with as many readers as were asked for
	few   = "few"   // for one connection
	many  = "many"  // for an audience of several steps
)

const fewReaders = 250

// size returns how many readers a template has.
func (l *lab) size(template string) int {
	switch template {
	case few:
		return fewReaders
	case many:
		return 5 * l.readers
	}
	return l.readers
}

// newLab builds the program and makes the database.
func newLab(ctx context.Context, dir string, seed uint64, readers int, log io.Writer) (*lab, error) {
	ring, err := links.NewRing(secret, nil)
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, mailer: filepath.Join(dir, "mailer"), seed: seed, readers: readers, log: log, began: time.Now(), sys: newKeeper(), ring: ring, made: map[string]bool{}}
	if err := os.Chmod(dir, 0o755); err != nil { // Postgres may run as another account
		return nil, err
	}
	if err := build(l.mailer, "-tags", "failpoints"); err != nil {
		return nil, err
	}
	if l.pg, err = newPostgres(ctx, l.sys, filepath.Join(dir, "postgres"), slots, 0); err != nil {
		return nil, err
	}
	return l, nil
}

// template makes sure that a template is on the shared server.
func (l *lab) template(ctx context.Context, name string) error {
	l.making.Lock()
	defer l.making.Unlock()
	if l.made[name] {
		return nil
	}
	err := l.makeTemplate(ctx, l.pg, name)
	l.made[name] = err == nil
	return err
}

func (l *lab) end() {
	l.pg.end()
	l.sys.close()
}

// build builds the program of this module.
func build(to string, flags ...string) error {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	cmd := exec.Command("go", append(append([]string{"build", "-trimpath", "-buildvcs=false", "-o", to}, flags...), "./cmd/mailer")...)
	cmd.Dir = filepath.Dir(strings.TrimSpace(string(mod)))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// domains are where readers have their mailboxes; most of them are where the program knows no provider by name.
var domains = []string{"city-paper.org", "harbour-school.org", "old-mill.net", "gmail.com", "quarry-lane.org", "river-choir.net", "outlook.com",
	"brass-band.org", "north-library.net", "yahoo.com"}

// makeTemplate makes a database with readers, a list and a story, by the program's own commands.
func (l *lab) makeTemplate(ctx context.Context, pg *postgres, template string) error {
	if err := pg.createDatabase(ctx, template, ""); err != nil {
		return err
	}
	var csv strings.Builder
	csv.WriteString("email,name\n")
	for i := range l.size(template) {
		local := "reader"
		if i%100 == 37 && template != few {
			local = deadReader + "reader"
		}
		fmt.Fprintf(&csv, "%s%d@%s,Reader Number %d\n", local, i, domains[i%len(domains)], i)
	}
	dir, err := os.MkdirTemp(l.dir, "readers-")
	if err != nil {
		return err
	}
	readers, story := filepath.Join(dir, "readers.csv"), filepath.Join(dir, "story.md")
	err = os.WriteFile(readers, []byte(csv.String()), 0o600)
	if err == nil {
		err = os.WriteFile(story, []byte("---\ntitle: The tide that keeps time\nsection: Science\nurl: https://paper.example.org/tides\n---\n"+
			strings.Repeat("A clock has been running for ninety years. ", 40)+"\n"), 0o600)
	}
	if err != nil {
		return err
	}
	env := l.env(pg.url("mailer", template), "smtp://127.0.0.1:1?tls=none")
	for _, args := range [][]string{
		{"lists", "create", "weekly", "--name", "The Weekly", "--from-name", "The Weekly", "--from-address", "weekly@news.example.org",
			"--envelope-domain", "bounce.example.org", "--legal-name", "Example Press Ltd", "--postal-address", "1 High Street, Anytown",
			"--contact", "hello@news.example.org"},
		{"subscribers", "import", readers, "--list", "weekly", "--confirmed", "--source", "crashtest"},
		{"articles", "import", story},
	} {
		if _, err := l.command(ctx, env, args...); err != nil {
			return err
		}
	}
	return l.withDatabase(ctx, pg, template, addWitness)
}

// addWitness has the database itself write down each note of permits, with the moment at which the statement that brought it
// arrived: a witness that does not depend on what the program says or keeps.
func addWitness(ctx context.Context, d *sqlx.DB) error {
	_, err := d.ExecContext(ctx, `
		CREATE TABLE crashtest_permits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, process uuid, serial bigint, arrived timestamptz,
			campaign_ids bigint[], seqs bigint[], attempts int[]);
		CREATE FUNCTION crashtest_witness() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO crashtest_permits (process, serial, arrived, campaign_ids, seqs, attempts)
			VALUES (NEW.process, NEW.serial, statement_timestamp(), NEW.campaign_ids, NEW.seqs, NEW.attempts);
			RETURN NULL;
		END $$;
		CREATE TRIGGER crashtest_witness AFTER INSERT OR UPDATE ON permits FOR EACH ROW EXECUTE FUNCTION crashtest_witness()`)
	return err
}

func (l *lab) withDatabase(ctx context.Context, pg *postgres, name string, do func(context.Context, *sqlx.DB) error) error {
	d, err := sqlx.Open("postgres", pg.url("mailer", name))
	if err != nil {
		return err
	}
	defer d.Close()
	return do(ctx, d)
}

// createDatabase makes a database of the role mailer's, as a copy of another one where that is named.
func (p *postgres) createDatabase(ctx context.Context, name, from string) error {
	q := `CREATE DATABASE ` + name + ` OWNER mailer`
	if from != "" {
		q += ` TEMPLATE ` + from
	}
	return p.asSuperuser(ctx, func(d *sqlx.DB) error {
		_, err := d.ExecContext(ctx, q)
		return err
	})
}

// env is the environment of the program under test.
func (l *lab) env(database, relay string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=" + l.dir, "USER=crashtest", "MAILER_DATABASE_URL=" + database,
		"MAILER_SMTP_URL=" + relay, "MAILER_BASE_URL=" + baseURL, "MAILER_SECRET=" + secret}
}

// command runs a command of the program, which must succeed, and returns its JSON.
func (l *lab) command(ctx context.Context, env []string, args ...string) (map[string]any, error) {
	cmd := exec.CommandContext(ctx, l.mailer, append(args, "--json")...)
	cmd.Env, cmd.Dir = env, l.dir
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("mailer %s: %w\n%s", strings.Join(args[:min(len(args), 3)], " "), err, said.String())
	}
	var v map[string]any
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		return nil, fmt.Errorf("mailer %s: %w in %.200s", strings.Join(args[:min(len(args), 3)], " "), err, out.String())
	}
	return v, nil
}

// say tells what is done, with the seconds since the beginning.
func (l *lab) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.log, "[%6.1f s] "+format+"\n", append([]any{time.Since(l.began).Seconds()}, args...)...)
}

// random returns the numbers of a scenario: the same ones for the same seed.
func (l *lab) random(name string) *rand.Rand {
	var h uint64 = 14695981039346656037 // FNV-1a
	for _, b := range []byte(name) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(l.seed, h))
}

// freePort returns an address of this machine that nobody listens at.
func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
