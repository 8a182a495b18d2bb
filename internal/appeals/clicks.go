package appeals

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// ClickHold is how long a click waits before it is counted: a program that opens every link of a mail may come to the one that
// people do not see only after the button.
const ClickHold = 2 * time.Minute

const (
	keepMarks = 26 * time.Hour // a day, and some for clicks of its last minutes
	keepSalts = 3              // days
)

// Visitor is who opened a link: network and browser. It is made into a hash with a salt that all nodes share for a day and that is
// then forgotten; it is never kept itself.
type Visitor struct{ Network, Browser string }

// salts are those of today and of yesterday, as far as there are any; today's is made when nobody has.
func (s *Store) salts(ctx context.Context) ([][]byte, error) {
	today := s.now().UTC().Truncate(24 * time.Hour)
	s.saltMu.Lock()
	defer s.saltMu.Unlock()
	if s.saltDay.Equal(today) {
		return s.saltsOfDay, nil
	}
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	const insert = `INSERT INTO click_salts (day, salt) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	if _, err := s.db.ExecContext(ctx, insert, today, fresh); err != nil {
		return nil, db.Err(err, "keep the salt of the day")
	}
	var salts [][]byte
	if err := s.db.SelectContext(ctx, &salts, `SELECT salt FROM click_salts WHERE day BETWEEN $1::date - 1 AND $1 ORDER BY day DESC`, today); err != nil {
		return nil, db.Err(err, "read the salt of the day")
	}
	s.saltDay, s.saltsOfDay = today, salts
	return salts, nil
}

// mark is what stands for a visitor.
func (v Visitor) mark(salt []byte) []byte {
	h := hmac.New(sha256.New, salt)
	h.Write([]byte(v.Network + "\x00" + v.Browser))
	return h.Sum(nil)[:16]
}

// Machine notes that v opened a link that no person sees: its clicks of the day are a program's.
func (s *Store) Machine(ctx context.Context, v Visitor) error {
	salts, err := s.salts(ctx)
	if err != nil {
		return err
	}
	for _, salt := range salts { // its clicks just before midnight have yesterday's
		_, err := s.db.ExecContext(ctx, `INSERT INTO machine_marks (mark) VALUES ($1)
			ON CONFLICT (mark) DO UPDATE SET at = clock_timestamp() WHERE machine_marks.at < clock_timestamp() - interval '1 minute'`, v.mark(salt))
		if err != nil {
			return db.Err(err, "note a program")
		}
	}
	return nil
}

// Click notes that v followed the button of a variant from a campaign, and returns where it leads. It is counted by Tally, as a
// person's or a program's. Errors: NotFound.
func (s *Store) Click(ctx context.Context, campaign, variant int64, by Visitor) (target string, err error) {
	v, err := s.Variant(ctx, variant)
	if err != nil {
		return "", err
	}
	salts, err := s.salts(ctx)
	if err == nil {
		_, err = s.db.ExecContext(ctx, `INSERT INTO held_clicks (at, campaign_id, variant_id, mark) VALUES ($1, $2, $3, $4)`,
			s.now(), campaign, variant, by.mark(salts[0]))
	}
	if err = db.Err(err, "count the click"); errs.KindOf(err) == errs.Unavailable {
		return v.URL, err // the reader can be sent on; only the count is lost
	}
	return v.URL, err
}

// Tally counts the clicks that are older than hold, and forgets what is needed no more. Any number of processes may do so at once.
func (s *Store) Tally(ctx context.Context, hold time.Duration) error {
	now := s.now()
	_, err := s.db.ExecContext(ctx, `
		WITH due AS (
			DELETE FROM held_clicks WHERE at <= $1 RETURNING campaign_id, variant_id, date_trunc('hour', at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS hour, mark
		)
		INSERT INTO appeal_clicks (campaign_id, variant_id, hour, clicks, machine_clicks)
		SELECT campaign_id, variant_id, hour, count(*) FILTER (WHERE NOT program), count(*) FILTER (WHERE program)
		FROM (SELECT d.*, EXISTS (SELECT FROM machine_marks m WHERE m.mark = d.mark) AS program FROM due d) d
		GROUP BY campaign_id, variant_id, hour
		ON CONFLICT (campaign_id, variant_id, hour) DO UPDATE SET clicks = appeal_clicks.clicks + excluded.clicks,
			machine_clicks = appeal_clicks.machine_clicks + excluded.machine_clicks`, now.Add(-hold))
	if err != nil {
		return db.Err(err, "count clicks")
	}
	if _, err = s.db.ExecContext(ctx, `DELETE FROM machine_marks WHERE at < $1`, now.Add(-keepMarks)); err != nil {
		return db.Err(err, "forget programs")
	}
	_, err = s.db.ExecContext(ctx, `DELETE FROM click_salts WHERE day < $1`, now.UTC().AddDate(0, 0, -keepSalts+1))
	return db.Err(err, "forget the salt of a day")
}

// Clicks is how often one wording's button was followed from one campaign.
type Clicks struct {
	VariantID int64     `db:"variant_id" json:"variant_id"`
	Slug      string    `db:"slug" json:"slug"`
	Heading   string    `db:"heading" json:"heading"`
	Clicks    int64     `db:"clicks" json:"clicks"`     // of people, as far as can be told
	Machines  int64     `db:"machines" json:"machines"` // of programs that open every link
	First     time.Time `db:"first" json:"first"`       // the hour of the first click
	Last      time.Time `db:"last" json:"last"`
}

// Clicks returns the clicks of a campaign by wording, without those of the last two minutes.
func (s *Store) Clicks(ctx context.Context, campaign int64) ([]Clicks, error) {
	list := []Clicks{}
	err := s.db.SelectContext(ctx, &list, `SELECT c.variant_id, a.slug, v.heading, sum(c.clicks)::bigint AS clicks, sum(c.machine_clicks)::bigint AS machines,
			min(c.hour) AS first, max(c.hour) AS last
		FROM appeal_clicks c JOIN appeal_variants v ON v.id = c.variant_id JOIN appeals a ON a.id = v.appeal_id
		WHERE c.campaign_id = $1 GROUP BY c.variant_id, a.slug, v.heading ORDER BY c.variant_id`, campaign)
	return list, db.Err(err, "read clicks")
}
