package delivery

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"mailer/internal/dkim"
)

// finishTime is how long a stopping sender tries to commit what it knows, beyond its drain time.
const finishTime = 10 * time.Second

// SenderConfig says how a Sender works. Store, Relays and Log are needed; zero values of the rest take the defaults.
type SenderConfig struct {
	Store        *Store
	Relays       []RelayLine  // at least one
	Lanes        []LaneLimits // in place of the usual limits of providers
	Rate         float64      // most messages per second over all relays, of all processes together; 0: no limit
	Log          *slog.Logger
	DKIM         *dkim.Ring                                    // keys that messages are signed with; may be nil
	Connections  int                                           // most to relays; 0: as many as bring more, up to 50
	Lease        time.Duration                                 // how long a claim outlives a dead process, 30 s
	Hold         time.Duration                                 // no permit for so long after the database was away, 10 s; negative: none
	Drain        time.Duration                                 // how long a stop waits for the messages in hand, 30 s
	Cut          <-chan struct{}                               // closed by a second signal: a stop then waits no longer; may be nil
	Idle         time.Duration                                 // between looks for work when there is none, 500 ms
	Tick         time.Duration                                 // between sweeps, 10 s
	Backoff      func(attempt int, class string) time.Duration // of a deferred delivery, see Backoff
	RelayBackoff func(failures int) time.Duration              // of a relay in trouble, see RelayBackoff
	MailBackoff  func(attempts int) time.Duration              // of a single mail, see MailBackoff
	MailLog      *MailLog                                      // where attempts are told; Log unless set
	MarkFile     string                                        // what the restore guard remembers outside the database; may be empty
}

func (c SenderConfig) withDefaults() SenderConfig {
	c.Lease = cmp.Or(c.Lease, 30*time.Second)
	c.Drain = cmp.Or(c.Drain, 30*time.Second)
	c.Hold = cmp.Or(c.Hold, 10*time.Second)
	c.Idle = cmp.Or(c.Idle, 500*time.Millisecond)
	c.Tick = cmp.Or(c.Tick, 10*time.Second)
	if c.Backoff == nil {
		c.Backoff = Backoff
	}
	if c.RelayBackoff == nil {
		c.RelayBackoff = RelayBackoff
	}
	if c.MailBackoff == nil {
		c.MailBackoff = MailBackoff
	}
	return c
}

// Sender works the queue: it writes audiences, sends what is due, sweeps, and drains the outbox. Any number of them, in any
// number of processes, may share one database; any may die at any moment.
type Sender struct {
	cfg     SenderConfig
	store   *Store
	log     *slog.Logger
	h       holder
	com     *committer
	crew    *crew
	relays  *relays
	lanes   *lanes
	budgets *budgets
	rate    *budget // over all relays; nil: no limit
	cache   *messageCache
	claims  *claimer
	held    *heldClaims
	hangups *hangups
	guard   *guard
	brake   *brakeNotes

	abandon context.Context // tests end it to make the sender vanish as a killed process does; else nil
}

