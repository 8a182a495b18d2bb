package public

import (
	"net/http"
	"strings"

	"mailer/internal/errs"
	"mailer/internal/lang"
)

// view shows a campaign in the browser: the stored page, which has nothing personal in it.
func (s *site) view(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET, HEAD, OPTIONS", reading(r)) {
		return
	}
	token, err := s.Ring.ParseView(tokenOf(r))
	if err == nil {
		var html string
		if html, err = s.Delivery.WebPage(r.Context(), token.Campaign); err == nil {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", mailPolicy(s.BaseURL))
			_, _ = w.Write([]byte(html)) // who asked may have gone
			return
		}
		if errs.KindOf(err) == errs.NotFound {
			words := lang.For(spoken(r))
			s.show(w, r, http.StatusNotFound, page{Words: words, Heading: say(words, "page.gone.heading"), Text: say(words, "page.gone.text")})
			return
		}
	}
	if errs.KindOf(err) == errs.NotFound {
		s.invalid(w, r, http.StatusNotFound)
		return
	}
	s.fail(w, r, err)
}

// mailPolicy lets a page of mail HTML be what it is in a mail program: styles of its own and pictures, and nothing else.
func mailPolicy(base string) string {
	images := "https:"
	if strings.HasPrefix(base, "http://localhost") { // development: feeds and pictures are on this machine
		images += " http://localhost:*"
	}
	return "default-src 'none'; img-src " + images + "; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
