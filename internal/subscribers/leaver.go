package subscribers

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/spool"
)

// What a leave token can be asked to do.
const (
	DoLeave  = "leave"
	DoUndo   = "undo"
	DoWeekly = "weekly" // instead of each edition
	DoPause  = "pause"  // for a month
	DoTopics = "topics" // fewer of them
)

// LeaveAct is one act of a reader by a leave token. It takes mail away or takes back what the same token did; it can do nothing
// else.
type LeaveAct struct {
	LeaveRequest
	Do     string
	Others []int64 `json:",omitempty"` // with DoLeave: lists to leave besides
	Topics uint64  `json:",omitempty"` // with DoTopics: the bits of those that the reader wants no more
}

// Done is what came of it.
type Done struct {
	Changed bool
	// Recorded: it stands in the spool, and comes about when the database is back.
	Recorded bool
}

const (
	leavePatience = 2 * time.Second        // for the database, before an act goes into the spool
	awayFor       = time.Second            // so long after a failure nothing waits for the database
	drainEvery    = 250 * time.Millisecond // while something is in the spool
	drainBatch    = 500
	lookEvery     = 30 * time.Second // for what processes have left that are no more
)

// Leaver does what leave tokens are used for, and lets nothing get lost or wait: what the database does not take in time is kept in
// the spool and done when it is back, before anything else of the same reader.
type Leaver struct {
	store *Store
	spool *spool.Spool // nil: none, and what the database does not take fails
	log   *slog.Logger

	awayUntil atomic.Int64 // in nanoseconds
}

// NewLeaver returns a Leaver; sp may be nil.
func NewLeaver(s *Store, sp *spool.Spool, log *slog.Logger) *Leaver {
	return &Leaver{store: s, spool: sp, log: log}
}

// Do does a, or keeps it for later. Errors: NotFound when the reader is not known (any more), Unavailable when it could neither be
// done nor kept.
func (l *Leaver) Do(ctx context.Context, a LeaveAct) (Done, error) {
	if l.spool == nil {
		changed, err := l.apply(ctx, a)
		return Done{Changed: changed}, err
	}
	// What is kept comes first: an undo must not pass the act that it takes back.
	if l.spool.Pending() > 0 || l.away() {
		return l.keep(a)
	}
	asked := time.Now()
	quick, cancel := context.WithTimeout(ctx, leavePatience)
	defer cancel()
	changed, err := l.apply(quick, a)
	switch errs.KindOf(err) {
	case errs.OK, errs.NotFound, errs.Invalid:
		return Done{Changed: changed}, err
	}
	if ctx.Err() == nil { // else it was not waited for
		l.lost(err)
	}
	a.At = asked // it may have been done by now, which does no harm
	return l.keep(a)
}

// Try is Do for a token that names nobody: the same work, and nothing is kept.
func (l *Leaver) Try(ctx context.Context, a LeaveAct) (Done, error) {
	if l.spool != nil && l.away() {
		return Done{}, errs.New(errs.Unavailable, "the database is away")
	}
	quick, cancel := context.WithTimeout(ctx, leavePatience)
	defer cancel()
	changed, err := l.apply(quick, a)
	return Done{Changed: changed}, err
}

// List returns what the page shows of a list; nil where that is not known, also because the database is away.
func (l *Leaver) List(ctx context.Context, id int64) *LeaveList {
	if known := l.store.leaveLists.known(id); known != nil || l.away() {
		return known
	}
	quick, cancel := context.WithTimeout(ctx, leavePatience)
	defer cancel()
	list, err := l.store.leaveLists.get(quick, l.store, id)
	if err != nil {
		return nil
	}
	return list
}

// keep puts an act into the spool.
func (l *Leaver) keep(a LeaveAct) (Done, error) {
	if a.At.IsZero() {
		a.At = time.Now()
	}
	entry, err := json.Marshal(a)
	if err != nil {
		return Done{}, errs.Wrap(err, errs.Internal, "write down what a reader asked for")
	}
	if err := l.spool.Append(entry); err != nil {
		l.log.Error("what a reader asked for can be kept nowhere; they are told to come back", "err", err)
		return Done{}, err
	}
	return Done{Recorded: true}, nil
}

// away reports whether the database failed just now, so that not everybody waits for it.
func (l *Leaver) away() bool { return time.Now().UnixNano() < l.awayUntil.Load() }

