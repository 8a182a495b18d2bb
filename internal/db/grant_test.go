package db_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/dbtest"
	"mailer/internal/errs"
)

// A role that may only run the program cannot migrate, and is told what to do; who could do everything anyway is not given less.
func TestGrant(t *testing.T) {
	t.Parallel()
	owner, dsn := dbtest.OpenURL(t)
	role := fmt.Sprintf("mailer_test_%x", rand.Uint64())
	run := func(stmt string) {
		t.Helper()
		if _, err := owner.ExecContext(context.WithoutCancel(t.Context()), stmt); err != nil {
			t.Errorf("%s: %v", stmt, err)
		}
	}
	run(`CREATE ROLE ` + pq.QuoteIdentifier(role) + ` LOGIN PASSWORD 'test'`)
	t.Cleanup(func() {
		run(`DROP OWNED BY ` + pq.QuoteIdentifier(role))
		run(`DROP ROLE ` + pq.QuoteIdentifier(role))
	})
	var me string
	if err := owner.GetContext(t.Context(), &me, `SELECT current_user`); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]errs.Kind{me: errs.Conflict, "nobody'; DROP TABLE accounts": errs.NotFound, role: errs.OK} {
		if err := db.Grant(t.Context(), owner, who); errs.KindOf(err) != want {
			t.Errorf("Grant(%q): %v", who, err)
		}
	}
	service, err := db.Open(t.Context(), dbtest.As(t, dsn, role, "test"))
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	if err := db.Migrate(t.Context(), service); err != nil {
		t.Errorf("nothing to migrate: %v", err)
	}
	run(`DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`)
	var e *errs.Error
	if err := db.Migrate(t.Context(), service); !errors.As(err, &e) || e.Kind != errs.Denied || !strings.Contains(e.Msg, "mailer migrate --grant") {
		t.Errorf("something to migrate: %v", err)
	}
}
