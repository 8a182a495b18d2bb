package signup

import (
	"context"
	"time"

	"mailer/internal/db"
)

// Waiting is a sign-up that is not worked off yet. The names in the JSON are those that readers get to see, so they are kept.
type Waiting struct {
	At        time.Time `db:"created_at" json:"at"`
	Address   string    `db:"address" json:"address"`
	Language  string    `db:"language" json:"language"`
	Wording   string    `db:"wording" json:"wording"`
	SourceURL string    `db:"source_url" json:"source_page"`
	Network   string    `db:"network" json:"network"`
}

// Of returns the sign-ups of an address, given in its canonical form, that wait.
func Of(ctx context.Context, q db.Q, canonical string) ([]Waiting, error) {
	var all []Waiting
	err := q.SelectContext(ctx, &all, `SELECT created_at, address, language, wording, source_url, network FROM signups WHERE canonical = $1 ORDER BY id`, canonical)
	return all, db.Err(err, "look for sign-ups")
}

// Forget drops the sign-ups of an address, given in its canonical form, that came before a moment.
func Forget(ctx context.Context, q db.Q, canonical string, before time.Time) error {
	_, err := q.ExecContext(ctx, `DELETE FROM signups WHERE canonical = $1 AND created_at < $2`, canonical, before)
	return db.Err(err, "drop sign-ups")
}
