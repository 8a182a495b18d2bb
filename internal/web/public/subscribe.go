package public

import (
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/signup"
)

// maxJoiners is how many sign-ups are taken at once: in a flood the others wait, and leave the database to readers.
const maxJoiners = 6

// subscribeScript answers embedded forms in place; they work without it too.
var subscribeScript = []byte(must(files.ReadFile("pages/subscribe.js")))

// subscribeToList is the sign-up page of a list. One that is not open to all answers as one that does not exist.
func (s *site) subscribeToList(w http.ResponseWriter, r *http.Request) {
	s.subscribe(w, r, func() (signup.Form, error) { return s.Signup.ForList(r.Context(), r.PathValue("list")) })
}

// subscribeToPublication is the sign-up page of a publication, with its open lists to choose from.
func (s *site) subscribeToPublication(w http.ResponseWriter, r *http.Request) {
	s.subscribe(w, r, func() (signup.Form, error) {
		return s.Signup.ForPublication(r.Context(), r.PathValue("publication"))
	})
}

func (s *site) subscribe(w http.ResponseWriter, r *http.Request, find func() (signup.Form, error)) {
	if !allow(w, r, "GET, HEAD, POST, OPTIONS", reading(r) || r.Method == http.MethodPost) {
		return
	}
	// No name has such octets, and the database would refuse to look for one.
	if s.Signup == nil || !utf8.ValidString(r.URL.Path) || strings.ContainsRune(r.URL.Path, 0) {
		s.invalid(w, r, http.StatusNotFound)
		return
	}
	if r.Method == http.MethodPost {
		select {
		case s.joiners <- struct{}{}:
			defer func() { <-s.joiners }()
		case <-r.Context().Done():
			s.fail(w, r, errs.Wrap(r.Context().Err(), errs.Unavailable, "too many sign-ups at once"))
			return
		}
	}
	f, err := find()
	switch {
	case errs.KindOf(err) == errs.NotFound:
		s.invalid(w, r, http.StatusNotFound)
		return
	case err != nil:
		s.fail(w, r, err)
		return
	}
	// Browsers say where a form stood only to where the page lets them; here there is no token in the address to keep back.
	w.Header().Set("Referrer-Policy", "same-origin")
	if r.Method != http.MethodPost {
		s.showForm(w, r, http.StatusOK, filled{form: f, language: known(r.URL.Query().Get("lang"))})
		return
	}
	sent, err := sentFields(r)
	if err != nil {
		refuseBody(w, err)
		return
	}
	s.join(w, r, f, sent)
}

// known returns a language that we have words of, or nothing.
func known(tag string) string {
	if lang.Speaks(tag) {
		return lang.For(tag).Tag()
	}
	return ""
}

// join takes what a form brought and answers as a page, or as JSON to the script of an embedded form.
func (s *site) join(w http.ResponseWriter, r *http.Request, f signup.Form, sent url.Values) {
	origin := r.Header.Get("Origin")
	if s.Signup.Allows(f, origin) {
		w.Header().Add("Vary", "Origin")
		w.Header().Set("Access-Control-Allow-Origin", origin)
	}
	in := filled{form: f, language: known(sent.Get("lang")), stamp: sent.Get("stamp"), address: strings.TrimSpace(sent.Get("address")), chosen: sent["list"]}
	// A suggestion counts for the address that it was made for, not for one that was put right by hand since.
	if use := sent.Get("use"); use != "" && in.address == sent.Get("typed") {
		in.address = use
	}
	page := sent.Get("page")
	if page == "" {
		page = r.Referer()
	}
	a, err := s.Signup.Take(r.Context(), signup.Request{Form: f, Address: in.address, Chosen: in.chosen, Sure: in.address != "" && sent.Get("sure") == in.address,
		Language: in.language, Stamp: sent.Get("stamp"), Trap: sent.Get("website"), Origin: origin, Fetch: r.Header.Get("Sec-Fetch-Site"),
		Host: r.Host, Page: page, From: s.client(r)})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	in.answer = a
	status := http.StatusOK
	switch a.Outcome {
	case signup.WrongAddress, signup.NoMail, signup.NothingAsked:
		status = http.StatusUnprocessableEntity
	case signup.Busy:
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "3600")
	}
	switch {
	case strings.Contains(r.Header.Get("Accept"), "application/json"):
		s.tell(w, status, in)
	case a.Outcome == signup.Taken:
		words := in.words()
		p := framed(in, say(words, "page.subscribe.taken_heading"), say(words, "page.subscribe.taken_text", bold(in.address)))
		p.Note = say(words, "page.subscribe.taken_note")
		s.show(w, r, status, p)
	default:
		s.showForm(w, r, status, in)
	}
}

