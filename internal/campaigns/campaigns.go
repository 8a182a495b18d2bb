// Package campaigns owns digests, which are recurring recipes, and campaigns, each one dated send to one list. It composes
// editions from stories, watches over their clock, has them approved by people, and launches them, after which the
// delivery room has them.
//
// A campaign is draft, in_review, approved, then launched; or it ends as skipped, cancelled or expired; or it is held until
// a person decides. Every change of a row raises its version, and every step that read an older version changes nothing,
// so that several processes and several people can work on one campaign.
package campaigns

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/appeals"
	"mailer/internal/articles"
	"mailer/internal/audience"
	"mailer/internal/db"
	"mailer/internal/delivery"
	"mailer/internal/dkim"
	"mailer/internal/errs"
	"mailer/internal/fetch"
	"mailer/internal/letters"
	"mailer/internal/links"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// Deps are the rooms and settings that campaigns are made with. All are needed, but for DKIM and Development.
type Deps struct {
	DB          *sqlx.DB
	Ring        *links.Ring
	DKIM        *dkim.Ring // keys that mail is signed with; nil where there are none
	Lists       *subscribers.Store
	Articles    *articles.Store
	Appeals     *appeals.Store
	Audience    *audience.Store
	Delivery    *delivery.Store
	Templates   *render.Templates
	Letters     *letters.Service
	URLs        links.URLs // where the public pages are
	MailDomain  string     // right side of Message-ID and List-Id
	LeaveByMail bool       // mail to the leave addresses at a list's envelope domain is read
	Development bool       // nothing leaves the machine: links to http://localhost are no fault
	Caution     Caution    // of every launch that does not say otherwise
	Now         func() time.Time
	Log         *slog.Logger

	// Approvers returns the e-mail addresses of those who may approve campaigns of a list; nil: nobody approves by mail.
	Approvers func(ctx context.Context, list int64) ([]string, error)
	Fetch     *fetch.Client // looks where links lead, before an approval; nil: they are not looked at
}

// Service is what people and the scheduler do with campaigns. It is safe for concurrent use.
type Service struct {
	Deps
	Digests *Digests
	Desk    *Desk
	Agenda  *Agenda
	Reviews *Reviews
}

// New returns the room on its dependencies.
func New(d Deps) *Service {
	s := &Service{Deps: d}
	s.Digests = &Digests{svc: s}
	s.Desk = NewDesk(s)
	s.Agenda = &Agenda{svc: s}
	s.Reviews = &Reviews{svc: s}
	return s
}

// States of a campaign.
const (
	Draft     = "draft"     // being composed or written
	InReview  = "in_review" // composed; a person should approve it
	Approved  = "approved"  // goes out at its time
	Launched  = "launched"  // the delivery room has it
	Skipped   = "skipped"   // did not go out, as the recipe says
	Held      = "held"      // a person decides
	Cancelled = "cancelled" // a person decided against it
	Expired   = "expired"   // nobody decided in time
)

// bySchedule stands in approved_by when the recipe sends without approval and nobody had approved.
const bySchedule = "schedule"

