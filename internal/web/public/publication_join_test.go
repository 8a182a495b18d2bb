package public_test

import (
	"io"
	"mime/quotedprintable"
	"net/url"
	"strings"
	"testing"
	"time"

	"mailer/internal/subscribers"
)

// Who signs up on the page of a publication is spoken to in the language of that page, in its name, whatever list comes first.
func TestJoinPublicationLanguage(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	j.publication(2)
	j.exec(`UPDATE lists SET language = 'fr' WHERE slug = 'list-0'`)
	const path, known = "/subscribe/to/courier", "known@example.org"
	if page := j.do("GET", path, ""); !strings.Contains(page.body, `<legend class="unseen">Newsletters</legend>`) {
		t.Errorf("the heading and the legend say the same twice:\n%s", page.body)
	}
	added, err := j.store.Add(t.Context(), subscribers.AddRequest{Address: known, ListID: j.list.ID, Confirmed: true})
	if err != nil {
		t.Fatal(err)
	}
	both := func(path, who string) string {
		t.Helper()
		j.joinWith(path, url.Values{"address": {who}, "stamp": {j.stamp(path, 10*time.Second)}, "list": {"list-0", "list-1"}})
		j.work()
		return decoded(t, j.mail("confirm", who))
	}
	for _, who := range []string{"new@example.org", known} {
		mail := both(path, who)
		if !strings.Contains(mail, "Is this you?") || !strings.Contains(mail, "send List A and List B to") || !strings.Contains(mail, "\nThe Courier\r\n") {
			t.Errorf("%s: the mail is not that of the English page of The Courier:\n%s", who, mail)
		}
	}
	// A form changes nothing of what is known of a person.
	if p, _, err := j.store.Get(t.Context(), added.Subscriber.ID); err != nil || p.Language != "" {
		t.Errorf("the language of a person who was known is %q now, %v", p.Language, err)
	}
	link := j.link("new@example.org")
	if page := j.do("GET", link, ""); !strings.Contains(page.body, `<html lang="en"`) || !strings.Contains(page.body, `<p class="brand"><bdi>The Courier</bdi>`) {
		t.Errorf("the confirm page:\n%s", page.body)
	}
	j.post(link, "action=confirm")
	if mail := decoded(t, j.mail("letter", "new@example.org")); !strings.Contains(mail, "Good to have you here") {
		t.Errorf("the welcome mail:\n%s", mail)
	}
	// Whoever turned the page to French is spoken to in French, in good French for two.
	if _, err := j.store.Publications.Update(t.Context(), subscribers.Publication{Slug: "courier", Name: "The Courier", Language: "fr"}); err != nil {
		t.Fatal(err)
	}
	j.exec(`UPDATE lists SET language = 'en', description = 'Toute la semaine'`)
	both(path, "nouveau@example.org")
	j.post(j.link("nouveau@example.org"), "action=confirm")
	mail := decoded(t, j.mail("letter", "nouveau@example.org"))
	for _, want := range []string{"vous recevrez List A et List B à l’adresse", "List A\u00a0: Toute la semaine"} {
		if !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(mail, "\u00a0", "~")), " "), strings.ReplaceAll(want, "\u00a0", "~")) {
			t.Errorf("no %q in\n%s", want, mail)
		}
	}
}

// decoded is a mail whose body is quoted-printable, for people.
func decoded(t *testing.T, mail string) string {
	t.Helper()
	raw, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(mail)))
	if err != nil && len(raw) == 0 {
		t.Fatal(err)
	}
	return string(raw)
}
