package campaigns

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// ProofGroup is a saved group of people who get proofs.
type ProofGroup struct {
	ID        int64          `db:"id"`
	ListID    *int64         `db:"list_id"` // nil: for campaigns of every list
	Name      string         `db:"name"`
	Addresses pq.StringArray `db:"addresses"`
	UpdatedAt time.Time      `db:"updated_at"`
	UpdatedBy string         `db:"updated_by"`
}

const selectGroup = `SELECT id, list_id, name, addresses, updated_at, updated_by FROM proof_groups`

// Groups returns the groups for campaigns of these lists and those for every list, by name.
func (r *Reviews) Groups(ctx context.Context, lists ...int64) ([]ProofGroup, error) {
	list := []ProofGroup{}
	err := r.svc.DB.SelectContext(ctx, &list, selectGroup+` WHERE list_id IS NULL OR list_id = ANY ($1) ORDER BY lower(name), id`, pq.Array(lists))
	return list, db.Err(err, "read the groups")
}

// Group returns one group. Errors: NotFound.
func (r *Reviews) Group(ctx context.Context, id int64) (g ProofGroup, err error) {
	err = r.svc.DB.GetContext(ctx, &g, selectGroup+` WHERE id = $1`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return g, errs.New(errs.NotFound, "there is no such group")
	}
	return g, db.Err(err, "read the group")
}

// SaveGroup keeps a group: a new one where its ID is 0. The list of one that exists stays. Errors: Invalid (fields name, addresses),
// Conflict when the name is taken, NotFound.
func (r *Reviews) SaveGroup(ctx context.Context, g ProofGroup, who string) (ProofGroup, error) {
	if err := checkWho(who); err != nil {
		return g, err
	}
	g.Name = strings.Join(strings.Fields(g.Name), " ")
	if err := checkLine("name", g.Name, 80); err != nil {
		return g, err
	}
	to, err := r.parseAddresses(g.Addresses, maxProofs)
	if err == nil && len(to) == 0 {
		err = errs.Field("addresses", "name at least one")
	}
	if err != nil {
		return g, err
	}
	g.Addresses = nil
	for _, a := range to {
		g.Addresses = append(g.Addresses, a.Typed)
	}
	err = db.InTx(ctx, r.svc.DB, func(tx *sqlx.Tx) error {
		q, args := `UPDATE proof_groups SET name = $1, addresses = $2, updated_at = $3, updated_by = $4 WHERE id = $5
			RETURNING id, list_id, name, addresses, updated_at, updated_by`, []any{g.Name, g.Addresses, r.svc.Now(), who, g.ID}
		if g.ID == 0 {
			q, args[4] = `INSERT INTO proof_groups (name, addresses, updated_at, updated_by, list_id) VALUES ($1, $2, $3, $4, $5)
				RETURNING id, list_id, name, addresses, updated_at, updated_by`, g.ListID
		}
		err := tx.GetContext(ctx, &g, q, args...)
		if errors.Is(err, sql.ErrNoRows) {
			return errs.New(errs.NotFound, "there is no such group")
		}
		if err = db.Err(err, "keep the group"); errs.KindOf(err) == errs.Conflict {
			return errs.Field("name", "there is a group “%s” already", g.Name)
		} else if err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, "proofs.group", "proof group "+g.Name, map[string]any{"addresses": len(g.Addresses)})
	})
	return g, err
}

// RemoveGroup forgets a group. Errors: NotFound.
func (r *Reviews) RemoveGroup(ctx context.Context, id int64, who string) error {
	if err := checkWho(who); err != nil {
		return err
	}
	return db.InTx(ctx, r.svc.DB, func(tx *sqlx.Tx) error {
		var name string
		err := tx.GetContext(ctx, &name, `DELETE FROM proof_groups WHERE id = $1 RETURNING name`, id)
		if errors.Is(err, sql.ErrNoRows) {
			return errs.New(errs.NotFound, "there is no such group")
		} else if err != nil {
			return db.Err(err, "forget the group")
		}
		return audit.Log(ctx, tx, who, "proofs.group_remove", "proof group "+name, nil)
	})
}
