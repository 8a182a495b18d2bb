package transfer

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// MaxUpload is how large a file may be that somebody uploads, in bytes.
const MaxUpload = 1 << 30

const (
	keepUploads = 7 * 24 * time.Hour // files that nobody imported go by themselves; they are full of addresses
	mostJobs    = 2                  // imports at once, of one process
	mostUploads = 100
)

// Desk keeps files that people upload until they are imported, and imports them while the people watch. A file lies in a folder of
// this machine and goes as soon as it is imported, after a week otherwise. It is safe for concurrent use.
type Desk struct {
	store *Store
	dir   string
	now   func() time.Time
	log   *slog.Logger

	ctx  context.Context // of the jobs
	wait sync.WaitGroup

	mu   sync.Mutex
	jobs map[string]*Job // by upload, the latest

	coming map[string]*roomFor // by upload

	mostOfOne, most int64 // bytes; tests set fewer
}

// NewDesk returns a desk that keeps its files in dir, which is made when the first one comes.
// What is under way when ctx ends is broken off, and can be resumed.
func NewDesk(ctx context.Context, store *Store, dir string, now func() time.Time, log *slog.Logger) *Desk {
	return &Desk{store: store, dir: dir, now: now, log: log, ctx: ctx, jobs: map[string]*Job{}, mostOfOne: mostBytesOfOne, most: mostBytes, coming: map[string]*roomFor{}}
}

// Wait returns once nothing is under way any more.
func (d *Desk) Wait() { d.wait.Wait() }

// Upload is a file that somebody brought.
type Upload struct {
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	Size   int64     `json:"size"` // in bytes
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Gone   bool      `json:"gone,omitempty"`   // it is imported, and deleted
	Import int64     `json:"import,omitempty"` // number of the import that was begun with it
	List   int64     `json:"list,omitempty"`   // into which

	Asked  *Options      `json:"asked,omitempty"`  // what the last run was told
	Report *ImportReport `json:"report,omitempty"` // of the last run
	Failed string        `json:"failed,omitempty"` // why the last run ended early
	Ended  time.Time     `json:"ended,omitzero"`
}

var uploadID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Person is who asks for an upload: they see their own, and those of others when they may import into every list.
type Person struct {
	Name string
	All  bool
}

