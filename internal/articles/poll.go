package articles

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/fetch"
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

// claim leases a feed to us. ok is false when it is leased to another, gone, or (dueOnly) not due any more.
func (s *Store) claim(ctx context.Context, id int64, dueOnly bool) (f Feed, token string, ok bool, err error) {
	const q = `UPDATE feeds f SET lease = gen_random_uuid(), lease_until = now() + make_interval(secs => $3)
		WHERE id = $1 AND removed_at IS NULL AND (lease_until IS NULL OR lease_until < now()) AND (NOT $4 OR next_poll_at <= $2)
		RETURNING f.lease, ` + feedColumns
	var got []struct {
		Feed
		Lease string `db:"lease"`
	}
	if err := s.db.SelectContext(ctx, &got, q, id, s.now(), lease.Seconds(), dueOnly); err != nil {
		return Feed{}, "", false, db.Err(err, "claim feed")
	}
	if len(got) == 0 {
		return Feed{}, "", false, nil
	}
	return got[0].Feed, got[0].Lease, true, nil
}

// pollOne reads one feed, if it can be claimed, and writes down what came of it.
func (s *Store) pollOne(ctx context.Context, id int64, dueOnly bool) (PollResult, bool, error) {
	f, token, ok, err := s.claim(ctx, id, dueOnly)
	if err != nil || !ok {
		return PollResult{}, false, err
	}
	answer, err := s.read(ctx, f)
	if ctx.Err() != nil { // we are the ones who end: nothing is wrong with the feed
		return PollResult{}, true, s.release(f.ID, token)
	}
	r := PollResult{Slug: f.Slug}
	if err == nil {
		err = s.keep(ctx, f, token, answer, &r)
	}
	if err == nil {
		return r, true, nil
	}
	if errs.KindOf(err) == errs.Internal || errors.Is(err, errDatabase) {
		return r, true, errors.Join(err, s.release(f.ID, token))
	}
	return s.fail(ctx, f, token, err, r)
}

// errDatabase marks errors that are ours and not the feed's.
var errDatabase = errors.New("database")

// answer is a feed as it was read; nothing of it is set when it has not changed.
type answer struct {
	unchanged          bool
	feed               parsedFeed
	hash               []byte
	etag, lastModified string
	moved              string
}

// busy is the error of a server that asks to be left alone.
type busy struct {
	error
	wait time.Duration
}

func (b busy) Unwrap() error { return b.error }

// read fetches and parses a feed. It asks only for what has changed since the last poll that was understood.
func (s *Store) read(ctx context.Context, f Feed) (answer, error) {
	target := f.URL
	if f.MovedTo != "" {
		target = f.MovedTo
	}
	h := http.Header{"Accept": {accepted}}
	if len(f.BodyHash) > 0 {
		if f.ETag != "" {
			h.Set("If-None-Match", f.ETag)
		}
		if f.LastModified != "" {
			h.Set("If-Modified-Since", f.LastModified)
		}
	}
	resp, err := s.fetch.Get(ctx, target, h)
	if err != nil {
		return answer{}, err
	}
	a := answer{etag: header(resp, "ETag"), lastModified: header(resp, "Last-Modified"), moved: resp.MovedURL}
	if a.moved == "" {
		a.moved = f.MovedTo
	}
	switch {
	case resp.Status == http.StatusNotModified && len(f.BodyHash) > 0:
		a.unchanged, a.hash = true, f.BodyHash
		a.etag, a.lastModified = cmp.Or(a.etag, f.ETag), cmp.Or(a.lastModified, f.LastModified)
		return a, nil
	case resp.Status == http.StatusTooManyRequests || resp.Status == http.StatusServiceUnavailable:
		wait := retryAfter(resp.Header.Get("Retry-After"), s.now())
		return a, busy{statusError(resp, f.URL), wait}
	case resp.Status != http.StatusOK:
		return a, statusError(resp, f.URL)
	}
	a.hash = bytesHash(resp.Body)
	if bytes.Equal(a.hash, f.BodyHash) {
		a.unchanged = true
		return a, nil
	}
	where, err := url.Parse(resp.FinalURL)
	if err != nil {
		return a, errs.Wrap(err, errs.Invalid, "the feed redirects to something that is not an address")
	}
	a.feed, err = parseFeed(resp.Body, resp.Header.Get("Content-Type"), where, s.maxItems(), s.now())
	return a, err
}

