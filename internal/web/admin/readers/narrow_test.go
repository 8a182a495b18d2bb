package readers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"mailer/internal/accounts"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

// SEC-06: an editor of one list who adds a reader of another one does not change what that one knows of them.
func TestSEC06AddingStaysOnItsList(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	other, err := r.Subscribers.CreateList(t.Context(), subscribers.List{Slug: "other", Name: "Other", FromName: "Other", FromAddress: "other@example.org",
		LegalName: "Other Ltd", PostalAddress: "1 Street", Contact: "other@example.org", Language: "en", TimeZone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	was, err := r.Subscribers.Add(t.Context(), subscribers.AddRequest{ListID: r.List.ID, Address: "nell@example.net", Name: "Nell", Language: "fr", Confirmed: true, Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		by   accounts.Account
		want string
	}{{r.Person("Edith", accounts.Editor, other.ID), "Nell"}, {r.Person("Chris", accounts.Editor), "Mallory"}} {
		form := url.Values{"address": {"nell@example.net"}, "name": {"Mallory"}, "language": {"en"}, "list": {"other"}, "source": {"fair"}, "confirmed": {"on"}}
		if p := r.Client(c.by).Post("/admin/reader/new", form); p.Status != http.StatusOK {
			t.Fatalf("%s: %d\n%s", c.by.Name, p.Status, p.Body)
		}
		if p, _, err := r.Subscribers.Get(t.Context(), was.Subscriber.ID); err != nil || p.Name != c.want {
			t.Errorf("after %s has added them: %q, %v; want %q", c.by.Name, p.Name, err, c.want)
		}
	}
}

// SEC-06: attributes belong to a reader, not to a list: whoever is editor of one list does not see them by adding the address to it.
func TestSEC06AttributesOfOthers(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	other, err := r.Subscribers.CreateList(t.Context(), subscribers.List{Slug: "other", Name: "Other", FromName: "Other", FromAddress: "other@example.org",
		LegalName: "Other Ltd", PostalAddress: "1 Street", Contact: "other@example.org", Language: "en", TimeZone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	nell, err := r.Subscribers.Add(t.Context(), subscribers.AddRequest{ListID: r.List.ID, Address: "nell@example.net", Confirmed: true, Source: "test",
		Attributes: map[string]string{"diagnosis": "measles"}})
	if err != nil {
		t.Fatal(err)
	}
	edith, chris := r.Client(r.Person("Edith", accounts.Editor, other.ID)), r.Client(r.Person("Chris", accounts.Editor))
	see := func(when string, c *admintest.Client, want bool) {
		t.Helper()
		for _, at := range []string{fmt.Sprintf("/admin/readers/%d", nell.Subscriber.ID), "/admin/lists/other/readers.csv"} {
			p := c.Get(at)
			if p.Status != http.StatusOK || !strings.Contains(p.Body, "nell@example.net") {
				t.Fatalf("%s: %s: %d", when, at, p.Status)
			}
			if strings.Contains(p.Body, "measles") != want || strings.Contains(p.Body, "diagnosis") != want {
				t.Errorf("SEC-06: %s: %s shows attributes: %v; want %v", when, at, !want, want)
			}
		}
	}
	form := url.Values{"address": {"nell@example.net"}, "list": {"other"}, "source": {"fair"}}
	if p := edith.Post("/admin/reader/new", form); p.Status != http.StatusOK {
		t.Fatalf("%d\n%s", p.Status, p.Body)
	}
	see("pending", edith, false)
	see("pending, to an editor of all", chris, true)
	for when, want := range map[string]string{"confirmed": "UPDATE subscriptions SET state = 'confirmed', confirmed_at = now() WHERE list_id = $1",
		"left": "UPDATE subscriptions SET state = 'unsubscribed', unsubscribed_at = now(), confirmed_at = coalesce(confirmed_at, now()) WHERE list_id = $1"} {
		if _, err := r.DB.ExecContext(t.Context(), want, other.ID); err != nil {
			t.Fatal(err)
		}
		see(when, edith, true)
		if _, err := r.DB.ExecContext(t.Context(), "UPDATE subscriptions SET state = 'pending', unsubscribed_at = NULL, confirmed_at = NULL WHERE list_id = $1", other.ID); err != nil {
			t.Fatal(err)
		}
	}
	see("never confirmed", edith, false)
}
