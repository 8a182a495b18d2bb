package public

import (
	"html/template"
	"net/http"
	"slices"
	"sync"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// leave is the page behind the unsubscribe link of a mail, and where mail programs send the one-click POST of RFC 8058.
// GET changes nothing: scanners open every link of a mail. POST answers 200 at once, without redirect, cookie or check
// of where it comes from: the token is all the right there is, and all it can do is reduce. While the database is away what is
// asked for is written down, and done when it is back.
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
	forged := err != nil
	req := subscribers.LeaveRequest{Subscriber: token.Subscriber, List: token.List, Campaign: token.Campaign, Method: subscribers.MethodForm, Network: s.network(r)}
	var what wish
	if r.Method == http.MethodPost {
		if what, err = wishOf(r); err != nil {
			refuseBody(w, err)
			return
		}
	}
	var done subscribers.Done
	if act, ok := s.actOf(r, req, what); ok {
		do := s.Leaver.Do
		if forged { // it names nobody, and nothing of it is kept
			do = s.Leaver.Try
		}
		done, err = do(r.Context(), act)
	}
	switch {
	case errs.KindOf(err) == errs.NotFound, forged && errs.KindOf(err) == errs.Unavailable:
		s.invalid(w, r, http.StatusOK)
		return
	case err != nil:
		s.fail(w, r, err)
		return
	case what.ask == askOneClick && done.Recorded:
		plain(w, http.StatusOK, "Recorded. You will get no more of these mails.")
		return
	case what.ask == askOneClick:
		plain(w, http.StatusOK, "Unsubscribed.") // a program reads this, if anybody does
		return
	case done.Recorded:
		s.show(w, r, http.StatusOK, s.recordedPage(r, req, what))
		return
	}
	page, err := s.Leaver.Page(r.Context(), req)
	switch {
	case errs.KindOf(err) == errs.NotFound, forged && errs.KindOf(err) == errs.Unavailable:
		s.invalid(w, r, http.StatusOK)
		return
	case errs.KindOf(err) == errs.Unavailable:
		s.Log.Warn("a leave page without what it is about", "err", err)
		s.show(w, r, http.StatusOK, s.blankLeavePage(r, req))
		return
	case err != nil:
		s.fail(w, r, err)
		return
	}
	thanks := what.ask == askReason && s.tellReason(r, req, page, what)
	out, err := s.leavePage(r, page, what, done.Changed, thanks)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, out)
}

// actOf returns what a POST asks to be done, if anything.
func (s *site) actOf(r *http.Request, req subscribers.LeaveRequest, what wish) (a subscribers.LeaveAct, ok bool) {
	a = subscribers.LeaveAct{LeaveRequest: req, Do: subscribers.DoLeave}
	switch what.ask {
	case askOneClick:
		a.Method = subscribers.MethodOneClick
	case askList:
	case askAll:
		a.All = true
	case askUndo:
		a.Do = subscribers.DoUndo
	case askAlso:
		a.Others = s.others(r, req.List, what.fields["also"])
		return a, len(a.Others) > 0
	case askWeekly:
		a.Do = subscribers.DoWeekly
		return a, s.weekly(r.Context(), req.List)
	case askPause:
		a.Do = subscribers.DoPause
	case askTopics:
		a.Do, a.Topics = subscribers.DoTopics, s.unwanted(r, req.List, what.fields)
		return a, a.Topics != 0
	default:
		return a, false
	}
	return a, true
}

// others returns the lists that were ticked, of those that the page shows.
func (s *site) others(r *http.Request, list int64, slugs []string) (ids []int64) {
	if l := s.Leaver.List(r.Context(), list); l != nil {
		for _, o := range l.Others {
			if slices.Contains(slugs, o.Slug) {
				ids = append(ids, o.ID)
			}
		}
	}
	return ids
}

// unwanted returns the bits of the topics that were shown and are not ticked any more.
func (s *site) unwanted(r *http.Request, list int64, fields map[string][]string) (bits uint64) {
	if l := s.Leaver.List(r.Context(), list); l != nil {
		for _, t := range l.Topics {
			if slices.Contains(fields["shown"], t.Slug) && !slices.Contains(fields["topic"], t.Slug) {
				bits |= t.Mask()
			}
		}
	}
	return bits
}

// tellReason counts why a reader left, once for each link, and reports whether it was a reason at all.
func (s *site) tellReason(r *http.Request, req subscribers.LeaveRequest, page subscribers.LeavePage, what wish) bool {
	reason := append(what.fields["reason"], "")[0]
	if !slices.Contains(subscribers.LeaveReasons, reason) || !page.Undo {
		return false
	}
	if s.reasons.first(req) {
		if err := s.Subscribers.TellReason(r.Context(), req, reason); err != nil {
			s.Log.Warn("why a reader left was not counted", "err", err)
		}
	}
	return true
}

// reasons remembers which links have told a reason, as long as there is room.
type reasons struct {
	mu   sync.Mutex
	told map[[3]int64]bool
}

func (m *reasons) first(r subscribers.LeaveRequest) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.told == nil || len(m.told) >= maxRemember {
		m.told = map[[3]int64]bool{}
	}
	key := [3]int64{r.Subscriber, r.List, r.Campaign}
	told := m.told[key]
	m.told[key] = true
	return !told
}

// bold marks words of the publication's or the reader's own, so that a direction of script other than the page's stays
// among themselves.
func bold(s string) template.HTML {
	return template.HTML("<b><bdi>" + template.HTMLEscapeString(s) + "</bdi></b>")
}
