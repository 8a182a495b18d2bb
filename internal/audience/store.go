package audience

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// maxSegments is how many segments there can be, and maxCombined how many one campaign can name.
const (
	maxSegments = 1_000
	maxCombined = 20
)

// Store keeps segments. It is safe for concurrent use.
type Store struct {
	db    *sqlx.DB
	lists *subscribers.Store
	now   func() time.Time
}

// NewStore returns a Store on d.
func NewStore(d *sqlx.DB, lists *subscribers.Store, now func() time.Time) *Store {
	return &Store{db: d, lists: lists, now: now}
}

// Segment is a saved rule. It is of no list: the list of a campaign decides who can be in it at all.
type Segment struct {
	ID        int64     `db:"id" json:"id"`
	Slug      string    `db:"slug" json:"slug"` // never changes, since recipes and campaigns name it
	Name      string    `db:"name" json:"name"`
	Rule      Rule      `db:"-" json:"rule"`
	Text      string    `db:"-" json:"text"` // the rule as people read it
	CreatedAt time.Time `db:"created_at" json:"created_at"`
	UpdatedAt time.Time `db:"updated_at" json:"updated_at"`
	UpdatedBy string    `db:"updated_by" json:"updated_by"`

	UsedBy []string `db:"-" json:"used_by,omitempty"` // digests, and campaigns that have not been launched; only Get fills it

	Raw []byte `db:"rule" json:"-"`
}

const segmentColumns = `id, slug, name, rule, created_at, updated_at, updated_by`

// read makes a rule of what is kept.
func (g *Segment) read() error {
	r, err := UnmarshalRule(g.Raw)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "the rule of the segment %s in the database cannot be read", g.Slug)
	}
	g.Rule, g.Text = r, r.String()
	return nil
}

// Create saves a rule as it was written. who is the person who did it. Errors: Invalid with the place in the rule or the field at
// fault, Conflict when the slug is taken.
func (s *Store) Create(ctx context.Context, slug, name, text, who string) (Segment, error) {
	if !isSlug(slug) {
		return Segment{}, errs.Field("slug", "%q is not a short name: use up to 50 small letters, digits and single dashes, such as paris-supporters", slug)
	}
	if name == "" {
		name = slug
	}
	if err := checkName(name); err != nil {
		return Segment{}, err
	}
	rule, err := s.checked(ctx, text)
	if err != nil {
		return Segment{}, err
	}
	var g Segment
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		// One at a time, so that the limit holds.
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext('segments.create'))`); err != nil {
			return db.Err(err, "create segment")
		}
		var n int
		if err := tx.GetContext(ctx, &n, `SELECT count(*) FROM segments`); err != nil {
			return db.Err(err, "count the segments")
		}
		if n >= maxSegments {
			return errs.New(errs.Conflict, "there are %d segments, and no more can be made; delete some that nobody uses", n)
		}
		err := db.Err(tx.GetContext(ctx, &g, `INSERT INTO segments (slug, name, rule, created_at, updated_at, updated_by) VALUES ($1, $2, $3, $4, $4, $5)
			RETURNING `+segmentColumns, slug, name, rule, s.now(), who), "create segment")
		if errs.KindOf(err) == errs.Conflict {
			return errs.Wrap(err, errs.Conflict, "there is a segment %s already", slug)
		} else if err != nil {
			return err
		}
		if err := g.read(); err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, "segment.create", auditName(slug), map[string]any{"rule": forAudit(g)})
	})
	return g, err
}

func checkName(name string) error {
	if strings.TrimSpace(name) == "" || utf8.RuneCountInString(name) > 100 || !utf8.ValidString(name) || strings.ContainsFunc(name, hidden) {
		return errs.Field("name", "must be one line of at most 100 characters")
	}
	return nil
}

// checked returns the JSON of a rule that may be saved.
func (s *Store) checked(ctx context.Context, text string) (string, error) {
	r, err := Parse(text)
	if err != nil {
		return "", err
	}
	if err := s.Check(ctx, r); err != nil {
		return "", err
	}
	data, err := r.marshal()
	return string(data), err
}

// Update changes name and rule of a segment; nil stays as it is. Campaigns that have not been launched follow, and an approval of
// one lapses; what was launched is as it was. Errors as Create, and NotFound.
func (s *Store) Update(ctx context.Context, slug string, name, text *string, who string) (Segment, error) {
	var g Segment
	var rule string
	if text != nil {
		var err error
		if rule, err = s.checked(ctx, *text); err != nil {
			return g, err
		}
	}
	err := db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		was, err := find(ctx, tx, slug, "FOR UPDATE")
		if err != nil {
			return err
		}
		if name != nil {
			if err := checkName(*name); err != nil {
				return err
			}
			was.Name = *name
		}
		if text == nil {
			rule = string(was.Raw)
		}
		err = tx.GetContext(ctx, &g, `UPDATE segments SET name = $2, rule = $3, updated_at = $4, updated_by = $5 WHERE id = $1 RETURNING `+segmentColumns,
			was.ID, was.Name, rule, s.now(), who)
		if err != nil {
			return db.Err(err, "change segment")
		}
		if err := g.read(); err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, "segment.update", auditName(slug), map[string]any{"rule": forAudit(g), "was": forAudit(was)})
	})
	return g, err
}

// Get returns a segment and what uses it, or errs.NotFound.
func (s *Store) Get(ctx context.Context, slug string) (Segment, error) {
	g, err := find(ctx, s.db, slug, "")
	if err != nil {
		return g, err
	}
	g.UsedBy, err = usedBy(ctx, s.db, slug)
	return g, err
}

func find(ctx context.Context, q db.Q, slug, lock string) (g Segment, err error) {
	err = db.Err(q.GetContext(ctx, &g, `SELECT `+segmentColumns+` FROM segments WHERE slug = $1 `+lock, slug), "find the segment")
	if errs.KindOf(err) == errs.NotFound {
		return g, errs.Wrap(err, errs.NotFound, "there is no segment %q; see: mailer segments", slug)
	} else if err != nil {
		return g, err
	}
	return g, g.read()
}

// usedBy asks the rooms above, by the view that they declare.
func usedBy(ctx context.Context, q db.Q, slug string) ([]string, error) {
	var uses []string
	err := q.SelectContext(ctx, &uses, `SELECT used_by FROM segment_uses WHERE slug = $1 ORDER BY used_by LIMIT 100`, slug)
	return uses, db.Err(err, "look for what uses the segment")
}

// List returns all segments in order of slug.
func (s *Store) List(ctx context.Context) ([]Segment, error) {
	list := []Segment{}
	if err := s.db.SelectContext(ctx, &list, `SELECT `+segmentColumns+` FROM segments ORDER BY slug`); err != nil {
		return nil, db.Err(err, "list segments")
	}
	for i := range list {
		if err := list[i].read(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Delete removes a segment that nothing needs any more. Errors: NotFound; Conflict with what needs it: a digest, or a campaign that
// has not been launched.
func (s *Store) Delete(ctx context.Context, slug, who string) error {
	return db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		// Whoever begins to use it holds its row (Hold), so that either they are seen here or they find it gone.
		g, err := find(ctx, tx, slug, "FOR UPDATE")
		if err != nil {
			return err
		}
		uses, err := usedBy(ctx, tx, slug)
		if err != nil {
			return err
		}
		if len(uses) > 0 {
			return errs.New(errs.Conflict, "the segment %s is used by %s; take it out there first", slug, shortList(uses))
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM segments WHERE id = $1`, g.ID); err != nil {
			return db.Err(err, "delete segment")
		}
		return audit.Log(ctx, tx, who, "segment.delete", auditName(slug), map[string]any{"rule": forAudit(g)})
	})
}

