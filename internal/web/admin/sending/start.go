package sending

import (
	"net/http"
	"strconv"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/web/admin/frame"
)

// startView is the page of a campaign that has not been launched.
type startView struct {
	Campaign campaigns.Campaign
	List     string // its name
	Ready    campaigns.Ready
	Past     string // why it cannot be started any more; empty: it can
	May      bool   // the person may start it
	Action   string
	Typed    string
	At       string // when it is to go out, as a browser writes it
	Force    bool   // warnings were shown: they can be passed over
	Problems map[string]string
}

// page shows where the send of a campaign stands, whatever that is.
func (rm *room) page(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ready, err := rm.sends.Ready(r.Context(), v.Campaign)
	switch {
	case ready.Campaign.State == campaigns.Launched:
		return rm.progress(w, r, v, ready.Campaign)
	case err != nil && errs.KindOf(err) != errs.Conflict:
		return err
	}
	view := rm.startView(v, ready)
	if err != nil {
		view.Past = errs.Public(err)
	}
	return v.Page(w, pages, "start.html", head(ready.Campaign), view)
}

func (rm *room) startView(v *frame.Visit, ready campaigns.Ready) startView {
	at := ""
	if ready.Campaign.SendAt != nil {
		at = ready.Campaign.SendAt.In(v.Zone()).Format(wallTime)
	}
	return startView{At: at, Campaign: ready.Campaign, List: v.List.Name, Ready: ready, May: v.Can(v.List.ID, accounts.Editor), Force: ready.Warned,
		Action: sendPage(ready.Campaign.ID) + "/start"}
}

// goOf reads what a person says who starts something.
func goOf(r *http.Request, v *frame.Visit) campaigns.Go {
	shown, _ := strconv.ParseInt(r.PostFormValue("shown"), 10, 64) // none is not what they typed
	return campaigns.Go{Who: v.Who(), Typed: r.PostFormValue("readers"), Shown: shown, Content: r.PostFormValue("content"), Force: r.PostFormValue("force") != ""}
}

func (rm *room) start(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	g := goOf(r, v)
	c, err := rm.sends.Start(r.Context(), v.Campaign, g)
	if err == nil {
		return v.Done(w, r, sendPage(c.ID), "It was started.")
	}
	problems := frame.Problems(err)
	if problems == nil {
		return err
	}
	ready, lost := rm.sends.Ready(r.Context(), v.Campaign)
	if lost != nil { // it is past starting: the page says what it is
		return err
	}
	view := rm.startView(v, ready)
	view.Problems, view.Typed = problems, g.Typed
	view.Force = view.Force || problems["readers"] == "" && errs.KindOf(err) == errs.Invalid && !ready.Blocked
	return v.PageStatus(w, refused(err), pages, "start.html", head(ready.Campaign), view)
}

func statusOf(err error) int { return errs.KindOf(err).HTTPStatus() }
