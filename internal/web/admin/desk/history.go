package desk

import (
	"fmt"
	"net/http"
	"strconv"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/web/admin/frame"
)

// historyPage is what history.html shows.
type historyPage struct {
	Campaign    campaigns.Campaign
	Title       string
	ListName    string
	Base        string
	Versions    []version
	Open        int64 // the revision whose changes are shown
	Next, First string
	MayRestore  bool
}

// version is one entry of the history.
type version struct {
	campaigns.Revision
	Who     string
	Changes []string // what differs from the one before; only of the one that is open
	Now     bool     // the newest
}

const historySize = 50

// history shows what has become of a campaign's content, newest first.
func (rm *room) history(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx := r.Context()
	c, err := rm.Campaigns.Campaign(ctx, v.Campaign)
	if err != nil {
		return err
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(r.FormValue(name), 10, 64) // 0: none
		return n
	}
	before := number("before")
	list, err := rm.Campaigns.Desk.History(ctx, v.Campaign, before, historySize+1)
	if err != nil {
		return err
	}
	p := historyPage{Campaign: c, Title: called(c.Name), ListName: v.List.Name, Base: fmt.Sprintf("/admin/campaigns/%d", v.Campaign), Open: number("open"),
		MayRestore: v.Can(c.ListID, accounts.Writer) && c.Writable()}
	if before != 0 {
		p.First = p.Base + "/history"
	}
	if len(list) > historySize {
		list = list[:historySize]
		p.Next = fmt.Sprintf("%s/history?before=%d", p.Base, list[historySize-1].ID)
	}
	for i, rev := range list {
		e := version{Revision: rev, Who: rm.names.of(ctx, v, rev.Account), Now: i == 0 && before == 0}
		if rev.ID == p.Open {
			if e.Changes, err = rm.Campaigns.Desk.Changes(ctx, v.Campaign, rev.ID); err != nil {
				return err
			}
		}
		p.Versions = append(p.Versions, e)
	}
	return v.Page(w, pages, "history.html", frame.Head{Title: "History of " + called(c.Name), Nav: "campaigns", Styles: []string{"desk.css"}}, p)
}

// restore brings an earlier version of the content back.
func (rm *room) restore(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	revision, err := strconv.ParseInt(r.PostFormValue("revision"), 10, 64)
	if err != nil {
		return errs.Field("revision", "say which version to go back to")
	}
	n, err := strconv.Atoi(r.PostFormValue("version"))
	if err != nil {
		return errs.Field("version", "the form does not say which version of the campaign it is about; load the page again")
	}
	if _, err := rm.Campaigns.Desk.Restore(r.Context(), v.Campaign, revision, n, v.Who()); err != nil {
		return err
	}
	return v.Done(w, r, fmt.Sprintf("/admin/campaigns/%d", v.Campaign), "The mail is as it was. What was there before stands in the history.")
}
