package articles

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
)

// Import keeps a parsed story; from then on no feed changes it. The same story again is updated, created says which: by its
// address, one that a feed has brought too; else, of those imported by hand, by title, authors and date, so that a second
// import may give a story another address (FormerURL is then the one it had) and an import that says none leaves it. Two
// addresses with two texts are two stories, whatever their titles. Invalid when it has no title.
func (s *Store) Import(ctx context.Context, p Parsed) (a Article, created bool, err error) {
	return s.keepImport(ctx, p, unnoted)
}

func (s *Store) keepImport(ctx context.Context, p Parsed, note noting) (a Article, created bool, err error) {
	st := tidy(p.Story)
	if st.Title == "" {
		return Article{}, false, errs.Field("title", "a story needs a headline")
	}
	before, err := findTwin(ctx, s.db, p.Story.Published, st)
	if err != nil {
		return Article{}, false, err
	}
	if st.URL == "" {
		st.URL = before.URL
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
		const update = `UPDATE articles SET url = $3, canonical_url = nullif($2, ''), title = $4, dek = $5, authors = $6, section = $7, tags = $8, image = $9, published_at = $10, words = $11,
			language = $12, body_html = $13, changed_at = CASE WHEN content_hash = $14 THEN changed_at ELSE $15 END, content_hash = $14, by_hand = true, gone_at = NULL
			WHERE id = coalesce((SELECT id FROM articles WHERE canonical_url = $2), (SELECT id FROM articles WHERE feed_id IS NULL AND guid = $1), $16)
			RETURNING id`
		const insert = `INSERT INTO articles (guid, canonical_url, url, title, dek, authors, section, tags, image, published_at, words,
				language, body_html, content_hash, changed_at, by_hand, created_at)
			VALUES ($1, nullif($2, ''), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, true, $15) ON CONFLICT DO NOTHING RETURNING id`
		args := []any{guid, canonical, st.URL, st.Title, st.Dek, c.authors, st.Section, pq.Array(c.tags), c.image,
			st.Published, st.Words, st.Language, st.BodyHTML, sum, now}
		for _, q := range []string{update, insert, update} { // the third when another import was faster
			var ids []int64
			args := args
			if q == update {
				args = append(args, before.ID)
			}
			if err := tx.SelectContext(ctx, &ids, q, args...); err != nil {
				return db.Err(err, "import article")
			}
			if len(ids) > 0 {
				id, created = ids[0], q == insert
				return note(tx, "story.import", storySubject(id), map[string]any{"title": st.Title})
			}
		}
		return errs.New(errs.Unavailable, "the same story is being imported by someone else at this moment")
	})
	if err != nil {
		return Article{}, false, err
	}
	a, err = s.Article(ctx, id)
	if id == before.ID && CanonicalURL(before.URL) != a.CanonicalURL {
		a.FormerURL = before.URL
	}
	return a, created, err
}

// twin is a story imported before that may be the same as another.
type twin struct {
	ID      int64  `db:"id"` // 0: there is none
	URL     string `db:"url"`
	Authors []byte `db:"authors"`
	Body    string `db:"body_html"`
}

// findTwin returns the newest story imported by hand with the title and authors of st, and its day where the file said one.
func findTwin(ctx context.Context, q db.Q, published time.Time, st render.Story) (twin, error) {
	var twins []twin
	err := q.SelectContext(ctx, &twins, `SELECT id, url, authors, body_html FROM articles
		WHERE feed_id IS NULL AND lower(title) = lower($1) AND ($2 = '' OR to_char(published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') = $2)
		ORDER BY id DESC LIMIT 50`, st.Title, day(published))
	if err != nil {
		return twin{}, db.Err(err, "find the story")
	}
	for _, t := range twins {
		var authors []render.Author
		if err := json.Unmarshal(t.Authors, &authors); err != nil {
			return twin{}, errs.Wrap(err, errs.Internal, "the authors of article %d", t.ID)
		}
		same := t.URL == "" || st.URL == "" || t.Body == st.BodyHTML || CanonicalURL(t.URL) == CanonicalURL(st.URL)
		if same && slices.EqualFunc(authors, st.Authors, func(a, b render.Author) bool { return strings.EqualFold(a.Name, b.Name) }) {
			return t, nil
		}
	}
	return twin{}, nil
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
