package relay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"mailer/internal/failpoint"
)

// plan is what is going to be said, checked before the first command.
type plan struct {
	from, to    string // as they stand between the angle brackets
	size        bool   // SIZE= is to be said
	eight, utf8 bool
	body        []byte // ends with CRLF, no line begins with a lone dot
}

// prepare checks envelope and message. Its error comes as a Result of stage check: nothing was said to the relay, and the
// connection is as good as before.
func (c *Conn) prepare(env Envelope, msg []byte) (plan, Result, bool) {
	refuse := func(class string, err error) (plan, Result, bool) {
		return plan{}, Result{Kind: Failed, Class: class, Stage: StageCheck, Text: clean([]byte(err.Error())), Reusable: true, Err: err}, false
	}
	from, fromUTF8, err := mailbox(env.From)
	if err != nil {
		return refuse(ClassSender, fmt.Errorf("the envelope sender: %w", err))
	}
	to, toUTF8, err := mailbox(env.To)
	if err == nil && to == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return refuse(ClassUnsupported, fmt.Errorf("the recipient: %w", err))
	}
	utf8 := env.UTF8 || fromUTF8 || toUTF8
	if utf8 && !(c.utf8 && c.eightBit) {
		return refuse(ClassUnsupported, errors.New("the address is not ASCII and the relay does not offer SMTPUTF8"))
	}
	body, eight, err := wireReady(msg)
	switch {
	case err != nil:
		return refuse(ClassSender, fmt.Errorf("the message: %w", err))
	case eight && !c.eightBit:
		return refuse(ClassUnsupported, errors.New("the message is not 7-bit and the relay does not offer 8BITMIME"))
	case c.sizeLimit > 0 && int64(len(body)) > c.sizeLimit:
		return refuse(ClassSize, fmt.Errorf("the message has %d bytes, the relay takes %d", len(body), c.sizeLimit))
	}
	return plan{from: from, to: to, size: c.sizes, eight: eight, utf8: utf8, body: body}, Result{}, true
}

// append appends MAIL, RCPT and DATA.
func (p *plan) append(b []byte) []byte { return append(p.appendRcpt(p.appendMail(b)), dataLine...) }

func (p *plan) appendMail(b []byte) []byte {
	b = append(append(append(b, "MAIL FROM:<"...), p.from...), '>')
	if p.size {
		b = strconv.AppendInt(append(b, " SIZE="...), int64(len(p.body)), 10)
	}
	if p.eight {
		b = append(b, " BODY=8BITMIME"...)
	}
	if p.utf8 {
		b = append(b, " SMTPUTF8"...)
	}
	return append(b, "\r\n"...)
}

func (p *plan) appendRcpt(b []byte) []byte {
	return append(append(append(b, "RCPT TO:<"...), p.to...), ">\r\n"...)
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

// envelope says MAIL, RCPT and DATA, unless they were announced, and comes back true when the relay waits for the message.
func (c *Conn) envelope(ctx context.Context, p plan, ahead bool) (Result, bool) {
	if !ahead && c.in.br.Buffered() > 0 { // said without being asked: as a rule 421 before it hangs up
		return c.unasked(ctx), false
	}
	refused := c.refused
	c.refused = false
	if refused && !ahead {
		c.needsRset = true
	}
	t := &c.relay.cfg.Timeouts
	list := [4]command{{StageRset, rsetLine, t.Mail}, {StageMail, nil, t.Mail}, {StageRcpt, nil, t.Rcpt}, {StageData, dataLine, t.Data}}
	cmds := list[:]
	if !c.needsRset {
		cmds = cmds[1:]
	}
	switch {
	case ahead:
	case c.pipelining:
		b := c.cmd[:0]
		if c.needsRset {
			b = append(b, rsetLine...)
		}
		c.cmd = p.append(b)
		if err := c.write(c.cmd, cmds[0].timeout); err != nil {
			return c.lost(ctx, cmds[0].stage, err), false
		}
	default:
		b := p.appendMail(c.cmd[:0])
		n := len(b)
		c.cmd = p.appendRcpt(b)
		list[1].line, list[2].line = c.cmd[:n], c.cmd[n:]
	}
	return c.replies(ctx, cmds, ahead, refused)
}

// replies reads the replies to the commands of an envelope, writing them first where the relay does not offer PIPELINING.
//
// After a message that was refused at the dot some relays want RSET before the next MAIL (Postfix does where its
// smtpd_end_of_data_restrictions refuse). One that was announced with that dot came too early for it: what follows is then none of
// its doing, and would go on with the transaction before it.
func (c *Conn) replies(ctx context.Context, cmds []command, ahead, refusedBefore bool) (Result, bool) {
	failpoint.Hit("envelope-sent")
	var refused *Result
	for i := range cmds {
		cmd := &cmds[i]
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
		if ahead && i == 0 && ctx.Err() == nil {
			c.listen(err)
		}
		if err != nil {
			return c.lost(ctx, cmd.stage, err), false
		}
		if ahead && refusedBefore && cmd.stage == StageMail && r.code == 503 {
			return c.lost(ctx, cmd.stage, fmt.Errorf("%w for %s: %d %s", errGarbage, cmd.stage, r.code, clean(r.text))), false
		}
		if res, ok := c.judge(ctx, cmd.stage, r); !ok {
			if c.dead.Load() || !c.pipelining {
				return res, false
			}
			kept := res
			refused = &kept
		}
	}
	if refused != nil {
		return *refused, false
	}
	return Result{}, true
}

// listen notes whether an announced envelope was answered.
func (c *Conn) listen(err error) {
	switch {
	case err == nil:
		c.heard = true
		c.relay.hearing.heard()
	case isTimeout(err):
		c.relay.hearing.missedOne(true)
	case !c.heard: // else it is a connection that ended, as they do
		c.relay.hearing.missedOne(false)
	}
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
