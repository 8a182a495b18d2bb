package newsroom

import (
	"net/http"
	"strings"

	"mailer/internal/errs"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// signupData is the page of how people join a list, and where its past mails stand.
type signupData struct {
	listData
	Form    signup.Form // the zero one where nobody can join
	Full    string      // what people agree to, with who asks
	Sites   string      // one a line
	Snippet string
	Base    string
}

func (n *room) signup(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return n.showSignup(w, r, v, http.StatusOK, *v.List, "", nil, nil)
}

// showSignup shows the page with what a form said where that was not taken.
func (n *room) showSignup(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, l subscribers.List, was string, said *signup.Form, problems map[string]string) error {
	d := signupData{listData: n.data(v, l, "signup"), Base: n.BaseURL}
	if d.Problems = problems; was != "" {
		d.Was = was
	}
	if v.List.SignupOpen {
		f, err := n.Signup.ForList(r.Context(), v.List.Slug)
		if err != nil {
			return err
		}
		words := f.Words("")
		d.Full = f.Wording(words)
		if r.URL.Query().Has("embed") {
			if d.Snippet, err = n.Signup.Snippet(f, words); err != nil {
				return err
			}
		}
		if said != nil {
			f.Own, f.Sites = said.Own, said.Sites
		}
		d.Form, d.Sites = f, strings.Join(f.Sites, "\n")
	}
	return v.PageStatus(w, status, pages, "signup.html", listHead(*v.List, "Sign-up and archive"), d)
}

func (n *room) saveSignup(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	l := *v.List
	l.SignupOpen, l.ArchiveOpen, l.NoWelcome = value(r, "signup_open") == "on", value(r, "archive_open") == "on", value(r, "welcome") != "on"
	wording, sites := value(r, "wording"), strings.Fields(value(r, "sites"))
	said := &signup.Form{Own: wording, Sites: sites}
	_, err := n.Settings.Save(r.Context(), l, value(r, "was"), v.Who())
	if err == nil && v.List.SignupOpen && l.SignupOpen {
		var f signup.Form
		if f, err = n.Signup.ForList(r.Context(), l.Slug); err == nil && (f.Own != wording || strings.Join(f.Sites, " ") != strings.Join(sites, " ")) {
			f, err = n.Signup.SetBy(r.Context(), f, &wording, append([]string{}, sites...), v.Who())
		}
	}
	if err == nil {
		return v.Done(w, r, "/admin/lists/"+l.Slug+"/signup", "Saved.")
	}
	problems, err := wrong(err)
	if err != nil {
		return err
	}
	if problems["site"] != "" {
		problems["sites"] = problems["site"]
	}
	was := value(r, "was")
	if now, err := n.Subscribers.List(r.Context(), l.ID); err == nil && problems[""] == "" {
		was = subscribers.ListVersion(now) // the list itself was saved; only the form was not
	} else if err != nil && errs.KindOf(err) != errs.NotFound {
		return err
	}
	return n.showSignup(w, r, v, http.StatusBadRequest, l, was, said, problems)
}

// embedList puts the wording on record, since the form is about to leave this house, and then shows the form as code.
func (n *room) embedList(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	f, err := n.Signup.ForList(r.Context(), v.List.Slug)
	if err == nil {
		_, err = n.Signup.Version(r.Context(), f, f.Words(""))
	}
	if err != nil {
		return err
	}
	return v.Done(w, r, "/admin/lists/"+v.List.Slug+"/signup?embed=on#embed", "")
}
