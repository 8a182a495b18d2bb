package public

import (
	"context"
	"net/http"
	"time"

	"mailer/internal/appeals"
	"mailer/internal/errs"
)

// canary is behind the link of a mail that people do not see. Whoever opens it opens every link: a scanner, whose clicks are then
// counted apart. It shows what "view in browser" does, for the person who comes here after all.
func (s *site) canary(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET, HEAD, OPTIONS", reading(r)) {
		return
	}
	if _, err := s.Ring.ParseView(tokenOf(r)); err == nil {
		if v, ok := s.visitor(r); ok {
			ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
			defer cancel()
			if err := s.Appeals.Machine(ctx, v); err != nil && errs.KindOf(err) != errs.Unavailable {
				s.Log.Warn("a program that opens every link was not noted", "err", err)
			}
		}
	}
	s.view(w, r)
}

// visitor is who asks, as clicks are told apart; not ok where the address is that of a proxy that does not tell: it stands for
// everybody.
func (s *site) visitor(r *http.Request) (v appeals.Visitor, ok bool) {
	from := household(s.client(r))
	agent := r.UserAgent()
	return appeals.Visitor{Network: from.String(), Browser: agent[:min(len(agent), maxUserAgent)]}, from.IsValid()
}
