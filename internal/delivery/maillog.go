package delivery

import (
	"context"
	"log/slog"
	"strconv"
	"time"
	"unicode/utf8"

	"mailer/internal/db"
	"mailer/internal/outbox"
	"mailer/internal/relay"
	"mailer/internal/subscribers"
)

// An attempt is one line of the mail log: what one try to hand over one message came to. Addresses are masked, also where
// the relay repeats them.
type attempt struct {
	campaign, seq int64
	mail          string // kind of a single mail; empty for a campaign's
	outbox        int64  // id of a single mail
	number        int
	to            string // in full
	provider      string
	relay         string
	permit        verdict // why there was no permit; empty when it did not come to that or was given
	relay.Result
}

// attemptLog is where attempts are told: a file, or else the ordinary log.
type attemptLog struct {
	file *MailLog
	log  *slog.Logger
}

// on reports whether anybody wants the lines.
func (l attemptLog) on() bool {
	return l.file != nil || l.log != nil && l.log.Enabled(context.Background(), slog.LevelInfo)
}

func (l attemptLog) tell(a attempt) {
	switch {
	case !l.on():
	case l.file != nil:
		now := time.Now()
		l.file.add(func(b []byte) []byte { return a.appendJSON(b, now) })
	default:
		l.log.LogAttrs(context.Background(), slog.LevelInfo, "attempt", a.attrs()...)
	}
}

// logAttempt writes the line of one attempt of a delivery. v is the answer to its request for a permit, where there was one.
func (s *Sender) logAttempt(it *item, provider string, res relay.Result, v verdict) {
	if res.Kind != relay.Refused {
		v = ""
	}
	s.h.lines.tell(attempt{campaign: it.Campaign, seq: it.Seq, number: it.Attempt, to: it.Recipient, provider: provider, relay: it.relay, permit: v, Result: res})
}

// logUnsent writes the line of a delivery that ended without an attempt: its reader had left, or its message could not be built.
func (s *Sender) logUnsent(o *outcome, provider string) {
	s.h.lines.tell(attempt{campaign: o.Campaign, seq: o.Seq, number: o.Attempt, to: o.Recipient, provider: provider,
		Result: relay.Result{Kind: relay.Kind(o.kind), Class: o.class, Text: o.reply}})
}

// logMail writes the line of one attempt of a single mail.
func (s *Sender) logMail(m outbox.Queued, relayName string, res relay.Result) {
	s.h.lines.tell(attempt{mail: m.Kind, outbox: m.ID, number: m.Attempts, to: m.Recipient, relay: relayName, Result: res})
}

// logDoubts writes the lines of attempts that a former holder did not live to see the end of. Where it did, and was only slow to
// say so, there is a line already.
func (l attemptLog) logDoubts(ctx context.Context, q db.Q, outs []*outcome) {
	if !l.on() || len(outs) == 0 {
		return
	}
	k := newOutcomeArrays(outs)
	const who = `
		SELECT d.campaign_id, d.seq, d.recipient FROM unnest($1::bigint[], $2::bigint[], $3::int[]) k(campaign_id, seq, attempt)
		JOIN outcomes o ON o.campaign_id = k.campaign_id AND o.seq = k.seq AND o.attempt = k.attempt AND o.class = 'crash'
		JOIN deliveries d ON d.campaign_id = k.campaign_id AND d.seq = k.seq`
	var rows []struct {
		Campaign  int64  `db:"campaign_id"`
		Seq       int64  `db:"seq"`
		Recipient string `db:"recipient"`
	}
	if err := q.SelectContext(ctx, &rows, who, k.campaign, k.seq, k.attempt); err != nil {
		l.log.Warn("could not tell of readers in doubt in the mail log", "err", err)
		return
	}
	to := map[outcomeKey]string{}
	for _, r := range rows {
		to[outcomeKey{campaign: r.Campaign, seq: r.Seq}] = r.Recipient
	}
	for _, o := range outs {
		name, ok := to[outcomeKey{campaign: o.Campaign, seq: o.Seq}]
		if !ok {
			continue
		}
		l.tell(attempt{campaign: o.Campaign, seq: o.Seq, number: o.Attempt, to: name, relay: o.relay,
			Result: relay.Result{Kind: relay.Doubt, Class: o.class, Stage: relay.StageDot, Text: o.reply}})
	}
}

// fields names what stands in a line, in both forms of it, but for the time it took and the error.
func (a *attempt) fields(text func(key, v string), number func(key string, v int64)) {
	number("campaign", a.campaign)
	number("seq", a.seq)
	text("mail", a.mail)
	number("outbox", a.outbox)
	number("attempt", int64(a.number))
	text("to", subscribers.Mask(a.to))
	text("provider", a.provider)
	text("relay", a.relay)
	text("result", string(a.Kind))
	text("class", a.Class)
	text("stage", a.Stage)
	text("permit", string(a.permit))
	number("code", int64(a.Code))
	text("enhanced", a.Enhanced)
	text("reply", MaskReply(a.Text))
	text("queue_id", a.QueueID)
}

// attrs are the line for the ordinary log.
func (a attempt) attrs() []slog.Attr {
	attrs := make([]slog.Attr, 0, 16)
	text := func(key, v string) {
		if v != "" {
			attrs = append(attrs, slog.String(key, v))
		}
	}
	number := func(key string, v int64) {
		if v != 0 {
			attrs = append(attrs, slog.Int64(key, v))
		}
	}
	a.fields(text, number)
	attrs = append(attrs, slog.Duration("took", a.Took))
	if a.Err != nil {
		text("err", MaskReply(a.Err.Error()))
	}
	return attrs
}

// appendJSON appends the line as a JSON object. It is written out by hand because it is made for every message.
func (a attempt) appendJSON(b []byte, now time.Time) []byte {
	b = append(b, `{"time":"`...)
	b = now.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = append(b, '"')
	text := func(key, v string) {
		if v != "" {
			b = append(b, `,"`...)
			b = append(b, key...)
			b = append(b, `":`...)
			b = appendJSONString(b, v)
		}
	}
	number := func(key string, v int64) {
		if v != 0 {
			b = append(b, `,"`...)
			b = append(b, key...)
			b = append(b, `":`...)
			b = strconv.AppendInt(b, v, 10)
		}
	}
	a.fields(text, number)
	b = append(b, `,"took_ms":`...)
	b = strconv.AppendFloat(b, float64(a.Took.Microseconds())/1000, 'f', -1, 64)
	if a.Err != nil {
		text("err", MaskReply(a.Err.Error()))
	}
	return append(b, '}')
}

// appendJSONString appends v in quotes (RFC 8259 section 7). What is not UTF-8 becomes U+FFFD.
func appendJSONString(b []byte, v string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(v); {
		c := v[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c < 0x20:
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&0xf])
			i++
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, n := utf8.DecodeRuneInString(v[i:])
			b = utf8.AppendRune(b, r)
			i += n
		}
	}
	return append(b, '"')
}
