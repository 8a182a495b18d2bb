package public

import (
	"html/template"
	"net/http"
	"time"

	"mailer/internal/lang"
	"mailer/internal/subscribers"
)

// leaveBody is what the leave page has between its first words and its foot. What is nil or empty is left out.
type leaveBody struct {
	Words   *lang.Words
	Leave   *button       // the one that the page is for
	Note    template.HTML // below it
	Undo    *button
	Thanks  bool
	Reasons []button // why; nobody has to say
	Less    []button // what there is besides leaving
	Topics  []box
	Also    []box // other lists
	All     *button
}

// box is something to tick.
type box struct{ Slug, Name, Description string }

// lessDone is what the page says when a reader gets less than before.
var lessDone = map[string]string{askWeekly: "page.less.done_weekly", askPause: "page.less.done_pause", askTopics: "page.less.done_topics"}

// leavePage is the page as things stand after what was asked. changed says whether that changed anything.
func (s *site) leavePage(r *http.Request, l subscribers.LeavePage, what wish, changed, thanks bool) (page, error) {
	w := lang.For(leaveLanguage(l))
	list, address := bold(l.List.Name), bold(l.Address)
	p := page{Words: w, Brand: l.List.Name, Accent: l.List.Accent, HomeURL: l.List.HomeURL}
	b := leaveBody{Words: w, Thanks: thanks}
	left := l.LeftAll || l.LeftList
	switch {
	case what.ask == askUndo && !changed && !l.Undo && !l.UndoChoice:
		p.Heading, p.Text = say(w, "page.undone.late_heading"), say(w, "page.undone.late_text")
	case what.ask == askUndo && !left:
		p.Heading, p.Text = say(w, "page.undone.heading"), say(w, "page.undone.text", address)
	case l.LeftAll:
		p.Heading, p.Text = say(w, "page.left.heading_all"), say(w, "page.left.text_all", address)
	case l.LeftList:
		p.Heading, p.Text = say(w, "page.left.heading"), say(w, "page.left.text", list, address)
	case changed && lessDone[what.ask] != "":
		args := []template.HTML{list, address}
		if what.ask == askPause {
			args = append(args, bold(until(w, l)))
		}
		p.Heading, p.Text = say(w, "page.less.done_heading"), say(w, lessDone[what.ask], args...)
	case changed && what.ask == askAlso:
		p.Heading, p.Text = say(w, "page.left.heading"), say(w, "page.left.text_also", address)
	default:
		p.Heading, p.Text = say(w, "page.leave.heading"), say(w, "page.leave.text", list, address)
		b.Leave = &button{Label: w.T("page.leave.button"), Value: askList}
		b.Note = say(w, "page.leave.nothing_yet")
		if l.PausedUntil != nil {
			b.Note = say(w, "page.less.paused", bold(until(w, l)))
		}
	}
	if l.Undo || l.UndoChoice {
		b.Undo = &button{Text: say(w, "page.left.undo_text"), Label: w.T("page.left.undo_button"), Value: askUndo}
	}
	if left && l.Undo && !thanks && what.ask != askUndo {
		for _, reason := range subscribers.LeaveReasons {
			b.Reasons = append(b.Reasons, button{Label: w.T("page.reason." + reason), Value: reason})
		}
	}
	if b.Leave != nil {
		s.offerLess(r, &b, l)
	}
	if !l.LeftAll && what.ask != askUndo {
		b.Also = alsoBoxes(l)
		b.All = &button{Text: say(w, "page.leave.all_text"), Label: w.T("page.leave.all_button"), Value: askAll}
	}
	var err error
	p.Body, err = fill("leave.html", b)
	return p, err
}

// offerLess fills in what a reader could have instead of leaving.
func (s *site) offerLess(r *http.Request, b *leaveBody, l subscribers.LeavePage) {
	w := b.Words
	if l.Frequency != subscribers.Weekly && s.weekly(r.Context(), l.List.ID) {
		b.Less = append(b.Less, button{Text: say(w, "page.less.weekly_text"), Label: w.T("page.less.weekly"), Value: askWeekly})
	}
	if l.PausedUntil == nil {
		day := template.HTML(template.HTMLEscapeString(w.Date(l.List.PauseEnd(time.Now()))))
		b.Less = append(b.Less, button{Text: say(w, "page.less.pause_text", day), Label: w.T("page.less.pause"), Value: askPause})
	}
	for _, t := range l.List.Topics {
		if l.TopicsOff&t.Mask() == 0 {
			b.Topics = append(b.Topics, box{t.Slug, t.Name, t.Description})
		}
	}
	if len(b.Topics) < 2 { // without the only one nothing would be left: that is leaving
		b.Topics = nil
	}
}

func alsoBoxes(l subscribers.LeavePage) (boxes []box) {
	for _, o := range l.List.Others {
		boxes = append(boxes, box{Slug: o.Slug, Name: o.Name})
	}
	return boxes
}

func until(w *lang.Words, l subscribers.LeavePage) string {
	if l.PausedUntil == nil {
		return ""
	}
	return w.Date(*l.PausedUntil)
}

// leaveLanguage is the reader's own language where we have words of it, else the list's.
func leaveLanguage(l subscribers.LeavePage) string {
	if lang.Speaks(l.Language) {
		return l.Language
	}
	return l.List.Language
}

// named begins a page for the time when the database is away: with what is remembered of the list, if anything is.
func (s *site) named(r *http.Request, req subscribers.LeaveRequest) (page, template.HTML) {
	l := s.Leaver.List(r.Context(), req.List)
	if l == nil {
		words := lang.For(spoken(r))
		return page{Words: words}, say(words, "page.recorded.this")
	}
	return page{Words: lang.For(l.Language), Brand: l.Name, Accent: l.Accent, HomeURL: l.HomeURL}, bold(l.Name)
}

// blankLeavePage is the leave page when the database cannot say whose link it is: it can be used all the same.
func (s *site) blankLeavePage(r *http.Request, req subscribers.LeaveRequest) page {
	p, list := s.named(r, req)
	w := p.Words
	p.Heading, p.Text = say(w, "page.leave.heading"), say(w, "page.leave.text_blank", list)
	p.Main, p.Note = &button{Label: w.T("page.leave.button"), Value: askList}, say(w, "page.leave.nothing_yet")
	p.More = []*button{{Text: say(w, "page.leave.all_text"), Label: w.T("page.leave.all_button"), Value: askAll}}
	return p
}

// recordedPage says that what was asked is kept, and will be done when the database is back.
func (s *site) recordedPage(r *http.Request, req subscribers.LeaveRequest, what wish) page {
	p, list := s.named(r, req)
	w := p.Words
	p.Heading = say(w, "page.recorded.heading")
	switch what.ask {
	case askList:
		p.Text = say(w, "page.recorded.text", list)
	case askAll:
		p.Text = say(w, "page.recorded.text_all")
	default:
		p.Text = say(w, "page.recorded.text_other")
	}
	if what.ask != askUndo {
		p.More = []*button{{Text: say(w, "page.left.undo_text"), Label: w.T("page.left.undo_button"), Value: askUndo}}
	}
	return p
}
