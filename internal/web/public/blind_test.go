package public_test

import (
	"net/url"
	"testing"
	"time"
)

// DOI-03: why the answer cannot tell where an address stands, nor its time: nothing is looked at in which that is written. With the tables
// of people out of reach a sign-up is taken as ever; what comes of it is the worker's, after the answer.
func TestDOI03Blind(t *testing.T) {
	t.Parallel()
	j := newJoining(t, nil)
	stamp := j.stamp("/subscribe/daily", 10*time.Second)
	join := func(who string) answer {
		return j.joinWith("/subscribe/daily", url.Values{"address": {who}, "stamp": {stamp}})
	}
	want := join("aa@example.org")
	people := []string{"subscribers", "subscriptions", "suppressions", "consent_log", "confirm_asks", "outbox", "merged_subscribers", "consent_kept"}
	for _, table := range people {
		j.exec(`ALTER TABLE ` + table + ` RENAME TO hidden_` + table)
	}
	if got := join("bb@example.org"); got.status != want.status || len(got.body) != len(want.body) || j.waiting() != 2 {
		t.Errorf("%d with %d octets, %d wait; want %d with %d\n%s", got.status, len(got.body), j.waiting(), want.status, len(want.body), got.body)
	}
	for _, table := range people {
		j.exec(`ALTER TABLE hidden_` + table + ` RENAME TO ` + table)
	}
	if j.work(); j.confirms() != 2 {
		t.Errorf("%d mails; want 2", j.confirms())
	}
}
