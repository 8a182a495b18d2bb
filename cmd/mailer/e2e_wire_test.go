package main

import (
	"encoding/json"
	"net/mail"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"
	"golang.org/x/net/publicsuffix"

	"mailer/internal/smtptest"
)

// wire is one running service whose mails are looked at.
type wire struct {
	*rig
	db      *sqlx.DB
	address string   // of the web server
	story   string   // a story to mail
	id      string   // the first campaign
	readers []string // who is on the list, as RCPT has them
	names   []string
}

// TestOnTheWire looks at what leaves the program for a relay, and does what readers do with it. One service serves all parts;
// each goes on where the one before it ended.
func TestOnTheWire(t *testing.T) {
	w := &wire{rig: newRig(t), readers: []string{"ada@example.org", "basil@example.org", "cleo@example.org", "dora@example.org", "jo@xn--bcher-kva.de"},
		names: []string{"Ada Lovelace", "Basil Thyme", "Cleo Nile", "Dora Maar", "Jo Buch"}}
	w.db = w.database()
	w.story = w.list("email,name\nADA@Example.ORG,Ada Lovelace\nada@example.org,Ada Lovelace\nbasil@example.org,Basil Thyme\n" +
		"cleo@example.org,Cleo Nile\ndora@example.org,Dora Maar\nJo@BÜCHER.de,Jo Buch\njo@bücher.de,Jo Buch\n")
	w.id = w.campaign(w.story)
	w.greet()
	p := w.serve()
	defer func() {
		if t.Failed() {
			t.Logf("the service says:\n%s", p.said())
		}
	}()
	w.address = p.address()
	for _, part := range []struct {
		name string
		test func(*testing.T, *wire)
	}{
		{"MSG-14 confirm mail", confirmMail},
		{"MSG-39 proof", proof},
		{"SND-32 twins", twins},
		{"MSG-02 MSG-03 one reader each", oneReaderEach},
		{"MSG-38 in the browser", inTheBrowser},
		{"UNS-12 leaving meanwhile", leavingMeanwhile},
		{"MSG-02 MSG-03 all mails", oneReaderEach},
	} {
		if !t.Run(part.name, func(t *testing.T) { other := *w; other.rig = w.rig.on(t); part.test(t, &other) }) {
			return
		}
	}
}

// greet puts a greeting by name on top of the first campaign.
func (w *wire) greet() {
	w.t.Helper()
	blocks := append([]any{map[string]any{"kind": "text", "text": "Dear {name|reader},"}}, w.run("campaigns", "show", w.id)["blocks"].([]any)...)
	text, err := json.Marshal(blocks)
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.t.TempDir(), "blocks.json")
	write(w.t, file, string(text))
	w.run("campaigns", "edit", w.id, "--blocks", file)
}

func isProof(l letter) bool { return strings.HasPrefix(l.subject(), "[Proof] ") }

func isBulk(l letter) bool { return l.header.Get("List-Id") != "" }

// MSG-14, and who is added without --confirmed is asked first: a look at the link does not confirm, the button does.
func confirmMail(t *testing.T, w *wire) {
	const to = "pending@example.org"
	if got := w.run("subscribers", "add", to, "--list", "weekly"); got["state"] != "pending" || got["confirm_mail"] != true {
		t.Fatalf("added: %v", got)
	}
	l := w.mailTo(to, func(letter) bool { return true })
	if got := l.header.Get("Auto-Submitted"); got == "" || got == "no" {
		t.Errorf("Auto-Submitted: %q", got)
	}
	for name := range l.header {
		if strings.HasPrefix(name, "List-") || name == "Precedence" {
			t.Errorf("a confirm mail has %s: %s", name, l.header.Get(name))
		}
	}
	link := l.link(t, "/c/", w.address)
	for range 2 {
		page(t, "GET", link, "")
		page(t, "HEAD", link, "")
	}
	if got := w.subscription(to); got != "pending" {
		t.Errorf("after looking: %s", got)
	}
	page(t, "POST", link, "action=confirm")
	if got := w.subscription(to); got != "confirmed" {
		t.Errorf("after the button: %s", got)
	}
}

