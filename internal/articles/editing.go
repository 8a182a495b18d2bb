package articles

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
)

// Editing is what editors do to feeds and stories. Each act is in the audit log, with who did it.
type Editing struct{ store *Store }

// NewEditing returns the editing of a store's feeds and stories.
func NewEditing(s *Store) *Editing { return &Editing{s} }

// noting writes an act into the audit log, in the act's transaction.
type noting func(tx *sqlx.Tx, act, subject string, detail map[string]any) error

// unnoted is for acts that somebody else notes, or nobody.
func unnoted(*sqlx.Tx, string, string, map[string]any) error { return nil }

func by(ctx context.Context, who string) noting {
	return func(tx *sqlx.Tx, act, subject string, detail map[string]any) error {
		return audit.Log(ctx, tx, who, act, subject, detail)
	}
}

func storySubject(id int64) string { return "story " + strconv.FormatInt(id, 10) }

// AddFeed is Store.AddFeed by a person.
func (e *Editing) AddFeed(ctx context.Context, f Feed, who string) (Feed, error) {
	return e.store.addFeed(ctx, f, by(ctx, who))
}

// RemoveFeed is Store.RemoveFeed by a person.
func (e *Editing) RemoveFeed(ctx context.Context, slug, who string) error {
	return e.store.removeFeed(ctx, slug, by(ctx, who))
}

// ChangeFeed changes what is said of a feed and how often it is read: Title, Section, Language and PollSeconds of f count. Errors: Invalid
// with the field, NotFound.
func (e *Editing) ChangeFeed(ctx context.Context, f Feed, who string) (Feed, error) {
	was, err := e.store.Feed(ctx, f.Slug)
	if err != nil {
		return Feed{}, err
	}
	f.URL = was.URL
	if err := f.prepare(e.store.fetch); err != nil {
		return Feed{}, err
	}
	err = db.InTx(ctx, e.store.db, func(tx *sqlx.Tx) error {
		// Its stories take a new section at the next reading, which therefore must not find it unchanged.
		const q = `UPDATE feeds SET title = $2, section = $3, language = $4, poll_seconds = $5, body_hash = NULL, etag = '', last_modified = '',
			next_poll_at = least(next_poll_at, $6) WHERE slug = $1 AND removed_at IS NULL`
		if _, err := tx.ExecContext(ctx, q, f.Slug, f.Title, f.Section, f.Language, f.PollSeconds, e.store.now().Add(time.Duration(f.PollSeconds)*time.Second)); err != nil {
			return db.Err(err, "change the feed")
		}
		return audit.Log(ctx, tx, who, "feed.change", "feed "+f.Slug, nil)
	})
	if err != nil {
		return Feed{}, err
	}
	return e.store.Feed(ctx, f.Slug)
}

// Import is Store.Import by a person.
func (e *Editing) Import(ctx context.Context, p Parsed, who string) (a Article, created bool, err error) {
	return e.store.keepImport(ctx, p, by(ctx, who))
}

// FromURL is Store.FromURL by a person.
func (e *Editing) FromURL(ctx context.Context, address, who string) (a Article, created bool, err error) {
	return e.store.fromURL(ctx, address, by(ctx, who))
}

// Edit is a story as a person wants it in every mail from now on.
type Edit struct {
	Title, Dek, Byline, Section, Language, BodyHTML string // Byline as BylineText writes it
	Tags                                            []string
	ImageURL, Alt, Caption, Credit                  string
	Published                                       time.Time // zero: as it is
}

// ArticleVersion names what a story says at a moment, for Edit.
func ArticleVersion(a Article) string { return strconv.FormatInt(a.ChangedAt.UnixMicro(), 36) }

