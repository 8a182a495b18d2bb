package public

import (
	"html/template"
	"net/http"
	"time"

	"mailer/internal/errs"
	"mailer/internal/links"
	"mailer/internal/preferences"
	"mailer/internal/subscribers"
)

// ProofWithin is how long a fresh link opens what is personal.
const ProofWithin = time.Hour

// me is the page behind a link that was mailed to a reader's address just now: the preference centre with what is personal, or the
// confirmation of a change of address.
func (s *site) me(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET, HEAD, POST, OPTIONS", reading(r) || r.Method == http.MethodPost) {
		return
	}
	token, err := s.Ring.ParseProof(tokenOf(r))
	switch {
	case err != nil:
		s.gone(w, r, err)
	case token.Act == links.ActNewAddress || token.Act == links.ActOldAddress:
		s.confirmAddress(w, r, token)
	default:
		if token, ok := s.proven(w, r); ok {
			s.centre(w, r, preferences.Visitor{Subscriber: token.Subscriber, List: token.List, Network: s.network(r), Proven: true})
		}
	}
}

// proven reports whether the token of a request is a fresh proof that its bearer reads a reader's mail, for what is personal. Where it is
// not it answers the request; where it is only too old, or was mailed to an address that the reader has left since, it offers to mail
// another one.
func (s *site) proven(w http.ResponseWriter, r *http.Request) (links.Proof, bool) {
	token, err := s.Ring.ParseProof(tokenOf(r))
	if err == nil && token.Act != links.ActPersonal {
		err = errs.New(errs.NotFound, "this link is for something else")
	}
	if err != nil {
		s.gone(w, r, err)
		return token, false
	}
	if age := s.Subscribers.Now().Sub(token.Issued); age <= ProofWithin && age > -ProofWithin {
		moved, err := s.Subscribers.AddressChanges().DoneSince(r.Context(), token.Subscriber, token.Issued)
		switch {
		case err != nil:
			s.gone(w, r, err)
			return token, false
		case !moved:
			return token, true
		}
	}
	v, err := s.enter(r.Context(), preferences.Visitor{Subscriber: token.Subscriber, List: token.List, Network: s.network(r)})
	if err != nil {
		s.gone(w, r, err)
		return token, false
	}
	if r.Method == http.MethodPost {
		form, err := sentFields(r)
		if err != nil {
			refuseBody(w, err)
			return token, false
		}
		if form.Get("action") == askFresh && !foreign(r, s.BaseURL) {
			out, err := outcome{}.orPage(v.freshPage(), v.oftenPage(), s.Preferences.MailFresh(r.Context(), v.Visitor))
			if err != nil {
				s.gone(w, r, err)
				return token, false
			}
			s.show(w, r, http.StatusOK, *out.page)
			return token, false
		}
	}
	p := v.page(say(v.words, "page.prove.late_heading"), say(v.words, "page.prove.late_text"))
	p.HomeURL = ""
	p.Main = &button{Label: v.words.T("page.prove.late_button"), Value: askFresh}
	s.show(w, r, http.StatusOK, p)
	return token, false
}

// confirmAddress is the page of a change of address, for the new address or the old one. Only its button confirms: programs open
// links.
func (s *site) confirmAddress(w http.ResponseWriter, r *http.Request, token links.Proof) {
	fresh := token.Act == links.ActNewAddress
	changes := s.Subscribers.AddressChanges()
	change, err := changes.Find(r.Context(), token.Subscriber, token.List)
	if err == nil && r.Method == http.MethodPost {
		ask, broken := asked(r)
		if broken != nil {
			refuseBody(w, broken)
			return
		}
		if ask == askConfirm && !foreign(r, s.BaseURL) {
			change, err = changes.Confirm(r.Context(), token.Subscriber, token.List, fresh, s.network(r))
		}
	}
	if err != nil {
		s.gone(w, r, err)
		return
	}
	v, err := s.enter(r.Context(), preferences.Visitor{Subscriber: change.Subscriber, List: change.List})
	if err != nil {
		s.gone(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, v.changePage(change, fresh))
}

// changePage never shows one address to who reads the mail of the other, but for the new one, which its owner was told.
func (v visit) changePage(c subscribers.AddressChange, fresh bool) page {
	set := func(status string, args ...template.HTML) page {
		return v.page(say(v.words, "page.address."+status+"_heading"), say(v.words, "page.address."+status+"_text", args...))
	}
	switch status := c.Status(fresh, v.now); status {
	case subscribers.ChangeOpen:
		p := set(status, bold(c.New))
		p.Main, p.HomeURL = &button{Label: v.words.T("page.address.button"), Value: askConfirm}, ""
		p.Note = say(v.words, "page.address.open_note")
		return p
	case subscribers.ChangeDone:
		return set(status, bold(c.New))
	default:
		return set(status)
	}
}
