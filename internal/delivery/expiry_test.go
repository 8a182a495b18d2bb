package delivery

import (
	"testing"

	"mailer/internal/smtptest"
)

// DOI-08: who is past the end of an implied consent is not in the audience of a launch, whether or not that was noted; who reaches it
// during the send gets nothing any more once it is.
func TestExpiredConsent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(20)
	past, renewed, during := addressOf(3), addressOf(4), addressOf(5)
	expire := func(address, when string) {
		t.Helper()
		r.exec(`UPDATE subscriptions SET expires_at = `+when+` WHERE subscriber_id = $1`, r.subscriber(address))
	}
	expire(past, `now() - interval '1 minute'`)
	expire(renewed, `now() + interval '1 year'`)
	expire(during, `now() + interval '1 hour'`)
	r.launch()
	if _, err := r.store.extendAudience(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b := r.balance(); b.Audience != 19 {
		t.Errorf("DOI-08: %d readers in the audience, want 19", b.Audience)
	}
	expire(during, `now()`)
	for want := range 2 {
		if n, err := r.subs.Keeping().NoteExpired(t.Context(), 100); err != nil || n != int64(2-2*want) {
			t.Errorf("%d noted, %v", n, err)
		}
	}
	s := smtptest.Start(t)
	r.sender(r.relay(s))
	if b := r.state(StateDone); b.Accepted != 18 || b.Suppressed != 1 {
		t.Errorf("balance: %+v", b)
	}
	r.once(s, all(20, past, during)...)
	r.agrees()
}
