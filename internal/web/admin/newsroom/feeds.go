package newsroom

import (
	"net/http"
	"strconv"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/articles"
	"mailer/internal/errs"
	"mailer/internal/web/admin/frame"
)

// feedRow is a feed in the list of feeds.
type feedRow struct {
	articles.Feed
	Health string // ok, failing, late or unread
	Result *articles.PollResult
	Sets   bool // the person may change it
}

// lateBy is how far behind its time a feed may be before that is worth a word: nobody seems to be reading then.
const lateBy = 30 * time.Minute

func rowOf(f articles.Feed, v *frame.Visit) feedRow {
	row := feedRow{Feed: f, Health: "ok", Sets: v.Account.Everywhere() >= accounts.Editor}
	switch {
	case f.Failures > 0:
		row.Health = "failing"
	case f.PolledAt == nil:
		row.Health = "unread"
	case time.Since(f.NextPollAt) > lateBy:
		row.Health = "late"
	}
	return row
}

// feedsData is the page of the feeds.
type feedsData struct {
	Feeds    []feedRow
	Sets     bool
	Draft    articles.Feed
	Minutes  string
	Problems map[string]string
}

var feedsHead = frame.Head{Title: "Feeds", Nav: "feeds", Styles: []string{"newsroom.css"}}

func (n *room) feeds(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return n.showFeeds(w, r, v, http.StatusOK, feedsData{})
}

func (n *room) showFeeds(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, d feedsData) error {
	all, err := n.Articles.Feeds(r.Context())
	if err != nil {
		return err
	}
	for _, f := range all {
		d.Feeds = append(d.Feeds, rowOf(f, v))
	}
	d.Sets = v.Account.Everywhere() >= accounts.Editor
	return v.PageStatus(w, status, pages, "feeds.html", feedsHead, d)
}

// feedOf reads what a form says of a feed.
func feedOf(r *http.Request) (articles.Feed, error) {
	f := articles.Feed{Slug: value(r, "slug"), URL: value(r, "url"), Title: value(r, "title"), Section: value(r, "section"), Language: value(r, "language")}
	if m := value(r, "minutes"); m != "" {
		minutes, err := strconv.Atoi(m)
		if err != nil || minutes < 1 || minutes > 24*60 {
			return f, errs.Field("minutes", "it is a whole number of minutes, from 1 to 1440")
		}
		f.PollSeconds = minutes * 60
	}
	return f, nil
}

// addFeed adds a feed and reads it at once, so that one sees what comes of it.
func (n *room) addFeed(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	draft, err := feedOf(r)
	if err == nil {
		var f articles.Feed
		if f, err = n.Editing.AddFeed(r.Context(), draft, v.Who()); err == nil {
			result, err := n.Articles.Poll(r.Context(), f.Slug)
			if err != nil {
				return v.Done(w, r, "/admin/feeds/"+f.Slug, "The feed is added, and is read in a moment.")
			}
			return v.Done(w, r, "/admin/feeds/"+f.Slug, "The feed is added. %s", told(result))
		}
	}
	d := feedsData{Draft: draft, Minutes: value(r, "minutes")}
	if errs.KindOf(err) == errs.Denied {
		err = errs.Field("url", "%s", said(err))
	}
	if d.Problems, err = wrong(err); err != nil {
		return err
	}
	return n.showFeeds(w, r, v, http.StatusBadRequest, d)
}

// told says what a poll came to.
func told(p articles.PollResult) string {
	switch {
	case p.Error != "":
		return "It could not be read: " + p.Error
	case p.Unchanged:
		return "It was read; nothing has changed."
	case p.New == 0 && p.Changed == 0:
		return "It was read; it has no story that is not here already."
	}
	return "It was read: " + count(p.New, "new story", "new stories") + ", " + count(p.Changed, "story", "stories") + " changed."
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// pollFeed reads a feed now.
func (n *room) pollFeed(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	result, err := n.Articles.Poll(r.Context(), r.PathValue("feed"))
	if err != nil {
		return err
	}
	if !v.HTMX {
		return v.Done(w, r, "/admin/feeds", "%s: %s", result.Slug, told(result))
	}
	f, err := n.Articles.Feed(r.Context(), result.Slug)
	if err != nil {
		return err
	}
	row := rowOf(f, v)
	row.Result = &result
	return v.Part(w, pages, "feed-row", row)
}

// feedData is the page of one feed.
type feedData struct {
	Feed     feedRow
	Minutes  string
	Stories  []articles.Article
	Problems map[string]string
}

func (n *room) feed(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	f, err := n.Articles.Feed(r.Context(), r.PathValue("feed"))
	if err != nil {
		return err
	}
	return n.showFeed(w, r, v, http.StatusOK, feedData{Feed: rowOf(f, v), Minutes: strconv.Itoa(f.PollSeconds / 60)})
}

func (n *room) showFeed(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, d feedData) (err error) {
	if d.Stories, err = n.Articles.Articles(r.Context(), articles.Filter{Feed: d.Feed.Slug, Limit: 10}); err != nil {
		return err
	}
	h := frame.Head{Title: nameOf(d.Feed.Feed), Nav: "feeds", Crumbs: []frame.Link{{Name: "Feeds", URL: "/admin/feeds"}}, Styles: []string{"newsroom.css"}}
	return v.PageStatus(w, status, pages, "feed.html", h, d)
}

func nameOf(f articles.Feed) string {
	if f.Title != "" {
		return f.Title
	}
	return f.Slug
}

func (n *room) changeFeed(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	before, err := n.Articles.Feed(r.Context(), r.PathValue("feed"))
	if err != nil {
		return err
	}
	f, err := feedOf(r)
	f.Slug = before.Slug
	if err == nil {
		if _, err = n.Editing.ChangeFeed(r.Context(), f, v.Who()); err == nil {
			return v.Done(w, r, "/admin/feeds/"+f.Slug, "Saved. Its stories follow at the next reading.")
		}
	}
	d := feedData{Feed: rowOf(before, v), Minutes: value(r, "minutes")}
	d.Feed.Title, d.Feed.Section, d.Feed.Language = f.Title, f.Section, f.Language
	if d.Problems, err = wrong(err); err != nil {
		return err
	}
	return n.showFeed(w, r, v, http.StatusBadRequest, d)
}

func (n *room) removeFeed(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := n.Editing.RemoveFeed(r.Context(), r.PathValue("feed"), v.Who()); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/feeds", "The feed is read no more. Its stories stay.")
}
