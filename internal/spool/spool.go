// Package spool keeps entries in files while the database cannot take them: each is on the disk (fsync) before Append
// returns, survives a crash of the program and of the machine, and is handed on in the order of arrival. It knows nothing of
// what the entries say.
//
// A spool is a folder. Each process appends to a file of its own in it, and holds a lock on that file, so several processes of one
// machine may share the folder; the file of one that is no more is drained by whichever comes next.
package spool

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mailer/internal/errs"
)

// MaxEntry is the largest entry in octets.
const MaxEntry = 64 << 10

const suffix = ".spool"

// Spool is an open spool. It is safe for concurrent use.
type Spool struct {
	dir string
	log *slog.Logger

	mu      sync.Mutex
	waiting []*waiting // for the next write
	writing bool       // somebody writes, and takes what came in meanwhile as well

	disk   sync.Mutex // of the next five
	file   *os.File   // that entries are appended to; nil until the first
	size   int64      // of what is known to be whole in it
	serial int64      // of the newest file, so that names sort by age also when the clock goes back
	here   int        // entries in it
	behind int        // entries in files that nobody appends to

	drain sync.Mutex   // one Drain at a time
	count atomic.Int64 // here and behind
	sync  func(*os.File) error
}

// waiting is an entry whose Append has not returned.
type waiting struct {
	line []byte
	done chan error
}

// Open opens the spool in a folder, which is made when needed. What a process that is no more has left there counts as
// pending. It returns errs.Unavailable where the folder cannot be used.
func Open(dir string, log *slog.Logger) (*Spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "the folder %s cannot be made; what readers ask for while the database is away is kept there", dir)
	}
	s := &Spool{dir: dir, log: log, sync: (*os.File).Sync}
	left, err := s.abandoned()
	if err != nil {
		return nil, err
	}
	for _, f := range left {
		entries, _ := read(f)
		s.behind += len(entries)
	}
	giveBack(left)
	s.recount()
	return s, nil
}

// Pending returns how many entries wait to be drained, as far as this process knows.
func (s *Spool) Pending() int { return int(s.count.Load()) }

// Append puts entry on the disk. When it returns nil the entry survives a crash; entries that arrive together share one fsync.
// It returns errs.Unavailable when the disk is full or does not write: the entry may then be there or not.
func (s *Spool) Append(entry []byte) error {
	if len(entry) > MaxEntry {
		return errs.New(errs.Internal, "an entry of %d octets is too large for the spool", len(entry))
	}
	w := &waiting{line: encode(entry), done: make(chan error, 1)}
	s.mu.Lock()
	s.waiting = append(s.waiting, w)
	if s.writing {
		s.mu.Unlock()
		return <-w.done
	}
	s.writing = true
	for len(s.waiting) > 0 {
		batch := s.waiting
		s.waiting = nil
		s.mu.Unlock()
		s.disk.Lock()
		err := s.write(batch)
		s.disk.Unlock()
		for _, b := range batch {
			b.done <- err
		}
		s.mu.Lock()
	}
	s.writing = false
	s.mu.Unlock()
	return <-w.done
}

// write appends a batch and syncs it. After a fault the file is not used again: what a failed fsync has left of it nobody knows. The
// caller holds disk.
func (s *Spool) write(batch []*waiting) error {
	var data []byte
	for _, b := range batch {
		data = append(data, b.line...)
	}
	if s.file == nil {
		if err := s.create(); err != nil {
			return errs.Wrap(err, errs.Unavailable, "the spool cannot be written")
		}
	}
	_, err := s.file.WriteAt(data, s.size)
	if err == nil {
		err = s.sync(s.file)
	}
	if err != nil {
		// What is not whole must not stand before what comes later. Where that cannot be taken back, the checksum tells.
		_ = s.file.Truncate(s.size)
		s.seal()
		return errs.Wrap(err, errs.Unavailable, "the spool cannot be written")
	}
	s.size += int64(len(data))
	s.here += len(batch)
	s.recount()
	return nil
}

// recount keeps what Pending says. The caller holds disk.
func (s *Spool) recount() { s.count.Store(int64(s.here + s.behind)) }

// create begins a file and makes sure that its name survives a crash, too.
func (s *Spool) create() error {
	s.serial = max(s.serial+1, time.Now().UnixNano())
	name := filepath.Join(s.dir, fmt.Sprintf("%020d-%d%s", s.serial, os.Getpid(), suffix))
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = lock(f); err == nil {
		err = syncDir(s.dir)
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(name)
		return err
	}
	s.file, s.size = f, 0
	return nil
}

// seal ends the present file; the next entry begins another. One that nothing stands in is removed. The caller holds disk.
func (s *Spool) seal() {
	if s.file == nil {
		return
	}
	if s.size == 0 {
		_ = os.Remove(s.file.Name())
	}
	unlock(s.file)
	_ = s.file.Close()
	s.file, s.size = nil, 0
	s.behind, s.here = s.behind+s.here, 0
}

// Close gives up the file; what stands in it is drained by the next who opens the spool.
func (s *Spool) Close() {
	s.disk.Lock()
	defer s.disk.Unlock()
	s.seal()
}

