package people

import (
	"context"
	"fmt"
	"net/http"

	"mailer/internal/accounts"
	"mailer/internal/audit"
	"mailer/internal/web/admin/frame"
)

// personView is the page of one person, for the owner.
type personView struct {
	Account  accounts.Account
	State    string
	Roles    []roleField
	Sessions []accounts.Session
	Tokens   int // that work
	Acts     []auditLine
	Problems map[string]string
	Own      bool
}

// Path is where the forms of the page go.
func (v personView) Path() string { return fmt.Sprintf("/admin/people/%d", v.Account.ID) }

func personHead(a accounts.Account) frame.Head {
	title := a.Name
	if title == "" {
		title = a.Email
	}
	return frame.Head{Title: title, Nav: "people", Styles: styles, Crumbs: peopleCrumb}
}

func (p *rooms) personPage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	a, err := p.personOf(r.Context(), r)
	if err != nil {
		return err
	}
	view, err := p.person(r.Context(), v, a)
	if err != nil {
		return err
	}
	return v.Page(w, p.pages, "person.html", personHead(a), view)
}

func (p *rooms) person(ctx context.Context, v *frame.Visit, a accounts.Account) (view personView, err error) {
	view = personView{Account: a, State: stateOf(a), Own: a.ID == v.Account.ID}
	lists, err := p.Lists.Lists(ctx)
	if err != nil {
		return view, err
	}
	view.Roles = roleFields(a.Grants, lists)
	if view.Sessions, err = p.Accounts.Sessions.List(ctx, a.ID); err != nil {
		return view, err
	}
	tokens, err := p.Accounts.Tokens.List(ctx, a.ID)
	if err != nil {
		return view, err
	}
	for _, t := range tokens {
		if t.RevokedAt == nil {
			view.Tokens++
		}
	}
	entries, err := audit.Search(ctx, p.DB, audit.Filter{Actor: a.Email, Limit: 10})
	view.Acts = lines(entries)
	return view, err
}

func (p *rooms) saveRoles(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx := r.Context()
	a, err := p.personOf(ctx, r)
	if err != nil {
		return err
	}
	lists, err := p.Lists.Lists(ctx)
	if err != nil {
		return err
	}
	grants, err := grantsOf(r, lists, a.Grants)
	if err == nil {
		err = p.Accounts.People.SetGrants(ctx, a.ID, grants, v.Who())
	}
	if frame.Problems(err) != nil {
		view, err2 := p.person(ctx, v, a)
		if err2 != nil {
			return err2
		}
		return p.again(w, v, err, "person.html", personHead(a), func(problems map[string]string) any {
			view.Problems, view.Roles = problems, roleFields(grants, lists)
			return view
		})
	}
	if err != nil {
		return err
	}
	return v.Done(w, r, fmt.Sprintf("/admin/people/%d", a.ID), "Saved. It holds from their next click on.")
}

func (p *rooms) sendLink(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	a, err := p.personOf(r.Context(), r)
	if err != nil {
		return err
	}
	return p.mailLink(w, r, v, a, "A link is on its way to %s. Links they had before are void.")
}

// act is a handler that does one thing to a person and returns to their page.
func (p *rooms) act(w http.ResponseWriter, r *http.Request, v *frame.Visit, notice string, do func(a accounts.Account) error) error {
	a, err := p.personOf(r.Context(), r)
	if err != nil {
		return err
	}
	if err := do(a); err != nil {
		return err
	}
	return v.Done(w, r, fmt.Sprintf("/admin/people/%d", a.ID), notice, a.Email)
}

func (p *rooms) removeFactor(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return p.act(w, r, v, "%s logs in with the password alone now, and was logged out everywhere.", func(a accounts.Account) error {
		return p.Accounts.Factors.Remove(r.Context(), a, v.Who())
	})
}

func (p *rooms) endTheirs(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return p.act(w, r, v, "%s is logged out everywhere.", func(a accounts.Account) error {
		keep := int64(0)
		if a.ID == v.Account.ID {
			keep = p.Accounts.Sessions.Current(r.Context())
		}
		return p.Accounts.Sessions.EndOthers(r.Context(), a, keep, v.Who())
	})
}

func (p *rooms) disable(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return p.act(w, r, v, "%s cannot log in any more, and was logged out everywhere.", func(a accounts.Account) error {
		return p.Accounts.People.Disable(r.Context(), a.ID, v.Who())
	})
}

func (p *rooms) enable(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return p.act(w, r, v, "%s can log in again.", func(a accounts.Account) error {
		return p.Accounts.People.Enable(r.Context(), a.ID, v.Who())
	})
}
