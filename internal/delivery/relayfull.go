package delivery

import (
	"time"

	"mailer/internal/relay"
)

// relayFull deals with a relay that puts off what it is told before it has heard of any reader: its disk is full, or it takes so many
// messages in a time and no more. Putting off reader after reader at full speed would use up their attempts for what is none of
// their doing; so the relay is given time, like one that says 421. It returns false where the answer is to be taken as one about
// this message after all: when it comes to the same message again and again, so that it does not hold up those behind it, and
// where our sender address is greylisted or checked, which is different for each reader.
func (w *worker) relayFull(it *item, res relay.Result) bool {
	if res.Stage != relay.StageMail || res.Class != relay.ClassTransient && res.Class != relay.ClassBlock && res.Class != relay.ClassSize {
		return false
	}
	if w.hangups.add((&outcome{item: it}).key()) >= maxHangups {
		return false
	}
	w.com.settle(it, nil)
	w.quit() // so that nobody sends before the wait is over
	w.seat.complains(said(res))
	if wait := w.seat.circuit.fail(w.round); wait > 0 {
		w.log.Warn("the relay takes nothing for now", "relay", w.seat.Name, "next_try_in", wait.Round(time.Millisecond), "said", MaskReply(said(res)))
	}
	return true
}
