package db_test

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/dbtest"
	"mailer/internal/errs"
)

func exec(t *testing.T, q db.Q, stmts ...string) {
	t.Helper()
	for _, s := range stmts {
		if _, err := q.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func count(t *testing.T, q db.Q, table string) (n int) {
	t.Helper()
	if err := q.GetContext(t.Context(), &n, `SELECT count(*) FROM `+table); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpen(t *testing.T) {
	t.Parallel()
	d, dsn := dbtest.OpenEmpty(t)
	var name string
	if err := d.GetContext(t.Context(), &name, `SHOW application_name`); err != nil || name != "mailer" {
		t.Errorf("application_name is %q, %v", name, err)
	}
	for what, tc := range map[string]struct {
		dsn  string
		kind errs.Kind
	}{
		"no such database": {strings.Replace(dsn, "/mailer_test", "/absent_mailer_test", 1), errs.Config},
		"nobody listens":   {"postgres://mailer:hunter2@127.0.0.1:1/mailer?sslmode=disable", errs.Unavailable},
		"not an address":   {"postgres://mailer:hunter2@h:port/mailer", errs.Config},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := db.Open(t.Context(), tc.dsn)
			if errs.KindOf(err) != tc.kind {
				t.Errorf("Open = %v; want kind %d", err, tc.kind)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestInTx(t *testing.T) {
	t.Parallel()
	d, _ := dbtest.OpenEmpty(t)
	exec(t, d, `CREATE TABLE x (n int)`)
	insert := func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO x VALUES (1)`)
		return err
	}
	if err := db.InTx(t.Context(), d, insert); err != nil || count(t, d, "x") != 1 {
		t.Fatalf("commit: %v, %d rows", err, count(t, d, "x"))
	}
	mine := errors.New("mine")
	err := db.InTx(t.Context(), d, func(tx *sqlx.Tx) error { return errors.Join(insert(tx), mine) })
	if !errors.Is(err, mine) || count(t, d, "x") != 1 {
		t.Fatalf("rollback on error: %v, %d rows", err, count(t, d, "x"))
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = db.InTx(t.Context(), d, func(tx *sqlx.Tx) error { _ = insert(tx); panic("oops") })
	}()
	if n := count(t, d, "x"); n != 1 {
		t.Fatalf("rollback on panic: %d rows", n)
	}
	if open := d.Stats().InUse; open != 0 {
		t.Errorf("%d connections were not given back", open)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.InTx(ctx, d, insert); errs.KindOf(err) != errs.Unavailable {
		t.Errorf("cancelled: %v; want Unavailable", err)
	}
}

// Two transactions that lock the same rows in opposite order: Postgres kills one, and InTx runs it again.
func TestInTxRetriesDeadlock(t *testing.T) {
	t.Parallel()
	d, _ := dbtest.OpenEmpty(t)
	exec(t, d, `CREATE TABLE x (id int PRIMARY KEY, n int)`, `INSERT INTO x VALUES (1, 0), (2, 0)`)
	var met sync.WaitGroup
	met.Add(2)
	var runs atomic.Int32
	move := func(first, second int) error {
		var once sync.Once
		return db.InTx(t.Context(), d, func(tx *sqlx.Tx) error {
			runs.Add(1)
			for i, id := range []int{first, second} {
				if _, err := tx.ExecContext(t.Context(), `UPDATE x SET n = n + 1 WHERE id = $1`, id); err != nil {
					return db.Err(err, "move") // the retry must see through this
				}
				if i == 0 {
					once.Do(func() { met.Done(); met.Wait() })
				}
			}
			return nil
		})
	}
	failed := make(chan error, 2)
	go func() { failed <- move(1, 2) }()
	go func() { failed <- move(2, 1) }()
	for range 2 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	var sum int
	if err := d.GetContext(t.Context(), &sum, `SELECT sum(n) FROM x`); err != nil || sum != 4 || runs.Load() < 3 {
		t.Errorf("sum %d after %d runs, %v; want 4 after at least 3", sum, runs.Load(), err)
	}
}

func TestInTxGivesUp(t *testing.T) {
	t.Parallel()
	d, _ := dbtest.OpenEmpty(t)
	runs := 0
	err := db.InTx(t.Context(), d, func(tx *sqlx.Tx) error {
		runs++
		_, err := tx.ExecContext(t.Context(), `DO $$ BEGIN RAISE EXCEPTION 'always' USING ERRCODE = '40001'; END $$`)
		return db.Err(err, "try")
	})
	if runs != 10 || errs.KindOf(err) != errs.Unavailable {
		t.Errorf("%d runs, %v; want 10 and Unavailable", runs, err)
	}
}

func TestErr(t *testing.T) {
	t.Parallel()
	d, _ := dbtest.OpenEmpty(t)
	exec(t, d, `CREATE TABLE p (id int PRIMARY KEY)`,
		`CREATE TABLE c (id int UNIQUE, p int NOT NULL REFERENCES p, n int CHECK (n > 0), s varchar(3))`,
		`INSERT INTO p VALUES (1)`, `INSERT INTO c VALUES (1, 1, 1, '')`)
	for stmt, want := range map[string]errs.Kind{
		`INSERT INTO c VALUES (1, 1, 1, '')`:               errs.Conflict,
		`INSERT INTO c VALUES (2, 9, 1, '')`:               errs.Invalid,
		`INSERT INTO c VALUES (2, 1, 0, '')`:               errs.Invalid,
		`INSERT INTO c VALUES (2, NULL, 1, '')`:            errs.Invalid,
		`INSERT INTO c VALUES (2, 1, 1, 'long')`:           errs.Invalid,
		`INSERT INTO c VALUES (99999999999, 1, 1, '')`:     errs.Invalid,
		`SELECT 'x'::int`:                                  errs.Invalid,
		`SELECT * FROM absent`:                             errs.Internal,
		`this is not SQL`:                                  errs.Internal,
		`DO $$ BEGIN RAISE insufficient_privilege; END $$`: errs.Denied,
		`DO $$ BEGIN RAISE lock_not_available; END $$`:     errs.Unavailable,
		`DO $$ BEGIN RAISE disk_full; END $$`:              errs.Unavailable,
	} {
		_, err := d.ExecContext(t.Context(), stmt)
		if got := errs.KindOf(db.Err(err, "try it")); got != want {
			t.Errorf("%s: %v has kind %d; want %d", stmt, err, got, want)
		}
	}
	if err := db.Err(sql.ErrNoRows, "find it"); errs.KindOf(err) != errs.NotFound || !strings.HasPrefix(errs.Public(err), "find it: ") {
		t.Errorf("no rows: %v", err)
	}
	if db.Err(nil, "x") != nil {
		t.Error("Err(nil) is an error")
	}
	mine := errs.New(errs.Denied, "mine")
	if got := db.Err(mine, "x"); got != mine {
		t.Errorf("an error with a kind was changed to %v", got)
	}
}

// A server that goes away in the middle is Unavailable, and the next query gets a new connection.
func TestErrOfLostConnection(t *testing.T) {
	t.Parallel()
	d, _ := dbtest.OpenEmpty(t)
	conn, err := d.Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var pid int
	if err := conn.GetContext(t.Context(), &pid, `SELECT pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ExecContext(t.Context(), `SELECT pg_terminate_backend($1, 5000)`, pid); err != nil {
		t.Fatal(err)
	}
	_, err = conn.ExecContext(t.Context(), `SELECT 1`)
	if errs.KindOf(db.Err(err, "ask")) != errs.Unavailable {
		t.Errorf("lost connection: %v; want Unavailable", err)
	}
	exec(t, d, `SELECT 1`)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = d.ExecContext(ctx, `SELECT pg_sleep(60)`)
	if errs.KindOf(db.Err(err, "wait")) != errs.Unavailable {
		t.Errorf("timeout: %v; want Unavailable", err)
	}
}

// Several processes start at once on an empty database.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	_, dsn := dbtest.OpenEmpty(t)
	failed := make(chan error, 4)
	for range cap(failed) {
		go func() {
			d, err := db.Open(t.Context(), dsn)
			if err == nil {
				defer d.Close()
				err = db.Migrate(t.Context(), d)
			}
			failed <- err
		}()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	d, err := db.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	current, latest, err := db.Version(t.Context(), d)
	if err != nil || current != latest || current == 0 {
		t.Fatalf("version %d of %d, %v", current, latest, err)
	}
	exec(t, d, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	if err := db.Migrate(t.Context(), d); errs.KindOf(err) != errs.Config || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a database newer than the program: %v", err)
	}
}

// A migration that fails is named, and its kind says that the database is in the way.
func TestMigrateFails(t *testing.T) {
	t.Parallel()
	d, _ := dbtest.OpenEmpty(t)
	exec(t, d, `CREATE TABLE feeds ()`) // 00002 wants to make it
	err := db.Migrate(t.Context(), d)
	if errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "00002") {
		t.Fatalf("Migrate = %v; want a conflict that names 00002", err)
	}
	if current, _, err := db.Version(t.Context(), d); err != nil || current != 1 {
		t.Errorf("version %d, %v; want 1", current, err)
	}
	exec(t, d, `DROP TABLE feeds`)
	if err := db.Migrate(t.Context(), d); err != nil {
		t.Errorf("after the repair: %v", err)
	}
}

func TestCopyIn(t *testing.T) {
	t.Parallel()
	d, _ := dbtest.OpenEmpty(t)
	exec(t, d, `CREATE TABLE x (n int NOT NULL, s text)`)
	bad := errors.New("bad row")
	rows := func(n int, fail error, null bool) iter.Seq2[[]any, error] {
		return func(yield func([]any, error) bool) {
			for i := range n {
				if !yield([]any{i, "tab\t, newline\n, back\\slash and é"}, nil) {
					return
				}
			}
			if fail != nil && !yield(nil, fail) {
				return
			}
			if null {
				yield([]any{nil, ""}, nil)
			}
		}
	}
	run := func(seq iter.Seq2[[]any, error]) (n int64, err error) {
		err = db.InTx(t.Context(), d, func(tx *sqlx.Tx) error {
			n, err = db.CopyIn(t.Context(), tx, `COPY x (n, s) FROM STDIN`, seq)
			return err
		})
		return n, err
	}
	if n, err := run(rows(3000, nil, false)); err != nil || n != 3000 || count(t, d, "x") != 3000 {
		t.Fatalf("copied %d, %v", n, err)
	}
	var s string
	if err := d.GetContext(t.Context(), &s, `SELECT s FROM x WHERE n = 7`); err != nil || s != "tab\t, newline\n, back\\slash and é" {
		t.Errorf("text came back as %q, %v", s, err)
	}
	if _, err := run(rows(10, bad, false)); !errors.Is(err, bad) || count(t, d, "x") != 3000 {
		t.Errorf("error of the sequence: %v, %d rows", err, count(t, d, "x"))
	}
	if _, err := run(rows(10, nil, true)); errs.KindOf(err) != errs.Invalid || count(t, d, "x") != 3000 {
		t.Errorf("error of Postgres: %v, %d rows", err, count(t, d, "x"))
	}
	if _, err := run(rows(0, nil, false)); err != nil {
		t.Errorf("no rows: %v", err)
	}
	exec(t, d, `SELECT 1`) // the connections survived
}
