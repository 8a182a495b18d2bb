package people_test

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"mailer/internal/accounts"
	"mailer/internal/browsertest"
	"mailer/internal/web/admin/admintest"
)

// Every page about people in a real browser: from the first visit, by keyboard, to a second factor, an invitation and the log.
func TestPagesInBrowser(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.Newsroom()
	link, err := r.Accounts.Links.Owner(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tab := browsertest.Open(t)
	tab.Scripts(true)
	typed := func(selector, text string) {
		t.Helper()
		tab.Reach(selector)
		tab.Steps(chromedp.KeyEvent(text))
	}
	enter := func(gone string) {
		t.Helper()
		tab.Steps(chromedp.KeyEvent(kb.Enter))
		tab.Until(`document.readyState === 'complete' && !(` + gone + `)`)
	}
	// look inspects the pages that differ most; all of them when somebody wants to see pictures.
	look := func(name string, always bool) {
		t.Helper()
		if always || os.Getenv("MAILER_SCREENSHOTS") != "" {
			tab.Inspect(name)
		}
	}
	tab.Go(link)
	look("people-owner", false)
	typed("[name=email]", "ines@example.org")
	typed("[name=name]", "Ines Moreau")
	typed("[name=password]", "short")
	enter(`!document.querySelector('.problem')`)
	look("people-owner-problem", true)
	typed("[name=password]", admintest.Password)
	enter(`location.pathname !== '/admin'`)

	tab.Go(r.Base + "/admin/account")
	tab.Press("form[action='/admin/account/factor'] button")
	look("people-factor", true)
	secret := browsertest.Ask[string](tab, `document.querySelector('.people-secret').textContent`)
	typed("[name=code]", r.code(secret, 0))
	enter(`!document.querySelector('.people-codes')`)
	look("people-codes", false)
	tab.Press("main a.btn-primary")
	ines, err := r.Accounts.People.ByEmail(t.Context(), "ines@example.org")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Accounts.Tokens.Create(t.Context(), ines, "Sheet of the week", accounts.ScopeReports, 0); err != nil {
		t.Fatal(err)
	}
	tab.Go(r.Base + "/admin/account")
	look("people-account", false)

	writer := r.Person("Tom", accounts.Writer, r.List.ID)
	r.Client(writer)
	tab.Go(r.Base + "/admin/people/new")
	typed("[name=email]", "una@example.org")
	typed("[name=name]", "Una Ferreira")
	look("people-invite", false)
	browsertest.Ask[string](tab, `document.querySelector('[name=role]').value = 'editor'`)
	tab.Press("main form .btn-primary")
	look("people-person", true)
	if !browsertest.Ask[bool](tab, `document.body.textContent.includes('The invitation is on its way to una@example.org')`) {
		t.Error("nothing says that the invitation is on its way")
	}
	tab.Go(r.Base + "/admin/people")
	look("people-people", false)
	tab.Press("a[href='/admin/people/2']")
	tab.Reach("[data-dialog=disable]")
	tab.Steps(chromedp.KeyEvent(kb.Enter))
	tab.Until(`document.querySelector('#disable').open`)
	tab.Go(r.Base + "/admin/audit")
	look("people-audit", true)
	tab.Go(r.Base + "/admin/audit?kind=nothing")
	look("people-audit-none", false)

	tab.Go(r.Base + "/admin/account")
	tab.Reach("section[aria-labelledby=tokens] summary")
	tab.Steps(chromedp.KeyEvent(kb.Enter))
	typed("#f-token-name", "A sheet")
	enter(`!document.querySelector('#token')`)
	look("people-token", false)

	tab.Go(r.Base + "/admin")
	browsertest.Ask[bool](tab, `document.querySelector("form[action='/admin/logout']").requestSubmit(), true`)
	tab.Until(`location.pathname === '/admin/login'`)
	look("people-login", false)
	typed("[name=email]", "ines@example.org")
	typed("[name=password]", admintest.Password)
	enter(`!document.querySelector('[name=code]')`)
	look("people-code", false)
	tab.Go(r.Base + "/admin/forgot")
	typed("[name=email]", "ines@example.org")
	enter(`document.querySelector('[name=email]')`)
	look("people-forgot", false)
	tab.Go(strings.Replace(link, "/enter/", "/enter/x", 1))
	look("people-spent", false)
}
