package campaigns

import (
	"context"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
)

// Upcoming is an edition that a digest's schedule makes or has made, with the moments of its clock.
type Upcoming struct {
	Edition  string // nominal local time, 2026-11-22T07:00
	Day      string // of it
	At       time.Time
	Opens    time.Time
	Cutoff   time.Time
	Approval time.Time // due
	Skip     string    // why there is none; empty: there is
	Campaign int64     // 0: not made yet
	State    string    // of the campaign
	Moved    bool      // a person has given the campaign another time, which is At
}

// Upcoming returns the next editions of a digest, at most n, skipped days among them; none for a digest that is run by hand or
// stopped. Errors: NotFound.
func (g *Digests) Upcoming(ctx context.Context, slug string, n int) ([]Upcoming, error) {
	d, err := g.Get(ctx, slug)
	if err != nil {
		return nil, err
	}
	if !d.Active || d.Schedule == "" {
		return nil, nil
	}
	slots, err := NextSlots(d.Schedule, d.TimeZone, g.svc.Now(), n)
	if err != nil {
		return nil, err
	}
	var days, names []string
	for _, s := range slots {
		days, names = append(days, s.Day()), append(names, s.Nominal)
	}
	skips, err := skipsAmong(ctx, g.svc.DB, d, days)
	if err != nil {
		return nil, err
	}
	var made []Campaign
	if err := g.svc.DB.SelectContext(ctx, &made, selectCampaign+` WHERE c.digest_id = $1 AND c.edition = ANY ($2)`, d.ID, pq.Array(names)); err != nil {
		return nil, db.Err(err, "look for editions")
	}
	list := make([]Upcoming, len(slots))
	for i, s := range slots {
		t := clockOf(d.Recipe.Clock, s.At)
		list[i] = Upcoming{Edition: s.Nominal, Day: s.Day(), At: s.At, Opens: t.opens, Cutoff: t.cutoff, Approval: t.approvalDue, Skip: skips[s.Day()]}
		for _, c := range made {
			if c.Edition == s.Nominal {
				list[i].tell(c)
			}
		}
	}
	return list, nil
}

// tell fills in what is known of the campaign that an edition has become.
func (u *Upcoming) tell(c Campaign) {
	u.Campaign, u.State = c.ID, c.State
	if c.State == Skipped {
		u.Skip = c.Reason
	}
	if c.SendAt != nil && !c.SendAt.Equal(u.At) {
		u.Moved, u.At = true, *c.SendAt
	}
	for to, from := range map[*time.Time]*time.Time{&u.Opens: c.OpensAt, &u.Cutoff: c.CutoffAt, &u.Approval: c.ApprovalDue} {
		if from != nil {
			*to = *from
		}
	}
}

// NextSlots returns the next slots of a schedule, at most n, whether a digest has it or not. Errors: Invalid, of field schedule or time_zone.
func NextSlots(spec, zone string, after time.Time, n int) ([]Slot, error) {
	sched, err := ParseSchedule(spec, zone)
	if err != nil {
		return nil, err
	}
	var slots []Slot
	for range n {
		slot, ok := sched.Next(after)
		if !ok {
			break
		}
		slots, after = append(slots, slot), slot.At
	}
	return slots, nil
}

// DefaultRecipe is what a recipe says that says nothing, with one section over all stories.
func DefaultRecipe() Recipe {
	r := Recipe{Sections: []Section{{}}}
	r.fill(func(...string) bool { return false })
	return r
}

// Completed returns the recipe with a short name made of its name, and with the defaults of choices that are empty.
func (r Recipe) Completed() Recipe {
	sections := append([]Section{}, r.Sections...)
	for i := range sections {
		if sections[i].Max == 0 {
			sections[i].Max = -1 // written and not meant to be filled in
		}
	}
	r.Sections = sections
	r.fill(func(...string) bool { return true })
	for i := range r.Sections {
		if r.Sections[i].Max == -1 {
			r.Sections[i].Max = 0
		}
	}
	return r
}
