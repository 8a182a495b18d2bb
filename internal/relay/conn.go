package relay

import (
	"context"
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
	wire   *wire
	raw    net.Conn // the socket: closing it ends everything, and sends nothing that could end a message
	peek   peeker
	in     replies
	cmd    []byte // the commands of a transaction, reused
	ahead  announced
	heard  bool   // an announced envelope was answered
	close  func() // Close

	pipelining, utf8, eightBit, sizes bool
	sizeLimit                         int64

	sent      int
	lastUsed  time.Time
	needsRset bool // the last transaction was refused half-way and may still be open
	refused   bool // the last transaction was refused at the dot; to some relays it is open all the same
	dead      atomic.Bool
	watched   context.Context             // the context that closes the connection when it ends; nil: none
	unwatched atomic.Pointer[func() bool] // ends that
}

func newConn(r *Relay, client *smtp.Client, w *wire) (*Conn, error) {
	c := &Conn{relay: r, client: client, text: client.Text, wire: w, raw: w.raw, lastUsed: time.Now()}
	c.close = c.Close
	sc, ok := w.raw.(syscall.Conn)
	if !ok {
		return nil, errors.New("not a socket")
	}
	socket, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	c.peek.init(socket)
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

// Usable reports whether Carry may be called: the connection is open as far as we know, has not carried its share of
// messages and was not left idle for too long. One that is not usable is to be ended by Quit.
func (c *Conn) Usable() bool {
	return !c.dead.Load() && c.sent < c.relay.cfg.MaxMessages && time.Since(c.lastUsed) < c.relay.cfg.IdleAfter
}

// Close closes the socket at once, without a word. It may be called at any time, from any goroutine, and twice.
func (c *Conn) Close() {
	if !c.dead.Swap(true) {
		c.raw.Close()
	}
	c.unwatch()
}

// Quit ends the connection politely, waiting at most Timeouts.Quit for an answer on which nothing depends. It is harmless
// on a connection that is closed already. Where a message was announced the relay takes whatever is said for its text, so
// then it is only closed. It must not be called while Carry or Send runs.
func (c *Conn) Quit() {
	defer c.Close()
	if c.dead.Load() || c.ahead.mail != nil {
		return
	}
	if err := c.write([]byte("QUIT\r\n"), c.relay.cfg.Timeouts.Quit); err != nil {
		return
	}
	c.read(c.relay.cfg.Timeouts.Quit) //nolint:errcheck // whatever it answers, the connection ends here
}

var errDead = errors.New("the connection is closed")

// watch closes the connection when ctx ends. It goes on from one message to the next as long as the context is the same.
func (c *Conn) watch(ctx context.Context) {
	if c.watched == ctx {
		return
	}
	c.unwatch()
	c.watched = ctx
	stop := context.AfterFunc(ctx, c.close)
	c.unwatched.Store(&stop)
	if c.dead.Load() { // it was closed meanwhile, and did not find what to stop
		c.unwatch()
	}
}

// unwatch ends that; it returns false when the context had ended.
func (c *Conn) unwatch() bool {
	stop := c.unwatched.Swap(nil)
	return stop == nil || (*stop)()
}

// write writes bytes, within d for each 64 kB.
func (c *Conn) write(b []byte, d time.Duration) error {
	const block = 64 << 10
	c.wire.writeWithin(d)
	for {
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
	c.wire.readWithin(d)
	return c.in.read()
}
