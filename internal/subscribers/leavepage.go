package subscribers

import (
	"context"
	"sync"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// LeavePage is what the page behind a leave token shows: enough to decide, nothing that is not in the mail.
type LeavePage struct {
	List       LeaveList
	Language   string // of the reader; may be empty
	Address    string // masked
	Subscribed bool   // gets the list, or did until an act of this page
	LeftList   bool
	LeftAll    bool
	// Undo: something that this token left can be taken back. UndoChoice: likewise something that it chose.
	Undo, UndoChoice bool

	Frequency   string
	PausedUntil *time.Time // nil: not paused now
	TopicsOff   uint64
}

// LeaveList is what the page shows of the list.
type LeaveList struct {
	ID       int64
	Slug     string
	Name     string
	Language string
	HomeURL  string
	Accent   string
	TimeZone string
	Topics   []Topic
	// Others are the publisher's other lists that anybody may read, whether this reader does or not: which ones they get the
	// bearer of the link must not learn.
	Others []OtherList
}

// OtherList is a list by name.
type OtherList struct {
	ID   int64  `db:"id"`
	Slug string `db:"slug"`
	Name string `db:"name"`
}

// Leaving returns the page of a leave token as things stand, or errs.NotFound when the person or list is not known
// (any more). It changes nothing.
func (s *Store) Leaving(ctx context.Context, r LeaveRequest) (LeavePage, error) {
	l, err := s.leaveLists.get(ctx, s, r.List)
	if err != nil && errs.KindOf(err) != errs.NotFound {
		return LeavePage{}, err
	}
	// Also for a list that is not there: whoever asks with a forged token waits as long as everybody.
	row, err := s.leavePages.do(ctx, r)
	switch {
	case err != nil:
		return LeavePage{}, err
	case !row.Known || l == nil:
		return LeavePage{}, errs.New(errs.NotFound, "there is no such subscriber")
	}
	p := LeavePage{List: *l, Language: row.Language, Address: Mask(row.Address), Subscribed: row.State != "", Frequency: row.Frequency, TopicsOff: uint64(row.TopicsOff),
		LeftList: row.State == "" || row.State == Unsubscribed, LeftAll: row.LeftAll, Undo: row.Undo, UndoChoice: row.UndoChoice}
	if row.PausedUntil != nil && row.PausedUntil.After(s.Now()) {
		p.PausedUntil = row.PausedUntil
	}
	return p, nil
}

// leavingRow is what the page shows of a reader.
type leavingRow struct {
	Known       bool       `db:"known"`
	Address     string     `db:"address"`
	Language    string     `db:"language"`
	State       string     `db:"state"`
	Frequency   string     `db:"frequency"`
	PausedUntil *time.Time `db:"paused_until"`
	TopicsOff   int64      `db:"topics_off"`
	LeftAll     bool       `db:"left_all"`
	Undo        bool       `db:"undo"`
	UndoChoice  bool       `db:"undo_choice"`
}

// leavingTogether reads the pages of many tokens in one statement.
func (s *Store) leavingTogether(ctx context.Context, rs []LeaveRequest) ([]leavingRow, error) {
	// Scalar subqueries, as an EXISTS might be answered by reading a whole table once.
	const statement = `
		SELECT s.id IS NOT NULL AS known, coalesce(s.address, '') AS address, coalesce(s.language, '') AS language, coalesce(sn.state, '') AS state,
			coalesce(sn.frequency, 'each') AS frequency, sn.paused_until, coalesce(sn.topics_off, 0) AS topics_off, x.left_all,
			coalesce((SELECT true ` + undoableLists + ` LIMIT 1), false) OR x.left_all AND ` + undoableAll + ` AS undo,
			CASE WHEN sn.state = 'confirmed' AND (sn.frequency <> 'each' OR sn.paused_until > now() OR sn.topics_off <> 0)
				THEN coalesce((SELECT event IN ('changed', 'paused') AND method = 'form' AND campaign_id IS NOT DISTINCT FROM q.campaign AND at > q.since AND was IS NOT NULL
					FROM consent_log WHERE subscriber_id = s.id AND list_id = q.list ORDER BY id DESC LIMIT 1), false)
				ELSE false END AS undo_choice
		FROM (
			SELECT n, coalesce(m.into_id, a.subscriber) AS subscriber, list, nullif(campaign, 0) AS campaign, $5::timestamptz AS since, slug
			FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) WITH ORDINALITY a(subscriber, list, campaign, slug, n)
			LEFT JOIN merged_subscribers m ON m.id = a.subscriber
		) q
		LEFT JOIN subscribers s ON s.id = q.subscriber
		LEFT JOIN subscriptions sn ON sn.subscriber_id = q.subscriber AND sn.list_id = q.list
		CROSS JOIN LATERAL (SELECT coalesce((SELECT true FROM suppressions x WHERE x.address_hash = s.address_hash LIMIT 1), false) AS left_all) x
		ORDER BY q.n`
	st, err := s.leavingTogetherStmt.on(ctx, s.db, statement)
	if err != nil {
		return nil, err
	}
	var subscribers, lists, campaigns pq.Int64Array
	var slugs pq.StringArray
	for _, r := range padded(rs) {
		slug := ""
		if l := s.leaveLists.known(r.List); l != nil {
			slug = l.Slug
		}
		subscribers, lists, campaigns, slugs = append(subscribers, r.Subscriber), append(lists, r.List), append(campaigns, r.Campaign), append(slugs, slug)
	}
	var rows []leavingRow
	err = st.SelectContext(ctx, &rows, subscribers, lists, campaigns, slugs, s.Now().Add(-undoWithin))
	return rows[:min(len(rows), len(rs))], db.Err(err, "find the subscriptions")
}

// leaveListAge is how long what the page shows of a list is kept: it is the same for every reader and hardly ever changes.
const leaveListAge = 2 * time.Second

// leaveLists remembers lists for the page, also for the time when the database is away.
type leaveLists struct {
	mu  sync.Mutex
	all map[int64]keptList
}

type keptList struct {
	list *LeaveList // nil: there is none
	at   time.Time
}

// maxLeaveLists bounds what is kept; a forged token never gets here with a list of its own.
const maxLeaveLists = 10_000

// known returns the list as it was last read, or nil.
func (c *leaveLists) known(id int64) *LeaveList {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[id].list
}

// get returns a list, from the database where what is known is too old. Errors: NotFound.
func (c *leaveLists) get(ctx context.Context, s *Store, id int64) (*LeaveList, error) {
	c.mu.Lock()
	kept, ok := c.all[id]
	c.mu.Unlock()
	if !ok || time.Since(kept.at) > leaveListAge {
		l, err := s.leaveList(ctx, id)
		if err != nil && errs.KindOf(err) != errs.NotFound {
			return nil, err
		}
		kept = keptList{l, time.Now()}
		c.mu.Lock()
		if c.all == nil || len(c.all) >= maxLeaveLists {
			c.all = map[int64]keptList{}
		}
		c.all[id] = kept
		c.mu.Unlock()
	}
	if kept.list == nil {
		return nil, errs.New(errs.NotFound, "there is no such list")
	}
	return kept.list, nil
}

func (s *Store) leaveList(ctx context.Context, id int64) (*LeaveList, error) {
	var l struct {
		Slug     string `db:"slug"`
		Name     string `db:"name"`
		Language string `db:"language"`
		HomeURL  string `db:"home_url"`
		Accent   string `db:"accent_colour"`
		TimeZone string `db:"time_zone"`
	}
	if err := s.db.GetContext(ctx, &l, `SELECT slug, name, language, home_url, accent_colour, time_zone FROM lists WHERE id = $1`, id); err != nil {
		return nil, db.Err(err, "find the list")
	}
	topics, err := s.Topics.Of(ctx, id, false)
	if err != nil {
		return nil, err
	}
	var others []OtherList
	err = s.db.SelectContext(ctx, &others, `
		SELECT o.id, o.slug, o.name FROM lists o JOIN lists l ON l.id = $1
		WHERE o.id <> l.id AND o.signup_open AND o.archived_at IS NULL AND o.publication_id IS NOT DISTINCT FROM l.publication_id
		ORDER BY o.name LIMIT 12`, id)
	return &LeaveList{ID: id, Slug: l.Slug, Name: l.Name, Language: l.Language, HomeURL: l.HomeURL, Accent: l.Accent, TimeZone: l.TimeZone, Topics: topics, Others: others},
		db.Err(err, "find the other lists")
}
