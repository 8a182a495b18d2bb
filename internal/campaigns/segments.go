package campaigns

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audience"
	"mailer/internal/db"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// Whom is which readers of its list a campaign goes to.
type Whom struct {
	Segments []string `json:"segments,omitempty"` // in all of these
	Exclude  []string `json:"exclude,omitempty"`  // in none of these
	Rule     string   `json:"rule"`               // what these say together, for people; once launched, as it was then
	Readers  *int64   `json:"readers,omitempty"`  // how many that are now; nil: not counted, since it has been launched
	Of       *int64   `json:"of,omitempty"`       // who of the list hears this often
}

// aimed is a campaign's audience as its segments are now.
type aimed struct {
	rule audience.Frozen
	hash []byte // of their names and rules, nil when there are none; an approval is bound to it
}

// aim combines the segments of a campaign into one rule, and freezes it. Errors: Invalid where a segment, or what it names, does not
// exist (any more).
func (s *Service) aim(ctx context.Context, c Campaign, l subscribers.List) (a aimed, err error) {
	if len(c.Segments) == 0 && len(c.Exclude) == 0 && c.OwnRule == nil {
		return a, nil
	}
	rule, err := s.Audience.Combine(ctx, c.Segments, c.Exclude)
	if err != nil {
		return a, err
	}
	if c.OwnRule != nil {
		own, err := audience.UnmarshalRule(c.OwnRule)
		if err != nil {
			return a, errs.Wrap(err, errs.Internal, "read whom campaign %d is for", c.ID)
		}
		rule = rule.And(own)
	}
	if a.rule, err = s.Audience.Freeze(ctx, rule, l, s.Now()); err != nil {
		return a, err
	}
	a.rule.Segments, a.rule.Exclude = c.Segments, c.Exclude
	data, err := json.Marshal([]any{c.Segments, c.Exclude, rule})
	if err != nil {
		return a, errs.Wrap(err, errs.Internal, "hash the audience")
	}
	sum := sha256.Sum256(data)
	a.hash = sum[:]
	return a, nil
}

// none reports that the campaign has no segments: it goes to the whole list.
func (a *aimed) none() bool { return a.hash == nil }

// marshal returns the rule as a send keeps it. A campaign with segments never goes out without.
func (a *aimed) marshal(c Campaign) ([]byte, error) {
	if a.none() && (len(c.Segments)+len(c.Exclude) > 0 || c.OwnRule != nil) {
		return nil, errs.New(errs.Internal, "the segments of campaign %d were not looked at", c.ID)
	} else if a.none() {
		return nil, nil
	}
	return a.rule.Marshal()
}

// checkAudience resolves the segments of a campaign; what is wrong with them stands in the way of it.
func (s *Service) checkAudience(ctx context.Context, c Campaign, p *prepared) (err error) {
	p.aimed, err = s.aim(ctx, c, p.list)
	if errs.KindOf(err) == errs.Invalid {
		p.add(Refused, "segments", "its segments: %s", errs.Public(err))
		return nil
	}
	return err
}

