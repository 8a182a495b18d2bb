package desk

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"mailer/internal/articles"
	"mailer/internal/campaigns"
	"mailer/internal/web/admin/frame"
)

// pool is a page of the stories beside the mail.
type pool struct {
	Stories  []pick
	Base     string // address of the campaign's pages
	Q        string
	Section  string
	Sections []string
	Next     string // address of the next page; empty: there is none
	Version  int
}

// pick is a story that can be taken.
type pick struct {
	articles.Shelved
	Used   bool // it is in the mail
	Mailed *mailed
}

// stories answers with stories to take, newest first: a part of the desk, or a page of its own where no script runs.
func (rm *room) stories(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx := r.Context()
	c, err := rm.Campaigns.Campaign(ctx, v.Campaign)
	if err != nil {
		return err
	}
	p, err := rm.pool(ctx, v, c, articles.Look{Text: r.FormValue("q"), Section: r.FormValue("section"), After: r.FormValue("after")})
	if err != nil {
		return err
	}
	if v.HTMX {
		return v.Part(w, pages, "pool", p)
	}
	if p.Sections, err = rm.shelf.Sections(ctx); err != nil {
		return err
	}
	return v.Page(w, pages, "stories.html", frame.Head{Title: "Stories for " + called(c.Name), Nav: "campaigns", Styles: []string{"desk.css"},
		Crumbs: []frame.Link{{Name: "Campaigns", URL: "/admin/campaigns"}, {Name: called(c.Name), URL: p.Base}}}, p)
}

// poolSize is how many stories come at once.
const poolSize = 25

// pool finds stories to take.
func (rm *room) pool(ctx context.Context, v *frame.Visit, c campaigns.Campaign, l articles.Look) (*pool, error) {
	p := &pool{Base: fmt.Sprintf("/admin/campaigns/%d", c.ID), Q: l.Text, Section: l.Section, Version: c.Version}
	l.Limit = poolSize
	found, err := rm.shelf.Stories(ctx, l)
	if err != nil {
		return nil, err
	}
	used := map[int64]bool{}
	for _, b := range c.Blocks {
		for _, st := range b.Stories {
			used[st.ArticleID] = true
		}
	}
	ids := make([]int64, len(found.Stories))
	for i, st := range found.Stories {
		ids[i] = st.ID
	}
	before, err := rm.mailedBefore(ctx, v, ids, c.ID)
	if err != nil {
		return nil, err
	}
	for _, st := range found.Stories {
		row := pick{Shelved: st, Used: used[st.ID]}
		if m, ok := before[st.ID]; ok {
			row.Mailed = &m
		}
		p.Stories = append(p.Stories, row)
	}
	if found.Next != "" {
		p.Next = p.Base + "/stories?" + url.Values{"q": {l.Text}, "section": {l.Section}, "after": {found.Next}}.Encode()
	}
	return p, nil
}
