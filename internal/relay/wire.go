package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"time"
)

// step is how far the opening of a connection has come.
type step int

const (
	stepConnect   step = iota // TCP
	stepGreeting              // waiting for the greeting
	stepHello                 // EHLO or HELO was written
	stepStartTLS              // STARTTLS was written
	stepHandshake             // TLS handshake, and EHLO within TLS
	stepAuth                  // AUTH was written
)

// maxHandshake bounds what a relay may say before the connection is ready, in bytes with TLS.
const maxHandshake = 256 << 10

var (
	errTalkative   = errors.New("the relay talks without end")
	errNotLoopback = errors.New("the host name leads to another machine")
)

// wire is the socket under go-mail's client. It follows how far the opening has come, which go-mail's errors do not tell,
// and keeps hold of the socket itself, as go-mail leaves it open when EHLO, STARTTLS or AUTH fail.
type wire struct {
	net.Conn          // the socket, or TLS over it
	raw      net.Conn // the socket
	step     step
	ready    bool
	read     int
	stop     func() bool // ends the watch over the caller's context
	in, out  deadline    // of raw, once ready
}

// deadline is how long the socket may take for one step, and until when that has been arranged. Setting it costs a good part
// of what a short read does, so it is set somewhat later than asked and left alone while it is late enough.
type deadline struct {
	within time.Duration
	until  time.Time
	armed  bool // within has been heeded since it was set
}

// next returns the deadline to set, if one is to be set.
func (d *deadline) next() (time.Time, bool) {
	earliest := time.Now().Add(d.within)
	if !d.until.Before(earliest) && d.until.Before(earliest.Add(d.within/4)) {
		return d.until, false
	}
	d.until = earliest.Add(d.within / 8)
	return d.until, true
}

// readWithin bounds all reads to come, together, from the first that has to wait for the socket.
func (w *wire) readWithin(d time.Duration) { w.in.within, w.in.armed = d, false }

// writeWithin bounds each write to come.
func (w *wire) writeWithin(d time.Duration) { w.out.within = d }

// dial opens the socket; for smtps it shakes hands too. outer is the caller's context, which go-mail does not watch
// after the socket is open.
func (w *wire) dial(ctx, outer context.Context, r *Relay, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeouts.Dial)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	w.raw, w.Conn = raw, raw
	w.stop = context.AfterFunc(outer, func() { raw.Close() })
	if r.target.mode == tlsNone && (!r.target.insecure || r.target.user != "") && !isLoopback(raw.RemoteAddr()) {
		return nil, errNotLoopback
	}
	if r.target.mode == tlsImplicit {
		w.step = stepHandshake
		c := tls.Client(raw, r.tlsConfig())
		if err := c.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		w.Conn = c
	}
	w.step = stepGreeting
	return w, nil
}

func isLoopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// Write notes which command is being written; once the connection is ready it keeps the time.
func (w *wire) Write(b []byte) (int, error) {
	if !w.ready {
		w.follow(b)
	} else if t, ok := w.out.next(); ok {
		if err := w.raw.SetWriteDeadline(t); err != nil {
			return 0, err
		}
	}
	return w.Conn.Write(b)
}

func (w *wire) follow(b []byte) {
	switch verb, _, _ := strings.Cut(strings.TrimSpace(string(b[:min(len(b), 10)])), " "); {
	case w.step == stepStartTLS:
		w.step = stepHandshake
	case w.step == stepHandshake || w.step == stepAuth:
	case verb == "EHLO" || verb == "HELO":
		w.step = stepHello
	case verb == "STARTTLS":
		w.step = stepStartTLS
	}
}

// Read bounds what is read until the connection is ready; then it keeps the time.
func (w *wire) Read(b []byte) (int, error) {
	if w.ready && !w.in.armed {
		w.in.armed = true
		if t, ok := w.in.next(); ok {
			if err := w.raw.SetReadDeadline(t); err != nil {
				return 0, err
			}
		}
	}
	n, err := w.Conn.Read(b)
	if !w.ready {
		if w.read += n; w.read > maxHandshake {
			return 0, errTalkative
		}
	}
	return n, err
}

// close closes the socket, if there is one.
func (w *wire) close() {
	if w.raw != nil {
		w.stop()
		w.raw.Close()
	}
}
