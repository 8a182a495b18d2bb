package digests

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// form is the page of a recipe. Its fields are called as the keys of a recipe are, so that what a room says of a key stands at its field.
type form struct {
	New      bool
	Action   string
	Recipe   campaigns.Recipe
	List     subscribers.List
	Values   map[string]string // of fields as they were typed
	Problems map[string]string
	How      string // of the schedule: weekly, rule or hand
	At       string
	Week     []frame.Option
	On       map[string]bool // days that are ticked
	Coming   coming

	Feeds, Segments, Topics, Appeals []frame.Option
}

// coming is the editions that a schedule in a form would make.
type coming struct {
	Words   string
	Slots   []campaigns.Slot
	Zone    string
	Problem string
}

// Value returns what stands in a field.
func (f *form) Value(name string) string { return f.Values[name] }

// Key is the name of a field of the i-th section.
func (f *form) Key(i int, name string) string { return fmt.Sprintf("sections[%d].%s", i+1, name) }

// Has reports whether a list of names has one.
func (f *form) Has(list []string, name string) bool { return slices.Contains(list, name) }

// Last reports whether it is the last section.
func (f *form) Last(i int) bool { return i == len(f.Recipe.Sections)-1 }

// choices are what the lists of the form offer: what a recipe may say, and what it means.
var choices = map[string][]frame.Option{
	"frequency":         {{Value: "each", Label: "readers who want each edition"}, {Value: "weekly", Label: "readers who chose the weekly one"}, {Value: "all", Label: "everybody"}},
	"stories.too_few":   {{Value: "skip", Label: "skip the edition"}, {Value: "shrink", Label: "send it shorter"}},
	"stories.repeat":    {{Value: "list", Label: "by any campaign to this list"}, {Value: "reader", Label: "to the same reader, by any list"}, {Value: "digest", Label: "by this digest"}, {Value: "allow", Label: "leave out nothing"}},
	"lead.rule":         {{Value: "first", Label: "the first story"}, {Value: "photo", Label: "the first with a photo"}, {Value: "newest", Label: "the newest"}, {Value: "tag", Label: "the first with a tag"}, {Value: "none", Label: "no lead story"}},
	"order":             {{Value: "newest", Label: "newest first"}, {Value: "oldest", Label: "oldest first"}, {Value: "feed", Label: "as the feed has them"}},
	"clock.no_approval": {{Value: "hold", Label: "hold it"}, {Value: "send", Label: "send it"}, {Value: "skip", Label: "skip it"}},
	"clock.late":        {{Value: "hold", Label: "hold it"}, {Value: "send", Label: "send it all the same"}, {Value: "skip", Label: "skip it"}},
	"clock.doubt":       {{Value: "retry", Label: "are sent once more"}, {Value: "hold", Label: "wait for a person"}},
}

// Choices returns what a list of the form offers.
func (f *form) Choices(name string) []frame.Option { return choices[name] }

// Number is how people count a section.
func (f *form) Number(i int) int { return i + 1 }

var weekdays = []frame.Option{{Value: "1", Label: "Mon"}, {Value: "2", Label: "Tue"}, {Value: "3", Label: "Wed"}, {Value: "4", Label: "Thu"},
	{Value: "5", Label: "Fri"}, {Value: "6", Label: "Sat"}, {Value: "0", Label: "Sun"}}

// blank shows an empty form for one of the lists; where there are several, which one is asked first.
func (rm *room) blank(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	lists, err := v.Lists(r.Context(), accounts.Editor)
	if err != nil {
		return err
	}
	slug := r.URL.Query().Get("list")
	if len(lists) == 1 {
		slug = lists[0].Slug
	}
	i := slices.IndexFunc(lists, func(l subscribers.List) bool { return l.Slug == slug })
	if i < 0 {
		return v.Page(w, pages, "choose.html", frame.Head{Title: "New digest", Nav: "digests", Crumbs: []frame.Link{{Name: "Digests", URL: "/admin/digests"}}}, lists)
	}
	rec := campaigns.DefaultRecipe()
	rec.Slug, rec.List, rec.Schedule, rec.TimeZone = "", slug, "0 7 * * 1-5", lists[i].TimeZone
	return rm.form(w, r, v, http.StatusOK, rec, true, lists[i], nil)
}

