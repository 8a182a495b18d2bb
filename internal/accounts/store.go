package accounts

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"
	"golang.org/x/text/unicode/norm"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// Store keeps accounts and what they may do.
type Store struct{ d Deps }

// row is an account as the table has it.
type row struct {
	ID        int64        `db:"id"`
	Email     string       `db:"email"`
	Name      string       `db:"name"`
	TimeZone  string       `db:"time_zone"`
	Password  string       `db:"password"`
	Totp      []byte       `db:"totp"`
	TotpNew   []byte       `db:"totp_new"`
	CreatedAt time.Time    `db:"created_at"`
	LastLogin sql.NullTime `db:"last_login_at"`
	Disabled  sql.NullTime `db:"disabled_at"`
	Grants    []byte       `db:"grants"`
}

const selectAccounts = `SELECT a.id, a.email, a.name, a.time_zone, a.password, a.totp, a.totp_new, a.created_at, a.last_login_at, a.disabled_at,
	coalesce((SELECT jsonb_agg(jsonb_build_object('list', coalesce(g.list_id, 0), 'role', g.role) ORDER BY g.list_id NULLS FIRST)
		FROM account_grants g WHERE g.account_id = a.id), '[]') AS grants
	FROM accounts a `

func (r row) account() (Account, error) {
	a := Account{ID: r.ID, Email: r.Email, Name: r.Name, TimeZone: r.TimeZone, Joined: r.Password != "", SecondFactor: r.Totp != nil,
		CreatedAt: r.CreatedAt, Grants: Grants{}}
	if r.LastLogin.Valid {
		a.LastLogin = &r.LastLogin.Time
	}
	if r.Disabled.Valid {
		a.Disabled = &r.Disabled.Time
	}
	var grants []struct {
		List int64
		Role string
	}
	if err := json.Unmarshal(r.Grants, &grants); err != nil {
		return a, errs.Wrap(err, errs.Internal, "read the roles of account %d", r.ID)
	}
	for _, g := range grants {
		role, err := ParseRole(g.Role)
		if err != nil {
			return a, err
		}
		a.Grants = append(a.Grants, Grant{List: g.List, Role: role})
	}
	return a, nil
}

// get returns the one account of a condition.
func (s *Store) get(ctx context.Context, q db.Q, where string, args ...any) (Account, row, error) {
	var r row
	err := db.Err(q.GetContext(ctx, &r, selectAccounts+where, args...), "find the account")
	if errs.KindOf(err) == errs.NotFound {
		return Account{}, r, errs.Wrap(err, errs.NotFound, "there is no such account")
	}
	if err != nil {
		return Account{}, r, err
	}
	a, err := r.account()
	return a, r, err
}

// Get returns an account by its number, disabled or not. Errors: NotFound.
func (s *Store) Get(ctx context.Context, id int64) (Account, error) {
	a, _, err := s.get(ctx, s.d.DB, `WHERE a.id = $1`, id)
	return a, err
}

// ByEmail returns an account by its address, in whatever case, disabled or not. Errors: NotFound.
func (s *Store) ByEmail(ctx context.Context, email string) (Account, error) {
	a, _, err := s.get(ctx, s.d.DB, `WHERE a.canonical = $1`, canonical(email))
	return a, err
}