// shortList names the first few of many.
func shortList(names []string) string {
	const shown = 5
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}

// forAudit is a rule for the audit log, which nothing can be erased from: addresses in it are masked.
func forAudit(g Segment) string { return delivery.MaskReply(g.Text) }

func auditName(slug string) string { return "segment " + slug }

// Hold sees to it that segments exist, and that they stay until the caller's transaction ends: what names them is written in it.
// Errors: Invalid with field and the slug that is wrong.
func (s *Store) Hold(ctx context.Context, q db.Q, field string, slugs []string) error {
	if len(slugs) > maxCombined {
		return errs.Field(field, "there are %d; %d is the limit", len(slugs), maxCombined)
	}
	var known []string
	if err := q.SelectContext(ctx, &known, `SELECT slug FROM segments WHERE slug = ANY ($1) ORDER BY slug FOR SHARE`, pq.Array(slugs)); err != nil {
		return db.Err(err, "find the segments")
	}
	for i, slug := range slugs {
		switch {
		case !slices.Contains(known, slug):
			return errs.Field(field, "there is no segment %q; see: mailer segments", slug)
		case slices.Contains(slugs[:i], slug):
			return errs.Field(field, "%q stands there twice", slug)
		}
	}
	return nil
}

// Combine makes one rule of saved ones: a reader must be in all of segments and in none of exclude. Whatever is added to either
// makes the audience smaller, never larger. Errors: Invalid for a segment that does not exist.
func (s *Store) Combine(ctx context.Context, segments, exclude []string) (Rule, error) {
	var saved []Segment
	err := s.db.SelectContext(ctx, &saved, `SELECT `+segmentColumns+` FROM segments WHERE slug = ANY ($1)`, pq.Array(slices.Concat(segments, exclude)))
	if err != nil {
		return Rule{}, db.Err(err, "read the segments")
	}
	rules := map[string]Rule{}
	for i := range saved {
		if err := saved[i].read(); err != nil {
			return Rule{}, err
		}
		rules[saved[i].Slug] = saved[i].Rule
	}
	var all []Rule
	for i, slug := range slices.Concat(segments, exclude) {
		r, ok := rules[slug]
		switch {
		case !ok:
			return Rule{}, errs.New(errs.Invalid, "there is no segment %q any more", slug)
		case i >= len(segments):
			r = not(r)
		}
		all = append(all, r)
	}
	return and(all...), nil
}
