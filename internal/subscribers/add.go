package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Ways in which a person gets onto a list, or off it.
const (
	MethodForm     = "form"      // the reader's own act on a page
	MethodOneClick = "one-click" // the reader's own act in a mail program, RFC 8058
	MethodAdmin    = "admin"     // somebody of the publication
)

// AddRequest is one person for one list.
type AddRequest struct {
	Address, Name, Language string
	ListID                  int64
	Supporter               *bool             // nil: not known
	Attributes              map[string]string // added to those the person has
	// Confirmed says that the person agreed already, as Source shows. It counts for MethodAdmin only, and never for a role
	// account: these must confirm themselves.
	Confirmed bool
	Expires   time.Time // when a consent ends that was only implied, by a purchase or an enquiry; zero: it is express
	Source    string    // where the consent comes from: page, event, file
	Wording   string    // what the person was told, in these words
	Method    string    // MethodForm or MethodAdmin (empty)
	Network   string    // of the person, for the consent log
	Narrow    bool      // leave alone what is known of somebody whom other lists have as well

	Form        int64  // the sign-up form; 0: none
	FormVersion int    // of its wording
	SourceURL   string // page that it stood on
}

// Added is what came of it.
type Added struct {
	Subscriber Subscriber // without ID when Suppressed and not known otherwise
	State      string     // of the subscription now; empty when there is none
	Created    bool       // the subscription is new
	// Suppressed: nothing was changed, because the person left or must not be mailed, and Reason is why. Only the reader's
	// own new sign-up gets past unsubscribed, nothing here gets past the other reasons.
	Suppressed bool
	Reason     string
	// NeedsConfirm: a mail with a confirm link is due.
	NeedsConfirm bool
	Address      Address
}

// Add puts a person on a list; see AddTx.
func (s *Store) Add(ctx context.Context, r AddRequest) (added Added, err error) {
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		added, err = s.AddTx(ctx, tx, r)
		return err
	})
	return added, err
}

// AddTx puts a person on a list within the caller's transaction, so that a confirm mail can be enqueued with it. Whoever
// is on the list already stays as they are, except that an admin's Confirmed settles what was pending. A form never
// changes what is known of a person: anybody can type an address. It returns errs.Invalid for what is wrong with the
// request and errs.NotFound when there is no such list.
func (s *Store) AddTx(ctx context.Context, tx *sqlx.Tx, r AddRequest) (Added, error) {
	a, err := s.checkAdd(&r)
	if err != nil {
		return Added{}, err
	}
	if err := OpenList(ctx, tx, r.ListID); err != nil {
		return Added{}, err
	}
	added := Added{Address: a}
	hash := s.ring.AddressHash(a.Canonical)
	leftAll, reason, err := suppressionOf(ctx, tx, hash)
	if err != nil {
		return Added{}, err
	}
	if leftAll && r.Method != MethodForm && reason == "" {
		reason = ReasonUnsubscribed
	}
	if reason != "" {
		return s.notAdded(ctx, tx, r, added, reason)
	}
	if added.Subscriber, err = upsertPerson(ctx, tx, a, hash, r); err != nil {
		return Added{}, err
	}
	return added, subscribe(ctx, tx, r, leftAll, &added)
}

func (s *Store) checkAdd(r *AddRequest) (a Address, err error) {
	if r.Method == "" {
		r.Method = MethodAdmin
	}
	if r.Method != MethodForm && r.Method != MethodAdmin {
		return a, errs.New(errs.Internal, "nobody is added by %q", r.Method)
	}
	if a, err = s.Policy.ParseAddress(r.Address); err != nil {
		return a, err
	}
	r.Confirmed = r.Confirmed && r.Method == MethodAdmin && !a.Role()
	if r.Source == "" {
		r.Source = r.Method
	}
	if r.Name, err = PersonName(r.Name); err != nil {
		return a, err
	}
	if r.Language, err = LanguageTag(r.Language); err != nil {
		return a, err
	}
	if r.Source, err = OneLine("source", r.Source, 500); err != nil {
		return a, err
	}
	if !r.Expires.IsZero() && !r.Confirmed {
		r.Expires = time.Time{} // who confirms consents expressly
	}
	if r.Wording, err = SomeLines("wording", r.Wording, 5000); err != nil {
		return a, err
	}
	return a, Attributes(r.Attributes).check()
}

