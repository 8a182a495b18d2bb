package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Send runs one transaction: envelope, body, permit, final dot. It returns what is known of the attempt and says by
// Reusable whether the connection may carry another.
//
// permit is asked once the relay is ready for the message, while the body is being written. Only when it answers true is
// the final dot written; otherwise the socket is closed, so that the relay must forget the message (RFC 5321 section
// 4.1.1.4). Send never returns before permit has; the context it gets ends when the link breaks. A permit that was given may
// remain unused: then the result is Requeue. A nil permit allows. When ctx ends before the dot the result is Requeue, after it
// Doubt.
//
// MAIL, RCPT and DATA go in one write where the relay offers PIPELINING (RFC 2920), else one by one. When the recipient is
// refused and the relay answers 354 to a DATA that was sent ahead, the socket is closed. RFC 2920 section 3.1 would have us
// send a lone dot, which a relay must refuse for want of recipients, but closing is the one answer that cannot deliver
// anything whatever the relay has understood. A transaction that was refused earlier is ended by RSET before the next MAIL.
func (c *Conn) Send(ctx context.Context, env Envelope, msg []byte, permit func(context.Context) bool) Result {
	start := time.Now()
	res := c.send(ctx, env, msg, permit)
	c.lastUsed = time.Now()
	res.Took = c.lastUsed.Sub(start)
	res.Reusable = res.Reusable && c.Usable()
	return res
}

func (c *Conn) send(ctx context.Context, env Envelope, msg []byte, permit func(context.Context) bool) Result {
	p, res, ok := c.prepare(env, msg)
	if !ok {
		return res
	}
	if err := ctx.Err(); err != nil {
		return Result{Kind: Requeue, Class: ClassCancelled, Stage: StageCheck, Reusable: true, Err: err}
	}
	if c.dead.Load() {
		return Result{Kind: Requeue, Class: ClassLink, Stage: StageCheck, Err: errDead}
	}
	stop := context.AfterFunc(ctx, c.Close)
	defer func() {
		if !stop() {
			c.Close() // it runs already, or will in a moment: not in the middle of the next message
		}
	}()
	if res, ok := c.envelope(ctx, p); !ok {
		return res
	}
	if res, ok := c.body(ctx, p.body, permit); !ok {
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

// command is one command of the envelope.
type command struct {
	stage   string
	line    []byte
	timeout time.Duration
}

var (
	rsetLine = []byte("RSET\r\n")
	dataLine = []byte("DATA\r\n")
	dotLine  = []byte(".\r\n")
)

// envelope says MAIL, RCPT and DATA and comes back true when the relay waits for the message.
func (c *Conn) envelope(ctx context.Context, p plan) (Result, bool) {
	if c.in.br.Buffered() > 0 { // said without being asked: as a rule 421 before it hangs up
		return c.unasked(ctx), false
	}
	t := c.relay.cfg.Timeouts
	var list [4]command
	cmds := append(list[:0], command{StageRset, rsetLine, t.Mail}, command{StageMail, p.mail, t.Mail},
		command{StageRcpt, p.rcpt, t.Rcpt}, command{StageData, dataLine, t.Data})
	if !c.needsRset {
		cmds = cmds[1:]
	}
	if c.pipelining {
		if err := c.writeAll(cmds); err != nil {
			return c.lost(ctx, cmds[0].stage, err), false
		}
	}
	var refused *Result
	for _, cmd := range cmds {
		if !c.pipelining {
			if err := c.write(cmd.line, cmd.timeout); err != nil {
				return c.lost(ctx, cmd.stage, err), false
			}
		}
		r, err := c.read(cmd.timeout)
		if refused != nil { // the rest of a group that was sent ahead: it must be read, and DATA must not have been taken
			if err != nil || r.broken || r.code == 421 || cmd.stage == StageData && !r.refusal() {
				c.Close()
				return *refused, false
			}
			continue
		}
		if err != nil {
			return c.lost(ctx, cmd.stage, err), false
		}
		if res, ok := c.judge(ctx, cmd.stage, r); !ok {
			if c.dead.Load() || !c.pipelining {
				return res, false
			}
			refused = &res
		}
	}
	if refused != nil {
		return *refused, false
	}
	return Result{}, true
}

func (c *Conn) writeAll(cmds []command) error {
	for _, cmd := range cmds {
		if _, err := c.text.W.Write(cmd.line); err != nil {
			return err
		}
	}
	return c.write(nil, cmds[0].timeout)
}

// judge decides about the reply to one command of the envelope; true means that the dialogue goes on.
func (c *Conn) judge(ctx context.Context, stage string, r reply) (Result, bool) {
	expected := r.positive() && stage != StageData || r.code == 354 && stage == StageData
	switch {
	case r.broken && !r.refusal():
		return c.lost(ctx, stage, errors.New("the link broke within a reply")), false
	case expected:
		if stage == StageRset {
			c.needsRset = false
		}
		return Result{}, true
	case !r.refusal() || stage == StageRset: // where we are is not known any more
		return c.lost(ctx, stage, fmt.Errorf("%w for %s: %d %s", errGarbage, stage, r.code, clean(r.text))), false
	}
	c.needsRset = true
	return c.verdict(stage, r), false
}

// unasked reads what the relay said between two transactions. Whatever it is, replies cannot be matched to commands any more.
func (c *Conn) unasked(ctx context.Context) Result {
	r, err := c.read(c.relay.cfg.Timeouts.Mail)
	if err == nil && r.code == 421 {
		return c.verdict(StageMail, r)
	}
	if err == nil {
		err = fmt.Errorf("%w: said without being asked: %d %s", errGarbage, r.code, clean(r.text))
	}
	return c.lost(ctx, StageMail, err)
}

// body writes the message while the permit is asked. It comes back true when all of it is written and the dot may follow.
func (c *Conn) body(ctx context.Context, msg []byte, permit func(context.Context) bool) (Result, bool) {
	granted := make(chan bool, 1)
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	if permit == nil {
		granted <- true
	} else {
		go func() {
			yes := permit(asking)
			if !yes {
				c.Close() // which also ends a write that the relay does not take
			}
			granted <- yes
		}()
	}
	err := c.write(msg, c.relay.cfg.Timeouts.Block)
	if err != nil {
		cancel()
	}
	yes := <-granted
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
func (c *Conn) beforeDot() error {
	if c.dead.Load() {
		return errDead
	}
	gone, waiting := peek(c.socket)
	if gone {
		return errors.New("the relay hung up within the message")
	}
	if waiting { // within TLS these may be bytes of its own, so that nothing comes of reading them
		if err := c.raw.SetReadDeadline(time.Now().Add(glance)); err != nil {
			return err
		}
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

// dot ends the message and reads what became of it.
func (c *Conn) dot(ctx context.Context) Result {
	doubt := func(err error) Result {
		c.Close()
		return Result{Kind: Doubt, Class: linkClass(ctx, err), Stage: StageDot, Err: err}
	}
	if err := c.beforeDot(); err != nil {
		return c.cutShort(ctx, err)
	}
	if err := c.write(dotLine, c.relay.cfg.Timeouts.Block); err != nil {
		return doubt(err)
	}
	r, err := c.read(c.relay.cfg.Timeouts.Dot)
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
		return c.verdict(StageDot, r)
	}
	return doubt(fmt.Errorf("%w for the final dot: %d %s", errGarbage, r.code, clean(r.text)))
}
