package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"mailer/internal/failpoint"
)

// Permit is the leave to write the final dot of one message.
type Permit interface {
	// Ask begins to ask and returns at once. Whoever answers no may call refused, from any goroutine: it closes the
	// connection, and so ends a write of the body that the relay does not take.
	Ask(refused func())
	// Answer waits for the answer. It is called once after each Ask. When ctx ends, which it does when the link breaks, it
	// comes back at once.
	Answer(ctx context.Context) bool
}

// Mail is one message for one recipient, to be carried by Carry. Its message must not change until its result is there.
type Mail struct {
	Envelope Envelope
	Message  []byte
	Permit   Permit // nil: allowed
}

// Carry runs one transaction: envelope, body, permit, final dot. It returns what is known of the attempt and says by
// Reusable whether the connection may carry another.
//
// The permit is asked once the relay is ready for the message, while the body is being written. Only when it is given is
// the final dot written; otherwise the socket is closed, so that the relay must forget the message (RFC 5321 section
// 4.1.1.4). A permit that was given may remain unused: then the result is Requeue. When ctx ends before the dot the result
// is Requeue, after it Doubt; ctx is heeded until the connection is closed or Carry is called with another one.
//
// MAIL, RCPT and DATA go in one write where the relay offers PIPELINING (RFC 2920), else one by one. When the recipient is
// refused and the relay answers 354 to a DATA that was sent ahead, the socket is closed. RFC 2920 section 3.1 would have us
// send a lone dot, which a relay must refuse for want of recipients, but closing is the one answer that cannot deliver
// anything whatever the relay has understood. A transaction that was refused earlier is ended by RSET before the next MAIL.
//
// With PIPELINING Carry looks ahead: while the permit is under way it asks next, if that is not nil, for the message to
// follow, and the envelope of that one goes in the same write as the final dot of this one (RFC 2920 section 3.1 lets the
// end of a message begin a group). A message announced so is to be the next that is carried; its Carry reads the replies.
// Nothing is risked by it: nothing but its own dot ends its message. Whoever does not want it any more calls Quit or Close,
// which then says nothing to the relay. next may return nil, and is not asked when nothing can be announced.
func (c *Conn) Carry(ctx context.Context, m *Mail, next func() *Mail) Result {
	start := time.Now()
	res := c.carry(ctx, m, next)
	c.lastUsed = time.Now()
	res.Took = c.lastUsed.Sub(start)
	res.Reusable = res.Reusable && c.Usable()
	return res
}

// Send carries a single message. permit is called from a goroutine of its own, with a context that ends when the link breaks or ctx
// does; nil allows. Send never returns before permit has. What Carry says of permits and contexts holds, but ctx is not
// heeded after Send has returned.
func (c *Conn) Send(ctx context.Context, env Envelope, msg []byte, permit func(context.Context) bool) Result {
	m := Mail{Envelope: env, Message: msg}
	if permit != nil {
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		m.Permit = &call{ctx: inner, cancel: cancel, f: permit, answer: make(chan bool, 1)}
	}
	res := c.Carry(ctx, &m, nil)
	if !c.unwatch() {
		c.Close() // ctx ends this moment: not in the middle of the next message
	}
	c.watched = nil
	res.Reusable = res.Reusable && c.Usable()
	return res
}

// call is a Permit made of a function.
type call struct {
	ctx    context.Context
	cancel context.CancelFunc
	f      func(context.Context) bool
	answer chan bool
}

// Ask implements Permit.
func (p *call) Ask(refused func()) {
	go func() {
		yes := p.f(p.ctx)
		if !yes {
			refused()
		}
		p.answer <- yes
	}()
}

// Answer implements Permit.
func (p *call) Answer(ctx context.Context) bool {
	defer context.AfterFunc(ctx, p.cancel)()
	return <-p.answer
}

func (c *Conn) carry(ctx context.Context, m *Mail, next func() *Mail) Result {
	var p plan
	ahead := c.ahead.mail != nil
	switch {
	case c.dead.Load():
		return Result{Kind: Requeue, Class: ClassLink, Stage: StageCheck, Err: errDead}
	case ahead && c.ahead.mail != m: // a fault of the caller; closing is what cannot do harm
		return c.lost(ctx, StageCheck, errors.New("another message was announced"))
	case ahead && ctx.Err() != nil:
		return c.lost(ctx, StageCheck, ctx.Err())
	case ahead:
		p, c.ahead = c.ahead.plan, announced{}
	default:
		var res Result
		var ok bool
		if p, res, ok = c.prepare(m.Envelope, m.Message); !ok {
			return res
		}
		if err := ctx.Err(); err != nil {
			return Result{Kind: Requeue, Class: ClassCancelled, Stage: StageCheck, Reusable: true, Err: err}
		}
	}
	c.watch(ctx)
	if res, ok := c.envelope(ctx, p, ahead); !ok {
		return res
	}
	if res, ok := c.body(ctx, p.body, m.Permit, next); !ok {
		return res
	}
	return c.dot(ctx)
}

