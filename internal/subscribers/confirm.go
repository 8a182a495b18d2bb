package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/lang"
)

const (
	// ConfirmWithin is how long a confirm link works.
	ConfirmWithin = 7 * 24 * time.Hour
	// clockSkew is how far the clock that dated a link may be behind that of the database.
	clockSkew = 5 * time.Minute
)

// ConfirmKey begins the keys that mails asking a person to confirm a list have in the outbox; with list 0 those of all lists.
// Whoever leaves is not asked any more.
func ConfirmKey(subscriber, list int64) string {
	key := "confirm:" + strconv.FormatInt(subscriber, 10) + ":"
	if list != 0 {
		key += strconv.FormatInt(list, 10) + ":"
	}
	return key
}

// Ask notes the lists that one confirm mail names, for a token that names them all by the number returned.
func Ask(ctx context.Context, q db.Q, subscriber int64, lists []int64) (ask int64, err error) {
	err = q.GetContext(ctx, &ask, `INSERT INTO confirm_asks (subscriber_id, lists) VALUES ($1, $2) RETURNING id`, subscriber, pq.Array(lists))
	return ask, db.Err(err, "note what a reader is asked")
}

// ConfirmRequest is what a confirm token names.
type ConfirmRequest struct {
	Subscriber, List int64 // with List 0 Subscriber is the number of an Ask
	Issued           time.Time
	Chosen           []int64 // lists that the reader left ticked; nil: all that the mail named
	Network          string  // of the reader, for the consent log
}

// What a confirm link is good for.
const (
	ConfirmOpen = "open" // pressing the button subscribes
	ConfirmDone = "done" // the subscription is confirmed, by this link or before
	ConfirmLate = "late" // too old, or the reader left since: ask again, or sign up again
)

// ConfirmPage is what the page behind a confirm token shows.
type ConfirmPage struct {
	Subscriber int64
	ListName   string // of the first list; of the publication, where the link is for several lists of one
	Language   string // of the reader, where they chose one; else of the first list
	HomeURL    string
	Accent     string
	Address    string // masked
	Status     string // ConfirmOpen, ConfirmDone or ConfirmLate
	Lists      []ConfirmList
	Again      bool    // the link is only too old: another mail can be asked for
	New        []int64 // lists that this request confirmed
}

// ConfirmList is one list of a ConfirmPage.
type ConfirmList struct {
	ID     int64
	Slug   string
	Name   string
	Status string
	Named  bool // by the mail; others the reader asked for too, and was sent no mail of their own
	Open   bool // it has a public sign-up page
}

// confirming is who a link is about.
type confirming struct {
	ID        int64      `db:"id"`
	Address   string     `db:"address"`
	Hash      []byte     `db:"address_hash"`
	Language  string     `db:"language"`
	LeftAllAt *time.Time `db:"left_all_at"`
	Barred    bool       `db:"barred"`

	named []int64
	lists []confirmingList
}

// confirmingList is a subscription with what decides whether a link may confirm it.
type confirmingList struct {
	ID        int64      `db:"id"`
	Slug      string     `db:"slug"`
	Name      string     `db:"name"`
	Language  string     `db:"language"`
	HomeURL   string     `db:"home_url"`
	Accent    string     `db:"accent_colour"`
	Open      bool       `db:"open"`
	State     string     `db:"state"`
	AskedAt   time.Time  `db:"created_at"`
	ExpiresAt *time.Time `db:"expires_at"`
	Named     bool       `db:"named"`

	Publication     int64  `db:"publication_id"` // 0: none
	PublicationName string `db:"publication_name"`
	PublicationHome string `db:"publication_home"`
	PublicationTint string `db:"publication_tint"`
}

// status says what a link may do for a list. One that was issued before the reader left is void, so that an old mail cannot
// bring anybody back.
func (c confirming) status(l confirmingList, issued, now time.Time) string {
	var since time.Time
	if l.Named {
		since = l.AskedAt
	}
	if c.LeftAllAt != nil && c.LeftAllAt.After(since) {
		since = *c.LeftAllAt
	}
	switch {
	case l.State == Confirmed && l.ExpiresAt == nil && c.LeftAllAt == nil && !c.Barred:
		return ConfirmDone
	case l.State == Unsubscribed || c.Barred || issued.Before(since.Add(-clockSkew)) || now.Sub(issued) > ConfirmWithin:
		return ConfirmLate
	}
	return ConfirmOpen
}

