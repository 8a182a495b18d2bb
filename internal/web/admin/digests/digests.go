// Package digests is the desk's pages of recurring recipes: what goes into an edition, when, and on which days there is none.
package digests

import (
	"embed"
	"net/http"
	"slices"
	"strconv"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/appeals"
	"mailer/internal/articles"
	"mailer/internal/audience"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

//go:embed pages
var files embed.FS

//go:embed assets/digests.css
var style []byte

var pages = frame.Load(files)

// Deps is what the pages stand on.
type Deps struct {
	Campaigns *campaigns.Service
	Lists     *subscribers.Store
	Articles  *articles.Store
	Appeals   *appeals.Store
	Audience  *audience.Store
	Now       func() time.Time // nil: the clock
}

type room struct{ Deps }

// Routes registers the pages.
func Routes(f *frame.Frame, d Deps) {
	if d.Now == nil {
		d.Now = time.Now
	}
	rm := &room{d}
	f.Asset("digests.css", style)
	f.Handle("GET /admin/digests", frame.LoggedIn, rm.all)
	f.Handle("GET /admin/digests/new", frame.Anywhere(accounts.Editor), rm.blank)
	f.Handle("POST /admin/digests/new", frame.Anywhere(accounts.Editor), rm.create)
	f.Handle("POST /admin/digests/new/times", frame.Anywhere(accounts.Editor), rm.times)
	f.Handle("GET /admin/digests/{digest}", frame.OnDigest(accounts.Viewer), rm.one)
	f.Handle("GET /admin/digests/{digest}/recipe", frame.OnDigest(accounts.Editor), rm.recipe)
	f.Handle("POST /admin/digests/{digest}/recipe", frame.OnDigest(accounts.Editor), rm.update)
	f.Handle("POST /admin/digests/{digest}/run", frame.OnDigest(accounts.Writer), rm.run)
	f.Handle("POST /admin/digests/{digest}/stop", frame.OnDigest(accounts.Editor), rm.stop)
	f.Handle("POST /admin/digests/{digest}/start", frame.OnDigest(accounts.Editor), rm.start)
	f.Handle("POST /admin/digests/{digest}/skip", frame.OnDigest(accounts.Editor), rm.skip)
	f.Handle("POST /admin/digests/{digest}/unskip", frame.OnDigest(accounts.Editor), rm.unskip)
}

// line is one digest in the list of all.
type line struct {
	campaigns.Digest
	List string
	When string // its schedule, for people
	May  bool   // run it
}

func (rm *room) all(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	lists, err := v.Lists(r.Context(), accounts.Viewer)
	if err != nil {
		return err
	}
	names := map[int64]string{}
	for _, l := range lists {
		names[l.ID] = l.Name
	}
	digests, err := rm.Campaigns.Digests.List(r.Context())
	if err != nil {
		return err
	}
	d := struct {
		Lines []line
		May   bool // make one
	}{May: v.Account.Anywhere() >= accounts.Editor}
	for _, g := range digests {
		if name, ok := names[g.ListID]; ok {
			d.Lines = append(d.Lines, line{g, name, campaigns.ScheduleWords(g.Schedule), v.Can(g.ListID, accounts.Writer)})
		}
	}
	slices.SortStableFunc(d.Lines, func(a, b line) int { return due(a).Compare(due(b)) })
	return v.Page(w, pages, "digests.html", frame.Head{Title: "Digests", Nav: "digests", Styles: []string{"digests.css"}}, d)
}

// due is when the next edition is; those without one come last.
func due(l line) time.Time {
	if l.Next == nil {
		return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return *l.Next
}

// How much of a digest is on its page.
const (
	upcoming = 8
	past     = 10
)

// sheet is the page of one digest.
type sheet struct {
	Digest    campaigns.Digest
	List      subscribers.List
	When      string
	Zone      *time.Location // of the digest, in which editions are named
	Elsewhere bool           // the person's own clock shows another time
	Editions  []campaigns.Upcoming
	Skips     []campaigns.SkipDay
	Past      []campaigns.Campaign
	More      int64 // the page of campaigns after these
	Problems  map[string]string
	Day, Why  string
}

func (rm *room) one(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.show(w, r, v, http.StatusOK, nil)
}

func (rm *room) show(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, problems map[string]string) error {
	ctx, g := r.Context(), rm.Campaigns.Digests
	d := sheet{List: *v.List, Problems: problems}
	if problems != nil {
		d.Day, d.Why = r.PostFormValue("day"), r.PostFormValue("reason")
	}
	var err error
	if d.Digest, err = g.Get(ctx, v.Digest); err != nil {
		return err
	}
	if d.Zone, err = time.LoadLocation(d.Digest.TimeZone); err != nil {
		d.Zone = time.UTC
	}
	now := rm.Now()
	_, here := now.In(d.Zone).Zone()
	_, there := now.In(v.Zone()).Zone()
	d.Elsewhere = here != there
	d.When = campaigns.ScheduleWords(d.Digest.Schedule)
	if d.Editions, err = g.Upcoming(ctx, v.Digest, upcoming); err != nil {
		return err
	}
	if d.Skips, err = g.Skips(ctx, v.Digest); err != nil {
		return err
	}
	today := now.In(d.Zone).Format(time.DateOnly)
	d.Skips = slices.DeleteFunc(d.Skips, func(s campaigns.SkipDay) bool { return len(s.Day) == len(today) && s.Day < today })
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64) // else the first page
	if d.Past, err = rm.Campaigns.Campaigns(ctx, campaigns.Filter{Digest: v.Digest, BeforeID: before, Limit: past + 1}); err != nil {
		return err
	}
	if len(d.Past) > past {
		d.Past = d.Past[:past]
		d.More = d.Past[past-1].ID
	}
	head := frame.Head{Title: d.Digest.Name, Nav: "digests", Crumbs: []frame.Link{{Name: "Digests", URL: "/admin/digests"}}, Styles: []string{"digests.css"}}
	return v.PageStatus(w, status, pages, "digest.html", head, d)
}

func (rm *room) run(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	c, err := rm.Campaigns.Digests.Run(r.Context(), v.Digest, v.Who())
	if err != nil {
		return rm.again(w, r, v, err)
	}
	return v.Done(w, r, "/admin/campaigns/"+strconv.FormatInt(c.ID, 10), "Composed of %d stories. It goes out when somebody sends it.", c.StoryCount)
}

func (rm *room) stop(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := rm.Campaigns.Digests.SetActive(r.Context(), v.Digest, false, v.Who()); err != nil {
		return rm.again(w, r, v, err)
	}
	return v.Done(w, r, page(v), "The schedule is stopped. Editions that waited are held until somebody decides.")
}

func (rm *room) start(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := rm.Campaigns.Digests.SetActive(r.Context(), v.Digest, true, v.Who()); err != nil {
		return rm.again(w, r, v, err)
	}
	return v.Done(w, r, page(v), "The schedule runs again. What was due meanwhile is not made up for.")
}

func (rm *room) skip(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	day := r.PostFormValue("day")
	if err := rm.Campaigns.Digests.Skip(r.Context(), v.Digest, day, r.PostFormValue("reason"), v.Who()); err != nil {
		return rm.again(w, r, v, err)
	}
	return v.Done(w, r, page(v), "No edition on %s.", day)
}

func (rm *room) unskip(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	day := r.PostFormValue("day")
	if err := rm.Campaigns.Digests.Unskip(r.Context(), v.Digest, day, v.Who()); err != nil {
		return rm.again(w, r, v, err)
	}
	return v.Done(w, r, page(v), "There is an edition on %s again.", day)
}

// again shows the page with what went wrong.
func (rm *room) again(w http.ResponseWriter, r *http.Request, v *frame.Visit, err error) error {
	if problems := frame.Problems(err); problems != nil && !v.HTMX {
		return rm.show(w, r, v, errs.KindOf(err).HTTPStatus(), problems)
	}
	return err
}

func page(v *frame.Visit) string { return "/admin/digests/" + v.Digest }
