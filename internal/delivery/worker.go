package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mailer/internal/errs"
	"mailer/internal/relay"
)

// politeIdle is how long a connection is kept while there is nothing to send.
const politeIdle = 5 * time.Second

// maxHangups is how often a relay may hang up within the body of one delivery before that delivery is put off, so that a message
// it chokes on does not hold up those behind it.
const maxHangups = 3

// worker carries one claim after another over its own connection.
type worker struct {
	*Sender
	parcels   [2]*parcel
	hand      *parcel // the one being carried
	ahead     *parcel // the one that the relay was told of with the final dot of that; nil: none
	claim     *claim  // in hand
	number    int     // from 0
	following *item   // the next of the claim, when it was looked at already
	seat      *line   // the relay that this worker has a place at: it may have one connection there
	conn      *relay.Conn
	round     uint64 // of the line's circuit, when conn was opened
	carried   int    // messages that conn has carried
	used      time.Time
}

func (s *Sender) newWorker(n int) *worker {
	return &worker{Sender: s, number: n, parcels: [2]*parcel{s.newParcel(), s.newParcel()}}
}

// next is what a worker does after a delivery.
type next int

const (
	goOn next = iota
	stop      // leave the rest of the claim: it is given back
	lost      // the claim is not ours any more
)

func (w *worker) run(ctx, work context.Context) {
	defer w.hangUp()
	for ctx.Err() == nil {
		if !w.crew.may(w.number) {
			w.hangUp()
			w.crew.wait(ctx, w.number)
			continue
		}
		c := w.claims.next(work, w.seat)
		if c == nil {
			c = w.share()
		}
		if c == nil {
			w.rest(ctx)
			continue
		}
		if c.line != w.seat { // next has taken a place there
			w.hangUp()
			w.seat = c.line
		}
		w.claim = c
		w.held.add(c)
		w.finishClaim(work, c, w.carry(ctx, work, c))
		if w.conn == nil {
			w.hangUp()
		}
		w.used = time.Now()
	}
}

// rest waits for work, and does not keep a connection busy with waiting.
func (w *worker) rest(ctx context.Context) {
	if time.Since(w.used) > politeIdle || w.seat.crowded() {
		w.hangUp()
	}
	w.claims.wait(ctx, w.seat)
}

// quit ends the connection, if there is one.
func (w *worker) quit() {
	if w.conn != nil {
		w.conn.Quit()
		w.conn = nil
		w.crew.open.Add(-1)
	}
}

// hangUp ends the connection, if there is one, and gives up the place at the relay.
func (w *worker) hangUp() {
	w.quit()
	if w.seat != nil {
		w.seat.leave()
		w.seat = nil
	}
}

// finishClaim closes a claim, or gives back what is left of it, once all that came of it is committed. Cut short, the claim
// stays in held and is given back at the end of Run; whatever fails, its lease ends by itself.
func (w *worker) finishClaim(work context.Context, c *claim, n next) {
	if err := w.com.flush(work); err != nil {
		return
	}
	defer w.claims.done(c)
	defer w.held.remove(c)
	if last := c.last(); !last || n == lost { // others are at it still
		return
	}
	closed, err := false, error(nil)
	if c.chunk != 0 {
		closed, err = w.store.closeChunk(work, w.h, c.chunk, c.token)
	}
	if err == nil && !closed {
		err = w.store.release(work, w.h, c)
	}
	if err == nil {
		err = w.finishSends(work, c, closed)
	}
	if err != nil {
		w.log.Error("could not close a claim; another sender will when its lease ends", "err", err)
	}
}

