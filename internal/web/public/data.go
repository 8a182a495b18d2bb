package public

import (
	"context"
	"encoding/json"
	"html/template"
	"net/http"

	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/privacy"
	"mailer/internal/subscribers"
)

// Below the link that was mailed to a reader's address just now: all that is known of them, to read and to take away, and to
// have it erased. No other link leads here, however genuine: a mail that is passed on must not show anybody's life with us.

// readerOf returns whose page was asked for, and the page with their words and the head of the newsletter that the link came from;
// false when it has answered already.
func (s *site) readerOf(w http.ResponseWriter, r *http.Request) (id subscribers.Identity, head page, ok bool) {
	if s.Privacy == nil {
		s.invalid(w, r, http.StatusNotFound)
		return id, head, false
	}
	proof, ok := s.proven(w, r)
	if !ok {
		return id, head, false
	}
	id, err := s.Subscribers.Records().Find(r.Context(), proof.Subscriber)
	var tag string
	if err == nil {
		tag, err = s.Subscribers.Records().LanguageOf(r.Context(), id.ID)
	}
	if err == nil {
		head, err = s.headOf(r.Context(), proof.List)
	}
	switch {
	case errs.KindOf(err) == errs.NotFound:
		s.invalid(w, r, http.StatusOK)
		return id, head, false
	case err != nil:
		s.fail(w, r, err)
		return id, head, false
	}
	head.Words = lang.For(tag)
	return id, head, true
}

// headOf returns a page with the name of a list's publication, or of the list itself, and its colour. A list that is gone gives a
// page without.
func (s *site) headOf(ctx context.Context, list int64) (page, error) {
	l, err := s.Subscribers.List(ctx, list)
	if errs.KindOf(err) == errs.NotFound {
		return page{}, nil
	}
	if err != nil {
		return page{}, err
	}
	p := page{Brand: l.Name, Accent: l.AccentColour}
	if l.PublicationID != nil {
		pub, err := s.Subscribers.Publications.Get(ctx, *l.PublicationID)
		if err != nil {
			return page{}, err
		}
		p.Brand = pub.Name
	}
	return p, nil
}

// with returns the page with what it says.
func (p page) with(heading, text, body template.HTML) page {
	p.Heading, p.Text, p.Body = heading, text, body
	return p
}

// data shows a reader everything.
func (s *site) data(w http.ResponseWriter, r *http.Request) {
	id, head, report, ok := s.report(w, r)
	if !ok {
		return
	}
	words := head.Words
	at, view := "/me/"+tokenOf(r), report.View(words)
	body, err := fill("data.html", struct {
		Words       *lang.Words
		View        privacy.View
		JSON, Erase string
	}{words, view, at + "/data.json", at + "/erase"})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	p := head.with(say(words, "data.heading"), say(words, "data.text", bold(id.Canonical)), body)
	p.Note = say(words, "data.made", template.HTML(template.HTMLEscapeString(view.MadeAt)))
	s.show(w, r, http.StatusOK, p)
}

// dataJSON is the same for programs, to take away.
func (s *site) dataJSON(w http.ResponseWriter, r *http.Request) {
	_, _, report, ok := s.report(w, r)
	if !ok {
		return
	}
	b, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="my-data-`+report.MadeAt.Format("2006-01-02")+`.json"`)
	_, _ = w.Write(append(b, '\n')) // who asked may have gone
}

func (s *site) report(w http.ResponseWriter, r *http.Request) (id subscribers.Identity, head page, report privacy.Report, ok bool) {
	if !allow(w, r, "GET, HEAD, OPTIONS", reading(r)) {
		return id, head, report, false
	}
	if id, head, ok = s.readerOf(w, r); !ok {
		return id, head, report, false
	}
	report, err := s.Privacy.Report(r.Context(), id)
	if err != nil {
		s.fail(w, r, err)
		return id, head, report, false
	}
	return id, head, report, true
}

// erase tells a reader what will go and what stays, and does it when they say so.
func (s *site) erase(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET, HEAD, POST, OPTIONS", reading(r) || r.Method == http.MethodPost) {
		return
	}
	id, head, ok := s.readerOf(w, r)
	if !ok {
		return
	}
	words := head.Words
	if r.Method != http.MethodPost {
		s.askErase(w, r, id, head, false)
		return
	}
	sent, err := sentFields(r)
	if err != nil {
		refuseBody(w, err)
		return
	}
	if sent.Get("erase") != "everything" || foreign(r, s.BaseURL) {
		s.askErase(w, r, id, head, true)
		return
	}
	begun, err := s.Privacy.Erase(r.Context(), id, privacy.ByReader)
	switch {
	case err == nil:
		s.show(w, r, http.StatusOK, head.with(say(words, "erase.done_heading"), say(words, "erase.done_text"), ""))
	case begun:
		s.Log.Error("an erasure will be gone on with", "err", err)
		s.show(w, r, http.StatusOK, head.with(say(words, "erase.begun_heading"), say(words, "erase.begun_text"), ""))
	default:
		s.fail(w, r, err)
	}
}

func (s *site) askErase(w http.ResponseWriter, r *http.Request, id subscribers.Identity, head page, wrong bool) {
	words := head.Words
	var goes, stays []template.HTML
	for _, key := range []string{"erase.goes_mail", "erase.goes_you", "erase.goes_sent"} {
		goes = append(goes, say(words, key))
	}
	stays = append(stays, say(words, "erase.stays_hash"))
	if days := int(s.Privacy.Keep.Evidence.Hours() / 24); days > 0 {
		stays = append(stays, template.HTML(template.HTMLEscapeString(words.T("erase.stays_evidence", lasting(words, days)))))
	}
	stays = append(stays, say(words, "erase.stays_counts"))
	body, err := fill("erase.html", struct {
		Words       *lang.Words
		Goes, Stays []template.HTML
		Data        string
		Wrong       bool
	}{words, goes, stays, "/me/" + tokenOf(r) + "/data", wrong})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	status := http.StatusOK
	if wrong {
		status = http.StatusUnprocessableEntity
	}
	s.show(w, r, status, head.with(say(words, "erase.heading"), say(words, "erase.text", bold(id.Canonical)), body))
}

// lasting says how long so many days are.
func lasting(w *lang.Words, days int) string {
	if years := (days + 30) / 365; days >= 365 {
		return w.Plural("erase.years", years)
	}
	return w.Plural("erase.days", days)
}
