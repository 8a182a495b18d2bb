package campaigns

import (
	"context"

	"mailer/internal/db"
	"mailer/internal/delivery"
)

// Weekly reports whether a list has a weekly digest that goes out by itself, so that a reader can choose it instead of each edition.
func (g *Digests) Weekly(ctx context.Context, list int64) (weekly bool, err error) {
	return hasWeekly(ctx, g.svc.DB, list)
}

func hasWeekly(ctx context.Context, q db.Q, list int64) (weekly bool, err error) {
	err = q.GetContext(ctx, &weekly, `SELECT EXISTS (SELECT FROM digests WHERE list_id = $1 AND active AND schedule <> '' AND recipe->>'frequency' = 'weekly')`, list)
	return weekly, db.Err(err, "look for a weekly digest")
}

// frequencyOf returns whose a campaign is at its launch. Readers who chose the weekly campaign are never left without mail: as long as
// their list has none, each edition goes to them as well.
func frequencyOf(ctx context.Context, q db.Q, c Campaign) (string, error) {
	if c.Frequency != delivery.FrequencyEach {
		return c.Frequency, nil
	}
	weekly, err := hasWeekly(ctx, q, c.ListID)
	if err != nil || weekly {
		return c.Frequency, err
	}
	return delivery.FrequencyAll, nil
}

// sameReaders is a condition on a campaign c: some of its readers are those of a campaign of the frequency that the argument %s holds.
const sameReaders = `(c.frequency = 'all' OR %[1]s = 'all' OR c.frequency = %[1]s)`