// page returns the page as things stand.
func (c confirming) page(issued, now time.Time) ConfirmPage {
	first := c.lists[0]
	p := ConfirmPage{Subscriber: c.ID, ListName: first.Name, Language: first.Language, HomeURL: first.HomeURL, Accent: first.Accent,
		Address: Mask(c.Address), Status: ConfirmLate}
	if lang.Speaks(c.Language) {
		p.Language = c.Language
	}
	if len(c.named) > 1 && first.Publication != 0 && !slices.ContainsFunc(c.lists, func(l confirmingList) bool { return l.Named && l.Publication != first.Publication }) {
		p.ListName, p.HomeURL, p.Accent = first.PublicationName, first.PublicationHome, first.PublicationTint
	}
	old := now.Sub(issued) > ConfirmWithin
	for _, l := range c.lists {
		status := c.status(l, issued, now)
		if !l.Named && status != ConfirmOpen {
			continue
		}
		p.Lists = append(p.Lists, ConfirmList{ID: l.ID, Slug: l.Slug, Name: l.Name, Status: status, Named: l.Named, Open: l.Open})
		if !l.Named {
			continue
		}
		if status == ConfirmOpen || status == ConfirmDone && p.Status == ConfirmLate {
			p.Status = status
		}
		p.Again = p.Again || old && status == ConfirmLate && l.State == Pending && !c.Barred
	}
	p.Again = p.Again && p.Status == ConfirmLate
	return p
}

// findConfirming returns who and what a token names, and what else the reader has asked for; lock keeps it as it is.
func findConfirming(ctx context.Context, q db.Q, r ConfirmRequest, lock bool) (c confirming, err error) {
	lists := pq.Int64Array{r.List}
	if r.List == 0 {
		row := q.QueryRowxContext(ctx, `SELECT subscriber_id, lists FROM confirm_asks WHERE id = $1`, r.Subscriber)
		if err := row.Scan(&r.Subscriber, &lists); errors.Is(err, sql.ErrNoRows) {
			return c, errs.Wrap(err, errs.NotFound, "there is no such subscription")
		} else if err != nil {
			return c, db.Err(err, "find what the reader was asked")
		}
	}
	lockPerson, lockList := "", ""
	if lock {
		lockPerson, lockList = "FOR NO KEY UPDATE OF s", "FOR NO KEY UPDATE OF sn"
	}
	err = q.GetContext(ctx, &c, `
		SELECT s.id, s.address, s.address_hash, s.language,
			(SELECT x.created_at FROM suppressions x WHERE x.address_hash = s.address_hash AND x.reason = 'unsubscribed') AS left_all_at,
			EXISTS (SELECT 1 FROM suppressions x WHERE x.address_hash = s.address_hash AND x.reason <> 'unsubscribed') AS barred
		FROM subscribers s WHERE s.id = $1 `+lockPerson, r.Subscriber)
	if err == nil {
		c.named = lists
		err = q.SelectContext(ctx, &c.lists, `
			SELECT l.id, l.slug, l.name, l.language, l.home_url, l.accent_colour, l.signup_open AND l.archived_at IS NULL AS open,
				sn.state, sn.created_at, sn.expires_at, l.id = ANY ($2) AS named, coalesce(p.id, 0) AS publication_id,
				coalesce(p.name, '') AS publication_name, coalesce(p.home_url, '') AS publication_home, coalesce(p.accent_colour, '') AS publication_tint
			FROM subscriptions sn JOIN lists l ON l.id = sn.list_id LEFT JOIN publications p ON p.id = l.publication_id
			WHERE sn.subscriber_id = $1 AND (l.id = ANY ($2) OR sn.state = 'pending' AND l.archived_at IS NULL)
			ORDER BY array_position($2, l.id), l.name, l.id `+lockList, r.Subscriber, lists)
	}
	if errors.Is(err, sql.ErrNoRows) || err == nil && (len(c.lists) == 0 || !c.lists[0].Named) {
		return c, errs.New(errs.NotFound, "there is no such subscription")
	}
	return c, db.Err(err, "find the subscription")
}