// OpenList makes sure that there is such a list and that it takes people.
func OpenList(ctx context.Context, q db.Q, id int64) error {
	var archived bool
	err := q.GetContext(ctx, &archived, `SELECT archived_at IS NOT NULL FROM lists WHERE id = $1`, id)
	if err = db.Err(err, "find the list"); err != nil {
		if errs.KindOf(err) == errs.NotFound {
			return errs.Wrap(err, errs.NotFound, "there is no such list")
		}
		return err
	}
	if archived {
		return errs.New(errs.Conflict, "the list is archived and takes nobody any more")
	}
	return nil
}

// notAdded tells of a suppressed person what is known, which after an erasure is nothing.
func (s *Store) notAdded(ctx context.Context, q db.Q, r AddRequest, added Added, reason string) (Added, error) {
	added.Suppressed, added.Reason = true, reason
	var known struct {
		Subscriber
		State *string `db:"state"`
	}
	err := q.GetContext(ctx, &known, `SELECT `+subscriberColumns+`, sn.state FROM subscribers s
		LEFT JOIN subscriptions sn ON sn.subscriber_id = s.id AND sn.list_id = $2 WHERE s.canonical = $1`, added.Address.Canonical, r.ListID)
	if errors.Is(err, sql.ErrNoRows) {
		added.Subscriber.Address = added.Address.Typed
		return added, nil
	}
	if known.State != nil {
		added.State = *known.State
	}
	added.Subscriber = known.Subscriber
	return added, db.Err(err, "find the subscriber")
}

// upsertPerson returns the person with its row locked, so that two requests for one person follow each other.
func upsertPerson(ctx context.Context, tx *sqlx.Tx, a Address, hash []byte, r AddRequest) (Subscriber, error) {
	supporter := r.Supporter != nil && *r.Supporter
	res, err := tx.ExecContext(ctx, `
		INSERT INTO subscribers (address, canonical, wire, address_hash, provider, name, language, supporter, attributes)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
		a.Typed, a.Canonical, a.Wire, hash, a.Provider, r.Name, r.Language, supporter, Attributes(r.Attributes))
	if err != nil {
		return Subscriber{}, db.Err(err, "add the subscriber")
	}
	created, err := res.RowsAffected()
	if err != nil {
		return Subscriber{}, db.Err(err, "add the subscriber")
	}
	var p Subscriber
	err = tx.GetContext(ctx, &p, `SELECT `+subscriberColumns+` FROM subscribers s WHERE s.canonical = $1 FOR NO KEY UPDATE OF s`, a.Canonical)
	if err != nil || created == 1 || r.Method == MethodForm {
		return p, db.Err(err, "find the subscriber")
	}
	if r.Narrow {
		var elsewhere bool
		err := tx.GetContext(ctx, &elsewhere, `SELECT EXISTS (SELECT FROM subscriptions WHERE subscriber_id = $1 AND list_id <> $2)`, p.ID, r.ListID)
		if err != nil || elsewhere {
			return p, db.Err(err, "look for other lists")
		}
	}
	return updatePerson(ctx, tx, p, r)
}

// updatePerson saves what the request knows better; what it leaves empty stays.
func updatePerson(ctx context.Context, tx *sqlx.Tx, p Subscriber, r AddRequest) (Subscriber, error) {
	was := p
	p.Attributes = maps.Clone(p.Attributes)
	if r.Name != "" {
		p.Name = r.Name
	}
	if r.Language != "" {
		p.Language = r.Language
	}
	if r.Supporter != nil {
		p.Supporter = *r.Supporter
	}
	for k, v := range r.Attributes {
		p.Attributes[k] = v
	}
	if p.Name == was.Name && p.Language == was.Language && p.Supporter == was.Supporter && maps.Equal(p.Attributes, was.Attributes) {
		return p, nil
	}
	err := tx.GetContext(ctx, &p.UpdatedAt, `UPDATE subscribers SET name = $2, language = $3, supporter = $4, attributes = $5,
		updated_at = now() WHERE id = $1 RETURNING updated_at`, p.ID, p.Name, p.Language, p.Supporter, p.Attributes)
	return p, db.Err(err, "save the subscriber")
}

// subscribe moves the subscription to where the request may bring it, and writes the evidence: of every sign-up, and of what
// else moved something.
func subscribe(ctx context.Context, tx *sqlx.Tx, r AddRequest, leftAll bool, added *Added) error {
	var was struct {
		State   string     `db:"state"`
		Expires *time.Time `db:"expires_at"`
	}
	err := tx.GetContext(ctx, &was, `SELECT state, expires_at FROM subscriptions WHERE subscriber_id = $1 AND list_id = $2 FOR UPDATE`,
		added.Subscriber.ID, r.ListID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return db.Err(err, "find the subscription")
	}
	added.State, added.Created = was.State, was.State == ""
	want := Pending
	if r.Confirmed {
		want = Confirmed
	}
	switch {
	case was.State == Confirmed && r.Method == MethodForm:
		// Somebody who left all mail, or whose consent is only implied, confirms anew; until then nothing changes, so that an undo
		// finds everything as it was.
		if added.NeedsConfirm = leftAll || was.Expires != nil; added.NeedsConfirm {
			return logAdded(ctx, tx, r, added.Subscriber.ID)
		}
		return nil
	case was.State == Confirmed:
		return renew(ctx, tx, r, added.Subscriber.ID, was.Expires)
	case was.State == Pending && want == Pending:
		added.NeedsConfirm = true
		if r.Method == MethodForm {
			return logAdded(ctx, tx, r, added.Subscriber.ID)
		}
		return nil
	case was.State == Unsubscribed && r.Method != MethodForm:
		added.Suppressed, added.Reason = true, ReasonUnsubscribed
		return nil
	}
	added.State, added.NeedsConfirm = want, want == Pending
	return moveTo(ctx, tx, r, added.Subscriber.ID, want)
}

// moveTo writes the subscription and its line in the consent log. The shuffle of a subscription that was there stays.
func moveTo(ctx context.Context, tx *sqlx.Tx, r AddRequest, person int64, state string) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO subscriptions AS sn (subscriber_id, list_id, state, source, confirmed_at, expires_at)
		VALUES ($1, $2, $3, $4, CASE WHEN $3 = 'confirmed' THEN now() END, $5)
		ON CONFLICT (subscriber_id, list_id) DO UPDATE SET state = excluded.state, source = excluded.source,
			created_at = now(), confirmed_at = excluded.confirmed_at, unsubscribed_at = NULL, expires_at = excluded.expires_at`,
		person, r.ListID, state, r.Source, orNever(r.Expires))
	if err != nil {
		return db.Err(err, "save the subscription")
	}
	return logAdded(ctx, tx, r, person)
}

