package accounts

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// kept is a session as the database holds it.
type kept struct {
	Deadline time.Time         `json:"deadline"`
	Values   map[string]string `json:"values"`
}

// codec writes sessions as JSON, so that their rows can be read; the values are strings.
type codec struct{}

func (codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	k := kept{deadline, map[string]string{}}
	for name, v := range values {
		text, ok := v.(string)
		if !ok {
			return nil, errs.New(errs.Internal, "session value %s is no string", name)
		}
		k.Values[name] = text
	}
	return json.Marshal(k)
}

func (codec) Decode(b []byte) (time.Time, map[string]any, error) {
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		return time.Time{}, nil, errs.Wrap(err, errs.Internal, "read a session")
	}
	values := make(map[string]any, len(k.Values))
	for name, v := range k.Values {
		values[name] = v
	}
	return k.Deadline, values, nil
}

// sessionStore keeps sessions for scs, by a hash of their token: who reads the table cannot use what stands there. It also ends those
// that were idle for too long, and never brings back one that was ended while a request was under way.
type sessionStore struct{ d Deps }

func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// FindCtx returns a session that is still good, and notes once a minute that it is used.
func (s *sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var found struct {
		ID    int64  `db:"id"`
		Data  string `db:"data"`
		Renew bool   `db:"renew"`
		Stale bool   `db:"stale"`
	}
	hash := tokenHash(token)
	err := s.d.DB.GetContext(ctx, &found, `SELECT id, data, renew, seen_at < now() - interval '1 minute' AS stale FROM sessions
		WHERE token_hash = $1 AND expires_at > now() AND seen_at > now() - $2 * interval '1 second'`, hash, idleLimit.Seconds())
	if gone, err := missing(err); gone || err != nil {
		return nil, false, db.Err(err, "find a session")
	}
	v := visitOf(ctx)
	if v == nil {
		return nil, false, errs.New(errs.Internal, "a session outside of its middleware")
	}
	v.id, v.hash, v.renew = found.ID, string(hash), found.Renew
	if found.Stale {
		_, err := s.d.DB.ExecContext(ctx, `UPDATE sessions SET seen_at = now(), network = $2, browser = $3 WHERE id = $1`, found.ID, v.network, v.browser)
		if err != nil {
			return nil, false, db.Err(err, "note a session")
		}
	}
	return []byte(found.Data), true, nil
}

// CommitCtx saves a session. One that the request began with is only ever updated: when it is gone it was ended meanwhile.
func (s *sessionStore) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	v := visitOf(ctx)
	var k kept
	if err := json.Unmarshal(b, &k); err != nil || v == nil {
		return errs.Wrap(err, errs.Internal, "save a session")
	}
	whose := k.Values[keyAccount]
	if whose == "" {
		whose = k.Values[keyHalf]
	}
	hash := tokenHash(token)
	if v.hash == string(hash) {
		_, err := s.d.DB.ExecContext(ctx, `UPDATE sessions SET data = $2, account_id = nullif($3, '')::bigint, expires_at = $4 WHERE token_hash = $1`,
			hash, string(b), whose, expiry)
		return db.Err(err, "save a session")
	}
	if v.gone {
		return nil
	}
	err := s.d.DB.GetContext(ctx, &v.id, `INSERT INTO sessions (token_hash, account_id, data, network, browser, expires_at)
		VALUES ($1, nullif($2, '')::bigint, $3, $4, $5, $6) RETURNING id`, hash, whose, string(b), v.network, v.browser, expiry)
	v.hash = string(hash)
	return db.Err(err, "save a session")
}

// DeleteCtx ends a session. Where that of the request was ended by somebody else meanwhile, no other one comes of it.
func (s *sessionStore) DeleteCtx(ctx context.Context, token string) error {
	hash := tokenHash(token)
	res, err := s.d.DB.ExecContext(ctx, `DELETE FROM sessions WHERE token_hash = $1`, hash)
	if err != nil {
		return db.Err(err, "end a session")
	}
	n, err := res.RowsAffected()
	if v := visitOf(ctx); v != nil && v.hash == string(hash) && n == 0 {
		v.gone = true
	}
	return db.Err(err, "end a session")
}

// The forms without a context are never called, since those with one are there.
var errNoContext = errors.New("sessions need a context")

func (s *sessionStore) Find(string) ([]byte, bool, error)      { return nil, false, errNoContext }
func (s *sessionStore) Commit(string, []byte, time.Time) error { return errNoContext }
func (s *sessionStore) Delete(string) error                    { return errNoContext }