// Drain hands the entries of every file that no other process writes to take, oldest file first and in order of arrival, at most
// batch at once, and removes a file when all of it is taken. An error of take ends it; what it was given is then handed out
// again by the next Drain, as is everything after a crash: so take must not mind repeats.
func (s *Spool) Drain(batch int, take func(entries [][]byte) error) error {
	s.drain.Lock()
	defer s.drain.Unlock()
	s.disk.Lock()
	s.seal()
	files, err := s.abandoned()
	known := s.behind
	s.disk.Unlock()
	if err != nil {
		return err
	}
	defer giveBack(files)
	contents, faults, all := make([][][]byte, len(files)), make([]error, len(files)), 0
	for i, f := range files {
		contents[i], faults[i] = read(f)
		if errors.Is(faults[i], errUnread) {
			return errs.Wrap(faults[i], errs.Unavailable, "a file of the spool cannot be read")
		}
		all += len(contents[i])
	}
	s.addBehind(all - known) // with those of processes that have ended meanwhile, and without those that others have drained
	for i, f := range files {
		if faults[i] != nil {
			s.log.Error("a file of the spool cannot be read whole", "file", f.Name(), "entries", len(contents[i]), "err", faults[i])
		}
		for part := range slices.Chunk(contents[i], batch) {
			if err := take(part); err != nil {
				return err
			}
		}
		if err := s.done(f, faults[i]); err != nil {
			return err
		}
		s.addBehind(-len(contents[i]))
	}
	return nil
}

func (s *Spool) addBehind(n int) {
	s.disk.Lock()
	defer s.disk.Unlock()
	s.behind += n
	s.recount()
}

// done removes a file that is drained, or puts one that was damaged aside for a person.
func (s *Spool) done(f *os.File, fault error) error {
	var err error
	if fault != nil && !errors.Is(fault, errTorn) {
		err = os.Rename(f.Name(), strings.TrimSuffix(f.Name(), suffix)+".damaged")
	} else {
		err = os.Remove(f.Name())
	}
	if err == nil {
		err = syncDir(s.dir)
	}
	return errs.Wrap(err, errs.Unavailable, "a file of the spool cannot be removed")
}

// abandoned opens and locks the files that nobody writes to, in the order of their names.
func (s *Spool) abandoned() ([]*os.File, error) {
	names, err := filepath.Glob(filepath.Join(s.dir, "*"+suffix))
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "read the folder of the spool")
	}
	slices.Sort(names)
	var files []*os.File
	for _, name := range names {
		// A folder, a link or a pipe is none of ours, and must not stand in the way of what is.
		if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
			continue
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if errors.Is(err, os.ErrNotExist) {
			continue // another process was faster
		} else if err != nil {
			giveBack(files)
			return nil, errs.Wrap(err, errs.Unavailable, "the file %s of the spool cannot be opened", name)
		}
		if lock(f) != nil || gone(f) {
			_ = f.Close()
			continue
		}
		files = append(files, f)
	}
	return files, nil
}

// giveBack lets others have the files.
func giveBack(files []*os.File) {
	for _, f := range files {
		unlock(f)
		_ = f.Close()
	}
}

// gone reports that the file was removed between opening and locking it.
func gone(f *os.File) bool {
	a, errA := f.Stat()
	b, errB := os.Stat(f.Name())
	return errA != nil || errB != nil || !os.SameFile(a, b)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

var (
	// errTorn is the end of a file that was being written when the machine stopped: nobody was told that it is kept.
	errTorn    = errors.New("the last entry is not whole")
	errDamaged = errors.New("an entry is damaged")
	errUnread  = errors.New("it cannot be read")
)

var table = crc32.MakeTable(crc32.Castagnoli)

// encode makes a line of an entry: checksum, length, octets, line end. A person can read it.
func encode(entry []byte) []byte {
	return fmt.Appendf(make([]byte, 0, len(entry)+20), "%08x %d %s\n", crc32.Checksum(entry, table), len(entry), entry)
}

// read returns the whole entries of a file, with errTorn when it ends in the midst of one and errDamaged when one before that is
// not as it was written: that one is passed over.
func read(f *os.File) (entries [][]byte, err error) {
	data, err := os.ReadFile(f.Name())
	if err != nil {
		return nil, errors.Join(errUnread, err)
	}
	for len(data) > 0 {
		entry, rest, ok := decode(data)
		if ok {
			entries, data = append(entries, entry), rest
			continue
		}
		next := bytes.IndexByte(data, '\n')
		if next < 0 || next == len(data)-1 {
			if err == nil {
				err = errTorn
			}
			break
		}
		err, data = errDamaged, data[next+1:]
	}
	return entries, err
}

// decode reads the line that data begins with.
func decode(data []byte) (entry, rest []byte, ok bool) {
	head := data[:min(len(data), 20)]
	sum, head, ok1 := bytes.Cut(head, []byte(" "))
	length, _, ok2 := bytes.Cut(head, []byte(" "))
	want, err1 := strconv.ParseUint(string(sum), 16, 32)
	n, err2 := strconv.Atoi(string(length))
	if !ok1 || !ok2 || err1 != nil || err2 != nil || n < 0 || n > MaxEntry {
		return nil, nil, false
	}
	from := len(sum) + len(length) + 2
	if from+n >= len(data) || data[from+n] != '\n' {
		return nil, nil, false
	}
	entry = data[from : from+n]
	return entry, data[from+n+1:], crc32.Checksum(entry, table) == uint32(want)
}
