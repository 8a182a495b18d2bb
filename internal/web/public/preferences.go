package public

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/preferences"
	"mailer/internal/subscribers"
)

// What the buttons of the preference centre ask for, beside those of asked.go.
const (
	askSave    = "save"
	askRevert  = "revert" // save what stood there before
	askStopAll = "stop-all"
	askBack    = "back" // from stop-all
	askFresh   = "fresh"
	askAddress = "address"
)

// preferences is the page behind the link to the preferences in a mail. It shows no more of the reader than a masked address, since
// a mail may have been passed on; for the rest it sends a fresh link.
func (s *site) preferences(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET, HEAD, POST, OPTIONS", reading(r) || r.Method == http.MethodPost) {
		return
	}
	token, err := s.Ring.ParsePreferences(tokenOf(r))
	if err != nil {
		s.gone(w, r, err)
		return
	}
	s.centre(w, r, preferences.Visitor{Subscriber: token.Subscriber, List: token.List, Campaign: token.Campaign, Network: s.network(r)})
}

// gone answers for a token that leads nowhere, and for what went wrong on the way.
func (s *site) gone(w http.ResponseWriter, r *http.Request, err error) {
	if errs.KindOf(err) == errs.NotFound {
		s.invalid(w, r, http.StatusNotFound)
		return
	}
	s.fail(w, r, err)
}

// visit is one request for the preference centre.
type visit struct {
	preferences.Visitor
	words  *lang.Words
	centre subscribers.Centre
	form   url.Values
	now    time.Time
}

// centre answers for a visitor with the preference centre: GET shows it, POST does what its form asks for and shows it again.
func (s *site) centre(w http.ResponseWriter, r *http.Request, visitor preferences.Visitor) {
	v, err := s.enter(r.Context(), visitor)
	if err != nil {
		s.gone(w, r, err)
		return
	}
	if reading(r) {
		s.showCentre(w, r, v, outcome{})
		return
	}
	if foreign(r, s.BaseURL) {
		plain(w, http.StatusForbidden, "This form can be sent from its own page only.")
		return
	}
	if v.form, err = sentFields(r); err != nil {
		refuseBody(w, err)
		return
	}
	out, err := s.choose(r.Context(), v)
	if err != nil {
		s.gone(w, r, err)
		return
	}
	if out.page != nil {
		s.show(w, r, http.StatusOK, *out.page)
		return
	}
	// What stands there now is what the page shows, whatever was asked for.
	form := v.form
	if v, err = s.enter(r.Context(), visitor); err != nil {
		s.gone(w, r, err)
		return
	}
	v.form = form
	s.showCentre(w, r, v, out)
}

func (s *site) enter(ctx context.Context, visitor preferences.Visitor) (visit, error) {
	centre, err := s.Subscribers.Choices.Centre(ctx, visitor.Subscriber, visitor.List)
	if err != nil {
		return visit{}, err
	}
	visitor.Subscriber = centre.Reader.ID
	language := centre.Reader.Language
	if !lang.Speaks(language) {
		language = centre.From.Language
	}
	return visit{Visitor: visitor, words: lang.For(language), centre: centre, now: s.Subscribers.Now()}, nil
}

// outcome is what came of a POST.
type outcome struct {
	page    *page // instead of the centre
	done    []preferences.Done
	person  bool // something about the reader was changed
	saved   bool // something was to be saved, perhaps in vain
	revert  bool // the undo of a save
	stopped bool // all mail
	back    bool
	wrong   map[string]string // what cannot be saved, by the name of the field; then nothing was
	before  *visit            // the centre before a save
}

// choose does what the form asks for.
func (s *site) choose(ctx context.Context, v visit) (out outcome, err error) {
	switch v.form.Get("action") {
	case askSave, askRevert:
		return s.save(ctx, v)
	case askStopAll:
		out.stopped, err = s.Preferences.LeaveAll(ctx, v.Visitor)
		out.saved = true
	case askBack:
		out.back, err = s.Preferences.UndoAll(ctx, v.Visitor)
		out.saved = true
	case askFresh:
		err = s.Preferences.MailFresh(ctx, v.Visitor)
		return out.orPage(v.freshPage(), v.oftenPage(), err)
	case askAddress:
		if !v.Proven {
			return out, nil
		}
		_, err = s.Preferences.ChangeAddress(ctx, v.Visitor, v.form.Get("address"))
		if errs.KindOf(err) == errs.Invalid {
			out.wrong = map[string]string{"address": v.words.T("page.preferences.address_wrong")}
			return out, nil
		}
		return out.orPage(v.addressPage(), v.oftenPage(), err)
	}
	return out, err
}

// orPage shows a page for what went well, or another where it was asked too often.
func (o outcome) orPage(well, often page, err error) (outcome, error) {
	switch {
	case err == nil:
		o.page = &well
	case errs.KindOf(err) == errs.Denied:
		o.page, err = &often, nil
	}
	return o, err
}

