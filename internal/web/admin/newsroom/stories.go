package newsroom

import (
	"html/template"
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

// shelved is a story in the list of stories.
type shelved struct {
	articles.Shelved
	Corrected bool
	Mailed    *campaigns.Mailed // the last mail of the person's lists that carried it
}

// storiesData is the page of the stories.
type storiesData struct {
	Stories     []shelved
	Query       string
	Section     string
	Sections    []frame.Option
	Next, First string
	Feeds       bool // there is a feed, or a story from one
	Problems    map[string]string
}

func (n *room) stories(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	q := r.URL.Query()
	d := storiesData{Query: q.Get("q"), Section: q.Get("section"), Sections: []frame.Option{{Value: "", Label: "All sections"}}}
	names, err := n.Shelf.Sections(r.Context())
	if err != nil {
		return err
	}
	known := d.Section == ""
	for _, name := range names {
		d.Sections = append(d.Sections, frame.Option{Value: name, Label: name})
		known = known || name == d.Section
	}
	if !known { // of older stories
		d.Sections = append(d.Sections, frame.Option{Value: d.Section, Label: d.Section})
	}
	page, err := n.Shelf.Stories(r.Context(), articles.Look{Text: d.Query, Section: d.Section, After: q.Get("after")})
	status := http.StatusOK
	if err != nil {
		if errs.KindOf(err) == errs.Unavailable {
			d.Problems = map[string]string{"q": said(err)}
		} else if d.Problems, err = wrong(err); err != nil {
			return err
		}
		status = http.StatusBadRequest
	}
	lists, err := v.Lists(r.Context(), accounts.Viewer)
	if err != nil {
		return err
	}
	if d.Stories, err = n.mailed(r, page.Stories, idsOf(lists)); err != nil {
		return err
	}
	here := "/admin/stories?" + url.Values{"q": {d.Query}, "section": {d.Section}}.Encode()
	if page.Next != "" {
		d.Next = frame.With(here, "after", page.Next)
	}
	if q.Get("after") != "" {
		d.First = here
	}
	if len(d.Stories) == 0 {
		feeds, err := n.Articles.Feeds(r.Context())
		if err != nil {
			return err
		}
		d.Feeds = len(feeds) > 0
	}
	return v.PageStatus(w, status, pages, "stories.html", frame.Head{Title: "Stories", Nav: "stories", Styles: []string{"newsroom.css"}}, d)
}

// mailed adds the last mails that carried the stories.
func (n *room) mailed(r *http.Request, stories []articles.Shelved, lists []int64) ([]shelved, error) {
	ids := make([]int64, len(stories))
	for i, s := range stories {
		ids[i] = s.ID
	}
	last, err := n.listing.LastMailed(r.Context(), ids, lists, 0)
	if err != nil {
		return nil, err
	}
	corrections, err := n.Corrections.Of(r.Context(), ids...)
	if err != nil {
		return nil, err
	}
	out := make([]shelved, len(stories))
	for i, s := range stories {
		out[i] = shelved{Shelved: s, Corrected: slices.ContainsFunc(corrections, func(c articles.Correction) bool { return c.ArticleID == s.ID && c.TakenBack == nil })}
		if m, ok := last[s.ID]; ok {
			out[i].Mailed = &m
		}
	}
	return out, nil
}

// storyData is the page of one story.
type storyData struct {
	Story     articles.Article
	Edit      articles.Edit
	Tags      string
	Published string // in the zone of the person, as a field of type datetime-local has it
	Zone      string
	Was       string
	Mailed    *campaigns.Mailed
	Problems  map[string]string

	Corrections []articles.Correction
	Sets        bool // the person may correct it, or send it as an alert
	Writes      bool // they may change it for all mails
}

func storyID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("story"), 10, 64)
	if err != nil {
		return 0, errs.New(errs.NotFound, "there is no such story")
	}
	return id, nil
}

const localTime = "2006-01-02T15:04"

