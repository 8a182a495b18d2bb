package db

import (
	"context"

	"github.com/jmoiron/sqlx"

	"mailer/internal/errs"
)

// Grant gives a role what the program needs to run, and no more: it may change rows, but neither tables nor the audit log. Who calls it
// owns the tables. Errors: NotFound without such a role, Conflict when it could do more anyway, Denied when the tables are another's.
func Grant(ctx context.Context, d *sqlx.DB, role string) error {
	var r struct {
		Super bool `db:"super"`
		Owner bool `db:"owner"`
	}
	err := Err(d.GetContext(ctx, &r, `SELECT r.rolsuper AS super, pg_has_role(r.oid, c.relowner, 'USAGE') AS owner
		FROM pg_roles r, pg_class c WHERE r.rolname = $1 AND c.oid = 'audit_log'::regclass`, role), "grant")
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return errs.Wrap(err, errs.NotFound, "there is no role %q in this Postgres; create it first, for instance by: createuser %s", role, role)
	case err != nil:
		return err
	case r.Super:
		return errs.New(errs.Conflict, "%s is a superuser, for whom grants mean nothing; use a role that is none", role)
	case r.Owner:
		return errs.New(errs.Conflict, "%s owns the tables, so it may do everything; migrate as one role and run as another", role)
	}
	return InTx(ctx, d, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `SELECT grant_service($1)`, role)
		return Err(err, "grant")
	})
}
