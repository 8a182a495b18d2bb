package campaigns

import (
	"context"
	"slices"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Listing is the list of campaigns as people look through it.
type Listing struct{ svc *Service }

// NewListing returns the listing of a service's campaigns.
func NewListing(s *Service) *Listing { return &Listing{s} }

// AnyWaiting is a state to list by: all those in which something is still to come.
const AnyWaiting = "waiting"

// listable are the states to list by, with what they mean.
var listable = map[string][]string{
	AnyWaiting: {Draft, InReview, Approved, Held},
	Draft:      {Draft}, InReview: {InReview}, Approved: {Approved}, Held: {Held},
	Launched: {Launched}, Skipped: {Skipped}, Cancelled: {Cancelled}, Expired: {Expired},
}

// ListStates are the states that campaigns can be listed by, in the order of a campaign's life.
var ListStates = []string{AnyWaiting, Draft, InReview, Approved, Held, Launched, Skipped, Cancelled, Expired}

// ListFilter says which campaigns to list.
type ListFilter struct {
	Lists    []int64 // to these lists only; none: nothing
	State    string  // one of ListStates; empty: all
	BeforeID int64   // the page after the one that ended with this campaign
	Limit    int     // default 50, at most 200
}

// Campaigns returns campaigns, newest first, without their blocks; more says that others follow. Errors: Invalid for a state that
// there is none of.
func (l *Listing) Campaigns(ctx context.Context, f ListFilter) (list []Campaign, more bool, err error) {
	states := listable[f.State]
	if f.State != "" && states == nil {
		return nil, false, errs.Field("state", "there is no state %q", f.State)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, 200)
	list = []Campaign{}
	err = l.svc.DB.SelectContext(ctx, &list, selectCampaign+`
		WHERE c.list_id = ANY ($1) AND ($2 OR c.state = ANY ($3)) AND ($4::bigint = 0 OR c.id < $4) ORDER BY c.id DESC LIMIT $5`,
		pq.Array(f.Lists), f.State == "", pq.Array(states), f.BeforeID, limit+1)
	if err != nil {
		return nil, false, db.Err(err, "list campaigns")
	}
	if more = len(list) > limit; more {
		list = slices.Clip(list[:limit])
	}
	if err := l.svc.tellSends(ctx, list); err != nil {
		return nil, false, err
	}
	return list, more, l.svc.nameLists(ctx, list)
}

// Writable reports that the content may still be changed, as far as the state goes.
func (c *Campaign) Writable() bool { return c.open() || c.State == Held }
