package audit_test

import (
	"errors"
	"testing"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/dbtest"
	"mailer/internal/errs"
)

func TestLog(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	ctx := t.Context()
	if err := audit.Log(ctx, d, "cli", "campaign.approve", "campaign 12", map[string]any{"by": "Ada"}); err != nil {
		t.Fatal(err)
	}
	if err := audit.Log(ctx, d, "cli", "list.create", "list weekly", nil); err != nil {
		t.Fatal(err)
	}
	got, err := audit.Recent(ctx, d, "campaign 12", 10)
	if err != nil || len(got) != 1 || got[0].Action != "campaign.approve" || string(got[0].Detail) != `{"by": "Ada"}` || got[0].At.IsZero() {
		t.Fatalf("Recent = %+v, %v", got, err)
	}
	if all, err := audit.Recent(ctx, d, "", 10); err != nil || len(all) != 2 || all[0].Subject != "list weekly" {
		t.Fatalf("Recent of everything = %+v, %v", all, err)
	}
}

func TestLogGoesWithItsTransaction(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	undone := errors.New("undone")
	err := db.InTx(t.Context(), d, func(tx *sqlx.Tx) error {
		if err := audit.Log(t.Context(), tx, "cli", "x", "y", nil); err != nil {
			return err
		}
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	if got, err := audit.Recent(t.Context(), d, "", 10); err != nil || len(got) != 0 {
		t.Fatalf("the log has %v, %v after a rollback", got, err)
	}
}

func TestAppendOnly(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	if err := audit.Log(t.Context(), d, "cli", "x", "y", nil); err != nil {
		t.Fatal(err)
	}
	for _, stmt := range []string{`UPDATE audit_log SET actor = 'z'`, `DELETE FROM audit_log`, `TRUNCATE audit_log`} {
		_, err := d.ExecContext(t.Context(), stmt)
		if errs.KindOf(db.Err(err, "tamper")) != errs.Denied {
			t.Errorf("%s: %v; want it refused", stmt, err)
		}
	}
	if err := audit.Log(t.Context(), d, "", "x", "y", nil); err == nil {
		t.Error("an entry without an actor was taken")
	}
}
