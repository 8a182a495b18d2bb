package campaigns

import (
	"testing"
	"time"
)

// TestDecide walks the whole edition clock of DESIGN section 7 without a database.
func TestDecide(t *testing.T) {
	send := utc(t, "2026-11-22 07:00")
	at := func(d time.Duration) *time.Time { v := send.Add(d); return &v }
	digest := int64(1)
	base := Campaign{ID: 1, DigestID: &digest, Edition: "2026-11-22T07:00", State: Draft, OpensAt: at(-2 * time.Hour), CutoffAt: at(-time.Hour),
		ApprovalDue: at(-15 * time.Minute), SendAt: at(0), ExpiresAt: at(24 * time.Hour), LateSeconds: 7200, Late: "hold", NoApproval: "hold"}
	final := func(c *Campaign) { c.ComposedAt, c.ComposedTo = at(-59*time.Minute), at(-time.Hour) }
	approved := func(c *Campaign) { final(c); c.State = Approved }
	checked := func(c *Campaign) { approved(c); c.CheckedAt = at(-time.Minute) }

	for name, tc := range map[string]struct {
		change func(c *Campaign)
		now    time.Duration // after the send time
		newer  bool
		want   step
	}{
		"before it opens":                {nil, -3 * time.Hour, false, stepNone},
		"opens":                          {nil, -2 * time.Hour, false, stepCompose},
		"composed a moment ago":          {func(c *Campaign) { c.ComposedAt, c.ComposedTo = at(-90*time.Minute), at(-90*time.Minute) }, -90*time.Minute + 30*time.Second, false, stepNone},
		"composed a while ago":           {func(c *Campaign) { c.ComposedAt, c.ComposedTo = at(-90*time.Minute), at(-90*time.Minute) }, -80 * time.Minute, false, stepCompose},
		"edited: never composed again":   {func(c *Campaign) { c.ComposedAt, c.EditedAt = at(-90*time.Minute), at(-85*time.Minute) }, -70 * time.Minute, false, stepNone},
		"cut-off":                        {func(c *Campaign) { c.ComposedAt, c.ComposedTo = at(-61*time.Minute), at(-61*time.Minute) }, -time.Hour, false, stepFinal},
		"after the cut-off":              {final, -50 * time.Minute, false, stepReview},
		"edited, after the cut-off":      {func(c *Campaign) { c.EditedAt = at(-70 * time.Minute) }, -50 * time.Minute, false, stepReview},
		"in review":                      {func(c *Campaign) { final(c); c.State = InReview }, -50 * time.Minute, false, stepNone},
		"in review, approval due":        {func(c *Campaign) { final(c); c.State = InReview }, -15 * time.Minute, false, stepUnapproved},
		"approved, waiting":              {approved, -10 * time.Minute, false, stepNone},
		"approved, two minutes left":     {approved, -2 * time.Minute, false, stepCheck},
		"someone is at the check":        {func(c *Campaign) { approved(c); c.CheckUntil = at(0) }, -time.Minute, false, stepNone},
		"whoever was at it died":         {func(c *Campaign) { approved(c); c.CheckUntil = at(-90 * time.Second) }, -time.Minute, false, stepCheck},
		"checked, waiting":               {checked, -30 * time.Second, false, stepNone},
		"checked, due":                   {checked, 0, false, stepLaunch},
		"SND-34 late within limits":      {checked, 5 * time.Minute, false, stepLaunch},
		"SND-34 late, check too old":     {checked, time.Hour, false, stepCheck},
		"SND-34 too late":                {checked, 2*time.Hour + time.Second, false, stepMissed},
		"SND-34 too late, never planned": {nil, 3 * time.Hour, false, stepFinal},
		"SND-34 too late, then composed": {final, 3 * time.Hour, false, stepMissed},
		"SND-34 too late, sent anyway":   {func(c *Campaign) { checked(c); c.Late = "send"; c.CheckedAt = at(3 * time.Hour) }, 3 * time.Hour, false, stepLaunch},
		"SND-34 a newer one is due":      {checked, time.Minute, true, stepSupersede},
		"by hand, a newer one is due":    {func(c *Campaign) { checked(c); c.Edition = "manual-1" }, time.Minute, true, stepLaunch},
		"expired":                        {checked, 24 * time.Hour, false, stepExpire},
		"held, waiting for a person":     {func(c *Campaign) { c.State = Held }, 3 * time.Hour, false, stepNone},
		"held, expired":                  {func(c *Campaign) { c.State = Held }, 24 * time.Hour, false, stepExpire},
		"launched":                       {func(c *Campaign) { c.State = Launched }, 25 * time.Hour, false, stepNone},
		"cancelled":                      {func(c *Campaign) { c.State = Cancelled }, 0, false, stepNone},
		"by hand without a time":         {func(c *Campaign) { *c = Campaign{Edition: "manual-1", State: Approved, LateSeconds: 1} }, 0, false, stepNone},
	} {
		t.Run(name, func(t *testing.T) {
			c := base
			if tc.change != nil {
				tc.change(&c)
			}
			if got := decide(&c, send.Add(tc.now), tc.newer); got != tc.want {
				t.Errorf("got %q; want %q", got, tc.want)
			}
		})
	}
}
