package dbtest

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

// Line is a way to a test's database that can be cut, as if the server were away, or made to hang, as if the network were.
type Line struct {
	URL string // of the database, through the line

	ln           net.Listener
	network, to  string
	mu           sync.Mutex
	away, silent bool
	conns        map[net.Conn]bool
	resumed      *sync.Cond
}

// OpenLine returns a database of the test's own, and a second handle on it that goes through the line.
func OpenLine(t testing.TB) (direct, through *sqlx.DB, line *Line) {
	t.Helper()
	direct, dsn := OpenURL(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l := &Line{conns: map[net.Conn]bool{}, network: "tcp", to: u.Host}
	l.resumed = sync.NewCond(&l.mu)
	q := u.Query()
	if host := q.Get("host"); host != "" {
		l.network, l.to = "unix", filepath.Join(host, ".s.PGSQL."+q.Get("port"))
		u.User = url.User(q.Get("user"))
		q.Del("host")
		q.Del("port")
		q.Del("user")
	}
	if l.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	u.Host = l.ln.Addr().String()
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	go l.serve()
	t.Cleanup(func() { _ = l.ln.Close(); l.Cut() })
	l.URL = u.String()
	if through, err = db.Open(context.Background(), l.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = through.Close() })
	return direct, through, l
}

func (l *Line) serve() {
	for {
		near, err := l.ln.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial(l.network, l.to)
		if err != nil || !l.add(near, far) {
			_ = near.Close()
			if far != nil {
				_ = far.Close()
			}
			continue
		}
		go l.carry(near, far)
		go l.carry(far, near)
	}
}

func (l *Line) add(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		l.conns[c] = true
	}
	return !l.away
}

// carry copies, but nothing while the line hangs.
func (l *Line) carry(to, from net.Conn) {
	defer func() { _ = to.Close(); _ = from.Close() }()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		l.mu.Lock()
		for l.silent && !l.away {
			l.resumed.Wait()
		}
		l.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Cut ends every connection and refuses new ones, until Restore.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = true
	for c := range l.conns {
		_ = c.Close()
	}
	clear(l.conns)
	l.resumed.Broadcast()
}

// Hang lets nothing through any more, without ending anything, until Restore.
func (l *Line) Hang() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = true
}

// Restore lets everything through again.
func (l *Line) Restore() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away, l.silent = false, false
	l.resumed.Broadcast()
}