// Campaign is one dated send to one list.
type Campaign struct {
	ID          int64      `db:"id" json:"id"`
	Name        string     `db:"name" json:"name"`
	List        string     `db:"-" json:"list"` // slug
	ListID      int64      `db:"list_id" json:"list_id"`
	Digest      string     `db:"digest" json:"digest,omitempty"`
	DigestID    *int64     `db:"digest_id" json:"digest_id,omitempty"`
	TimeZone    string     `db:"time_zone" json:"time_zone,omitempty"` // of the digest
	Edition     string     `db:"edition" json:"edition"`               // 2026-11-22T07:00, or manual-… for one made by hand
	Template    string     `db:"template" json:"template"`
	Frequency   string     `db:"frequency" json:"frequency"` // whose it is: each, weekly or all; once launched, who it really went to
	State       string     `db:"state" json:"state"`
	Reason      string     `db:"reason" json:"reason,omitempty"` // of the state, for people
	Subject     string     `db:"subject" json:"subject"`
	Preheader   string     `db:"preheader" json:"preheader"`
	OpensAt     *time.Time `db:"opens_at" json:"opens_at,omitempty"`
	CutoffAt    *time.Time `db:"cutoff_at" json:"cutoff_at,omitempty"`
	ApprovalDue *time.Time `db:"approval_due_at" json:"approval_due_at,omitempty"`
	SendAt      *time.Time `db:"send_at" json:"send_at,omitempty"`
	ExpiresAt   *time.Time `db:"expires_at" json:"expires_at,omitempty"`
	NoApproval  string     `db:"no_approval" json:"no_approval"`
	LateSeconds int64      `db:"late_seconds" json:"late_seconds"`
	Late        string     `db:"late" json:"late"`
	DoubtPolicy string     `db:"doubt_policy" json:"doubt_policy"`
	MinStories  int        `db:"min_stories" json:"min_stories"`
	StoryCount  int        `db:"story_count" json:"story_count"`
	ContentHash []byte     `db:"content_hash" json:"-"`
	ComposedAt  *time.Time `db:"composed_at" json:"composed_at,omitempty"`
	ComposedTo  *time.Time `db:"composed_to" json:"composed_to,omitempty"`
	EditedBy    string     `db:"edited_by" json:"edited_by,omitempty"`
	EditedAt    *time.Time `db:"edited_at" json:"edited_at,omitempty"`
	ApprovedBy  string     `db:"approved_by" json:"approved_by,omitempty"`
	ApprovedAt  *time.Time `db:"approved_at" json:"approved_at,omitempty"`
	Approval    []byte     `db:"approved_hash" json:"-"`
	Forced      bool       `db:"forced" json:"forced,omitempty"`
	CheckedAt   *time.Time `db:"checked_at" json:"checked_at,omitempty"`
	CheckUntil  *time.Time `db:"check_until" json:"-"`
	LaunchedAt  *time.Time `db:"launched_at" json:"launched_at,omitempty"`
	CreatedBy   string     `db:"created_by" json:"created_by"`
	CreatedAt   time.Time  `db:"created_at" json:"created_at"`
	UpdatedAt   time.Time  `db:"updated_at" json:"updated_at"`
	Version     int        `db:"version" json:"version"`

	// How carefully it is launched; nil: as the service is set.
	UndoSeconds  *int64   `db:"undo_window" json:"undo_seconds,omitempty"`
	SlicePercent *float64 `db:"slice_percent" json:"first_slice,omitempty"`
	SliceWait    *int64   `db:"slice_wait" json:"slice_wait_seconds,omitempty"`

	Priority int `db:"priority" json:"priority"` // a higher one overtakes others at the next chunk

	// Which readers of the list it goes to: those in all of the one, and in none of the other.
	Segments         pq.StringArray `db:"segments" json:"segments,omitempty"`
	Exclude          pq.StringArray `db:"exclude" json:"exclude,omitempty"`
	ApprovedAudience []byte         `db:"approved_audience" json:"-"`
	OwnRule          []byte         `db:"own_rule" json:"-"`                                  // narrows it besides its segments; nil: nothing does
	ApprovedReaders  *int64         `db:"approved_readers" json:"approved_readers,omitempty"` // as a person confirmed them, where they were far from usual

	// Only Service.Campaign fills these.
	Blocks []render.Block    `db:"-" json:"blocks,omitempty"`
	Send   *delivery.Balance `db:"-" json:"send,omitempty"` // once launched

	// Once launched: running, paused, done, cancelled or expired.
	SendState  string `db:"-" json:"send_state,omitempty"`
	SendReason string `db:"-" json:"send_reason,omitempty"` // why it is paused, was cancelled or ran out
}

// byHand reports that no schedule made it.
func (c *Campaign) byHand() bool { return strings.HasPrefix(c.Edition, "manual-") }

// Startable returns an errs.Conflict where the state of the campaign does not let it be started any more.
func (c *Campaign) Startable() error {
	if c.open() || c.State == Held {
		return nil
	}
	return conflict(*c, "it can no longer be started")
}

// open reports that it may still go out by itself.
func (c *Campaign) open() bool { return c.State == Draft || c.State == InReview || c.State == Approved }

