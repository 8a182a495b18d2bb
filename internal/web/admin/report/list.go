package report

import (
	"io"
	"net/http"
	"slices"
	"time"

	"mailer/internal/errs"
	"mailer/internal/reports"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// period is a time that a report of a list can be of.
type period struct {
	Key, Name string
	days      int
}

var periods = []period{{"30", "30 days", 30}, {"90", "3 months", 91}, {"365", "A year", 365}, {"all", "All time", reports.MaxDays}}

// asked is the report of a list for the period that the address names.
func (p *desk) asked(r *http.Request, l subscribers.List) (reports.ListReport, period, error) {
	key := r.URL.Query().Get("days")
	if key == "" {
		key = periods[1].Key
	}
	i := slices.IndexFunc(periods, func(x period) bool { return x.Key == key })
	if i < 0 {
		return reports.ListReport{}, period{}, errs.Field("days", "%q is none of 30, 90, 365 and all", key)
	}
	zone, err := time.LoadLocation(l.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	now := time.Now().In(zone)
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	report, err := p.Reports.List(r.Context(), l, today.AddDate(0, 0, 1-periods[i].days), today)
	return report, periods[i], err
}

// span is a row of the table beside the plots: a day or a month.
type span struct {
	Name string
	subscribers.ListDay
}

func (p *desk) list(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	report, chosen, err := p.asked(r, *v.List)
	if err != nil {
		return err
	}
	data := struct {
		worded
		reports.ListReport
		Period        period
		Periods       []map[string]any
		Spans         []span
		Monthly       bool
		Total, Change plot
		Suppressed    []reports.Reason
	}{ListReport: report, Period: chosen}
	for _, x := range periods {
		data.Periods = append(data.Periods, map[string]any{"Name": x.Name, "URL": frame.With(v.Here(), "days", x.Key), "Here": x.Key == chosen.Key})
	}
	data.Spans, data.Monthly = spansOf(report.Days)
	data.Total, data.Change = plotsOf(report.Days, data.Monthly)
	for reason, n := range report.Tally.Reasons {
		data.Suppressed = append(data.Suppressed, reports.Reason{Reason: reason, Readers: n})
	}
	slices.SortFunc(data.Suppressed, func(a, b reports.Reason) int { return int(b.Readers - a.Readers) })
	return v.Page(w, pages, "list.html", head("Report: "+v.List.Name, "reports", frame.Link{Name: "Reports", URL: "/admin/reports"}), data)
}

// spansOf returns the rows of the table, the newest first: days, or months where the days would be too many to read.
func spansOf(days []subscribers.ListDay) (rows []span, monthly bool) {
	monthly = len(days) > 62
	for _, d := range days {
		name := d.Day.Format("Mon 2 Jan 2006")
		if monthly {
			name = d.Day.Format("January 2006")
		}
		if n := len(rows); n == 0 || rows[n-1].Name != name {
			rows = append(rows, span{Name: name})
		}
		row := &rows[len(rows)-1]
		row.Signups, row.Joins, row.Leaves, row.Erased = row.Signups+d.Signups, row.Joins+d.Joins, row.Leaves+d.Leaves, row.Erased+d.Erased
		row.Total = d.Total
	}
	slices.Reverse(rows)
	return rows, monthly
}

// plotsOf draws the total by days, and what changed by days or, where these would be too many to tell apart, by weeks.
func plotsOf(days []subscribers.ListDay, weekly bool) (total, change plot) {
	total = plot{Kind: "lines", Zone: "UTC", Days: true, Series: []plotted{{Name: "Readers", Colour: "accent"}}}
	change = plot{Kind: "steps", Zone: "UTC", Days: true, Series: []plotted{{Name: "Joined", Colour: "good"}, {Name: "Left", Colour: "bad", Dash: true}}}
	joined, gone := &change.Series[0].Values, &change.Series[1].Values
	for i, d := range days {
		total.X, total.Series[0].Values = append(total.X, d.Day.Unix()), append(total.Series[0].Values, d.Total)
		if !weekly || i == 0 || d.Day.Weekday() == time.Monday {
			change.X, *joined, *gone = append(change.X, d.Day.Unix()), append(*joined, 0), append(*gone, 0)
		}
		last := len(change.X) - 1 // a week is drawn once it is whole, so that the plot does not end in a fall
		(*joined)[last], (*gone)[last] = (*joined)[last]+d.Joins, (*gone)[last]+d.Leaves+d.Erased
	}
	if n := len(change.X); weekly && n > 2 {
		from, to := 0, n
		if days[0].Day.Weekday() != time.Monday {
			from++
		}
		if days[len(days)-1].Day.Weekday() != time.Sunday {
			to--
		}
		change.X, *joined, *gone = change.X[from:to], (*joined)[from:to], (*gone)[from:to]
	}
	return total, change
}

func (p *desk) listCSV(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	table := r.URL.Query().Get("table")
	if table != "" && table != "campaigns" {
		return errs.Field("table", "there is none called %q; leave it out for the days, or write campaigns", table)
	}
	report, _, err := p.asked(r, *v.List)
	if err != nil {
		return err
	}
	if table == "campaigns" {
		return download(w, v.List.Slug+"-campaigns", func(w io.Writer) error { return reports.WriteLines(w, report.Sends) })
	}
	return download(w, v.List.Slug+"-growth", report.WriteDays)
}