// MSG-39: a proof to one who is a reader too.
func proof(t *testing.T, w *wire) {
	const to = "basil@example.org"
	w.run("campaigns", "proof", w.id, to)
	w.run("campaigns", "proof", w.id, to)
	w.until("two proofs", func() bool { return w.copies(to) == 2 })
	ids := map[string]bool{}
	for _, e := range w.relay.Ledger() {
		if e.To != to {
			continue
		}
		l := read(t, e)
		ids[e.MessageID] = true
		if !isProof(l) || l.header.Get("Message-ID") == "" {
			t.Errorf("it is not marked: %v", l.header)
		}
		for name := range l.header {
			if strings.HasPrefix(name, "List-") || name == "Feedback-Id" {
				t.Errorf("a proof has %s: %s", name, l.header.Get(name))
			}
		}
		link := l.link(t, "/u/", w.address)
		for _, form := range []string{"List-Unsubscribe=One-Click", "action=list", "action=all"} {
			page(t, "POST", link, form)
		}
		page(t, "GET", link, "")
	}
	if len(ids) != 2 {
		t.Errorf("Message-IDs %v", ids)
	}
	if got := w.subscription(to); got != "confirmed" {
		t.Errorf("the link of a proof made them %s", got)
	}
	if n := value[int](t, w.db, `SELECT count(*) FROM leaves`) + value[int](t, w.db, `SELECT count(*) FROM suppressions`); n != 0 {
		t.Errorf("the link of a proof wrote %d rows", n)
	}
	if got := w.run("campaigns", "report", w.id); got["balance"] != nil || len(got["leavers"].([]any)) != 0 {
		t.Errorf("the report counts a proof: %v", got)
	}
}

// SND-32: whoever is named twice, in other letters or in the other form of an IDN, is one person and gets one mail; who left
// gets none.
func twins(t *testing.T, w *wire) {
	for _, twin := range []string{"Ada@example.org", "ada@EXAMPLE.org", "jo@xn--bcher-kva.de", "JO@XN--BCHER-KVA.DE", "jo@bu\u0308cher.de"} {
		if got := w.run("subscribers", "add", twin, "--list", "weekly", "--confirmed", "--source", "again"); got["created"] != false || got["state"] != "confirmed" {
			t.Errorf("%s: %v", twin, got)
		}
	}
	w.run("subscribers", "add", "gone@example.org", "--list", "weekly", "--confirmed", "--source", "test")
	w.run("subscribers", "leave", "gone@example.org", "--list", "weekly")
	w.run("campaigns", "start", w.id, "--yes")
	w.done(w.db, w.id)
	w.run("subscribers", "add", "late@example.org", "--list", "weekly", "--confirmed", "--source", "test") // after the start
	b := w.run("campaigns", "report", w.id)["balance"].(map[string]any)
	w.adds(b)
	want := append([]string{"pending@example.org"}, w.readers...) // who confirmed by now
	if b["audience"] != float64(len(want)) || b["accepted"] != float64(len(want)) {
		t.Errorf("%d readers, and the balance is %v", len(want), b)
	}
	got := map[string]int{}
	for _, e := range w.relay.Ledger() {
		if isBulk(read(t, e)) {
			got[e.To]++
		}
	}
	for _, to := range want {
		if got[to] != 1 {
			t.Errorf("%s got %d mails of the campaign", to, got[to])
		}
	}
	if len(got) != len(want) {
		t.Errorf("mails went to %v", got)
	}
	w.run("subscribers", "leave", "late@example.org", "--list", "weekly")
	w.run("subscribers", "leave", "pending@example.org", "--list", "weekly")
}

// MSG-02 and MSG-03, for every mail that has left so far: campaign, proof and confirm mail.
func oneReaderEach(t *testing.T, w *wire) {
	seen := map[string]bool{}
	people := append([]string{"pending@example.org", "jo@bücher.de"}, w.readers...)
	for _, e := range w.relay.Ledger() {
		if seen[e.QueueID] {
			t.Errorf("one message to several: %s", e.To)
		}
		seen[e.QueueID] = true
		l := read(t, e)
		to, err := l.header.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Address != e.To || len(l.header["To"]) != 1 {
			t.Errorf("RCPT %s, To %v, %v", e.To, l.header["To"], err)
		}
		from, err := mail.ParseAddress(l.header.Get("From"))
		if err != nil || organisation(t, from.Address) != organisation(t, e.From) || len(l.header["From"]) != 1 {
			t.Errorf("MAIL FROM %s, From %v, %v", e.From, l.header["From"], err)
		}
		if isBulk(l) && (l.header.Get("Precedence") != "bulk" || l.header.Get("X-Auto-Response-Suppress") == "") { // MSG-14
			t.Errorf("%v", l.header)
		}
		for _, name := range []string{"Cc", "Bcc", "Resent-To", "Sender"} {
			if l.header[name] != nil {
				t.Errorf("to %s: %s: %v", e.To, name, l.header[name])
			}
		}
		all := strings.ToLower(string(e.Data) + l.text + e.MailLine)
		for _, other := range people {
			same := other == e.To || other == "jo@bücher.de" && e.To == "jo@xn--bcher-kva.de"
			// In MAIL FROM a mail server may write @ as =.
			if !same && (strings.Contains(all, other) || strings.Contains(all, strings.ReplaceAll(other, "@", "="))) {
				t.Errorf("the mail to %s has the address %s", e.To, other)
			}
		}
		for i, name := range w.names {
			if w.readers[i] != e.To && strings.Contains(all, strings.ToLower(name)) {
				t.Errorf("the mail to %s has the name %s", e.To, name)
			}
		}
	}
	if len(seen) < len(w.readers)+2 {
		t.Errorf("only %d mails", len(seen))
	}
}

