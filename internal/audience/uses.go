package audience

import (
	"context"

	"mailer/internal/db"
)

// Uses returns how many digests, and campaigns that have not been launched, use each segment, by its slug.
func (s *Store) Uses(ctx context.Context) (map[string]int, error) {
	var rows []struct {
		Slug string `db:"slug"`
		N    int    `db:"n"`
	}
	if err := s.db.SelectContext(ctx, &rows, `SELECT slug, count(*) AS n FROM segment_uses GROUP BY slug`); err != nil {
		return nil, db.Err(err, "look for what uses the segments")
	}
	uses := make(map[string]int, len(rows))
	for _, r := range rows {
		uses[r.Slug] = r.N
	}
	return uses, nil
}
