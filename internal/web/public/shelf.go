package public

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

const (
	shelfFor  = 20 * time.Second // so long what the database said of an archive is believed
	shelfWait = 3 * time.Second  // so long the database is waited for; then what it said before is shown again
	perPage   = 20               // campaigns on a page of the list, and in a feed
)

// past is the archive as this process keeps it.
type past struct {
	src  *campaigns.Archive                                  // nil: there is none
	page func(ctx context.Context, id int64) (string, error) // the stored page of a campaign
	base string
	log  *slog.Logger
	now  func() time.Time
	kept kept

	asking  singleflight.Group
	mu      sync.Mutex
	open    map[string]subscribers.List // lists whose archive is open, by slug
	asked   time.Time                   // when the database said so
	shelves map[int64]*shelf
}

// shelf is what the archive of a list has.
type shelf struct {
	list    subscribers.List
	past    []campaigns.Past // the newest first
	at      map[string]int   // place in past by the last part of the address
	version string           // of all of it
	changed time.Time        // when this process first saw this version
	frame   string           // version of what stands around each campaign
	framed  time.Time        // when this process first saw that
	asked   time.Time
}

// shelf returns what there is of a list whose archive is open, else errs.NotFound. It is at most shelfFor old, but for a time in
// which the database is away.
func (a *past) shelf(ctx context.Context, slug string) (*shelf, error) {
	if a.src == nil {
		return nil, errNoSuchPage
	}
	list, err := a.openList(ctx, slug)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	was := a.shelves[list.ID]
	a.mu.Unlock()
	if was != nil && a.now().Sub(was.asked) < shelfFor && was.frame == frameOf(list) {
		return was, nil
	}
	v, err, _ := a.asking.Do("shelf "+slug, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shelfWait)
		defer cancel()
		past, err := a.src.Past(ctx, list)
		if err != nil {
			return nil, a.awhile(err)
		}
		sh := newShelf(list, past, was, a.now())
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.shelves == nil {
			a.shelves = make(map[int64]*shelf)
		}
		a.shelves[list.ID] = sh
		return sh, nil
	})
	if err != nil {
		if was != nil {
			a.log.Warn("the archive is shown as it was", "list", slug, "err", err)
			a.mu.Lock()
			defer a.mu.Unlock()
			again := *was
			again.asked = a.now().Add(shelfWait - shelfFor) // not at every request
			a.shelves[list.ID] = &again
			return was, nil
		}
		return nil, err
	}
	return v.(*shelf), nil
}

// openList returns a list whose archive is open.
func (a *past) openList(ctx context.Context, slug string) (subscribers.List, error) {
	a.mu.Lock()
	open, fresh := a.open, a.now().Sub(a.asked) < shelfFor
	a.mu.Unlock()
	if open == nil || !fresh {
		v, err, _ := a.asking.Do("lists", func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shelfWait)
			defer cancel()
			lists, err := a.src.Lists(ctx)
			if err != nil {
				return nil, a.awhile(err)
			}
			open := make(map[string]subscribers.List, len(lists))
			for _, l := range lists {
				open[l.Slug] = l
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			a.open, a.asked = open, a.now()
			for id := range a.shelves {
				if !stands(lists, id) {
					delete(a.shelves, id)
				}
			}
			return open, nil
		})
		switch {
		case err == nil:
			open = v.(map[string]subscribers.List)
		case open == nil:
			return subscribers.List{}, err
		default:
			a.log.Warn("the archive is shown as it was", "err", err)
			a.mu.Lock()
			a.asked = a.now().Add(shelfWait - shelfFor)
			a.mu.Unlock()
		}
	}
	list, ok := open[slug]
	if !ok {
		return list, errNoSuchPage
	}
	return list, nil
}

// awhile makes of a database that does not answer in time one that is away.
func (a *past) awhile(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errs.Wrap(err, errs.Unavailable, "the database does not answer")
	}
	return err
}

func stands(lists []subscribers.List, id int64) bool {
	for _, l := range lists {
		if l.ID == id {
			return true
		}
	}
	return false
}

// newShelf arranges what the database says; was is what it said before, or nil.
func newShelf(list subscribers.List, all []campaigns.Past, was *shelf, now time.Time) *shelf {
	sh := &shelf{list: list, past: all, at: make(map[string]int, len(all)), frame: frameOf(list), changed: now, framed: now, asked: now}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%q\n", sh.frame, list.Description)
	for i, p := range all {
		sh.at[slugOf(p)] = i
		fmt.Fprintf(sum, "%d %d %d %q %q %v\n", p.ID, p.Revision, p.Corrected, p.Subject, p.Preheader, p.At)
	}
	sh.version = hex.EncodeToString(sum.Sum(nil)[:12])
	if was != nil && was.version == sh.version {
		sh.changed = was.changed
	}
	if was != nil && was.frame == sh.frame {
		sh.framed = was.framed
	}
	return sh
}

// frameOf is the version of what the pages of a list's campaigns show besides the campaign.
func frameOf(l subscribers.List) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %q %q %q %q %q %q %v", l.ID, l.Slug, l.Name, l.HomeURL, l.Language, l.AccentColour, l.TimeZone, l.SignupOpen))
	return hex.EncodeToString(sum[:12])
}

// slugOf is the last part of a campaign's address: its day, for people, and its number, which makes it the one.
func slugOf(p campaigns.Past) string {
	return p.At.Format("2006-01-02") + "-" + strconv.FormatInt(p.ID, 10)
}

// key names something that is made of a shelf.
func (sh *shelf) key(kind, which string) string {
	return kind + " " + sh.list.Slug + " " + sh.version + " " + which
}

// pages is the number of pages of the list, which is at least one.
func (sh *shelf) pages() int { return max(1, (len(sh.past)+perPage-1)/perPage) }
