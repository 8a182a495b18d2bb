// Package today is the first page of the desk: what goes out next, what is being sent, what needs a person, what went out this
// week; and the calendar of all schedules.
package today

import (
	"cmp"
	"context"
	"embed"
	"net/http"
	"slices"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/articles"
	"mailer/internal/campaigns"
	"mailer/internal/delivery"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

//go:embed pages
var files embed.FS

//go:embed assets/today.css
var style []byte

var pages = frame.Load(files)

// Deps is what the pages stand on.
type Deps struct {
	Campaigns *campaigns.Service
	Articles  *articles.Store
	Delivery  *delivery.Store
	Now       func() time.Time // nil: the clock
}

type room struct{ Deps }

// Routes registers the pages.
func Routes(f *frame.Frame, d Deps) {
	if d.Now == nil {
		d.Now = time.Now
	}
	rm := &room{d}
	f.Asset("today.css", style)
	f.Handle("GET /admin", frame.LoggedIn, rm.today)
	f.Handle("GET /admin/{$}", frame.LoggedIn, rm.today)
	f.Handle("GET /admin/today/sending", frame.LoggedIn, rm.sendingNow)
	f.Handle("GET /admin/calendar", frame.LoggedIn, rm.calendar)
	f.Handle("POST /admin/calendar/skip", frame.Anywhere(accounts.Editor), rm.skip)
	f.Handle("POST /admin/calendar/unskip", frame.Anywhere(accounts.Editor), rm.unskip)
}

// How far the first page looks.
const (
	ahead  = 72 * time.Hour
	behind = 7 * 24 * time.Hour
)

// entry is one edition on the timeline: a campaign, or an edition that a schedule will make.
type entry struct {
	Campaign *campaigns.Campaign
	Planned  *campaigns.PlannedEdition
	ListName string
	At       time.Time
	Steps    []step
}

// step is a moment of an edition's clock.
type step struct {
	Name   string
	At     time.Time
	Passed bool
	Next   bool // the first that has not passed
}

// day is what goes out on one day.
type day struct {
	At      time.Time
	Entries []entry
}

// task is something that needs a person.
type task struct {
	Level, Title, Text, URL, Button string
	At                              *time.Time
}

// progress is a send under way.
type progress struct {
	Campaign campaigns.Campaign
	ListName string
	Balance  delivery.Balance
}

// view is what the first page shows.
type view struct {
	Now     time.Time
	Name    string
	Nothing bool // no list yet
	Tasks   []task
	Sending []progress
	Days    []day
	Undated []entry
	Sent    []progress
}

func (rm *room) today(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx, now := r.Context(), rm.Now()
	lists, err := v.Lists(ctx, accounts.Viewer)
	if err != nil {
		return err
	}
	ids, names := known(lists)
	d := view{Now: now, Name: v.Account.Name, Nothing: len(lists) == 0}
	waiting, err := rm.Campaigns.Agenda.Waiting(ctx, ids)
	if err != nil {
		return err
	}
	planned, err := rm.Campaigns.Agenda.Planned(ctx, ids, now, now.Add(ahead))
	if err != nil {
		return err
	}
	d.Days, d.Undated = timeline(waiting, planned, names, now, v.Zone())
	if d.Sending, err = rm.sending(ctx, ids, names); err != nil {
		return err
	}
	if d.Tasks, err = rm.tasks(ctx, v, waiting, d.Sending, now); err != nil {
		return err
	}
	sent, err := rm.Campaigns.Agenda.Sent(ctx, ids, now.Add(-behind))
	if err != nil {
		return err
	}
	// Those under way stand above, and to balance them is what costs.
	sent = slices.DeleteFunc(sent, func(c campaigns.Campaign) bool {
		return c.SendState == delivery.StateRunning || c.SendState == delivery.StatePaused
	})
	if d.Sent, err = rm.balances(ctx, sent[:min(len(sent), 12)], names); err != nil {
		return err
	}
	return v.Page(w, pages, "today.html", frame.Head{Title: "Today", Nav: "today", Styles: []string{"today.css"}}, d)
}

// sendingNow is the part of the first page that changes while something is being sent.
func (rm *room) sendingNow(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	lists, err := v.Lists(r.Context(), accounts.Viewer)
	if err != nil {
		return err
	}
	ids, names := known(lists)
	now, err := rm.sending(r.Context(), ids, names)
	if err != nil {
		return err
	}
	return v.Part(w, pages, "sending", now)
}

func known(lists []subscribers.List) (ids []int64, names map[int64]string) {
	names = map[int64]string{}
	for _, l := range lists {
		ids, names[l.ID] = append(ids, l.ID), l.Name
	}
	return ids, names
}

func (rm *room) sending(ctx context.Context, lists []int64, names map[int64]string) ([]progress, error) {
	list, err := rm.Campaigns.Agenda.Sending(ctx, lists)
	if err != nil {
		return nil, err
	}
	return rm.balances(ctx, list, names)
}

func (rm *room) balances(ctx context.Context, list []campaigns.Campaign, names map[int64]string) ([]progress, error) {
	var all []progress
	for _, c := range list {
		b, err := rm.Delivery.Balance(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, progress{c, names[c.ListID], b})
	}
	return all, nil
}

// timeline puts campaigns and planned editions in the order of their time, by day.
func timeline(waiting []campaigns.Campaign, planned []campaigns.PlannedEdition, names map[int64]string, now time.Time, zone *time.Location) (days []day, undated []entry) {
	var all []entry
	for i := range waiting {
		c := &waiting[i]
		e := entry{Campaign: c, ListName: names[c.ListID]}
		if c.SendAt == nil {
			undated = append(undated, e)
			continue
		}
		e.At = *c.SendAt
		e.Steps = steps(now, c.OpensAt, c.CutoffAt, c.ApprovalDue, c.SendAt)
		all = append(all, e)
	}
	for i := range planned {
		p := &planned[i]
		all = append(all, entry{Planned: p, ListName: names[p.Digest.ListID], At: p.At, Steps: steps(now, &p.Opens, nil, nil, &p.At)})
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	for _, e := range all {
		y, m, dd := e.At.In(zone).Date()
		start := time.Date(y, m, dd, 0, 0, 0, 0, zone)
		if n := len(days); n == 0 || !days[n-1].At.Equal(start) {
			days = append(days, day{At: start})
		}
		days[len(days)-1].Entries = append(days[len(days)-1].Entries, e)
	}
	return days, undated
}

func steps(now time.Time, opens, cutoff, approval, send *time.Time) (list []step) {
	for _, s := range []struct {
		name string
		at   *time.Time
	}{{"Draft opens", opens}, {"Stories until", cutoff}, {"Approval due", approval}, {"Send", send}} {
		if s.at != nil {
			list = append(list, step{Name: s.name, At: *s.at, Passed: !s.at.After(now)})
		}
	}
	for i := range list {
		if !list[i].Passed {
			list[i].Next = true
			break
		}
	}
	return list
}
