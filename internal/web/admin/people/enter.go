package people

import (
	"net/http"

	"mailer/internal/accounts"
	"mailer/internal/errs"
	"mailer/internal/web/admin/frame"
)

// enterView is what the page of a link shows.
type enterView struct {
	Link        accounts.Link
	Email, Name string
	Problems    map[string]string
	Least       int
}

var enterTitles = map[accounts.Purpose]string{accounts.ForOwner: "Welcome", accounts.ForInvite: "Welcome", accounts.ForReset: "Choose a new password", accounts.ForDemo: "The demo’s desk"}

// enterPage shows what a link is for; it is used by the form on it, since programs that look into mails open links too.
func (p *rooms) enterPage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	k, err := p.Accounts.Links.Look(r.Context(), r.PathValue("token"))
	if err != nil {
		return p.spent(w, v, err)
	}
	return v.Page(w, p.pages, "enter.html", enterHead(k), enterView{Link: k, Email: k.Account.Email, Name: k.Account.Name, Least: accounts.MinPassword})
}

// spent answers a link that cannot be used.
func (p *rooms) spent(w http.ResponseWriter, v *frame.Visit, err error) error {
	if errs.KindOf(err) != errs.NotFound {
		return err
	}
	return v.PageStatus(w, http.StatusNotFound, p.pages, "spent.html", frame.Head{Title: "This link is not good any more", Bare: true}, nil)
}

func enterHead(k accounts.Link) frame.Head {
	return frame.Head{Title: enterTitles[k.Purpose], Bare: true}
}

// enter uses a link.
func (p *rooms) enter(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx, token := r.Context(), r.PathValue("token")
	k, err := p.Accounts.Links.Look(ctx, token)
	if err != nil {
		return p.spent(w, v, err)
	}
	view := enterView{Link: k, Email: k.Account.Email, Name: r.PostFormValue("name"), Least: accounts.MinPassword}
	if k.Purpose == accounts.ForOwner {
		view.Email = r.PostFormValue("email")
	}
	a, enter, err := p.Accounts.Links.Use(ctx, token, view.Email, view.Name, r.PostFormValue("password"))
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return p.spent(w, v, err)
	case err != nil:
		return p.again(w, v, err, "enter.html", enterHead(k), func(problems map[string]string) any {
			view.Problems = problems
			return view
		})
	case enter:
		return p.enterAs(w, r, v, a, "/admin")
	}
	// Whoever is logged in here by another account stays so; the new password is tried at the door.
	return v.Done(w, r, "/admin/login", "Your password is changed. Log in with it.")
}
