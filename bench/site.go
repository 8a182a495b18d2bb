package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

// site is one installation of mailer: a database with a list, its readers and a digest.
type site struct {
	*bench
	readers int
	url     string // of the database
	db      *sqlx.DB
	extra   []string      // settings
	took    time.Duration // of the import
	spent   string        // processor time of it
	memory  float64       // its peak, in MB
	last    float64       // peak memory of the last command, in MB
	digests int           // made so far
}

const benchSecret = "a-secret-of-a-benchmark-with-nothing-to-keep"

// site returns the installation with so many readers, made when it is first asked for.
func (b *bench) site(ctx context.Context, readers int) (*site, error) {
	if s := b.sites[readers]; s != nil {
		return s, nil
	}
	s, err := b.newSite(ctx, fmt.Sprintf("site%d", readers), readers)
	if err == nil {
		b.sites[readers] = s
	}
	return s, err
}

func (b *bench) newSite(ctx context.Context, name string, readers int) (*site, error) {
	d, err := b.database(ctx, name)
	if err != nil {
		return nil, err
	}
	s := &site{bench: b, readers: readers, db: d, url: b.pg.DatabaseURL(name)}
	if _, err := s.mailer(ctx, "migrate"); err != nil {
		return nil, err
	}
	if err := s.list(ctx); err != nil {
		return nil, err
	}
	csv := filepath.Join(b.dir, name+".csv")
	if err := writeReaders(csv, readers); err != nil {
		return nil, err
	}
	defer os.Remove(csv)
	b.say("importing %d readers", readers)
	start, spent := time.Now(), b.spending()
	out, err := s.mailer(ctx, "subscribers", "import", csv, "--list", "morning", "--confirmed", "--source", "benchmark", "--json")
	if err != nil {
		return nil, err
	}
	s.took, s.spent, s.memory = time.Since(start), spent(), s.last
	var report struct {
		Added int `json:"added"`
	}
	if err := json.Unmarshal(out, &report); err != nil || report.Added != readers {
		return nil, fmt.Errorf("of %d readers %d were added (%v)", readers, report.Added, err)
	}
	return s, s.newsroom(ctx)
}

// database makes an empty database.
func (b *bench) database(ctx context.Context, name string) (*sqlx.DB, error) {
	admin, err := db.Open(ctx, b.pg.URL())
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	for _, q := range []string{`DROP DATABASE IF EXISTS ` + name, `CREATE DATABASE ` + name} {
		if _, err := admin.ExecContext(ctx, q); err != nil {
			return nil, err
		}
	}
	d, err := db.Open(ctx, b.pg.DatabaseURL(name))
	if err == nil {
		b.ended = append(b.ended, func() { _ = d.Close() })
	}
	return d, err
}

func (s *site) list(ctx context.Context) error {
	_, err := s.mailer(ctx, "lists", "create", "morning", "--name", "The Morning", "--from-name", "The Paper",
		"--from-address", "morning@news.example.org", "--envelope-domain", "bounce.example.org", "--legal-name", "Example Press Ltd",
		"--postal-address", "1 High Street, Anytown", "--contact", "hello@news.example.org", "--home-url", "https://paper.example.org")
	return err
}

// newsroom imports the stories.
func (s *site) newsroom(ctx context.Context) error {
	files, err := writeStories(s.dir)
	if err != nil {
		return err
	}
	for _, name := range files {
		if _, err := s.mailer(ctx, "articles", "import", name); err != nil {
			return err
		}
	}
	return nil
}

// env is the configuration: what is required, and nothing else unless a part says so.
func (s *site) env(extra ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "MAILER_") })
	env = append(env, "MAILER_DATABASE_URL="+s.url, "MAILER_SMTP_URL=smtp://127.0.0.1:9?tls=none", "MAILER_BASE_URL=https://news.example.org",
		"MAILER_SECRET="+benchSecret)
	return slices.Concat(env, s.settings, s.extra, extra)
}

// mailer runs one command to its end and returns what it printed.
func (s *site) mailer(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.options.mailer, args...)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = s.env(), s.dir, attributes()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	s.last = memoryOf(cmd.ProcessState)
	if err != nil {
		err = fmt.Errorf("mailer %s: %w: %s", strings.Join(args[:min(2, len(args))], " "), err, strings.TrimSpace(stderr.String()))
	}
	return out, err
}

// serve starts the service with its default settings, all its roles in one process as by default, on a port that is free.
func (s *site) serve(extra ...string) (p *process, web string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	web = ln.Addr().String()
	ln.Close()
	if p, err = s.start(s.env(append(extra, "MAILER_LISTEN="+web)...), s.options.mailer, "serve"); err != nil {
		return nil, "", err
	}
	return p, web, s.listening(p, web)
}

// listening waits until the web server of a process can be reached.
func (s *site) listening(p *process, address string) error {
	for range 1000 {
		if c, err := net.Dial("tcp", address); err == nil {
			return c.Close()
		}
		select {
		case <-p.ended:
			return errors.New("mailer serve ended: " + p.said())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("mailer serve does not listen: " + p.said())
}

// campaign composes an edition and returns its number. Each is the first one of a digest of its own, as a second one would
// have no story that is new.
func (s *site) campaign(ctx context.Context) (id int64, err error) {
	s.digests++
	file := filepath.Join(s.dir, recipeFile)
	if err := os.WriteFile(file, fmt.Appendf(nil, recipe, s.digests), 0o600); err != nil {
		return 0, err
	}
	if _, err := s.mailer(ctx, "digests", "create", file); err != nil {
		return 0, err
	}
	out, err := s.mailer(ctx, "digests", "run", fmt.Sprintf("digest-%d", s.digests), "--json")
	if err != nil {
		return 0, err
	}
	var c struct {
		ID int64 `json:"id"`
	}
	err = json.Unmarshal(out, &c)
	return c.ID, err
}

// launch starts a campaign.
func (s *site) launch(ctx context.Context, id int64) error {
	_, err := s.mailer(ctx, "campaigns", "start", fmt.Sprint(id), "--yes")
	return err
}

// message returns the octets of a message of the digest as it goes out.
func (b *bench) message(ctx context.Context) ([]byte, error) {
	if b.bodies != nil {
		return b.bodies, nil
	}
	p, err := b.preview(ctx)
	if err == nil {
		b.bodies = []byte(p.EML)
	}
	return b.bodies, err
}

// preview is the digest as it goes out to one reader.
type preview struct {
	HTML, Text, EML string
}

func (b *bench) preview(ctx context.Context) (p preview, err error) {
	s, err := b.site(ctx, b.small)
	if err != nil {
		return p, err
	}
	id, err := s.campaign(ctx)
	if err != nil {
		return p, err
	}
	dir, err := os.MkdirTemp(b.dir, "preview-")
	if err != nil {
		return p, err
	}
	if _, err := s.mailer(ctx, "campaigns", "preview", fmt.Sprint(id), "--output", dir, "--name", readerName); err != nil {
		return p, err
	}
	for suffix, to := range map[string]*string{".html": &p.HTML, ".txt": &p.Text, ".eml": &p.EML} {
		data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("campaign-%d%s", id, suffix)))
		if err != nil {
			return p, err
		}
		*to = string(data)
	}
	return p, nil
}

// readerName is found and replaced in the preview by those that make messages of their own.
const readerName = "Bartholomew"
