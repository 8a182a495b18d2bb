package transfer

import (
	"os"
	"path/filepath"
	"strings"

	"mailer/internal/errs"
)

// What may lie on the disk, in bytes; a file that is still coming counts as far as it has come.
const (
	mostBytesOfOne = 2 << 30
	mostBytes      = 8 << 30
)

// roomFor is the room for a file that is being received. Each piece is counted before it is written, with all that lies there and all
// that is coming at the same time.
type roomFor struct {
	desk     *Desk
	id, who  string
	own, all int64 // bytes of the same person, and of everybody, that lie there
	n        int64 // bytes that have come
	full     error // what a person is told when there is no more room
}

// roomFor counts what lies there. Errors: Conflict for too many files.
func (d *Desk) roomFor(id, who string) (*roomFor, error) {
	w := &roomFor{desk: d, id: id, who: who}
	d.mu.Lock()
	defer d.mu.Unlock()
	ups, err := d.Uploads(Person{All: true})
	if err != nil {
		return nil, err
	}
	if n := len(ups) + len(d.coming); n >= mostUploads {
		return nil, errs.New(errs.Conflict, "there are %d files already; import or delete some of them first", n)
	}
	for _, up := range ups {
		if up.By == who && !up.Gone {
			w.own += up.Size
		}
	}
	files, _ := filepath.Glob(d.data("*")) // the pattern is right; also what a process that was killed has left
	for _, f := range files {
		if fi, err := os.Stat(f); err == nil && d.coming[strings.TrimSuffix(filepath.Base(f), ".data")] == nil {
			w.all += fi.Size()
		}
	}
	d.coming[id] = w
	return w, nil
}

// Write counts a piece.
func (w *roomFor) Write(p []byte) (int, error) {
	w.desk.mu.Lock()
	defer w.desk.mu.Unlock()
	w.n += int64(len(p))
	own, all := w.own, w.all
	for _, o := range w.desk.coming {
		all += o.n
		if o.who == w.who {
			own += o.n
		}
	}
	switch {
	case own > w.desk.mostOfOne:
		w.full = errs.Field("file", "your files that wait here would be more than %d MB together; import or delete some of them first", w.desk.mostOfOne>>20)
	case all > w.desk.most:
		w.full = errs.Field("file", "the files of all people that wait here would be more than %d MB together; some of them have to be imported or deleted first", w.desk.most>>20)
	}
	if w.full != nil {
		return 0, w.full
	}
	return len(p), nil
}

// leave ends the coming of a file. Where keep succeeds it lies there from now on, for those that are still coming too.
func (w *roomFor) leave(keep func() error) error {
	w.desk.mu.Lock()
	defer w.desk.mu.Unlock()
	delete(w.desk.coming, w.id)
	if err := keep(); err != nil {
		return err
	}
	for _, o := range w.desk.coming {
		o.all += w.n
		if o.who == w.who {
			o.own += w.n
		}
	}
	return nil
}
