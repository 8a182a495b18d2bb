package readers

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/transfer"
	"mailer/internal/web/admin/frame"
)

// beat is how often the progress of an import is shown at least.
const beat = 2 * time.Second

// filePage is one uploaded file: what is in it, what is to be done with it, how far that is, and what came of it.
type filePage struct {
	File     transfer.Upload
	Look     transfer.Look
	Columns  []columnChoice
	Progress *transfer.Progress // of what is under way
	ListName string

	List, Source, Wording, Agreed, Status, Expires string
	Resume                                         string // number of the import to go on with
	ListOptions, StatusOptions, ResumeOptions      []frame.Option
	Problems                                       map[string]string
}

// columnChoice is a column and what is chosen for it.
type columnChoice struct {
	transfer.Column
	Field   string // of the form
	Choice  string // empty: as the program understands it
	Rename  string // name of an attribute
	Options []frame.Option
	Usual   string // what that is, for people
}

// What the people of a file agreed to.
const (
	agreedYes = "yes" // they agreed to this list, as the source shows
	agreedNo  = "no"  // they are pending, until they confirm
)

func (rm *room) file(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.showFile(w, r, v, http.StatusOK, filePage{})
}

func (rm *room) showFile(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, d filePage) (err error) {
	// What is under way before what came of it: a job that ends in between has written that down.
	if j := rm.Imports.Job(r.PathValue("file")); j != nil && !j.Over() {
		p, _ := j.Progress()
		d.Progress = &p
	}
	if d.File, err = rm.Imports.Upload(r.PathValue("file"), person(v)); err != nil {
		return err
	}
	lists, err := v.Lists(r.Context(), accounts.Editor)
	if err != nil {
		return err
	}
	for _, l := range lists {
		if l.ID == d.File.List {
			d.ListName = l.Name
		}
	}
	if d.Progress == nil && !d.File.Gone {
		if d.Look, err = rm.Imports.Look(d.File.ID, person(v)); err != nil {
			if d.Problems = frame.Problems(err); d.Problems == nil {
				return err
			}
			d.Problems[""] = strings.TrimSuffix(errs.Public(err), ".") + "."
			status = errs.KindOf(err).HTTPStatus()
		}
		if err := rm.choices(r, &d, lists); err != nil {
			return err
		}
	}
	return v.PageStatus(w, status, pages, "file.html", importHead(d.File.Name), d)
}

// choices fills in what the form offers.
func (rm *room) choices(r *http.Request, d *filePage, lists []subscribers.List) error {
	d.ListOptions = listOptions(lists, "")
	if d.List == "" {
		d.List = r.URL.Query().Get("list")
	}
	if was := d.File.Asked; was != nil && r.Method != http.MethodPost {
		d.asked(*was, lists)
	}
	d.StatusOptions = []frame.Option{{Label: "Are subscribed"}, {Value: subscribers.Unsubscribed, Label: "Have left: nobody of this file is mailed"}}
	for i, c := range d.Look.Columns {
		choice := columnChoice{Column: c, Field: "c" + strconv.Itoa(i), Usual: usual(c.Means)}
		choice.Choice, choice.Rename = r.PostFormValue(choice.Field), r.PostFormValue(choice.Field+"n")
		if was := d.File.Asked; was != nil && r.Method != http.MethodPost {
			choice.Choice = was.Map[c.Name]
			if name, ok := strings.CutPrefix(choice.Choice, "attribute:"); ok {
				choice.Choice, choice.Rename = "attribute", name
			}
		}
		choice.Options = []frame.Option{{Label: choice.Usual + " (as it looks)"}}
		for _, m := range transfer.Means() {
			choice.Options = append(choice.Options, frame.Option{Value: m, Label: strings.ReplaceAll(m, "_", " ")})
		}
		choice.Options = append(choice.Options, frame.Option{Value: "attribute", Label: "an attribute, called …"}, frame.Option{Value: "-", Label: "leave it out"})
		d.Columns = append(d.Columns, choice)
	}
	records, err := rm.Transfer.Imports(r.Context(), importsShown)
	if err != nil {
		return err
	}
	for _, rec := range records {
		if l, ok := listBySlug(lists, rec.List); ok && rec.Resumable && !rec.Running {
			d.ResumeOptions = append(d.ResumeOptions, frame.Option{Value: strconv.FormatInt(rec.ID, 10), Label: fmt.Sprintf("%d: %s into %s, %d rows done", rec.ID, rec.FileName, l.Name, rec.Rows)})
		}
	}
	if d.Resume == "" && d.File.Import != 0 && slices.ContainsFunc(d.ResumeOptions, func(o frame.Option) bool { return o.Value == strconv.FormatInt(d.File.Import, 10) }) {
		d.Resume = strconv.FormatInt(d.File.Import, 10)
	}
	return nil
}

