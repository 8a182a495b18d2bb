// Package inbox is a mail catcher for development, the demo and tests: SMTP on loopback, one file per mail, and a small web
// page to read them. Nothing that arrives here ever leaves the machine. It refuses to run where the service is configured
// for production.
package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"mailer/internal/errs"
)

// Options of Open; the zero value is right for development.
type Options struct {
	Production   bool             // the service is configured for production: Open refuses
	MaxMessage   int64            // largest mail in bytes; 0 takes 10 MB
	Keep         int              // how many mails are kept, the oldest go first; 0 takes 5,000
	ImageOrigins []string         // origins beside https: that mails may load images from, "http://127.0.0.1:8025"
	Log          *slog.Logger     // nil discards
	Now          func() time.Time // nil takes time.Now
}

// Mail is one caught mail as the list shows it.
type Mail struct {
	ID       string
	From, To string // envelope
	Subject  string
	FromName string // display name of From:, or its address
	Received time.Time
	Size     int
}

// Inbox holds caught mails in a folder. It is safe for concurrent use.
type Inbox struct {
	dir  string
	opts Options

	mu      sync.RWMutex
	mails   []Mail // oldest first
	last    int    // number of the newest mail
	servers []*smtp.Server
	closed  bool
}

// Open opens the folder, making it when it is not there, and finds the mails in it. It refuses with kind Denied in production.
func Open(dir string, o Options) (*Inbox, error) {
	if o.Production {
		return nil, errs.New(errs.Denied, "the mail catcher is for development and does not run with production settings: mail would stay in it instead of going out")
	}
	if o.MaxMessage <= 0 {
		o.MaxMessage = 10 << 20
	}
	if o.Keep <= 0 {
		o.Keep = 5000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, origin := range o.ImageOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Scheme+"://"+u.Host != origin || strings.ContainsAny(origin, " ;,'\"") {
			return nil, errs.New(errs.Invalid, "%q is no origin; an example: http://127.0.0.1:8025", origin)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "the mail catcher cannot make its folder %s", dir)
	}
	in := &Inbox{dir: dir, opts: o}
	if err := in.load(); err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "the mail catcher cannot read its folder %s", dir)
	}
	return in, nil
}

// load finds the mails of an earlier run and clears away what a crash left half-written.
func (in *Inbox) load() error {
	entries, err := os.ReadDir(in.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, partial) {
			if err := os.Remove(filepath.Join(in.dir, name)); err != nil {
				return err
			}
			continue
		}
		number, ok := numberOf(name)
		if !ok {
			continue
		}
		file, err := os.ReadFile(filepath.Join(in.dir, name))
		if err != nil {
			return err
		}
		in.last = max(in.last, number)
		in.mails = append(in.mails, describe(strings.TrimSuffix(name, suffix), file))
	}
	slices.SortFunc(in.mails, func(a, b Mail) int { return strings.Compare(a.ID, b.ID) })
	return nil
}

// Count returns how many mails there are.
func (in *Inbox) Count(context.Context) int {
	in.mu.RLock()
	defer in.mu.RUnlock()
	return len(in.mails)
}

// Messages returns all mails, newest first.
func (in *Inbox) Messages() []Mail {
	in.mu.RLock()
	defer in.mu.RUnlock()
	m := slices.Clone(in.mails)
	slices.Reverse(m)
	return m
}

// Find returns the mails to an address, newest first; case is ignored.
func (in *Inbox) Find(to string) []Mail {
	return slices.DeleteFunc(in.Messages(), func(m Mail) bool { return !strings.EqualFold(m.To, to) })
}

// ServeSMTP accepts mail on ln until Close and closes it then. ln must be on a loopback address.
func (in *Inbox) ServeSMTP(ln net.Listener) error {
	a, ok := ln.Addr().(*net.TCPAddr)
	if !ok || !a.IP.IsLoopback() {
		ln.Close()
		return errs.New(errs.Denied, "the mail catcher listens only on this machine itself, as on 127.0.0.1:1025, and not on %s", ln.Addr())
	}
	s := in.server()
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		ln.Close()
		return nil
	}
	in.servers = append(in.servers, s)
	in.mu.Unlock()
	if err := s.Serve(ln); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("mail catcher: %w", err)
	}
	return nil
}

// Close stops accepting mail; what was accepted stays in the folder and can still be read.
func (in *Inbox) Close() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	for _, s := range in.servers {
		s.Close() //nolint:errcheck // the listener is gone in any case
	}
	in.servers = nil
	return nil
}
