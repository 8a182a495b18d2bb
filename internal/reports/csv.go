package reports

import (
	"io"
	"strconv"
	"time"

	"mailer/internal/transfer"
)

// WriteCSV writes a report as rows of one form: what kind of figure, of what, how many, and what was said. Text of others (replies of
// relays, headings) cannot become a formula of a spreadsheet.
func (r Report) WriteCSV(w io.Writer) error {
	out := transfer.NewCSV(w)
	row := func(kind, name, provider string, n int64, said string) {
		out.Write([]string{kind, name, provider, strconv.FormatInt(n, 10), said})
	}
	out.Write([]string{"figure", "of", "provider", "readers", "said"})
	if b := r.Balance; b != nil {
		for _, f := range []struct {
			name string
			n    int64
		}{{"audience", b.Audience}, {"queued", b.Queued}, {"claimed", b.Claimed}, {"accepted", b.Accepted}, {"deferred", b.Deferred}, {"failed", b.Failed},
			{"suppressed", b.Suppressed}, {"cancelled", b.Cancelled}, {"expired", b.Expired}, {"unknown", b.Unknown}} {
			row("balance", f.name, "", f.n, "")
		}
	}
	for _, f := range r.Refusals {
		row("refused", f.Class, f.Provider, f.Readers, f.Reply)
	}
	for _, f := range r.Deferred {
		row("deferred", f.Class, f.Provider, f.Readers, f.Reply)
	}
	for _, l := range r.Leavers {
		row("left", l.Event, "", l.Readers, l.Method)
	}
	for _, k := range r.Reasons {
		row("reason", k.Reason, "", k.Readers, "")
	}
	for _, c := range r.Clicks {
		row("clicks", c.Slug, "", c.Clicks, c.Heading)
		row("clicks of programs", c.Slug, "", c.Machines, c.Heading)
	}
	return out.Flush()
}

// WriteMinutes writes the series of a report.
func (r Report) WriteMinutes(w io.Writer) error {
	out := transfer.NewCSV(w)
	out.Write([]string{"from", "seconds", "accepted", "deferred", "failed"})
	for _, p := range r.Series.Points {
		out.Write([]string{p.At.UTC().Format(time.RFC3339), number(r.Series.Every), number(p.Accepted), number(p.Deferred), number(p.Failed)})
	}
	return out.Flush()
}

// WriteDays writes the days of a list.
func (r ListReport) WriteDays(w io.Writer) error {
	out := transfer.NewCSV(w)
	out.Write([]string{"day", "signed_up", "confirmed", "left", "erased", "total"})
	for _, d := range r.Days {
		out.Write([]string{d.Day.Format(time.DateOnly), number(d.Signups), number(d.Joins), number(d.Leaves), number(d.Erased), number(d.Total)})
	}
	return out.Flush()
}

// WriteLines writes campaigns with their figures.
func WriteLines(w io.Writer, lines []Line) error {
	out := transfer.NewCSV(w)
	out.Write([]string{"campaign", "list", "name", "subject", "launched", "state", "audience", "accepted", "failed", "in_doubt", "left", "clicks", "clicks_of_programs"})
	for _, l := range lines {
		out.Write([]string{number(l.ID), l.List, l.Name, l.Subject, l.LaunchedAt.UTC().Format(time.RFC3339), l.State, number(l.Audience), number(l.Accepted),
			number(l.Failed), number(l.Unknown), number(l.Left), number(l.Clicks), number(l.Machines)})
	}
	return out.Flush()
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
