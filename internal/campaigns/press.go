package campaigns

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"mailer/internal/letters"
	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// appealGroup is the optional group of a message that appeals stand in. Supporters get none of it.
const (
	appealGroup     = render.DefaultAppealGroup
	everyoneGroups  = uint64(1) << appealGroup
	supporterGroups = uint64(0)
)

// printed is a campaign rendered and compiled.
type printed struct {
	out      render.Output
	marks    *message.Marks
	compiled *message.Compiled
}

// purpose is what a campaign is printed for.
type purpose int

const (
	forSend    purpose = iota
	forPreview         // links that count or change something lead nowhere
	forProof           // likewise, marked as a proof, and a single mail
)

// print renders a campaign and compiles it to a message that bears the moment at. Errors are Invalid where the content is
// at fault.
func (s *Service) print(c Campaign, ct content, g grouping, l subscribers.List, at time.Time, p purpose, force bool) (printed, error) {
	return s.printWith("", c, ct, g, l, at, p, force)
}

// printWith is print of a proof with an address at which it can be approved or held.
func (s *Service) printWith(review string, c Campaign, ct content, g grouping, l subscribers.List, at time.Time, p purpose, force bool) (printed, error) {
	key := s.Ring.Current()
	zone, err := loadZone(l.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	day := s.dayOf(c, l, at)
	rc := render.Content{List: letters.List(l), Template: c.Template, Subject: ct.Subject, Preheader: ct.Preheader, Date: day,
		Blocks: make([]render.Block, len(ct.Blocks)), LeaveBase: s.URLs.LeaveBase(), PreferencesBase: s.URLs.PreferencesBase(), AppealGroup: appealGroup, Groups: g.Groups, Proof: p == forProof, ReviewURL: review}
	copy(rc.Blocks, ct.Blocks)
	if p == forSend {
		view := s.Ring.ViewToken(key, links.View{Campaign: c.ID})
		rc.ViewURL, rc.CanaryURL = s.URLs.View(view), s.URLs.Canary(view)
		for i, b := range rc.Blocks {
			if b.Appeal != nil {
				a := *b.Appeal
				a.URL = s.URLs.Gift(s.Ring.GiftToken(key, links.Gift{Campaign: c.ID, Variant: a.VariantID}))
				rc.Blocks[i].Appeal = &a
			}
		}
	}
	pr := printed{marks: message.NewMarks(rand.Text())}
	if pr.out, err = s.Templates.Render(rc, pr.marks); err != nil {
		return pr, err
	}
	d := message.Draft{Campaign: c.ID, Key: key, Domain: s.MailDomain, DKIM: s.DKIM.Stamp(l.FromAddress, at), FromName: l.FromName, FromAddress: l.FromAddress, ReplyTo: l.ReplyTo,
		Subject: ct.Subject, Date: at.In(zone).Truncate(time.Second), Bulk: true, ListName: l.Name, ListLabel: s.listLabel(l),
		FeedbackID: s.feedbackID(c, l), LeaveBase: s.URLs.LeaveBase(), Marks: pr.marks, HTML: pr.out.HTML, Text: pr.out.Text, Force: force}
	if s.LeaveByMail {
		d.LeaveAt = l.EnvelopeDomain
	}
	if p == forProof {
		d.Campaign, d.Bulk, d.Subject = 0, false, "[Proof] "+ct.Subject
	}
	pr.compiled, err = message.Compile(d)
	return pr, err
}

// dayOf is the day that a mail made at a moment bears: that of its edition, where the digest is.
func (s *Service) dayOf(c Campaign, l subscribers.List, at time.Time) time.Time {
	if c.SendAt != nil {
		at = *c.SendAt
	}
	for _, name := range [...]string{c.TimeZone, l.TimeZone} {
		if zone, err := loadZone(name); err == nil && name != "" {
			return at.In(zone)
		}
	}
	return at.UTC()
}

// listLabel names a list in List-Id (RFC 2919); it never changes, whatever the list comes to be called.
func (s *Service) listLabel(l subscribers.List) string {
	return message.ListLabel(l.Slug, s.MailDomain)
}

// feedbackID tells Gmail's feedback loop which campaign, list and sender a complaint is about, and nothing of the reader.
func (s *Service) feedbackID(c Campaign, l subscribers.List) string {
	sum := sha256.Sum256([]byte(s.MailDomain))
	sender := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:10]
	return fmt.Sprintf("%d:%s:%s:m%s", c.ID, l.Slug, c.Template, sender)
}
