package delivery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// lockGuard is the advisory lock under which eras are compared and begun, one process after the other.
const lockGuard = 0x67756172

// identity is what tells a database from a copy of it. Parts that the server does not tell are empty, and count as equal.
type identity struct {
	System   string `db:"system"`
	Timeline string `db:"timeline"`
	Database int64  `db:"database_oid"`
	Table    int64  `db:"table_oid"`
}

// differs says how b is not a, or nothing.
func (a identity) differs(b identity) string {
	differ := func(x, y string) bool { return x != "" && y != "" && x != y }
	switch {
	case differ(a.System, b.System):
		return "it is in another database cluster"
	case differ(a.Timeline, b.Timeline):
		return fmt.Sprintf("its timeline is %s and was %s", b.Timeline, a.Timeline)
	case a.Database != b.Database:
		return "it was made anew"
	case a.Table != b.Table:
		return "its tables were made anew"
	}
	return ""
}

// era is a row of database_eras.
type era struct {
	identity
	Era   string    `db:"era"`
	Began time.Time `db:"began_at"`
}

// beginner is *sqlx.DB or one connection of it. A guard looks at the very connection that is about to be used: during a
// failover two of them may lead to two servers.
type beginner interface {
	BeginTxx(ctx context.Context, opts *sql.TxOptions) (*sqlx.Tx, error)
	GetContext(ctx context.Context, dest any, query string, args ...any) error
	QueryRowxContext(ctx context.Context, query string, args ...any) *sqlx.Row
}

// CheckRestore compares the database with its identity on record, as a sender does at its start, and returns what it did
// when they differ, else nil. Whoever launches campaigns calls it first.
func (s *Store) CheckRestore(ctx context.Context) (*Restored, error) {
	_, found, err := checkEra(ctx, s.db, mark{})
	return found, err
}

// checkEra does the work of check: it returns the mark to remember, and what it found when the database went back.
func checkEra(ctx context.Context, conn beginner, m mark) (next mark, found *Restored, err error) {
	now, err := readIdentity(ctx, conn)
	if err != nil {
		return m, nil, err
	}
	tx, err := conn.BeginTxx(ctx, nil)
	if err != nil {
		return m, nil, db.Err(err, "look whether the database was restored")
	}
	defer func() { _ = tx.Rollback() }()
	latest, why, err := whatIsDifferent(ctx, tx, now, m)
	if err == nil && (why != "" || latest.Era == "") {
		// Only now, as a process that is stopped here would hold up all others. They may have seen to it meanwhile.
		if _, err = tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, lockGuard); err != nil {
			return m, nil, db.Err(err, "look whether the database was restored")
		}
		latest, why, err = whatIsDifferent(ctx, tx, now, m)
	}
	if err != nil {
		return m, nil, err
	}
	if why != "" || latest.Era == "" {
		if latest, err = beginEra(ctx, tx, now, why); err != nil {
			return m, nil, err
		}
	}
	if why != "" {
		if found, err = pauseRestored(ctx, tx, why); err != nil {
			return m, nil, err
		}
	}
	next = m
	if m.Node != "" {
		// A mark must outlive a crash of the server, however the operator has set synchronous_commit.
		const raise = `
			INSERT INTO sender_marks (node, n) VALUES ($1, $2)
			ON CONFLICT (node) DO UPDATE SET n = greatest(sender_marks.n + 1, EXCLUDED.n), at = clock_timestamp()
			RETURNING n, at, set_config('synchronous_commit', 'on', true)`
		var on string
		if err := tx.QueryRowxContext(ctx, raise, m.Node, m.N+1).Scan(&next.N, &next.At, &on); err != nil {
			return m, nil, db.Err(err, "raise the sender's mark")
		}
		next.Era, next.System, next.Database = latest.Era, latest.System, latest.Database
	}
	return next, found, db.Err(tx.Commit(), "look whether the database was restored")
}

// readIdentity asks the server. Where a managed service keeps one of these functions to itself, that part stays empty.
func readIdentity(ctx context.Context, conn beginner) (identity, error) {
	var id identity
	for _, part := range []struct {
		dest  *string
		query string
	}{
		{&id.System, `SELECT system_identifier::text FROM pg_control_system()`},
		{&id.Timeline, `SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)`},
	} {
		var refused *pq.Error
		err := conn.GetContext(ctx, part.dest, part.query)
		switch {
		case errors.As(err, &refused) && refused.Code == "55000": // recovery is in progress
			return id, errs.Wrap(err, errs.Unavailable, "the database is a standby, which takes no writes")
		case errors.As(err, &refused) && (refused.Code.Class() == "42" || refused.Code.Class() == "0A"):
			*part.dest = ""
		case err != nil:
			return id, db.Err(err, "ask which database this is")
		}
	}
	const oids = `
		SELECT d.oid::bigint AS database_oid, 'sends'::regclass::oid::bigint AS table_oid FROM pg_database d WHERE d.datname = current_database()`
	err := conn.QueryRowxContext(ctx, oids).Scan(&id.Database, &id.Table)
	return id, db.Err(err, "ask which database this is")
}