func organisation(t *testing.T, address string) string {
	t.Helper()
	_, domain, _ := strings.Cut(address, "@")
	own, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		t.Errorf("%q: %v", address, err)
	}
	return own
}

// MSG-38: the page behind "view in browser" of a mail that greets by name.
func inTheBrowser(t *testing.T, w *wire) {
	l := w.mailTo("ada@example.org", isBulk)
	if !strings.Contains(l.text, "Dear Ada Lovelace,") {
		t.Fatalf("the mail does not greet:\n%s", l.text)
	}
	html := page(t, "GET", l.link(t, "/v/", w.address), "")
	if !strings.Contains(html, "The tide that keeps time") {
		t.Errorf("it is another page:\n%s", html)
	}
	leave := l.oneClick(t, w.address)
	personal := append([]string{"/u/", leave[strings.LastIndex(leave, "/")+1:], "/c/"}, w.names...)
	for _, s := range append(personal, w.readers...) {
		if strings.Contains(strings.ToLower(html), strings.ToLower(s)) {
			t.Errorf("the page has %q", s)
		}
	}
	if other := w.mailTo("basil@example.org", isBulk); other.link(t, "/v/", w.address) != l.link(t, "/v/", w.address) {
		t.Error("the link tells readers apart")
	}
}

// UNS-12: a reader leaves by one click while a campaign goes out, at each point of the dialogue. Before the permit no final
// dot is written for them; after it, that one mail is the last.
func leavingMeanwhile(t *testing.T, w *wire) {
	type place struct {
		name  string
		stage smtptest.Stage
		who   string // at the gate; empty: another reader, whoever comes first
		left  string
		state string
	}
	for i, p := range []place{
		{"waiting behind another at RCPT", smtptest.RcptTo, "", "", "suppressed"},
		{"at RCPT", smtptest.RcptTo, "cleo@example.org", "cleo@example.org", "suppressed"},
		{"at DATA", smtptest.Data, "dora@example.org", "dora@example.org", "suppressed"},
		{"at the dot", smtptest.Dot, "jo@xn--bcher-kva.de", "jo@xn--bcher-kva.de", "accepted"},
	} {
		t.Run(p.name, func(t *testing.T) {
			w := &wire{rig: w.rig.on(t), db: w.db, address: w.address, story: w.story}
			gate, first := smtptest.NewGate(), make(chan string, 1)
			hold := gate.Hook(smtptest.Go())
			w.relay.On(p.stage, func(e smtptest.Event) smtptest.Action {
				if p.who != "" && e.To != p.who {
					return smtptest.Go()
				}
				select {
				case first <- e.To:
				default:
				}
				return hold(e)
			})
			defer w.relay.Clear()
			defer gate.Open()
			before := w.relay.Len()
			id := w.campaign(w.story)
			w.run("campaigns", "start", id, "--yes")
			reached(t, gate)
			left, at := p.left, <-first
			if left == "" {
				left = map[bool]string{true: "basil@example.org", false: "ada@example.org"}[at == "ada@example.org"]
			}
			link := w.mailTo(left, isBulk).oneClick(t, w.address)
			page(t, "POST", link, "List-Unsubscribe=One-Click")
			if i == 0 { // SND-32: who comes now is too late for this one
				w.run("subscribers", "add", "late2@example.org", "--list", "weekly", "--confirmed", "--source", "test")
				defer w.run("subscribers", "leave", "late2@example.org", "--list", "weekly")
			}
			gate.Open()
			w.done(w.db, id)
			var dots []string
			for _, e := range w.relay.Ledger()[before:] {
				dots = append(dots, e.To)
			}
			want := 0
			if p.state == "accepted" {
				want = 1
			}
			if got := strings.Join(dots, " "); strings.Count(got, left) != want || strings.Contains(got, "late2@") {
				t.Errorf("%s left while %s was at the gate; mails went to %v", left, at, dots)
			}
			state := value[string](t, w.db, `SELECT state FROM delivery_state WHERE campaign_id = $1 AND recipient = $2`, id, left)
			if state != p.state {
				t.Errorf("the delivery to %s is %s, want %s", left, state, p.state)
			}
			b := w.balance(id)
			w.adds(b)
			if b["accepted"] != float64(len(dots)) || b["audience"] != value[float64](t, w.db, `SELECT count(*) FROM deliveries WHERE campaign_id = $1`, id) {
				t.Errorf("mails went to %v, and the balance is %v", dots, b)
			}
			if got := w.subscription(left); got != "unsubscribed" {
				t.Errorf("%s is %s", left, got)
			}
		})
	}
}
