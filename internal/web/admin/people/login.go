package people

import (
	"net/http"

	"mailer/internal/accounts"
	"mailer/internal/errs"
	"mailer/internal/web/admin/frame"
)

var loginHead = frame.Head{Title: "Log in", Bare: true}

// loginView is what the pages before the log-in show.
type loginView struct {
	Email, Next, Refused string
	Sent                 bool // a link for a new password, perhaps
	First                bool // nobody has an account yet
}

func (p *rooms) loginPage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if v.Account.ID != 0 {
		v.Go(w, r, frame.Next(r))
		return nil
	}
	first, err := p.Accounts.People.Nobody(r.Context())
	if err != nil {
		return err
	}
	return v.Page(w, p.pages, "login.html", loginHead, loginView{Next: frame.Next(r), First: first})
}

// login tries a password. Whoever has a second factor goes on to its page, with nothing open yet.
func (p *rooms) login(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx := r.Context()
	view := loginView{Email: r.PostFormValue("email"), Next: frame.Next(r)}
	a, err := p.Accounts.Door.Password(ctx, view.Email, r.PostFormValue("password"), p.Accounts.Sessions.NetworkOf(ctx))
	if errs.KindOf(err) == errs.Denied {
		view.Refused = errs.Public(err)
		return v.PageStatus(w, http.StatusForbidden, p.pages, "login.html", loginHead, view)
	}
	if err != nil {
		return err
	}
	if a.SecondFactor {
		if err := p.Accounts.Sessions.Half(ctx, a); err != nil {
			return err
		}
		v.Go(w, r, frame.With("/admin/login/code", "next", view.Next))
		return nil
	}
	return p.enterAs(w, r, v, a, view.Next)
}

// enterAs logs somebody in.
func (p *rooms) enterAs(w http.ResponseWriter, r *http.Request, v *frame.Visit, a accounts.Account, to string) error {
	ctx := r.Context()
	if err := p.Accounts.Sessions.Login(ctx, a); err != nil {
		return err
	}
	if err := p.Accounts.Door.Entered(ctx, a, p.Accounts.Sessions.NetworkOf(ctx)); err != nil {
		return err
	}
	v.Go(w, r, to)
	return nil
}

func (p *rooms) codePage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if _, ok := p.Accounts.Sessions.HalfIn(r.Context()); !ok {
		v.Go(w, r, frame.With("/admin/login", "next", frame.Next(r)))
		return nil
	}
	return v.Page(w, p.pages, "code.html", frame.Head{Title: "Enter the code", Bare: true}, loginView{Next: frame.Next(r)})
}

// code tries a code of the second factor.
func (p *rooms) code(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx := r.Context()
	view := loginView{Next: frame.Next(r)}
	id, ok := p.Accounts.Sessions.HalfIn(ctx)
	if !ok {
		v.Go(w, r, frame.With("/admin/login", "next", view.Next))
		return nil
	}
	a, err := p.Accounts.Door.Code(ctx, id, r.PostFormValue("code"))
	if errs.KindOf(err) == errs.Denied {
		view.Refused = errs.Public(err)
		return v.PageStatus(w, http.StatusForbidden, p.pages, "code.html", frame.Head{Title: "Enter the code", Bare: true}, view)
	}
	if err != nil {
		return err
	}
	return p.enterAs(w, r, v, a, view.Next)
}

func (p *rooms) forgotPage(w http.ResponseWriter, _ *http.Request, v *frame.Visit) error {
	return v.Page(w, p.pages, "forgot.html", frame.Head{Title: "Forgot your password?", Bare: true}, loginView{})
}

// forgot mails a link, if there is such an account; the answer does not tell.
func (p *rooms) forgot(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx := r.Context()
	if err := p.Accounts.Links.Forgot(ctx, r.PostFormValue("email"), p.Accounts.Sessions.NetworkOf(ctx)); err != nil {
		return err
	}
	return v.Page(w, p.pages, "forgot.html", frame.Head{Title: "Look into your mailbox", Bare: true}, loginView{Sent: true})
}

func (p *rooms) logout(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := p.Accounts.Sessions.Logout(r.Context()); err != nil {
		return err
	}
	v.Go(w, r, "/admin/login")
	return nil
}
