package subscribers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/lang"
)

// Publication is who publishes several lists and offers them together on one sign-up page.
type Publication struct {
	ID           int64     `db:"id" json:"id"`
	Slug         string    `db:"slug" json:"slug"` // part of the address of its sign-up page; never changes
	Name         string    `db:"name" json:"name"`
	Description  string    `db:"description" json:"description"`
	HomeURL      string    `db:"home_url" json:"home_url"`
	Language     string    `db:"language" json:"language"`
	AccentColour string    `db:"accent_colour" json:"accent_colour"`
	CreatedAt    time.Time `db:"created_at" json:"created_at"`
}

const publicationColumns = `id, slug, name, description, home_url, language, accent_colour, created_at`

// Publications keeps them, beside the lists that belong to them.
type Publications struct{ store *Store }

// Create saves a new publication and returns it as saved. It returns errs.Invalid with the name of each column that is wrong,
// or errs.Conflict when the slug is taken.
func (s *Publications) Create(ctx context.Context, p Publication) (Publication, error) {
	p, err := checkPublication(p)
	if err != nil {
		return Publication{}, err
	}
	return insertPublication(ctx, s.store.db, p)
}

// insertPublication adds one that was checked.
func insertPublication(ctx context.Context, q db.Q, p Publication) (Publication, error) {
	err := q.GetContext(ctx, &p, `INSERT INTO publications (slug, name, description, home_url, language, accent_colour)
		VALUES ($1, $2, $3, $4, $5, $6) RETURNING `+publicationColumns, p.Slug, p.Name, p.Description, p.HomeURL, p.Language, p.AccentColour)
	if err = db.Err(err, "create the publication"); errs.KindOf(err) == errs.Conflict {
		return Publication{}, errs.Wrap(err, errs.Conflict, "there is a publication with the slug %s already", p.Slug)
	}
	return p, err
}

// Update saves what changed of the publication with p's slug.
func (s *Publications) Update(ctx context.Context, p Publication) (Publication, error) {
	p, err := checkPublication(p)
	if err != nil {
		return Publication{}, err
	}
	return updatePublication(ctx, s.store.db, p)
}

// updatePublication writes one that was checked.
func updatePublication(ctx context.Context, q db.Q, p Publication) (Publication, error) {
	err := q.GetContext(ctx, &p, `UPDATE publications SET name = $2, description = $3, home_url = $4, language = $5, accent_colour = $6
		WHERE slug = $1 RETURNING `+publicationColumns, p.Slug, p.Name, p.Description, p.HomeURL, p.Language, p.AccentColour)
	return p, noPublication(db.Err(err, "save the publication"), p.Slug)
}

// Get returns a publication by its id, or errs.NotFound.
func (s *Publications) Get(ctx context.Context, id int64) (p Publication, err error) {
	err = s.store.db.GetContext(ctx, &p, `SELECT `+publicationColumns+` FROM publications WHERE id = $1`, id)
	return p, db.Err(err, "find the publication")
}

// BySlug returns a publication, or errs.NotFound.
func (s *Publications) BySlug(ctx context.Context, slug string) (p Publication, err error) {
	err = s.store.db.GetContext(ctx, &p, `SELECT `+publicationColumns+` FROM publications WHERE slug = $1`, slug)
	return p, noPublication(db.Err(err, "find the publication"), slug)
}

func noPublication(err error, slug string) error {
	if errs.KindOf(err) == errs.NotFound {
		return errs.Wrap(err, errs.NotFound, "there is no publication with the slug %q; see: mailer publications", slug)
	}
	return err
}

// All returns the publications by slug.
func (s *Publications) All(ctx context.Context) ([]Publication, error) {
	all := []Publication{}
	err := s.store.db.SelectContext(ctx, &all, `SELECT `+publicationColumns+` FROM publications ORDER BY slug`)
	return all, db.Err(err, "read the publications")
}

// Lists returns the lists of a publication by name, without archived ones; open: only those that anybody may sign up to.
func (s *Publications) Lists(ctx context.Context, publication int64, open bool) ([]List, error) {
	lists := []List{}
	err := s.store.db.SelectContext(ctx, &lists, `SELECT `+listColumns+` FROM lists
		WHERE publication_id = $1 AND archived_at IS NULL AND (signup_open OR NOT $2) ORDER BY name, id`, publication, open)
	return lists, db.Err(err, "read the lists of the publication")
}

// PublicationOf returns the publication of several lists that are all of the same one; else, and of a single list, the zero one.
func PublicationOf(ctx context.Context, q db.Q, lists []List) (p Publication, err error) {
	if len(lists) < 2 || lists[0].PublicationID == nil {
		return p, nil
	}
	for _, l := range lists[1:] {
		if l.PublicationID == nil || *l.PublicationID != *lists[0].PublicationID {
			return p, nil
		}
	}
	err = q.GetContext(ctx, &p, `SELECT `+publicationColumns+` FROM publications WHERE id = $1`, *lists[0].PublicationID)
	return p, db.Err(err, "find the publication")
}

// OpenLists returns those of the lists with these ids that anybody may sign up to, in this order.
func OpenLists(ctx context.Context, q db.Q, ids []int64) ([]List, error) {
	var lists []List
	err := q.SelectContext(ctx, &lists, `SELECT `+listColumns+` FROM lists
		WHERE id = ANY ($1) AND signup_open AND archived_at IS NULL ORDER BY array_position($1, id)`, pq.Array(ids))
	return lists, db.Err(err, "find the lists")
}

// checkPublication returns p trimmed and with its defaults, or an errs.Invalid about each column that is wrong, joined.
func checkPublication(p Publication) (Publication, error) {
	var problems []error
	note := func(err error) {
		if err != nil {
			problems = append(problems, err)
		}
	}
	if !slugForm.MatchString(p.Slug) || len(p.Slug) > 50 {
		note(errs.Field("slug", "use up to 50 small letters, digits and single hyphens, like the-courier"))
	}
	var err error
	if p.Name, err = OneLine("name", p.Name, 80); err == nil && p.Name == "" {
		err = errs.Field("name", "it is needed")
	}
	note(err)
	p.Description, err = SomeLines("description", p.Description, 1000)
	note(err)
	if p.Language == "" {
		p.Language = "en"
	}
	p.Language, err = LanguageTag(p.Language)
	note(err)
	if primary, _, _ := strings.Cut(p.Language, "-"); err == nil && !slices.Contains(lang.Tags, primary) {
		note(errs.Field("language", "the fixed words of pages are not there in %q; choose one of %s", p.Language, strings.Join(lang.Tags, ", ")))
	}
	if p.HomeURL = strings.TrimSpace(p.HomeURL); p.HomeURL != "" && !isWebURL(p.HomeURL) {
		note(errs.Field("home_url", "it must be a full address that begins with https://, like https://www.example.org/"))
	}
	if p.AccentColour = strings.ToLower(strings.TrimSpace(p.AccentColour)); p.AccentColour == "" {
		p.AccentColour = defaultAccent
	}
	if !colourForm.MatchString(p.AccentColour) {
		note(errs.Field("accent_colour", "write the colour as six hexadecimal digits, like %s", defaultAccent))
	}
	return p, errors.Join(problems...)
}