// lost is the result when the link broke before the dot: nothing was risked.
func (c *Conn) lost(ctx context.Context, stage string, err error) Result {
	c.Close()
	return Result{Kind: Requeue, Class: linkClass(ctx, err), Stage: stage, Err: err}
}

func linkClass(ctx context.Context, err error) string {
	switch {
	case ctx.Err() != nil:
		return ClassCancelled
	case errors.Is(err, errGarbage):
		return ClassGarbage
	case isTimeout(err):
		return ClassTimeout
	}
	return ClassLink
}

// verdict is the result of a refusal. Authentication that is asked for in the middle is a fault of the connection.
func (c *Conn) verdict(stage string, r reply) Result {
	status := enhanced(r.text)
	kind, class := Classify(stage, r.code, status, string(r.text))
	res := Result{Kind: kind, Class: class, Stage: stage, Code: r.code, Enhanced: status, Text: clean(r.text), Reusable: true}
	if kind == Requeue || kind == Doubt || r.broken {
		c.Close()
	}
	return res
}

// body writes the message while the permit is asked and the next message is made ready. It comes back true when all of it is
// written and the dot may follow.
func (c *Conn) body(ctx context.Context, msg []byte, permit Permit, next func() *Mail) (Result, bool) {
	if permit != nil {
		permit.Ask(c.close)
	}
	err := c.write(msg, c.relay.cfg.Timeouts.Block)
	failpoint.Hit("body-sent")
	if err == nil {
		c.lookAhead(ctx, next)
	}
	yes := true
	if permit != nil {
		waiting := ctx
		if err != nil {
			waiting = over
		}
		yes = permit.Answer(waiting)
	}
	switch {
	case ctx.Err() != nil:
		return c.lost(ctx, StageBody, ctx.Err()), false
	case !yes && (err == nil || errors.Is(err, net.ErrClosed)):
		c.Close()
		return Result{Kind: Refused, Class: ClassPermit, Stage: StageBody}, false
	case err != nil:
		return c.cutShort(ctx, err), false
	}
	return Result{}, true
}

// over is a context that has ended.
var over = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// lastWords is how long a relay that hung up within the body is asked why.
const lastWords = time.Second

// cutShort is the result when the body could not be written. Some relays say why before they hang up, as "552 too big".
// Without a dot it is certain that nothing was taken, so such a refusal can be believed.
func (c *Conn) cutShort(ctx context.Context, err error) Result {
	if !c.dead.Load() {
		if r, rerr := c.read(lastWords); rerr == nil && r.refusal() {
			res := c.verdict(StageBody, r)
			c.Close()
			return res
		}
	}
	return c.lost(ctx, StageBody, err)
}

// beforeDot looks a last time whether the relay is still there and silent, as long as nothing is risked: what has broken while
// the permit was asked is then no doubt, and an answer to a message that is not finished is not taken for that to the dot.
// All that was said before has been read by then: an envelope is only announced with the dot, never before it.
func (c *Conn) beforeDot() error {
	if c.dead.Load() {
		return errDead
	}
	gone, waiting := c.peek.look()
	if gone {
		return errors.New("the relay hung up within the message")
	}
	if waiting { // within TLS these may be bytes of its own, so that nothing comes of reading them
		c.wire.readWithin(glance)
		if _, err := c.in.br.Peek(1); err != nil && !isTimeout(err) {
			return err
		}
	}
	if c.in.br.Buffered() > 0 {
		return fmt.Errorf("%w: said within the message", errGarbage)
	}
	return nil
}

// glance is how long bytes that have arrived may take to be read.
const glance = 10 * time.Millisecond

// dot ends the message, together with the envelope of the one announced, and reads what became of it.
func (c *Conn) dot(ctx context.Context) Result {
	doubt := func(err error) Result {
		c.Close()
		return Result{Kind: Doubt, Class: linkClass(ctx, err), Stage: StageDot, Err: err}
	}
	if err := c.beforeDot(); err != nil {
		return c.cutShort(ctx, err)
	}
	end := dotLine
	if c.ahead.mail != nil {
		end = c.cmd
	}
	if err := c.write(end, c.relay.cfg.Timeouts.Block); err != nil {
		return doubt(err)
	}
	failpoint.Hit("dot-sent")
	r, err := c.read(c.relay.cfg.Timeouts.Dot)
	failpoint.Hit("reply-read")
	if err != nil {
		return doubt(err)
	}
	c.sent++
	switch {
	case r.positive():
		if r.broken {
			c.Close()
		}
		text := clean(r.text)
		return Result{Kind: Accepted, Stage: StageDot, Code: r.code, Enhanced: enhanced(r.text), Text: text,
			QueueID: queueID(text), Reusable: true}
	case r.refusal():
		c.refused = true
		return c.verdict(StageDot, r)
	}
	return doubt(fmt.Errorf("%w for the final dot: %d %s", errGarbage, r.code, clean(r.text)))
}