// finishSends ends the sends of which this claim was the last.
func (w *worker) finishSends(ctx context.Context, c *claim, closed bool) error {
	if closed {
		return w.store.finish(ctx, c.campaign)
	}
	seen := map[int64]bool{}
	for _, it := range c.items {
		if it.Again && !seen[it.Campaign] {
			seen[it.Campaign] = true
			if err := w.store.finish(ctx, it.Campaign); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliver sends one delivery, however many connections that takes.
func (w *worker) deliver(ctx, work context.Context, it *item) next {
	if it.gone {
		w.unsent(&outcome{item: it, kind: kindSuppressed, class: "left"})
		return goOn
	}
	p := w.parcelOf(work, it)
	w.hand = p
	if p.err != nil {
		return w.unbuilt(work, it, p.err)
	}
	for {
		if n := w.connect(work, it); n != goOn {
			return n
		}
		if !w.admit(ctx, w.claim, it) {
			if p.announced {
				w.quit() // which takes it back
			}
			return stop
		}
		it.permitted, p.v = false, ""
		res := w.conn.Carry(work, &p.mail, func() *relay.Mail { return w.lookAhead(ctx, work) })
		w.logAttempt(it, w.claim.provider, res, p.v)
		w.observe(w.claim, it, res)
		w.used = time.Now()
		if !res.Reusable {
			w.ahead = nil
			w.quit()
		}
		if again, n := w.judge(ctx, work, it, res, p.v); !again {
			return n
		}
	}
}

// unbuilt deals with a message that could not be built: for want of the database it waits, a fault of the campaign pauses it,
// a fault of this reader's values fails this reader.
func (w *worker) unbuilt(work context.Context, it *item, err error) next {
	var whole buildError
	switch {
	case !errors.As(err, &whole):
		w.log.Error("could not build a message", "campaign", it.Campaign, "seq", it.Seq, "err", err)
		w.unsent(&outcome{item: it, kind: kindFailed, class: classRender, reply: errs.Public(err)})
		return goOn
	case work.Err() == nil && errs.KindOf(err) != errs.Unavailable:
		w.pauseSend(work, it, "The message cannot be built: "+errs.Public(err))
	}
	return stop
}

// connect makes sure that there is a connection to the relay of the claim.
func (w *worker) connect(work context.Context, it *item) next {
	it.relay = w.claim.relay
	line, most := w.seat, w.claim.messages
	if w.conn != nil && w.conn.Usable() && (most == 0 || w.carried < most) {
		return goOn
	}
	w.quit()
	round, open := line.circuit.state()
	if open {
		return stop // another connection found the relay in trouble: do not sit on the claim
	}
	conn, err := line.Relay.Dial(work)
	if err != nil {
		w.dialFailed(work, it, round, err)
		return stop
	}
	line.setFault("")
	w.conn, w.round, w.carried = conn, round, 0
	w.crew.open.Add(1)
	return goOn
}

// dialFailed notes that the relay cannot be used. Nobody is at fault but it or our settings: what only a person can mend
// pauses the send, unless another relay can carry it.
func (w *worker) dialFailed(work context.Context, it *item, round uint64, err error) {
	if work.Err() != nil {
		return
	}
	w.seat.complains(clean(err.Error()))
	var de *relay.DialError
	if errors.As(err, &de) && de.Class == relay.DialBusy && w.enough() {
		return
	}
	if wait := w.seat.circuit.fail(round); wait > 0 {
		w.log.Warn("the relay cannot be used", "relay", w.seat.Name, "next_try_in", wait.Round(time.Millisecond), "err", err)
	}
	if de != nil && (de.Class == relay.DialAuth || de.Class == relay.DialTLS) {
		w.faulty(work, it, errs.Public(de.Err))
	}
}

// judge makes of a result what it is for the delivery. again: the same delivery is tried once more at once.
func (w *worker) judge(ctx, work context.Context, it *item, res relay.Result, v verdict) (again bool, n next) {
	o := &outcome{item: it, class: res.Class, code: res.Code, enhanced: res.Enhanced, reply: res.Text, queueID: res.QueueID, took: res.Took}
	switch res.Kind {
	case relay.Accepted:
		o.kind = kindAccepted
	case relay.Deferred:
		if w.relayFull(it, res) {
			return false, stop
		}
		o.kind, o.wait = kindDeferred, w.cfg.Backoff(it.Attempt, res.Class)
	case relay.Failed:
		return false, w.refused(work, it, res, o)
	case relay.Doubt:
		o.kind, o.wait = kindDoubt, w.cfg.Backoff(it.Attempt, res.Class)
		if res.Err != nil {
			o.reply = clean(res.Err.Error())
		}
		w.com.settle(it, o)
		w.seat.circuit.fail(w.round) // a relay that drops one message after another must not put a whole list in doubt
		return false, stop
	case relay.Refused:
		return w.unpermitted(ctx, it, v)
	default:
		return w.requeued(work, it, res, o)
	}
	w.carried++
	w.seat.circuit.succeed()
	w.com.settle(it, o)
	return false, goOn
}

// refused deals with a 5yz. A dead mailbox suppresses its reader; what is wrong with our sender address or our message pauses the
// send. In that case the reader is not at fault and is put off, so that the next try, when somebody has resumed, begins with
// another one.
func (w *worker) refused(work context.Context, it *item, res relay.Result, o *outcome) next {
	w.seat.circuit.succeed()
	w.carried++
	var fault string
	switch res.Class {
	case relay.ClassSize:
		fault = "The relay does not take messages of this size; have it take them, then resume, or cancel and make a smaller campaign"
	case relay.ClassSender:
		fault = "The relay refuses our sender address or our message; have it accept them, then resume, or cancel and make the campaign anew"
	case relay.ClassHard, relay.ClassInactive:
		o.suppress = said(res)
	case relay.ClassBlock:
		if res.Stage == relay.StageMail { // it has not heard of any reader yet
			fault = "The relay refuses mail from us; ask whoever runs it, then resume"
		}
	}
	if fault == "" {
		o.kind = kindFailed
		w.com.settle(it, o)
		return goOn
	}
	if res.Class == relay.ClassSize && res.Stage == relay.StageCheck {
		o = nil // it names its limit and was not asked: nobody is touched (MSG-25)
	} else {
		o.kind, o.wait = kindDeferred, w.cfg.Backoff(it.Attempt, res.Class)
	}
	w.com.settle(it, o)
	w.pauseSend(work, it, fault+". It said: "+said(res))
	return stop
}

// unpermitted deals with a permit that was not given. The connection is closed by now, without a dot.
func (w *worker) unpermitted(ctx context.Context, it *item, v verdict) (again bool, n next) {
	switch v {
	case verdictLeft:
		w.com.settle(it, &outcome{item: it, kind: kindSuppressed, class: "left"})
		return false, goOn
	case verdictLost:
		w.com.settle(it, nil)
		return false, lost
	case verdictStopped:
		w.com.settle(it, nil)
		return false, stop
	}
	w.com.settle(it, nil)
	return w.com.ready(ctx), stop
}

// requeued deals with trouble of the link or the relay before the dot: nobody was risked.
func (w *worker) requeued(work context.Context, it *item, res relay.Result, o *outcome) (again bool, n next) {
	if res.Stage == relay.StageBody && res.Class != relay.ClassCancelled && w.hangups.add(o.key()) >= maxHangups {
		o.kind, o.wait = kindDeferred, w.cfg.Backoff(it.Attempt, res.Class)
		if o.reply == "" {
			o.reply = "the relay hung up within the message, again and again"
		}
		w.com.settle(it, o)
		return false, stop
	}
	w.com.settle(it, nil)
	switch {
	case res.Class == relay.ClassCancelled || work.Err() != nil:
		return false, stop
	case res.Class == relay.ClassAuth:
		w.seat.circuit.fail(w.round)
		w.faulty(work, it, "The relay wants a login, or another one; check "+w.seat.Relay.Where()+", then resume. It said: "+said(res))
		return false, stop
	case w.carried > 0: // it had enough of this connection; another one may do
		return true, goOn
	case res.Class == relay.ClassBusy && w.enough():
		return false, stop
	}
	w.seat.complains(said(res))
	if wait := w.seat.circuit.fail(w.round); wait > 0 {
		w.log.Warn("the relay is in trouble", "relay", w.seat.Name, "next_try_in", wait.Round(time.Millisecond), "said", MaskReply(said(res)))
	}
	return false, stop
}

// enough is called when the relay takes no more connections. It reports whether those that it has will do.
func (w *worker) enough() bool { return len(w.relays.lines) == 1 && w.crew.enough() }

// faulty deals with what only a person can mend at a relay: the send goes on over another one, or is paused.
func (w *worker) faulty(work context.Context, it *item, reason string) {
	w.seat.setFault(reason)
	if !w.relays.replaceable(w.seat, it.List) {
		w.pauseSend(work, it, reason)
	}
}

// pauseSend pauses the send of a delivery, for a person to mend what is wrong.
func (w *worker) pauseSend(ctx context.Context, it *item, reason string) {
	reason = MaskReply(reason)
	if paused, err := w.store.PauseSelf(ctx, it.Campaign, reason); err != nil {
		w.log.Error("could not pause the send", "campaign", it.Campaign, "reason", reason, "err", err)
	} else if paused {
		w.tellPaused(it.Campaign, reason)
	}
}

// said returns a reply as a person reads it.
func said(res relay.Result) string {
	if res.Code == 0 {
		if res.Text != "" {
			return res.Text
		}
		return fmt.Sprintf("nothing (%s at %s)", res.Class, res.Stage)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", res.Code, res.Text))
}

// clean makes a text of our own fit for a column. It is cut first: half a character at the end would be refused by the database, and
// with it the whole group of outcomes, again and again.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s[:min(len(s), relay.MaxText)], "?"), "\x00", "?")
}
