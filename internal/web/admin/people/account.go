package people

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/errs"
	"mailer/internal/web/admin/frame"
)

var (
	styles      = []string{"people.css"}
	accountHead = frame.Head{Title: "Your account", Nav: "account", Styles: styles}
)

// accountView is the page of one's own account.
type accountView struct {
	Account   accounts.Account
	Problems  map[string]string // of the form that was sent
	Form      string            // which one that was
	Setup     accounts.Setup
	SettingUp bool
	QR        qrCode
	Left      int // recovery codes
	Sessions  []session
	Current   int64
	Tokens    []accounts.Token
	Now       time.Time
	Zone      string
	Name      string // of a token, as it was typed
	Scope     string
	Scopes    []frame.Option // of a token
	Lives     []frame.Option
	Least     int
}

// session is a place where somebody is logged in.
type session struct {
	accounts.Session
	Agent string // for people
}

// ProblemsOf returns what is wrong with one of the forms on the page.
func (v accountView) ProblemsOf(form string) map[string]string {
	if form == v.Form {
		return v.Problems
	}
	return nil
}

// Works reports whether a token is good.
func (v accountView) Works(t accounts.Token) bool { return t.Works(v.Now) }

func (p *rooms) accountPage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	view, err := p.account(r.Context(), v)
	if err != nil {
		return err
	}
	return v.Page(w, p.pages, "account.html", accountHead, view)
}

func (p *rooms) account(ctx context.Context, v *frame.Visit) (view accountView, err error) {
	a := v.Account
	view = accountView{Account: a, Current: p.Accounts.Sessions.Current(ctx), Now: time.Now(), Zone: a.TimeZone, Least: accounts.MinPassword,
		Scope: accounts.ScopeReports, Scopes: []frame.Option{{Value: accounts.ScopeReports, Label: "Reports"}},
		Lives: []frame.Option{{Value: "30", Label: "30 days"}, {Value: "365", Label: "A year"}, {Value: "", Label: "Until it is revoked"}}}
	if a.Anywhere() >= accounts.Editor {
		view.Scopes = append(view.Scopes, frame.Option{Value: accounts.ScopeExports, Label: "Reports and exports of readers"})
	}
	if view.Setup, view.SettingUp, err = p.Accounts.Factors.Pending(ctx, a); err != nil {
		return view, err
	}
	if view.SettingUp {
		if view.QR, err = makeQR(view.Setup.URL); err != nil {
			return view, err
		}
	}
	if view.Left, err = p.Accounts.Factors.Left(ctx, a.ID); err != nil {
		return view, err
	}
	open, err := p.Accounts.Sessions.List(ctx, a.ID)
	if err != nil {
		return view, err
	}
	for _, s := range open {
		view.Sessions = append(view.Sessions, session{s, browserName(s.Browser)})
	}
	view.Tokens, err = p.Accounts.Tokens.List(ctx, a.ID)
	return view, err
}

// wrong shows the account page again with what is wrong with one of its forms.
func (p *rooms) wrong(w http.ResponseWriter, r *http.Request, v *frame.Visit, form string, err error, fill func(*accountView)) error {
	if frame.Problems(err) == nil {
		return err
	}
	view, err2 := p.account(r.Context(), v)
	if err2 != nil {
		return err2
	}
	return p.again(w, v, err, "account.html", accountHead, func(problems map[string]string) any {
		view.Form, view.Problems = form, problems
		if fill != nil {
			fill(&view)
		}
		return view
	})
}

// saveProfile saves name and time zone, and nothing else that a form may bring.
func (p *rooms) saveProfile(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	name, zone := r.PostFormValue("name"), strings.TrimSpace(r.PostFormValue("time_zone"))
	if !r.PostForm.Has("name") || !r.PostForm.Has("time_zone") {
		return errs.New(errs.Invalid, "the form was cut off; open the page again")
	}
	if err := p.Accounts.People.SetProfile(r.Context(), v.Account.ID, name, zone, v.Who()); err != nil {
		return p.wrong(w, r, v, "profile", err, func(a *accountView) { a.Account.Name, a.Zone = name, zone })
	}
	return v.Done(w, r, "/admin/account", "Saved.")
}

