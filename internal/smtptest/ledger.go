package smtptest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"
)

// Entry is one accepted message for one recipient.
type Entry struct {
	From      string    `json:"from"`
	To        string    `json:"to"`
	MessageID string    `json:"message_id"`
	Sum       string    `json:"sum"` // SHA-256 of Data in hexadecimal
	Size      int       `json:"size"`
	At        time.Time `json:"at"`
	QueueID   string    `json:"queue_id"`
	Conn      int       `json:"conn"`
	MailLine  string    `json:"-"` // the whole MAIL command
	Data      []byte    `json:"-"` // the message without dot-stuffing, unless the ledger keeps less
}

// ledger is the list of accepted messages, in memory and perhaps in a file that is written in groups: every entry waits
// until it is on disk, and those that wait together share one fsync.
type ledger struct {
	keep  Keep
	fsync bool
	file  *os.File

	mu      sync.Mutex
	entries []Entry
	count   int
	changed chan struct{}

	gmu     sync.Mutex
	waiting *group
	writing sync.Mutex
}

type group struct {
	lines bytes.Buffer
	done  chan struct{}
	err   error
}

func (l *ledger) open(o options) error {
	l.keep, l.fsync, l.changed = o.keep, o.fsync, make(chan struct{})
	if o.file == "" {
		return nil
	}
	f, err := os.OpenFile(o.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open ledger: %w", err)
	}
	l.file = f
	return nil
}

func (l *ledger) close() {
	if l.file != nil {
		l.file.Close()
	}
}

// add writes an entry down; when it returns nil the entry is where it was asked to be, on disk included.
func (l *ledger) add(e Entry, data []byte) error {
	e.At, e.Size = time.Now(), len(data)
	if l.keep != KeepCount || l.file != nil {
		sum := sha256.Sum256(data)
		e.Sum, e.MessageID = hex.EncodeToString(sum[:]), headerID(data)
	}
	if l.file != nil {
		if err := l.store(e); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	switch l.keep {
	case KeepCount:
		return nil
	case KeepData:
		e.Data = bytes.Clone(data)
	}
	l.entries = append(l.entries, e)
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

// store appends one line to the file. Whoever comes first writes for all that came while the disk was busy.
func (l *ledger) store(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	l.gmu.Lock()
	g := l.waiting
	first := g == nil
	if first {
		g = &group{done: make(chan struct{})}
		l.waiting = g
	}
	g.lines.Write(line)
	g.lines.WriteByte('\n')
	l.gmu.Unlock()
	if !first {
		<-g.done
		return g.err
	}
	l.writing.Lock()
	l.gmu.Lock()
	l.waiting = nil
	l.gmu.Unlock()
	_, g.err = l.file.Write(g.lines.Bytes())
	if g.err == nil && l.fsync {
		g.err = l.file.Sync()
	}
	l.writing.Unlock()
	close(g.done)
	return g.err
}

// headerID returns the Message-ID without angle brackets, "" where there is none.
func headerID(data []byte) string {
	head, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	for line := range bytes.Lines(head) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if ok && bytes.EqualFold(name, []byte("Message-ID")) {
			return string(bytes.Trim(bytes.TrimSpace(value), "<>"))
		}
	}
	return ""
}

// Ledger returns the accepted messages in the order of acceptance.
func (r *Relay) Ledger() []Entry {
	r.led.mu.Lock()
	defer r.led.mu.Unlock()
	return slices.Clone(r.led.entries)
}

// Len returns how many messages were accepted.
func (r *Relay) Len() int {
	r.led.mu.Lock()
	defer r.led.mu.Unlock()
	return r.led.count
}

// Wait blocks until at least n messages were accepted or ctx ends. A relay that keeps only counts cannot be waited for.
func (r *Relay) Wait(ctx context.Context, n int) error {
	if r.opts.keep == KeepCount {
		return errors.New("smtptest: this ledger keeps only counts")
	}
	for {
		r.led.mu.Lock()
		have, changed := r.led.count, r.led.changed
		r.led.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("smtptest: %d of %d messages accepted: %w", have, n, ctx.Err())
		}
	}
}

// ReadLedger reads a ledger file. A last line that was cut by a crash is left out: its message was not answered with 250.
// A file that does not exist is an empty ledger.
func ReadLedger(path string) ([]Entry, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	whole := b[:bytes.LastIndexByte(b, '\n')+1]
	var entries []Entry
	sc := bufio.NewScanner(bytes.NewReader(whole))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var e Entry
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("ledger %s, line %d: %w", path, len(entries)+1, err)
		}
		entries = append(entries, e)
	}
	return entries, sc.Err()
}
