package delivery

import (
	"strings"
	"testing"
	"time"

	"mailer/internal/db"
	"mailer/internal/smtptest"
)

// SND-30 in small: the database cuts all connections of a sender, again and again. What is not recorded is not sent, nobody
// is lost and nobody gets a second copy.
func TestDatabaseCutsConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(1500)
	s := smtptest.Start(t)
	r.launch()
	watching := r.store
	url := strings.Replace(r.url, "application_name=mailer", "", 1)
	victim, err := db.Open(t.Context(), url+map[bool]string{true: "&", false: "?"}[strings.Contains(url, "?")]+"application_name=victim")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = victim.Close() }()
	r.store = NewStore(victim, r.ring, r.subs)
	run := r.sender(r.relay(s), with(func(c *SenderConfig) { c.Lease = time.Second }))
	defer run.stop()
	r.store = watching
	cut := int64(0)
	for round := 1; round <= 8; round++ {
		if err := s.Wait(t.Context(), min(100*round, 1400)); err != nil {
			t.Fatal(err)
		}
		cut += r.count(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'victim' AND datname = current_database()`)
	}
	if b := r.state(StateDone); b.Accepted != 1500 {
		t.Errorf("balance: %+v", b)
	}
	r.once(s, all(1500)...)
	r.agrees()
	if cut < 8 {
		t.Errorf("only %d connections were cut", cut)
	}
}
