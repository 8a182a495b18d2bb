package signup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/subscribers"
)

// Limits of what a form can be set to.
const (
	maxWording = 2000
	maxSites   = 20
)

// Form is the sign-up form of a list, or of the open lists of a publication.
type Form struct {
	List, Publication int64 // one of them
	Path              string
	Name, Description string
	Language          string
	HomeURL, Accent   string
	Lists             []subscribers.List // at least one, all open
	Own               string             // wording of the publication's own; empty: the usual one
	Sites             []string           // origins of other sites that may hold it
}

// form is a row of forms.
type form struct {
	ID      int64          `db:"id"`
	Wording string         `db:"wording"`
	Sites   pq.StringArray `db:"sites"`
}

// ForList returns the form of a list that is open to all. A list that is not does not exist here: errs.NotFound.
func (s *Service) ForList(ctx context.Context, slug string) (Form, error) {
	l, err := s.Subscribers.ListBySlug(ctx, slug)
	if err != nil {
		return Form{}, err
	}
	if !l.SignupOpen || l.ArchivedAt != nil {
		return Form{}, errs.New(errs.NotFound, "the list %s is not open for sign-up; open it with: mailer lists update %s --signup-open", slug, slug)
	}
	return s.completed(ctx, Form{List: l.ID, Path: "/subscribe/" + l.Slug, Name: l.Name, Description: l.Description, Language: l.Language,
		HomeURL: l.HomeURL, Accent: l.AccentColour, Lists: []subscribers.List{l}})
}

// ForPublication returns the form of a publication that has lists open to all; others do not exist here: errs.NotFound.
func (s *Service) ForPublication(ctx context.Context, slug string) (Form, error) {
	p, err := s.Subscribers.Publications.BySlug(ctx, slug)
	if err != nil {
		return Form{}, err
	}
	lists, err := s.Subscribers.Publications.Lists(ctx, p.ID, true)
	if err != nil {
		return Form{}, err
	}
	if len(lists) == 0 {
		return Form{}, errs.New(errs.NotFound, "no list of %s is open for sign-up; open one with: mailer lists update LIST --signup-open", slug)
	}
	return s.completed(ctx, Form{Publication: p.ID, Path: "/subscribe/to/" + p.Slug, Name: p.Name, Description: p.Description, Language: p.Language,
		HomeURL: p.HomeURL, Accent: p.AccentColour, Lists: lists})
}

// completed adds what was set for a form.
func (s *Service) completed(ctx context.Context, f Form) (Form, error) {
	var row form
	err := s.DB.GetContext(ctx, &row, `SELECT id, wording, sites FROM forms WHERE list_id = $1 OR publication_id = $2`, orNull(f.List), orNull(f.Publication))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Form{}, db.Err(err, "find the form")
	}
	f.Own, f.Sites = row.Wording, row.Sites
	return f, nil
}

// Words returns the words of a language, or of the form's own where it is empty or we have none of it.
func (f Form) Words(language string) *lang.Words {
	if !lang.Speaks(language) {
		language = f.Language
	}
	return lang.For(language)
}

// Wording is what somebody agrees to with this form: the sentence, and who asks for the consent (CASL section 10(1)).
func (f Form) Wording(w *lang.Words) string {
	text := f.Own
	switch {
	case text != "":
	case f.Publication != 0:
		text = w.T("subscribe.agree_several")
	default:
		text = w.T("subscribe.agree", f.Name)
	}
	var who []string
	for _, l := range f.Lists {
		parts := slices.DeleteFunc([]string{l.LegalName, strings.ReplaceAll(l.PostalAddress, "\n", ", "), l.Contact}, func(s string) bool { return s == "" })
		if one := strings.Join(parts, ", "); one != "" && !slices.Contains(who, one) {
			who = append(who, one)
		}
	}
	if len(who) == 0 {
		return text
	}
	return text + " " + w.T("subscribe.publisher", strings.Join(who, "; "))
}

// hashed names a wording.
func hashed(wording string) []byte {
	sum := sha256.Sum256([]byte(wording))
	return sum[:8]
}

// version returns the number of a form and of a wording of it, which is a new version where it has not been shown before.
func version(ctx context.Context, tx *sqlx.Tx, f Form, wording string) (id int64, n int, err error) {
	if id, err = ensureForm(ctx, tx, f); err != nil {
		return 0, 0, err
	}
	err = tx.GetContext(ctx, &n, `SELECT version FROM form_versions WHERE form_id = $1 AND hash = $2`, id, hashed(wording))
	if !errors.Is(err, sql.ErrNoRows) {
		return id, n, db.Err(err, "find the wording")
	}
	err = tx.GetContext(ctx, &n, `INSERT INTO form_versions (form_id, version, wording, hash)
		SELECT $1, coalesce(max(version), 0) + 1, $2, $3 FROM form_versions WHERE form_id = $1 RETURNING version`, id, wording, hashed(wording))
	return id, n, db.Err(err, "note the wording")
}