func (p *rooms) savePassword(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx := r.Context()
	err := p.Accounts.People.SetPassword(ctx, v.Account.ID, r.PostFormValue("old"), r.PostFormValue("password"), p.Accounts.Sessions.Current(ctx))
	if err != nil {
		return p.wrong(w, r, v, "password", err, nil)
	}
	if err := p.Accounts.Sessions.Renew(ctx); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/account", "Your password is changed. Everywhere else you are logged out.")
}

func (p *rooms) beginFactor(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := p.Accounts.Factors.Begin(r.Context(), v.Account); err != nil {
		return err
	}
	v.Go(w, r, "/admin/account#factor")
	return nil
}

// codesView is the page that shows recovery codes, once.
type codesView struct {
	Codes []string
	New   bool // they come with a second factor that was just set up
}

var codesHead = frame.Head{Title: "Your recovery codes", Nav: "account", Styles: styles, Crumbs: []frame.Link{{Name: "Your account", URL: "/admin/account"}}}

func (p *rooms) confirmFactor(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx := r.Context()
	codes, err := p.Accounts.Factors.Confirm(ctx, v.Account, r.PostFormValue("code"), p.Accounts.Sessions.Current(ctx))
	if err != nil {
		return p.wrong(w, r, v, "factor", err, nil)
	}
	if err := p.Accounts.Sessions.Renew(ctx); err != nil {
		return err
	}
	return v.Page(w, p.pages, "codes.html", codesHead, codesView{codes, true})
}

func (p *rooms) newCodes(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	codes, err := p.Accounts.Factors.Renew(r.Context(), v.Account, r.PostFormValue("password"))
	if err != nil {
		return p.wrong(w, r, v, "codes", err, nil)
	}
	return v.Page(w, p.pages, "codes.html", codesHead, codesView{codes, false})
}

func (p *rooms) factorOff(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx := r.Context()
	if err := p.Accounts.Factors.Off(ctx, v.Account, r.PostFormValue("password"), p.Accounts.Sessions.Current(ctx)); err != nil {
		return p.wrong(w, r, v, "codes", err, nil)
	}
	if err := p.Accounts.Sessions.Renew(ctx); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/account", "The second factor is off. Everywhere else you are logged out.")
}

func (p *rooms) endSessions(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx := r.Context()
	if err := p.Accounts.Sessions.EndOthers(ctx, v.Account, p.Accounts.Sessions.Current(ctx), v.Who()); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/account", "Everywhere else you are logged out.")
}

func (p *rooms) endSession(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	id, err := number(r, "session")
	if err != nil {
		return err
	}
	if err := p.Accounts.Sessions.End(r.Context(), v.Account, id); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/account", "That session has ended.")
}

// tokenView is the page that shows an API token, once.
type tokenView struct{ Name, Token string }

func (p *rooms) newToken(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	name, scope := r.PostFormValue("name"), r.PostFormValue("scope")
	life := map[string]time.Duration{"30": 30 * 24 * time.Hour, "365": 365 * 24 * time.Hour}[r.PostFormValue("days")]
	token, err := p.Accounts.Tokens.Create(r.Context(), v.Account, name, scope, life)
	if err != nil {
		return p.wrong(w, r, v, "token", err, func(a *accountView) { a.Name, a.Scope = name, scope })
	}
	h := frame.Head{Title: "Your new API token", Nav: "account", Styles: styles, Crumbs: codesHead.Crumbs}
	return v.Page(w, p.pages, "token.html", h, tokenView{name, token})
}

func (p *rooms) revokeToken(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	id, err := number(r, "token")
	if err != nil {
		return err
	}
	if err := p.Accounts.Tokens.Revoke(r.Context(), v.Account, id); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/account", "The token is revoked: it opens nothing any more.")
}

// number reads a number of the path. Errors: NotFound.
func number(r *http.Request, name string) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	return id, errs.Wrap(err, errs.NotFound, "there is no such page")
}
