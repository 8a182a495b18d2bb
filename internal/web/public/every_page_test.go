package public_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"mailer/internal/browsertest"
	"mailer/internal/links"
	"mailer/internal/preferences"
	"mailer/internal/privacy"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
	"mailer/internal/web/public"
)

// whole is the public pages with all that there is, in French, with long names.
type whole struct {
	*joining
	b *browsertest.Tab
}

func newWhole(t *testing.T) *whole {
	t.Helper()
	j := newJoining(t, func(d *signup.Deps, p *public.Deps) {
		p.Preferences = preferences.New(preferences.Deps{DB: d.DB, Subscribers: d.Subscribers, Limits: d.Limits, Letters: d.Letters})
		p.Privacy = privacy.New(privacy.Deps{DB: d.DB, Subscribers: d.Subscribers, Delivery: d.Delivery, Keep: privacy.Keep{Evidence: 3 * 365 * 24 * time.Hour}, Now: d.Now, Log: d.Log})
		p.Weekly = func(context.Context, int64) (bool, error) { return true, nil }
	})
	j.publication(2)
	for _, topic := range []subscribers.Topic{{Slug: "politique", Name: "Politique européenne et internationale"}, {Slug: "arts", Name: "Arts & <scène>", Description: "Livres, films, musiques"}} {
		topic.ListID = j.list.ID
		if _, err := j.store.Topics.Create(t.Context(), topic, "test"); err != nil {
			t.Fatal(err)
		}
	}
	j.exec(`UPDATE publications SET language = 'fr', name = 'Le Courrier Intercommunal', description = 'Tout ce qui compte entre le port et la gare.'`)
	j.exec(`UPDATE lists SET language = 'fr', archive_open = true, description = 'Chaque matin, ce que la ville a fait pendant que vous dormiez.'`)
	j.exec(`UPDATE lists SET name = 'La Lettre Quotidienne du Courrier Intercommunal' WHERE slug = 'daily'`)
	html, blocks := digestPage(t, "http://localhost")
	j.launched(past{id: 90, html: html, blocks: blocks, subject: "La digue fut bâtie pour une mer qui n’existe plus", preheader: "Et huit autres articles."})
	return &whole{joining: j}
}

func (w *whole) leaveToken() string { return "/u/" + w.token }

func (w *whole) preferencesToken() string {
	return "/p/" + w.ring.PreferencesToken(w.ring.Current(), links.Preferences{Subscriber: w.person.ID, List: w.list.ID, Campaign: 7})
}

func (w *whole) personal(ago time.Duration) string {
	return "/me/" + w.ring.ProofToken(w.ring.Current(), links.Proof{Act: links.ActPersonal, Subscriber: w.person.ID, List: w.list.ID, Issued: time.Now().Add(-ago)})
}

// asked adds somebody who has still to confirm, and returns their link, of so long ago.
func (w *whole) asked(name string, ago time.Duration) string {
	w.t.Helper()
	w.join("/subscribe/daily", name+"@example.org")
	w.work()
	w.ahead.Add(int64(ago))
	return w.link(name + "@example.org")
}

// fill types an address into the form as a person does, who takes some seconds for it.
func (w *whole) fill(address string) {
	w.t.Helper()
	w.ahead.Add(int64(10 * time.Second))
	browsertest.Ask[bool](w.b, fmt.Sprintf(`document.getElementById('address').type = 'text', document.getElementById('address').value = %q, true`, address))
}