// filled is a form as somebody sees it, with what they typed and what is wrong with it.
type filled struct {
	form     signup.Form
	language string // that the reader chose
	stamp    string // of the form as it was sent; empty: it is new
	address  string
	chosen   []string
	answer   signup.Answer
}

func (in filled) words() *lang.Words { return in.form.Words(in.language) }

// framed is a page of the form.
func framed(in filled, heading, text template.HTML) page {
	return page{Words: in.words(), Brand: in.form.Name, Accent: in.form.Accent, HomeURL: in.form.HomeURL, Heading: heading, Text: text}
}

// wrong returns what to say next to the address, next to the lists, and above the form.
func (in filled) wrong() (address, lists, notice string) {
	w := in.words()
	switch in.answer.Outcome {
	case signup.WrongAddress:
		address = w.T("page.subscribe.address_wrong")
	case signup.NoMail:
		address = w.T("page.subscribe.no_mail")
	case signup.NothingAsked:
		lists = w.T("page.subscribe.lists_wrong")
	case signup.Stale:
		notice = w.T("page.subscribe.again")
	case signup.Busy:
		notice = w.T("page.subscribe.busy")
	}
	return address, lists, notice
}

// showForm writes the page with the form, as it was typed.
func (s *site) showForm(w http.ResponseWriter, r *http.Request, status int, in filled) {
	words, f := in.words(), in.form
	type choice struct {
		Slug, Name, Description string
		Ticked                  bool
	}
	var lists []choice
	if f.Publication != 0 {
		for _, l := range f.Lists {
			lists = append(lists, choice{l.Slug, l.Name, l.Description, slices.Contains(in.chosen, l.Slug) || len(f.Lists) == 1})
		}
	}
	wording := f.Wording(words)
	address, listsWrong, notice := in.wrong()
	suggestion := ""
	if in.answer.Outcome == signup.Mistyped {
		suggestion = in.answer.Suggestion
	}
	stamp := s.Signup.Restamp(f, wording, in.stamp)
	body, err := fill("subscribe.html", struct {
		Words                    *lang.Words
		Stamp, Language, Wording string
		Address, AddressWrong    string
		Suggestion               string
		DidYouMean               template.HTML
		Lists                    []choice
		ListsWrong, Notice       string
	}{words, stamp, in.language, wording, in.address, address, suggestion,
		say(words, "page.subscribe.typo", bold(suggestion)), lists, listsWrong, notice})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	heading := say(words, "page.subscribe.heading", template.HTML("<bdi>"+template.HTMLEscapeString(f.Name)+"</bdi>"))
	if f.Publication != 0 {
		heading = say(words, "page.subscribe.heading_several")
	}
	p := framed(in, heading, template.HTML(template.HTMLEscapeString(f.Description)))
	p.Body = body
	s.show(w, r, status, p)
}

// tell answers the script of an embedded form.
func (s *site) tell(w http.ResponseWriter, status int, in filled) {
	words := in.words()
	address, lists, notice := in.wrong()
	out := map[string]string{"status": in.answer.Outcome}
	switch in.answer.Outcome {
	case signup.Taken:
		out["heading"], out["text"] = words.T("page.subscribe.taken_heading"), words.T("page.subscribe.taken_text", in.address)+" "+words.T("page.subscribe.taken_note")
	case signup.Mistyped:
		out["suggestion"] = in.answer.Suggestion
		out["text"] = words.T("page.subscribe.typo", in.answer.Suggestion)
		out["use"], out["keep"] = words.T("page.subscribe.typo_use", in.answer.Suggestion), words.T("page.subscribe.typo_keep", in.address)
	default:
		out["text"] = address + lists + notice // one of them
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out) // who asked may have gone
}

// script serves the script of embedded forms, which is the same for everybody.
func (s *site) script(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET, HEAD, OPTIONS", reading(r)) {
		return
	}
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(subscribeScript) // who asked may have gone
}

// sentFields returns the fields of a POST's body, urlencoded or in parts.
func sentFields(r *http.Request) (url.Values, error) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case err != nil:
		return nil, errBroken
	}
	sent := url.Values{}
	add := func(name, value string) { sent.Add(strings.TrimSpace(name), value) }
	if boundary := boundaryOf(r.Header.Get("Content-Type"), body); boundary != "" {
		parts(body, boundary, add)
	} else {
		urlencoded(body, add)
	}
	return sent, nil
}
