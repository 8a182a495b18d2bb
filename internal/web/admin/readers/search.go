package readers

import (
	"net/http"
	"net/url"

	"mailer/internal/accounts"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// found is the page of a search.
type found struct {
	Q, List, State string
	Lists          []subscribers.List
	ListOptions    []frame.Option
	StateOptions   []frame.Option
	Names          map[string]string // of lists, by slug
	Mine           map[int64]bool    // lists whose subscriptions may be seen
	Page           subscribers.Found
	First, Next    string
	Narrowed       bool // something was looked for
	Problems       map[string]string
}

var stateOptions = []frame.Option{{Label: "Any"}, {Value: subscribers.Confirmed, Label: "Confirmed"}, {Value: subscribers.Pending, Label: "Pending"},
	{Value: subscribers.Unsubscribed, Label: "Left"}, {Value: subscribers.StateSuppressed, Label: "Suppressed"}}

func (rm *room) search(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	lists, err := v.Lists(r.Context(), accounts.Editor)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	d := found{Q: q.Get("q"), State: oneOf(q.Get("state"), subscribers.Confirmed, subscribers.Pending, subscribers.Unsubscribed, subscribers.StateSuppressed),
		Lists: lists, ListOptions: listOptions(lists, "Any"), StateOptions: stateOptions, Names: map[string]string{}, Mine: map[int64]bool{}}
	find := subscribers.Find{Text: d.Q, State: d.State, After: q.Get("after"), Lists: listIDs(v, lists)}
	for _, l := range lists {
		d.Names[l.Slug], d.Mine[l.ID] = l.Name, true
	}
	if l, ok := listBySlug(lists, q.Get("list")); ok {
		d.List, find.Lists = l.Slug, []int64{l.ID}
	}
	d.Narrowed = d.Q != "" || d.List != "" || d.State != ""
	status := http.StatusOK
	if d.Page, err = rm.Subscribers.Search().Find(r.Context(), find); err != nil {
		if d.Problems = frame.Problems(err); d.Problems == nil {
			return err
		}
		if p, ok := d.Problems["after"]; ok {
			d.Problems[""] = p
		}
		status = errs.KindOf(err).HTTPStatus()
	}
	here := "/admin/readers?" + url.Values{"q": {d.Q}, "list": {d.List}, "state": {d.State}}.Encode()
	if find.After != "" {
		d.First = here
	}
	if d.Page.Next != "" {
		d.Next = frame.With(here, "after", d.Page.Next)
	}
	return v.PageStatus(w, status, pages, "readers.html", frame.Head{Title: "Readers", Nav: "readers", Styles: []string{"readers.css"}}, d)
}
