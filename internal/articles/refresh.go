package articles

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
)

// refreshHosts are read at once before a send, the stories of one host one after the other.
const refreshHosts = 8

// Changed is a story that is no longer what it was.
type Changed struct {
	ID      int64   `json:"id"`
	Gone    bool    `json:"gone"`          // taken back by its publisher: 404 or 410 at its address
	Article Article `json:"article"`       // as it is now
	Was     string  `json:"was,omitempty"` // the headline before, where the re-reading changed it
}

// Refresh re-reads the sources of the given stories and reports which have changed or are gone: conditionally the feeds
// that brought them, and the page of a story that its feed lists no more. A story that is gone is reported each time. A source that cannot be read changes nothing:
// the stories stay as they are, and the feed shows its error.
func (s *Store) Refresh(ctx context.Context, ids []int64) ([]Changed, error) {
	return s.RefreshSince(ctx, ids, s.now())
}

// RefreshSince is Refresh that also reports the stories which an ordinary poll has changed after since, the moment when
// their content was last taken over.
func (s *Store) RefreshSince(ctx context.Context, ids []int64, since time.Time) ([]Changed, error) {
	before, err := s.sources(ctx, ids)
	if err != nil || len(before) == 0 {
		return nil, err
	}
	err = perHost(refreshHosts, distinctFeeds(before), func(f dueFeed) string { return f.URL }, func(f dueFeed, _ []dueFeed) (bool, error) {
		_, _, err := s.pollOne(ctx, f.ID, false)
		return ctx.Err() == nil, err
	})
	err = errors.Join(err, s.lookForGone(ctx, ids))
	after, again := s.sources(ctx, ids)
	now, failed := query(ctx, s.db, `WHERE a.id = ANY($1) ORDER BY a.id`, pq.Array(ids))
	if err = errors.Join(err, again, failed); again != nil || failed != nil {
		return nil, err
	}
	var out []Changed
	for _, a := range now {
		b := before[a.ID]
		gone := a.GoneAt != nil
		changed := !bytes.Equal(b.Hash, after[a.ID].Hash) || a.ChangedAt.After(since)
		if !gone && !changed {
			continue
		}
		c := Changed{ID: a.ID, Gone: gone, Article: a}
		if b.Title != a.Title {
			c.Was = b.Title
		}
		out = append(out, c)
	}
	return out, err
}

// distinctFeeds are the feeds, each once, that may change the given stories.
func distinctFeeds(rows map[int64]sourceRow) []dueFeed {
	var out []dueFeed
	seen := map[int64]bool{}
	for _, r := range rows {
		if r.FeedID != nil && !r.Removed && !seen[*r.FeedID] {
			seen[*r.FeedID] = true
			out = append(out, dueFeed{*r.FeedID, r.FeedURL})
		}
	}
	return out
}

// sourceRow is a story with where it comes from.
type sourceRow struct {
	ID      int64      `db:"id"`
	FeedID  *int64     `db:"feed_id"`
	FeedURL string     `db:"feed_url"`
	Removed bool       `db:"removed"`
	Title   string     `db:"title"`
	URL     string     `db:"url"`
	Hash    []byte     `db:"content_hash"`
	GoneAt  *time.Time `db:"gone_at"`
	Listed  bool       `db:"listed"` // in the last document of some feed
}

func (s *Store) sources(ctx context.Context, ids []int64) (map[int64]sourceRow, error) {
	const q = `SELECT a.id, a.feed_id, coalesce(f.url, '') AS feed_url, coalesce(f.removed_at IS NOT NULL, false) AS removed, a.title, a.url, a.content_hash, a.gone_at,
			EXISTS (SELECT 1 FROM feed_items fi WHERE fi.article_id = a.id
				AND fi.last_seen = (SELECT max(l.last_seen) FROM feed_items l WHERE l.feed_id = fi.feed_id)) AS listed
		FROM articles a LEFT JOIN feeds f ON f.id = a.feed_id WHERE a.id = ANY($1)`
	var rows []sourceRow
	if err := s.db.SelectContext(ctx, &rows, q, pq.Array(ids)); err != nil {
		return nil, db.Err(err, "read the sources of stories")
	}
	out := make(map[int64]sourceRow, len(rows))
	for _, r := range rows {
		out[r.ID] = r
	}
	return out, nil
}

// lookForGone asks for the pages of those stories that no feed lists any more, and notes which their publisher has taken
// back, and which are there again.
func (s *Store) lookForGone(ctx context.Context, ids []int64) error {
	rows, err := s.sources(ctx, ids)
	if err != nil {
		return err
	}
	var unlisted []sourceRow
	for _, r := range rows {
		if !r.Listed && r.URL != "" {
			unlisted = append(unlisted, r)
		}
	}
	return perHost(refreshHosts, unlisted, func(r sourceRow) string { return r.URL }, func(r sourceRow, _ []sourceRow) (bool, error) {
		return ctx.Err() == nil, s.checkPage(ctx, r)
	})
}

func (s *Store) checkPage(ctx context.Context, r sourceRow) error {
	resp, err := s.fetch.Get(ctx, r.URL, http.Header{"Accept": {"text/html,*/*;q=0.5"}})
	if err != nil {
		return nil // no answer says nothing about the story
	}
	gone := resp.Status == http.StatusNotFound || resp.Status == http.StatusGone
	back := resp.Status == http.StatusOK && r.GoneAt != nil
	if (!gone || r.GoneAt != nil) && !back {
		return nil
	}
	_, err = s.db.ExecContext(ctx, `UPDATE articles SET gone_at = CASE WHEN $2 THEN $3::timestamptz END WHERE id = $1`, r.ID, gone, s.now())
	return db.Err(err, "note that a story is gone")
}
