package articles

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
)

// Shelf is where editors look for stories: newest first, without their texts, in pages.
type Shelf struct{ db *sqlx.DB }

// NewShelf returns the shelf of a store's stories.
func NewShelf(s *Store) *Shelf { return &Shelf{s.db} }

// Shelved is a story on the shelf.
type Shelved struct {
	ID        int64
	Title     string
	Dek       string
	Section   string
	Image     *render.Image // nil: none
	URL       string
	Published time.Time
	Words     int
	GoneAt    *time.Time // when its publisher was seen to have taken it back
}

// Look says which stories of the shelf one wants to see; zero fields do not narrow.
type Look struct {
	Text    string // words that stand in title or dek, all of them, in any case
	Section string // in any case
	After   string // Page.Next of the page before; empty: the first page
	Limit   int    // default 30, at most 100
}

// Page is a page of the shelf.
type Page struct {
	Stories []Shelved
	Next    string // for Look.After; empty: this was the last one
}

// Limits of a search: what a person types is short, and a search over a million stories is ended rather than waited for.
const (
	maxLook      = 200 // characters
	maxLookWords = 8
	lookTimeout  = 2 * time.Second
)

// Stories returns a page of the shelf. Errors: Invalid for a page that there cannot be, Unavailable for a search that takes too long.
func (s *Shelf) Stories(ctx context.Context, l Look) (Page, error) {
	w := where{}
	if utf8.RuneCountInString(l.Text) > maxLook {
		return Page{}, errs.Field("q", "the search is longer than %d characters; a few words of the headline will do", maxLook)
	}
	words := strings.Fields(strings.ToValidUTF8(strings.ReplaceAll(l.Text, "\x00", ""), ""))
	for _, word := range words[:min(len(words), maxLookWords)] {
		w.add(`(a.title ILIKE $? OR a.dek ILIKE $?)`, "%"+likeEscaper.Replace(word)+"%")
	}
	if l.Section != "" {
		w.inSections([]string{strings.ToValidUTF8(strings.ReplaceAll(l.Section, "\x00", ""), "")})
	}
	if l.After != "" {
		at, id, err := parseAfter(l.After)
		if err != nil {
			return Page{}, err
		}
		w.add(`a.published_at <= $?`, at) // for the index; the next line is exact
		w.args = append(w.args, id)
		w.conds = append(w.conds, `(a.published_at, a.id) < ($`+strconv.Itoa(len(w.args)-1)+`, $`+strconv.Itoa(len(w.args))+`)`)
	}
	limit := l.Limit
	if limit <= 0 {
		limit = 30
	}
	limit = min(limit, 100)
	w.args = append(w.args, limit+1)
	var rows []row
	err := db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL statement_timeout = `+strconv.FormatInt(lookTimeout.Milliseconds(), 10)); err != nil {
			return db.Err(err, "look for stories")
		}
		rows = nil
		err := tx.SelectContext(ctx, &rows, `SELECT a.id, a.title, left(a.dek, 400) AS dek, coalesce(nullif(a.section, ''), (SELECT fi.section FROM feed_items fi
				WHERE fi.article_id = a.id AND fi.section <> '' ORDER BY fi.feed_id LIMIT 1), '') AS section, a.image, a.url, a.published_at, a.words, a.gone_at
			FROM articles a `+w.String()+` ORDER BY a.published_at DESC, a.id DESC LIMIT $`+strconv.Itoa(len(w.args)), w.args...)
		if err = db.Err(err, "look for stories"); errs.KindOf(err) == errs.Unavailable && ctx.Err() == nil {
			return errs.Wrap(err, errs.Unavailable, "this search takes too long; take a longer word of the headline, or choose a section")
		}
		return err
	})
	if err != nil {
		return Page{}, err
	}
	return shelve(rows, limit)
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// shelve makes a page of rows, of which there is one more than fit when another page follows.
func shelve(rows []row, limit int) (Page, error) {
	p := Page{Stories: make([]Shelved, 0, min(len(rows), limit))}
	for i, r := range rows {
		if i == limit {
			last := p.Stories[limit-1]
			p.Next = strconv.FormatInt(last.Published.UnixMicro(), 10) + "-" + strconv.FormatInt(last.ID, 10)
			break
		}
		s := Shelved{ID: r.ID, Title: r.Title, Dek: r.Dek, Section: r.Section, URL: r.URL, Published: r.Published.UTC(), Words: r.Words, GoneAt: r.GoneAt}
		if len(r.Image) > 0 {
			if err := json.Unmarshal(r.Image, &s.Image); err != nil {
				return p, errs.Wrap(err, errs.Internal, "the image of article %d", r.ID)
			}
		}
		p.Stories = append(p.Stories, s)
	}
	return p, nil
}

// parseAfter reads a Page.Next.
func parseAfter(s string) (at time.Time, id int64, err error) {
	micro, number, _ := strings.Cut(s, "-")
	t, err1 := strconv.ParseInt(micro, 10, 64)
	id, err2 := strconv.ParseInt(number, 10, 64)
	if err1 != nil || err2 != nil || t < 0 || t > 253402300800e6 { // the year 10000
		return at, 0, errs.Field("after", "there is no such page; begin with the first one")
	}
	return time.UnixMicro(t).UTC(), id, nil
}

// recentStories is how many stories tell which sections there are.
const recentStories = 1000

// Sections returns the sections of the newest stories, by name.
func (s *Shelf) Sections(ctx context.Context) ([]string, error) {
	var names pq.StringArray
	err := s.db.GetContext(ctx, &names, `SELECT coalesce(array_agg(section ORDER BY lower(section)), '{}') FROM (
		SELECT min(section) AS section FROM (
			SELECT coalesce(nullif(a.section, ''), (SELECT fi.section FROM feed_items fi WHERE fi.article_id = a.id AND fi.section <> ''
				ORDER BY fi.feed_id LIMIT 1), '') AS section FROM articles a ORDER BY a.published_at DESC, a.id DESC LIMIT $1) newest
		WHERE section <> '' GROUP BY lower(section)) named`, recentStories)
	return names, db.Err(err, "list the sections")
}
