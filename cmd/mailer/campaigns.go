package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"mailer/internal/campaigns"
	"mailer/internal/delivery"
	"mailer/internal/errs"
)

type campaignsCmd struct {
	List     campaignListCmd     `cmd:"" default:"withargs" help:"Show campaigns, the newest first."`
	Show     campaignShowCmd     `cmd:"" help:"Show one campaign: content, problems, and where its send stands."`
	Create   campaignCreateCmd   `cmd:"" help:"Make a mail of a single story."`
	Edit     campaignEditCmd     `cmd:"" help:"Change subject, preheader or blocks of a campaign."`
	Preview  campaignPreviewCmd  `cmd:"" help:"Write the mail to files, as HTML, text and .eml."`
	Proof    campaignProofCmd    `cmd:"" help:"Send a test copy to one address."`
	Review   campaignReviewCmd   `cmd:"" help:"Hand a draft over for approval."`
	Approve  campaignApproveCmd  `cmd:"" help:"Let a campaign go out at its time, as it is now."`
	Schedule campaignScheduleCmd `cmd:"" help:"Set the time of the send."`
	Hold     campaignHoldCmd     `cmd:"" help:"Stop a campaign that has not started, until somebody decides."`
	Start    campaignStartCmd    `cmd:"" help:"Send a campaign now."`
	Pause    campaignPauseCmd    `cmd:"" help:"Stop a send; it takes effect within a message."`
	Resume   campaignResumeCmd   `cmd:"" help:"Go on with a paused send."`
	Cancel   campaignCancelCmd   `cmd:"" help:"End a campaign or its send for good."`
	Undo     campaignUndoCmd     `cmd:"" help:"Take a launch back, within its undo window."`
	Release  campaignReleaseCmd  `cmd:"" help:"Let the rest go without waiting for the first slice."`
	Doubts   campaignDoubtsCmd   `cmd:"" help:"Show the readers in doubt, and decide about them."`
	Report   campaignReportCmd   `cmd:"" help:"What came of a send: refusals, doubts, clicks on the appeal, leavers."`
	Archive  campaignArchiveCmd  `cmd:"" help:"Keep a campaign out of the public archive, or let it in again."`
	Outcomes campaignOutcomesCmd `cmd:"" help:"Show the readers who were not simply accepted, and why."`
}

func (campaignsCmd) Help() string {
	return `A campaign is one dated send to one list: an edition of a digest, or a mail of a single story. It is a draft, in review,
approved, then launched; or skipped, held, cancelled, expired.

Examples:
  mailer digests run morning                 compose an edition
  mailer campaigns preview 12 --output out   look at it
  mailer campaigns proof 12 editor@example.org
  mailer campaigns approve 12 && mailer campaigns schedule 12 "2026-11-22 07:00"
  mailer campaigns start 12                  or send it now
  mailer campaigns report 12`
}

type campaignListCmd struct {
	List   string `short:"l" help:"Only to this list."`
	Digest string `help:"Only of this digest."`
	State  string `enum:",draft,in_review,approved,launched,skipped,held,cancelled,expired" default:"" help:"Only in this state."`
	Limit  int    `default:"50" help:"How many."`
	Before int64  `placeholder:"ID" help:"Only those older than this one, for the next page."`
}

func (c *campaignListCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		all, err := a.campaigns.Campaigns(ctx, campaigns.Filter{List: c.List, Digest: c.Digest, State: c.State, Limit: c.Limit, BeforeID: c.Before})
		if err != nil {
			return err
		}
		return list(p, all, "There are no such campaigns.", []string{"ID", "LIST", "DIGEST", "EDITION", "STATE", "SEND AT", "SUBJECT", "BECAUSE"},
			func(cm campaigns.Campaign) []any {
				return []any{cm.ID, cm.List, cm.Digest, cm.Edition, stateOf(cm), cm.SendAt, shorten(cm.Subject, 60), because(cm)}
			})
	})
}

// because is why a campaign is in its state. It is never empty: a row without a last cell would not make room for its subject, and
// the reasons of others would stand anywhere.
func because(c campaigns.Campaign) string {
	return cmp.Or(shorten(cmp.Or(c.SendReason, c.Reason), 80), "-")
}

// stateOf is the state of the campaign, or of its send once it has one.
func stateOf(c campaigns.Campaign) string {
	switch c.SendState {
	case "":
		return c.State
	case "running":
		return "sending"
	case "done":
		return "sent"
	}
	return c.SendState
}