func (l *Leaver) lost(err error) {
	if !l.away() {
		l.log.Warn("the database does not take what readers ask for; it is kept in files until it does", "err", err)
	}
	l.awayUntil.Store(time.Now().Add(awayFor).UnixNano())
}

// Page is Store.Leaving with as much patience as Do has. Errors: NotFound, Unavailable.
func (l *Leaver) Page(ctx context.Context, r LeaveRequest) (LeavePage, error) {
	if l.spool != nil && l.away() {
		return LeavePage{}, errs.New(errs.Unavailable, "the database is away")
	}
	quick, cancel := context.WithTimeout(ctx, leavePatience)
	defer cancel()
	p, err := l.store.Leaving(quick, r)
	if errs.KindOf(err) == errs.Unavailable && ctx.Err() == nil { // else it was not waited for
		l.lost(err)
	}
	return p, err
}

// apply does an act in the database.
func (l *Leaver) apply(ctx context.Context, a LeaveAct) (changed bool, err error) {
	switch a.Do {
	case DoLeave:
		return l.leave(ctx, a)
	case DoUndo:
		return l.undo(ctx, a)
	case DoWeekly, DoPause, DoTopics:
		return l.choose(ctx, a)
	}
	return false, errs.New(errs.Internal, "nobody can %q by a leave link", a.Do)
}

func (l *Leaver) leave(ctx context.Context, a LeaveAct) (changed bool, err error) {
	if changed, err = l.store.Leave(ctx, a.LeaveRequest); err != nil {
		return changed, err
	}
	for _, other := range a.Others {
		r := a.LeaveRequest
		r.List, r.Through = other, a.List
		more, err := l.store.Leave(ctx, r)
		if err != nil && errs.KindOf(err) != errs.NotFound {
			return changed, err
		}
		changed = changed || more
	}
	return changed, nil
}

// undo takes back what the token left or, where that is nothing, what it chose last.
func (l *Leaver) undo(ctx context.Context, a LeaveAct) (changed bool, err error) {
	if changed, err = l.store.Undo(ctx, a.LeaveRequest); err != nil || changed {
		return changed, err
	}
	r, err := l.choice(ctx, a)
	if err != nil {
		return false, err
	}
	if changed, err = l.store.Choices.Undo(ctx, r); errs.KindOf(err) == errs.NotFound {
		return false, nil // no subscription
	}
	return changed, err
}

func (l *Leaver) choice(ctx context.Context, a LeaveAct) (ChoiceRequest, error) {
	id, err := l.store.Became(ctx, l.store.db, a.Subscriber)
	return ChoiceRequest{Subscriber: id, List: a.List, Campaign: a.Campaign, Method: MethodForm, Network: a.Network}, err
}

// choose takes some of the mail away. What was asked while the database was away gives way to whatever happened since.
func (l *Leaver) choose(ctx context.Context, a LeaveAct) (changed bool, err error) {
	r, err := l.choice(ctx, a)
	if err != nil {
		return false, err
	}
	now := l.store.Now()
	if !a.At.IsZero() {
		now = a.At
		var newer bool
		err := l.store.db.GetContext(ctx, &newer, `SELECT EXISTS (SELECT FROM consent_log WHERE subscriber_id = $1 AND list_id = $2 AND at > $3
			AND NOT (method = $4 AND campaign_id IS NOT DISTINCT FROM $5))`, // what was kept before this one comes about just now
			r.Subscriber, r.List, a.At, r.Method, orNull(r.Campaign))
		if err != nil || newer {
			return false, db.Err(err, "look for newer choices")
		}
	}
	switch a.Do {
	case DoWeekly:
		weekly := Weekly
		r.Frequency = &weekly
	case DoPause:
		page, err := l.store.Leaving(ctx, a.LeaveRequest)
		if err != nil {
			return false, err
		}
		until := page.List.PauseEnd(now)
		if page.PausedUntil != nil && page.PausedUntil.After(until) || !until.After(l.store.Now()) {
			return false, nil
		}
		r.PauseUntil = &until
	case DoTopics:
		if a.Topics == 0 {
			return false, nil
		}
		r.TopicsOff, r.TopicsShown = &a.Topics, a.Topics
	}
	return l.store.Choices.Set(ctx, r)
}

