package transfer

import (
	"bufio"
	"context"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"mailer/internal/errs"
)

// Job is one run over an uploaded file: an import or a dry run.
type Job struct {
	DryRun bool

	cancel context.CancelFunc
	file   *countingFile

	mu       sync.Mutex
	progress ImportProgress
	over     bool
	changed  chan struct{} // closed at the next change
}

// Progress is how far a job is.
type Progress struct {
	ImportProgress
	Read, Size int64 // bytes of the file
	Over       bool
	DryRun     bool
}

// Progress returns how far the job is, and what is closed at the next change.
func (j *Job) Progress() (Progress, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Progress{ImportProgress: j.progress, Read: min(j.file.read.Load(), j.file.size), Size: j.file.size, Over: j.over, DryRun: j.DryRun}, j.changed
}

// Over reports that the job has ended; what came of it stands with the upload.
func (j *Job) Over() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.over
}

// Stop breaks the job off. An import can be resumed.
func (j *Job) Stop() { j.cancel() }

func (j *Job) tell(p ImportProgress, over bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.progress, j.over = p, over
	close(j.changed)
	j.changed = make(chan struct{})
}

// countingFile knows how far it was read.
type countingFile struct {
	*os.File
	size int64
	read atomic.Int64
}

func (f *countingFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	for end := off + int64(n); ; {
		was := f.read.Load()
		if end <= was || f.read.CompareAndSwap(was, end) {
			return n, err
		}
	}
}

// Job returns the last job of an upload in this process, or nil.
func (d *Desk) Job(id string) *Job {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.jobs[id]
}

// Start begins a run over an upload and returns at once. r says what to do with the rows; what belongs to the file is filled in here, and
// a list is needed. Errors: errs.Conflict when one is under way or the file is gone.
func (d *Desk) Start(id string, p Person, r ImportRequest) (*Job, error) {
	up, err := d.Upload(id, p)
	if err != nil {
		return nil, err
	}
	if up.Gone {
		return nil, errs.New(errs.Conflict, "this file is imported, and was deleted; upload it again")
	}
	if err := d.store.check(r); err != nil {
		return nil, err
	}
	f, err := os.Open(d.data(id))
	if err != nil {
		return nil, errs.Wrap(err, errs.NotFound, "the file is not there any more; upload it again")
	}
	counted := &countingFile{File: f, size: up.Size}
	if r.Files, _, err = ImportFiles(up.Name, counted, up.Size); err != nil {
		_ = f.Close()
		return nil, err
	}
	r.Narrow = !p.All
	if r.FileName, r.Who = up.Name, p.Name; len(r.Files) == 1 {
		r.FileName = r.Files[0].Name
	}
	ctx, cancel := context.WithCancel(d.ctx)
	j := &Job{DryRun: r.DryRun, cancel: cancel, file: counted, changed: make(chan struct{})}
	if err := d.admit(id, j); err != nil {
		cancel()
		_ = f.Close()
		return nil, err
	}
	d.wait.Go(func() {
		defer cancel()
		defer f.Close()
		d.run(ctx, up, j, r)
	})
	return j, nil
}

func (d *Desk) admit(id string, j *Job) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	running := 0
	for _, o := range d.jobs {
		if !o.Over() {
			running++
		}
	}
	switch was := d.jobs[id]; {
	case d.ctx.Err() != nil:
		return errs.New(errs.Unavailable, "the service is being stopped; try again in a minute")
	case was != nil && !was.Over():
		return errs.New(errs.Conflict, "this file is being imported already")
	case running >= mostJobs:
		return errs.New(errs.Conflict, "%d imports are under way; wait until one of them is done", running)
	}
	d.jobs[id] = j
	return nil
}

// run does a job and writes down what came of it.
func (d *Desk) run(ctx context.Context, up Upload, j *Job, r ImportRequest) {
	if r.Resume == 0 {
		up.List, up.Asked = r.ListID, new(r.options())
	}
	report, err := d.imported(ctx, &up, j, r)
	up.Report, up.Failed, up.Ended = &report, "", d.now().UTC()
	switch {
	case err != nil:
		up.Failed = errs.Public(err)
		if errs.KindOf(err) == errs.Internal {
			d.log.Error("an import failed", "err", err)
		}
		if !r.DryRun && report.ImportID == 0 && up.Import != 0 && r.Resume == 0 {
			up.Import = 0 // it did nothing, and left no record
		}
	case !r.DryRun:
		up.Import, up.Gone = report.ImportID, true
		if err := os.Remove(d.data(up.ID)); err != nil {
			d.log.Warn("an imported file could not be deleted", "err", err)
		}
	}
	if err := d.save(up); err != nil {
		d.log.Error("what came of an import could not be kept", "err", err)
	}
	j.tell(report.ImportProgress, true)
}

// imported imports, with the rows to mend written beside the file.
func (d *Desk) imported(ctx context.Context, up *Upload, j *Job, r ImportRequest) (report ImportReport, err error) {
	how := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if r.Resume != 0 {
		how = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	f, err := os.OpenFile(d.notes(up.ID), how, 0o600)
	if err != nil {
		return report, errs.Wrap(err, errs.Unavailable, "the rows to mend cannot be kept; is the disk full?")
	}
	defer f.Close()
	at, _ := f.Seek(0, io.SeekEnd)
	w := bufio.NewWriter(f)
	notes := NewNoteWriter(w, at > 0)
	r.Notes = notes.Note
	if !r.DryRun {
		r.Begun = func(id int64) {
			up.Import, up.List = id, r.ListID
			_ = d.save(*up) // for a resume after this process was killed; without it the import can be resumed by its number
		}
	}
	report, err = d.store.Import(ctx, r, func(p ImportProgress) { j.tell(p, false) })
	if nerr := notes.Flush(); nerr == nil {
		nerr = w.Flush()
		if err == nil && nerr != nil {
			err = errs.Wrap(nerr, errs.Unavailable, "the import is done, but the rows to mend could not be kept")
		}
	}
	return report, err
}
