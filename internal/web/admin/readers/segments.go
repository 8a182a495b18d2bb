package readers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/audience"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// tryTime is how long somebody waits for the number of readers whom a rule means.
const tryTime = 10 * time.Second

// segmentPage is one segment, or a new one.
type segmentPage struct {
	Segment     audience.Segment // as it is saved; none of a new one
	New         bool
	Slug, Name  string
	Rule        string
	List        string // that the rule is tried on
	ListOptions []frame.Option
	Problems    map[string]string
	Try         try
	Later       bool // counted when the page is there: of a million readers that takes a moment
}

// try is what a rule means now.
type try struct {
	Rule     string // as the program reads it
	ListName string
	Count    audience.Count
	Examples []audience.Example
	Unknown  []string
	Problem  string
	Before   string // of the rule, up to where the mistake is
	After    string // and from there on
	Done     bool
}

func (rm *room) segments(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	all, err := rm.Audience.List(r.Context())
	if err != nil {
		return err
	}
	uses, err := rm.Audience.Uses(r.Context())
	if err != nil {
		return err
	}
	return v.Page(w, pages, "segments.html", frame.Head{Title: "Segments", Nav: "segments", Styles: []string{"readers.css"}}, struct {
		Segments []audience.Segment
		Uses     map[string]int
	}{all, uses})
}

func segmentHead(title string) frame.Head {
	return frame.Head{Title: title, Nav: "segments", Styles: []string{"readers.css"}, Crumbs: []frame.Link{{Name: "Segments", URL: "/admin/segments"}}}
}

func (rm *room) newSegment(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.showSegment(w, r, v, http.StatusOK, segmentPage{New: true, List: r.URL.Query().Get("list")})
}

func (rm *room) segment(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	g, err := rm.Audience.Get(r.Context(), r.PathValue("segment"))
	if err != nil {
		return err
	}
	return rm.showSegment(w, r, v, http.StatusOK, segmentPage{Segment: g, Slug: g.Slug, Name: g.Name, Rule: g.Text, List: r.URL.Query().Get("list"), Later: r.URL.Query().Get("count") == ""})
}

func (rm *room) showSegment(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, d segmentPage) error {
	lists, err := v.Lists(r.Context(), accounts.Editor)
	if err != nil {
		return err
	}
	d.ListOptions = listOptions(lists, "")
	if l, ok := listBySlug(lists, d.List); ok || len(lists) > 0 {
		if !ok {
			l = lists[0]
		}
		d.List = l.Slug
		if d.Rule != "" && !d.Later {
			d.Try = rm.try(r.Context(), d.Rule, l)
		}
	}
	title := d.Segment.Name
	if d.New {
		title = "New segment"
	}
	return v.PageStatus(w, status, pages, "segment.html", segmentHead(title), d)
}

// trySegment answers what a rule means while it is written.
func (rm *room) trySegment(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	lists, err := v.Lists(r.Context(), accounts.Editor)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	l, ok := listBySlug(lists, q.Get("list"))
	if !ok {
		return errs.Field("list", "choose a list to try the rule on")
	}
	var d try
	if q.Get("rule") != "" {
		d = rm.try(r.Context(), q.Get("rule"), l)
	}
	return v.Part(w, pages, "try", d)
}

// try counts whom a rule means; what is wrong with it is said in its place.
func (rm *room) try(ctx context.Context, text string, l subscribers.List) try {
	d := try{ListName: l.Name, Done: true}
	failed := func(err error) try {
		var syntax *audience.SyntaxError
		switch k := errs.KindOf(err); {
		case errors.As(err, &syntax):
			runes := []rune(text)
			at := min(max(syntax.At, 0), len(runes))
			d.Problem, d.Before, d.After = syntax.Msg, string(runes[max(0, at-60):at]), string(runes[at:min(len(runes), at+60)])
		case errors.Is(ctx.Err(), context.DeadlineExceeded):
			d.Problem = "Counting took longer than " + tryTime.String() + ". The rule can be saved all the same; a send does not count first."
		case k == errs.Internal:
			rm.Log.Error("a rule could not be tried", "err", err)
			d.Problem = errs.Public(err)
		default:
			d.Problem = errs.Public(err)
		}
		return d
	}
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	rule, err := audience.Parse(text)
	if err != nil {
		return failed(err)
	}
	d.Rule = rule.String()
	if err := rm.Audience.Check(ctx, rule); err != nil {
		return failed(err)
	}
	frozen, err := rm.Audience.Freeze(ctx, rule, l, rm.Now())
	if err != nil {
		return failed(err)
	}
	if d.Count, err = rm.Audience.Count(ctx, frozen, ""); err != nil {
		return failed(err)
	}
	if d.Examples, err = rm.Audience.Examples(ctx, frozen, 8); err != nil {
		return failed(err)
	}
	if d.Unknown, err = rm.Audience.Unknown(ctx, frozen); err != nil {
		return failed(err)
	}
	return d
}

func (rm *room) createSegment(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	form := r.PostFormValue
	d := segmentPage{New: true, Slug: form("slug"), Name: form("name"), Rule: form("rule"), List: form("list")}
	g, err := rm.Audience.Create(r.Context(), d.Slug, d.Name, d.Rule, v.Who())
	if d.Problems = frame.Problems(err); d.Problems != nil {
		return rm.showSegment(w, r, v, errs.KindOf(err).HTTPStatus(), d)
	} else if err != nil {
		return err
	}
	return v.Done(w, r, "/admin/segments/"+g.Slug, "The segment is saved; digests and campaigns can use it now.")
}

func (rm *room) saveSegment(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	g, err := rm.Audience.Get(r.Context(), r.PathValue("segment"))
	if err != nil {
		return err
	}
	form := r.PostFormValue
	d := segmentPage{Segment: g, Slug: g.Slug, Name: form("name"), Rule: form("rule"), List: form("list")}
	_, err = rm.Audience.Update(r.Context(), g.Slug, &d.Name, &d.Rule, v.Who())
	if d.Problems = frame.Problems(err); d.Problems != nil {
		return rm.showSegment(w, r, v, errs.KindOf(err).HTTPStatus(), d)
	} else if err != nil {
		return err
	}
	return v.Done(w, r, frame.With("/admin/segments/"+g.Slug, "list", d.List), "Saved. Campaigns that have not been launched follow it; those that were approved have to be approved again.")
}

func (rm *room) deleteSegment(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := rm.Audience.Delete(r.Context(), r.PathValue("segment"), v.Who()); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/segments", "The segment is deleted.")
}
