package report

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/errs"
	"mailer/internal/reports"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

const perPage = 25

// listLine is a list with how it has changed.
type listLine struct {
	List subscribers.List
	reports.Growth
}

// overview shows the lists of the person, and what came of their last campaigns.
func (p *desk) overview(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	lists, ids, err := mine(r, v)
	if err != nil {
		return err
	}
	growth, err := p.Reports.Growths(r.Context(), ids, time.Now().In(v.Zone()).AddDate(0, 0, -30))
	if err != nil {
		return err
	}
	before, err := after(r)
	if err != nil {
		return err
	}
	past, err := p.Reports.Past(r.Context(), reports.PastFilter{Lists: ids, Before: before, Limit: perPage + 1})
	if err != nil {
		return err
	}
	data := struct {
		Lists       []listLine
		Past        []reports.Line
		Next, First string
	}{Past: past}
	for _, l := range lists {
		data.Lists = append(data.Lists, listLine{l, growth[l.ID]})
	}
	if len(past) > perPage {
		data.Past = past[:perPage]
		data.Next = frame.With(v.Here(), "before", strconv.FormatInt(data.Past[perPage-1].ID, 10))
	}
	if before != 0 {
		data.First = frame.With(v.Here(), "before", "")
	}
	return v.Page(w, pages, "overview.html", head("Reports", "reports"), data)
}

func (p *desk) overviewCSV(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	_, ids, err := mine(r, v)
	if err != nil {
		return err
	}
	past, err := p.Reports.Past(r.Context(), reports.PastFilter{Lists: ids, Limit: 1000})
	if err != nil {
		return err
	}
	return download(w, "campaigns", func(w io.Writer) error { return reports.WriteLines(w, past) })
}

// mine returns the lists that the person may see reports of. Their ids are never nil: nil would mean all.
func mine(r *http.Request, v *frame.Visit) ([]subscribers.List, []int64, error) {
	lists, err := v.Lists(r.Context(), accounts.Viewer)
	ids := []int64{}
	for _, l := range lists {
		ids = append(ids, l.ID)
	}
	return lists, ids, err
}

// after returns the campaign that the last page ended with.
func after(r *http.Request) (int64, error) {
	text := r.URL.Query().Get("before")
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, errs.Field("before", "%q is no number of a campaign", text)
	}
	return id, nil
}