// countAudience counts the readers of a campaign with segments, for a person to look at. One that would go to nobody has to be
// forced. A launch by the clock counts nothing: an edition for which nobody qualifies today is over at once.
func (s *Service) countAudience(ctx context.Context, c Campaign, p *prepared) (*audience.Count, error) {
	if p.aimed.none() {
		return nil, nil
	}
	frequency, err := frequencyOf(ctx, s.DB, c)
	if err != nil {
		return nil, err
	}
	if frequency == delivery.FrequencyAll {
		frequency = ""
	}
	n, err := s.Audience.Count(ctx, p.aimed.rule, frequency)
	if errs.KindOf(err) == errs.Unavailable && ctx.Err() == nil {
		p.add(Noted, "audience", "how many readers it goes to is not known: %s", errs.Public(err))
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if n.Readers == 0 {
		p.add(Warned, "audience", "it goes to nobody: none of the %s readers are in its audience", thousands(n.Of))
	} else {
		p.add(Noted, "audience", "it goes to %s of %s readers", thousands(n.Readers), thousands(n.Of))
	}
	unknown, err := s.Audience.Unknown(ctx, p.aimed.rule)
	if err != nil {
		return nil, err
	}
	for _, name := range unknown {
		p.add(Noted, "attribute", "no reader of the list has the attribute %q that its segments ask for", name)
	}
	return &n, nil
}

// Inspect returns whom a campaign goes to and, unless it was launched, what Preflight finds. Errors: NotFound.
func (s *Service) Inspect(ctx context.Context, id int64) (Whom, []Problem, error) {
	c, err := load(ctx, s.DB, id)
	if err != nil {
		return Whom{}, nil, err
	}
	if c.State == Launched {
		w, err := s.whom(ctx, c, &prepared{})
		return w, nil, err
	}
	p, err := s.prepare(ctx, c)
	if err != nil {
		return Whom{}, nil, err
	}
	w, err := s.whom(ctx, c, &p)
	if err == nil {
		err = s.Reviews.look(ctx, c, &p, w.count())
	}
	return w, append([]Problem{}, p.problems...), err
}

// whom says whom a campaign goes to whose segments have been looked at; what it finds goes to the problems.
func (s *Service) whom(ctx context.Context, c Campaign, p *prepared) (Whom, error) {
	w := Whom{Segments: c.Segments, Exclude: c.Exclude, Rule: "everybody"}
	if c.State == Launched {
		rule, err := s.Delivery.Rule(ctx, c.ID)
		if err != nil || rule == nil {
			return w, err
		}
		f, err := audience.UnmarshalFrozen(rule)
		w.Rule = f.Rule.String()
		return w, err
	}
	if p.aimed.none() {
		return w, nil
	}
	w.Rule = p.aimed.rule.Rule.String()
	n, err := s.countAudience(ctx, c, p)
	if n != nil {
		w.Readers, w.Of = &n.Readers, &n.Of
	}
	return w, err
}

// strayed says why a campaign may not go out with the approval that it has, or nothing.
func (p *prepared) strayed(c Campaign) string {
	switch {
	case !bytes.Equal(p.hash, c.Approval):
		return "what its list says of itself was changed after the approval; look at it and approve again"
	case !bytes.Equal(p.aimed.hash, c.ApprovedAudience):
		return "whom it goes to was changed after the approval, by a change of its segments; look at it and approve again"
	}
	return ""
}

// checkSegments refuses names of segments that cannot be meant.
func checkSegments(segments, exclude []string) error {
	for field, names := range map[string][]string{"segments": segments, "exclude": exclude} {
		for _, name := range names {
			if !slugRE.MatchString(name) || len(name) > 50 {
				return errs.Field(field, "%q is not the short name of a segment", name)
			}
		}
	}
	for _, name := range exclude {
		if slices.Contains(segments, name) {
			return errs.Field("exclude", "the segment %q stands in segments too, so nobody would be left", name)
		}
	}
	return nil
}

// holdSegments sees to it that segments stay until the caller's transaction, which names them, ends.
func (s *Service) holdSegments(ctx context.Context, q db.Q, segments, exclude []string) error {
	if len(segments)+len(exclude) == 0 {
		return nil
	}
	if err := s.Audience.Hold(ctx, q, "segments", segments); err != nil {
		return err
	}
	return s.Audience.Hold(ctx, q, "exclude", exclude)
}

// thousands writes a number as 1,234,567.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// editAudience changes whom a campaign goes to, in the transaction of an edit. Once a person has said so it does not follow its
// digest's recipe any more.
func (s *Service) editAudience(ctx context.Context, tx *sqlx.Tx, c Campaign, e Edit) error {
	if e.Segments == nil && e.Exclude == nil {
		return nil
	}
	segments, exclude := []string(c.Segments), []string(c.Exclude)
	if e.Segments != nil {
		segments = *e.Segments
	}
	if e.Exclude != nil {
		exclude = *e.Exclude
	}
	if err := checkSegments(segments, exclude); err != nil {
		return err
	}
	if err := s.holdSegments(ctx, tx, segments, exclude); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE campaigns SET segments = $2, exclude = $3, approved_audience = NULL WHERE id = $1`, c.ID,
		pq.Array(append([]string{}, segments...)), pq.Array(append([]string{}, exclude...)))
	return db.Err(err, "change the audience")
}
