package articles

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/text/unicode/norm"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/fetch"
)

// Bounds of how often a feed is read, in seconds.
const (
	minPoll     = 60
	defaultPoll = 900
	maxPoll     = 24 * 60 * 60
)

// Feed is a source of stories that is polled.
type Feed struct {
	ID           int64      `db:"id" json:"id"`
	Slug         string     `db:"slug" json:"slug"`
	URL          string     `db:"url" json:"url"`
	Title        string     `db:"title" json:"title"`
	Section      string     `db:"section" json:"section"` // of stories that name none themselves
	HomeURL      string     `db:"home_url" json:"home_url,omitempty"`
	Language     string     `db:"language" json:"language,omitempty"`
	PollSeconds  int        `db:"poll_seconds" json:"poll_seconds"`
	ETag         string     `db:"etag" json:"-"`
	LastModified string     `db:"last_modified" json:"-"`
	BodyHash     []byte     `db:"body_hash" json:"-"`
	MovedTo      string     `db:"moved_to" json:"moved_to,omitempty"` // where a permanent redirect leads
	PolledAt     *time.Time `db:"polled_at" json:"polled_at"`
	NextPollAt   time.Time  `db:"next_poll_at" json:"next_poll_at"`
	GoodAt       *time.Time `db:"good_at" json:"good_at"` // its stories are as of then
	LastError    string     `db:"last_error" json:"last_error,omitempty"`
	FailingSince *time.Time `db:"failing_since" json:"failing_since,omitempty"`
	Failures     int        `db:"failures" json:"failures"` // in a row
	CreatedAt    time.Time  `db:"created_at" json:"created_at"`
	Stories      int        `db:"stories" json:"stories"` // that it carries or has carried
}

const feedColumns = `f.id, f.slug, f.url, f.title, f.section, f.home_url, f.language, f.poll_seconds, f.etag, f.last_modified, f.body_hash, f.moved_to,
	f.polled_at, f.next_poll_at, f.good_at, f.last_error, f.failing_since, f.failures, f.created_at`

const selectFeed = `SELECT ` + feedColumns + `, (SELECT count(DISTINCT fi.article_id) FROM feed_items fi WHERE fi.feed_id = f.id) AS stories
	FROM feeds f WHERE f.removed_at IS NULL `

// AddFeed adds a feed that is due at once. A slug is made from title or host when there is none; an address without a
// scheme is taken for https; a feed that was removed is taken up again, with its stories. Of f, URL, Slug, Title, Section, Language and PollSeconds count.
// Errors: Invalid with the field (url, slug, poll_seconds, language), Denied for an address that is not public, Conflict
// when slug or address are in use.
func (s *Store) AddFeed(ctx context.Context, f Feed) (Feed, error) { return s.addFeed(ctx, f, unnoted) }

func (s *Store) addFeed(ctx context.Context, f Feed, note noting) (Feed, error) {
	made := f.Slug == ""
	if err := f.prepare(s.fetch); err != nil {
		return Feed{}, err
	}
	err := db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		var taken []string
		if err := tx.SelectContext(ctx, &taken, `SELECT slug FROM feeds WHERE url <> $1 AND (slug = $2 OR slug LIKE $3)`, f.URL, f.Slug, f.Slug+"-%"); err != nil {
			return db.Err(err, "look for feeds of that name")
		}
		if made {
			f.Slug = freeSlug(f.Slug, taken)
		}
		const q = `INSERT INTO feeds AS f (slug, url, title, section, language, poll_seconds, next_poll_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (url) DO UPDATE SET slug = excluded.slug, title = excluded.title, section = excluded.section, language = excluded.language,
				poll_seconds = excluded.poll_seconds, next_poll_at = excluded.next_poll_at, removed_at = NULL, failures = 0, failing_since = NULL, last_error = ''
			WHERE f.removed_at IS NOT NULL RETURNING id`
		var ids []int64
		if err := tx.SelectContext(ctx, &ids, q, f.Slug, f.URL, f.Title, f.Section, f.Language, f.PollSeconds, s.now()); err != nil {
			if err = db.Err(err, "add feed"); errs.KindOf(err) == errs.Conflict {
				return errs.Wrap(err, errs.Conflict, "there is, or was, a feed named %q; choose another name", f.Slug)
			}
			return err
		}
		if len(ids) == 0 {
			return errs.New(errs.Conflict, "%s is polled already", f.URL)
		}
		return note(tx, "feed.add", "feed "+f.Slug, map[string]any{"url": f.URL})
	})
	if err != nil {
		return Feed{}, err
	}
	return s.Feed(ctx, f.Slug)
}