// ensureForm returns the number of a form, with its row locked so that versions follow each other.
func ensureForm(ctx context.Context, tx *sqlx.Tx, f Form) (id int64, err error) {
	_, err = tx.ExecContext(ctx, `INSERT INTO forms (list_id, publication_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, orNull(f.List), orNull(f.Publication))
	if err == nil {
		err = tx.GetContext(ctx, &id, `SELECT id FROM forms WHERE list_id = $1 OR publication_id = $2 FOR NO KEY UPDATE`, orNull(f.List), orNull(f.Publication))
	}
	return id, db.Err(err, "find the form")
}

// shown returns the wording of a form that has this hash: the present one, or one that was on record, as that of a form which was
// copied to another site some time ago. It is empty for one that nobody can have been shown.
func (s *Service) shown(ctx context.Context, f Form, hash []byte) (wording string, err error) {
	for _, tag := range lang.Tags {
		if now := f.Wording(lang.For(tag)); bytes.Equal(hashed(now), hash) {
			return now, nil
		}
	}
	err = s.DB.GetContext(ctx, &wording, `SELECT v.wording FROM form_versions v JOIN forms f ON f.id = v.form_id
		WHERE (f.list_id = $1 OR f.publication_id = $2) AND v.hash = $3`, orNull(f.List), orNull(f.Publication), hash)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return wording, db.Err(err, "find the wording")
}

// Set saves wording and sites of a form; what is nil stays. An empty wording is the usual one.
func (s *Service) Set(ctx context.Context, f Form, wording *string, sites []string) (Form, error) {
	return s.set(ctx, f, wording, sites, func(*sqlx.Tx, Form) error { return nil })
}

// SetBy is Set by a person, noted in the audit log.
func (s *Service) SetBy(ctx context.Context, f Form, wording *string, sites []string, who string) (Form, error) {
	subject := "form of list " + f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	if f.Publication != 0 {
		subject = "form of publication " + f.Path[strings.LastIndexByte(f.Path, '/')+1:]
	}
	return s.set(ctx, f, wording, sites, func(tx *sqlx.Tx, f Form) error {
		return audit.Log(ctx, tx, who, "form.set", subject, map[string]any{"wording": f.Own, "sites": f.Sites})
	})
}

func (s *Service) set(ctx context.Context, f Form, wording *string, sites []string, note func(*sqlx.Tx, Form) error) (Form, error) {
	if wording != nil {
		f.Own = strings.Join(strings.Fields(*wording), " ")
		if n := len([]rune(f.Own)); n > maxWording {
			return f, errs.Field("wording", "it has %d characters; at most %d are allowed", n, maxWording)
		}
	}
	if sites != nil {
		if f.Sites = nil; len(sites) > maxSites {
			return f, errs.Field("site", "a form may stand on %d sites at most", maxSites)
		}
		for _, site := range sites {
			origin := originOf(site)
			if origin == "" {
				return f, errs.Field("site", "%q is not a site; write it like https://www.example.org", site)
			}
			if !slices.Contains(f.Sites, origin) {
				f.Sites = append(f.Sites, origin)
			}
		}
	}
	err := db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		id, err := ensureForm(ctx, tx, f)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE forms SET wording = $2, sites = $3 WHERE id = $1`, id, f.Own, pq.Array(append([]string{}, f.Sites...)))
		if err != nil {
			return db.Err(err, "save the form")
		}
		return note(tx, f)
	})
	return f, err
}

// Version puts the present wording on record, for a copy of the form that leaves this house, and returns its number.
func (s *Service) Version(ctx context.Context, f Form, w *lang.Words) (n int, err error) {
	err = db.InTx(ctx, s.DB, func(tx *sqlx.Tx) error {
		_, n, err = version(ctx, tx, f, f.Wording(w))
		return err
	})
	return n, err
}

// originOf returns the origin of an https address, or of an http one on this machine, as browsers write it; else nothing.
func originOf(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return ""
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	switch {
	case u.Scheme == "https":
		if port == "443" {
			port = ""
		}
	case u.Scheme == "http" && (host == "localhost" || host == "127.0.0.1"):
		if port == "80" {
			port = ""
		}
	default:
		return ""
	}
	if port != "" {
		host += ":" + port
	}
	return u.Scheme + "://" + host
}

// Allows reports whether pages of this origin may hold the form: our own, those of the publication's site, and those that were set.
func (s *Service) Allows(f Form, origin string) bool {
	return origin != "" && (origin == originOf(s.BaseURL) || origin == originOf(f.HomeURL) || slices.Contains(f.Sites, origin))
}

func orNull(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}
