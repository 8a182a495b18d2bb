package sending

import (
	"net/http"
	"time"

	"mailer/internal/errs"
	"mailer/internal/web/admin/frame"
)

// wallTime is how a browser writes a date and an hour (HTML Living Standard, section 2.3.5.5), without a zone: it is that of the person.
const wallTime = "2006-01-02T15:04"

// schedule gives a campaign that has not been launched its time.
func (rm *room) schedule(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	typed := r.PostFormValue("at")
	at, err := time.ParseInLocation(wallTime, typed, v.Zone())
	if err != nil {
		err = errs.Field("at", "choose a day and an hour")
	} else {
		_, err = rm.Campaigns.Schedule(r.Context(), v.Campaign, at, v.Who())
	}
	if err == nil {
		return v.Done(w, r, sendPage(v.Campaign), "Its time is %s.", at.Format("Monday 2 January, 15:04"))
	}
	problems := frame.Problems(err)
	if problems == nil {
		return err
	}
	ready, lost := rm.sends.Ready(r.Context(), v.Campaign)
	if lost != nil { // it is past that: the page says what it is
		return err
	}
	view := rm.startView(v, ready)
	view.Problems, view.At = problems, typed
	return v.PageStatus(w, refused(err), pages, "start.html", head(ready.Campaign), view)
}