func (s *Store) maxItems() int {
	if s.MaxItems > 0 {
		return s.MaxItems
	}
	return DefaultMaxItems
}

// header returns a field to be kept; what is unusually long is not.
func header(r *fetch.Response, name string) string {
	if v := r.Header.Get(name); len(v) <= 500 {
		return clean(v)
	}
	return ""
}

// statusError says in words what a status means for a feed.
func statusError(r *fetch.Response, was string) error {
	u, err := url.Parse(r.FinalURL)
	if err != nil {
		return errs.New(errs.Unavailable, "the server answered %d", r.Status)
	}
	host := u.Hostname()
	switch r.Status {
	case http.StatusNotFound:
		return errs.New(errs.Unavailable, "%s has nothing at this address any more (404)", host)
	case http.StatusGone:
		return errs.New(errs.Unavailable, "%s says that this feed is gone for good (410)", host)
	case http.StatusUnauthorized, http.StatusForbidden:
		return errs.New(errs.Unavailable, "%s does not let us read this feed (%d)", host, r.Status)
	case http.StatusTooManyRequests:
		return errs.New(errs.Unavailable, "%s asks us to come less often (429)", host)
	case http.StatusNotModified:
		return errs.New(errs.Unavailable, "%s says \"not changed\" although we have nothing yet (304)", host)
	}
	if r.Status >= 500 {
		return errs.New(errs.Unavailable, "%s has a fault of its own (%d %s)", host, r.Status, strings.ToLower(http.StatusText(r.Status)))
	}
	if r.FinalURL != was {
		return errs.New(errs.Unavailable, "%s answered %d %s after a redirect", host, r.Status, strings.ToLower(http.StatusText(r.Status)))
	}
	return errs.New(errs.Unavailable, "%s answered %d %s", host, r.Status, strings.ToLower(http.StatusText(r.Status)))
}

// retryAfter reads the field of that name (RFC 9110, section 10.2.3): seconds or a date. 0 when there is none, at most
// longest.
func retryAfter(v string, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		return min(max(time.Duration(min(n, 1<<31))*time.Second, 0), longest)
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(t.Sub(now), 0), longest)
	}
	return 0
}

// fail notes that a poll failed; the stories stay as they are.
func (s *Store) fail(ctx context.Context, f Feed, token string, cause error, r PollResult) (PollResult, bool, error) {
	r.Error = line(errs.Public(cause), 500)
	wait := backoff(time.Duration(f.PollSeconds)*time.Second, f.Failures+1)
	var b busy
	if errors.As(cause, &b) {
		wait = max(wait, b.wait)
		r.busy = wait
	}
	now := s.now()
	r.NextPoll = now.Add(wait)
	// A place that a feed has moved to and that fails is given up for the address that was asked for.
	const q = `UPDATE feeds SET polled_at = $3, next_poll_at = $4, last_error = $5, failures = failures + 1, failing_since = coalesce(failing_since, $3),
		moved_to = '', lease = NULL, lease_until = NULL WHERE id = $1 AND lease = $2`
	if _, err := s.db.ExecContext(ctx, q, f.ID, token, now, r.NextPoll, r.Error); err != nil {
		return r, true, db.Err(err, "note that a feed failed")
	}
	return r, true, nil
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

// release gives a feed back that was claimed and not read.
func (s *Store) release(id int64, token string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := s.db.ExecContext(ctx, `UPDATE feeds SET lease = NULL, lease_until = NULL WHERE id = $1 AND lease = $2`, id, token)
	return db.Err(err, "release feed")
}
