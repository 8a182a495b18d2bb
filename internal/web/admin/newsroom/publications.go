package newsroom

import (
	"net/http"

	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// publicationData is the page of a publication.
type publicationData struct {
	Publication subscribers.Publication
	New         bool
	Lists       []subscribers.List
	Form        *signup.Form // nil where none of its lists is open
	Snippet     string
	Base        string
	Languages   []frame.Option
	Problems    map[string]string
}

func publicationHead(name string) frame.Head {
	return frame.Head{Title: name, Nav: "lists", Crumbs: []frame.Link{{Name: "Lists", URL: "/admin/lists"}}, Styles: []string{"newsroom.css"}}
}

func (n *room) newPublication(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return n.showPublication(w, r, v, http.StatusOK, publicationData{New: true, Publication: subscribers.Publication{Language: "en"}})
}

func (n *room) publication(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	p, err := n.Subscribers.Publications.BySlug(r.Context(), r.PathValue("publication"))
	if err != nil {
		return err
	}
	return n.showPublication(w, r, v, http.StatusOK, publicationData{Publication: p})
}

func (n *room) showPublication(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, d publicationData) error {
	d.Base = n.BaseURL
	for _, tag := range lang.Tags {
		d.Languages = append(d.Languages, frame.Option{Value: tag, Label: map[string]string{"en": "English", "fr": "French"}[tag] + " (" + tag + ")"})
	}
	if !d.New {
		var err error
		if d.Lists, err = n.Subscribers.Publications.Lists(r.Context(), d.Publication.ID, false); err != nil {
			return err
		}
		switch f, err := n.Signup.ForPublication(r.Context(), d.Publication.Slug); {
		case err == nil:
			d.Form = &f
			if r.URL.Query().Has("embed") {
				if d.Snippet, err = n.Signup.Snippet(f, f.Words("")); err != nil {
					return err
				}
			}
		case errs.KindOf(err) != errs.NotFound:
			return err
		}
	}
	title := d.Publication.Name
	if d.New {
		title = "New publication"
	}
	return v.PageStatus(w, status, pages, "publication.html", publicationHead(title), d)
}

func publicationOf(r *http.Request, slug string) subscribers.Publication {
	return subscribers.Publication{Slug: slug, Name: value(r, "name"), Description: value(r, "description"), HomeURL: value(r, "home_url"),
		Language: value(r, "language"), AccentColour: value(r, "accent_colour")}
}

func (n *room) createPublication(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	p := publicationOf(r, value(r, "slug"))
	saved, err := n.Settings.CreatePublication(r.Context(), p, v.Who())
	if err == nil {
		return v.Done(w, r, "/admin/publications/"+saved.Slug, "%s stands. Put lists into it on their own pages.", saved.Name)
	}
	return n.notPublished(w, r, v, publicationData{New: true, Publication: p}, err)
}

func (n *room) savePublication(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	before, err := n.Subscribers.Publications.BySlug(r.Context(), r.PathValue("publication"))
	if err != nil {
		return err
	}
	p := publicationOf(r, before.Slug)
	if _, err = n.Settings.SavePublication(r.Context(), p, v.Who()); err == nil {
		return v.Done(w, r, "/admin/publications/"+p.Slug, "Saved.")
	}
	p.ID = before.ID
	return n.notPublished(w, r, v, publicationData{Publication: p}, err)
}

func (n *room) notPublished(w http.ResponseWriter, r *http.Request, v *frame.Visit, d publicationData, err error) error {
	if d.Problems, err = wrong(err); err != nil {
		return err
	}
	return n.showPublication(w, r, v, http.StatusBadRequest, d)
}

// embedPublication is embedList for the form of all open lists of a publication.
func (n *room) embedPublication(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	f, err := n.Signup.ForPublication(r.Context(), r.PathValue("publication"))
	if err == nil {
		_, err = n.Signup.Version(r.Context(), f, f.Words(""))
	}
	if err != nil {
		return err
	}
	return v.Done(w, r, "/admin/publications/"+r.PathValue("publication")+"?embed=on#embed", "")
}
