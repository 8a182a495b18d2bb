package articles

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
)

// keep writes down what a feed said, in one transaction under its lease: the stories, and that the poll went well.
func (h held) keep(ctx context.Context, a answer, r *PollResult) error {
	f, now := h.feed, h.store.now()
	r.NextPoll = now.Add(h.interval())
	r.Unchanged, r.Items, r.Skipped = a.unchanged, len(a.feed.Items), a.feed.Skipped
	err := db.InTx(ctx, h.store.db, func(tx *sqlx.Tx) error {
		r.New, r.Changed = 0, 0
		var ours []int64
		if err := tx.SelectContext(ctx, &ours, `SELECT id FROM feeds WHERE id = $1 AND lease = $2 FOR UPDATE`, f.ID, h.token); err != nil {
			return db.Err(err, "lock feed")
		}
		if len(ours) == 0 {
			return errs.New(errs.Internal, "the lease of feed %s was lost while it was read", f.Slug)
		}
		if !a.unchanged {
			k := keeper{tx: tx, feed: f, now: now, result: r}
			if err := k.all(ctx, a.feed.Items); err != nil {
				return err
			}
		}
		const q = `UPDATE feeds SET polled_at = $2, good_at = $2, next_poll_at = $3, etag = $4, last_modified = $5, body_hash = $6, moved_to = $7,
			title = coalesce(nullif(title, ''), $8), home_url = coalesce(nullif($9, ''), home_url), language = coalesce(nullif(language, ''), $10),
			last_error = '', failing_since = NULL, failures = 0, lease = NULL, lease_until = NULL WHERE id = $1`
		_, err := tx.ExecContext(ctx, q, f.ID, now, r.NextPoll, a.etag, a.lastModified, a.hash, a.moved, a.feed.Title, a.feed.HomeURL, a.feed.Language)
		return db.Err(err, "note that a feed was read")
	})
	if err != nil {
		return errors.Join(err, errDatabase)
	}
	return nil
}

// keeper writes the stories of one feed document.
type keeper struct {
	tx     *sqlx.Tx
	feed   Feed
	now    time.Time
	result *PollResult

	known  map[int64]*knownArticle
	byGUID map[string]int64
	byURL  map[string]int64
}

// knownArticle is what must be known of an article to decide what an item means for it.
type knownArticle struct {
	ID        int64      `db:"id"`
	FeedID    *int64     `db:"feed_id"`
	Removed   bool       `db:"removed"` // the feed that brought it
	URL       *string    `db:"canonical_url"`
	Hash      []byte     `db:"content_hash"`
	Published time.Time  `db:"published_at"`
	GoneAt    *time.Time `db:"gone_at"`
	ByHand    bool       `db:"by_hand"`
}

// all keeps the items, the last of the feed first, so that the ids of stories that carry no date grow with their age.
func (k *keeper) all(ctx context.Context, items []item) error {
	if len(items) == 0 {
		return nil
	}
	if err := k.recall(ctx, items); err != nil {
		return err
	}
	n := len(items)
	guids, ids, positions, sections := make([]string, 0, n), make([]int64, 0, n), make([]int64, 0, n), make([]string, 0, n)
	for i := n - 1; i >= 0; i-- {
		it := items[i]
		place(&it.Story, k.feed.Section)
		id, err := k.one(ctx, it)
		if err != nil {
			return err
		}
		guids, ids, positions, sections = append(guids, it.GUID), append(ids, id), append(positions, int64(it.Position)), append(sections, it.Story.Section)
	}
	const q = `INSERT INTO feed_items (feed_id, guid, article_id, position, section, first_seen, last_seen)
		SELECT $1, u.guid, u.article_id, u.position, u.section, $2, $2
		FROM unnest($3::text[], $4::bigint[], $5::int[], $6::text[]) AS u(guid, article_id, position, section)
		ON CONFLICT (feed_id, guid) DO UPDATE SET article_id = excluded.article_id, position = excluded.position,
			section = excluded.section, last_seen = excluded.last_seen`
	_, err := k.tx.ExecContext(ctx, q, k.feed.ID, k.now, pq.Array(guids), pq.Array(ids), pq.Array(positions), pq.Array(sections))
	return db.Err(err, "note what a feed lists")
}

// place gives a story its section: its own, else the feed's, else its first tag, which then is no tag any more.
func place(s *render.Story, section string) {
	switch {
	case s.Section != "":
	case section != "":
		s.Section = section
		s.Tags = tags(s.Tags, section)
	case len(s.Tags) > 0 && len([]rune(s.Tags[0])) <= 30:
		s.Section, s.Tags = s.Tags[0], s.Tags[1:]
	}
}

