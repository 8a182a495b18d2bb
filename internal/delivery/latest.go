package delivery

import (
	"context"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/message"
)

// Past is a campaign that went out, as one more reader can get it.
type Past struct {
	Campaign        int64
	EnvelopeDomain  string
	Compiled        *message.Compiled
	Groups          uint64 // optional groups for everyone: all topics and stories, and what the launch gave to all
	SupporterGroups uint64 // the same for supporters
}

// latest selects the sends s of the campaigns that went to a whole list, and that nothing has stopped: a paused one may have been
// stopped for what is in it.
const latest = ` FROM sends s JOIN public_sends p USING (campaign_id) WHERE s.list_id = $1 AND s.state IN ('running', 'done') `

// Latest returns the last campaign that went to the whole of a list, or errs.NotFound.
func (s *Store) Latest(ctx context.Context, list int64) (Past, error) {
	var row struct {
		Campaign  int64  `db:"campaign_id"`
		Groups    int64  `db:"groups"`
		Supporter int64  `db:"supporter_groups"`
		Domain    string `db:"envelope_domain"`
		Compiled  []byte `db:"compiled"`
	}
	err := s.db.GetContext(ctx, &row, `SELECT l.campaign_id, l.groups, l.supporter_groups, l.envelope_domain, m.compiled FROM (
			SELECT s.campaign_id, s.groups, s.supporter_groups, s.envelope_domain, s.revision, s.variant`+latest+`
			ORDER BY s.not_before DESC, s.campaign_id DESC LIMIT 1) l
		JOIN messages m USING (campaign_id, revision, variant)`, list)
	if err != nil {
		return Past{}, db.Err(err, "find the last campaign of the list")
	}
	m := &message.Compiled{}
	if err := m.UnmarshalBinary(row.Compiled); err != nil {
		return Past{}, errs.Wrap(err, errs.Internal, "the stored message of campaign %d cannot be read", row.Campaign)
	}
	// Groups 0 and 1 are the launch's; from 2 on they are topics and stories that a reader may have had, and this one has had none.
	stories := m.Groups() &^ 0b11
	return Past{row.Campaign, row.Domain, m, uint64(row.Groups) | stories, uint64(row.Supporter) | stories}, nil
}

// HasLatest reports whether there is one.
func (s *Store) HasLatest(ctx context.Context, list int64) (has bool, err error) {
	err = s.db.GetContext(ctx, &has, `SELECT EXISTS (SELECT 1`+latest+`)`, list)
	return has, db.Err(err, "look for the last campaign of the list")
}
