package campaigns

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"mailer/internal/audience"
	"mailer/internal/db"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// What is usual is the median of the last sendsBack sends, of at least fewest. An audience is far from it when it is farMore times as
// large, and not only by a few readers.
const (
	sendsBack = 20
	fewest    = 3
	farMore   = 2
	fewAtMost = 100

	countedUpTo = 50_000 // readers: of more the list's tally is taken, which knows pauses not at all and suppressions as of some hours ago
)

// checkUsual compares the audience of a campaign with that of the sends before it. One that is far larger goes out only when a
// person has typed how many readers that are: a segment that was left out, or an import into the wrong list, looks like that. n is
// the count where there is one.
func (r *Reviews) checkUsual(ctx context.Context, c Campaign, p *prepared, n *audience.Count) error {
	usual, err := r.usual(ctx, c)
	if err != nil || usual == 0 {
		return err
	}
	if n == nil {
		if n, err = r.count(ctx, c, p); err != nil || n == nil {
			return err
		}
	}
	p.usual, p.readers = usual, n.Readers
	switch {
	case n.Readers > usual*farMore && n.Readers-usual > fewAtMost:
		p.find(Problem{Level: Confirmed, Code: "unusual", Where: &Place{Part: "audience"},
			Message: "normally " + thousands(usual) + ", now " + thousands(n.Readers) + ": it goes to far more readers than usual",
			Advice:  "If that is right, type the number of readers, " + thousands(n.Readers) + ", to go on. If not, look at its segments and at the last imports."})
	case n.Readers > 0 && n.Readers*farMore < usual && usual-n.Readers > fewAtMost:
		p.find(Problem{Level: Noted, Code: "fewer", Where: &Place{Part: "audience"},
			Message: "normally " + thousands(usual) + ", now " + thousands(n.Readers) + ": it goes to far fewer readers than usual",
			Advice:  "Nothing stands in the way. If you did not mean that, look at its segments."})
	}
	return nil
}

// usual returns the median audience of the sends that a campaign is to be compared with, and 0 where there are too few: those of its
// digest, else those of its list that went to readers who hear as often, else those of its list.
func (r *Reviews) usual(ctx context.Context, c Campaign) (int64, error) {
	frequency, err := frequencyOf(ctx, r.svc.DB, c)
	if err != nil {
		return 0, err
	}
	for _, like := range [...]string{`digest_id = $2`, `frequency = $3`, `true`} {
		var ids []int64
		if err := r.svc.DB.SelectContext(ctx, &ids, `SELECT id FROM campaigns WHERE list_id = $1 AND state = 'launched' AND id <> $4 AND `+like+`
			AND $2::bigint IS NOT DISTINCT FROM $2 AND $3::text = $3 ORDER BY launched_at DESC, id DESC LIMIT $5`, c.ListID, c.DigestID, frequency, c.ID, sendsBack); err != nil {
			return 0, db.Err(err, "look for past sends")
		}
		found, err := r.svc.Delivery.Audiences(ctx, ids)
		if err != nil {
			return 0, err
		}
		if len(found) >= fewest {
			var sizes []int64
			for _, n := range found {
				sizes = append(sizes, n)
			}
			slices.Sort(sizes)
			return sizes[len(sizes)/2], nil
		}
	}
	return 0, nil
}

// count counts the readers of a campaign; nil where that takes too long, which it then says.
func (r *Reviews) count(ctx context.Context, c Campaign, p *prepared) (*audience.Count, error) {
	s := r.svc
	rule := p.aimed.rule
	if p.aimed.none() {
		everybody, err := s.Audience.Combine(ctx, nil, nil)
		if err != nil {
			return nil, err
		}
		if rule, err = s.Audience.Freeze(ctx, everybody, p.list, s.Now()); err != nil {
			return nil, err
		}
	}
	frequency, err := frequencyOf(ctx, s.DB, c)
	if err != nil {
		return nil, err
	}
	if frequency == delivery.FrequencyAll {
		frequency = ""
	}
	if p.aimed.none() && frequency == "" {
		// A large list is not counted each time that somebody looks at the review of a mail to all of it.
		tally, err := subscribers.NewTallies(s.DB, s.Now).Of(ctx, c.ListID)
		if err != nil {
			return nil, err
		}
		if n := tally.Readers(); tally.LookedAt != nil && n > countedUpTo {
			return &audience.Count{Readers: n, Of: n}, nil
		}
	}
	n, err := s.Audience.Count(ctx, rule, frequency)
	if errs.KindOf(err) == errs.Unavailable && ctx.Err() == nil {
		p.add(Noted, "audience", "how many readers it goes to is not known: %s", errs.Public(err))
		return nil, nil
	}
	return &n, err
}

// confirms reports whether what a person typed is the number of readers. It may be a tenth off: readers come and go between the look
// and the word.
func confirms(typed string, readers int64) bool {
	n, ok := typedNumber(typed)
	return ok && max(n-readers, readers-n) <= readers/10
}

// typedNumber reads a number as people type it, with whatever they put between thousands.
func typedNumber(typed string) (n int64, ok bool) {
	digits := strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) || strings.ContainsRune(",.'’_", c) {
			return -1
		}
		return c
	}, typed)
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}
