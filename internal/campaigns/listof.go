package campaigns

import (
	"context"
	"database/sql"
	"errors"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// ListOf returns the list that a campaign goes to. Errors: NotFound.
func (s *Service) ListOf(ctx context.Context, id int64) (list int64, err error) {
	err = s.DB.GetContext(ctx, &list, `SELECT list_id FROM campaigns WHERE id = $1`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, errs.New(errs.NotFound, "there is no campaign %d", id)
	}
	return list, db.Err(err, "read campaign")
}