// Confirming returns the page of a confirm token as things stand, or errs.NotFound. It changes nothing.
func (s *Store) Confirming(ctx context.Context, r ConfirmRequest) (ConfirmPage, error) {
	c, err := findConfirming(ctx, s.db, r, false)
	if err != nil {
		return ConfirmPage{}, err
	}
	return c.page(r.Issued, s.Now()), nil
}

// Confirm is ConfirmTx in a transaction of its own.
func (s *Store) Confirm(ctx context.Context, r ConfirmRequest) (page ConfirmPage, err error) {
	err = db.InTx(ctx, s.db, func(tx *sqlx.Tx) error {
		page, err = s.ConfirmTx(ctx, tx, r)
		return err
	})
	return page, err
}

// ConfirmTx completes a double opt-in, in the caller's transaction; a second press is harmless. Status is ConfirmDone when the
// reader is subscribed now, ConfirmLate when the link could not do it. Somebody who had left all mail comes back to these
// lists only. New holds the lists that were confirmed by this press.
func (s *Store) ConfirmTx(ctx context.Context, tx *sqlx.Tx, r ConfirmRequest) (ConfirmPage, error) {
	c, err := findConfirming(ctx, tx, r, true)
	if err != nil {
		return ConfirmPage{}, err
	}
	page := c.page(r.Issued, s.Now())
	chosen := r.Chosen
	if chosen == nil {
		chosen = c.named
	}
	for _, l := range page.Lists {
		if l.Status == ConfirmOpen && slices.Contains(chosen, l.ID) {
			page.New = append(page.New, l.ID)
		}
	}
	if len(page.New) == 0 {
		return page, nil
	}
	if c.LeftAllAt != nil {
		if err := returnTo(ctx, tx, c, page.New, r.Network); err != nil {
			return ConfirmPage{}, err
		}
	}
	// Whose consent was implied so far goes on without a break.
	_, err = tx.ExecContext(ctx, `
		WITH moved AS (
			UPDATE subscriptions SET state = 'confirmed', expires_at = NULL,
				confirmed_at = CASE WHEN state = 'confirmed' AND expires_at > now() AND NOT $4 THEN confirmed_at ELSE now() END
			WHERE subscriber_id = $1 AND list_id = ANY ($2) RETURNING subscriber_id, list_id)
		INSERT INTO consent_log (subscriber_id, list_id, event, method, network)
		SELECT subscriber_id, list_id, 'confirmed', 'confirm-link', $3 FROM moved`, c.ID, pq.Array(page.New), r.Network, c.LeftAllAt != nil)
	if err != nil {
		return ConfirmPage{}, db.Err(err, "confirm the subscription")
	}
	page.Status = ConfirmDone
	for i, l := range page.Lists {
		if slices.Contains(page.New, l.ID) {
			page.Lists[i].Status = ConfirmDone
		}
	}
	return page, nil
}

// returnTo lifts "all mail left" for a reader who now confirms some lists: the others, which that had silenced, become left
// one by one.
func returnTo(ctx context.Context, tx *sqlx.Tx, c confirming, lists []int64, network string) error {
	_, err := tx.ExecContext(ctx, `
		WITH lifted AS (
			DELETE FROM suppressions WHERE address_hash = $3 AND reason = 'unsubscribed' RETURNING created_at
		), logged AS (
			INSERT INTO consent_log (subscriber_id, event, method, network) SELECT $1, 'unsuppressed', 'confirm-link', $4 FROM lifted
		)
		UPDATE subscriptions SET state = 'unsubscribed', unsubscribed_at = lifted.created_at FROM lifted
		WHERE subscriber_id = $1 AND list_id <> ALL ($2) AND state = 'confirmed'`, c.ID, pq.Array(lists), c.Hash, network)
	return db.Err(err, "lift the suppression")
}
