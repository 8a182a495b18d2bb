package articles

import (
	"context"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
)

// Import keeps a parsed story; from then on no feed changes it. The same story again (by its address, else by title,
// authors and date) is updated, one that a feed has brought too; created says which. Invalid when it has no title.
func (s *Store) Import(ctx context.Context, p Parsed) (a Article, created bool, err error) {
	st := tidy(p.Story)
	if st.Title == "" {
		return Article{}, false, errs.Field("title", "a story needs a headline")
	}
	guid := CanonicalURL(st.URL)
	canonical := guid
	if guid == "" {
		names := ""
		for _, a := range st.Authors {
			names += a.Name + "\n"
		}
		guid = hash("file", strings.ToLower(st.Title), strings.ToLower(names), day(st.Published))
	}
	now := s.now()
	if st.Published.IsZero() {
		st.Published = now
	}
	c, err := columns(st)
	if err != nil {
		return Article{}, false, err
	}
	sum := contentHash(st)
	var id int64
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		created = false
		const update = `UPDATE articles SET url = $3, title = $4, dek = $5, authors = $6, section = $7, tags = $8, image = $9, published_at = $10, words = $11,
			language = $12, body_html = $13, changed_at = CASE WHEN content_hash = $14 THEN changed_at ELSE $15 END, content_hash = $14, by_hand = true, gone_at = NULL
			WHERE id = (SELECT id FROM articles WHERE canonical_url = nullif($2, '') OR feed_id IS NULL AND guid = $1 ORDER BY canonical_url = $2 DESC NULLS LAST LIMIT 1)
			RETURNING id`
		const insert = `INSERT INTO articles (guid, canonical_url, url, title, dek, authors, section, tags, image, published_at, words,
				language, body_html, content_hash, changed_at, by_hand, created_at)
			VALUES ($1, nullif($2, ''), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, true, $15) ON CONFLICT DO NOTHING RETURNING id`
		args := []any{guid, canonical, st.URL, st.Title, st.Dek, c.authors, st.Section, pq.Array(c.tags), c.image,
			st.Published, st.Words, st.Language, st.BodyHTML, sum, now}
		for _, q := range []string{update, insert, update} { // the third when another import was faster
			var ids []int64
			if err := tx.SelectContext(ctx, &ids, q, args...); err != nil {
				return db.Err(err, "import article")
			}
			if len(ids) > 0 {
				id, created = ids[0], q == insert
				return nil
			}
		}
		return errs.New(errs.Unavailable, "the same story is being imported by someone else at this moment")
	})
	if err != nil {
		return Article{}, false, err
	}
	a, err = s.Article(ctx, id)
	return a, created, err
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// tidy cleans every field of a story, whoever filled it.
func tidy(s render.Story) render.Story {
	s.Title, s.Dek, s.Section = line(s.Title, maxTitle), line(s.Dek, maxDek), line(s.Section, maxShort)
	s.Tags = tags(s.Tags, "")
	s.Authors = append([]render.Author(nil), s.Authors...)
	for i, a := range s.Authors {
		s.Authors[i] = render.Author{Name: line(a.Name, maxShort), Title: line(a.Title, maxShort), Institution: line(a.Institution, maxShort), Bio: line(a.Bio, maxBio)}
	}
	s.URL = absolute(nil, s.URL)
	s.Language = languageTag(s.Language)
	s.BodyHTML = render.SanitizeBody(s.BodyHTML, nil)
	s.Words = countWords(textOfHTML(s.BodyHTML))
	if s.Image != nil {
		img := *s.Image
		img.URL = absolute(nil, img.URL)
		img.Alt, img.Caption, img.Credit = line(img.Alt, maxCaption), line(img.Caption, maxCaption), line(img.Credit, maxShort)
		s.Image = &img
	}
	return s
}
