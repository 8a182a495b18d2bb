package frame_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"mailer/internal/accounts"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
	"mailer/internal/web/admin/frame"
)

// Half an export must not look like a whole one: an answer that breaks off in its middle ends in an error of the connection.
func TestHalfAnAnswer(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t)
	for path, trouble := range map[string]any{"/admin/half/given-up": http.ErrAbortHandler, "/admin/half/failed": "a mistake of ours"} {
		r.Frame.Handle("GET "+path, frame.Open, func(w http.ResponseWriter, _ *http.Request, _ *frame.Visit) error {
			_, _ = io.WriteString(w, "email\nada@example.org\n")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			panic(trouble)
		})
		res, err := http.Get(r.Base + path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%s: %q passes for all of it", path, got)
		}
		_ = res.Body.Close()
	}
	r.Frame.Handle("GET /admin/nothing", frame.Open, func(http.ResponseWriter, *http.Request, *frame.Visit) error { panic("a mistake of ours") })
	if p := r.Stranger().Get("/admin/nothing"); p.Status != http.StatusInternalServerError {
		t.Errorf("a mistake before the answer has begun: %d", p.Status)
	}
}

// What belongs to others is answered in the very words of what is nowhere.
func TestForeignIsNowhere(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	draft := r.Draft()
	l := r.List
	evening, err := r.Subscribers.CreateList(t.Context(), subscribers.List{Slug: "evening", Name: "The Evening", FromName: l.FromName, FromAddress: l.FromAddress, LegalName: l.LegalName,
		PostalAddress: l.PostalAddress, Contact: l.Contact, HomeURL: l.HomeURL, Language: l.Language, TimeZone: l.TimeZone})
	if err != nil {
		t.Fatal(err)
	}
	otto := r.Client(r.Person("Otto", accounts.Editor, evening.ID))
	for foreign, nowhere := range map[string]string{
		"/admin/lists/" + r.List.Slug:                         "/admin/lists/nowhere",
		"/admin/campaigns/" + strconv.FormatInt(draft.ID, 10): "/admin/campaigns/999999",
		"/admin/digests/weekday":                              "/admin/digests/nowhere",
		"/admin/lists/" + r.List.Slug + "/report":             "/admin/lists/nowhere/report",
	} {
		a, b := otto.HTMX("GET", foreign, nil), otto.HTMX("GET", nowhere, nil)
		if a.Status != http.StatusNotFound || b.Status != a.Status || a.Header.Get("Hx-Trigger") != b.Header.Get("Hx-Trigger") {
			t.Errorf("%s: %d %s\n%s: %d %s", foreign, a.Status, a.Header.Get("Hx-Trigger"), nowhere, b.Status, b.Header.Get("Hx-Trigger"))
		}
	}
	if p := otto.Get("/admin/lists/evening"); p.Status != http.StatusOK {
		t.Errorf("their own list: %d", p.Status)
	}
}

// The access log names the route of a request, and nothing of its path: there may be a token in it.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t)
	c := r.Client(r.Person("Ines", accounts.Owner))
	c.Get("/admin/calendar")
	c.Get("/approve/a-token-that-nobody-else-should-see")
	for _, want := range []string{"route=/admin/login ", "route=/admin/calendar ", "route=/approve/{token} "} {
		if !strings.Contains(r.Log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, r.Log.String())
		}
	}
	if strings.Contains(r.Log.String(), "nobody-else") {
		t.Error("the log has a token in it")
	}
}
