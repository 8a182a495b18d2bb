// Package articles owns feeds and stories: it polls and parses feeds, imports files, cleans and dedupes what comes in,
// and re-reads stories before they are sent. It writes feeds, feed_items and articles, and no other tables.
package articles

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/fetch"
	"mailer/internal/render"
)

// DefaultMaxItems is how many stories of one feed document are kept, the newest, where a Store says nothing else.
const DefaultMaxItems = 500

// Store keeps feeds and articles in Postgres. It is safe for use by many goroutines and many nodes.
type Store struct {
	// MaxItems is how many stories of one feed document are kept; set it before use. 0 means DefaultMaxItems.
	MaxItems int

	db    *sqlx.DB
	fetch *fetch.Client
	now   func() time.Time
}

// NewStore returns a store that reads feeds with c and tells the time by now.
func NewStore(d *sqlx.DB, c *fetch.Client, now func() time.Time) *Store {
	return &Store{db: d, fetch: c, now: now}
}

// Article is a story as it is kept.
type Article struct {
	ID           int64           `json:"id"`
	FeedID       *int64          `json:"feed_id,omitempty"` // the feed that may change it; nil for one imported by hand
	Feed         string          `json:"feed,omitempty"`    // slug of that feed
	GUID         string          `json:"guid"`
	CanonicalURL string          `json:"canonical_url,omitempty"`
	Title        string          `json:"title"`
	Dek          string          `json:"dek,omitempty"`
	Authors      []render.Author `json:"authors"`
	Section      string          `json:"section,omitempty"`
	Tags         []string        `json:"tags"`
	Image        *render.Image   `json:"image,omitempty"`
	URL          string          `json:"url,omitempty"`
	Published    time.Time       `json:"published"`
	Words        int             `json:"words"`
	Language     string          `json:"language,omitempty"`
	BodyHTML     string          `json:"body_html,omitempty"` // sanitised
	ChangedAt    time.Time       `json:"changed_at"`          // when its content last became what it is
	GoneAt       *time.Time      `json:"gone_at,omitempty"`   // when its publisher was seen to have taken it back
	ByHand       bool            `json:"by_hand,omitempty"`   // imported by a person: no poll changes it
	CreatedAt    time.Time       `json:"created_at"`
	FormerURL    string          `json:"former_url,omitempty"` // only from Import: the address that URL has just replaced
}

// Story returns what a campaign freezes of the article. A photo whose address is not known is left out, words and all.
func (a Article) Story() render.Story {
	s := render.Story{ArticleID: a.ID, Title: a.Title, Dek: a.Dek, Authors: a.Authors, Section: a.Section, Tags: a.Tags,
		Image: a.Image, URL: a.URL, Published: a.Published, Words: a.Words, Language: a.Language, BodyHTML: a.BodyHTML}
	if s.Image != nil && s.Image.URL == "" {
		s.Image = nil
	}
	return s
}

// row is an article as Postgres gives it.
type row struct {
	ID           int64          `db:"id"`
	FeedID       *int64         `db:"feed_id"`
	Feed         string         `db:"feed"`
	GUID         string         `db:"guid"`
	CanonicalURL string         `db:"canonical_url"`
	Title        string         `db:"title"`
	Dek          string         `db:"dek"`
	Authors      []byte         `db:"authors"`
	Section      string         `db:"section"`
	Tags         pq.StringArray `db:"tags"`
	Image        []byte         `db:"image"`
	URL          string         `db:"url"`
	Published    time.Time      `db:"published_at"`
	Words        int            `db:"words"`
	Language     string         `db:"language"`
	BodyHTML     string         `db:"body_html"`
	ChangedAt    time.Time      `db:"changed_at"`
	GoneAt       *time.Time     `db:"gone_at"`
	ByHand       bool           `db:"by_hand"`
	CreatedAt    time.Time      `db:"created_at"`
}

