package campaigns

import "time"

// step is what the clock asks for next of a campaign.
type step string

const (
	stepNone       step = ""
	stepExpire     step = "expire"     // nobody decided in time
	stepSupersede  step = "supersede"  // a newer edition was due before this one could go
	stepCompose    step = "compose"    // stories still come in
	stepFinal      step = "final"      // the cut-off has come: compose for the last time
	stepMissed     step = "missed"     // the send time was missed by more than late_by
	stepReview     step = "review"     // composed for good: a person should approve it
	stepUnapproved step = "unapproved" // the time for approval is over
	stepCheck      step = "check"      // re-read the stories just before the send
	stepLaunch     step = "launch"
)

// Stories are re-read up to checkAhead before the send, so that the send itself begins on time; a check older than
// checkHolds is made again.
const (
	checkAhead = 2 * time.Minute
	checkHolds = 10 * time.Minute
)

// decide says what is to be done with a campaign at a moment. newer says that a newer edition of its digest is due too.
// It is the whole edition clock: everything else only carries out what it says.
func decide(c *Campaign, now time.Time, newer bool) step {
	reached := func(t *time.Time) bool { return t != nil && !now.Before(*t) }
	switch {
	case reached(c.ExpiresAt) && (c.open() || c.State == Held):
		return stepExpire
	case !c.open() || c.SendAt == nil:
		return stepNone
	case reached(c.SendAt) && newer && !c.byHand():
		return stepSupersede
	}
	if c.State == Draft && c.EditedAt == nil && c.CutoffAt != nil && c.DigestID != nil {
		switch {
		case reached(c.CutoffAt) && (c.ComposedTo == nil || c.ComposedTo.Before(*c.CutoffAt)):
			return stepFinal // before missed: a person who is to decide needs something to look at
		case !reached(c.CutoffAt) && reached(c.OpensAt) && (c.ComposedAt == nil || now.Sub(*c.ComposedAt) >= recompose):
			return stepCompose
		}
	}
	switch {
	case reached(c.SendAt) && now.Sub(*c.SendAt) > time.Duration(c.LateSeconds)*time.Second && c.Late != "send":
		return stepMissed
	case c.State == Draft && reached(c.CutoffAt):
		return stepReview
	case c.State != Approved && reached(c.ApprovalDue):
		return stepUnapproved
	case c.State != Approved:
		return stepNone
	}
	checked := c.CheckedAt != nil && now.Sub(*c.CheckedAt) < checkHolds
	soon := c.SendAt.Add(-checkAhead)
	switch {
	case !checked && reached(&soon) && (c.CheckUntil == nil || reached(c.CheckUntil)):
		return stepCheck
	case checked && reached(c.SendAt):
		return stepLaunch
	}
	return stepNone
}