// recall reads what is known of the items: by their guids in this feed, and by their addresses anywhere.
func (k *keeper) recall(ctx context.Context, items []item) error {
	var guids, urls []string
	for _, it := range items {
		guids = append(guids, it.GUID)
		if it.Canonical != "" {
			urls = append(urls, it.Canonical)
		}
	}
	k.known, k.byGUID, k.byURL = map[int64]*knownArticle{}, map[string]int64{}, map[string]int64{}
	var listed []struct {
		GUID string `db:"guid"`
		ID   int64  `db:"article_id"`
	}
	const mine = `SELECT guid, article_id FROM feed_items WHERE feed_id = $1 AND guid = ANY($2)`
	if err := k.tx.SelectContext(ctx, &listed, mine, k.feed.ID, pq.Array(guids)); err != nil {
		return db.Err(err, "look for stories of a feed")
	}
	ids := []int64{}
	for _, l := range listed {
		k.byGUID[l.GUID] = l.ID
		ids = append(ids, l.ID)
	}
	const q = `SELECT a.id, a.feed_id, coalesce(f.removed_at IS NOT NULL, false) AS removed, a.canonical_url, a.content_hash, a.published_at, a.gone_at, a.by_hand
		FROM articles a LEFT JOIN feeds f ON f.id = a.feed_id WHERE a.id = ANY($1) OR a.canonical_url = ANY($2)`
	var known []*knownArticle
	if err := k.tx.SelectContext(ctx, &known, q, pq.Array(ids), pq.Array(urls)); err != nil {
		return db.Err(err, "look for stories")
	}
	for _, a := range known {
		k.known[a.ID] = a
		if a.URL != nil {
			k.byURL[*a.URL] = a.ID
		}
	}
	return nil
}

// one keeps one item and returns its article. The address decides before the guid: a changed guid is the same story, and
// so is a story that another feed carries too.
func (k *keeper) one(ctx context.Context, it item) (int64, error) {
	id, ok := k.byURL[it.Canonical]
	if !ok || it.Canonical == "" {
		id, ok = k.byGUID[it.GUID]
	}
	if !ok {
		return k.insert(ctx, it)
	}
	a := k.known[id]
	mine := !a.ByHand && a.FeedID != nil && (*a.FeedID == k.feed.ID || a.Removed)
	sum := contentHash(it.Story)
	if !mine || string(sum) == string(a.Hash) && a.GoneAt == nil && !a.Removed && !(it.Dated && it.Story.Published.Before(a.Published)) {
		return id, nil
	}
	c, err := columns(it.Story)
	if err != nil {
		return 0, err
	}
	// A story keeps the date it had first, unless an earlier one turns up: publishers who date a story anew at every
	// change would have it mailed as new.
	const q = `UPDATE articles SET feed_id = $2, canonical_url = coalesce(nullif($3, ''), canonical_url), url = $4, title = $5, dek = $6,
		authors = $7, section = $8, tags = $9, image = $10, published_at = CASE WHEN $11 THEN least(published_at, $12) ELSE published_at END,
		words = $13, language = $14, body_html = $15, content_hash = $16,
		changed_at = CASE WHEN content_hash = $16 THEN changed_at ELSE $17 END, gone_at = NULL WHERE id = $1`
	_, err = k.tx.ExecContext(ctx, q, id, k.feed.ID, it.Canonical, it.Story.URL, it.Story.Title, it.Story.Dek, c.authors, it.Story.Section, pq.Array(c.tags),
		c.image, it.Dated, it.Story.Published, it.Story.Words, it.Story.Language, it.Story.BodyHTML, sum, k.now)
	if err != nil {
		return 0, db.Err(err, "change article")
	}
	if string(sum) != string(a.Hash) {
		k.result.Changed++
	}
	return id, nil
}

func (k *keeper) insert(ctx context.Context, it item) (int64, error) {
	c, err := columns(it.Story)
	if err != nil {
		return 0, err
	}
	const q = `INSERT INTO articles (feed_id, guid, canonical_url, url, title, dek, authors, section, tags, image, published_at, changed_at,
			words, language, body_html, content_hash, created_at)
		VALUES ($1, $2, nullif($3, ''), $4, $5, $6, $7, $8, $9, $10, $11, $16, $12, $13, $14, $15, $16) ON CONFLICT DO NOTHING RETURNING id`
	var ids []int64
	err = k.tx.SelectContext(ctx, &ids, q, k.feed.ID, it.GUID, it.Canonical, it.Story.URL, it.Story.Title, it.Story.Dek, c.authors, it.Story.Section, pq.Array(c.tags),
		c.image, it.Story.Published, it.Story.Words, it.Story.Language, it.Story.BodyHTML, contentHash(it.Story), k.now)
	if err != nil {
		return 0, db.Err(err, "add article")
	}
	if len(ids) == 1 {
		k.result.New++
		return ids[0], nil
	}
	// Another feed, polled at this moment, was first.
	const other = `SELECT id FROM articles WHERE canonical_url = nullif($1, '') OR feed_id = $2 AND guid = $3
		ORDER BY canonical_url = $1 DESC NULLS LAST LIMIT 1`
	err = k.tx.SelectContext(ctx, &ids, other,
		it.Canonical, k.feed.ID, it.GUID)
	if err == nil && len(ids) == 0 {
		return 0, errs.New(errs.Unavailable, "a story came and went while the feed was kept; the next poll will have it")
	}
	if err != nil {
		return 0, db.Err(err, "find article")
	}
	return ids[0], nil
}

// stored is what of a story needs another form for Postgres.
type stored struct {
	authors string
	image   *string
	tags    []string
}

func columns(s render.Story) (stored, error) {
	c := stored{authors: "[]", tags: s.Tags}
	if c.tags == nil {
		c.tags = []string{}
	}
	if len(s.Authors) > 0 {
		b, err := json.Marshal(s.Authors)
		if err != nil {
			return c, errs.Wrap(err, errs.Internal, "the authors of %q", s.Title)
		}
		c.authors = string(b)
	}
	if s.Image != nil {
		b, err := json.Marshal(s.Image)
		if err != nil {
			return c, errs.Wrap(err, errs.Internal, "the image of %q", s.Title)
		}
		image := string(b)
		c.image = &image
	}
	return c, nil
}