// Receive keeps a file. It is written to the disk as it comes. Errors: errs.Invalid for one that is empty, larger than MaxUpload, or more
// than there is room for with what waits of the same person (2 GB) and of all (8 GB); errs.Conflict when too many wait.
func (d *Desk) Receive(name string, r io.Reader, who string) (up Upload, err error) {
	d.Tidy()
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return up, errs.Wrap(err, errs.Unavailable, "the file cannot be kept: the folder for uploads cannot be made")
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	name, err = subscribers.OneLine("file", subscribers.Printable(filepath.Base(strings.ReplaceAll(name, `\`, "/")), 200), 210)
	if err != nil {
		return up, err
	}
	up = Upload{ID: hex.EncodeToString(id), Name: name, By: who, At: d.now().UTC()}
	room, err := d.roomFor(up.ID, who)
	if err != nil {
		return Upload{}, err
	}
	err = d.fill(&up, room, r)
	err = room.leave(func() error {
		if err == nil {
			err = d.save(up)
		}
		if err != nil {
			_ = os.Remove(d.data(up.ID))
		}
		return err
	})
	if err != nil {
		return Upload{}, err
	}
	return up, nil
}

// fill writes what comes to the disk.
func (d *Desk) fill(up *Upload, room *roomFor, r io.Reader) error {
	f, err := os.OpenFile(d.data(up.ID), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "the file cannot be kept")
	}
	up.Size, err = io.Copy(io.MultiWriter(room, f), io.LimitReader(r, MaxUpload+1))
	if cerr := f.Close(); err == nil && cerr != nil {
		err = errs.Wrap(cerr, errs.Unavailable, "the file cannot be kept; is the disk full?")
	}
	switch {
	case room.full != nil:
		return room.full
	case err != nil:
		return errs.Wrap(err, errs.Unavailable, "the file did not come in whole; send it again")
	case up.Size == 0:
		return errs.Field("file", "choose a file; this one is empty")
	case up.Size > MaxUpload:
		return errs.Field("file", "it is larger than %d MB; pack it as ZIP, or import it with: mailer subscribers import", MaxUpload>>20)
	}
	return nil
}

func (d *Desk) data(id string) string  { return filepath.Join(d.dir, id+".data") }
func (d *Desk) about(id string) string { return filepath.Join(d.dir, id+".json") }

// notes is where the rows to mend of the last run stand, as CSV; it may not be there.
func (d *Desk) notes(id string) string { return filepath.Join(d.dir, id+".csv") }

func (d *Desk) save(up Upload) error {
	b, err := json.Marshal(up)
	if err == nil {
		part := d.about(up.ID) + ".part"
		if err = os.WriteFile(part, b, 0o600); err == nil {
			err = os.Rename(part, d.about(up.ID))
		}
	}
	return errs.Wrap(err, errs.Unavailable, "the file cannot be kept; is the disk full?")
}

// Upload returns one file, or errs.NotFound, also for somebody who may not see it.
func (d *Desk) Upload(id string, p Person) (up Upload, err error) {
	missing := errs.New(errs.NotFound, "there is no such file any more; files are kept for a week")
	if !uploadID.MatchString(id) {
		return up, missing
	}
	b, err := os.ReadFile(d.about(id))
	if errors.Is(err, os.ErrNotExist) {
		return up, missing
	}
	if err == nil {
		err = json.Unmarshal(b, &up)
	}
	if err != nil {
		return up, errs.Wrap(err, errs.Unavailable, "what is known of the file cannot be read")
	}
	if !p.All && up.By != p.Name {
		return Upload{}, missing
	}
	return up, nil
}

// Uploads returns the files that a person may see, newest first.
func (d *Desk) Uploads(p Person) ([]Upload, error) {
	files, err := filepath.Glob(filepath.Join(d.dir, "*.json"))
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "list the uploads")
	}
	var all []Upload
	for _, f := range files {
		if up, err := d.Upload(strings.TrimSuffix(filepath.Base(f), ".json"), p); err == nil {
			all = append(all, up)
		}
	}
	slices.SortFunc(all, func(a, b Upload) int { return b.At.Compare(a.At) })
	return all, nil
}

// Drop deletes a file and all that is known of it. Not while it is imported: errs.Conflict.
func (d *Desk) Drop(id string, p Person) error {
	if _, err := d.Upload(id, p); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if j := d.jobs[id]; j != nil && !j.Over() {
		return errs.New(errs.Conflict, "it is being imported; stop that first")
	}
	delete(d.jobs, id)
	d.remove(id)
	return nil
}

func (d *Desk) remove(id string) {
	for _, f := range []string{d.data(id), d.notes(id), d.about(id)} {
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			d.log.Warn("an uploaded file could not be deleted", "err", err)
		}
	}
}

// Tidy deletes what has been there for a week. Files of a process that was killed while it wrote one go too.
func (d *Desk) Tidy() {
	files, _ := filepath.Glob(filepath.Join(d.dir, "*.*")) // the pattern is right
	for _, f := range files {
		fi, err := os.Stat(f)
		if err != nil || d.now().Sub(fi.ModTime()) < keepUploads {
			continue
		}
		id := filepath.Base(f)[:min(32, len(filepath.Base(f)))]
		d.mu.Lock()
		if j := d.jobs[id]; (j == nil || j.Over()) && uploadID.MatchString(id) {
			delete(d.jobs, id)
			d.remove(id)
		}
		d.mu.Unlock()
	}
}

// Notes opens the rows to mend of the last run, as CSV with whole addresses; errs.NotFound when there were none.
func (d *Desk) Notes(id string, p Person) (io.ReadCloser, error) {
	if _, err := d.Upload(id, p); err != nil {
		return nil, err
	}
	f, err := os.Open(d.notes(id))
	if err != nil {
		return nil, errs.Wrap(err, errs.NotFound, "there is no file of rows to mend")
	}
	return f, nil
}
