package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// campaignsPerPartition is how many campaign ids share a partition of deliveries and of outcomes. The bounds follow from
// the id alone, so a partition is cut when the first campaign of its range is launched and never has to be split.
const campaignsPerPartition = 256

// lockPartition is the class of the advisory locks, one per partition number, under which partitions come and go.
const lockPartition = 0x64656c69

func partitionName(table string, n int64) string {
	return fmt.Sprintf("%s_from_%d", table, n*campaignsPerPartition)
}

// ensurePartitions makes the partitions that the rows of a campaign go into, unless they are there. Two launches that race
// wait for each other on an advisory lock. A function of the database makes them, since the role that the program runs as may have no
// right to: as tables of their own that are then attached. That takes a lock on the parent which lets reads and writes pass, where
// CREATE TABLE … PARTITION OF would hold up every running send.
func ensurePartitions(ctx context.Context, tx *sqlx.Tx, campaign int64) error {
	n := campaign / campaignsPerPartition
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1::int, $2::int)`, lockPartition, n); err != nil {
		return db.Err(err, "prepare the queue")
	}
	_, err := tx.ExecContext(ctx, `SELECT add_queue_partitions($1, $2)`, n, campaignsPerPartition)
	return db.Err(err, "prepare the queue")
}

// DropOld drops the rows of deliveries and outcomes of campaigns that ended longer ago than age, a whole partition at a time,
// and returns how many partitions went. Tallies, messages and sends stay. It may run at any time and beside itself.
func (s *Store) DropOld(ctx context.Context, age time.Duration) (int, error) {
	const old = `
		SELECT campaign_id / $1 FROM sends GROUP BY 1
		HAVING bool_and(coalesce(finished_at < clock_timestamp() - $2 * interval '1 second', false))
		   AND to_regclass('deliveries_from_' || (campaign_id / $1) * $1) IS NOT NULL
		ORDER BY 1`
	var numbers []int64
	if err := s.db.SelectContext(ctx, &numbers, old, campaignsPerPartition, int64(age.Seconds())); err != nil {
		return 0, db.Err(err, "look for old deliveries")
	}
	dropped := 0
	for _, n := range numbers {
		ok, err := s.dropPartition(ctx, n, age)
		if err != nil {
			return dropped, err
		}
		if ok {
			dropped++
		}
	}
	return dropped, nil
}

// dropPartition drops one pair of partitions under the lock that launches take. They are detached CONCURRENTLY first, as
// dropping an attached one would lock the parent against every running send; that cannot be done in a transaction, so
// the lock is of the connection. Only the owner of the tables can do it so; for others a function does it in one go.
func (s *Store) dropPartition(ctx context.Context, n int64, age time.Duration) (bool, error) {
	conn, err := s.db.Connx(ctx)
	if err != nil {
		return false, db.Err(err, "drop old deliveries")
	}
	defer func() { _ = conn.Close() }()
	var mine bool
	if err := conn.GetContext(ctx, &mine, `SELECT pg_try_advisory_lock($1::int, $2::int)`, lockPartition, n); err != nil || !mine {
		return false, db.Err(err, "drop old deliveries")
	}
	defer func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1::int, $2::int)`, lockPartition, n)
	}()
	const young = `
		SELECT EXISTS (SELECT FROM sends WHERE campaign_id / $1 = $2
		               AND (finished_at IS NULL OR finished_at >= clock_timestamp() - $3 * interval '1 second'))`
	var stays bool
	if err := conn.GetContext(ctx, &stays, young, campaignsPerPartition, n, int64(age.Seconds())); err != nil || stays {
		return false, db.Err(err, "drop old deliveries")
	}
	var owner bool
	if err := conn.GetContext(ctx, &owner, `SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'deliveries'::regclass`); err != nil {
		return false, db.Err(err, "drop old deliveries")
	}
	if !owner {
		_, err := conn.ExecContext(ctx, `SELECT drop_queue_partitions($1, $2)`, n, campaignsPerPartition)
		err = db.Err(err, "drop old deliveries")
		if errs.KindOf(err) == errs.Unavailable { // a send is under way: another time
			return false, nil
		}
		return err == nil, err
	}
	// outcomes go first: deliveries are what DropOld looks for, so an interrupted drop is taken up again.
	for _, table := range []string{"outcomes", "deliveries"} {
		if err := detachAndDrop(ctx, conn, table, partitionName(table, n)); err != nil {
			return false, err
		}
	}
	return true, nil
}

func detachAndDrop(ctx context.Context, conn *sqlx.Conn, table, name string) error {
	const state = `SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass($1)`
	var pending []bool
	if err := conn.SelectContext(ctx, &pending, state, name); err != nil {
		return db.Err(err, "drop old deliveries")
	}
	how := "CONCURRENTLY"
	if len(pending) == 1 && pending[0] {
		how = "FINALIZE" // an earlier try was interrupted halfway
	}
	if len(pending) == 1 {
		if _, err := conn.ExecContext(ctx, fmt.Sprintf(`ALTER TABLE %s DETACH PARTITION %s %s`, table, name, how)); err != nil {
			return db.Err(err, "drop old deliveries")
		}
	}
	_, err := conn.ExecContext(ctx, `DROP TABLE IF EXISTS `+name)
	return db.Err(err, "drop old deliveries")
}
