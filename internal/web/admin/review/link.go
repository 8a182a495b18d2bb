package review

import (
	"net/http"
	"strings"

	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/web/admin/frame"
)

// linkPage is what the link in a proof leads to.
type linkPage struct {
	page
	Link  campaigns.Link
	Token string
	Done  string // what was done just now
}

func (rm *room) link(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.showLink(w, r, v, http.StatusOK, nil, "")
}

func (rm *room) showLink(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, problems map[string]string, done string) error {
	l, err := rm.Campaigns.Reviews.OpenLink(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	d := linkPage{page: newPage(l.Review), Link: l, Token: r.PathValue("token"), Done: done}
	d.page.Problems = problems
	if err := rm.inZone(r, v, l.Campaign); err != nil {
		return err
	}
	return v.PageStatus(w, status, pages, "link.html", frame.Head{Title: "Approve: " + subject(l.Review), Bare: true, Styles: []string{"review.css"}}, d)
}

// inZone has times shown as the list of a campaign reads them: who opens a link may not be logged in.
func (rm *room) inZone(r *http.Request, v *frame.Visit, c campaigns.Campaign) error {
	list, err := rm.Campaigns.Lists.List(r.Context(), c.ListID)
	v.List = &list
	return err
}

// useLink approves or holds. The link is good for one person and one content; whether it still is is for the room to say.
func (rm *room) useLink(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	token, reviews := r.PathValue("token"), rm.Campaigns.Reviews
	var err error
	done := "Held. It does not go out until somebody approves or starts it."
	if r.FormValue("act") == "hold" {
		_, err = reviews.HoldByLink(r.Context(), token, strings.TrimSpace(r.FormValue("reason")))
	} else {
		var c campaigns.Campaign
		if c, err = reviews.ApproveByLink(r.Context(), token, assent(r, "")); err == nil {
			err = rm.inZone(r, v, c)
			done = approved(v, c)
		}
	}
	if err == nil {
		return rm.showLink(w, r, v, http.StatusOK, nil, done)
	}
	problems := frame.Problems(err)
	if errs.KindOf(err) == errs.Denied {
		problems = map[string]string{"": errs.Public(err)}
	}
	if problems == nil {
		return err
	}
	return rm.showLink(w, r, v, errs.KindOf(err).HTTPStatus(), problems, "")
}
