// Package feedback takes in what comes back by mail: wishes to leave, sent to the mailto address of List-Unsubscribe, and bounces.
// Whose a mail is stands in the token of its recipient, so that subject, body and sender do not matter. A mail is answered with
// 250 only when it is kept: in the database, or in the spool while that is away.
package feedback

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// What a recipient of ours stands for, and the first letters of its address.
const (
	kindLeave  = "leave"  // u-
	kindBounce = "bounce" // b-, the envelope sender of every mail
)

// Sizes in octets.
const (
	maxMessage = 20 << 20  // refused above: nobody's wish to leave, no bounce
	keepBounce = 256 << 10 // of a bounce; what it says of the mail that bounced stands at its beginning
	maxHeader  = 256 << 10 // that is looked through
)

// Store keeps mail that came back, in Postgres.
type Store struct {
	db     *sqlx.DB
	ring   *links.Ring
	leaver *subscribers.Leaver
	log    *slog.Logger
}

// NewStore returns a Store that lets leaver do what readers ask for.
func NewStore(d *sqlx.DB, ring *links.Ring, leaver *subscribers.Leaver, log *slog.Logger) *Store {
	return &Store{db: d, ring: ring, leaver: leaver, log: log}
}

// recipient is an address that is of the form of ours.
type recipient struct {
	kind                       string
	subscriber, list, campaign int64 // of its token
	known                      bool  // the token is one of ours
}

// ourForm is the form of our local parts: 48 letters of a leave token, 44 of a bounce token. It is no secret, so that what cannot be
// ours is refused.
var ourForm = regexp.MustCompile(`^(u-[a-z2-7]{48}|b-[a-z2-7]{44})$`)

// recipientOf reads an address, in whatever case it comes back; not ok is one that is none of ours.
func (s *Store) recipientOf(address string) (r recipient, ok bool) {
	local := address
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		local = address[:at]
	}
	local = strings.ToLower(strings.Trim(local, `"`))
	switch {
	case !ourForm.MatchString(local):
	case strings.HasPrefix(local, links.LeavePrefix):
		token, err := s.ring.ParseLeaveLocal(local)
		return recipient{kindLeave, token.Subscriber, token.List, token.Campaign, err == nil}, true
	case strings.HasPrefix(local, "b-"):
		token, err := s.ring.ParseBounce(local[len("b-"):])
		return recipient{kindBounce, token.Subscriber, 0, token.Campaign, err == nil}, true
	}
	return recipient{}, false
}

// received is a mail, as far as it matters.
type received struct {
	to          []recipient
	autoReplied bool
	size        int64
	head        []byte // its beginning
}

// take keeps a mail and does what it is for. nil means that nothing of it can get lost any more.
func (s *Store) take(ctx context.Context, m received) error {
	for _, to := range m.to {
		if !to.known {
			continue // whoever made the token up gets no answer
		}
		if err := s.takeFor(ctx, m, to); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) takeFor(ctx context.Context, m received, to recipient) error {
	nobodys := to.kind == kindLeave && m.autoReplied // a wish of nobody's
	var data []byte
	if to.kind == kindBounce {
		data = m.head[:min(len(m.head), keepBounce)]
	}
	quick, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	row := row{Kind: to.kind, Subscriber: to.subscriber, List: to.list, Campaign: to.campaign}
	err := s.db.GetContext(quick, &row, `
		INSERT INTO inbound (kind, subscriber_id, list_id, campaign_id, auto_replied, size, data, handled_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $8 THEN now() END) RETURNING id, received_at`,
		to.kind, to.subscriber, to.list, to.campaign, m.autoReplied, m.size, data, nobodys)
	switch {
	case nobodys:
		return nil // kept or not: it asks for nothing
	case err != nil && to.kind == kindLeave:
		// The wish itself finds its way, into the spool if need be.
		_, err := s.leaver.Do(ctx, row.act(time.Time{}))
		if errs.KindOf(err) == errs.NotFound {
			return nil
		}
		return err
	case err != nil:
		return db.Err(err, "keep a mail")
	case to.kind == kindLeave:
		if err := s.leave(ctx, row, time.Time{}); err != nil {
			s.log.Warn("a wish to leave by mail is kept, and done later", "err", err)
		}
	}
	return nil
}

// patience is how long the database may take to keep a mail, before a wish goes into the spool.
const patience = 2 * time.Second

// row is a mail that is kept.
type row struct {
	ID         int64     `db:"id"`
	ReceivedAt time.Time `db:"received_at"`
	Kind       string    `db:"kind"`
	Subscriber int64     `db:"subscriber_id"`
	List       int64     `db:"list_id"`
	Campaign   int64     `db:"campaign_id"`
}

// act is what a mail to a leave address asks for. at is when, where that was some time ago.
func (r row) act(at time.Time) subscribers.LeaveAct {
	return subscribers.LeaveAct{Do: subscribers.DoLeave, LeaveRequest: subscribers.LeaveRequest{Subscriber: r.Subscriber, List: r.List,
		Campaign: r.Campaign, Method: subscribers.MethodMailto, At: at}}
}

// leave does what a kept mail asks for. A reader who is not there any more leaves no trace.
func (s *Store) leave(ctx context.Context, r row, at time.Time) error {
	_, err := s.leaver.Do(ctx, r.act(at))
	const done, gone = `UPDATE inbound SET handled_at = now() WHERE id = $1`, `DELETE FROM inbound WHERE id = $1`
	switch errs.KindOf(err) {
	case errs.OK:
		_, err = s.db.ExecContext(ctx, done, r.ID)
	case errs.NotFound:
		_, err = s.db.ExecContext(ctx, gone, r.ID)
	}
	return db.Err(err, "deal with a mail")
}

// settleAfter is how long a mail that is kept may be in hand: after that whoever took it has ended.
const settleAfter = time.Minute

// Settle does what kept mails ask for that nobody has done, as after a crash, and returns how many there were.
func (s *Store) Settle(ctx context.Context) (int, error) {
	var rows []row
	err := s.db.SelectContext(ctx, &rows, `
		SELECT id, received_at, kind, subscriber_id, list_id, campaign_id FROM inbound
		WHERE kind = 'leave' AND handled_at IS NULL AND received_at < clock_timestamp() - $1 * interval '1 second' ORDER BY id LIMIT 1000`, settleAfter.Seconds())
	if err != nil {
		return 0, db.Err(err, "find mails to deal with")
	}
	for _, r := range rows {
		if err := s.leave(ctx, r, r.ReceivedAt); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}
