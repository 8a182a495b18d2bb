package readers_test

import (
	"net/url"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/browsertest"
	"mailer/internal/delivery"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

// Every page in a real browser, wide and on a phone, light and dark; and what scripts do on them.
func TestLook(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	who := r.Person("Ines", accounts.Owner)
	tab, c := r.Browser(who), r.Client(who)
	said := time.Now().Add(-40 * time.Minute)
	r.Relays = []delivery.RelayView{
		{RelayState: delivery.RelayState{Name: "main", Host: "smtp.relay.example", State: delivery.RelayOK, Processes: 2, Connections: 12, Today: 48210, Said: "421 4.7.0 try again later", SaidAt: &said}, Most: 20, PerSecond: 50, DailyCap: 100_000},
		{RelayState: delivery.RelayState{Name: "second", Host: "mx.second.example", State: delivery.RelayResting, Processes: 1, Said: "no answer within 30 seconds", SaidAt: &said, RetryAt: new(time.Now().Add(2 * time.Minute))}, Lists: []string{r.List.Slug}},
	}
	if _, err := r.DB.ExecContext(t.Context(), `INSERT INTO lanes (relay, provider, suspended, connections, per_minute, said, since, until)
		VALUES ('main', 'yahoo', true, 0, 0, '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints', now(), now() + interval '20 minutes'),
			('main', 'microsoft', false, 2, 30, '451 4.7.500 Server busy', now(), now() + interval '5 minutes')`); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Subscribers.Add(t.Context(), subscribers.AddRequest{Address: "Ada.Lovelace@reader.example", Name: "Ada Lovelace", ListID: r.List.ID, Confirmed: true, Source: "sign-up sheet at the fair, May 2026",
		Wording: "Yes, send me The Quayside Morning.\nI can leave whenever I like.", Attributes: map[string]string{"city": "Trieste", "plan": "print and web"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Subscribers.Add(t.Context(), subscribers.AddRequest{Address: "bea@reader.example", ListID: r.List.ID, Confirmed: true, Source: "fair", Attributes: map[string]string{"city": "Trieste"}}); err != nil {
		t.Fatal(err)
	}
	ada := reader(t, r, "ada.lovelace@reader.example")
	send(t, r, "ada.lovelace@")
	if _, err := r.Subscribers.SuppressAddress(t.Context(), "old@reader.example", subscribers.ReasonManual, "asked by telephone", "ines"); err != nil {
		t.Fatal(err)
	}
	for slug, rule := range map[string]string{"new-readers": "joined in the last 90 days", "trieste": `city is "Trieste" or plan is one of "print", "print and web"`} {
		if _, err := r.Audience.Create(t.Context(), slug, map[string]string{"new-readers": "New readers", "trieste": "Trieste and print"}[slug], rule, "ines"); err != nil {
			t.Fatal(err)
		}
	}
	see := func(path, name string) {
		t.Helper()
		tab.Go(r.Base + path)
		tab.Inspect("desk-" + name)
	}
	see("/admin/readers", "readers")
	see(pageOf(ada), "reader")
	see("/admin/reader/new", "reader-new")
	see("/admin/suppressions", "suppressions")
	see("/admin/relays", "relays")
	see("/admin/settings", "settings")
	tab.Go(r.Base + "/admin/segment/new")
	write := func(rule string) {
		t.Helper()
		browsertest.Ask[bool](tab, `(function (e) { e.value = `+"`"+rule+"`"+`; e.dispatchEvent(new Event("input", {bubbles: true})); return true; })(document.getElementById("f-rule"))`)
	}
	write(`city is "Trieste"`)
	tab.Until(`document.getElementById("try").textContent.includes("1 of 4")`)
	write(`city is "Trieste`)
	tab.Until(`document.querySelector("#try .at-fault") !== null`)
	tab.Inspect("desk-segment-wrong")
	see("/admin/segments/trieste", "segment")

	see("/admin/imports", "imports")
	page := upload(t, r, c, "book fair 2026.csv", "E-mail,Name,City,Plan,Opted in\nann@reader.example,Ann,Oslo,print,2026-05-02\nbo@reader.example,Bo,Bergen,web,2026-05-02\nbroken,,,,\nada.lovelace@reader.example,Ada,,,\n")
	c.Post(page, url.Values{"list": {r.List.Slug}, "act": {"try"}, "agreed": {"yes"}, "source": {"the fair"}})
	over(t, c, page)
	see(page, "import-tried")
}
