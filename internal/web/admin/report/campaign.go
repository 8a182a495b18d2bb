package report

import (
	"fmt"
	"net/http"

	"mailer/internal/errs"
	"mailer/internal/reports"
	"mailer/internal/web/admin/frame"
)

// share is one part of the balance.
type share struct {
	State, Name string
	Readers     int64
	Means       string
}

func (p *desk) campaign(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	report, err := p.Reports.Campaign(r.Context(), v.Campaign)
	if err != nil {
		return err
	}
	if report.Balance == nil {
		v.Go(w, r, fmt.Sprintf("/admin/campaigns/%d", v.Campaign)) // nothing to report of yet
		return nil
	}
	data := struct {
		worded
		reports.Report
		Shares         []share
		Over           bool
		Came, Hourly   plot
		Clicked        int64
		Machines       int64
		Left, Returned int64
	}{Report: report, Shares: sharesOf(report), Over: report.Balance.Open() == 0 && report.Balance.AudienceComplete, Came: cameOf(report.Series), Hourly: hourlyOf(report.Hours)}
	for _, c := range report.Clicks {
		data.Clicked, data.Machines = data.Clicked+c.Clicks, data.Machines+c.Machines
	}
	for _, l := range report.Leavers {
		switch l.Event {
		case "unsubscribed", "unsubscribed_all":
			data.Left += l.Readers
		case "undone":
			data.Returned += l.Readers
		}
	}
	return v.Page(w, pages, "campaign.html", head("Report: "+report.Campaign.Name, "campaigns", frame.Link{Name: "Campaigns", URL: "/admin/campaigns"}), data)
}

// sharesOf are the parts of the balance that have anybody in them.
func sharesOf(r reports.Report) (all []share) {
	b := r.Balance
	for _, s := range []share{
		{"accepted", "Accepted", b.Accepted, "their mail server took it"},
		{"failed", "Failed", b.Failed, "refused for good"},
		{"unknown", "In doubt", b.Unknown, "no answer came: may or may not have it"},
		{"suppressed", "Left meanwhile", b.Suppressed, "left or were suppressed after the launch, so nothing went out"},
		{"expired", "Given up", b.Expired, "put off until the time of the send was over"},
		{"cancelled", "Cancelled", b.Cancelled, "not reached before the send was cancelled"},
		{"deferred", "Put off", b.Deferred, "are tried again"},
		{"claimed", "Being sent", b.Claimed, "at this moment"},
		{"queued", "Waiting", b.Queued, "their turn is to come"},
	} {
		if s.Readers > 0 {
			all = append(all, s)
		}
	}
	return all
}

func cameOf(s reports.Series) plot {
	n := len(s.Points)
	x, accepted, deferred, failed := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i, p := range s.Points {
		x[i], accepted[i], deferred[i], failed[i] = p.At.Unix(), p.Accepted, p.Deferred, p.Failed
	}
	return plot{Kind: "steps", X: x, Series: []plotted{{Name: "Accepted", Colour: "good", Values: accepted},
		{Name: "Put off", Colour: "warn", Dash: true, Values: deferred}, {Name: "Failed", Colour: "bad", Values: failed}}}
}

func hourlyOf(hours []reports.ClickHour) plot {
	p := plot{Kind: "steps", Series: []plotted{{Name: "People", Colour: "accent"}, {Name: "Programs", Colour: "soft", Dash: true}}}
	for _, h := range hours {
		p.X = append(p.X, h.At.Unix())
		p.Series[0].Values, p.Series[1].Values = append(p.Series[0].Values, h.Clicks), append(p.Series[1].Values, h.Machines)
	}
	return p
}

func (p *desk) campaignCSV(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	table := r.URL.Query().Get("table")
	if table != "" && table != "minutes" {
		return errs.Field("table", "there is none called %q; leave it out for the figures, or write minutes", table)
	}
	report, err := p.Reports.Campaign(r.Context(), v.Campaign)
	if err != nil {
		return err
	}
	if table == "minutes" {
		return download(w, fmt.Sprintf("campaign-%d-minutes", v.Campaign), report.WriteMinutes)
	}
	return download(w, fmt.Sprintf("campaign-%d", v.Campaign), report.WriteCSV)
}
