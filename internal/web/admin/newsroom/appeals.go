package newsroom

import (
	"net/http"

	"mailer/internal/accounts"
	"mailer/internal/appeals"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// appealData is the page of one appeal.
type appealData struct {
	New      bool
	Draft    appeals.NewAppeal
	Appeal   appeals.Appeal
	Wordings []appeals.Wording // the present one first
	Sets     bool
	Lists    []frame.Option // whose look the preview may have
	Problems map[string]string
}

func (n *room) appeals(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	all, err := n.Appeals.List(r.Context())
	if err != nil {
		return err
	}
	return v.Page(w, pages, "appeals.html", frame.Head{Title: "Appeals", Nav: "appeals", Styles: []string{"newsroom.css"}}, struct {
		Appeals []appeals.Appeal
		Sets    bool
	}{all, v.Account.Anywhere() >= accounts.Editor})
}

func (n *room) newAppeal(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return n.showAppeal(w, r, v, http.StatusOK, appealData{New: true, Draft: appeals.NewAppeal{Button: "Become a supporter"}})
}

func (n *room) appeal(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	a, err := n.Appeals.Get(r.Context(), r.PathValue("appeal"))
	if err != nil {
		return err
	}
	return n.showAppeal(w, r, v, http.StatusOK, appealData{Appeal: a, Draft: appeals.NewAppeal{Slug: a.Slug, Heading: a.Heading, Body: a.Body, Button: a.Button, URL: a.URL}})
}

func (n *room) showAppeal(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, d appealData) error {
	lists, err := v.Lists(r.Context(), accounts.Viewer)
	if err != nil {
		return err
	}
	for _, l := range lists {
		d.Lists = append(d.Lists, frame.Option{Value: l.Slug, Label: l.Name})
	}
	title := "New appeal"
	if !d.New {
		title = d.Appeal.Slug
		if d.Wordings, err = n.Appeals.Wordings(r.Context(), d.Appeal.Slug); err != nil {
			return err
		}
	}
	d.Sets = v.Account.Everywhere() >= accounts.Editor || d.New
	h := frame.Head{Title: title, Nav: "appeals", Crumbs: []frame.Link{{Name: "Appeals", URL: "/admin/appeals"}}, Styles: []string{"newsroom.css"}, Scripts: []string{"images.js"}}
	return v.PageStatus(w, status, pages, "appeal.html", h, d)
}

func appealOf(r *http.Request, slug string) appeals.NewAppeal {
	return appeals.NewAppeal{Slug: slug, Heading: value(r, "heading"), Body: value(r, "body"), Button: value(r, "button"), URL: value(r, "url")}
}

func (n *room) createAppeal(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	draft := appealOf(r, value(r, "slug"))
	a, err := n.Appeals.Create(r.Context(), draft, v.Who())
	if err == nil {
		return v.Done(w, r, "/admin/appeals/"+a.Slug, "The appeal stands. Put it into a campaign, or into a digest's recipe.")
	}
	d := appealData{New: true, Draft: draft}
	if errs.KindOf(err) == errs.Conflict {
		err = errs.Field("slug", "%s", said(err))
	}
	if d.Problems, err = wrong(err); err != nil {
		return err
	}
	return n.showAppeal(w, r, v, http.StatusBadRequest, d)
}

func (n *room) reviseAppeal(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	before, err := n.Appeals.Get(r.Context(), r.PathValue("appeal"))
	if err != nil {
		return err
	}
	draft := appealOf(r, before.Slug)
	if _, err = n.Appeals.Revise(r.Context(), draft, v.Who()); err == nil {
		return v.Done(w, r, "/admin/appeals/"+before.Slug, "Saved as a new wording. Mails that were made before keep theirs.")
	}
	d := appealData{Appeal: before, Draft: draft}
	if d.Problems, err = wrong(err); err != nil {
		return err
	}
	return n.showAppeal(w, r, v, http.StatusBadRequest, d)
}

func (n *room) retireAppeal(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := n.Appeals.Retire(r.Context(), r.PathValue("appeal"), v.Who()); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/appeals", "Recipes that name %s are composed without it from now on.", r.PathValue("appeal"))
}

// appealMail is an appeal in a mail, with what a form says at the moment. It changes nothing; it is asked for by POST since a text is
// too long for an address.
func (n *room) appealMail(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	lists, err := v.Lists(r.Context(), accounts.Viewer)
	if err != nil {
		return err
	}
	var l subscribers.List
	for i, one := range lists {
		if i == 0 || one.Slug == value(r, "look") {
			l = one
		}
	}
	if l.ID == 0 {
		return n.showMail(w, "<!doctype html><title>No preview</title><p>There is no list yet whose look it could have.")
	}
	a := appealOf(r, "")
	mail, err := n.looks.Appeal(r.Context(), l, render.Appeal{Heading: a.Heading, Body: a.Body, Button: a.Button, URL: a.URL})
	if err != nil {
		return n.showMail(w, "<!doctype html><title>No preview</title><p>This cannot be shown: "+escaped(said(err)))
	}
	return n.showMail(w, mail.HTML)
}