func (n *room) story(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	id, err := storyID(r)
	if err != nil {
		return err
	}
	a, err := n.Articles.Article(r.Context(), id)
	if err != nil {
		return err
	}
	e := articles.Edit{Title: a.Title, Dek: a.Dek, Byline: articles.BylineText(a.Authors), Section: a.Section, Language: a.Language, BodyHTML: a.BodyHTML}
	if a.Image != nil {
		e.ImageURL, e.Alt, e.Caption, e.Credit = a.Image.URL, a.Image.Alt, a.Image.Caption, a.Image.Credit
	}
	return n.showStory(w, r, v, http.StatusOK, storyData{Story: a, Edit: e, Tags: strings.Join(a.Tags, ", "),
		Published: a.Published.In(v.Zone()).Format(localTime), Was: articles.ArticleVersion(a)})
}

func (n *room) showStory(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, d storyData) error {
	lists, err := v.Lists(r.Context(), accounts.Viewer)
	if err != nil {
		return err
	}
	last, err := n.listing.LastMailed(r.Context(), []int64{d.Story.ID}, idsOf(lists), 0)
	if err != nil {
		return err
	}
	if m, ok := last[d.Story.ID]; ok {
		d.Mailed = &m
	}
	corrections, err := n.Corrections.Of(r.Context(), d.Story.ID)
	if err != nil {
		return err
	}
	d.Corrections = slices.DeleteFunc(corrections, func(c articles.Correction) bool { return c.TakenBack != nil })
	d.Sets = v.Account.Anywhere() >= accounts.Editor
	d.Writes = v.Account.Everywhere() >= accounts.Writer
	d.Zone = v.Zone().String()
	h := frame.Head{Title: d.Story.Title, Nav: "stories", Crumbs: []frame.Link{{Name: "Stories", URL: "/admin/stories"}}, Styles: []string{"newsroom.css"}}
	return v.PageStatus(w, status, pages, "story.html", h, d)
}

// saveStory changes a story for all mails that are still to be made.
func (n *room) saveStory(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	id, err := storyID(r)
	if err != nil {
		return err
	}
	e := articles.Edit{Title: value(r, "title"), Dek: value(r, "dek"), Byline: value(r, "byline"), Section: value(r, "section"), Language: value(r, "language"),
		BodyHTML: r.PostFormValue("body"), Tags: strings.Split(value(r, "tags"), ","), ImageURL: value(r, "image"), Alt: value(r, "alt"),
		Caption: value(r, "caption"), Credit: value(r, "credit")}
	before, err := n.Articles.Article(r.Context(), id)
	if err != nil {
		return err
	}
	published := value(r, "published")
	// A moment is shown to the minute: one that nobody touched keeps its seconds.
	if published != before.Published.In(v.Zone()).Format(localTime) {
		e.Published, err = moment(published, v.Zone())
	}
	if err == nil {
		if _, err = n.Editing.Edit(r.Context(), id, e, value(r, "was"), v.Who()); err == nil {
			return v.Done(w, r, "/admin/stories/"+strconv.FormatInt(id, 10), "Saved for all mails that are still to be made. Drafts that have the story already keep what they have.")
		}
	}
	d := storyData{Story: before, Edit: e, Tags: value(r, "tags"), Published: published, Was: value(r, "was")}
	if d.Problems, err = wrong(err); err != nil {
		return err
	}
	return n.showStory(w, r, v, http.StatusBadRequest, d)
}

func (n *room) releaseStory(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	id, err := storyID(r)
	if err != nil {
		return err
	}
	if err := n.Editing.Release(r.Context(), id, v.Who()); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/stories/"+strconv.FormatInt(id, 10), "The feed's words count again, from its next reading on.")
}

// escaped is a text as HTML, for the few lines that are not from a template.
func escaped(s string) string { return template.HTMLEscapeString(s) }

func idsOf(lists []subscribers.List) []int64 {
	ids := make([]int64, len(lists))
	for i, l := range lists {
		ids[i] = l.ID
	}
	return ids
}
