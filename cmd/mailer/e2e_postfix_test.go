package main

import (
	"fmt"
	"strings"
	"testing"

	"mailer/internal/postfixtest"
)

// The whole program with a real MTA as its relay, which wants TLS and has an authority of its own: what it accepts stands in its queue
// under the ids that are on record, whom it refuses is refused for good and mailed no more, and what it said is reported. SND-09, SND-12
func TestRealMTA(t *testing.T) {
	const readers = 30
	mta := postfixtest.Start(t, postfixtest.StartTLS("127.0.0.1"), postfixtest.Config("smtpd_tls_security_level", "encrypt"),
		postfixtest.Answer("reader3@example.org", "550 5.1.1 User unknown in virtual mailbox table"),
		postfixtest.Answer("reader4@example.org", "REJECT"))
	r := newRig(t)
	r.set("MAILER_SMTP_URL", mta.URL())
	id := r.launch(readers)
	d := r.database()

	// Nobody trusts that authority yet: the send is paused, says why, and nobody was touched.
	p := r.serve()
	r.until("the send is paused", func() bool { return r.balance(id)["state"] == "paused" })
	if b := r.balance(id); !strings.Contains(fmt.Sprint(b["reason"]), "certificate") || b["queued"].(float64)+b["claimed"].(float64) != readers {
		t.Errorf("SND-12: %v", b)
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if len(mta.Queue()) != 0 {
		t.Errorf("SND-12: postfix holds %+v", mta.Queue())
	}

	r.set("SSL_CERT_FILE", mta.RootFile())
	r.run("campaigns", "resume", id)
	r.serve()
	r.done(d, id)
	b := r.balance(id)
	r.adds(b)
	if b["accepted"].(float64) != readers-2 || b["failed"].(float64) != 2 {
		t.Errorf("balance: %v", b)
	}
	queued := map[string]string{}
	for _, m := range mta.Queue() {
		queued[m.Recipient] = m.ID
	}
	if len(queued) != readers-2 || queued["reader3@example.org"]+queued["reader4@example.org"] != "" {
		t.Errorf("postfix holds %v", queued)
	}
	for to, id := range queued {
		if got := value[string](t, d, `SELECT o.queue_id FROM outcomes o JOIN deliveries d USING (campaign_id, seq) WHERE d.recipient = $1 AND o.kind = 'accepted'`, to); got != id {
			t.Errorf("%s: on record as %q, queued as %q", to, got, id)
		}
	}
	if n := value[int](t, d, `SELECT count(*) FROM mailable WHERE wire IN ('reader3@example.org', 'reader4@example.org')`); n != 1 ||
		value[int](t, d, `SELECT count(*) FROM mailable WHERE wire = 'reader4@example.org'`) != 1 {
		t.Errorf("SND-09: %d of the two that were refused may be mailed again; one, who was blocked, should", n)
	}
	report := fmt.Sprint(r.run("campaigns", "report", id))
	for _, want := range []string{"User unknown in virtual mailbox table", "Access denied", "hard", "block"} {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not say %q: %s", want, report)
		}
	}
}