type campaignShowCmd struct {
	ID int64 `arg:"" help:"Which campaign."`
}

func (c *campaignShowCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		cm, err := a.campaigns.Campaign(ctx, c.ID)
		if err != nil {
			return err
		}
		out := struct {
			campaigns.Campaign
			Whom     campaigns.Whom      `json:"audience"`
			Problems []campaigns.Problem `json:"problems,omitempty"`
		}{Campaign: cm}
		if out.Whom, out.Problems, err = a.campaigns.Inspect(ctx, c.ID); err != nil {
			return err
		}
		whose, err := a.whoseNow(ctx, cm)
		if err != nil {
			return err
		}
		return p.show(out, func(w io.Writer) {
			writeCampaign(w, cm, whose)
			writeWhom(w, out.Whom)
			for _, pr := range out.Problems {
				fmt.Fprintf(w, "%s: %s\n", pr.Level, cell(pr.Message))
			}
		})
	})
}

// writeWhom says whom a campaign goes to, unless that is its whole list.
func writeWhom(w io.Writer, to campaigns.Whom) {
	if len(to.Segments)+len(to.Exclude) == 0 {
		return
	}
	readers := ""
	if to.Readers != nil {
		readers = fmt.Sprintf("%d of %d", *to.Readers, *to.Of)
	}
	pairs(w, "segments", strings.Join(to.Segments, ", "), "without", strings.Join(to.Exclude, ", "), "rule", to.Rule, "readers", readers)
}

// showCampaign prints a campaign and, for people, what may come next.
func showCampaign(p *program, c campaigns.Campaign, next string) error {
	return p.show(c, func(w io.Writer) {
		writeCampaign(w, c, whoseOf(c))
		if next != "" {
			fmt.Fprintf(w, "\n%s\n", next)
		}
	})
}

// nextSteps says what a person may do with a new campaign.
func nextSteps(c campaigns.Campaign) string {
	return fmt.Sprintf("Look at it: mailer campaigns preview %d\nSend it: mailer campaigns start %d", c.ID, c.ID)
}

func writeCampaign(w io.Writer, c campaigns.Campaign, whose string) {
	state := stateOf(c)
	if c.Reason != "" {
		state += ": " + c.Reason
	}
	pairs(w, "campaign", c.ID, "name", c.Name, "list", c.List, "digest", c.Digest, "edition", c.Edition, "state", state,
		"subject", c.Subject, "preheader", c.Preheader, "stories", c.StoryCount, "for", whose, "launched with", careOf(c), "send at", c.SendAt, "approved by", c.ApprovedBy,
		"launched", c.LaunchedAt)
	for _, b := range c.Blocks {
		for _, s := range b.Stories {
			title := shorten(s.Title, 80)
			if b.Topic != "" {
				title += " (topic " + b.Topic + ")"
			}
			pairs(w, b.Kind, title)
		}
		if b.Appeal != nil {
			pairs(w, b.Kind, shorten(b.Appeal.Heading, 80))
		}
	}
	if c.Send != nil {
		writeBalance(w, *c.Send)
	}
}

// whoseOf says whom a campaign is for by how often they want mail; nothing where that is everybody.
func whoseOf(c campaigns.Campaign) string {
	switch c.Frequency {
	case delivery.FrequencyEach:
		return "readers of each edition"
	case delivery.FrequencyWeekly:
		return "readers of the weekly edition"
	}
	return ""
}

// whoseNow is whoseOf, with what would become of those who chose weekly if the campaign were launched now.
func (a *app) whoseNow(ctx context.Context, c campaigns.Campaign) (string, error) {
	whose := whoseOf(c)
	if c.Frequency != delivery.FrequencyEach || c.LaunchedAt != nil {
		return whose, nil
	}
	weekly, err := a.campaigns.Digests.Weekly(ctx, c.ListID)
	if err == nil && !weekly {
		whose += ", and those who chose weekly: the list has no weekly digest now"
	}
	return whose, err
}

// careOf says what was set for the launch of this campaign; what was not set is as the service has it.
func careOf(c campaigns.Campaign) string {
	var parts []string
	if c.UndoSeconds != nil {
		parts = append(parts, fmt.Sprintf("an undo window of %s", time.Duration(*c.UndoSeconds)*time.Second))
	}
	if c.SlicePercent != nil {
		parts = append(parts, fmt.Sprintf("a first slice of %g%%", *c.SlicePercent))
	}
	if c.SliceWait != nil {
		parts = append(parts, fmt.Sprintf("a wait of %s after it", time.Duration(*c.SliceWait)*time.Second))
	}
	if c.Priority > 0 {
		parts = append(parts, "urgency")
	}
	return strings.Join(parts, ", ")
}

