package accounts

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// Scopes of API tokens. None lets a program change anything, see the second factor or manage people.
const (
	ScopeReports = "reports" // reads reports, as a viewer
	ScopeExports = "exports" // reads reports and exports of readers, as an editor
)

var scopeRoles = map[string]Role{ScopeReports: Viewer, ScopeExports: Editor}

// tokenPrefix lets programs that look for leaked secrets know one of ours.
const tokenPrefix = "mailer_"

// Tokens are what programs show in place of a log-in.
type Tokens struct {
	d      Deps
	people *Store
}

// Token is what is known of an API token; the token itself is not.
type Token struct {
	ID        int64      `db:"id"`
	Name      string     `db:"name"`
	Scope     string     `db:"scope"`
	CreatedAt time.Time  `db:"created_at"`
	ExpiresAt *time.Time `db:"expires_at"`
	LastUsed  *time.Time `db:"last_used_at"` // to the minute
	RevokedAt *time.Time `db:"revoked_at"`
}

// Create makes a token and returns it; it cannot be read again. life is how long it is good, 0: until it is revoked. Errors: Invalid
// with the field (name, scope).
func (t *Tokens) Create(ctx context.Context, a Account, name, scope string, life time.Duration) (token string, err error) {
	name = strings.Join(strings.Fields(name), " ")
	switch {
	case name == "", utf8.RuneCountInString(name) > 60, clip(name, 1000) != name:
		return "", errs.Field("name", "say in at most 60 characters which program it is for")
	case scopeRoles[scope] == None:
		return "", errs.Field("scope", "choose reports or exports")
	case a.Anywhere() < scopeRoles[scope]:
		return "", errs.Field("scope", "you may not see this yourself")
	}
	raw := make([]byte, 32)
	rand.Read(raw)
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
	err = db.InTx(ctx, t.d.DB, func(tx *sqlx.Tx) error {
		var id int64
		err := tx.GetContext(ctx, &id, `INSERT INTO api_tokens (account_id, name, scope, hash, expires_at)
			VALUES ($1, $2, $3, $4, CASE WHEN $5 > 0 THEN now() + $5 * interval '1 second' END) RETURNING id`, a.ID, name, scope, tokenHash(token), life.Seconds())
		if err != nil {
			return db.Err(err, "create an API token")
		}
		return audit.Log(ctx, tx, a.Email, "account.token_create", subject(a.ID), map[string]any{"token": id, "name": name, "scope": scope})
	})
	return token, err
}

// Account returns whose token it is, with the roles that the token has: those of the person at this moment, at most that of its scope.
func (t *Tokens) Account(ctx context.Context, token string) (Account, bool) {
	if !strings.HasPrefix(token, tokenPrefix) {
		return Account{}, false
	}
	var found struct {
		Account int64  `db:"account_id"`
		Scope   string `db:"scope"`
		ID      int64  `db:"id"`
		Stale   bool   `db:"stale"`
	}
	err := t.d.DB.GetContext(ctx, &found, `SELECT id, account_id, scope, coalesce(last_used_at, '-infinity') < now() - interval '1 minute' AS stale FROM api_tokens
		WHERE hash = $1 AND revoked_at IS NULL AND coalesce(expires_at, 'infinity') > now()`, tokenHash(token))
	if err != nil {
		if gone, err := missing(err); !gone {
			t.d.Log.Error("an API token cannot be looked up", "err", err)
		}
		return Account{}, false
	}
	a, err := t.people.Get(ctx, found.Account)
	if err != nil || a.Disabled != nil {
		return Account{}, false
	}
	if found.Stale {
		if _, err := t.d.DB.ExecContext(ctx, `UPDATE api_tokens SET last_used_at = now() WHERE id = $1`, found.ID); err != nil {
			t.d.Log.Warn("the use of an API token cannot be noted", "err", err)
		}
	}
	a.Grants = a.Grants.Capped(scopeRoles[found.Scope])
	return a, true
}

// List returns the tokens of a person: those that work first, then the newest.
func (t *Tokens) List(ctx context.Context, account int64) ([]Token, error) {
	var all []Token
	err := t.d.DB.SelectContext(ctx, &all, `SELECT id, name, scope, created_at, expires_at, last_used_at, revoked_at FROM api_tokens
		WHERE account_id = $1 ORDER BY id DESC LIMIT 200`, account)
	now := t.d.Now()
	slices.SortStableFunc(all, func(a, b Token) int {
		switch x, y := a.Works(now), b.Works(now); {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	return all, db.Err(err, "list API tokens")
}

// Works reports whether a token opens anything at a moment.
func (t Token) Works(at time.Time) bool {
	return t.RevokedAt == nil && (t.ExpiresAt == nil || t.ExpiresAt.After(at))
}

// Revoke ends a token of a person, at once. Errors: NotFound.
func (t *Tokens) Revoke(ctx context.Context, a Account, id int64) error {
	return db.InTx(ctx, t.d.DB, func(tx *sqlx.Tx) error {
		var name string
		err := tx.GetContext(ctx, &name, `UPDATE api_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 AND account_id = $2 RETURNING name`, id, a.ID)
		if err != nil {
			return db.Err(err, "revoke an API token")
		}
		return audit.Log(ctx, tx, a.Email, "account.token_revoke", subject(a.ID), map[string]any{"token": id, "name": name})
	})
}

// revokeAll ends all tokens of a person. Who needs another password may have shared the old one with somebody who made a token by it.
func revokeAll(ctx context.Context, tx *sqlx.Tx, a Account) error {
	var ids []int64
	if err := tx.SelectContext(ctx, &ids, `UPDATE api_tokens SET revoked_at = now() WHERE account_id = $1 AND revoked_at IS NULL RETURNING id`, a.ID); err != nil {
		return db.Err(err, "revoke API tokens")
	}
	if len(ids) == 0 {
		return nil
	}
	return audit.Log(ctx, tx, a.Email, "account.token_revoke", subject(a.ID), map[string]any{"tokens": ids, "by": "reset"})
}
