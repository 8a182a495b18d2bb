package today

import (
	"context"
	"fmt"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/web/admin/frame"
)

// soon is how long before an approval is due the first page asks for it.
const soon = 24 * time.Hour

// tasks are what needs a person who may do it, the most urgent first.
func (rm *room) tasks(ctx context.Context, v *frame.Visit, waiting []campaigns.Campaign, sending []progress, now time.Time) (list []task, err error) {
	for _, p := range sending {
		if p.Balance.State == "paused" {
			list = append(list, task{"bad", "Paused: " + title(p.Campaign), p.Balance.Reason, send(p.Campaign.ID), "Look at it", nil})
		}
	}
	for _, c := range waiting {
		switch {
		case c.State == campaigns.Held:
			list = append(list, task{"bad", "Held: " + title(c), c.Reason, review(c.ID), "Decide", c.SendAt})
		case !v.Can(c.ListID, accounts.Editor):
		case c.State != campaigns.Approved && c.ApprovalDue != nil && c.ApprovalDue.Before(now.Add(soon)) && (c.OpensAt == nil || c.OpensAt.Before(now)):
			text := "Not approved yet. Without approval it is held."
			switch c.NoApproval {
			case "send":
				text = "Goes out at its time also without approval."
			case "skip":
				text = "Not approved yet. Without approval it is skipped."
			}
			list = append(list, task{"warn", "Approve: " + title(c), text, review(c.ID), "Review", c.ApprovalDue})
		case c.State == campaigns.InReview && c.SendAt == nil:
			list = append(list, task{"warn", "Approve: " + title(c), "It was handed over for approval and has no time yet.", review(c.ID), "Review", nil})
		}
	}
	for _, p := range sending {
		if p.Balance.Unknown > 0 {
			list = append(list, task{"warn", "In doubt: " + title(p.Campaign), fmt.Sprintf("Of %d readers it is not known whether they have the mail; you decide.", p.Balance.Unknown), send(p.Campaign.ID), "Decide", nil})
		}
	}
	if v.Account.Anywhere() < accounts.Writer {
		return list, nil
	}
	feeds, err := rm.Articles.Feeds(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range feeds {
		if f.FailingSince != nil && f.Failures > 1 {
			list = append(list, task{"warn", "Feed fails: " + f.Slug, f.LastError, "/admin/feeds", "See feeds", f.FailingSince})
		}
	}
	return list, nil
}

// title names a campaign for people.
func title(c campaigns.Campaign) string {
	if c.Subject != "" {
		return c.Subject
	}
	return c.Name
}

func review(id int64) string { return fmt.Sprintf("/admin/campaigns/%d/review", id) }
func send(id int64) string   { return fmt.Sprintf("/admin/campaigns/%d/send", id) }
