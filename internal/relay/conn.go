package relay

import (
	"errors"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// Conn is one open connection. It is used by one goroutine at a time; only Close may come from another.
type Conn struct {
	relay  *Relay
	client *smtp.Client
	text   *textproto.Conn
	raw    net.Conn // the socket: closing it ends everything, and sends nothing that could end a message
	socket syscall.RawConn
	in     replies
	cmd    []byte // the commands of a transaction, reused

	pipelining, utf8, eightBit, sizes bool
	sizeLimit                         int64

	sent      int
	lastUsed  time.Time
	needsRset bool // the last transaction was refused half-way and may still be open
	dead      atomic.Bool
}

func newConn(r *Relay, client *smtp.Client, w *wire) (*Conn, error) {
	c := &Conn{relay: r, client: client, text: client.Text, raw: w.raw, lastUsed: time.Now()}
	sc, ok := w.raw.(syscall.Conn)
	if !ok {
		return nil, errors.New("not a socket")
	}
	var err error
	if c.socket, err = sc.SyscallConn(); err != nil {
		return nil, err
	}
	c.in.br = client.Text.R
	c.pipelining, _ = c.Extension("PIPELINING")
	c.eightBit, _ = c.Extension("8BITMIME")
	c.utf8, _ = c.Extension("SMTPUTF8")
	var limit string
	if c.sizes, limit = c.Extension("SIZE"); c.sizes {
		if n, err := strconv.ParseInt(strings.TrimSpace(limit), 10, 64); err == nil && n > 0 {
			c.sizeLimit = n
		}
	}
	return c, nil
}

// Extension reports whether the relay offers an extension, and with which parameters. After HELO there are none.
func (c *Conn) Extension(name string) (bool, string) {
	if c.client.HelloResponse() == "" {
		return false, "" // opened by openHELO: asking go-mail would make it send EHLO
	}
	return c.client.Extension(name)
}

// SizeLimit returns the largest message the relay takes, in bytes; 0 when it names none (RFC 1870).
func (c *Conn) SizeLimit() int64 { return c.sizeLimit }

// Usable reports whether Send may be called: the connection is open as far as we know, has not carried its share of
// messages and was not left idle for too long. One that is not usable is to be ended by Quit.
func (c *Conn) Usable() bool {
	return !c.dead.Load() && c.sent < c.relay.cfg.MaxMessages && time.Since(c.lastUsed) < c.relay.cfg.IdleAfter
}

// Close closes the socket at once, without a word. It may be called at any time, from any goroutine, and twice.
func (c *Conn) Close() {
	if !c.dead.Swap(true) {
		c.raw.Close()
	}
}

// Quit ends the connection politely, waiting at most Timeouts.Quit for an answer on which nothing depends. It is harmless
// on a connection that is closed already. It must not be called while Send runs.
func (c *Conn) Quit() {
	if c.dead.Load() {
		return
	}
	defer c.Close()
	if err := c.raw.SetDeadline(time.Now().Add(c.relay.cfg.Timeouts.Quit)); err != nil {
		return
	}
	if err := c.text.PrintfLine("QUIT"); err != nil {
		return
	}
	c.in.read() //nolint:errcheck // whatever it answers, the connection ends here
}

var errDead = errors.New("the connection is closed")

// write sends bytes and flushes them, within d for each 64 kB.
func (c *Conn) write(b []byte, d time.Duration) error {
	const block = 64 << 10
	for {
		if err := c.raw.SetWriteDeadline(time.Now().Add(d)); err != nil {
			return err
		}
		n := min(len(b), block)
		if _, err := c.text.W.Write(b[:n]); err != nil {
			return err
		}
		if b = b[n:]; len(b) == 0 {
			return c.text.W.Flush()
		}
	}
}

// read reads one reply within d.
func (c *Conn) read(d time.Duration) (reply, error) {
	if err := c.raw.SetReadDeadline(time.Now().Add(d)); err != nil {
		return reply{}, err
	}
	return c.in.read()
}
