//go:build unix

package relay

import "syscall"

// peek looks at a socket without reading or waiting. gone says that the other side has closed or reset the connection, waiting
// that there are bytes to read.
func peek(c syscall.RawConn) (gone, waiting bool) {
	err := c.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EAGAIN || err == syscall.EWOULDBLOCK || err == syscall.EINTR:
		case err != nil || n == 0:
			gone = true
		default:
			waiting = true
		}
	})
	return gone || err != nil, waiting
}
