// Package people is the part of the desk about those who use it: logging in, one's own account, people and their roles, and the
// audit log.
package people

import (
	"embed"
	"net/http"

	"github.com/jmoiron/sqlx"

	"mailer/internal/accounts"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

//go:embed pages
var files embed.FS

//go:embed assets/people.css
var css []byte

// Deps is what the pages stand on.
type Deps struct {
	DB       *sqlx.DB // for the audit log
	Accounts *accounts.Service
	Lists    *subscribers.Store
}

type rooms struct {
	Deps
	pages *frame.Pages
}

// Routes registers the pages.
func Routes(f *frame.Frame, d Deps) {
	p := &rooms{d, frame.Load(files)}
	f.Asset("people.css", css)
	owner := frame.Everywhere(accounts.Owner)

	f.Handle("GET /admin/login", frame.Open, p.loginPage)
	f.Handle("POST /admin/login", frame.Open, p.login)
	f.Handle("GET /admin/login/code", frame.Open, p.codePage)
	f.Handle("POST /admin/login/code", frame.Open, p.code)
	f.Handle("GET /admin/forgot", frame.Open, p.forgotPage)
	f.Handle("POST /admin/forgot", frame.Open, p.forgot)
	f.Handle("GET /admin/enter/{token}", frame.Open, p.enterPage)
	f.Handle("POST /admin/enter/{token}", frame.Open, p.enter)
	f.Handle("POST /admin/logout", frame.LoggedIn, p.logout)

	f.Handle("GET /admin/account", frame.LoggedIn, p.accountPage)
	f.Handle("POST /admin/account", frame.LoggedIn, p.saveProfile)
	f.Handle("POST /admin/account/password", frame.LoggedIn, p.savePassword)
	f.Handle("POST /admin/account/factor", frame.LoggedIn, p.beginFactor)
	f.Handle("POST /admin/account/factor/confirm", frame.LoggedIn, p.confirmFactor)
	f.Handle("POST /admin/account/factor/codes", frame.LoggedIn, p.newCodes)
	f.Handle("POST /admin/account/factor/off", frame.LoggedIn, p.factorOff)
	f.Handle("POST /admin/account/sessions/end", frame.LoggedIn, p.endSessions)
	f.Handle("POST /admin/account/sessions/{session}/end", frame.LoggedIn, p.endSession)
	f.Handle("POST /admin/account/tokens", frame.LoggedIn, p.newToken)
	f.Handle("POST /admin/account/tokens/{token}/revoke", frame.LoggedIn, p.revokeToken)

	f.Handle("GET /admin/people", owner, p.peoplePage)
	f.Handle("GET /admin/people/new", owner, p.invitePage)
	f.Handle("POST /admin/people", owner, p.invite)
	f.Handle("GET /admin/people/{person}", owner, p.personPage)
	f.Handle("POST /admin/people/{person}/roles", owner, p.saveRoles)
	f.Handle("POST /admin/people/{person}/link", owner, p.sendLink)
	f.Handle("POST /admin/people/{person}/factor", owner, p.removeFactor)
	f.Handle("POST /admin/people/{person}/sessions", owner, p.endTheirs)
	f.Handle("POST /admin/people/{person}/disable", owner, p.disable)
	f.Handle("POST /admin/people/{person}/enable", owner, p.enable)
	f.Handle("GET /admin/audit", owner, p.auditPage)
}

// again shows a form once more, with what is wrong with it; another error than one that a form can answer is passed on.
func (p *rooms) again(w http.ResponseWriter, v *frame.Visit, err error, name string, h frame.Head, fill func(problems map[string]string) any) error {
	problems := frame.Problems(err)
	if problems == nil {
		return err
	}
	return v.PageStatus(w, http.StatusBadRequest, p.pages, name, h, fill(problems))
}
