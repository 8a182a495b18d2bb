package public_test

import (
	"net/http"
	"testing"

	"mailer/internal/subscribers"
)

// A link that was copied out of a text with what stood behind it opens as the link itself, and works.
func TestLinkWithATail(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	page := ""
	for _, tail := range []string{".", ",", ">", ")", ").", "%3E", "%20", "%20%20.", "%0A", "%C2%A0", "!", "'"} {
		page = r.do(http.MethodGet, "/u/"+r.token, "").body
		a := r.do(http.MethodGet, "/u/"+r.token+tail, "")
		r.want("GET"+tail, a, 200, subscribers.Confirmed)
		if a.body != page {
			t.Errorf("%q: another page", tail)
		}
		r.want("POST"+tail, r.post("/u/"+r.token+tail, oneClick), 200, subscribers.Unsubscribed)
		r.again()
		r.want("form"+tail, r.post("/u/"+r.token+tail, "action=list"), 200, subscribers.Unsubscribed)
		r.again()
	}
	// What may be a character of a token is never taken off, nor is anything in front.
	for _, path := range []string{"/u/" + r.token + "-", "/u/" + r.token + "_", "/u/" + r.token + "A", "/u/." + r.token, "/u/" + r.token[:39]} {
		if a := r.do(http.MethodGet, path, ""); a.body == page {
			t.Errorf("%s opens", path)
		}
		r.want(path, r.post(path, oneClick), 200, subscribers.Confirmed)
	}
}