// NewSender returns a sender that does nothing until Run.
func NewSender(cfg SenderConfig) *Sender {
	cfg = cfg.withDefaults()
	s := &Sender{cfg: cfg, store: cfg.Store, log: cfg.Log}
	s.h = holder{process: newUUID(), lease: cfg.Lease, doubtWait: cfg.Backoff(1, "crash"), lines: attemptLog{cfg.MailLog, cfg.Log}}
	s.guard, s.brake = newGuard(cfg.MarkFile, s.log), newBrakeNotes()
	s.com = newCommitter(s.store, s.h, s.log)
	s.com.line.guard, s.com.hold = s.guard, cfg.Hold
	s.crew = newCrew(cfg.Connections)
	s.budgets = newBudgets(s.store.db, s.h.process, s.log)
	s.lanes = newLanes(cfg.Lanes, s.budgets)
	s.relays = newRelays(cfg.Relays, cfg.RelayBackoff, s.budgets)
	if cfg.Rate > 0 {
		s.rate = s.budgets.rate("all", cfg.Rate)
	}
	s.cache = &messageCache{store: s.store, dkim: cfg.DKIM}
	s.claims = newClaimer(s.store, s.h, s.relays, s.lanes, cfg.Idle, s.log)
	s.held = newHeldClaims()
	s.hangups = &hangups{count: map[outcomeKey]int{}}
	return s
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Run sends until ctx ends. Then it claims nothing more, lets the messages in hand end, for Drain at most or until Cut, cuts
// what is left, commits every outcome, gives back what it has not begun and returns nil. A second Run is not possible.
func (s *Sender) Run(ctx context.Context) error {
	base := context.WithoutCancel(ctx)
	work, cut := context.WithCancel(base)         // of claims and dialogues: a stop must not tear them
	books, closeBooks := context.WithCancel(base) // of what records them: it ends last
	defer cut()
	defer closeBooks()
	defer context.AfterFunc(ctx, func() {
		if pause(work, s.cfg.Drain) {
			cut()
		}
	})()
	go func() {
		select {
		case <-s.cfg.Cut:
			cut()
		case <-work.Done():
		}
	}()
	if s.abandon != nil {
		defer context.AfterFunc(s.abandon, func() { cut(); closeBooks() })()
	}

	var keepers, workers sync.WaitGroup
	keepers.Go(func() { s.com.run(books) })
	keepers.Go(func() { s.heartbeat(books) })
	keepers.Go(func() { s.budgets.run(books) })
	keepers.Go(func() { s.keepLanes(books) })
	keepers.Go(func() { s.crew.run(books, func() int { return int(s.com.gather.carriers.Load()) }) })
	for n := range s.crew.most {
		w := s.newWorker(n)
		workers.Go(func() { w.run(ctx, work) })
	}
	workers.Go(func() { s.writeAudiences(ctx, work) })
	workers.Go(func() { s.sweepAgain(ctx, work) })
	workers.Go(func() { s.watch(ctx, work) })
	workers.Go(func() { s.sendMails(ctx, work) })
	workers.Wait()
	closeBooks()
	keepers.Wait()
	if s.abandon != nil && s.abandon.Err() != nil {
		return nil
	}
	end, cancel := context.WithTimeout(base, finishTime)
	defer cancel()
	if s.com.finish(end) {
		s.releaseRest(end)
	}
	s.giveUpBudgets(end)
	return nil
}

// heartbeat renews the leases of what the workers hold, also while one of them waits ten minutes for a reply.
func (s *Sender) heartbeat(ctx context.Context) {
	for pause(ctx, s.cfg.Lease/4) {
		chunks, retries := s.held.list()
		beat, cancel := context.WithTimeout(ctx, s.cfg.Lease/3)
		if err := s.store.renew(beat, s.h, chunks, retries); err != nil && ctx.Err() == nil {
			s.log.Warn("could not renew leases", "err", err)
		}
		cancel()
	}
}

// writeAudiences writes the audiences of launched campaigns, batch after batch.
func (s *Sender) writeAudiences(ctx, work context.Context) {
	for ctx.Err() == nil {
		campaign, err := s.store.extendAudience(work)
		switch {
		case work.Err() != nil:
			return
		case err != nil:
			s.log.Error("could not write an audience; it is tried again", "err", err)
			pause(ctx, max(time.Second, s.cfg.Idle))
		case campaign == 0:
			pause(ctx, s.cfg.Idle)
		default:
			s.claims.poke()
			if err := s.store.finish(work, campaign); err != nil { // when nobody is in it
				s.log.Error("could not finish a send; it is tried again", "err", err)
			}
		}
	}
}

func (s *Sender) sweepAgain(ctx, work context.Context) {
	for {
		if err := s.store.sweep(work, s.h); err != nil && work.Err() == nil {
			s.log.Error("could not sweep the queue; it is tried again", "err", err)
		}
		if !pause(ctx, s.cfg.Tick) {
			return
		}
	}
}

// releaseRest gives back the claims that were cut.
func (s *Sender) releaseRest(ctx context.Context) {
	for _, c := range s.held.all() {
		if err := s.store.release(ctx, s.h, c); err != nil {
			s.log.Error("could not give back a claim; it is free when its lease ends", "err", err)
		}
	}
}