// whatIsDifferent returns the newest era and, where the database is not what it should be, why. A mark of an era that
// others have ended since says nothing: they have seen to it.
func whatIsDifferent(ctx context.Context, tx *sqlx.Tx, now identity, m mark) (latest era, why string, err error) {
	const newest = `SELECT era, system, timeline, database_oid, table_oid, began_at FROM database_eras ORDER BY number DESC LIMIT 1`
	if err := tx.GetContext(ctx, &latest, newest); errors.Is(err, sql.ErrNoRows) {
		return era{}, "", nil
	} else if err != nil {
		return era{}, "", db.Err(err, "read which database this was")
	}
	if why = latest.differs(now); why != "" || m.Era == "" || m.System != now.System || m.Database != now.Database {
		return latest, why, nil
	}
	const known = `
		SELECT EXISTS (SELECT FROM database_eras WHERE era = $1), coalesce((SELECT n FROM sender_marks WHERE node = $2), 0)`
	var there bool
	var n int64
	if err := tx.QueryRowxContext(ctx, known, m.Era, m.Node).Scan(&there, &n); err != nil {
		return era{}, "", db.Err(err, "read the sender's mark")
	}
	// An era that began after the mark was made was begun by somebody who found the same: it is seen to.
	if !there && m.At.After(latest.Began) || m.Era == latest.Era && n < m.N {
		why = "it lacks what was committed by " + m.At.UTC().Format("2006-01-02 15:04:05") + " UTC"
	}
	return latest, why, nil
}

// beginEra writes down what the database is from now on.
func beginEra(ctx context.Context, tx *sqlx.Tx, now identity, why string) (e era, err error) {
	const insert = `
		INSERT INTO database_eras (system, timeline, database_oid, table_oid, why) VALUES ($1, $2, $3, $4, $5)
		RETURNING era, system, timeline, database_oid, table_oid, began_at`
	if err = tx.GetContext(ctx, &e, insert, now.System, now.Timeline, now.Database, now.Table, why); err != nil {
		return e, db.Err(err, "write down which database this is")
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM sender_marks WHERE at < clock_timestamp() - $1 * interval '1 second'`, int64(markKeep.Seconds()))
	return e, db.Err(err, "forget old marks")
}

// restoredReason is what a person reads who finds a send paused.
func restoredReason(why string) string {
	return "This database was restored from a backup or failed over to a copy (" + why + "): what was sent since that backup is not on record " +
		"and would go out again; compare with the relay's log, then resume"
}

// pauseRestored pauses every running send. One that is paused already says so too: its reason may seem harmless.
func pauseRestored(ctx context.Context, tx *sqlx.Tx, why string) (*Restored, error) {
	const pauseAll = `
		UPDATE sends SET state = 'paused', reason = CASE WHEN state = 'running' OR reason = '' THEN $1 ELSE reason || '. ' || $1 END
		WHERE state IN ('running', 'paused') RETURNING campaign_id`
	r := &Restored{Why: why}
	if err := tx.SelectContext(ctx, &r.Sends, pauseAll, restoredReason(why)); err != nil {
		return nil, db.Err(err, "pause the sends of a restored database")
	}
	detail := map[string]any{"why": why, "campaigns": r.Sends}
	if err := audit.Log(ctx, tx, actorSender, "database.restored", "database", detail); err != nil {
		return nil, err
	}
	for _, id := range r.Sends {
		if err := audit.Log(ctx, tx, actorSender, "campaign.pause", campaignSubject(id), map[string]any{"reason": restoredReason(why)}); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// ErrRestored is in the chain of LaunchTx's error when the launch was due before the database was found to be restored: it may
// have gone out already.
var ErrRestored = errors.New("due before the database was restored")

// refuseRestored refuses a launch that was due before the present era began, unless that is the first.
func refuseRestored(ctx context.Context, tx *sqlx.Tx, due time.Time) error {
	if due.IsZero() {
		return nil
	}
	const q = `
		SELECT max(began_at) FROM database_eras WHERE number > (SELECT min(number) FROM database_eras)`
	var began sql.NullTime
	if err := tx.GetContext(ctx, &began, q); err != nil {
		return db.Err(err, "look whether the database was restored")
	}
	if began.Valid && due.Before(began.Time) {
		return errs.Wrap(ErrRestored, errs.Conflict,
			"this database was restored from a backup or failed over to a copy at %s; what was due before may have gone out already: compare with the relay's log, then start or cancel it",
			began.Time.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return nil
}

// Era tells which database this is: when its present era began and why; the zero time when no sender has looked yet.
func (s *Store) Era(ctx context.Context) (began time.Time, why string, err error) {
	err = s.db.QueryRowxContext(ctx, `SELECT began_at, why FROM database_eras ORDER BY number DESC LIMIT 1`).Scan(&began, &why)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, "", nil
	}
	return began, why, db.Err(err, "read which database this is")
}
