package desk

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"mailer/internal/accounts"
	"mailer/internal/articles"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// listPage is what list.html shows.
type listPage struct {
	Campaigns   []campaigns.Campaign
	Names       map[string]string // of lists, by slug
	Lists       []frame.Option
	States      []frame.Option
	List, State string
	Filtered    bool
	Next, First string
	MayWrite    bool
}

// Called returns the name of a campaign as people write it.
func (listPage) Called(name string) string { return called(name) }

var stateNames = map[string]string{campaigns.AnyWaiting: "Still to go out", campaigns.Draft: "Draft", campaigns.InReview: "In review", campaigns.Approved: "Approved",
	campaigns.Held: "Held", campaigns.Launched: "Launched", campaigns.Skipped: "Skipped", campaigns.Cancelled: "Cancelled", campaigns.Expired: "Expired"}

// list shows campaigns, newest first.
func (rm *room) list(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx := r.Context()
	lists, err := v.Lists(ctx, accounts.Viewer)
	if err != nil {
		return err
	}
	p := listPage{Names: map[string]string{}, Lists: []frame.Option{{Label: "All lists"}}, States: []frame.Option{{Label: "All states"}},
		List: r.FormValue("list"), State: r.FormValue("state"), MayWrite: v.Account.Anywhere() >= accounts.Writer}
	f := campaigns.ListFilter{State: p.State, Limit: 50}
	for _, l := range lists {
		p.Names[l.Slug] = l.Name
		p.Lists = append(p.Lists, frame.Option{Value: l.Slug, Label: l.Name})
		if p.List == "" || p.List == l.Slug {
			f.Lists = append(f.Lists, l.ID)
		}
	}
	if p.List != "" && len(f.Lists) == 0 {
		return errs.New(errs.NotFound, "there is no list %q", p.List)
	}
	for _, s := range campaigns.ListStates {
		p.States = append(p.States, frame.Option{Value: s, Label: stateNames[s]})
	}
	if before := r.FormValue("before"); before != "" {
		if f.BeforeID, err = strconv.ParseInt(before, 10, 64); err != nil || f.BeforeID <= 0 {
			return errs.Field("before", "there is no such page; begin with the first one")
		}
		p.First = frame.With(v.Here(), "before", "")
	}
	var more bool
	if p.Campaigns, more, err = rm.listing.Campaigns(ctx, f); err != nil {
		return err
	}
	if more {
		p.Next = frame.With(v.Here(), "before", strconv.FormatInt(p.Campaigns[len(p.Campaigns)-1].ID, 10))
	}
	p.Filtered = p.List != "" || p.State != ""
	return v.Page(w, pages, "list.html", frame.Head{Title: "Campaigns", Nav: "campaigns", Styles: []string{"desk.css"}}, p)
}

// newPage is what new.html shows.
type newPage struct {
	Lists    []frame.Option
	Digests  []campaigns.Digest
	Names    map[int64]string // of lists
	Form     url.Values
	Way      string // that was tried
	Problems map[string]string
}

// newCampaign shows the three ways to begin a campaign.
func (rm *room) newCampaign(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.showNew(w, r, v, http.StatusOK, newPage{Form: url.Values{"list": {r.FormValue("list")}}})
}

func (rm *room) showNew(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, p newPage) error {
	lists, err := v.Lists(r.Context(), accounts.Writer)
	if err != nil {
		return err
	}
	p.Names = map[int64]string{}
	for _, l := range lists {
		p.Names[l.ID] = l.Name
		p.Lists = append(p.Lists, frame.Option{Value: l.Slug, Label: l.Name})
	}
	all, err := rm.Campaigns.Digests.List(r.Context())
	if err != nil {
		return err
	}
	p.Digests = slices.DeleteFunc(all, func(d campaigns.Digest) bool { return p.Names[d.ListID] == "" || !d.Active })
	return v.PageStatus(w, status, pages, "new.html", frame.Head{Title: "New campaign", Nav: "campaigns", Styles: []string{"desk.css"},
		Crumbs: []frame.Link{{Name: "Campaigns", URL: "/admin/campaigns"}}}, p)
}

// create begins a campaign: of a digest's recipe, of one story, or empty.
func (rm *room) create(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := r.ParseForm(); err != nil {
		return errs.Wrap(err, errs.Invalid, "the form cannot be read")
	}
	c, err := rm.begin(r, v, r.PostForm)
	if problems := frame.Problems(err); problems != nil {
		return rm.showNew(w, r, v, http.StatusUnprocessableEntity, newPage{Form: r.PostForm, Way: r.PostForm.Get("way"), Problems: problems})
	} else if err != nil {
		return err
	}
	return v.Done(w, r, fmt.Sprintf("/admin/campaigns/%d", c.ID), "")
}

func (rm *room) begin(r *http.Request, v *frame.Visit, f url.Values) (campaigns.Campaign, error) {
	ctx := r.Context()
	lists, err := v.Lists(r.Context(), accounts.Writer)
	if err != nil {
		return campaigns.Campaign{}, err
	}
	if f.Get("way") == "digest" {
		d, err := rm.Campaigns.Digests.Get(ctx, f.Get("digest"))
		if err != nil {
			return campaigns.Campaign{}, err
		}
		if !slices.ContainsFunc(lists, func(l subscribers.List) bool { return l.ID == d.ListID }) {
			return campaigns.Campaign{}, errs.New(errs.NotFound, "there is no such digest")
		}
		return rm.Campaigns.Digests.Run(ctx, d.Slug, v.Who())
	}
	list := f.Get("list")
	if !slices.ContainsFunc(lists, func(l subscribers.List) bool { return l.Slug == list }) {
		return campaigns.Campaign{}, errs.Field("list", "choose one of your lists")
	}
	switch f.Get("way") {
	case "blank":
		return rm.Campaigns.Desk.Blank(ctx, campaigns.NewBlank{List: list, Name: f.Get("name")}, v.Who())
	case "story":
		if strings.TrimSpace(f.Get("url")) == "" {
			return campaigns.Campaign{}, errs.Field("url", "paste the address of the story")
		}
		var a articles.Article
		if a, _, err = articles.NewEditing(rm.Articles).FromURL(ctx, strings.TrimSpace(f.Get("url")), v.Who()); err != nil {
			return campaigns.Campaign{}, err
		}
		return rm.Campaigns.CreateStory(ctx, campaigns.NewStory{List: list, ArticleID: a.ID}, v.Who())
	}
	return campaigns.Campaign{}, errs.Field("way", "say how to begin: of a digest, of a story, or empty")
}
