// Package images owns the pictures that editors upload: logos and photos of mails. What comes in is decoded, made small enough for a
// mail and written anew, so that nothing of the file but its pixels is ever kept or served.
package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// Image is a picture as it is kept. Its address is made of its content, so what an address shows never changes.
type Image struct {
	Hash      string     `db:"hash" json:"hash"` // first 128 bits of the SHA-256 of its bytes, in hexadecimal
	Kind      Kind       `db:"kind" json:"kind"`
	Width     int        `db:"width" json:"width"` // in pixels
	Height    int        `db:"height" json:"height"`
	Size      int        `db:"size" json:"size"` // in bytes
	Name      string     `db:"name" json:"name"` // of the file it came in
	Alt       string     `db:"alt" json:"alt"`   // what it shows, for those who do not see it
	Credit    string     `db:"credit" json:"credit"`
	Who       string     `db:"who" json:"who"` // who uploaded it first
	CreatedAt time.Time  `db:"created_at" json:"created_at"`
	RemovedAt *time.Time `db:"removed_at" json:"removed_at,omitempty"`
}

// File is the last part of the image's address, such as 0123456789abcdef0123456789abcdef.jpg.
func (i Image) File() string { return i.Hash + "." + i.Kind.extension() }

// Store keeps images in Postgres. It is safe for concurrent use.
type Store struct {
	// Base is the origin that images are served from, such as https://images.example.org.
	Base string

	db      *sqlx.DB
	decoder chan struct{} // one picture at a time: one may take some 200 MB while it is being decoded
}

// NewStore returns a store on d whose images have their address at base.
func NewStore(d *sqlx.DB, base string) *Store {
	return &Store{Base: strings.TrimRight(base, "/"), db: d, decoder: make(chan struct{}, 1)}
}

// URL is where everybody finds an image.
func (s *Store) URL(i Image) string { return s.Base + "/i/" + i.File() }

const columns = `hash, kind, width, height, size, name, alt, credit, who, created_at, removed_at`

// Upload is a picture as a person gives it.
type Upload struct {
	Name        string // of the file
	Data        []byte
	Alt, Credit string
}

// Add checks, rewrites and keeps a picture; the same one again is the one there is, and one that was removed is there again. Errors:
// Invalid with a sentence that says what to do about the file.
func (s *Store) Add(ctx context.Context, u Upload, who string) (Image, error) {
	select {
	case s.decoder <- struct{}{}:
	case <-ctx.Done():
		return Image{}, errs.Wrap(ctx.Err(), errs.Unavailable, "another picture is being read; try again in a moment")
	}
	clean, err := Rewrite(u.Data)
	<-s.decoder
	if err != nil {
		return Image{}, err
	}
	sum := sha256.Sum256(clean.Data)
	img := Image{Hash: hex.EncodeToString(sum[:16]), Kind: clean.Kind, Width: clean.Width, Height: clean.Height, Size: len(clean.Data),
		Name: words(path.Base(strings.ReplaceAll(u.Name, `\`, "/")), 120), Alt: words(u.Alt, 300), Credit: words(u.Credit, 120), Who: who}
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		const q = `INSERT INTO images (hash, kind, width, height, size, data, name, alt, credit, who) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (hash) DO UPDATE SET removed_at = NULL, data = excluded.data, alt = coalesce(nullif(images.alt, ''), excluded.alt),
				credit = coalesce(nullif(images.credit, ''), excluded.credit)
			RETURNING ` + columns
		if err := tx.GetContext(ctx, &img, q, img.Hash, img.Kind, img.Width, img.Height, img.Size, clean.Data, img.Name, img.Alt, img.Credit, who); err != nil {
			return db.Err(err, "keep the picture")
		}
		return audit.Log(ctx, tx, who, "image.upload", "image "+img.Hash, map[string]any{"name": img.Name})
	})
	return img, err
}

// Image returns one image, a removed one too. Errors: NotFound.
func (s *Store) Image(ctx context.Context, hash string) (i Image, err error) {
	err = db.Err(s.db.GetContext(ctx, &i, `SELECT `+columns+` FROM images WHERE hash = $1`, hash), "find the picture")
	return i, err
}

// Bytes returns what is served for a file name that File returned. Errors: NotFound, also where the image was removed.
func (s *Store) Bytes(ctx context.Context, file string) (Kind, []byte, error) {
	hash, ext, _ := strings.Cut(file, ".")
	if !isHash(hash) {
		return "", nil, errs.New(errs.NotFound, "there is no such picture")
	}
	var row struct {
		Kind Kind   `db:"kind"`
		Data []byte `db:"data"`
	}
	err := db.Err(s.db.GetContext(ctx, &row, `SELECT kind, data FROM images WHERE hash = $1 AND removed_at IS NULL`, hash), "find the picture")
	if err == nil && row.Kind.extension() != ext {
		err = errs.New(errs.NotFound, "there is no such picture")
	}
	return row.Kind, row.Data, err
}

// Before names where a page of Recent goes on: behind this image.
type Before struct {
	At   time.Time
	Hash string
}

// Recent returns the newest images, newest first, at most limit (1 to 100); with before those that follow it.
func (s *Store) Recent(ctx context.Context, before *Before, limit int) ([]Image, error) {
	list := []Image{}
	q, args := `SELECT `+columns+` FROM images WHERE removed_at IS NULL `, []any{max(1, min(limit, 100))}
	if before != nil {
		q += `AND (created_at, hash) < ($2, $3) `
		args = append(args, before.At, before.Hash)
	}
	err := s.db.SelectContext(ctx, &list, q+`ORDER BY created_at DESC, hash DESC LIMIT $1`, args...)
	return list, db.Err(err, "list the pictures")
}

// Describe changes what is said of an image; mails that were made before keep what they say. Errors: NotFound.
func (s *Store) Describe(ctx context.Context, hash, alt, credit, who string) (i Image, err error) {
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		if err := tx.GetContext(ctx, &i, `UPDATE images SET alt = $2, credit = $3 WHERE hash = $1 AND removed_at IS NULL RETURNING `+columns,
			hash, words(alt, 300), words(credit, 120)); err != nil {
			return db.Err(err, "describe the picture")
		}
		return audit.Log(ctx, tx, who, "image.describe", "image "+hash, nil)
	})
	return i, err
}

// Remove takes an image off the web: its address answers 404 from then on, in mails that were sent too. A repeat changes nothing.
// Errors: NotFound.
func (s *Store) Remove(ctx context.Context, hash, who string) error {
	return db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		var removed []bool // whether it was before
		if err := tx.SelectContext(ctx, &removed, `SELECT removed_at IS NOT NULL FROM images WHERE hash = $1 FOR UPDATE`, hash); err != nil {
			return db.Err(err, "find the picture")
		}
		if len(removed) == 0 {
			return errs.New(errs.NotFound, "there is no such picture")
		}
		if removed[0] {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE images SET removed_at = now(), data = '' WHERE hash = $1`, hash); err != nil {
			return db.Err(err, "remove the picture")
		}
		return audit.Log(ctx, tx, who, "image.remove", "image "+hash, nil)
	})
}

func isHash(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
}

// words makes one line of what people see of s, of at most limit characters.
func words(s string, limit int) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if utf8.RuneCountInString(s) > limit {
		s = string([]rune(s)[:limit])
	}
	return s
}