func (rm *room) create(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	rec, problems := read(r)
	lists, err := v.Lists(r.Context(), accounts.Editor)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(lists, func(l subscribers.List) bool { return l.Slug == rec.List })
	if i < 0 {
		return errs.New(errs.NotFound, "there is no such list, or you may not make digests for it")
	}
	if arranged(r, &rec) || problems != nil {
		return rm.form(w, r, v, status(problems), rec, true, lists[i], problems)
	}
	d, err := rm.Campaigns.Digests.Create(r.Context(), rec.Completed(), v.Who())
	if err != nil {
		if problems := frame.Problems(err); problems != nil {
			return rm.form(w, r, v, errs.KindOf(err).HTTPStatus(), rec, true, lists[i], problems)
		}
		return err
	}
	return v.Done(w, r, "/admin/digests/"+d.Slug, "The digest is made. Its first edition is the next that is due.")
}

func (rm *room) recipe(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	d, err := rm.Campaigns.Digests.Get(r.Context(), v.Digest)
	if err != nil {
		return err
	}
	rec := d.Recipe
	rec.TimeZone = d.TimeZone
	return rm.form(w, r, v, http.StatusOK, rec, false, *v.List, nil)
}

func (rm *room) update(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	d, err := rm.Campaigns.Digests.Get(r.Context(), v.Digest)
	if err != nil {
		return err
	}
	rec, problems := read(r)
	rec.Slug, rec.List, rec.Template = d.Slug, v.List.Slug, d.Recipe.Template
	if arranged(r, &rec) || problems != nil {
		return rm.form(w, r, v, status(problems), rec, false, *v.List, problems)
	}
	if _, err := rm.Campaigns.Digests.Update(r.Context(), rec.Completed(), v.Who()); err != nil {
		if problems := frame.Problems(err); problems != nil {
			return rm.form(w, r, v, errs.KindOf(err).HTTPStatus(), rec, false, *v.List, problems)
		}
		return err
	}
	return v.Done(w, r, page(v), "Saved. Editions to come follow the new recipe; what somebody has edited or approved stays as it is.")
}

