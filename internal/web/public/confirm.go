package public

import (
	"html/template"
	"net/http"
	"strconv"

	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// askAgain is the button of a confirm link that has become too old.
const askAgain = "again"

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
	req := subscribers.ConfirmRequest{Subscriber: token.Subscriber, List: token.List, Issued: token.Issued, Network: s.evidence(r)}
	v := confirmView{}
	if r.Method == http.MethodPost {
		sent, err := sentFields(r)
		if err != nil {
			refuseBody(w, err)
			return
		}
		v.ask, v.wantsLatest = sent.Get("action"), sent.Get("latest") != ""
		if sent.Get("choose") != "" {
			req.Chosen = []int64{}
			for _, text := range sent["list"] {
				if id, err := strconv.ParseInt(text, 10, 64); err == nil {
					req.Chosen = append(req.Chosen, id)
				}
			}
		}
	}
	v.ConfirmPage, err = s.actOnConfirm(r, req, v)
	v.Again = v.Again && s.Signup != nil
	if err == nil && v.Status == subscribers.ConfirmOpen && s.Signup != nil {
		v.latest, err = s.Signup.HasLatest(r.Context(), v.Lists)
	}
	switch {
	case errs.KindOf(err) == errs.NotFound:
		s.invalid(w, r, http.StatusOK)
		return
	case err != nil:
		s.fail(w, r, err)
		return
	}
	p, err := s.confirmPage(v)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, p)
}

// actOnConfirm does what was asked and returns the page as things stand then.
func (s *site) actOnConfirm(r *http.Request, req subscribers.ConfirmRequest, v confirmView) (subscribers.ConfirmPage, error) {
	switch {
	case v.ask == askConfirm && s.Signup != nil:
		return s.Signup.Confirm(r.Context(), req, v.wantsLatest)
	case v.ask == askConfirm:
		return s.Subscribers.Confirm(r.Context(), req)
	case v.ask == askAgain && s.Signup != nil:
		if err := s.Signup.AskAgain(r.Context(), req); err != nil {
			return subscribers.ConfirmPage{}, err
		}
	}
	return s.Subscribers.Confirming(r.Context(), req)
}

// evidence is what is kept of the address of somebody who consents: all of it, to be shortened later. It is empty for addresses
// of our own net, which tell nothing.
func (s *site) evidence(r *http.Request) string {
	if a := s.client(r); a.IsValid() && !subscribers.OwnNetwork(a) {
		return a.String()
	}
	return ""
}

// confirmView is what the page shows.
type confirmView struct {
	subscribers.ConfirmPage
	ask         string // what was pressed
	latest      bool   // there is a campaign to send at once
	wantsLatest bool
}

func (s *site) confirmPage(v confirmView) (page, error) {
	w := lang.For(v.Language)
	p := page{Words: w, Brand: v.ListName, Accent: v.Accent, HomeURL: v.HomeURL}
	switch {
	case v.Status == subscribers.ConfirmOpen:
		return openPage(p, v)
	case v.Status == subscribers.ConfirmDone:
		p.Heading, p.Text = say(w, "page.confirm.done_heading"), say(w, "page.confirm.done_text", names(w, v, subscribers.ConfirmDone), bold(v.Address))
		if len(v.New) > 0 && v.wantsLatest {
			p.Note = say(w, "page.confirm.done_latest")
		}
		link := s.BaseURL + "/p/" + s.Ring.PreferencesToken(s.Ring.Current(), links.Preferences{Subscriber: v.Subscriber, List: v.Lists[0].ID})
		p.Body = template.HTML(`<p class="row"><a class="button" href="`+template.HTMLEscapeString(link)+`">`) + say(w, "page.confirm.choose") + "</a></p>"
	case v.Again && v.ask == askAgain:
		p.Heading, p.Text = say(w, "page.confirm.again_heading"), say(w, "page.confirm.again_done", bold(v.Address))
	case v.Again:
		p.Heading, p.Text = say(w, "page.confirm.late_heading"), say(w, "page.confirm.again_text")
		p.Main = &button{Label: w.T("page.confirm.again_button"), Value: askAgain}
	default:
		p.Heading, p.Text = say(w, "page.confirm.late_heading"), say(w, "page.confirm.late_text")
		if l := v.Lists[0]; l.Open && s.Signup != nil {
			p.Body = template.HTML(`<p class="row"><a class="button" href="`+template.HTMLEscapeString(s.BaseURL+"/subscribe/"+l.Slug)+`">`) + say(w, "page.confirm.late_link") + "</a></p>"
		}
	}
	return p, nil
}

// openPage asks for the press of the button; where the mail named several lists, or the reader has asked for others since, they
// can be chosen.
func openPage(p page, v confirmView) (page, error) {
	w := p.Words
	type choice struct {
		ID           int64
		Name         string
		Ticked, Also bool
	}
	var lists []choice
	for _, l := range v.Lists {
		if l.Status == subscribers.ConfirmOpen {
			lists = append(lists, choice{l.ID, l.Name, l.Named, !l.Named})
		}
	}
	wrong := ""
	if v.ask == askConfirm { // and yet nothing was confirmed
		wrong = w.T("page.confirm.lists_wrong")
	}
	p.Heading, p.HomeURL = say(w, "page.confirm.heading"), ""
	p.Text = say(w, "page.confirm.text", bold(lists[0].Name), bold(v.Address))
	if len(lists) > 1 {
		p.Text = say(w, "page.confirm.text_several", bold(v.Address))
	}
	var err error
	p.Body, err = fill("confirm.html", struct {
		Words               *lang.Words
		Choose              bool
		Lists               []choice
		Wrong               string
		Latest, WantsLatest bool
	}{w, len(lists) > 1, lists, wrong, v.latest, v.wantsLatest})
	return p, err
}

// names enumerates the lists of a status: A, B and C.
func names(w *lang.Words, v confirmView, status string) template.HTML {
	var all []template.HTML
	for _, l := range v.Lists {
		if l.Status == status {
			all = append(all, bold(l.Name))
		}
	}
	last := len(all) - 1
	if last < 1 {
		return all[0]
	}
	text := all[0]
	for _, n := range all[1:last] {
		text += ", " + n
	}
	return say(w, "letter.and", text, all[last])
}