// renew notes a new consent of somebody whose consent was implied: it lasts longer, or for ever. It is never shortened.
func renew(ctx context.Context, tx *sqlx.Tx, r AddRequest, person int64, expires *time.Time) error {
	if !r.Confirmed || expires == nil || !r.Expires.IsZero() && !r.Expires.After(*expires) {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE subscriptions SET expires_at = $3 WHERE subscriber_id = $1 AND list_id = $2`, person, r.ListID, orNever(r.Expires))
	if err != nil {
		return db.Err(err, "renew the subscription")
	}
	return logAdded(ctx, tx, r, person)
}

// logAdded writes the evidence of a request. A form that is sent off twice on a day, with the same words, is evidence once.
func logAdded(ctx context.Context, tx *sqlx.Tx, r AddRequest, person int64) error {
	event, source := "added", r.Source
	if r.Method == MethodForm {
		event = "signed_up"
	}
	if !r.Expires.IsZero() {
		source += " (implied, until " + r.Expires.UTC().Format(time.DateOnly) + ")"
	}
	var version *int
	if r.Form != 0 {
		version = &r.FormVersion
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO consent_log (subscriber_id, list_id, event, method, source, wording, network, form_id, form_version, source_url)
		SELECT $1::bigint, $2::bigint, $3, $4, $5, $6, $7, $8::bigint, $9::int, $10
		WHERE $3 <> 'signed_up' OR NOT EXISTS (SELECT FROM consent_log c WHERE c.subscriber_id = $1 AND c.list_id = $2 AND c.event = 'signed_up'
			AND c.wording = $6 AND c.form_version IS NOT DISTINCT FROM $9 AND c.at > now() - interval '24 hours'
			AND c.at > coalesce((SELECT max(o.at) FROM consent_log o WHERE o.subscriber_id = $1 AND (o.list_id = $2 OR o.list_id IS NULL) AND o.event <> 'signed_up'), '-infinity'))`,
		person, r.ListID, event, r.Method, source, r.Wording, r.Network, orNull(r.Form), version, r.SourceURL)
	return db.Err(err, "write down the consent")
}

// orNever returns nil for the zero time, as columns that have no end have it.
func orNever(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
