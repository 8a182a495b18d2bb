package subscribers

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// List is what one subscribes to: a newsletter with its sender, its legal identity and its looks.
type List struct {
	ID             int64      `db:"id" json:"id"`
	Slug           string     `db:"slug" json:"slug"` // part of its List-Id for ever; never changes
	Name           string     `db:"name" json:"name"`
	Description    string     `db:"description" json:"description"`
	FromName       string     `db:"from_name" json:"from_name"`
	FromAddress    string     `db:"from_address" json:"from_address"`
	ReplyTo        string     `db:"reply_to" json:"reply_to"`
	EnvelopeDomain string     `db:"envelope_domain" json:"envelope_domain"` // domain of MAIL FROM; empty at save: that of FromAddress
	LegalName      string     `db:"legal_name" json:"legal_name"`
	PostalAddress  string     `db:"postal_address" json:"postal_address"` // may have several lines
	Contact        string     `db:"contact" json:"contact"`               // telephone, address or page, as the footer shows it
	HomeURL        string     `db:"home_url" json:"home_url"`
	Reason         string     `db:"reason" json:"reason"` // why the reader gets this mail; empty: the usual sentence
	Language       string     `db:"language" json:"language"`
	TimeZone       string     `db:"time_zone" json:"time_zone"` // IANA name
	LogoURL        string     `db:"logo_url" json:"logo_url"`
	LogoWidth      int        `db:"logo_width" json:"logo_width"` // in CSS pixels, as shown
	LogoHeight     int        `db:"logo_height" json:"logo_height"`
	AccentColour   string     `db:"accent_colour" json:"accent_colour"` // #rrggbb
	PaperColour    string     `db:"paper_colour" json:"paper_colour"`
	TypeFace       string     `db:"type_face" json:"type_face,omitempty"` // name of one of render.Faces
	PublicationID  *int64     `db:"publication_id" json:"publication_id,omitempty"`
	SignupOpen     bool       `db:"signup_open" json:"signup_open"`   // anybody may sign up on the public page
	ArchiveOpen    bool       `db:"archive_open" json:"archive_open"` // past campaigns stand on public pages
	NoWelcome      bool       `db:"no_welcome" json:"no_welcome"`     // who confirms gets no welcome mail
	CreatedAt      time.Time  `db:"created_at" json:"created_at"`
	ArchivedAt     *time.Time `db:"archived_at" json:"archived_at,omitempty"`
}

const listColumns = `id, slug, name, description, from_name, from_address, reply_to, envelope_domain, legal_name,
	postal_address, contact, home_url, reason, language, time_zone, logo_url, logo_width, logo_height, accent_colour,
	paper_colour, type_face, publication_id, signup_open, archive_open, no_welcome, created_at, archived_at`

// CreateList saves a new list and returns it as saved: trimmed, with the defaults of what was empty. It returns
// errs.Invalid with the name of each column that is wrong, or errs.Conflict when the slug is taken.
func (s *Store) CreateList(ctx context.Context, l List) (List, error) {
	l, err := s.Policy.checkList(l)
	if err != nil {
		return List{}, err
	}
	return insertList(ctx, s.db, l)
}

// insertList adds a list that was checked.
func insertList(ctx context.Context, q db.Q, l List) (List, error) {
	rows, err := sqlx.NamedQueryContext(ctx, q, `INSERT INTO lists (slug, name, description, from_name, from_address, reply_to,
			envelope_domain, legal_name, postal_address, contact, home_url, reason, language, time_zone, logo_url, logo_width,
			logo_height, accent_colour, paper_colour, type_face, publication_id, signup_open, archive_open, no_welcome)
		VALUES (:slug, :name, :description, :from_name, :from_address, :reply_to,
			:envelope_domain, :legal_name, :postal_address, :contact, :home_url, :reason, :language, :time_zone, :logo_url, :logo_width,
			:logo_height, :accent_colour, :paper_colour, :type_face, :publication_id, :signup_open, :archive_open, :no_welcome)
		RETURNING id, created_at`, l)
	if err != nil {
		return List{}, listError(err, l.Slug)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(&l.ID, &l.CreatedAt); err != nil {
			return List{}, db.Err(err, "create list")
		}
	}
	l.ArchivedAt = nil
	return l, listError(rows.Err(), l.Slug)
}

// UpdateList saves what changed of the list with l's id; its slug must be the one it has. Messages that were compiled
// before keep what they say.
func (s *Store) UpdateList(ctx context.Context, l List) (List, error) {
	l, err := s.Policy.checkList(l)
	if err != nil {
		return List{}, err
	}
	before, err := s.List(ctx, l.ID)
	if err != nil {
		return List{}, err
	}
	if before.Slug != l.Slug {
		return List{}, errs.Field("slug", "the slug of a list never changes, because readers filter mail by it; it is %s", before.Slug)
	}
	if err := updateList(ctx, s.db, l); err != nil {
		return List{}, err
	}
	return s.List(ctx, l.ID)
}