// Edit changes a story for all mails that are still to be made; from then on no poll changes it. was is the ArticleVersion that the
// person saw: where the story has changed since, nothing is done and the error is errs.Conflict. Other errors: Invalid with the field,
// NotFound.
func (e *Editing) Edit(ctx context.Context, id int64, ed Edit, was, who string) (Article, error) {
	before, err := e.store.Article(ctx, id)
	if err != nil {
		return Article{}, err
	}
	if ArticleVersion(before) != was {
		return Article{}, errs.New(errs.Conflict, "the story has changed since you opened it; open it in another tab, compare, and save again")
	}
	st, err := ed.over(before)
	if err != nil {
		return Article{}, err
	}
	c, err := columns(st)
	if err != nil {
		return Article{}, err
	}
	err = db.InTx(ctx, e.store.db, func(tx *sqlx.Tx) error {
		const q = `UPDATE articles SET title = $2, dek = $3, authors = $4, section = $5, tags = $6, image = $7, published_at = $8, words = $9, language = $10,
			body_html = $11, changed_at = CASE WHEN content_hash = $12 THEN changed_at ELSE $13 END, content_hash = $12, by_hand = true
			WHERE id = $1 AND changed_at = $14`
		res, err := tx.ExecContext(ctx, q, id, st.Title, st.Dek, c.authors, st.Section, pq.Array(c.tags), c.image, st.Published, st.Words, st.Language,
			st.BodyHTML, contentHash(st), e.store.now(), before.ChangedAt)
		if err != nil {
			return db.Err(err, "save the story")
		}
		if n, err := res.RowsAffected(); err == nil && n == 0 {
			return errs.New(errs.Conflict, "the story has changed at this very moment; open it again")
		}
		return audit.Log(ctx, tx, who, "story.edit", storySubject(id), map[string]any{"title": st.Title})
	})
	if err != nil {
		return Article{}, err
	}
	return e.store.Article(ctx, id)
}

// over puts the edit over a story.
func (ed Edit) over(a Article) (render.Story, error) {
	st := a.Story()
	st.Title, st.Dek, st.Section, st.Tags = ed.Title, ed.Dek, ed.Section, ed.Tags
	st.Authors = ReadByline(ed.Byline, a.Authors)
	if strings.TrimSpace(ed.Language) != "" && languageTag(ed.Language) == "" {
		return st, errs.Field("language", "this is not a language tag; one is \"en\" or \"fr-CA\"")
	}
	st.Language = ed.Language
	// A form gives line ends back in its own way; a text that nobody touched stays as it is.
	if lf := strings.ReplaceAll(ed.BodyHTML, "\r\n", "\n"); strings.TrimSpace(lf) != strings.TrimSpace(a.BodyHTML) {
		st.BodyHTML = lf
	}
	if !ed.Published.IsZero() {
		st.Published = ed.Published.UTC()
	}
	switch image := strings.TrimSpace(ed.ImageURL); {
	case image == "":
		st.Image = nil
	case absolute(nil, image) == "":
		return st, errs.Field("image", "this is not the address of an image: it must begin with https://")
	default:
		img := render.Image{URL: image, Alt: ed.Alt, Caption: ed.Caption, Credit: ed.Credit}
		if st.Image != nil && st.Image.URL == image {
			img.Width, img.Height = st.Image.Width, st.Image.Height
		}
		st.Image = &img
	}
	st = tidy(st)
	if st.Title == "" {
		return st, errs.Field("title", "a story needs a headline")
	}
	return st, nil
}

// Release gives a story back to its feed: what the feed says of it counts again from the next poll on. Errors: NotFound; Conflict where
// no feed carries it.
func (e *Editing) Release(ctx context.Context, id int64, who string) error {
	a, err := e.store.Article(ctx, id)
	if err != nil {
		return err
	}
	return db.InTx(ctx, e.store.db, func(tx *sqlx.Tx) error {
		var feeds []int64
		if err := tx.SelectContext(ctx, &feeds, `SELECT fi.feed_id FROM feed_items fi JOIN feeds f ON f.id = fi.feed_id
			WHERE fi.article_id = $1 AND f.removed_at IS NULL ORDER BY fi.feed_id = $2 DESC, fi.feed_id LIMIT 1`, id, a.FeedID); err != nil {
			return db.Err(err, "look for the feeds of the story")
		}
		if len(feeds) == 0 {
			return errs.New(errs.Conflict, "no feed carries this story, so there is nothing it could be given back to")
		}
		if _, err := tx.ExecContext(ctx, `UPDATE articles SET by_hand = false, feed_id = $2, content_hash = '' WHERE id = $1`, id, feeds[0]); err != nil {
			return db.Err(err, "give the story back")
		}
		if _, err := tx.ExecContext(ctx, `UPDATE feeds SET body_hash = NULL, etag = '', last_modified = '', next_poll_at = least(next_poll_at, $2) WHERE id = $1`,
			feeds[0], e.store.now()); err != nil {
			return db.Err(err, "give the story back")
		}
		return audit.Log(ctx, tx, who, "story.release", storySubject(id), nil)
	})
}