// asked fills the form with what the last run was told, so that an import after a dry run takes one press.
func (d *filePage) asked(was transfer.Options, lists []subscribers.List) {
	for _, l := range lists {
		if l.ID == d.File.List {
			d.List = l.Slug
		}
	}
	d.Source, d.Wording, d.Status = was.Source, was.Wording, was.Status
	if d.Agreed = agreedNo; was.Confirmed {
		d.Agreed = agreedYes
	}
	if !was.Expires.IsZero() {
		d.Expires = was.Expires.Format(time.DateOnly)
	}
}

func usual(means string) string {
	if means == "-" {
		return "left out"
	}
	return means
}

// startImport tries a file, imports it, or goes on with an import.
func (rm *room) startImport(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	lists, err := v.Lists(r.Context(), accounts.Editor)
	if err != nil {
		return err
	}
	form := r.PostFormValue
	d := filePage{List: form("list"), Source: form("source"), Wording: form("wording"), Agreed: oneOf(form("agreed"), agreedYes, agreedNo), Status: oneOf(form("status"), subscribers.Unsubscribed),
		Expires: form("expires"), Resume: form("resume")}
	req, err := rm.request(r, v, &d, lists)
	if err == nil {
		_, err = rm.Imports.Start(r.PathValue("file"), person(v), req)
	}
	if d.Problems = frame.Problems(err); d.Problems != nil {
		return rm.showFile(w, r, v, errs.KindOf(err).HTTPStatus(), d)
	} else if err != nil {
		return err
	}
	return v.Done(w, r, "/admin/imports/"+r.PathValue("file"), "")
}

// request makes of the form what is to be done.
func (rm *room) request(r *http.Request, v *frame.Visit, d *filePage, lists []subscribers.List) (req transfer.ImportRequest, err error) {
	act := r.PostFormValue("act")
	if act == "resume" {
		id, _ := strconv.ParseInt(d.Resume, 10, 64)
		records, err := rm.Transfer.Imports(r.Context(), importsShown)
		if err != nil {
			return req, err
		}
		for _, rec := range records {
			if l, ok := listBySlug(lists, rec.List); ok && rec.ID == id {
				return transfer.ImportRequest{Resume: id, ListID: l.ID}, nil
			}
		}
		return req, errs.Field("resume", "choose the import to go on with")
	}
	l, ok := listBySlug(lists, d.List)
	if !ok {
		return req, errs.Field("list", "choose the list that these people come to")
	}
	if d.Agreed == "" && d.Status != subscribers.Unsubscribed {
		return req, errs.Field("agreed", "say whether these people agreed to this newsletter")
	}
	req = transfer.ImportRequest{ListID: l.ID, Source: d.Source, Wording: d.Wording, Confirmed: d.Agreed == agreedYes, Status: d.Status, DryRun: act != "import"}
	if d.Expires != "" {
		if req.Expires, err = time.Parse(time.DateOnly, d.Expires); err != nil {
			return req, errs.Field("expires", "write a day like 2027-01-31")
		}
	}
	look, err := rm.Imports.Look(r.PathValue("file"), person(v))
	if err != nil {
		return req, err
	}
	req.Map = map[string]string{}
	for i, c := range look.Columns {
		field := "c" + strconv.Itoa(i)
		switch choice := r.PostFormValue(field); {
		case choice == "" || c.Name == "":
		case choice == "attribute":
			name := strings.TrimSpace(r.PostFormValue(field + "n"))
			if name == "" {
				name = c.Name
			}
			req.Map[c.Name] = "attribute:" + name
		default:
			req.Map[c.Name] = choice
		}
	}
	return req, nil
}
