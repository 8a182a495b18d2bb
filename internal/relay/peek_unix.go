//go:build unix

package relay

import "syscall"

// peeker looks at a socket without reading or waiting.
type peeker struct {
	socket        syscall.RawConn
	peek          func(fd uintptr)
	b             [1]byte
	gone, waiting bool
}

func (p *peeker) init(c syscall.RawConn) {
	p.socket = c
	p.peek = func(fd uintptr) { // made once: it is called for each message
		n, _, err := syscall.Recvfrom(int(fd), p.b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EAGAIN || err == syscall.EWOULDBLOCK || err == syscall.EINTR:
		case err != nil || n == 0:
			p.gone = true
		default:
			p.waiting = true
		}
	}
}

// look says by gone that the other side has closed or reset the connection, by waiting that there are bytes to read.
func (p *peeker) look() (gone, waiting bool) {
	p.gone, p.waiting = false, false
	err := p.socket.Control(p.peek)
	return p.gone || err != nil, p.waiting
}