// selectArticle reads articles as a; a section that only some feed knows is taken from there.
const selectArticle = `SELECT a.id, a.feed_id, coalesce(f.slug, '') AS feed, a.guid, coalesce(a.canonical_url, '') AS canonical_url, a.title, a.dek,
		a.authors, coalesce(nullif(a.section, ''), (SELECT fi.section FROM feed_items fi WHERE fi.article_id = a.id AND fi.section <> ''
			ORDER BY fi.feed_id LIMIT 1), '') AS section,
		a.tags, a.image, a.url, a.published_at, a.words, a.language, a.body_html, a.changed_at, a.gone_at, a.by_hand, a.created_at
	FROM articles a LEFT JOIN feeds f ON f.id = a.feed_id `

func (r row) article() (Article, error) {
	a := Article{ID: r.ID, FeedID: r.FeedID, Feed: r.Feed, GUID: r.GUID, CanonicalURL: r.CanonicalURL, Title: r.Title, Dek: r.Dek, Section: r.Section,
		Tags: r.Tags, URL: r.URL, Published: r.Published.UTC(), Words: r.Words, Language: r.Language, BodyHTML: r.BodyHTML,
		ChangedAt: r.ChangedAt.UTC(), GoneAt: r.GoneAt, ByHand: r.ByHand, CreatedAt: r.CreatedAt.UTC()}
	if err := json.Unmarshal(r.Authors, &a.Authors); err != nil {
		return a, errs.Wrap(err, errs.Internal, "the authors of article %d", r.ID)
	}
	if len(r.Image) > 0 {
		if err := json.Unmarshal(r.Image, &a.Image); err != nil {
			return a, errs.Wrap(err, errs.Internal, "the image of article %d", r.ID)
		}
	}
	return a, nil
}

