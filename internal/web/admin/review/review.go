// Package review is the pages between writing and sending: what the pre-flight finds, proofs and their groups, approval from the desk
// and by the signed link in a proof, and how a list is reviewed.
package review

import (
	"embed"
	"net/http"
	"slices"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/web/admin/frame"
)

// Deps is what the pages stand on.
type Deps struct {
	Campaigns *campaigns.Service
}

//go:embed pages
var files embed.FS

//go:embed assets/review.css
var css []byte

var pages = frame.Load(files)

type room struct{ Deps }

// Routes registers the pages.
func Routes(f *frame.Frame, d Deps) {
	rm := &room{d}
	f.Asset("review.css", css)
	const c = "/admin/campaigns/{campaign}/review"
	f.Handle("GET "+c, frame.OnCampaign(accounts.Viewer), rm.show)
	f.Handle("POST "+c+"/links", frame.OnCampaign(accounts.Writer).Long(), rm.links)
	f.Handle("POST "+c+"/news", frame.OnCampaign(accounts.Writer), rm.news)
	f.Handle("POST "+c+"/proof", frame.OnCampaign(accounts.Writer), rm.proof)
	f.Handle("POST "+c+"/hand-over", frame.OnCampaign(accounts.Writer), rm.handOver)
	f.Handle("POST "+c+"/approve", frame.OnCampaign(accounts.Editor), rm.approve)
	f.Handle("POST "+c+"/hold", frame.OnCampaign(accounts.Editor), rm.hold)

	f.Handle("GET /admin/proofs", frame.Anywhere(accounts.Writer), rm.groups)
	f.Handle("GET /admin/proofs/{group}", frame.Anywhere(accounts.Writer), rm.group)
	f.Handle("POST /admin/proofs", frame.Anywhere(accounts.Writer), rm.saveGroup)
	f.Handle("POST /admin/proofs/{group}", frame.Anywhere(accounts.Writer), rm.saveGroup)
	f.Handle("POST /admin/proofs/{group}/remove", frame.Anywhere(accounts.Writer), rm.removeGroup)

	f.Handle("GET /admin/lists/{list}/review", frame.OnList(accounts.Viewer), rm.settings)
	f.Handle("POST /admin/lists/{list}/review", frame.OnList(accounts.Editor), rm.saveSettings)
	f.Handle("POST /admin/lists/{list}/four-eyes", frame.OnList(accounts.Owner), rm.fourEyes)

	f.Handle("GET /approve/{token}", frame.Open, rm.link)
	f.Handle("POST /approve/{token}", frame.Open, rm.useLink)
}

// page is what the review of a campaign shows.
type page struct {
	campaigns.Review
	Found    []group
	Proofs   []campaigns.SentProof
	Groups   []frame.Option
	Problems map[string]string // of a form that was not accepted
	Sent     map[string]string // what stood in it
	Me       string

	Unusual   *campaigns.Problem // what the number of readers has to be typed for
	Warnings  int
	Refusals  int
	CanHold   bool
	CanGo     bool // it may still be approved
	Approving bool // its approval is good
	Alone     bool // four eyes: whoever looks has changed it
}

// group is the findings of one level.
type group struct {
	Level, Title, Text string
	Items              []finding
}

// finding is a problem with the address where it can be mended.
type finding struct {
	campaigns.Problem
	URL, Place string
}

var levels = [...]group{
	{Level: campaigns.Refused, Title: "Must be mended", Text: "With these it cannot go out."},
	{Level: campaigns.Confirmed, Title: "To be confirmed", Text: "It goes out only when somebody types the number."},
	{Level: campaigns.Warned, Title: "Look at these", Text: "Whoever approves says that they have seen them."},
	{Level: campaigns.Noted, Title: "Worth a look", Text: "None of these stands in the way."},
}

// grouped sorts what was found by how much it matters.
func grouped(v campaigns.Review) []group {
	var out []group
	for _, g := range levels {
		for _, p := range v.Problems {
			if p.Level == g.Level {
				f := finding{Problem: p}
				f.URL, f.Place = where(v, p.Where)
				g.Items = append(g.Items, f)
			}
		}
		if len(g.Items) > 0 {
			out = append(out, g)
		}
	}
	return out
}

func (rm *room) load(r *http.Request, v *frame.Visit) (page, error) {
	ctx, reviews := r.Context(), rm.Campaigns.Reviews
	look, err := reviews.Look(ctx, v.Campaign)
	if err != nil {
		return page{}, err
	}
	d := newPage(look)
	d.Me = v.Who()
	d.Alone = d.Settings.FourEyes && slices.ContainsFunc(d.Hands, func(h campaigns.Hand) bool { return h.Who == v.Who() })
	if d.Proofs, err = reviews.Proofs(ctx, v.Campaign); err != nil {
		return d, err
	}
	saved, err := reviews.Groups(ctx, v.List.ID)
	d.Groups = []frame.Option{{Label: "No group"}}
	for _, g := range saved {
		d.Groups = append(d.Groups, frame.Option{Value: id(g.ID), Label: g.Name})
	}
	return d, err
}

// newPage sorts out what follows from a review.
func newPage(look campaigns.Review) page {
	d := page{Review: look, Found: grouped(look)}
	for i, p := range look.Problems {
		switch p.Level {
		case campaigns.Refused:
			d.Refusals++
		case campaigns.Warned:
			d.Warnings++
		case campaigns.Confirmed:
			d.Unusual = &look.Problems[i]
		}
	}
	c := look.Campaign
	d.Approving = c.State == campaigns.Approved && look.Stale == ""
	d.CanHold = c.State == campaigns.Draft || c.State == campaigns.InReview || c.State == campaigns.Approved
	d.CanGo = (d.CanHold || c.State == campaigns.Held) && (c.State != campaigns.Approved || c.ApprovedBy == "schedule" || look.Stale != "")
	return d
}

func (rm *room) show(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	d, err := rm.load(r, v)
	if err != nil {
		return err
	}
	return v.Page(w, pages, "review.html", head(d), d)
}

func head(d page) frame.Head {
	return frame.Head{Title: "Review: " + subject(d.Review), Nav: "campaigns", Crumbs: []frame.Link{{Name: "Campaigns", URL: "/admin/campaigns"}}, Styles: []string{"review.css"}}
}

func subject(v campaigns.Review) string {
	if v.Campaign.Subject != "" {
		return v.Campaign.Subject
	}
	return v.Campaign.Name
}

// again shows the page with what was wrong with a form; other errors it passes on.
func (rm *room) again(w http.ResponseWriter, r *http.Request, v *frame.Visit, failed error) error {
	problems := frame.Problems(failed)
	if errs.KindOf(failed) == errs.Denied {
		problems = map[string]string{"": errs.Public(failed)}
	}
	if problems == nil {
		return failed
	}
	d, err := rm.load(r, v)
	if err != nil {
		return err
	}
	d.Problems, d.Sent = problems, map[string]string{}
	for _, name := range []string{"addresses", "group", "name", "supporter", "reason", "readers", "seen"} {
		d.Sent[name] = r.PostFormValue(name)
	}
	return v.PageStatus(w, errs.KindOf(failed).HTTPStatus(), pages, "review.html", head(d), d)
}