// prepare checks and completes what AddFeed was given.
func (f *Feed) prepare(c *fetch.Client) error {
	f.URL = strings.TrimSpace(f.URL)
	if rest, ok := strings.CutPrefix(f.URL, "feed://"); ok {
		f.URL = "https://" + rest
	} else if rest, ok := strings.CutPrefix(f.URL, "feed:"); ok {
		f.URL = rest
	}
	if f.URL != "" && !strings.Contains(f.URL, "://") {
		f.URL = "https://" + f.URL
	}
	if err := c.Check(f.URL); err != nil {
		return err
	}
	u, err := url.Parse(f.URL)
	if err != nil {
		return errs.Field("url", "%q is not a web address", f.URL)
	}
	u.Fragment = ""
	f.URL = u.String()
	f.Title, f.Section = line(f.Title, maxTitle), line(f.Section, maxShort)
	if f.Language != "" {
		if f.Language = languageTag(f.Language); f.Language == "" {
			return errs.Field("language", "this is not a language tag; one is \"en\" or \"fr-CA\"")
		}
	}
	if f.PollSeconds == 0 {
		f.PollSeconds = defaultPoll
	}
	if f.PollSeconds < minPoll || f.PollSeconds > maxPoll {
		return errs.Field("poll_seconds", "a feed is read every %d to %d seconds, not every %d", minPoll, maxPoll, f.PollSeconds)
	}
	if f.Slug == "" {
		f.Slug = slugify(cmp.Or(f.Title, strings.TrimPrefix(u.Hostname(), "www.")))
	}
	if f.Slug != slugify(f.Slug) || len(f.Slug) > 50 {
		return errs.Field("slug", "%q cannot be the name of a feed: it is made of a-z, 0-9 and single hyphens, at most 50 characters, such as \"science-news\"", f.Slug)
	}
	return nil
}

// slugify makes a short name of letters, digits and hyphens.
func slugify(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(s)) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-") && (r < 0x300 || r > 0x36f): // marks of accents leave the letter
			b.WriteByte('-')
		}
		if b.Len() >= 50 {
			break
		}
	}
	if out := strings.Trim(b.String(), "-"); out != "" {
		return out
	}
	return "feed"
}

func freeSlug(slug string, taken []string) string {
	used := map[string]bool{}
	for _, t := range taken {
		used[t] = true
	}
	try := slug
	for n := 2; used[try]; n++ {
		tail := "-" + strconv.Itoa(n)
		try = strings.TrimRight(slug[:min(len(slug), 50-len(tail))], "-") + tail
	}
	return try
}

// Feeds lists the feeds in order of slug.
func (s *Store) Feeds(ctx context.Context) ([]Feed, error) {
	out := []Feed{}
	err := s.db.SelectContext(ctx, &out, selectFeed+`ORDER BY f.slug`)
	return out, db.Err(err, "list feeds")
}

// Feed returns one feed by slug, or NotFound.
func (s *Store) Feed(ctx context.Context, slug string) (Feed, error) {
	var list []Feed
	if err := s.db.SelectContext(ctx, &list, selectFeed+`AND f.slug = $1`, slug); err != nil {
		return Feed{}, db.Err(err, "read feed")
	}
	if len(list) == 0 {
		return Feed{}, errs.New(errs.NotFound, "there is no feed named %q", slug)
	}
	return list[0], nil
}

// RemoveFeed stops polling a feed; its stories stay. NotFound when there is none of that name.
func (s *Store) RemoveFeed(ctx context.Context, slug string) error {
	return s.removeFeed(ctx, slug, unnoted)
}

func (s *Store) removeFeed(ctx context.Context, slug string, note noting) error {
	return db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE feeds SET removed_at = $2 WHERE slug = $1 AND removed_at IS NULL`, slug, s.now())
		if err != nil {
			return db.Err(err, "remove feed")
		}
		if n, err := res.RowsAffected(); err == nil && n == 0 {
			return errs.New(errs.NotFound, "there is no feed named %q", slug)
		}
		return note(tx, "feed.remove", "feed "+slug, nil)
	})
}