func (s *site) save(ctx context.Context, v visit) (out outcome, err error) {
	out.saved, out.revert, out.before = true, v.form.Get("action") == askRevert, &v
	wishes, person, wrong := v.wishes()
	if len(wrong) > 0 {
		return outcome{wrong: wrong}, nil
	}
	out.done, out.person, err = s.Preferences.Save(ctx, v.Visitor, wishes, person)
	if errs.KindOf(err) == errs.Invalid { // only the name can be wrong now
		return outcome{wrong: map[string]string{"name": v.words.T("page.preferences.name_wrong")}}, nil
	}
	return out, err
}

// wishes reads what the form changes. A field counts only where it is shown to differ from what the page had shown: what a page
// that is old or incomplete says of the rest is not meant.
func (v visit) wishes() (wishes []preferences.ListWish, person subscribers.PersonRequest, wrong map[string]string) {
	wrong = map[string]string{}
	for _, l := range v.centre.Lists {
		was, shown := shownOf(v.form.Get("was." + l.Slug))
		if !shown {
			continue
		}
		w := preferences.ListWish{List: l, Wording: v.words.T("page.preferences.consent", l.Name)}
		on := v.form.Has("on." + l.Slug)
		if on != was.on {
			w.On = &on
		}
		if on && was.on || on && v.form.Get("action") == askRevert {
			if problem := v.within(l, was, &w); problem != "" {
				wrong["until."+l.Slug] = problem
			}
		}
		wishes = append(wishes, w)
	}
	if v.form.Has("was-language") && v.form.Get("language") != v.form.Get("was-language") {
		if tag := v.form.Get("language"); tag == "" || lang.Speaks(tag) {
			person.Language = &tag
		}
	}
	if v.form.Has("was-tracking") {
		if on := v.form.Has("tracking"); on != (v.form.Get("was-tracking") == "on") {
			person.Tracking, person.Wording = &on, v.words.T("page.preferences.tracking")+" "+v.words.T("page.preferences.tracking_hint")
		}
	}
	if name := v.form.Get("name"); v.Proven && v.form.Has("was-name") && name != v.form.Get("was-name") {
		person.Name = &name
	}
	return wishes, person, wrong
}

// within reads what is chosen within a subscription. It returns what is wrong with the day of a pause.
func (v visit) within(l subscribers.CentreList, was shown, w *preferences.ListWish) (problem string) {
	if every := v.form.Get("every." + l.Slug); every != "" && every != was.every && (every == subscribers.Weekly || every == subscribers.EachEdition) {
		w.Frequency = &every
	}
	ticked := v.form["topic."+l.Slug]
	var off uint64
	for _, t := range l.Topics {
		before, shown := was.topics[t.Slug]
		if wanted := slices.Contains(ticked, t.Slug); shown && wanted != before {
			w.TopicsShown |= t.Mask()
			if !wanted {
				off |= t.Mask()
			}
		}
	}
	if w.TopicsShown != 0 {
		w.TopicsOff = &off
	}
	today := dayOf(v.now, l.TimeZone)
	until := strings.TrimSpace(v.form.Get("until." + l.Slug))
	var pause time.Time
	switch v.form.Get("pause." + l.Slug) {
	case "week":
		pause = today.AddDate(0, 0, 7)
	case "month":
		pause = today.AddDate(0, 1, 0)
	case "quarter":
		pause = today.AddDate(0, 3, 0)
	case "end":
	default:
		if until == was.until {
			return ""
		}
		if until == "" {
			break
		}
		day, err := time.ParseInLocation(time.DateOnly, until, today.Location())
		switch {
		case err != nil:
			return v.words.T("page.preferences.until_form", today.AddDate(0, 0, 14).Format(time.DateOnly))
		case !day.After(v.now) || day.After(v.now.Add(subscribers.MaxPause)):
			return v.words.T("page.preferences.until_range", v.words.Date(today.AddDate(0, 0, 1)), v.words.Date(lastDay(today)))
		}
		pause = day
	}
	w.Pause = &pause
	return ""
}

// lastDay is the last on which a pause can end.
func lastDay(today time.Time) time.Time { return today.AddDate(1, 0, 0) }

// dayOf returns the beginning of the day of t in a time zone.
func dayOf(t time.Time, zone string) time.Time {
	z, err := time.LoadLocation(zone)
	if err != nil {
		z = time.UTC
	}
	t = t.In(z)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, z)
}

// foreign reports a form that another site sent. What it could do needs the token, so this only keeps a page elsewhere from making
// use of one that it has come by. A browser sends "null" from pages like ours, which tell nobody where they are.
func foreign(r *http.Request, base string) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "cross-site"
	}
	origin := r.Header.Get("Origin")
	if origin == "" || origin == "null" {
		return false
	}
	u, err := url.Parse(origin)
	ours, errOurs := url.Parse(base)
	return err != nil || errOurs != nil || !strings.EqualFold(u.Host, ours.Host) && !strings.EqualFold(u.Host, r.Host)
}
