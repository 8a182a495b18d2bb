package delivery

import (
	"context"
	"log/slog"

	"mailer/internal/relay"
	"mailer/internal/subscribers"
)

// logAttempt writes the line of one attempt into the mail log. The address is masked.
func (s *Sender) logAttempt(it *item, res relay.Result) {
	if !s.log.Enabled(context.Background(), slog.LevelInfo) {
		return
	}
	attrs := append(attemptAttrs(it.Recipient, s.cfg.Relay.Name(), res),
		slog.Int64("campaign", it.Campaign), slog.Int64("seq", it.Seq), slog.Int("attempt", it.Attempt))
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "attempt", attrs...)
}

func attemptAttrs(to, relayName string, res relay.Result) []slog.Attr {
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs, slog.String("to", subscribers.Mask(to)), slog.String("relay", relayName), slog.String("result", string(res.Kind)),
		slog.Duration("took", res.Took))
	if res.Code != 0 {
		attrs = append(attrs, slog.Int("code", res.Code), slog.String("reply", res.Text))
	}
	if res.Class != "" {
		attrs = append(attrs, slog.String("class", res.Class), slog.String("stage", res.Stage))
	}
	if res.QueueID != "" {
		attrs = append(attrs, slog.String("queue_id", res.QueueID))
	}
	if res.Err != nil {
		attrs = append(attrs, slog.String("err", res.Err.Error()))
	}
	return attrs
}
