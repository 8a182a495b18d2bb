// Package appeals owns the asks for support: their wordings, and how often their buttons were followed. A change of
// wording is a new variant, so that a campaign keeps what it said. It knows nothing about who followed a button.
package appeals

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// Store keeps appeals in Postgres.
type Store struct {
	db  *sqlx.DB
	now func() time.Time

	saltMu     sync.Mutex
	saltDay    time.Time // of which day the next are
	saltsOfDay [][]byte
}

// NewStore returns a store that tells the time by now.
func NewStore(d *sqlx.DB, now func() time.Time) *Store { return &Store{db: d, now: now} }

// NewAppeal is what a person says to create an appeal or to change its wording.
type NewAppeal struct {
	Slug    string `json:"slug"`
	Heading string `json:"heading"` // plain text, one line
	Body    string `json:"body"`    // a few paragraphs of Markdown
	Button  string `json:"button"`  // plain text, a few words
	URL     string `json:"url"`     // where the button leads: https, or http://localhost for a trial at home
}

// Appeal is an ask for support in its present wording.
type Appeal struct {
	ID        int64      `db:"id" json:"id"`
	Slug      string     `db:"slug" json:"slug"`
	VariantID int64      `db:"variant_id" json:"variant_id"` // the wording below
	Variants  int        `db:"variants" json:"variants"`     // how many wordings it has had
	Heading   string     `db:"heading" json:"heading"`
	Body      string     `db:"body" json:"body"`
	Button    string     `db:"button" json:"button"`
	URL       string     `db:"url" json:"url"`
	CreatedAt time.Time  `db:"created_at" json:"created_at"`
	ChangedAt time.Time  `db:"changed_at" json:"changed_at"`
	RetiredAt *time.Time `db:"retired_at" json:"retired_at,omitempty"` // not to be used in new campaigns
}

// Variant is one wording of an appeal; it never changes.
type Variant struct {
	ID        int64     `db:"id" json:"id"`
	AppealID  int64     `db:"appeal_id" json:"appeal_id"`
	Slug      string    `db:"slug" json:"slug"`
	Heading   string    `db:"heading" json:"heading"`
	Body      string    `db:"body" json:"body"`
	Button    string    `db:"button" json:"button"`
	URL       string    `db:"url" json:"url"`
	CreatedAt time.Time `db:"created_at" json:"created_at"`
}

// current joins each appeal with its newest wording.
const current = `SELECT a.id, a.slug, v.id AS variant_id, n.variants, v.heading, v.body, v.button, v.url, a.created_at,
		v.created_at AS changed_at, a.retired_at
	FROM appeals a
	CROSS JOIN LATERAL (SELECT max(id) AS newest, count(*) AS variants FROM appeal_variants WHERE appeal_id = a.id) n
	JOIN appeal_variants v ON v.id = n.newest`

// Create adds an appeal with its first wording. Errors: Invalid with the field at fault, Conflict when the slug is taken.
func (s *Store) Create(ctx context.Context, n NewAppeal, who string) (Appeal, error) {
	if err := n.check(); err != nil {
		return Appeal{}, err
	}
	var a Appeal
	err := db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		var id int64
		if err := tx.GetContext(ctx, &id, `INSERT INTO appeals (slug, created_at) VALUES ($1, $2) RETURNING id`, n.Slug, s.now()); err != nil {
			if err = db.Err(err, "create appeal"); errs.KindOf(err) == errs.Conflict {
				return errs.Wrap(err, errs.Conflict, "there is an appeal %q already; to change what it says, revise it", n.Slug)
			}
			return err
		}
		if err := s.addVariant(ctx, tx, id, n); err != nil {
			return err
		}
		var err error
		a, err = get(ctx, tx, n.Slug)
		if err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, "appeal.create", n.Slug, map[string]any{"variant": a.VariantID})
	})
	return a, err
}

// Revise gives the appeal of n.Slug a new wording for campaigns still to be composed. The same wording again changes
// nothing. Errors: Invalid with the field at fault, NotFound.
func (s *Store) Revise(ctx context.Context, n NewAppeal, who string) (Appeal, error) {
	if err := n.check(); err != nil {
		return Appeal{}, err
	}
	var a Appeal
	err := db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		// The lock makes two editors' revisions follow one another.
		if _, err := tx.ExecContext(ctx, `SELECT FROM appeals WHERE slug = $1 FOR UPDATE`, n.Slug); err != nil {
			return db.Err(err, "revise appeal")
		}
		was, err := get(ctx, tx, n.Slug)
		if err != nil {
			return err
		}
		if a = was; n == (NewAppeal{was.Slug, was.Heading, was.Body, was.Button, was.URL}) {
			return nil
		}
		if err := s.addVariant(ctx, tx, was.ID, n); err != nil {
			return err
		}
		if a, err = get(ctx, tx, n.Slug); err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, "appeal.revise", n.Slug, map[string]any{"from": was.VariantID, "to": a.VariantID})
	})
	return a, err
}

func (s *Store) addVariant(ctx context.Context, q db.Q, appeal int64, n NewAppeal) error {
	_, err := q.ExecContext(ctx, `INSERT INTO appeal_variants (appeal_id, heading, body, button, url, created_at)
		VALUES ($1, $2, $3, $4, $5, $6)`, appeal, n.Heading, n.Body, n.Button, n.URL, s.now())
	return db.Err(err, "keep the appeal's wording")
}

// Retire takes an appeal out of use: recipes that name it are composed without it. Errors: NotFound.
func (s *Store) Retire(ctx context.Context, slug, who string) error {
	return db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		if _, err := get(ctx, tx, slug); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE appeals SET retired_at = coalesce(retired_at, $2) WHERE slug = $1`, slug, s.now()); err != nil {
			return db.Err(err, "retire appeal")
		}
		return audit.Log(ctx, tx, who, "appeal.retire", slug, nil)
	})
}

// List returns all appeals in order of slug.
func (s *Store) List(ctx context.Context) ([]Appeal, error) {
	list := []Appeal{}
	err := s.db.SelectContext(ctx, &list, current+` ORDER BY a.slug`)
	return list, db.Err(err, "list appeals")
}

// Get returns the appeal of this slug in its present wording. Errors: NotFound.
func (s *Store) Get(ctx context.Context, slug string) (Appeal, error) { return get(ctx, s.db, slug) }

func get(ctx context.Context, q db.Q, slug string) (a Appeal, err error) {
	err = q.GetContext(ctx, &a, current+` WHERE a.slug = $1`, slug)
	if errors.Is(err, sql.ErrNoRows) {
		return a, errs.New(errs.NotFound, "there is no appeal %q", slug)
	}
	return a, db.Err(err, "read appeal")
}

// Variant returns one wording. Errors: NotFound.
func (s *Store) Variant(ctx context.Context, id int64) (v Variant, err error) {
	err = s.db.GetContext(ctx, &v, `SELECT v.id, v.appeal_id, a.slug, v.heading, v.body, v.button, v.url, v.created_at
		FROM appeal_variants v JOIN appeals a ON a.id = v.appeal_id WHERE v.id = $1`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return v, errs.New(errs.NotFound, "there is no such appeal")
	}
	return v, db.Err(err, "read appeal")
}