const selectCampaign = `SELECT c.id, c.name, c.list_id, coalesce(d.slug, '') AS digest, coalesce(d.time_zone, '') AS time_zone, c.digest_id, c.edition,
		c.template, c.frequency, c.state, c.reason, c.subject, c.preheader, c.opens_at, c.cutoff_at, c.approval_due_at, c.send_at, c.expires_at,
		c.no_approval, extract(epoch FROM c.late_by)::bigint AS late_seconds, c.late, c.doubt_policy, c.min_stories,
		(SELECT count(*) FROM campaign_stories s WHERE s.campaign_id = c.id) AS story_count,
		c.content_hash, c.composed_at, c.composed_to, c.edited_by, c.edited_at, c.approved_by, c.approved_at, c.approved_hash, c.forced,
		c.checked_at, c.check_until, c.launched_at, c.created_by, c.created_at, c.updated_at, c.version, c.undo_window, c.slice_percent, c.slice_wait, c.priority,
		coalesce(c.segments, ARRAY(SELECT jsonb_array_elements_text(CASE jsonb_typeof(d.recipe->'segments') WHEN 'array' THEN d.recipe->'segments' END))) AS segments,
		coalesce(c.exclude, ARRAY(SELECT jsonb_array_elements_text(CASE jsonb_typeof(d.recipe->'exclude') WHEN 'array' THEN d.recipe->'exclude' END))) AS exclude,
		c.approved_audience, c.approved_readers, c.own_rule
	FROM campaigns c LEFT JOIN digests d ON d.id = c.digest_id`

// Filter narrows a listing; zero fields do not narrow.
type Filter struct {
	List, Digest string // slugs
	State        string
	BeforeID     int64 // the page after the one that ended with this campaign
	Limit        int   // default 50, at most 500
}

// Campaigns lists campaigns, newest first, without their blocks.
func (s *Service) Campaigns(ctx context.Context, f Filter) ([]Campaign, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	var listID int64
	if f.List != "" {
		l, err := s.Lists.ListBySlug(ctx, f.List)
		if err != nil {
			return nil, err
		}
		listID = l.ID
	}
	list := []Campaign{}
	err := s.DB.SelectContext(ctx, &list, selectCampaign+`
		WHERE $1::bigint IN (0, c.list_id) AND $2 IN ('', d.slug) AND $3 IN ('', c.state) AND ($4::bigint = 0 OR c.id < $4)
		ORDER BY c.id DESC LIMIT $5`, listID, f.Digest, f.State, f.BeforeID, min(limit, 500))
	if err != nil {
		return nil, db.Err(err, "list campaigns")
	}
	if err := s.tellSends(ctx, list); err != nil {
		return nil, err
	}
	return list, s.nameLists(ctx, list)
}

// tellSends fills in where the sends of launched campaigns stand.
func (s *Service) tellSends(ctx context.Context, list []Campaign) error {
	var launched []int64
	for _, c := range list {
		if c.State == Launched {
			launched = append(launched, c.ID)
		}
	}
	states, err := s.Delivery.States(ctx, launched)
	if err != nil {
		return err
	}
	reasons, err := s.Delivery.Reasons(ctx, launched)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].SendState, list[i].SendReason = states[list[i].ID], reasons[list[i].ID]
	}
	return nil
}

// nameLists fills in the short names of the lists, which another room keeps.
func (s *Service) nameLists(ctx context.Context, list []Campaign) error {
	slugs, err := s.Lists.Slugs(ctx)
	for i := range list {
		list[i].List = slugs[list[i].ListID]
	}
	return err
}

// Campaign returns one campaign with its blocks and, once launched, where its send stands. Errors: NotFound.
func (s *Service) Campaign(ctx context.Context, id int64) (Campaign, error) {
	c, err := load(ctx, s.DB, id)
	if err != nil {
		return c, err
	}
	if c.Blocks, err = loadBlocks(ctx, s.DB, id); err != nil {
		return c, err
	}
	l, err := s.Lists.List(ctx, c.ListID)
	if err != nil {
		return c, err
	}
	c.List = l.Slug
	if c.State == Launched {
		b, err := s.Delivery.Balance(ctx, id)
		if err != nil {
			return c, err
		}
		c.Send, c.SendState, c.SendReason = &b, b.State, b.Reason
	}
	return c, nil
}

func load(ctx context.Context, q db.Q, id int64) (c Campaign, err error) {
	err = q.GetContext(ctx, &c, selectCampaign+` WHERE c.id = $1`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return c, errs.New(errs.NotFound, "there is no campaign %d", id)
	}
	return c, db.Err(err, "read campaign")
}

// auditName names a campaign in the audit log.
func auditName(id int64) string { return fmt.Sprintf("campaign %d", id) }