// PauseEnd returns when a pause of a month ends that begins at a moment: at the beginning of the day in the list's time zone.
func (l LeaveList) PauseEnd(from time.Time) time.Time {
	zone, err := time.LoadLocation(l.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	year, month, day := from.In(zone).Date()
	return time.Date(year, month+1, day, 0, 0, 0, 0, zone)
}

// Run empties the spool whenever there is something in it and the database takes it, until ctx ends.
func (l *Leaver) Run(ctx context.Context) {
	if l.spool == nil {
		return
	}
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	var looked time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if l.spool.Pending() == 0 && time.Since(looked) < lookEvery {
			continue
		}
		looked = time.Now()
		if _, err := l.Drain(ctx); err != nil && errs.KindOf(err) != errs.Unavailable && ctx.Err() == nil {
			l.log.Error("what readers asked for stays in its files for now", "err", err)
		}
	}
}

// Drain does everything that stands in the spool, in the order in which it was asked, and returns how much that was. Whoever starts
// senders calls it first. A repeat, after a crash in the midst of it, changes nothing.
func (l *Leaver) Drain(ctx context.Context) (n int, err error) {
	if l.spool == nil {
		return 0, nil
	}
	err = l.spool.Drain(drainBatch, func(entries [][]byte) error {
		// Without an answer from the database nothing is tried, nor is anything held up for long.
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		if err := l.store.db.PingContext(ctx); err != nil {
			return db.Err(err, "do what readers asked for")
		}
		if err := l.applyAll(ctx, l.acts(entries)); err != nil {
			return err
		}
		n += len(entries)
		return nil
	})
	if err == nil {
		l.awayUntil.Store(0)
	}
	if n > 0 {
		l.log.Info("did what readers had asked for while the database was away", "acts", n)
	}
	return n, err
}

func (l *Leaver) acts(entries [][]byte) []LeaveAct {
	var acts []LeaveAct
	for _, e := range entries {
		var a LeaveAct
		if err := json.Unmarshal(e, &a); err != nil {
			l.log.Error("an entry of the spool cannot be read", "entry", string(e), "err", err)
			continue
		}
		acts = append(acts, a)
	}
	return acts
}

// applyAll does acts in their order, neighbours that only leave a list in one statement.
func (l *Leaver) applyAll(ctx context.Context, acts []LeaveAct) error {
	for len(acts) > 0 {
		n := slices.IndexFunc(acts, func(a LeaveAct) bool { return a.Do != DoLeave || a.All || len(a.Others) > 0 })
		if n < 0 {
			n = len(acts)
		}
		if n > 1 {
			rest, err := l.leaveMany(ctx, acts[:n])
			if err != nil {
				return err
			}
			acts = append(rest, acts[n:]...)
			if n = len(rest); n == 0 {
				continue
			}
		}
		for _, a := range acts[:max(n, 1)] {
			if err := l.applyLate(ctx, a); err != nil {
				return err
			}
		}
		acts = acts[max(n, 1):]
	}
	return nil
}

// leaveMany returns those of the acts that the common statement has left over.
func (l *Leaver) leaveMany(ctx context.Context, acts []LeaveAct) (rest []LeaveAct, err error) {
	rs := make([]LeaveRequest, len(acts))
	for i, a := range acts {
		rs[i] = a.LeaveRequest
	}
	done, err := l.store.leaveTogether(ctx, rs)
	if errs.KindOf(err) == errs.Unavailable {
		return nil, err
	}
	for i, a := range acts {
		if err != nil || !done[i].settled {
			rest = append(rest, a)
		}
	}
	return rest, nil
}

// applyLate does one act of the spool. One that cannot be done though the database is there goes back to its end, so that it
// does not stand in the way of others and is not lost.
func (l *Leaver) applyLate(ctx context.Context, a LeaveAct) error {
	_, err := l.apply(ctx, a)
	switch errs.KindOf(err) {
	case errs.OK:
		return nil
	case errs.NotFound, errs.Invalid:
		l.log.Warn("what was asked for while the database was away means nobody any more", "do", a.Do, "err", err)
		return nil
	case errs.Unavailable:
		return err
	}
	l.log.Error("what a reader asked for while the database was away could not be done; it is tried again", "do", a.Do, "err", err)
	_, err = l.keep(a)
	return err
}