// writeBalance says where a send stands. Audience is the sum of all the others, always.
func writeBalance(w io.Writer, b delivery.Balance) {
	state := b.State
	if b.Reason != "" {
		state += ": " + b.Reason
	}
	audience := fmt.Sprint(b.Audience)
	if !b.AudienceComplete {
		audience += " so far"
	}
	pairs(w, "send", state, "audience", audience)
	for _, part := range []struct {
		name string
		n    int64
	}{
		{"queued", b.Queued}, {"claimed", b.Claimed}, {"accepted", b.Accepted}, {"deferred", b.Deferred}, {"failed", b.Failed},
		{"suppressed", b.Suppressed}, {"cancelled", b.Cancelled}, {"expired", b.Expired}, {"in doubt", b.Unknown},
	} {
		if part.n > 0 {
			pairs(w, part.name, part.n)
		}
	}
	pairs(w, "next try", b.NextDue)
}

type campaignCreateCmd struct {
	Story         int64  `required:"" placeholder:"ID" help:"Which story; see: mailer articles."`
	List          string `required:"" short:"l" help:"To which list."`
	Appeal        string `help:"Appeal after the story."`
	Topic         string `help:"Only for readers who want this topic of the list."`
	Subject       string `help:"Subject; default: the headline."`
	Preheader     string `help:"Preheader; default: the dek."`
	audienceFlags `group:""`
	At            string `placeholder:"TIME" help:"When to send it, such as \"2026-11-22 07:00\" in the list's time zone; default: when somebody starts it."`
}

// audienceFlags say which readers of the list a campaign is for.
type audienceFlags struct {
	Segment []string `placeholder:"NAME" help:"Only readers in this segment; several: in all of them."`
	Exclude []string `placeholder:"NAME" help:"No reader in this segment; several: in any of them."`
}

func (c *campaignCreateCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		n := campaigns.NewStory{List: c.List, ArticleID: c.Story, Appeal: c.Appeal, Topic: c.Topic, Subject: c.Subject, Preheader: c.Preheader, Segments: c.Segment, Exclude: c.Exclude}
		if c.At != "" {
			l, err := a.subscribers.ListBySlug(ctx, c.List)
			if err != nil {
				return err
			}
			at, err := parseWhen(c.At, l.TimeZone, time.Now())
			if err != nil {
				return err
			}
			n.SendAt = &at
		}
		cm, err := a.campaigns.CreateStory(ctx, n, p.who())
		if err != nil {
			return err
		}
		return showCampaign(p, cm, nextSteps(cm))
	})
}

// parseWhen reads a moment: with an offset as in RFC 3339, else as wall-clock time in the zone, or +2h from now.
func parseWhen(s, zone string, now time.Time) (time.Time, error) {
	if rest, ok := strings.CutPrefix(s, "+"); ok {
		if d, err := time.ParseDuration(rest); err == nil && d >= 0 {
			return now.Add(d), nil
		}
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return time.Time{}, errs.Wrap(err, errs.Invalid, "the time zone %q of the list is not known here", zone)
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errs.Field("time", "%q is not understood; write \"2026-11-22 07:00\" (in %s), 2026-11-22T07:00:00+01:00, or +2h", s, zone)
}

type campaignReviewCmd struct {
	ID int64 `arg:"" help:"Which campaign."`
}

func (c *campaignReviewCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		cm, err := a.campaigns.Review(ctx, c.ID, p.who())
		if err != nil {
			return err
		}
		return showCampaign(p, cm, "")
	})
}

type campaignApproveCmd struct {
	ID int64 `arg:"" help:"Which campaign."`
	assentFlags
}

// assentFlags are what a person says who approves or starts a campaign.
type assentFlags struct {
	Force   bool   `help:"Pass over warnings."`
	Readers string `placeholder:"NUMBER" help:"How many readers it goes to, where that is far more than usual: to show that you mean it."`
}

func (f assentFlags) assent(p *program) campaigns.Assent {
	return campaigns.Assent{Who: p.who(), Force: f.Force, Readers: f.Readers}
}

func (c *campaignApproveCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		cm, err := a.campaigns.Reviews.Approve(ctx, c.ID, c.assent(p))
		if err != nil {
			return err
		}
		return showCampaign(p, cm, "")
	})
}
