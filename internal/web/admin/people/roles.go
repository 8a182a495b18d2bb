package people

import (
	"context"
	"fmt"
	"net/http"

	"mailer/internal/accounts"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

var (
	peopleHead  = frame.Head{Title: "People", Nav: "people", Styles: styles}
	peopleCrumb = []frame.Link{{Name: "People", URL: "/admin/people"}}
)

// personRow is one line of the table of people.
type personRow struct {
	accounts.Account
	Roles []string
	State string // a badge
}

func (p *rooms) peoplePage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	all, err := p.Accounts.People.All(r.Context())
	if err != nil {
		return err
	}
	lists, err := p.Lists.Lists(r.Context())
	if err != nil {
		return err
	}
	rows := make([]personRow, 0, len(all))
	for _, a := range all {
		rows = append(rows, personRow{a, roleTexts(a.Grants, lists), stateOf(a)})
	}
	return v.Page(w, p.pages, "people.html", peopleHead, rows)
}

// stateOf says whether somebody can log in.
func stateOf(a accounts.Account) string {
	switch {
	case a.Disabled != nil:
		return "disabled"
	case !a.Joined:
		return "invited"
	}
	return "active"
}

// roleTexts says what somebody may do: "Editor on all lists", "Writer on Morning".
func roleTexts(g accounts.Grants, lists []subscribers.List) (texts []string) {
	for _, x := range g {
		switch x.List {
		case 0:
			text := capital(x.Role) + " on all lists"
			if x.Role == accounts.Owner {
				text = "Owner of everything"
			}
			texts = append(texts, text)
		default:
			for _, l := range lists {
				if l.ID == x.List {
					texts = append(texts, capital(x.Role)+" on "+l.Name)
				}
			}
		}
	}
	return texts
}

func capital(r accounts.Role) string {
	s := r.String()
	return string(s[0]-'a'+'A') + s[1:]
}

// roleField is a choice of a role, on one list or on all.
type roleField struct {
	Name, Label, Value string
	Options            []frame.Option
}

var roleWords = map[accounts.Role]string{
	accounts.None:   "No role",
	accounts.Viewer: "Viewer: reads, and sees reports",
	accounts.Writer: "Writer: also writes and sends proofs",
	accounts.Editor: "Editor: also approves, sends, readers",
	accounts.Owner:  "Owner: also people and settings",
}

// roleFields are the choices of a person's roles: on all lists first.
func roleFields(g accounts.Grants, lists []subscribers.List) []roleField {
	options := func(most accounts.Role) (o []frame.Option) {
		for r := accounts.None; r <= most; r++ {
			o = append(o, frame.Option{Value: r.String(), Label: roleWords[r]})
		}
		return o
	}
	fields := []roleField{{"role", "On all lists, those to come as well", g.At(0).String(), options(accounts.Owner)}}
	for _, l := range lists {
		fields = append(fields, roleField{fmt.Sprintf("role-%d", l.ID), "On " + l.Name, g.At(l.ID).String(), options(accounts.Editor)})
	}
	return fields
}

// grantsOf reads the roles of a form: of the lists that there are, and no other field.
func grantsOf(r *http.Request, lists []subscribers.List, had accounts.Grants) (g accounts.Grants, err error) {
	read := func(name string, list int64) error {
		if _, sent := r.PostForm[name]; !sent {
			if role := had.At(list); role != accounts.None {
				g = append(g, accounts.Grant{List: list, Role: role})
			}
			return nil
		}
		role, err := accounts.ParseRole(r.PostFormValue(name))
		if err == nil && role != accounts.None {
			g = append(g, accounts.Grant{List: list, Role: role})
		}
		return err
	}
	if err := r.ParseForm(); err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "the form was cut off; send it again")
	}
	if err := read("role", 0); err != nil {
		return nil, err
	}
	known := map[int64]bool{0: true}
	for _, l := range lists {
		known[l.ID] = true
		if err := read(fmt.Sprintf("role-%d", l.ID), l.ID); err != nil {
			return nil, err
		}
	}
	for _, x := range had { // of archived lists, which the form does not show
		if !known[x.List] {
			g = append(g, x)
		}
	}
	return g, nil
}

// inviteView is the page of an invitation.
type inviteView struct {
	Email, Name string
	Roles       []roleField
	Problems    map[string]string
}

func (p *rooms) invitePage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	lists, err := p.Lists.Lists(r.Context())
	if err != nil {
		return err
	}
	return v.Page(w, p.pages, "invite.html", inviteHead(), inviteView{Roles: roleFields(nil, lists)})
}

func inviteHead() frame.Head {
	return frame.Head{Title: "Invite somebody", Nav: "people", Styles: styles, Crumbs: peopleCrumb}
}

func (p *rooms) invite(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx := r.Context()
	lists, err := p.Lists.Lists(ctx)
	if err != nil {
		return err
	}
	grants, err := grantsOf(r, lists, nil)
	view := inviteView{Email: r.PostFormValue("email"), Name: r.PostFormValue("name"), Roles: roleFields(grants, lists)}
	if err == nil && len(grants) == 0 {
		err = errs.Field("role", "give a role on all lists or on one of them; without any there is nothing to see")
	}
	var a accounts.Account
	if err == nil {
		a, err = p.Accounts.People.Create(ctx, accounts.Person{Email: view.Email, Name: view.Name, Grants: grants}, v.Who())
	}
	if err != nil {
		return p.again(w, v, err, "invite.html", inviteHead(), func(problems map[string]string) any {
			view.Problems = problems
			return view
		})
	}
	return p.mailLink(w, r, v, a, "The invitation is on its way to %s.")
}

// mailLink mails somebody a link, or shows it where no list is there yet that could mail it.
func (p *rooms) mailLink(w http.ResponseWriter, r *http.Request, v *frame.Visit, a accounts.Account, notice string) error {
	ctx := r.Context()
	err := p.Accounts.Links.Send(ctx, a, v.Who())
	if errs.KindOf(err) != errs.Conflict || a.Disabled != nil {
		if err != nil {
			return err
		}
		return v.Done(w, r, fmt.Sprintf("/admin/people/%d", a.ID), notice, a.Email)
	}
	url, err := p.Accounts.Links.For(ctx, a, v.Who())
	if err != nil {
		return err
	}
	h := frame.Head{Title: "Hand over this link", Nav: "people", Styles: styles, Crumbs: peopleCrumb}
	return v.Page(w, p.pages, "link.html", h, struct {
		Account accounts.Account
		URL     string
	}{a, url})
}

// personOf returns the account that a route is about. Errors: NotFound.
func (p *rooms) personOf(ctx context.Context, r *http.Request) (accounts.Account, error) {
	id, err := number(r, "person")
	if err != nil {
		return accounts.Account{}, err
	}
	return p.Accounts.People.Get(ctx, id)
}
