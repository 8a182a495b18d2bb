package subscribers

import (
	"context"
	"sync"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
)

const (
	groupSize   = 256             // questions that one statement answers at most
	groupsAhead = 2               // statements at once: one is worked on while the other waits for the disk
	groupLimit  = 5 * time.Second // of one statement
)

// gather makes one statement of the questions that come in while another statement is under way, so that a thousand readers at
// once cost a few round trips and a few waits for the disk. A question that comes alone is asked alone and at once.
type gather[Q, A any] struct {
	// ask answers all questions, in their order, or none.
	ask func(ctx context.Context, questions []Q) ([]A, error)

	mu      sync.Mutex
	waiting []*gathered[Q, A]
	running int
}

type gathered[Q, A any] struct {
	question Q
	answer   A
	err      error
	done     chan struct{}
}

// do asks and waits for the answer. When ctx ends first it returns errs.Unavailable, and what was asked for may come about
// all the same.
func (g *gather[Q, A]) do(ctx context.Context, q Q) (a A, err error) {
	w := &gathered[Q, A]{question: q, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	if g.running < groupsAhead {
		g.running++
		go g.run()
	}
	g.mu.Unlock()
	select {
	case <-w.done:
		return w.answer, w.err
	case <-ctx.Done():
		return a, errs.Wrap(ctx.Err(), errs.Unavailable, "the database does not answer in time")
	}
}

// run works until nobody waits.
func (g *gather[Q, A]) run() {
	for {
		g.mu.Lock()
		n := min(len(g.waiting), groupSize)
		if n == 0 {
			g.running--
			g.mu.Unlock()
			return
		}
		group := g.waiting[:n:n]
		g.waiting = g.waiting[n:]
		g.mu.Unlock()
		g.answer(group)
	}
}

func (g *gather[Q, A]) answer(group []*gathered[Q, A]) {
	questions := make([]Q, len(group))
	for i, w := range group {
		questions[i] = w.question
	}
	// Not the context of any of them: one who goes away must not take the others along.
	ctx, cancel := context.WithTimeout(context.Background(), groupLimit)
	defer cancel()
	answers, err := g.ask(ctx, questions)
	if err == nil && len(answers) != len(group) {
		err = errs.New(errs.Internal, "the database gave %d answers to %d questions", len(answers), len(group))
	}
	for i, w := range group {
		if w.err = db.Err(err, "ask the database"); err == nil {
			w.answer = answers[i]
		}
		close(w.done)
	}
}