func query(ctx context.Context, q db.Q, where string, args ...any) ([]Article, error) {
	var rows []row
	if err := q.SelectContext(ctx, &rows, selectArticle+where, args...); err != nil {
		return nil, db.Err(err, "read articles")
	}
	out := make([]Article, 0, len(rows))
	for _, r := range rows {
		a, err := r.article()
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// Article returns one story, or NotFound.
func (s *Store) Article(ctx context.Context, id int64) (Article, error) {
	list, err := query(ctx, s.db, `WHERE a.id = $1`, id)
	if err != nil {
		return Article{}, err
	}
	if len(list) == 0 {
		return Article{}, errs.New(errs.NotFound, "there is no article %d", id)
	}
	return list[0], nil
}

// Filter narrows a listing; zero fields do not narrow.
type Filter struct {
	Feed, Section, Tag, Query string    // Query is looked for in title and dek
	Since, Until              time.Time // of publication: Since <= published < Until
	Limit                     int       // default 50, at most 500
	BeforeID                  int64     // the page after the one that ended with this article
}

// Articles lists stories, newest first, those that are gone included.
func (s *Store) Articles(ctx context.Context, f Filter) ([]Article, error) {
	w := where{}
	if f.Feed != "" {
		w.add(`EXISTS (SELECT 1 FROM feed_items fi JOIN feeds ff ON ff.id = fi.feed_id WHERE fi.article_id = a.id AND ff.slug = $?)`, f.Feed)
	}
	if f.Section != "" {
		w.inSections([]string{f.Section})
	}
	if f.Tag != "" {
		w.tagged([]string{f.Tag})
	}
	if f.Query != "" {
		w.add(`(a.title ILIKE $? OR a.dek ILIKE $?)`, "%"+strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(f.Query)+"%")
	}
	w.between(f.Since, f.Until)
	if f.BeforeID != 0 {
		w.add(`(a.published_at, a.id) < (SELECT b.published_at, b.id FROM articles b WHERE b.id = $?)`, f.BeforeID)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	w.args = append(w.args, min(limit, 500))
	return query(ctx, s.db, w.String()+` ORDER BY a.published_at DESC, a.id DESC LIMIT $`+strconv.Itoa(len(w.args)), w.args...)
}

// Selection says which stories a part of a digest wants. Empty lists do not narrow.
type Selection struct {
	Feeds, Sections, Tags []string  // slugs of feeds; names of sections and tags in any case
	Since, Until          time.Time // of publication: Since <= published < Until
	ExcludeIDs            []int64
	Limit                 int    // default 10, at most 500
	Order                 string // newest (default), oldest, or feed: as the feeds list them, in the order of Feeds
	NeedImage             bool
}

// Select picks stories for a digest. Stories that are gone are left out, and so are those that a feed no longer exists for.
func (s *Store) Select(ctx context.Context, sel Selection) ([]Article, error) {
	w := where{}
	w.add(`a.gone_at IS NULL`)
	if len(sel.Feeds) > 0 {
		w.add(`EXISTS (SELECT 1 FROM feed_items fi JOIN feeds ff ON ff.id = fi.feed_id WHERE fi.article_id = a.id AND ff.slug = ANY($?))`, pq.Array(sel.Feeds))
	}
	if len(sel.Sections) > 0 {
		w.inSections(sel.Sections)
	}
	if len(sel.Tags) > 0 {
		w.tagged(sel.Tags)
	}
	w.between(sel.Since, sel.Until)
	if len(sel.ExcludeIDs) > 0 {
		w.add(`NOT a.id = ANY($?)`, pq.Array(sel.ExcludeIDs))
	}
	if sel.NeedImage {
		w.add(`coalesce(a.image->>'url', '') <> ''`)
	}
	order := ` ORDER BY a.published_at DESC, a.id DESC`
	switch sel.Order {
	case "", "newest":
	case "oldest":
		order = ` ORDER BY a.published_at, a.id`
	case "feed":
		w.args = append(w.args, pq.Array(sel.Feeds))
		n := strconv.Itoa(len(w.args))
		order = ` ORDER BY (SELECT min(ARRAY[coalesce(array_position($` + n + `::text[], ff.slug), 0), fi.position]) FROM feed_items fi
			JOIN feeds ff ON ff.id = fi.feed_id WHERE fi.article_id = a.id AND (cardinality($` + n + `::text[]) = 0 OR ff.slug = ANY($` + n + `))) NULLS LAST,
			a.published_at DESC, a.id DESC`
	default:
		return nil, errs.Field("order", "%q is not an order; it is newest, oldest or feed", sel.Order)
	}
	limit := sel.Limit
	if limit <= 0 {
		limit = 10
	}
	w.args = append(w.args, min(limit, 500))
	return query(ctx, s.db, w.String()+order+` LIMIT $`+strconv.Itoa(len(w.args)), w.args...)
}

// where gathers conditions and their arguments.
type where struct {
	conds []string
	args  []any
}

// add adds a condition in which every $? stands for the same argument.
func (w *where) add(cond string, arg ...any) {
	if len(arg) > 0 {
		w.args = append(w.args, arg[0])
		cond = strings.ReplaceAll(cond, "$?", "$"+strconv.Itoa(len(w.args)))
	}
	w.conds = append(w.conds, cond)
}

func (w *where) between(since, until time.Time) {
	if !since.IsZero() {
		w.add(`a.published_at >= $?`, since)
	}
	if !until.IsZero() {
		w.add(`a.published_at < $?`, until)
	}
}

// inSections wants one of the sections, by the story itself or by any feed that carries it.
func (w *where) inSections(names []string) {
	w.add(`(lower(a.section) = ANY($?) OR EXISTS (SELECT 1 FROM feed_items fi WHERE fi.article_id = a.id AND lower(fi.section) = ANY($?)))`, pq.Array(lower(names)))
}

func (w *where) tagged(names []string) {
	w.add(`EXISTS (SELECT 1 FROM unnest(a.tags) t WHERE lower(t) = ANY($?))`, pq.Array(lower(names)))
}

func (w *where) String() string {
	if len(w.conds) == 0 {
		return ""
	}
	return `WHERE ` + strings.Join(w.conds, ` AND `)
}

func lower(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ToLower(strings.TrimSpace(s))
	}
	return out
}
