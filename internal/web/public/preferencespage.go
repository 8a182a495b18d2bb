package public

import (
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"mailer/internal/lang"
	"mailer/internal/preferences"
	"mailer/internal/subscribers"
)

// shown is what the page showed of one list, which its form carries with it.
type shown struct {
	on     bool
	every  string
	until  string          // the day that a pause ends, as a date field has it; empty: none
	topics map[string]bool // by slug: wanted or not
}

// String is how a form carries it: on;each;2027-01-03;arts=1,politics=0.
func (s shown) String() string {
	on := "off"
	if s.on {
		on = "on"
	}
	var topics []string
	for slug, wanted := range s.topics {
		v := "=0"
		if wanted {
			v = "=1"
		}
		topics = append(topics, slug+v)
	}
	slices.Sort(topics)
	return strings.Join([]string{on, s.every, s.until, strings.Join(topics, ",")}, ";")
}

// shownOf reads it back.
func shownOf(v string) (s shown, ok bool) {
	f := strings.Split(v, ";")
	if len(f) != 4 || f[0] != "on" && f[0] != "off" {
		return s, false
	}
	s = shown{on: f[0] == "on", every: f[1], until: f[2], topics: map[string]bool{}}
	for t := range strings.SplitSeq(f[3], ",") {
		slug, wanted, _ := strings.Cut(t, "=")
		s.topics[slug] = wanted == "1"
	}
	return s, true
}

// stateOf is a list as it stands. Who stopped all mail is on none.
func (v visit) stateOf(l subscribers.CentreList) shown {
	s := shown{on: l.State == subscribers.Confirmed && !v.centre.LeftAll, every: l.Frequency, topics: map[string]bool{}}
	if l.Paused != nil {
		s.until = l.Paused.In(dayOf(v.now, l.TimeZone).Location()).Format(time.DateOnly)
	}
	for _, t := range l.Topics {
		s.topics[t.Slug] = l.TopicsOff&t.Mask() == 0
	}
	return s
}

// centreView is what pages/preferences.html shows.
type centreView struct {
	W        *lang.Words
	Said     []template.HTML
	Wrong    string  // the field that is wrong; empty: none
	Revert   []field // the form that undoes what was saved; empty: none
	Back     bool    // stopping all mail can be undone
	Notes    []template.HTML
	Lists    []listView
	Stop     bool // there is mail to stop
	Proven   bool
	Own      string // the token, for the links to the reader's data
	Name     input
	Address  string
	New      input
	Language []option
	Spoken   string // the language as it is, which the form carries with it
	Tongue   string // as it is chosen
	Reach    bool   // a fresh link can be mailed
	Consent  bool   // to the counting of links can be given or taken back: to give it takes a proof of who does
	Tracking bool
	Tracked  string // as it is: on or off
}

type field struct{ Name, Value string }

type input struct{ Was, Value, Wrong string }

type option struct {
	Value, Label, Lang string
	Chosen             bool
}

type listView struct {
	Slug, Name, Description string
	Was                     string
	On, Pending             bool
	More                    bool // the first of those that the reader is not on
	Choices                 bool // there is something to choose within
	Open                    bool
	Summary                 string
	Topics                  []topicView
	Every                   []option
	Pause                   []option
	Until                   input
	Min, Max                string
}

type topicView struct {
	Slug, Name, Description string
	On                      bool
}

// showCentre shows the centre as things stand, with what came of a POST.
func (s *site) showCentre(w http.ResponseWriter, r *http.Request, v visit, out outcome) {
	words := v.words
	view := centreView{W: words, Wrong: first(out.wrong), Proven: v.Proven, Stop: !v.centre.LeftAll && !v.centre.Barred,
		Spoken: v.centre.Reader.Language, Tongue: v.centre.Reader.Language, Reach: !v.centre.Barred, Consent: v.Proven || v.centre.Tracking, Tracking: v.centre.Tracking, Tracked: "off"}
	if v.centre.Tracking {
		view.Tracked = "on"
	}
	on := 0
	for _, l := range v.centre.Lists {
		if v.stateOf(l).on {
			on++
		}
	}
	for i, l := range v.centre.Lists {
		view.Lists = append(view.Lists, v.listView(l, s.weekly(r.Context(), l.ID), on < 3 || l.ID == v.List, out.wrong))
		view.Lists[i].More = i == on && i > 0
	}
	view.Language = append(view.Language, option{Value: "", Label: words.T("page.preferences.language_list")})
	for _, tag := range lang.Tags {
		view.Language = append(view.Language, option{Value: tag, Label: lang.For(tag).T("page.preferences.language_name"), Lang: tag})
	}
	address := v.centre.Reader.Address
	if v.Proven {
		view.Own = tokenOf(r)
		view.Name.Was, view.Name.Value, view.Address = v.centre.Reader.Name, v.centre.Reader.Name, address
	} else {
		address = subscribers.Mask(address)
	}
	v.overlay(&view, out)
	for i := range view.Language {
		view.Language[i].Chosen = view.Language[i].Value == view.Tongue || view.Language[i].Value != "" && lang.Speaks(view.Tongue) && lang.For(view.Tongue).Tag() == view.Language[i].Value
	}
	v.report(&view, out)
	body, err := fill("preferences.html", view)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	p := v.page(say(words, "page.preferences.heading"), say(words, "page.preferences.text", bold(address)))
	p.Body = body
	s.show(w, r, http.StatusOK, p)
}

