package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/lang"
)

// Identity is how a reader is found in every room, by whoever exports what is known of them or erases it.
type Identity struct {
	ID        int64         `db:"id"`        // 0: no subscriber, only an address that is known here and there
	Merged    pq.Int64Array `db:"merged"`    // numbers of subscribers who became this one
	Canonical string        `db:"canonical"` // the address
	Former    texts         `db:"former"`    // addresses before it, in canonical form, as far as they are remembered and nobody else's by now
	Hash      []byte        `db:"address_hash"`
	// Before bounds what belongs to this identity by its address alone: what came later is somebody who signed up anew. The zero
	// time: no bound.
	Before time.Time `db:"before"`
}

// Numbers are all that the reader has or had, the present one first.
func (id Identity) Numbers() []int64 {
	if id.ID == 0 {
		return nil
	}
	return append([]int64{id.ID}, id.Merged...)
}

// Addresses are all that the reader has or had, in canonical form, the present one first.
func (id Identity) Addresses() []string { return append([]string{id.Canonical}, id.Former...) }

const identityColumns = `s.id, s.canonical, s.address_hash, ARRAY(SELECT g.id FROM merged_subscribers g WHERE g.into_id = s.id) AS merged,
	ARRAY(SELECT DISTINCT c.old_canonical FROM address_changes c WHERE c.subscriber_id = s.id AND c.old_canonical <> s.canonical
		AND NOT EXISTS (SELECT FROM subscribers o WHERE o.canonical = c.old_canonical)) AS former`

// Records is what the store knows of single readers: it gives it to them, and forgets it.
type Records struct{ s *Store }

// Records returns the part of the store that knows single readers.
func (s *Store) Records() Records { return Records{s} }

// Find returns the identity of a subscriber, or errs.NotFound.
func (r Records) Find(ctx context.Context, subscriber int64) (id Identity, err error) {
	err = r.s.db.GetContext(ctx, &id, `SELECT `+identityColumns+` FROM subscribers s WHERE s.id = $1`, subscriber)
	if errors.Is(err, sql.ErrNoRows) {
		return id, errs.Wrap(err, errs.NotFound, "there is no such subscriber")
	}
	return id, db.Err(err, "find the subscriber")
}

// FindAddress returns the identity behind an address in any of its forms, also of one that is no subscriber: something may be known of
// it all the same. It returns errs.Invalid for what is no address.
func (r Records) FindAddress(ctx context.Context, address string) (id Identity, err error) {
	a, err := r.s.Policy.ParseAddress(address)
	if err != nil {
		return id, err
	}
	err = r.s.db.GetContext(ctx, &id, `SELECT `+identityColumns+` FROM subscribers s WHERE s.canonical = $1`, a.Canonical)
	if errors.Is(err, sql.ErrNoRows) {
		return Identity{Canonical: a.Canonical, Hash: r.s.ring.AddressHash(a.Canonical)}, nil
	}
	return id, db.Err(err, "find the subscriber")
}

// LanguageOf returns the language that a reader is spoken to in: their own where we have words of it, else that of the list they joined
// last; empty when nothing is known.
func (r Records) LanguageOf(ctx context.Context, subscriber int64) (tag string, err error) {
	const q = `
		SELECT s.language AS own, coalesce((SELECT l.language FROM subscriptions sn JOIN lists l ON l.id = sn.list_id
			WHERE sn.subscriber_id = s.id ORDER BY sn.created_at DESC LIMIT 1), '') AS list FROM subscribers s WHERE s.id = $1`
	var found struct{ Own, List string }
	err = r.s.db.GetContext(ctx, &found, q, subscriber)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", nil
	case lang.Speaks(found.Own):
		return found.Own, nil
	}
	return found.List, db.Err(err, "find the reader's language")
}
