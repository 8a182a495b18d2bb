package audience

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"

	"github.com/lib/pq"
)

// Frozen is a rule for one list at one moment: all that it names is resolved, so that nothing which is edited later changes
// whom it means. What the readers themselves are (their attributes, lists, topics) is looked at when it is asked.
type Frozen struct {
	Version  int       `json:"version"` // of this form
	Rule     Rule      `json:"rule"`
	List     int64     `json:"list"`
	Language string    `json:"language"` // of the list, which readers without a choice of their own get
	Zone     string    `json:"zone"`     // of the list, in which its days begin
	At       time.Time `json:"at"`       // from which "in the last 30 days" counts back

	Lists  map[string]int64            `json:"lists,omitempty"`  // by slug
	Topics map[string]map[string]int64 `json:"topics,omitempty"` // bit masks by slugs of list ("": List) and topic
	Last   map[string][]int64          `json:"last,omitempty"`   // campaigns by slug of the list ("": List), the newest first
	// Stories are the campaigns that had carried a story, by its number.
	Stories map[string][]int64 `json:"stories,omitempty"`

	Segments []string `json:"segments,omitempty"` // what it was made of, for people
	Exclude  []string `json:"exclude,omitempty"`
}

// frozenVersion is the form that this program writes and reads.
const frozenVersion = 1

// Everybody reports that the rule leaves nobody out.
func (f Frozen) Everybody() bool { return f.Rule.Test != nil && f.Rule.Test.Field == fieldEverybody }

// Marshal returns the rule as the send keeps it, nil when it leaves nobody out.
func (f Frozen) Marshal() ([]byte, error) {
	if f.Everybody() {
		return nil, nil
	}
	data, err := json.Marshal(f)
	return data, errs.Wrap(err, errs.Internal, "keep the rule of the audience")
}

// UnmarshalFrozen reads what Marshal made. It refuses what a newer program wrote, rather than mail to the wrong people.
func UnmarshalFrozen(data []byte) (Frozen, error) {
	var f Frozen
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil || f.Version != frozenVersion {
		return Frozen{}, errs.Wrap(errors.Join(err, errors.New("of another version")), errs.Internal, "read the rule of an audience")
	}
	return f, errs.Wrap(f.Rule.check(), errs.Internal, "read the rule of an audience")
}

// Freeze resolves what a rule names, for a list as it is now. Errors: Invalid, with a sentence that names what does not exist.
func (s *Store) Freeze(ctx context.Context, r Rule, l subscribers.List, at time.Time) (Frozen, error) {
	f := Frozen{Version: frozenVersion, Rule: r, List: l.ID, Language: l.Language, Zone: l.TimeZone, At: at.UTC().Truncate(time.Second)}
	err := r.each(func(t *Test) error { return s.resolve(ctx, &f, t) })
	return f, err
}

// each calls do for every test of a rule.
func (r Rule) each(do func(t *Test) error) error {
	if r.Test != nil {
		return do(r.Test)
	}
	if r.Not != nil {
		return r.Not.each(do)
	}
	for _, list := range [][]Rule{r.All, r.Any} {
		for _, sub := range list {
			if err := sub.each(do); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) resolve(ctx context.Context, f *Frozen, t *Test) error {
	list := f.List
	slug := t.List
	if t.Field == fieldList {
		slug = t.Name
	}
	if slug != "" {
		var err error
		if list, err = s.listID(ctx, slug); err != nil {
			return err
		}
		if f.Lists == nil {
			f.Lists = map[string]int64{}
		}
		f.Lists[slug] = list
	}
	switch {
	case t.Field == fieldTopic:
		topic, err := s.lists.Topics.Find(ctx, list, t.Name)
		if errs.KindOf(err) == errs.NotFound {
			l, err := s.lists.List(ctx, list)
			if err != nil {
				return err
			}
			return errs.Field("rule", "the list %s has no topic %q; see: mailer topics %s", l.Slug, t.Name, l.Slug)
		} else if err != nil {
			return err
		}
		if f.Topics == nil {
			f.Topics = map[string]map[string]int64{}
		}
		if f.Topics[slug] == nil {
			f.Topics[slug] = map[string]int64{}
		}
		f.Topics[slug][t.Name] = int64(topic.Mask())
	case t.Op == opStory:
		if f.Stories == nil {
			f.Stories = map[string][]int64{}
		}
		ids := []int64{}
		err := s.db.SelectContext(ctx, &ids, `SELECT campaign_id FROM carried_stories WHERE article_id = $1::bigint ORDER BY campaign_id`, t.Number)
		if err != nil {
			return db.Err(err, "look for the campaigns of a story")
		}
		f.Stories[t.Number] = ids
	case t.Op == opAnyOfLast:
		if f.Last == nil {
			f.Last = map[string][]int64{}
		}
		if _, known := f.Last[slug]; known {
			return nil
		}
		ids := []int64{}
		err := s.db.SelectContext(ctx, &ids, `SELECT campaign_id FROM past_sends WHERE list_id = $1
			ORDER BY launched_at DESC, campaign_id DESC LIMIT $2`, list, maxLast)
		if err != nil {
			return db.Err(err, "look for the last campaigns")
		}
		f.Last[slug] = ids
	}
	return nil
}

func (s *Store) listID(ctx context.Context, slug string) (int64, error) {
	l, err := s.lists.ListBySlug(ctx, slug)
	if errs.KindOf(err) == errs.NotFound {
		return 0, errs.Field("rule", "there is no list %q; see: mailer lists", slug)
	}
	return l.ID, err
}

// Check looks at what a rule names before it is saved or tried: lists, campaigns and providers have to exist, topics of a list that
// it names too. A topic of "the list of the send" is known only when it is used. Errors: Invalid, with what there is.
func (s *Store) Check(ctx context.Context, r Rule) error {
	return r.each(func(t *Test) error {
		if t.Field == fieldProvider {
			return checkProviders(t.Values)
		}
		var list int64
		for _, slug := range []string{t.List, map[bool]string{true: t.Name}[t.Field == fieldList]} {
			if slug == "" {
				continue
			}
			var err error
			if list, err = s.listID(ctx, slug); err != nil {
				return err
			}
		}
		if t.Field == fieldTopic && list != 0 {
			return s.resolve(ctx, &Frozen{}, t)
		}
		if t.Op == opStory {
			if err := s.resolve(ctx, &Frozen{}, t); err != nil {
				return err
			}
		}
		if t.Op != opAnyOf {
			return nil
		}
		var unknown []int64
		err := s.db.SelectContext(ctx, &unknown, `SELECT id FROM unnest($1::bigint[]) AS id WHERE NOT EXISTS (SELECT FROM past_sends p WHERE p.campaign_id = id)`,
			pq.Array(t.Campaigns))
		if err != nil {
			return db.Err(err, "look for campaigns")
		}
		if len(unknown) > 0 {
			return errs.Field("rule", "campaign %d has not been sent; see: mailer campaigns", unknown[0])
		}
		return nil
	})
}

// checkProviders refuses what no reader can have.
func checkProviders(names []string) error {
	known := subscribers.Providers()
	for _, name := range names {
		if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
			return errs.Field("rule", "there is no provider %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}
