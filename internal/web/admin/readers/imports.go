package readers

import (
	"io"
	"net/http"
	"strconv"

	"mailer/internal/accounts"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/transfer"
	"mailer/internal/web/admin/frame"
)

// importsPage lists what was imported and what waits.
type importsPage struct {
	Waiting  []transfer.Upload
	Records  []importRecord
	Lists    []subscribers.List // that may be exported
	Problems map[string]string
}

type importRecord struct {
	transfer.ImportRecord
	ListName string
}

// importsShown is how many past imports are listed.
const importsShown = 50

func person(v *frame.Visit) transfer.Person {
	return transfer.Person{Name: v.Who(), All: v.Account.Everywhere() >= accounts.Editor}
}

func importHead(title string) frame.Head {
	return frame.Head{Title: title, Nav: "imports", Styles: []string{"readers.css"}, Crumbs: []frame.Link{{Name: "Import and export", URL: "/admin/imports"}}}
}

func (rm *room) imports(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.showImports(w, r, v, http.StatusOK, nil)
}

func (rm *room) showImports(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, problems map[string]string) (err error) {
	d := importsPage{Problems: problems}
	if d.Lists, err = v.Lists(r.Context(), accounts.Editor); err != nil {
		return err
	}
	if d.Waiting, err = rm.Imports.Uploads(person(v)); err != nil {
		return err
	}
	records, err := rm.Transfer.Imports(r.Context(), importsShown)
	if err != nil {
		return err
	}
	for _, rec := range records {
		if l, ok := listBySlug(d.Lists, rec.List); ok {
			d.Records = append(d.Records, importRecord{rec, l.Name})
		}
	}
	head := importHead("Import and export")
	head.Crumbs = nil
	return v.PageStatus(w, status, pages, "imports.html", head, d)
}

// upload streams a file to the disk; nothing is done with it yet.
func (rm *room) upload(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	up, err := rm.receive(r, v)
	if problems := frame.Problems(err); problems != nil {
		return rm.showImports(w, r, v, errs.KindOf(err).HTTPStatus(), problems)
	} else if err != nil {
		return err
	}
	return v.Done(w, r, "/admin/imports/"+up.ID, "")
}

func (rm *room) receive(r *http.Request, v *frame.Visit) (up transfer.Upload, err error) {
	form, err := r.MultipartReader()
	if err != nil {
		return up, errs.Field("file", "choose a CSV or ZIP file")
	}
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			return up, errs.Field("file", "choose a CSV or ZIP file")
		} else if err != nil {
			return up, errs.Wrap(err, errs.Invalid, "the file did not come in whole; send it again")
		}
		if part.FormName() == "file" {
			return rm.Imports.Receive(part.FileName(), part, v.Who())
		}
	}
}

// stopImport breaks off what is under way.
func (rm *room) stopImport(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	up, err := rm.Imports.Upload(r.PathValue("file"), person(v))
	if err != nil {
		return err
	}
	if j := rm.Imports.Job(up.ID); j != nil {
		j.Stop()
	}
	return v.Done(w, r, "/admin/imports/"+up.ID, "It is being stopped. What was merged stays, and it can be gone on with.")
}

func (rm *room) dropFile(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := rm.Imports.Drop(r.PathValue("file"), person(v)); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/imports", "The file is deleted.")
}

// mend hands out the rows that a person should look at.
func (rm *room) mend(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	f, err := rm.Imports.Notes(r.PathValue("file"), person(v))
	if err != nil {
		return err
	}
	defer f.Close()
	out := &download{ResponseWriter: w, kind: "text/csv; charset=utf-8", name: "rows-to-mend.csv"}
	_, err = io.Copy(out, f)
	return errs.Wrap(err, errs.Unavailable, "the file could not be read")
}

// importEvents tells how far an import is, until it is done.
func (rm *room) importEvents(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	up, err := rm.Imports.Upload(r.PathValue("file"), person(v))
	if err != nil {
		return err
	}
	ev, err := rm.f.Events(w, r, v)
	if err != nil {
		return nil // the page has gone
	}
	j := rm.Imports.Job(up.ID)
	if j == nil {
		ev.Done()
		return nil
	}
	for {
		p, changed := j.Progress()
		if p.Over {
			_ = ev.Send("reload", strconv.FormatInt(p.Rows, 10))
			return nil
		}
		if ev.Part("progress", pages, "progress", p) != nil || !ev.Wait(beat, changed) {
			return nil
		}
	}
}
