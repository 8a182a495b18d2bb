package smtptest

import (
	"bytes"
	"net"
)

// Sink takes every message that comes over the connections of ln and forgets it, until ln is closed. It offers one extension.
// It does as little as can be done, so that a measurement is of who sends: a Relay is slower than what it would measure.
func Sink(ln net.Listener, extension string) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go takeAll(c, extension)
	}
}

// takeAll answers what it reads, all at once when there is no more of it.
func takeAll(c net.Conn, ext string) {
	defer c.Close()
	buf, end := make([]byte, 256<<10), 0
	out := []byte("220 sink\r\n")
	body := false
	for {
		if _, err := c.Write(out); err != nil {
			return
		}
		out = out[:0]
		for len(out) == 0 {
			n, err := c.Read(buf[end:])
			if err != nil {
				return
			}
			searched := max(end-4, 0)
			end += n
			in := buf[:end]
			for {
				if body {
					i := bytes.Index(in[min(searched, len(in)):], []byte("\r\n.\r\n"))
					if i < 0 {
						break
					}
					in, body = in[min(searched, len(in))+i+5:], false
					out = append(out, "250 2.0.0 Ok: queued as 4XkQw12n9Vz3Q\r\n"...)
					searched = 0
					continue
				}
				i := bytes.IndexByte(in, '\n')
				if i < 0 {
					break
				}
				switch in[0] {
				case 'E':
					out = append(append(append(out, "250-sink\r\n250 "...), ext...), "\r\n"...)
				case 'D':
					out, body = append(out, "354 go on\r\n"...), true
				case 'Q':
					return
				default:
					out = append(out, "250 2.1.0 Ok\r\n"...)
				}
				in, searched = in[i+1:], 0
			}
			if body { // only its last octets matter
				in = in[max(0, len(in)-5):]
			}
			end = copy(buf, in)
		}
	}
}
