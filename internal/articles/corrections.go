package articles

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// MaxNote is how long the note of a correction may be, in characters.
const MaxNote = 1000

// Corrections keeps what was wrong in stories and what is right. A note says it to readers; the text of the story itself is corrected
// where the story comes from.
type Corrections struct {
	db  *sqlx.DB
	now func() time.Time
}

// NewCorrections returns the corrections in d.
func NewCorrections(d *sqlx.DB, now func() time.Time) *Corrections { return &Corrections{d, now} }

// Correction is one note to a story.
type Correction struct {
	ID        int64      `db:"id" json:"id"`
	ArticleID int64      `db:"article_id" json:"article_id"`
	Note      string     `db:"note" json:"note"` // plain text, as readers see it
	By        string     `db:"made_by" json:"by"`
	At        time.Time  `db:"made_at" json:"at"`
	TakenBack *time.Time `db:"taken_back" json:"taken_back,omitempty"`
}

const correctionColumns = `id, article_id, note, made_by, made_at, taken_back`

// CorrectionSubject names a correction in the audit log.
func CorrectionSubject(id int64) string { return "correction " + strconv.FormatInt(id, 10) }

// Make notes a correction of a story. Errors: NotFound, Invalid (field note), Conflict when the very note stands already.
func (c *Corrections) Make(ctx context.Context, article int64, note, who string) (made Correction, err error) {
	if note, err = checkNote(note); err != nil {
		return made, err
	}
	err = db.InTx(ctx, c.db, func(tx *sqlx.Tx) error {
		// The story is the lock: of two clicks, one makes it.
		err := tx.GetContext(ctx, &made.ArticleID, `SELECT id FROM articles WHERE id = $1 FOR NO KEY UPDATE`, article)
		if errors.Is(err, sql.ErrNoRows) {
			return errs.New(errs.NotFound, "there is no story %d", article)
		} else if err != nil {
			return db.Err(err, "find the story")
		}
		var again bool
		if err := tx.GetContext(ctx, &again, `SELECT EXISTS (SELECT FROM corrections WHERE article_id = $1 AND note = $2 AND taken_back IS NULL)`, article, note); err != nil {
			return db.Err(err, "look for the correction")
		} else if again {
			return &errs.Error{Kind: errs.Conflict, Field: "note", Msg: "this very note stands there already"}
		}
		if err := tx.GetContext(ctx, &made, `INSERT INTO corrections (article_id, note, made_by, made_at) VALUES ($1, $2, $3, $4) RETURNING `+correctionColumns,
			article, note, who, c.now()); err != nil {
			return db.Err(err, "note the correction")
		}
		return audit.Log(ctx, tx, who, "story.correct", CorrectionSubject(made.ID), map[string]any{"article": article, "note": note})
	})
	return made, err
}

// checkNote returns a note as it is kept: its lines trimmed, no more than one empty one between them.
func checkNote(note string) (string, error) {
	var lines []string
	for line := range strings.Lines(strings.ReplaceAll(strings.ToValidUTF8(note, ""), "\r\n", "\n")) {
		line = strings.TrimSpace(line)
		if line == "" && (len(lines) == 0 || lines[len(lines)-1] == "") {
			continue
		}
		lines = append(lines, line)
	}
	note = strings.TrimSpace(strings.Join(lines, "\n"))
	switch {
	case note == "":
		return "", errs.Field("note", "say what was wrong and what is right")
	case utf8.RuneCountInString(note) > MaxNote:
		return "", errs.Field("note", "a note has at most %d characters, and this has %d", MaxNote, utf8.RuneCountInString(note))
	case strings.ContainsAny(note, "{}"):
		return "", errs.Field("note", "braces mean something in mails; use round brackets")
	case strings.ContainsFunc(note, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control)) }):
		return "", errs.Field("note", "it has invisible characters in it; take them out")
	}
	return note, nil
}

// Get returns a correction. Errors: NotFound.
func (c *Corrections) Get(ctx context.Context, id int64) (k Correction, err error) {
	err = c.db.GetContext(ctx, &k, `SELECT `+correctionColumns+` FROM corrections WHERE id = $1`, id)
	return k, db.Err(err, "find the correction")
}

// Of returns the corrections of stories, those taken back too, the newest first.
func (c *Corrections) Of(ctx context.Context, articles ...int64) ([]Correction, error) {
	all := []Correction{}
	err := c.db.SelectContext(ctx, &all, `SELECT `+correctionColumns+` FROM corrections WHERE article_id = ANY ($1) ORDER BY id DESC`, pq.Array(articles))
	return all, db.Err(err, "read the corrections")
}

// TakeBack withdraws a correction: its note goes from all pages, and no more mail carries it. A repeat changes nothing. Errors: NotFound.
func (c *Corrections) TakeBack(ctx context.Context, id int64, who string) error {
	return db.InTx(ctx, c.db, func(tx *sqlx.Tx) error {
		var k Correction
		if err := tx.GetContext(ctx, &k, `SELECT `+correctionColumns+` FROM corrections WHERE id = $1 FOR UPDATE`, id); err != nil {
			return db.Err(err, "find the correction")
		}
		if k.TakenBack != nil {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE corrections SET taken_back = $2 WHERE id = $1`, id, c.now()); err != nil {
			return db.Err(err, "take the correction back")
		}
		return audit.Log(ctx, tx, who, "story.uncorrect", CorrectionSubject(id), map[string]any{"article": k.ArticleID})
	})
}
