package campaigns

import (
	"bytes"
	"net/mail"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// outbox returns the mails of a kind that wait to be sent.
func (r *room) outbox(kind string) (mails []string) {
	r.t.Helper()
	if err := r.DB.SelectContext(r.t.Context(), &mails, `SELECT convert_from(data, 'UTF8') FROM outbox WHERE kind = $1 ORDER BY id`, kind); err != nil {
		r.t.Fatal(err)
	}
	return mails
}

func header(t *testing.T, eml string) mail.Header {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(eml))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header
}

// MSG-39: a proof says that it is one, has a Message-ID of its own, cannot unsubscribe anyone, and is counted nowhere.
func TestProof(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	for range 2 {
		if err := r.Proof(t.Context(), c.ID, "chief@example.com", Reader{Name: "Grace"}, "ed"); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Proof(t.Context(), c.ID, "chief@example.com", Reader{Supporter: true}, "ed"); err != nil {
		t.Fatal(err)
	}
	proofs := r.outbox("proof")
	if len(proofs) != 3 {
		t.Fatalf("%d proofs", len(proofs))
	}
	ids := map[string]bool{}
	for _, eml := range proofs {
		h := header(t, eml)
		ids[h.Get("Message-ID")] = true
		if h.Get("Subject") != "[Proof] Cranes move" || h.Get("To") != "<chief@example.com>" && h.Get("To") != "chief@example.com" {
			t.Errorf("MSG-39: %q to %q", h.Get("Subject"), h.Get("To"))
		}
		for _, name := range []string{"List-Unsubscribe", "List-Unsubscribe-Post", "List-Id"} {
			if h.Get(name) != "" {
				t.Errorf("MSG-39: a proof has %s", name)
			}
		}
		text, html, err := parts([]byte(eml))
		if err != nil {
			t.Fatal(err)
		}
		for what, body := range map[string]string{"text": text, "html": html} {
			// Anything but these, which the public pages do not know.
			inert := strings.NewReplacer("https://news.example.org/u/proof", "", "https://news.example.org/p/proof", "")
			if strings.Contains(inert.Replace(body), "https://news.example.org/") {
				t.Errorf("MSG-39: the %s has a link that does something: %s", what, body)
			}
			if !strings.Contains(body, "Proof") {
				t.Errorf("MSG-39: the %s does not say that it is a proof", what)
			}
		}
	}
	if _, err := r.Ring.ParseLeave("proof"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("MSG-39: the leave link of a proof means something: %v", err)
	}
	if len(ids) != 3 {
		t.Errorf("MSG-39: Message-IDs %v", ids)
	}
	if text, _, _ := parts([]byte(proofs[0])); !strings.Contains(text, "Good morning, Grace.") || !strings.Contains(text, "Keep the harbour lights on") {
		t.Errorf("the proof is not what Grace would read:\n%s", text)
	}
	if strings.Contains(proofs[2], "harbour lights") {
		t.Error("a supporter is shown the appeal")
	}
	if n := r.number(`SELECT (SELECT count(*) FROM sends) + (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM outcomes)`); n != 0 {
		t.Errorf("MSG-39: a proof was counted: %d", n)
	}
	if got := r.get(c.ID); got.State != InReview || got.Version != c.Version {
		t.Errorf("a proof changed the campaign: %s, version %d", got.State, got.Version)
	}
	if err := r.Proof(t.Context(), c.ID, "nobody", Reader{}, "ed"); errs.KindOf(err) != errs.Invalid {
		t.Errorf("address: %v", err)
	}
}

func TestPreview(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	for _, reader := range []Reader{{Name: "Ada"}, {Supporter: true}, {}} {
		v, err := r.Preview(t.Context(), c.ID, reader)
		if err != nil {
			t.Fatal(err)
		}
		name := reader.Name
		if name == "" {
			name = "reader"
		}
		if !strings.Contains(v.Text, "Good morning, "+name+".") {
			t.Errorf("%+v:\n%s", reader, v.Text)
		}
		if strings.Contains(v.HTML, "harbour lights") == reader.Supporter || strings.Contains(v.Text, "harbour lights") == reader.Supporter {
			t.Errorf("%+v: the appeal is for everyone but supporters", reader)
		}
		if !strings.Contains(v.Web, "Cranes move") || strings.Contains(v.Web, "Ada.") || v.HTMLSize < 1000 || !bytes.Contains(v.EML, []byte("\r\n\r\n")) || v.Subject != "Cranes move" {
			t.Errorf("%+v: %d bytes of HTML", reader, v.HTMLSize)
		}
		if strings.Contains(v.HTML+v.Text, "/give/") {
			t.Errorf("%+v: a look at the preview would be counted", reader)
		}
	}
}

// The mail that asks for a confirmation: one to an address in a day (RULES 1.8, SEC-22), in the caller's transaction, no list
// mail (MSG-14), and a link that the web room can read.
func TestConfirmMail(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-20 12:00")
	second, err := r.Lists.CreateList(t.Context(), subscribers.List{Slug: "evening", Name: "Evening", FromName: "Courier", FromAddress: "news@example.org", EnvelopeDomain: "bounce.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(l subscribers.List) (asked bool) {
		t.Helper()
		err := db.InTx(t.Context(), r.DB, func(tx *sqlx.Tx) error {
			a, err := r.Lists.AddTx(t.Context(), tx, subscribers.AddRequest{Address: "New.Reader@example.com", ListID: l.ID, Source: "form", Wording: "Yes, send it", Method: "form"})
			if err != nil {
				return err
			}
			asked, err = r.Letters.Confirm(t.Context(), tx, a.Subscriber, l)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if asked { // the outbox goes by the clock of the database
			r.exec(`UPDATE outbox SET created_at = $1 WHERE id = (SELECT max(id) FROM outbox)`, r.now())
		}
		return asked
	}
	if _, err := r.Lists.Add(t.Context(), subscribers.AddRequest{Address: "new.reader@example.com", ListID: r.list.ID, Source: "form", Wording: "Yes, send it", Method: "form"}); err != nil {
		t.Fatal(err)
	}
	if !ask(r.list) {
		t.Error("a new reader was not asked")
	}
	for _, at := range []string{"2026-11-20 12:01", "2026-11-20 23:59", "2026-11-21 00:01", "2026-11-21 11:59"} {
		r.set(at)
		if ask(r.list) || ask(second) {
			t.Errorf("asked again at %s", at)
		}
	}
	mails := r.outbox("confirm")
	if len(mails) != 1 {
		t.Fatalf("%d mails in a day", len(mails))
	}
	h := header(t, mails[0])
	if h.Get("Auto-Submitted") != "auto-generated" || h.Get("List-Unsubscribe-Post") != "" || h.Get("List-Unsubscribe") != "" || !strings.Contains(h.Get("Subject"), "Morning Briefing") {
		t.Errorf("MSG-14: %v", h)
	}
	text, html, err := parts([]byte(mails[0]))
	if err != nil {
		t.Fatal(err)
	}
	_, token, ok := strings.Cut(text, "https://news.example.org/c/")
	token, _, _ = strings.Cut(token, "\n")
	got, err := r.Ring.ParseConfirm(strings.TrimSpace(token))
	if !ok || err != nil || got.List != r.list.ID || !got.Issued.Equal(utc(t, "2026-11-20 12:00")) || !strings.Contains(html, token) {
		t.Errorf("%v %+v", err, got)
	}
	var from string
	if err := r.DB.GetContext(t.Context(), &from, `SELECT envelope_from FROM outbox`); err != nil || !strings.HasSuffix(from, "@bounce.example.org") || !strings.HasPrefix(from, "b-") {
		t.Errorf("envelope sender %q, %v", from, err)
	}
	for _, next := range []struct {
		at    string
		asked bool
	}{{"2026-11-21 12:00", true}, {"2026-11-22 11:59", false}, {"2026-11-22 12:01", true}, {"2026-11-29 12:00", false}} {
		r.set(next.at)
		if got := ask(second); got != next.asked {
			t.Errorf("asked at %s: %v; want %v", next.at, got, next.asked)
		}
	}
	if n := len(r.outbox("confirm")); n != 3 {
		t.Errorf("%d mails; want three in all", n)
	}
}
