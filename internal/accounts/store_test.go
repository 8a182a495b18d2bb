package accounts_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/errs"
)

func TestRoles(t *testing.T) {
	g := accounts.Grants{{Role: accounts.Viewer}, {List: 1, Role: accounts.Editor}, {List: 2, Role: accounts.Writer}}
	if g.On(1) != accounts.Editor || g.On(2) != accounts.Writer || g.On(3) != accounts.Viewer || g.Everywhere() != accounts.Viewer || g.Anywhere() != accounts.Editor {
		t.Errorf("%v", g)
	}
	if c := g.Capped(accounts.Writer); c.On(1) != accounts.Writer || c.On(3) != accounts.Viewer {
		t.Errorf("capped: %v", c)
	}
	if (accounts.Grants{}).Anywhere() != accounts.None {
		t.Error("without grants there is a role")
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.person("Ines@Example.org", password)
	for name, tc := range map[string]struct {
		p     accounts.Person
		kind  errs.Kind
		field string
	}{
		"again":            {accounts.Person{Email: "iNES@example.org"}, errs.Conflict, "email"},
		"no address":       {accounts.Person{Email: "ines"}, errs.Invalid, "email"},
		"short":            {accounts.Person{Email: "a@example.org", Password: "eleven char"}, errs.Invalid, "password"},
		"usual":            {accounts.Person{Email: "a@example.org", Password: "Password1234"}, errs.Invalid, "password"},
		"one character":    {accounts.Person{Email: "a@example.org", Password: "aaaaaaaaaaaaaaaa"}, errs.Invalid, "password"},
		"the address":      {accounts.Person{Email: "jane.doe@example.org", Password: "jane.doejane.doe"}, errs.Invalid, "password"},
		"too long":         {accounts.Person{Email: "a@example.org", Password: strings.Repeat("long", 300)}, errs.Invalid, "password"},
		"line in the name": {accounts.Person{Email: "a@example.org", Name: "A\u202eB"}, errs.Invalid, "name"},
		"owner of a list":  {accounts.Person{Email: "a@example.org", Grants: accounts.Grants{{List: 1, Role: accounts.Owner}}}, errs.Invalid, "role"},
		"no such role":     {accounts.Person{Email: "a@example.org", Grants: accounts.Grants{{Role: 9}}}, errs.Invalid, "role"},
		"no such list":     {accounts.Person{Email: "a@example.org", Grants: accounts.Grants{{List: 77, Role: accounts.Editor}}}, errs.Invalid, ""},
	} {
		_, err := r.People.Create(t.Context(), tc.p, "test")
		if errs.KindOf(err) != tc.kind || tc.field != "" && !strings.HasPrefix(errs.Public(err), tc.field+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := r.count(`SELECT count(*) FROM accounts`); n != 1 {
		t.Errorf("%d accounts", n)
	}
}

// There is always an owner: neither giving the role up nor being disabled goes through for the last one, not even two at once.
func TestLastOwner(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.person("ines@example.org", password, accounts.Grant{Role: accounts.Owner})
	b := r.person("tom@example.org", password, accounts.Grant{Role: accounts.Owner})
	r.person("invited@example.org", "", accounts.Grant{Role: accounts.Owner}) // has never come in
	var group sync.WaitGroup
	for _, x := range []accounts.Account{a, b} {
		group.Go(func() {
			if err := r.People.Disable(t.Context(), x.ID, "test"); err != nil && errs.KindOf(err) != errs.Conflict {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := r.count(`SELECT count(*) FROM accounts WHERE disabled_at IS NULL AND password <> ''`); n != 1 {
		t.Fatalf("%d owners are left; want 1", n)
	}
	last := a
	if r.count(`SELECT count(*) FROM accounts WHERE disabled_at IS NULL AND id = $1`, a.ID) == 0 {
		last = b
	}
	if err := r.People.SetGrants(t.Context(), last.ID, nil, "test"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("the last owner gives the role up: %v", err)
	}
	if got, err := r.People.Get(t.Context(), last.ID); err != nil || got.Everywhere() != accounts.Owner {
		t.Errorf("%v, %v", got, err)
	}
}

// Each link works once, in its time, for its purpose.
func TestLinks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := func(url string, err error) string {
		t.Helper()
		_, token, ok := strings.Cut(url, "https://desk.example.org/admin/enter/")
		if err != nil || !ok {
			t.Fatal(url, err)
		}
		return token
	}
	first, second := token(r.Links.Owner(t.Context())), token(r.Links.Owner(t.Context()))
	if _, _, err := r.Links.Use(t.Context(), first, "ines@example.org", "Ines", "short"); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a short password: %v", err)
	}
	a, enter, err := r.Links.Use(t.Context(), first, "ines@example.org", "Ines", password)
	if err != nil || !enter || a.Everywhere() != accounts.Owner || !a.Joined {
		t.Fatalf("%+v, %v, %v", a, enter, err)
	}
	for _, used := range []string{first, second, "", "x"} {
		if _, _, err := r.Links.Use(t.Context(), used, "eve@example.org", "Eve", password); errs.KindOf(err) != errs.NotFound {
			t.Errorf("a link that is not good any more: %v", err)
		}
	}
	if url, err := r.Links.Owner(t.Context()); url != "" || err != nil {
		t.Errorf("there is an owner, and a link for one: %q, %v", url, err)
	}
	tom := r.person("tom@example.org", "")
	invited := token(r.Links.For(t.Context(), tom, "ines@example.org"))
	again := token(r.Links.For(t.Context(), tom, "ines@example.org"))
	if _, err := r.Links.Look(t.Context(), invited); errs.KindOf(err) != errs.NotFound {
		t.Errorf("an invitation after another one: %v", err)
	}
	if tom, enter, err = r.Links.Use(t.Context(), again, "eve@example.org", "Tom", password); err != nil || !enter || tom.Email != "tom@example.org" || tom.Name != "Tom" {
		t.Fatalf("%+v, %v, %v", tom, enter, err)
	}
	reset := token(r.Links.For(t.Context(), tom, "tom@example.org"))
	k, err := r.Links.Look(t.Context(), reset)
	if err != nil || k.Purpose != accounts.ForReset || time.Until(k.Expires) > 30*time.Minute || time.Until(k.Expires) < 29*time.Minute {
		t.Errorf("%+v, %v", k, err)
	}
	r.exec(`UPDATE entry_links SET expires_at = expires_at - interval '30 minutes'`)
	if _, _, err := r.Links.Use(t.Context(), reset, "", "", "another password of tom"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a link that is too old: %v", err)
	}
	if err := r.People.Disable(t.Context(), tom.ID, "ines@example.org"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Links.For(t.Context(), tom, "x"); err == nil {
		if tom, err = r.People.Get(t.Context(), tom.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Links.For(t.Context(), tom, "x"); errs.KindOf(err) != errs.Conflict {
			t.Errorf("a link for a disabled account: %v", err)
		}
	}
}

// One link used by many at once lets one in.
func TestLinkOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	url, err := r.Links.Demo(t.Context(), r.person("ines@example.org", ""))
	if err != nil {
		t.Fatal(err)
	}
	entered := make(chan bool, 8)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, ok, err := r.Links.Use(t.Context(), url[strings.LastIndex(url, "/")+1:], "", "", "")
			entered <- ok && err == nil
		})
	}
	group.Wait()
	close(entered)
	n := 0
	for ok := range entered {
		if ok {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d came in by one link", n)
	}
}