// All returns every account, those that may log in first, by name. A newsroom has dozens.
func (s *Store) All(ctx context.Context) ([]Account, error) {
	var rows []row
	err := s.d.DB.SelectContext(ctx, &rows, selectAccounts+`ORDER BY a.disabled_at IS NOT NULL, lower(coalesce(nullif(a.name, ''), a.email)), a.id`)
	if err != nil {
		return nil, db.Err(err, "list accounts")
	}
	all := make([]Account, 0, len(rows))
	for _, r := range rows {
		a, err := r.account()
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// Nobody reports that there is no account yet.
func (s *Store) Nobody(ctx context.Context) (none bool, err error) {
	err = s.d.DB.GetContext(ctx, &none, `SELECT NOT EXISTS (SELECT FROM accounts)`)
	return none, db.Err(err, "look for accounts")
}

// Person is somebody who is to have an account.
type Person struct {
	Email    string
	Name     string
	Password string // empty: the person chooses it by a link
	Grants   Grants
}

// Create makes an account. Errors: Invalid with the field, Conflict (field email) when there is one with the address.
func (s *Store) Create(ctx context.Context, n Person, who string) (a Account, err error) {
	if err := n.check(); err != nil {
		return a, err
	}
	hash := ""
	if n.Password != "" {
		hash = hashPassword(n.Password)
	}
	err = db.InTx(ctx, s.d.DB, func(tx *sqlx.Tx) error {
		a, err = s.create(ctx, tx, n, hash, who)
		return err
	})
	return a, err
}

// check brings the account in order, and says what is wrong with it.
func (n *Person) check() error {
	address, err := subscribers.Policy{AllowReserved: true}.ParseAddress(n.Email)
	if err != nil {
		return errs.Field("email", "%s", strings.TrimPrefix(errs.Public(err), "address: "))
	}
	n.Email = address.Wire
	if n.Name, err = checkName(n.Name); err != nil {
		return err
	}
	if n.Password != "" {
		if err := checkPassword(n.Password, n.Email); err != nil {
			return err
		}
	}
	n.Grants, err = n.Grants.check()
	return err
}

// create makes an account whose parts have been checked.
func (s *Store) create(ctx context.Context, tx *sqlx.Tx, n Person, hash, who string) (Account, error) {
	var id int64
	err := db.Err(tx.GetContext(ctx, &id, `INSERT INTO accounts (email, canonical, name, password) VALUES ($1, $2, $3, $4)
		ON CONFLICT (canonical) DO NOTHING RETURNING id`, n.Email, canonical(n.Email), n.Name, hash), "create the account")
	if errs.KindOf(err) == errs.NotFound {
		return Account{}, &errs.Error{Kind: errs.Conflict, Field: "email", Msg: "somebody with this address has an account already"}
	}
	if err != nil {
		return Account{}, err
	}
	if err := s.grant(ctx, tx, id, n.Grants); err != nil {
		return Account{}, err
	}
	if err := audit.Log(ctx, tx, who, "account.create", subject(id), map[string]any{"email": n.Email, "roles": n.Grants.names()}); err != nil {
		return Account{}, err
	}
	a, _, err := s.get(ctx, tx, `WHERE a.id = $1`, id)
	return a, err
}

// grant replaces what an account may do.
func (s *Store) grant(ctx context.Context, tx *sqlx.Tx, id int64, grants Grants) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM account_grants WHERE account_id = $1`, id); err != nil {
		return db.Err(err, "save the roles")
	}
	for _, g := range grants {
		_, err := tx.ExecContext(ctx, `INSERT INTO account_grants (account_id, list_id, role) VALUES ($1, nullif($2, 0), $3)`, id, g.List, g.Role.String())
		if err := db.Err(err, "save the roles"); err != nil {
			if errs.KindOf(err) == errs.Invalid {
				return errs.Wrap(err, errs.Invalid, "one of the lists is not there any more; load the page again")
			}
			return err
		}
	}
	return nil
}

// subject names an account in the audit log.
func subject(id int64) string { return fmt.Sprintf("account %d", id) }

// canonical is what tells accounts apart. What the database could not hold becomes a character that is in no address: it is looked for,
// and not found, as any other that nobody has.
func canonical(email string) string {
	return strings.ToLower(strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(email, "\ufffd"), "\x00", "\ufffd")))
}

// checkName brings a person's name in order. Errors: Invalid (field name).
func checkName(name string) (string, error) {
	name = strings.Join(strings.Fields(norm.NFC.String(name)), " ")
	switch {
	case utf8.RuneCountInString(name) > 100:
		return "", errs.Field("name", "is longer than 100 characters")
	case !utf8.ValidString(name), strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != 0x200d }):
		return "", errs.Field("name", "has a character that does not belong into a name")
	}
	return name, nil
}
