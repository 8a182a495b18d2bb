package sending

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/web/admin/frame"
)

// fixView is the page on which a fix is written and put in place.
type fixView struct {
	Campaign campaigns.Campaign
	Fix      campaigns.Look
	Groups   []fixGroup
	Base     string
	May      bool // put it in place
	Force    bool
	Problems map[string]string
	Refused  string // why it was not put in place
}

// fixGroup are texts that stand together.
type fixGroup struct {
	Name   string
	Fields []frame.Input
}

func (rm *room) fix(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	view, err := rm.fixView(r, v)
	if err != nil {
		return err
	}
	return v.Page(w, pages, "fix.html", rm.fixHead(view.Campaign), view)
}

func (rm *room) fixHead(c campaigns.Campaign) frame.Head {
	h := head(c)
	h.Title = "Fix: " + c.Subject
	h.Crumbs = append(h.Crumbs, frame.Link{Name: c.Subject, URL: sendPage(c.ID)})
	return h
}

func (rm *room) fixView(r *http.Request, v *frame.Visit) (view fixView, err error) {
	view = fixView{Base: sendPage(v.Campaign) + "/fix", May: v.Can(v.List.ID, accounts.Editor)}
	if view.Campaign, err = rm.Campaigns.Campaign(r.Context(), v.Campaign); err != nil {
		return view, err
	}
	if view.Fix, err = rm.fixes.Look(r.Context(), v.Campaign); err != nil {
		return view, err
	}
	for _, p := range view.Fix.Problems {
		view.Force = view.Force || p.Level == campaigns.Warned
	}
	view.Groups = fixFields(view.Fix.Fix)
	return view, nil
}

// fixFields are the texts of a fix, in order. Their names say where they stand: subject, b2-text, b3-s1-title.
func fixFields(f campaigns.Fix) (groups []fixGroup) {
	add := func(name, label, value string, rows int) {
		in := frame.Input{Kind: "text", Name: name, ID: "f-" + name, Label: label, Value: value, Rows: rows}
		if rows > 0 {
			in.Kind = "textarea"
		}
		last := &groups[len(groups)-1]
		last.Fields = append(last.Fields, in)
	}
	group := func(name string) { groups = append(groups, fixGroup{Name: name}) }
	group("In the inbox")
	add("subject", "Subject", f.Subject, 0)
	add("preheader", "Preheader", f.Preheader, 0)
	for i, b := range f.Blocks {
		block := fmt.Sprintf("b%d-", i)
		if b.Title != "" {
			group("")
			add(block+"title", "Heading of the section", b.Title, 0)
		}
		if b.Kind == render.KindText {
			group("")
			add(block+"text", "Text", b.Text, 5)
		}
		for j, st := range b.Stories {
			story := fmt.Sprintf("%ss%d-", block, j)
			group("")
			add(story+"title", "Headline", st.Title, 0)
			add(story+"dek", "Dek", st.Dek, 3)
			if st.BodyHTML != "" {
				add(story+"body", "Text of the story, in HTML", st.BodyHTML, 10)
			}
		}
	}
	return groups
}

// applyFix puts the fields of a form into the content.
func applyFix(f *campaigns.Fix, r *http.Request) {
	set := func(name string, value *string) {
		if _, there := r.PostForm[name]; there {
			*value = strings.ReplaceAll(strings.TrimSpace(r.PostFormValue(name)), "\r\n", "\n")
		}
	}
	set("subject", &f.Subject)
	set("preheader", &f.Preheader)
	for i := range f.Blocks {
		b, block := &f.Blocks[i], fmt.Sprintf("b%d-", i)
		set(block+"title", &b.Title)
		set(block+"text", &b.Text)
		for j := range b.Stories {
			st, story := &b.Stories[j], fmt.Sprintf("%ss%d-", block, j)
			set(story+"title", &st.Title)
			set(story+"dek", &st.Dek)
			set(story+"body", &st.BodyHTML)
		}
	}
}

func (rm *room) writeFix(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := r.ParseForm(); err != nil {
		return errs.New(errs.Invalid, "the form cannot be read")
	}
	f, err := rm.fixes.Open(r.Context(), v.Campaign)
	if err != nil {
		return err
	}
	applyFix(&f, r)
	if f.Version, err = strconv.Atoi(r.PostFormValue("version")); err != nil {
		return errs.New(errs.Invalid, "it does not say what it is based on; open the page again")
	}
	if _, err = rm.fixes.Write(r.Context(), f, v.Who()); err == nil {
		return v.Done(w, r, sendPage(v.Campaign)+"/fix", "Kept. Look at it, then put it in place.")
	}
	problems := frame.Problems(err)
	if problems == nil {
		return err
	}
	view, lost := rm.fixView(r, v)
	if lost != nil {
		return lost
	}
	view.Groups, view.Problems = fixFields(f), problems
	for _, g := range view.Groups {
		for i := range g.Fields {
			g.Fields[i].Problem = problems[g.Fields[i].Name]
		}
	}
	return v.PageStatus(w, refused(err), pages, "fix.html", rm.fixHead(view.Campaign), view)
}

func (rm *room) dropFix(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := rm.fixes.Drop(r.Context(), v.Campaign, v.Who()); err != nil {
		return err
	}
	return v.Done(w, r, sendPage(v.Campaign), "The fix was dropped; nothing changed.")
}

func (rm *room) releaseFix(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	a := campaigns.Assent{Who: v.Who(), Content: r.PostFormValue("content"), Force: r.PostFormValue("force") != ""}
	if a.Content == "" {
		return errs.New(errs.Invalid, "it does not say what was looked at; open the page again")
	}
	f, err := rm.fixes.Release(r.Context(), v.Campaign, a)
	if err == nil {
		n := int64(0)
		if f.Reached != nil {
			n = *f.Reached
		}
		return v.Done(w, r, sendPage(v.Campaign), "The fix is in place: %d waiting readers get it, and all who come later.", n)
	}
	if kind := errs.KindOf(err); kind != errs.Invalid && kind != errs.Conflict && kind != errs.Denied {
		return err
	}
	view, lost := rm.fixView(r, v)
	if lost != nil {
		return err
	}
	view.Refused = errs.Public(err)
	return v.PageStatus(w, statusOf(err), pages, "fix.html", rm.fixHead(view.Campaign), view)
}

// previewFix shows the corrected mail for the frame beside it.
func (rm *room) previewFix(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	look, err := rm.fixes.Look(r.Context(), v.Campaign)
	if err != nil {
		return err
	}
	frame.Foreign(w, look.HTML, frame.May{Pictures: frame.Pictures(rm.Campaigns.Development), Sandbox: " allow-popups"})
	return nil
}
