package today

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/web/admin/frame"
)

// month is what the calendar shows.
type month struct {
	First           time.Time
	Before, After   string // months beside it, as 2006-01
	Now             string // the month of today
	Weeks           [][]cell
	Schedules       []campaigns.Digest // that may be skipped by whoever looks
	Problems        map[string]string
	SkipDay, Reason string
}

// cell is one day of the calendar.
type cell struct {
	At      time.Time
	Day     string // 2006-01-02
	Outside bool   // belongs to the month before or after
	Today   bool
	Past    bool
	Entries []mark
}

// mark is one edition in a cell.
type mark struct {
	At       time.Time
	Name     string
	ListName string
	URL      string // of the campaign; empty for one to come
	State    string
	Digest   string // slug, of one to come
	Skip     string // why there will be none
	May      bool   // whoever looks may skip it
}

func (rm *room) calendar(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.showCalendar(w, r, v, http.StatusOK, nil)
}

func (rm *room) showCalendar(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, problems map[string]string) error {
	ctx, zone, now := r.Context(), v.Zone(), rm.Now()
	first, err := time.ParseInLocation("2006-01", r.FormValue("month"), zone)
	if err != nil || first.Year() < 2000 || first.Year() > 2100 {
		y, m, _ := now.In(zone).Date()
		first = time.Date(y, m, 1, 0, 0, 0, 0, zone)
	}
	monday := (int(first.Weekday()) + 6) % 7
	from := first.AddDate(0, 0, -monday)
	days := monday + first.AddDate(0, 1, -1).Day()
	weeks := (days + 6) / 7
	to := from.AddDate(0, 0, 7*weeks)

	lists, err := v.Lists(ctx, accounts.Viewer)
	if err != nil {
		return err
	}
	ids, names := known(lists)
	byDay := map[string][]mark{}
	put := func(m mark) {
		day := m.At.In(zone).Format(time.DateOnly)
		byDay[day] = append(byDay[day], m)
	}
	sent, err := rm.Campaigns.Agenda.Between(ctx, ids, from, to)
	if err != nil {
		return err
	}
	for _, c := range sent {
		m := mark{Name: title(c), ListName: names[c.ListID], URL: page(c), State: c.State}
		if c.SendState != "" {
			m.State = c.SendState
		}
		if m.At = moment(c.LaunchedAt); m.At.IsZero() {
			m.At = moment(c.SendAt)
		}
		put(m)
	}
	planned, err := rm.Campaigns.Agenda.Planned(ctx, ids, later(from, now), to)
	if err != nil {
		return err
	}
	for _, p := range planned {
		put(mark{At: p.At, Name: p.Digest.Name, ListName: names[p.Digest.ListID], Digest: p.Digest.Slug, Skip: p.Skip, State: "planned", May: v.Can(p.Digest.ListID, accounts.Editor)})
	}
	d := month{First: first, Before: first.AddDate(0, -1, 0).Format("2006-01"), After: first.AddDate(0, 1, 0).Format("2006-01"), Now: now.In(zone).Format("2006-01"),
		Problems: problems, SkipDay: r.FormValue("day"), Reason: r.FormValue("reason")}
	if d.Schedules, err = rm.schedules(r, v); err != nil {
		return err
	}
	today := now.In(zone).Format(time.DateOnly)
	for at := from; at.Before(to); at = at.AddDate(0, 0, 1) {
		if len(d.Weeks) == 0 || len(d.Weeks[len(d.Weeks)-1]) == 7 {
			d.Weeks = append(d.Weeks, nil)
		}
		day := at.Format(time.DateOnly)
		last := &d.Weeks[len(d.Weeks)-1]
		*last = append(*last, cell{At: at, Day: day, Outside: at.Month() != first.Month(), Today: day == today, Past: day < today, Entries: byDay[day]})
	}
	return v.PageStatus(w, status, pages, "calendar.html", frame.Head{Title: "Calendar", Nav: "calendar", Styles: []string{"today.css"}}, d)
}

// schedules returns the digests with a schedule whose days the person may skip.
func (rm *room) schedules(r *http.Request, v *frame.Visit) ([]campaigns.Digest, error) {
	all, err := rm.Campaigns.Digests.List(r.Context())
	return slices.DeleteFunc(all, func(d campaigns.Digest) bool { return d.Schedule == "" || !v.Can(d.ListID, accounts.Editor) }), err
}

// skip leaves a day out: of one digest, or of all where none is named, as on a holiday.
func (rm *room) skip(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.change(w, r, v, func(slug string) error {
		return rm.Campaigns.Digests.Skip(r.Context(), slug, r.FormValue("day"), r.FormValue("reason"), v.Who())
	}, "There will be no edition on %s.")
}

func (rm *room) unskip(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.change(w, r, v, func(slug string) error {
		return rm.Campaigns.Digests.Unskip(r.Context(), slug, r.FormValue("day"), v.Who())
	}, "The edition of %s is back in the calendar.")
}

func (rm *room) change(w http.ResponseWriter, r *http.Request, v *frame.Visit, do func(slug string) error, notice string) error {
	mine, err := rm.schedules(r, v)
	if err != nil {
		return err
	}
	want := r.FormValue("digest")
	found := false
	for _, d := range mine {
		if want != "" && want != d.Slug {
			continue
		}
		found = true
		if err := do(d.Slug); err != nil {
			if problems := frame.Problems(err); problems != nil {
				return rm.showCalendar(w, r, v, errs.KindOf(err).HTTPStatus(), problems)
			}
			return err
		}
	}
	if !found {
		return errs.New(errs.NotFound, "there is no such schedule")
	}
	at, err := time.Parse(time.DateOnly, r.FormValue("day"))
	if err != nil {
		return errs.Field("day", "%q is no date", r.FormValue("day"))
	}
	return v.Done(w, r, "/admin/calendar?month="+at.Format("2006-01"), notice, at.Format("Monday 2 January"))
}

// page is where a campaign is looked at.
func page(c campaigns.Campaign) string {
	if c.State == campaigns.Launched {
		return send(c.ID)
	}
	return fmt.Sprintf("/admin/campaigns/%d", c.ID)
}

func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
