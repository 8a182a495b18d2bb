package public

import (
	"html/template"
	"net/http"

	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/subscribers"
)

// leave is the page behind the unsubscribe link of a mail, and where mail programs send the one-click POST of RFC 8058.
// GET changes nothing: scanners open every link of a mail. POST answers 200 at once, without redirect, cookie or check
// of where it comes from: the token is all the right there is, and all it can do is reduce.
func (s *site) leave(w http.ResponseWriter, r *http.Request) {
	const methods = "GET, HEAD, POST, OPTIONS"
	if !allow(w, r, methods, reading(r) || r.Method == http.MethodPost) {
		return
	}
	// A token that is not one of ours goes the same way as that of a reader who was erased, with ids nobody has: same
	// work, same page.
	token, err := s.Ring.ParseLeave(tokenOf(r))
	if err != nil && errs.KindOf(err) != errs.NotFound {
		s.fail(w, r, err)
		return
	}
	req := subscribers.LeaveRequest{Subscriber: token.Subscriber, List: token.List, Campaign: token.Campaign, Method: subscribers.MethodForm, Network: network(r.RemoteAddr)}
	ask := askNothing
	if r.Method == http.MethodPost {
		if ask, err = asked(r); err != nil {
			refuseBody(w, err)
			return
		}
	}
	undone, err := s.act(r, req, ask)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		s.invalid(w, r, http.StatusOK)
		return
	case err != nil:
		s.fail(w, r, err)
		return
	case ask == askOneClick:
		plain(w, http.StatusOK, "Unsubscribed.") // a program reads this, if anybody does
		return
	}
	page, err := s.Subscribers.Leaving(r.Context(), req)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		s.invalid(w, r, http.StatusOK)
	case err != nil:
		s.fail(w, r, err)
	default:
		s.show(w, r, http.StatusOK, leavePage(page, ask, undone))
	}
}

// act does what was asked and reports whether an undo undid something.
func (s *site) act(r *http.Request, req subscribers.LeaveRequest, ask string) (undone bool, err error) {
	switch ask {
	case askOneClick:
		req.Method = subscribers.MethodOneClick
		_, err = s.Subscribers.Leave(r.Context(), req)
	case askList:
		_, err = s.Subscribers.Leave(r.Context(), req)
	case askAll:
		req.All = true
		_, err = s.Subscribers.Leave(r.Context(), req)
	case askUndo:
		undone, err = s.Subscribers.Undo(r.Context(), req)
	}
	return undone, err
}

// leavePage is the page as things stand after ask.
func leavePage(l subscribers.LeavePage, ask string, undone bool) page {
	w := lang.For(l.Language)
	list, address := bold(l.ListName), bold(l.Address)
	p := page{Words: w, Brand: l.ListName, Accent: l.Accent, HomeURL: l.HomeURL}
	undo := &button{Text: say(w, "page.left.undo_text"), Label: w.T("page.left.undo_button"), Value: askUndo}
	stopAll := &button{Text: say(w, "page.leave.all_text"), Label: w.T("page.leave.all_button"), Value: askAll}
	switch {
	case l.LeftAll:
		p.Heading, p.Text = say(w, "page.left.heading_all"), say(w, "page.left.text_all", address)
	case l.LeftList:
		p.Heading, p.Text = say(w, "page.left.heading"), say(w, "page.left.text", list, address)
		p.More = append(p.More, stopAll)
	case undone:
		p.Heading, p.Text = say(w, "page.undone.heading"), say(w, "page.undone.text", address)
		return p
	default:
		p.Heading, p.Text = say(w, "page.leave.heading"), say(w, "page.leave.text", list, address)
		p.Main = &button{Label: w.T("page.leave.button"), Value: askList}
		p.Note = say(w, "page.leave.nothing_yet")
		p.More = append(p.More, stopAll)
	}
	if l.Undo {
		p.More = append([]*button{undo}, p.More...)
	} else if ask == askUndo && !undone {
		p.Heading, p.Text = say(w, "page.undone.late_heading"), say(w, "page.undone.late_text")
	}
	return p
}

// bold marks words of the publication's or the reader's own, so that a direction of script other than the page's stays
// among themselves.
func bold(s string) template.HTML {
	return template.HTML("<b><bdi>" + template.HTMLEscapeString(s) + "</bdi></b>")
}
