package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// callSpec is what the caller of web pages is told: each line of File is a path, and for POST a blank and the body of a form. Call n
// takes line First+n.
type callSpec struct {
	Address, Method, File string
	First, Connections    int
	Millis                int64
	Forwarded             bool // each call says that it was forwarded for somebody in another network
}

// callResult is what the caller saw.
type callResult struct {
	Calls, Refused int
	Seconds        float64
	P50, P99       float64 // milliseconds
	Status         int     // of a refused one
	Err            string
}

// runCaller keeps so many connections busy, each with one call at a time, until the time is over or the lines are used up.
func runCaller(data []byte) error {
	var spec callSpec
	if err := fromJSON(data, &spec); err != nil {
		return err
	}
	file, err := os.ReadFile(spec.File)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(file)), "\n")
	if err := reply("ready"); err != nil {
		return err
	}
	return questions(func(string) any {
		var n, refused, status atomic.Int64
		var mu sync.Mutex
		var took []time.Duration
		begun := time.Now()
		until := begun.Add(time.Duration(spec.Millis) * time.Millisecond)
		err := together(spec.Connections, func(int) error {
			c, err := net.Dial("tcp", spec.Address)
			if err != nil {
				return err
			}
			defer c.Close()
			in := bufio.NewReaderSize(c, 32<<10)
			var mine []time.Duration
			var out []byte
			for time.Now().Before(until) {
				i := spec.First + int(n.Add(1)) - 1
				if i >= len(lines) && spec.Method == http.MethodPost {
					break
				}
				out = appendCall(out[:0], spec, lines[i%len(lines)], i)
				start := time.Now()
				if _, err := c.Write(out); err != nil {
					return err
				}
				got, err := skipAnswer(in)
				if err != nil {
					return err
				}
				mine = append(mine, time.Since(start))
				if got != http.StatusOK {
					refused.Add(1)
					status.Store(int64(got))
				}
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
			return nil
		})
		res := callResult{Calls: len(took), Refused: int(refused.Load()), Status: int(status.Load()), Seconds: time.Since(begun).Seconds()}
		if err != nil {
			res.Err = err.Error()
		} else if len(took) > 0 {
			slices.Sort(took)
			res.P50, res.P99 = ms(percentile(took, 50)), ms(percentile(took, 99))
		}
		return res
	})
}

// appendCall writes a request as a mail program or a browser might.
func appendCall(to []byte, spec callSpec, line string, n int) []byte {
	path, body, _ := strings.Cut(line, " ")
	to = fmt.Appendf(to, "%s %s HTTP/1.1\r\nHost: news.example.org\r\nUser-Agent: bench\r\nAccept: text/html\r\nAccept-Encoding: identity\r\n", spec.Method, path)
	if spec.Forwarded {
		to = fmt.Appendf(to, "X-Forwarded-For: 203.%d.%d.7\r\n", n/250%250, n%250)
	}
	if spec.Method == http.MethodPost {
		to = fmt.Appendf(to, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n", len(body))
	}
	return append(append(to, "\r\n"...), body...)
}

// skipAnswer reads an answer to its end and returns its status.
func skipAnswer(in *bufio.Reader) (status int, err error) {
	length, chunked := 0, false
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimSpace(line)
		if first {
			if len(line) < 12 {
				return 0, fmt.Errorf("the server said %q", line)
			}
			if status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, err
			}
			continue
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	if !chunked {
		_, err := in.Discard(length)
		return status, err
	}
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return 0, err
		}
		if _, err := in.Discard(int(size) + 2); err != nil || size == 0 {
			return status, err
		}
	}
}

// runBareWeb is the ceiling of what a web server of Go's can do: it reads the form, if there is one, and writes the same bytes.
func runBareWeb(data []byte) error {
	var size int
	if err := fromJSON(data, &size); err != nil {
		return err
	}
	body := bytes.Repeat([]byte("<p>A page.</p>\n"), size/15+1)[:size]
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.ParseForm() != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(body)
	})}
	go func() { _ = server.Serve(ln) }()
	if err := reply(ln.Addr().String()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin) // until the parent wants no more, or is gone
	return errors.Join(err, server.Close())
}
