package articles

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// How feeds that fail are read again: after their usual interval, then twice that, and so on up to slowest; what asks for
// more by Retry-After gets it, up to longest.
const (
	slowest = 6 * time.Hour
	longest = 24 * time.Hour
	lease   = 60 * time.Second // of a feed that is being polled, by the clock of the database; a poll takes much less
)

// accepted tells a server what we can read, feeds before anything else.
const accepted = "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.1"

// PollResult is what one poll of one feed came to.
type PollResult struct {
	Slug      string    `json:"slug"`
	Unchanged bool      `json:"unchanged"` // the server said so, or sent the same bytes as last time
	Items     int       `json:"items"`
	New       int       `json:"new"`
	Changed   int       `json:"changed"`
	Skipped   int       `json:"skipped"` // items listed twice, without anything to show, or beyond the cap
	NextPoll  time.Time `json:"next_poll"`
	Error     string    `json:"error,omitempty"` // what went wrong, for people; the stories are as they were

	busy time.Duration // how long the server asked to be left alone
}

// Poll reads one feed now, whether or not it is due. What is wrong with the feed itself is told in the result; the error
// is about us: NotFound, Conflict when another node polls it at this moment, or the database.
func (s *Store) Poll(ctx context.Context, slug string) (PollResult, error) {
	f, err := s.Feed(ctx, slug)
	if err != nil {
		return PollResult{}, err
	}
	r, claimed, err := s.pollOne(ctx, f.ID, false)
	if err == nil && !claimed {
		return PollResult{}, errs.New(errs.Conflict, "the feed %q is being read at this moment", slug)
	}
	return r, err
}

// PollDue reads the feeds that are due: parallel hosts at a time, the feeds of one host one after the other. Feeds that
// another node is reading are left to it. The error joins those that are about us; the other feeds are read all the same.
func (s *Store) PollDue(ctx context.Context, parallel int) ([]PollResult, error) {
	var due []dueFeed
	const q = `SELECT id, coalesce(nullif(moved_to, ''), url) AS url FROM feeds WHERE removed_at IS NULL AND next_poll_at <= $1
		AND (lease_until IS NULL OR lease_until < now()) ORDER BY next_poll_at, id LIMIT 1000`
	if err := s.db.SelectContext(ctx, &due, q, s.now()); err != nil {
		return nil, db.Err(err, "look for feeds that are due")
	}
	var (
		mu      sync.Mutex
		results []PollResult
	)
	err := perHost(parallel, due, func(f dueFeed) string { return f.URL }, func(f dueFeed, rest []dueFeed) (bool, error) {
		r, claimed, err := s.pollOne(ctx, f.ID, true)
		if err != nil || !claimed {
			return ctx.Err() == nil, err
		}
		mu.Lock()
		results = append(results, r)
		mu.Unlock()
		if r.busy > 0 { // the host wants rest: so do its other feeds
			return false, s.postpone(ctx, rest, r.busy)
		}
		return ctx.Err() == nil, nil
	})
	sort.Slice(results, func(i, j int) bool { return results[i].Slug < results[j].Slug })
	return results, err
}

// dueFeed is a feed to be read, with the address that is asked.
type dueFeed struct {
	ID  int64  `db:"id"`
	URL string `db:"url"`
}

// postpone puts off feeds for wait.
func (s *Store) postpone(ctx context.Context, feeds []dueFeed, wait time.Duration) error {
	ids := []int64{}
	for _, f := range feeds {
		ids = append(ids, f.ID)
	}
	_, err := s.db.ExecContext(ctx, `UPDATE feeds SET next_poll_at = greatest(next_poll_at, $2) WHERE id = ANY($1)`, pq.Array(ids), s.now().Add(wait))
	return db.Err(err, "put off feeds")
}

// held is a feed that is leased to us while we read it.
type held struct {
	store *Store
	feed  Feed
	token string
}

// claim leases a feed to us. ok is false when it is leased to another, gone, or (dueOnly) not due any more.
func (s *Store) claim(ctx context.Context, id int64, dueOnly bool) (h held, ok bool, err error) {
	const q = `UPDATE feeds f SET lease = gen_random_uuid(), lease_until = now() + make_interval(secs => $3)
		WHERE id = $1 AND removed_at IS NULL AND (lease_until IS NULL OR lease_until < now()) AND (NOT $4 OR next_poll_at <= $2)
		RETURNING f.lease, ` + feedColumns
	var got []struct {
		Feed
		Lease string `db:"lease"`
	}
	if err := s.db.SelectContext(ctx, &got, q, id, s.now(), lease.Seconds(), dueOnly); err != nil {
		return held{}, false, db.Err(err, "claim feed")
	}
	if len(got) == 0 {
		return held{}, false, nil
	}
	return held{s, got[0].Feed, got[0].Lease}, true, nil
}

// pollOne reads one feed, if it can be claimed, and writes down what came of it.
func (s *Store) pollOne(ctx context.Context, id int64, dueOnly bool) (PollResult, bool, error) {
	h, ok, err := s.claim(ctx, id, dueOnly)
	if err != nil || !ok {
		return PollResult{}, false, err
	}
	r := PollResult{Slug: h.feed.Slug}
	answer, err := h.read(ctx)
	if ctx.Err() != nil { // we are the ones who end: nothing is wrong with the feed
		return r, true, h.release(0)
	}
	if err == nil {
		err = h.keep(ctx, answer, &r)
	}
	switch {
	case err == nil:
		return r, true, nil
	case errs.KindOf(err) == errs.Internal || errors.Is(err, errDatabase):
		return r, true, errors.Join(err, h.release(h.interval()))
	}
	return r, true, h.fail(ctx, err, &r)
}

// errDatabase marks errors that are ours and not the feed's.
var errDatabase = errors.New("database")

func (h held) interval() time.Duration { return time.Duration(h.feed.PollSeconds) * time.Second }

// fail notes that a poll failed; the stories stay as they are.
func (h held) fail(ctx context.Context, cause error, r *PollResult) error {
	r.Error = line(errs.Public(cause), 500)
	wait := backoff(h.interval(), h.feed.Failures+1)
	var b busy
	if errors.As(cause, &b) {
		wait = max(wait, b.wait)
		r.busy = wait
	}
	now := h.store.now()
	r.NextPoll = now.Add(wait)
	// A place that a feed has moved to and that fails is given up for the address that was asked for.
	const q = `UPDATE feeds SET polled_at = $3, next_poll_at = $4, last_error = $5, failures = failures + 1,
		failing_since = coalesce(failing_since, $3), moved_to = '', lease = NULL, lease_until = NULL WHERE id = $1 AND lease = $2`
	_, err := h.store.db.ExecContext(ctx, q, h.feed.ID, h.token, now, r.NextPoll, r.Error)
	return db.Err(err, "note that a feed failed")
}

// backoff is how long to wait after the n-th failure in a row: interval, doubling, at most slowest (or interval, where
// that is longer).
func backoff(interval time.Duration, n int) time.Duration {
	wait := interval
	for range min(n-1, 20) {
		if wait >= slowest {
			break
		}
		wait *= 2
	}
	return min(wait, max(slowest, interval))
}

// release gives a feed back that was claimed and not kept, to be read again no sooner than after wait.
func (h held) release(wait time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	const q = `UPDATE feeds SET lease = NULL, lease_until = NULL, next_poll_at = greatest(next_poll_at, $3) WHERE id = $1 AND lease = $2`
	_, err := h.store.db.ExecContext(ctx, q, h.feed.ID, h.token, h.store.now().Add(wait))
	return db.Err(err, "release feed")
}