// page is a page of this visit.
func (v visit) page(heading, text template.HTML) page {
	brand := v.centre.Publication
	if brand == "" {
		brand = v.centre.From.Name
	}
	return page{Words: v.words, Brand: brand, Accent: v.centre.From.AccentColour, HomeURL: v.centre.From.HomeURL, Heading: heading, Text: text}
}

// first returns the id of the first field that is wrong.
func first(wrong map[string]string) string {
	fields := slices.Sorted(maps.Keys(wrong))
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}

// overlay puts what was typed back into a form that could not be saved, beside what is wrong with it.
func (v visit) overlay(view *centreView, out outcome) {
	if len(out.wrong) == 0 {
		return
	}
	if v.form.Get("action") == askAddress {
		view.New = input{Value: v.form.Get("address"), Wrong: out.wrong["address"]}
		return
	}
	if v.form.Has("was-language") {
		view.Tongue = v.form.Get("language")
	}
	if v.form.Has("was-tracking") {
		view.Tracking = v.form.Has("tracking")
	}
	if v.Proven && v.form.Has("was-name") {
		view.Name.Value, view.Name.Wrong = v.form.Get("name"), out.wrong["name"]
	}
}

// listView is one list of the form: as it stands or, when the form could not be saved, as it was filled in.
func (v visit) listView(l subscribers.CentreList, weekly, open bool, wrong map[string]string) listView {
	now := v.stateOf(l)
	words := v.words
	view := listView{Slug: l.Slug, Name: l.Name, Description: l.Description, Was: now.String(), On: now.on, Open: open,
		Pending: l.State == subscribers.Pending, Summary: v.summary(l, now)}
	every, pause, ticked := now.every, "", now.topics
	view.Until.Value = now.until
	if was := v.form.Get("was." + l.Slug); len(wrong) > 0 && was != "" && v.form.Get("action") == askSave {
		view.Was, view.On = was, v.form.Has("on."+l.Slug)
		pause = v.form.Get("pause." + l.Slug)
		view.Until = input{Value: v.form.Get("until." + l.Slug), Wrong: wrong["until."+l.Slug]}
		if chosen := v.form.Get("every." + l.Slug); chosen != "" {
			every = chosen
		}
		ticked = map[string]bool{}
		for _, slug := range v.form["topic."+l.Slug] {
			ticked[slug] = true
		}
		view.Open = view.Open || view.Until.Wrong != ""
	}
	if view.Choices = now.on || view.On && l.State == subscribers.Confirmed; !view.Choices {
		return view
	}
	for _, t := range l.Topics {
		view.Topics = append(view.Topics, topicView{Slug: t.Slug, Name: t.Name, Description: t.Description, On: ticked[t.Slug]})
	}
	if weekly || every == subscribers.Weekly {
		view.Every = []option{{Value: subscribers.EachEdition, Label: words.T("page.preferences.each"), Chosen: every == subscribers.EachEdition},
			{Value: subscribers.Weekly, Label: words.T("page.preferences.weekly"), Chosen: every == subscribers.Weekly}}
	}
	today := dayOf(v.now, l.TimeZone)
	view.Min, view.Max = today.AddDate(0, 0, 1).Format(time.DateOnly), lastDay(today).Format(time.DateOnly)
	if l.Paused != nil {
		view.Pause = []option{{Label: words.T("page.preferences.pause_keep")}, {Value: "end", Label: words.T("page.preferences.pause_end")}}
	} else {
		view.Pause = []option{{Label: words.T("page.preferences.pause_none")}}
	}
	for _, length := range []string{"week", "month", "quarter"} {
		view.Pause = append(view.Pause, option{Value: length, Label: words.T("page.preferences.pause_" + length)})
	}
	for i := range view.Pause {
		view.Pause[i].Chosen = view.Pause[i].Value == pause
	}
	return view
}

