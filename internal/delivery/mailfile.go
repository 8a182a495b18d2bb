package delivery

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"mailer/internal/errs"
)

const (
	mailLogSoon  = 500 * time.Millisecond // a line is in the file after no longer than this, and a write
	mailLogBatch = 64 << 10               // bytes that are written at once without waiting for more
	mailLogMost  = 8 << 20                // bytes that may wait; beyond that senders wait for the disk
)

// MailLog is a file with one line of JSON for each attempt. Lines are gathered and written by the block, whole ones only, so that a
// reader of the file, or a rotation by copying and truncating, never sees half of one. It is safe for concurrent use.
type MailLog struct {
	path string
	log  *slog.Logger

	mu      sync.Mutex
	buf     []byte
	armed   bool // a write is about to come
	closed  bool
	lost    int64 // lines that could not be written since that was last said
	waiting int64 // lines in buf

	writing sync.Mutex // before mu
	file    *os.File
	spare   []byte
}

// OpenMailLog opens the file, or makes it, and adds to its end. It is readable by its owner and group. Errors are errs.Config.
func OpenMailLog(path string, log *slog.Logger) (*MailLog, error) {
	m := &MailLog{path: path, log: log}
	f, err := m.open()
	if err != nil {
		return nil, err
	}
	m.file = f
	return m, nil
}

func (m *MailLog) open() (*os.File, error) {
	f, err := os.OpenFile(m.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	return f, errs.Wrap(err, errs.Config, "the mail log %s cannot be written; make its folder %s, or set MAILER_MAIL_LOG to another file", m.path, filepath.Dir(m.path))
}

// Reopen writes what waits and opens the file by its name again, for rotation by renaming. When it cannot be opened the old
// one goes on being used.
func (m *MailLog) Reopen() error {
	m.write()
	m.writing.Lock()
	defer m.writing.Unlock()
	f, err := m.open()
	if err != nil {
		return err
	}
	old := m.file
	m.file = f
	return errs.Wrap(old.Close(), errs.Internal, "close the old mail log")
}

// Close writes what waits and closes the file. Lines that come later are lost.
func (m *MailLog) Close() error {
	m.write()
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.writing.Lock()
	defer m.writing.Unlock()
	return errs.Wrap(m.file.Close(), errs.Internal, "close the mail log")
}

// add takes a line, which line appends to the buffer it is given.
func (m *MailLog) add(line func(b []byte) []byte) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	m.buf = append(line(m.buf), '\n')
	m.waiting++
	size, first := len(m.buf), !m.armed
	m.armed = true
	m.mu.Unlock()
	switch {
	case size >= mailLogMost:
		m.write()
	case first:
		time.AfterFunc(mailLogSoon, m.write)
	case size >= mailLogBatch && m.writing.TryLock():
		m.writing.Unlock()
		m.write()
	}
}

// write writes what waits. Nobody waits for the disk meanwhile but other writes.
func (m *MailLog) write() {
	m.writing.Lock()
	defer m.writing.Unlock()
	m.mu.Lock()
	out, lines := m.buf, m.waiting
	m.buf, m.waiting, m.armed = m.spare[:0], 0, false
	closed := m.closed
	m.mu.Unlock()
	m.spare = out
	if len(out) == 0 || closed {
		return
	}
	if _, err := m.file.Write(out); err != nil {
		if m.lost == 0 {
			m.log.Error("the mail log cannot be written; its lines are lost until it can", "file", m.path, "err", err)
		}
		m.lost += lines
		return
	}
	if m.lost > 0 {
		m.log.Warn("the mail log can be written again", "file", m.path, "lines_lost", m.lost)
		m.lost = 0
	}
}