func status(problems map[string]string) int {
	if problems != nil {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// times shows the next editions of a schedule while it is typed.
func (rm *room) times(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	rec, _ := read(r)
	return v.Part(w, pages, "coming", rm.coming(rec, ""))
}

// coming finds the editions that a recipe's schedule would make.
func (rm *room) coming(rec campaigns.Recipe, zone string) coming {
	if rec.TimeZone != "" {
		zone = rec.TimeZone
	}
	c := coming{Words: campaigns.ScheduleWords(rec.Schedule), Zone: zone}
	if rec.Schedule == "" {
		return c
	}
	slots, err := campaigns.NextSlots(rec.Schedule, zone, rm.Now(), 5)
	if c.Slots = slots; err != nil {
		c.Words, c.Problem = "", "Choose the days and the time to see when."
	}
	return c
}

// form shows a recipe.
func (rm *room) form(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, rec campaigns.Recipe, fresh bool, l subscribers.List, problems map[string]string) error {
	f := form{New: fresh, Recipe: rec, List: l, Problems: problems, Week: weekdays, On: map[string]bool{}, Action: "/admin/digests/new", Values: values(rec)}
	head := frame.Head{Title: "New digest", Nav: "digests", Crumbs: []frame.Link{{Name: "Digests", URL: "/admin/digests"}}, Styles: []string{"digests.css"}}
	if !fresh {
		head.Title, f.Action = "Recipe of "+rec.Name, page(v)+"/recipe"
		head.Crumbs = append(head.Crumbs, frame.Link{Name: rec.Name, URL: page(v)})
	}
	weekly, ok := campaigns.WeeklyOf(rec.Schedule)
	switch {
	case rec.Schedule == "":
		f.How, f.At = "hand", "07:00"
	case ok:
		f.How, f.At = "weekly", weekly.At
		for _, d := range weekly.Days {
			f.On[strconv.Itoa(int(d))] = true
		}
	default:
		f.How, f.At = "rule", "07:00"
	}
	if r.Method == http.MethodPost { // as it was typed, right or wrong
		f.How, f.At = r.PostFormValue("how"), r.PostFormValue("at")
		for _, day := range r.PostForm["days"] {
			f.On[day] = true
		}
		for name := range f.Values {
			if _, ok := r.PostForm[name]; ok && !strings.HasPrefix(name, "sections[") {
				f.Values[name] = r.PostFormValue(name)
			}
		}
	}
	for from, to := range map[string]string{"appeal.place": "appeal.after", "sections": "", "list": ""} { // which have no field of their own
		if text := problems[from]; text != "" {
			problems[to] = text
		}
	}
	f.Coming = rm.coming(rec, l.TimeZone)
	if err := rm.offer(r.Context(), &f, l); err != nil {
		return err
	}
	return v.PageStatus(w, status, pages, "recipe.html", head, &f)
}

// offer fills in what there is to choose from.
func (rm *room) offer(ctx context.Context, f *form, l subscribers.List) error {
	feeds, err := rm.Articles.Feeds(ctx)
	if err != nil {
		return err
	}
	for _, fd := range feeds {
		f.Feeds = append(f.Feeds, frame.Option{Value: fd.Slug, Label: title(fd.Title, fd.Slug)})
	}
	segments, err := rm.Audience.List(ctx)
	if err != nil {
		return err
	}
	for _, s := range segments {
		f.Segments = append(f.Segments, frame.Option{Value: s.Slug, Label: title(s.Name, s.Slug)})
	}
	topics, err := rm.Lists.Topics.Of(ctx, l.ID, false)
	if err != nil {
		return err
	}
	f.Topics = []frame.Option{{Label: "Every reader"}}
	for _, t := range topics {
		f.Topics = append(f.Topics, frame.Option{Value: t.Slug, Label: "Readers of " + title(t.Name, t.Slug)})
	}
	asks, err := rm.Appeals.List(ctx)
	if err != nil {
		return err
	}
	f.Appeals = []frame.Option{{Label: "No appeal"}}
	for _, a := range asks {
		if a.RetiredAt == nil || a.Slug == f.Recipe.Appeal.Slug {
			f.Appeals = append(f.Appeals, frame.Option{Value: a.Slug, Label: title(a.Heading, a.Slug)})
		}
	}
	return nil
}

func title(name, slug string) string {
	if name == "" {
		return slug
	}
	return name
}

// values writes a recipe into the fields of the form.
func values(r campaigns.Recipe) map[string]string {
	m := map[string]string{"name": r.Name, "slug": r.Slug, "subject": r.Subject, "preheader": r.Preheader, "intro": r.Intro, "schedule": r.Schedule, "time_zone": r.TimeZone,
		"skip": strings.Join(r.Skip, "\n"), "frequency": r.Frequency,
		"stories.min": strconv.Itoa(r.Stories.Min), "stories.max": strconv.Itoa(r.Stories.Max), "stories.too_few": r.Stories.TooFew, "stories.window": r.Stories.Window.String(), "stories.repeat": r.Stories.Repeat,
		"lead.rule": r.Lead.Rule, "lead.section": r.Lead.Section, "lead.tag": r.Lead.Tag, "appeal.slug": r.Appeal.Slug, "appeal.after": "",
		"clock.opens": r.Clock.Opens.String(), "clock.cutoff": r.Clock.Cutoff.String(), "clock.approval_due": r.Clock.ApprovalDue.String(), "clock.no_approval": r.Clock.NoApproval,
		"clock.late_by": r.Clock.LateBy.String(), "clock.late": r.Clock.Late, "clock.expires": r.Clock.Expires.String(), "clock.doubt": r.Clock.Doubt}
	if n, ok := strings.CutPrefix(r.Appeal.Place, "after "); ok {
		m["appeal.after"] = n
	}
	for i, s := range r.Sections {
		for name, value := range map[string]string{"title": s.Title, "sections": strings.Join(s.Sections, ", "), "tags": strings.Join(s.Tags, ", "), "topic": s.Topic,
			"max": strconv.Itoa(s.Max), "min": strconv.Itoa(s.Min), "order": s.Order} {
			m[fmt.Sprintf("sections[%d].%s", i+1, name)] = value
		}
	}
	return m
}

// read reads a recipe from a form, and what of it is no number or length of time. Whether it is a good recipe the room decides.
func read(r *http.Request) (campaigns.Recipe, map[string]string) {
	_ = r.ParseForm() // what cannot be read is empty, and refused as such
	in := reader{form: r.PostForm, problems: map[string]string{}}
	rec := campaigns.Recipe{Name: in.text("name"), Slug: in.text("slug"), List: in.text("list"), Segments: r.PostForm["segments"], Exclude: r.PostForm["exclude"],
		Subject: in.text("subject"), Preheader: in.text("preheader"), Intro: strings.TrimSpace(strings.ReplaceAll(in.form.Get("intro"), "\r\n", "\n")),
		TimeZone: in.text("time_zone"), Skip: strings.Fields(strings.ReplaceAll(in.form.Get("skip"), ",", " ")), Frequency: in.text("frequency"),
		Stories: campaigns.Stories{Min: in.number("stories.min"), Max: in.number("stories.max"), TooFew: in.text("stories.too_few"), Window: in.length("stories.window"), Repeat: in.text("stories.repeat")},
		Lead:    campaigns.Lead{Rule: in.text("lead.rule"), Section: in.text("lead.section"), Tag: in.text("lead.tag")},
		Appeal:  campaigns.Appeal{Slug: in.text("appeal.slug")},
		Clock: campaigns.Clock{Opens: in.length("clock.opens"), Cutoff: in.length("clock.cutoff"), ApprovalDue: in.length("clock.approval_due"), NoApproval: in.text("clock.no_approval"),
			LateBy: in.length("clock.late_by"), Late: in.text("clock.late"), Expires: in.length("clock.expires"), Doubt: in.text("clock.doubt")}}
	if rec.Lead.Rule != "tag" {
		rec.Lead.Tag = ""
	}
	switch in.text("how") {
	case "weekly":
		w := campaigns.Weekly{At: in.text("at")}
		for _, day := range r.PostForm["days"] {
			if n, err := strconv.Atoi(day); err == nil && n >= 0 && n < 7 {
				w.Days = append(w.Days, time.Weekday(n))
			}
		}
		rec.Schedule = w.Spec()
		if len(w.Days) == 0 {
			in.problems["schedule"] = "Choose a day at least."
		} else if _, err := time.Parse("15:04", w.At); err != nil {
			in.problems["schedule"] = "Write the time as 07:00."
		}
	case "rule":
		rec.Schedule = in.text("schedule")
	}
	rec.Appeal.Place = "none"
	if rec.Appeal.Slug != "" {
		if rec.Appeal.Place = "end"; in.text("appeal.after") != "" {
			rec.Appeal.Place = fmt.Sprintf("after %d", in.number("appeal.after"))
		}
	}
	for i := range 20 {
		key := func(name string) string { return fmt.Sprintf("sections[%d].%s", i+1, name) }
		if _, ok := r.PostForm[key("title")]; !ok {
			break
		}
		rec.Sections = append(rec.Sections, campaigns.Section{Title: in.text(key("title")), Feeds: r.PostForm[key("feeds")], Sections: in.names(key("sections")), Tags: in.names(key("tags")),
			Topic: in.text(key("topic")), Max: in.number(key("max")), Min: in.number(key("min")), Order: in.text(key("order"))})
	}
	if len(in.problems) == 0 {
		return rec, nil
	}
	return rec, in.problems
}

// reader reads fields and remembers which are wrong.
type reader struct {
	form     url.Values
	problems map[string]string
}

func (in *reader) text(name string) string { return strings.TrimSpace(in.form.Get(name)) }

func (in *reader) number(name string) int {
	n, err := strconv.Atoi(in.text(name))
	if err != nil {
		in.problems[name] = "Write a number."
	}
	return n
}

func (in *reader) length(name string) (d campaigns.Duration) {
	if err := d.UnmarshalText([]byte(in.text(name))); err != nil {
		in.problems[name] = "Write a length of time, such as 45m, 2h or 7d."
	}
	return d
}

func (in *reader) names(name string) (list []string) {
	for _, s := range strings.Split(in.form.Get(name), ",") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// arranged changes the sections as a button of the form says, and reports whether one did: nothing is saved then.
func arranged(r *http.Request, rec *campaigns.Recipe) bool {
	act, at, _ := strings.Cut(r.PostFormValue("arrange"), " ")
	i, _ := strconv.Atoi(at)
	s := rec.Sections
	switch {
	case act == "add" && len(s) < 20:
		rec.Sections = append(s, campaigns.Section{Max: 5, Order: "newest"})
	case act == "remove" && i >= 0 && i < len(s):
		rec.Sections = slices.Delete(s, i, i+1)
	case act == "up" && i > 0 && i < len(s):
		s[i-1], s[i] = s[i], s[i-1]
	case act == "down" && i >= 0 && i < len(s)-1:
		s[i], s[i+1] = s[i+1], s[i]
	default:
		return act != ""
	}
	return true
}
