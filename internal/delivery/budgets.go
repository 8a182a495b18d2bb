package delivery

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

const (
	budgetTick    = time.Second           // between renewals of the shares in budgets
	budgetPause   = 20 * time.Millisecond // at least, between two renewals that somebody waits for
	budgetTimeout = 2 * time.Second       // of one renewal
	rateLease     = 3 * time.Second       // of a share in a rate
	placeLease    = 10 * time.Second      // of a share in a number of connections
	leaseMargin   = time.Second           // before the end of its lease a share is left alone, for what is under way
	rateWindow    = time.Second           // in which a rate of one per second or more is kept
)

// budgets are the limits that this process has with others, by their keys. Its share in those that are in use is renewed
// once a second, in one transaction for all of them.
type budgets struct {
	db      *sqlx.DB
	process string
	log     *slog.Logger
	wanted  chan struct{}

	mu      sync.Mutex
	all     map[string]*budget
	failing bool

	renewing sync.Mutex
}

func newBudgets(d *sqlx.DB, process string, log *slog.Logger) *budgets {
	return &budgets{db: d, process: process, log: log, wanted: make(chan struct{}, 1), all: map[string]*budget{}}
}

// connections returns the budget of so many connections.
func (bs *budgets) connections(key string, most int) *budget {
	return bs.get("connections "+key, most, 0, placeLease)
}

// rate returns the budget of so many messages per second. From one per second on it is kept in every window of a second, by whole
// messages; a lower one as one message in so many seconds.
func (bs *budgets) rate(key string, perSecond float64) *budget {
	most, window := int(math.Floor(perSecond)), rateWindow
	if most < 1 {
		most, window = 1, time.Duration(float64(time.Second)/perSecond)
	}
	return bs.get("rate "+key, most, window, rateLease)
}

func (bs *budgets) get(key string, most int, rest, lease time.Duration) *budget {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b := bs.all[key]
	if b == nil {
		b = &budget{key: key, most: most, rest: rest, lease: lease, kick: bs.kick}
		bs.all[key] = b
	}
	return b
}

func (bs *budgets) kick() {
	select {
	case bs.wanted <- struct{}{}:
	default:
	}
}

// run renews the shares until ctx ends.
func (bs *budgets) run(ctx context.Context) {
	ticker := time.NewTicker(budgetTick)
	defer ticker.Stop()
	for pause(ctx, budgetPause) {
		bs.renew(ctx)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-bs.wanted:
		}
	}
}

// sorted returns the budgets in the order of their keys.
func (bs *budgets) sorted() []*budget {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	var list []*budget
	for _, key := range slices.Sorted(maps.Keys(bs.all)) {
		list = append(list, bs.all[key])
	}
	return list
}

// renew asks the database for this process's shares in all budgets that are in use. Nobody takes a token meanwhile.
func (bs *budgets) renew(ctx context.Context) {
	bs.renewing.Lock()
	defer bs.renewing.Unlock()
	now := time.Now()
	var list []*budget
	for _, b := range bs.sorted() {
		b.mu.Lock()
		b.wake(now)
		if b.short || b.held > 0 || b.out > 0 {
			list = append(list, b)
		} else {
			b.mu.Unlock()
		}
	}
	if len(list) == 0 {
		return
	}
	defer func() {
		for _, b := range list {
			b.mu.Unlock()
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, budgetTimeout)
	defer cancel()
	var wants, shares []int
	err := db.InTx(ctx, bs.db, func(tx *sqlx.Tx) (err error) { wants, shares, err = bs.write(ctx, tx, list); return err })
	if err != nil && ctx.Err() == nil && !bs.failing {
		bs.log.Error("could not renew the shares in limits; what is limited waits until it can", "err", err)
	}
	bs.failing = err != nil
	for i, b := range list {
		switch {
		case err == nil:
			busy := b.out + len(b.resting)
			b.use, b.held, b.renewed, b.until = shares[i], max(shares[i], busy), now, now.Add(b.lease-leaseMargin)
			b.peak, b.short, b.denied = busy, false, shares[i] < wants[i]
		case shares != nil: // it may have been committed all the same
			b.use = min(b.use, shares[i])
		}
	}
}

// write returns the share in each budget of the list, and writes it down. The caller holds the lock of each.
func (bs *budgets) write(ctx context.Context, tx *sqlx.Tx, list []*budget) (wants, shares []int, err error) {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('budgets', 0))`); err != nil {
		return nil, nil, db.Err(err, "renew budgets")
	}
	var keys texts
	for _, b := range list {
		keys = append(keys, b.key)
	}
	// A later statement than the lock: it sees what the others have written.
	const read = `
		SELECT key, want, held FROM budgets WHERE key = ANY($1) AND process <> $2 AND until > clock_timestamp()`
	var rows []struct {
		Key  string `db:"key"`
		Want int    `db:"want"`
		Held int    `db:"held"`
	}
	if err := tx.SelectContext(ctx, &rows, read, keys, bs.process); err != nil {
		return nil, nil, db.Err(err, "read budgets")
	}
	others := map[string][]shareOf{}
	for _, r := range rows {
		others[r.Key] = append(others[r.Key], shareOf{r.Want, r.Held})
	}
	var wanting, held, lasts numbers
	for _, b := range list {
		busy := b.out + len(b.resting)
		want := b.peak
		if b.short {
			want = b.most
		}
		use := share(b.most, want, others[b.key])
		wants, shares = append(wants, want), append(shares, use)
		wanting, held, lasts = append(wanting, int64(want)), append(held, int64(max(use, busy))), append(lasts, (b.lease+b.rest).Milliseconds())
	}
	const write = `
		INSERT INTO budgets (key, process, want, held, until)
		SELECT k.key, $5, k.want, k.held, clock_timestamp() + k.lasts * interval '1 millisecond'
		FROM unnest($1::text[], $2::int[], $3::int[], $4::bigint[]) k(key, want, held, lasts)
		ON CONFLICT (key, process) DO UPDATE SET want = EXCLUDED.want, held = EXCLUDED.held, until = EXCLUDED.until`
	_, err = tx.ExecContext(ctx, write, keys, wanting, held, lasts, bs.process)
	return wants, shares, db.Err(err, "renew budgets")
}

// giveUp leaves the shares to the others: tokens that rest stay ours until they have rested.
func (bs *budgets) giveUp(ctx context.Context) {
	var keys texts
	var rests numbers
	for _, b := range bs.sorted() {
		b.end()
		keys, rests = append(keys, b.key), append(rests, b.rest.Milliseconds())
	}
	const q = `
		UPDATE budgets b SET want = 0, until = clock_timestamp() + k.rest * interval '1 millisecond'
		FROM unnest($1::text[], $2::bigint[]) k(key, rest) WHERE b.key = k.key AND b.process = $3`
	if _, err := bs.db.ExecContext(ctx, q, keys, rests, bs.process); err != nil {
		bs.log.Warn("could not give up the shares in limits; they are free when their leases end", "err", err)
	}
}
