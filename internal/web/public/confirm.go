package public

import (
	"net/http"

	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/subscribers"
)

// confirm is the page behind the link of a confirm mail. Only the button confirms: a scanner that opens the link would
// forge a consent.
func (s *site) confirm(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET, HEAD, POST, OPTIONS", reading(r) || r.Method == http.MethodPost) {
		return
	}
	token, err := s.Ring.ParseConfirm(tokenOf(r))
	if err != nil && errs.KindOf(err) != errs.NotFound {
		s.fail(w, r, err)
		return
	}
	req := subscribers.ConfirmRequest{Subscriber: token.Subscriber, List: token.List, Issued: token.Issued, Network: network(r.RemoteAddr)}
	do := s.Subscribers.Confirming
	if r.Method == http.MethodPost {
		ask, err := asked(r)
		if err != nil {
			refuseBody(w, err)
			return
		}
		if ask == askConfirm {
			do = s.Subscribers.Confirm
		}
	}
	page, err := do(r.Context(), req)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		s.invalid(w, r, http.StatusOK)
	case err != nil:
		s.fail(w, r, err)
	default:
		s.show(w, r, http.StatusOK, confirmPage(page))
	}
}

func confirmPage(c subscribers.ConfirmPage) page {
	w := lang.For(c.Language)
	p := page{Words: w, Brand: c.ListName, Accent: c.Accent, HomeURL: c.HomeURL}
	switch c.Status {
	case subscribers.ConfirmOpen:
		p.Heading, p.Text = say(w, "page.confirm.heading"), say(w, "page.confirm.text", bold(c.ListName), bold(c.Address))
		p.Main, p.HomeURL = &button{Label: w.T("page.confirm.button"), Value: askConfirm}, ""
	case subscribers.ConfirmDone:
		p.Heading, p.Text = say(w, "page.confirm.done_heading"), say(w, "page.confirm.done_text", bold(c.ListName), bold(c.Address))
	default:
		p.Heading, p.Text = say(w, "page.confirm.late_heading"), say(w, "page.confirm.late_text")
	}
	return p
}