// pageStates are what the pages can be: how to get there, and a piece of what stands there.
var pageStates = []struct {
	name, route string
	open        func(w *whole)
	says        string
}{
	{"leave", "/u/{token}", func(w *whole) { w.visit(w.leaveToken()) }, "Se désabonner"},
	{"paused", "/u/{token}", func(w *whole) { w.visit(w.leaveToken()); w.press("pause") }, "moins"},
	{"left", "/u/{token}", func(w *whole) { w.visit(w.leaveToken()); w.press("list") }, "Vous ne recevrez plus"},
	{"thanked", "/u/{token}", func(w *whole) { w.visit(w.leaveToken()); w.press("list"); w.press("often") }, "Merci"},
	{"left all", "/u/{token}", func(w *whole) { w.visit(w.leaveToken()); w.press("all") }, "plus rien de nous"},
	{"undone", "/u/{token}", func(w *whole) { w.visit(w.leaveToken()); w.press("list"); w.press("undo") }, "annulé"},
	{"leave, broken link", "/u/{token}", func(w *whole) { w.visit("/u/nothing") }, "nulle part"},
	{"confirm", "/c/{token}", func(w *whole) { w.visit(w.asked("a", 0)) }, "Confirmez"},
	{"confirmed", "/c/{token}", func(w *whole) { w.visit(w.asked("b", 0)); w.press("confirm") }, "Bienvenue"},
	{"confirm, late", "/c/{token}", func(w *whole) { w.visit(w.asked("c", 8*24*time.Hour)) }, "expiré"},
	{"confirm, asked again", "/c/{token}", func(w *whole) { w.visit(w.asked("d", 8*24*time.Hour)); w.press("again") }, "nouveau lien"},
	{"in the browser", "/v/{token}", func(w *whole) { w.visit("/v/" + w.ring.ViewToken(w.ring.Current(), links.View{Campaign: 90})) }, "The harbour wall"},
	{"in the browser, gone", "/v/{token}", func(w *whole) { w.visit("/v/" + w.ring.ViewToken(w.ring.Current(), links.View{Campaign: 91})) }, "conservé"},
	{"preferences", "/p/{token}", func(w *whole) { w.visit(w.preferencesToken()) }, "Politique européenne"},
	{"preferences, saved", "/p/{token}", func(w *whole) {
		w.visit(w.preferencesToken())
		browsertest.Ask[bool](w.b, `document.querySelector('[value=arts]').checked = false, true`)
		w.press("save")
	}, "Annuler"},
	{"preferences, link asked", "/p/{token}", func(w *whole) { w.visit(w.preferencesToken()); w.press("fresh") }, "boîte aux lettres"},
	{"personal", "/me/{token}", func(w *whole) { w.visit(w.personal(0)) }, "jane.doe@example.org"},
	{"personal, late", "/me/{token}", func(w *whole) { w.visit(w.personal(2 * time.Hour)) }, "heure"},
	{"data", "/me/{token}/data", func(w *whole) { w.visit(w.personal(0) + "/data") }, "jane.doe@example.org"},
	{"erase", "/me/{token}/erase", func(w *whole) { w.visit(w.personal(0) + "/erase") }, "jane.doe@example.org"},
	{"erase, not ticked", "/me/{token}/erase", func(w *whole) {
		w.visit(w.personal(0) + "/erase")
		browsertest.Ask[bool](w.b, `document.querySelector('[name=erase]').required = false, true`) // as browsers that do not know it
		w.b.Press("button.grave")
	}, "Cochez"},
	{"subscribe", "/subscribe/{list}", func(w *whole) { w.visit("/subscribe/daily") }, "Recevez"},
	{"subscribe, wrong", "/subscribe/{list}", func(w *whole) { w.visit("/subscribe/daily"); w.fill("personne"); w.b.Press("button.main") }, "Elle devrait ressembler"},
	{"subscribe, typo", "/subscribe/{list}", func(w *whole) { w.visit("/subscribe/daily"); w.fill("x@gmial.com"); w.b.Press("button.main") }, "x@gmail.com"},
	{"subscribe, taken", "/subscribe/{list}", func(w *whole) { w.visit("/subscribe/daily"); w.fill("x@example.org"); w.b.Press("button.main") }, "x@example.org"},
	{"subscribe, closed", "/subscribe/{list}", func(w *whole) { w.visit("/subscribe/nothing") }, "nulle part"},
	{"subscribe to several", "/subscribe/to/{publication}", func(w *whole) { w.visit("/subscribe/to/courier") }, "Intercommunal"},
	{"subscribe to several, none", "/subscribe/to/{publication}", func(w *whole) { w.visit("/subscribe/to/courier"); w.fill("x@example.org"); w.b.Press("button.main") }, "Cochez au moins"},
	{"archive", "/archive/{list}", func(w *whole) { w.visit("/archive/daily") }, "La digue"},
	{"archive, empty", "/archive/{list}", func(w *whole) { w.visit("/archive/list-0") }, "premier numéro"},
	{"archive, a campaign", "/archive/{list}/{what}", func(w *whole) { w.visit(address(past{id: 90})) }, "Tous les numéros"},
	{"no such page", "/", func(w *whole) { w.visit("/nothing") }, "nulle part"},
	{"away", "/", func(w *whole) { w.exec(`ALTER TABLE subscribers RENAME TO away`); w.visit(w.preferencesToken()) }, "Une erreur"},
}

// noPages are the routes whose answers nobody looks at.
var noPages = []string{"/give/{token}", "/k/{token}", "/i/{image}", "/subscribe.js", "/me/{token}/data.json", "/healthz", "/readyz"}

func (w *whole) visit(path string) {
	w.t.Helper()
	w.b.Go(w.base + path)
}

func (w *whole) press(value string) {
	w.t.Helper()
	w.b.Press(fmt.Sprintf(`button[value=%q]`, value))
}

// UNS-15 and the like of every page: whatever a reader can come to see, in French, with long names, at 320 and 1280 px, light and
// dark, without script, by keyboard; axe finds nothing.
func TestEveryPage(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("public.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`mux\.HandleFunc\("([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		seen := strings.Contains(strings.Join(noPages, " ")+" ", m[1]+" ")
		for _, s := range pageStates {
			seen = seen || s.route == m[1]
		}
		if !seen {
			t.Errorf("no page of %s is looked at; put it into the table", m[1])
		}
	}
	b := browsertest.Open(t)
	b.Language("fr-FR, fr;q=0.9")
	for _, s := range pageStates {
		w := newWhole(t)
		w.b = b
		b.Width(320)
		b.Scheme("light")
		s.open(w)
		if text := browsertest.Ask[string](b, `document.body.innerText`); !strings.Contains(text, s.says) {
			t.Errorf("%s: does not say %q:\n%s", s.name, s.says, text)
			continue
		}
		if tongue := browsertest.Ask[string](b, `document.documentElement.lang`); tongue != "fr" && s.name != "in the browser" && s.name != "archive, a campaign" {
			t.Errorf("%s: in %s", s.name, tongue)
		}
		for _, width := range []int64{320, 1280} {
			b.Width(width)
			for _, scheme := range []string{"light", "dark"} {
				if os.Getenv("MAILER_SCREENSHOTS") == "" && (width == 320) != (scheme == "dark") {
					continue // each width and each scheme once; the tests of single pages have all four
				}
				b.Scheme(scheme)
				b.Look(fmt.Sprintf("every-%s-%d-%s", strings.NewReplacer(" ", "-", ",", "").Replace(s.name), width, scheme))
			}
		}
	}
}
