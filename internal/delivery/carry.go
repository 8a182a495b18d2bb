package delivery

import (
	"context"

	"mailer/internal/failpoint"
	"mailer/internal/relay"
)

// parcel is a delivery made ready to be carried. A worker has two: the one in hand, and the one that is announced to the relay
// with the final dot of that.
type parcel struct {
	mail      relay.Mail
	it        *item // nil: empty
	err       error // it could not be built
	announced bool  // to the relay, perhaps
	build     *builder
	want      want
	v         verdict // what became of its permit
	com       *committer
}

func (s *Sender) newParcel() *parcel {
	p := &parcel{build: newBuilder(s.cache, s.store.ring), com: s.com}
	p.mail.Permit = p
	return p
}

// fill builds the message of a delivery.
func (p *parcel) fill(ctx context.Context, it *item) error {
	p.it, p.v, p.announced = it, "", false
	p.mail.Message, p.mail.Envelope, p.err = p.build.build(ctx, it)
	return p.err
}

// Ask implements relay.Permit.
func (p *parcel) Ask(refused func()) {
	p.v = ""
	p.com.ask(&p.want, p.it, refused)
}

// Answer implements relay.Permit.
func (p *parcel) Answer(ctx context.Context) bool {
	p.v = p.com.answer(ctx, &p.want)
	if p.v == verdictGo {
		failpoint.Hit("permit-granted")
	}
	return p.v == verdictGo
}

// carry sends the deliveries of a claim until one of them says otherwise or ctx ends. While the permit of one is under way
// the next is built, and its envelope goes to the relay together with the final dot of the one before; what is announced so
// and not sent after all is taken back by closing the connection.
func (w *worker) carry(ctx, work context.Context, c *claim) next {
	defer w.withdraw()
	w.com.gather.carriers.Add(1)
	defer w.com.gather.carriers.Add(-1)
	c.queue.begin(c.items)
	defer c.queue.end()
	w.following = nil
	for {
		it := w.following
		if w.following = nil; it == nil {
			it = c.queue.take()
		}
		switch {
		case it == nil:
			return goOn
		case ctx.Err() != nil || !w.crew.may(w.number) || !w.com.ready(ctx):
			return stop
		}
		if n := w.deliver(ctx, work, it); n != goOn {
			return n
		}
		w.crew.answered.Add(1)
	}
}

// parcelOf returns a delivery ready to be carried: the one that was looked at ahead, or a new one.
func (w *worker) parcelOf(work context.Context, it *item) *parcel {
	if p := w.ahead; p != nil && p.it == it {
		w.ahead, p.announced = nil, true
		return p
	}
	w.withdraw()
	p := w.spare()
	_ = p.fill(work, it) // it keeps the error
	return p
}

// spare returns the parcel that is not in hand.
func (w *worker) spare() *parcel {
	if w.hand == w.parcels[0] {
		return w.parcels[1]
	}
	return w.parcels[0]
}

// lookAhead returns the message to announce, or nil when none is to be: the claim ends, the worker is to stop, the connection
// has carried its share, messages are sent at a measured pace, its reader has left, or it cannot be built, of which its own turn
// makes what is right.
func (w *worker) lookAhead(ctx, work context.Context) *relay.Mail {
	if ctx.Err() != nil || w.claim.messages > 0 && w.carried+1 >= w.claim.messages || w.paced(w.claim) {
		return nil
	}
	if w.following == nil {
		w.following = w.claim.queue.take()
	}
	if w.following == nil || w.following.gone {
		return nil
	}
	p := w.spare()
	if p.fill(work, w.following) != nil {
		return nil
	}
	w.ahead = p
	return &p.mail
}

// withdraw takes back what was announced and is not carried next. Whether the relay heard of it or not, the connection is
// closed without a word: nothing is at risk by that.
func (w *worker) withdraw() {
	if w.ahead != nil {
		w.ahead = nil
		w.quit()
	}
}