// updateList writes a list that was checked.
func updateList(ctx context.Context, q db.Q, l List) error {
	_, err := sqlx.NamedExecContext(ctx, q, `UPDATE lists SET name = :name, description = :description, from_name = :from_name,
			from_address = :from_address, reply_to = :reply_to, envelope_domain = :envelope_domain, legal_name = :legal_name,
			postal_address = :postal_address, contact = :contact, home_url = :home_url, reason = :reason, language = :language,
			time_zone = :time_zone, logo_url = :logo_url, logo_width = :logo_width, logo_height = :logo_height,
			accent_colour = :accent_colour, paper_colour = :paper_colour, type_face = :type_face, publication_id = :publication_id,
			signup_open = :signup_open, archive_open = :archive_open, no_welcome = :no_welcome
		WHERE id = :id`, l)
	return db.Err(err, "save list "+l.Slug)
}

func listError(err error, slug string) error {
	if err = db.Err(err, "create list"); errs.KindOf(err) == errs.Conflict {
		return errs.Wrap(err, errs.Conflict, "there is a list with the slug %s already", slug)
	}
	return err
}

// List returns a list by its id, or errs.NotFound.
func (s *Store) List(ctx context.Context, id int64) (List, error) {
	var l List
	err := s.db.GetContext(ctx, &l, `SELECT `+listColumns+` FROM lists WHERE id = $1`, id)
	return l, db.Err(err, "find the list")
}

// ListBySlug returns a list by its slug, or errs.NotFound.
func (s *Store) ListBySlug(ctx context.Context, slug string) (List, error) {
	var l List
	err := db.Err(s.db.GetContext(ctx, &l, `SELECT `+listColumns+` FROM lists WHERE slug = $1`, slug), "find the list")
	if errs.KindOf(err) == errs.NotFound {
		err = errs.Wrap(err, errs.NotFound, "there is no list with the slug %q; see: mailer lists", slug)
	}
	return l, err
}

// Lists returns the lists by slug, without archived ones.
func (s *Store) Lists(ctx context.Context) ([]List, error) {
	lists := []List{}
	err := s.db.SelectContext(ctx, &lists, `SELECT `+listColumns+` FROM lists WHERE archived_at IS NULL ORDER BY slug`)
	return lists, db.Err(err, "read the lists")
}

// Slugs returns the short names of all lists, archived ones too, for what refers to lists by their number.
func (s *Store) Slugs(ctx context.Context) (map[int64]string, error) {
	var rows []struct {
		ID   int64  `db:"id"`
		Slug string `db:"slug"`
	}
	err := s.db.SelectContext(ctx, &rows, `SELECT id, slug FROM lists`)
	slugs := make(map[int64]string, len(rows))
	for _, r := range rows {
		slugs[r.ID] = r.Slug
	}
	return slugs, db.Err(err, "read the names of the lists")
}

// Counts says how many subscriptions of a list stand where.
type Counts struct {
	Pending      int64 `db:"pending" json:"pending"`
	Confirmed    int64 `db:"confirmed" json:"confirmed"` // of these, Suppressed get nothing all the same
	Unsubscribed int64 `db:"unsubscribed" json:"unsubscribed"`
	Suppressed   int64 `db:"suppressed" json:"suppressed"`
	Mailable     int64 `db:"mailable" json:"mailable"` // Confirmed less Suppressed
	Supporters   int64 `db:"supporters" json:"supporters"`
}

// Counts counts the subscriptions of a list; Supporters is among the mailable.
func (s *Store) Counts(ctx context.Context, list int64) (Counts, error) {
	var c Counts
	err := s.db.GetContext(ctx, &c, `
		SELECT count(*) FILTER (WHERE state = 'pending') AS pending,
			count(*) FILTER (WHERE state = 'confirmed') AS confirmed,
			count(*) FILTER (WHERE state = 'unsubscribed') AS unsubscribed,
			count(*) FILTER (WHERE state = 'confirmed' AND barred) AS suppressed,
			count(*) FILTER (WHERE state = 'confirmed' AND NOT barred) AS mailable,
			count(*) FILTER (WHERE state = 'confirmed' AND NOT barred AND supporter) AS supporters
		FROM (SELECT sn.state, s.supporter, EXISTS (SELECT 1 FROM suppressions x WHERE x.address_hash = s.address_hash) AS barred
			FROM subscriptions sn JOIN subscribers s ON s.id = sn.subscriber_id WHERE sn.list_id = $1) t`, list)
	return c, db.Err(err, "count the readers of the list")
}