// summary says in a line what is chosen within a subscription.
func (v visit) summary(l subscribers.CentreList, now shown) string {
	words := v.words
	every := words.T("page.preferences.each")
	if now.every == subscribers.Weekly {
		every = words.T("page.preferences.weekly")
	}
	if l.Paused != nil {
		every = words.T("page.preferences.paused", words.Date(l.Paused.In(dayOf(v.now, l.TimeZone).Location()))) + " · " + every
	}
	var names []string
	for _, t := range l.Topics {
		if now.topics[t.Slug] {
			names = append(names, t.Name)
		}
	}
	switch {
	case len(l.Topics) == 0:
		return every
	case len(names) == len(l.Topics):
		return every + " · " + words.T("page.preferences.all_topics")
	case len(names) == 0:
		return every + " · " + words.T("page.preferences.no_topics")
	}
	return every + " · " + strings.Join(names, ", ")
}

// report says what came of a POST, and gives the form that undoes it.
func (v visit) report(view *centreView, out outcome) {
	words := v.words
	switch {
	case v.centre.Barred:
		view.Notes = append(view.Notes, say(words, "page.preferences.barred"))
	case v.centre.LeftAll && !out.stopped:
		view.Notes = append(view.Notes, say(words, "page.preferences.left_all"))
	}
	if !out.saved {
		return
	}
	after := map[int64]subscribers.CentreList{}
	for _, l := range v.centre.Lists {
		after[l.ID] = l
	}
	for _, d := range out.done {
		name := bold(d.List.Name)
		l, there := after[d.List.ID]
		if d.What == preferences.Chosen && there {
			view.Said = append(view.Said, say(words, "page.preferences.chosen", name, template.HTML(template.HTMLEscapeString(v.summary(l, v.stateOf(l))))))
			continue
		}
		view.Said = append(view.Said, say(words, "page.preferences."+d.What, name))
	}
	switch {
	case out.stopped:
		view.Said, view.Back = append(view.Said, say(words, "page.preferences.stopped")), true
	case out.back:
		view.Said = append(view.Said, say(words, "page.preferences.back"))
	case out.person:
		view.Said = append(view.Said, say(words, "page.preferences.person"))
	}
	switch {
	case len(view.Said) == 0:
		view.Said = append(view.Said, say(words, "page.preferences.nothing"))
	case out.before != nil && !out.revert:
		view.Revert = v.revert(*out.before, out)
	}
}

// revert is the form that puts back what before had: it says of now what a page would, and chooses what stood there before.
func (v visit) revert(before visit, out outcome) (fields []field) {
	add := func(name, value string) { fields = append(fields, field{name, value}) }
	for _, d := range out.done {
		i := slices.IndexFunc(v.centre.Lists, func(l subscribers.CentreList) bool { return l.ID == d.List.ID })
		if i < 0 || d.What == preferences.Asked || d.What == preferences.Waiting || d.What == preferences.Closed {
			continue
		}
		l, old, now := v.centre.Lists[i], before.stateOf(d.List), v.stateOf(v.centre.Lists[i])
		add("was."+l.Slug, now.String())
		if !old.on {
			continue
		}
		add("on."+l.Slug, "on")
		add("every."+l.Slug, old.every)
		add("until."+l.Slug, old.until)
		for slug, wanted := range old.topics {
			if wanted {
				add("topic."+l.Slug, slug)
			}
		}
	}
	if old, now := before.centre.Reader, v.centre.Reader; old.Language != now.Language {
		add("was-language", now.Language)
		add("language", old.Language)
	}
	if old, now := before.centre.Tracking, v.centre.Tracking; old != now && (v.Proven || !old) {
		add("was-tracking", map[bool]string{true: "on", false: "off"}[now])
		if old {
			add("tracking", "on")
		}
	}
	if old, now := before.centre.Reader.Name, v.centre.Reader.Name; v.Proven && old != now {
		add("was-name", now)
		add("name", old)
	}
	return fields
}

// freshPage says that a fresh link is on its way.
func (v visit) freshPage() page {
	p := v.page(say(v.words, "page.preferences.fresh_heading"), say(v.words, "page.preferences.fresh_text", bold(subscribers.Mask(v.centre.Reader.Address))))
	p.Note, p.HomeURL = say(v.words, "page.preferences.fresh_note"), ""
	return p
}

// addressPage says that both addresses are asked. It is the same whether or not the new one is known here.
func (v visit) addressPage() page {
	p := v.page(say(v.words, "page.preferences.address_heading"), say(v.words, "page.preferences.address_text",
		bold(v.centre.Reader.Address), bold(strings.TrimSpace(v.form.Get("address")))))
	p.Note, p.HomeURL = say(v.words, "page.preferences.address_note"), ""
	return p
}

func (v visit) oftenPage() page {
	p := v.page(say(v.words, "page.preferences.often_heading"), say(v.words, "page.preferences.often_text"))
	p.HomeURL = ""
	return p
}
