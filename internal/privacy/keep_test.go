package privacy

import (
	"strings"
	"testing"
	"time"

	"mailer/internal/subscribers"
)

func (r *rig) tidy() {
	r.Helper()
	if err := r.svc.Tidy(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// standing is where a reader stands with the list; empty when there is no such subscription.
func (r *rig) standing(address string) string {
	r.Helper()
	var state []string
	if err := r.db.SelectContext(r.Context(), &state, `SELECT sn.state FROM subscriptions sn JOIN subscribers s ON s.id = sn.subscriber_id
		WHERE s.canonical = $1 AND sn.list_id = $2`, address, r.list.ID); err != nil {
		r.Fatal(err)
	}
	return strings.Join(state, " ")
}

// DOI-06: a sign-up that nobody confirmed is gone after 30 days, with the person when nothing else is known of them, and was reminded of
// never. Whoever had left before is as left as they were.
func TestPendingArePurged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	form := subscribers.AddRequest{Method: subscribers.MethodForm, Wording: "Send me The Daily.", Network: "203.0.113.5"}
	r.add("old@example.org", form)
	r.add("young@example.org", form)
	left := r.add("left@example.org", subscribers.AddRequest{Confirmed: true, Source: "x"}).Subscriber
	if _, err := r.subs.Leave(t.Context(), subscribers.LeaveRequest{Subscriber: left.ID, List: r.list.ID, Method: subscribers.MethodForm}); err != nil {
		t.Fatal(err)
	}
	r.add("left@example.org", form) // again, and then not confirmed
	other, err := r.subs.CreateList(t.Context(), subscribers.List{Slug: "weekly", Name: "The Weekly", FromAddress: "news@paper.org"})
	if err != nil {
		t.Fatal(err)
	}
	both := r.add("both@example.org", form).Subscriber
	if _, err := r.subs.Add(t.Context(), subscribers.AddRequest{Address: "both@example.org", ListID: other.ID, Confirmed: true, Source: "x"}); err != nil {
		t.Fatal(err)
	}
	if got := r.standing("left@example.org"); got != subscribers.Pending {
		t.Fatalf("left@ is %q", got)
	}
	asked := func(days int, but string) {
		t.Helper()
		r.exec(`UPDATE subscriptions SET created_at = now() - $1 * interval '1 day'
			WHERE state = 'pending' AND subscriber_id NOT IN (SELECT id FROM subscribers WHERE canonical = $2)`, days, but)
		r.exec(`ALTER TABLE consent_log DISABLE TRIGGER USER`)
		r.exec(`UPDATE consent_log SET at = now() - $1 * interval '1 day' WHERE event = 'signed_up'`, days)
		r.exec(`ALTER TABLE consent_log ENABLE TRIGGER USER`)
	}
	asked(29, "")
	r.tidy()
	if n := r.count(`SELECT count(*) FROM subscriptions WHERE state = 'pending'`); n != 4 {
		t.Fatalf("DOI-06: after 29 days %d of 4 wait", n)
	}
	asked(31, "young@example.org")
	r.add("again@example.org", form)
	asked(31, "young@example.org")
	r.add("again@example.org", form) // once more today: the mail of today has a link that works for a week
	r.tidy()
	for address, want := range map[string]string{"old@example.org": "", "young@example.org": subscribers.Pending, "left@example.org": subscribers.Unsubscribed,
		"both@example.org": "", "again@example.org": subscribers.Pending, "jane.quince@example.org": subscribers.Confirmed} {
		if got := r.standing(address); got != want {
			t.Errorf("DOI-06: %s is %q, want %q", address, got, want)
		}
	}
	if left := r.holding("old@example.org"); len(left) > 0 {
		t.Errorf("DOI-06: still named in %v", left)
	}
	if n := r.count(`SELECT count(*) FROM subscribers WHERE id = $1`, both.ID); n != 1 {
		t.Error("who is on another list is gone")
	}
	if n := r.count(`SELECT count(*) FROM consent_log c WHERE NOT EXISTS (SELECT FROM subscribers s WHERE s.id = c.subscriber_id)`); n != 0 {
		t.Errorf("%d lines of evidence about nobody", n)
	}
	if added := r.add("left@example.org", subscribers.AddRequest{Confirmed: true, Source: "an old file"}); !added.Suppressed {
		t.Error("who had left can be brought back after the purge")
	}
	if n := r.count(`SELECT count(*) FROM outbox`); n != 0 {
		t.Errorf("DOI-06: %d reminders", n)
	}
	if log := r.log.String(); !strings.Contains(log, `what="pending sign-ups" rows=3`) {
		t.Errorf("the log does not say what went:\n%s", log)
	}
}

// SEC-28: networks become shorter and then go, whatever was noted; letters, mails that came back and evidence of erased readers go; each
// is logged with its count.
func TestRetention(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for network, days := range map[string]int{"203.0.113.77": 31, "198.51.100.0/24": 31, "2001:db8:7:8::9": 31, "192.0.2.1": 29, "nonsense": 31, "10.0.0.0/8": 31,
		"192.0.2.200": 366, "192.0.2.0/24": 366} {
		r.exec(`INSERT INTO consent_log (subscriber_id, event, method, source, network, at) VALUES ($1, 'signed_up', 'form', $2, $2, now() - $3 * interval '1 day')`,
			r.person.ID, network, days)
	}
	for _, days := range []int{29, 31} {
		r.exec(`INSERT INTO outbox (dedupe_key, kind, envelope_from, recipient, data, state, finished_at) VALUES ($1::int || ' days', 'letter', 'b@p.org', 'x@example.org', '', 'accepted', now() - $1::int * interval '1 day')`, days)
		r.exec(`INSERT INTO inbound (kind, subscriber_id, data, received_at, handled_at) VALUES ('bounce', 1, '', now() - $1 * interval '1 day', now())`, days)
		r.exec(`INSERT INTO address_changes (subscriber_id, list_id, old_canonical, address, canonical, wire, provider, created_at) VALUES ($2, 1, 'a@example.org', 'x', 'x', 'x', 'x', now() - $1 * interval '1 day')`, days, r.person.ID)
		r.exec(`INSERT INTO confirm_asks (subscriber_id, lists, created_at) VALUES ($2, '{1}', now() - $1 * interval '1 day')`, days, r.person.ID)
	}
	r.exec(`INSERT INTO outbox (dedupe_key, kind, envelope_from, recipient, data, created_at) VALUES ('waits', 'letter', 'b@p.org', 'x@example.org', 'x', now() - interval '90 days')`)
	r.exec(`INSERT INTO leaves (subscriber_id, at) VALUES (1, now() - interval '31 days'), (1, now() - interval '29 days')`)
	for n, days := range []int{89, 91} {
		r.exec(`INSERT INTO campaigns (id, list_id, edition, name, template, subject, state, launched_at, approved_hash) OVERRIDING SYSTEM VALUE
			VALUES ($1, 1, 'manual-' || $1::bigint, 'x', 'digest', 'x', 'launched', now() - $2 * interval '1 day', '')`, n+1, days)
		r.exec(`INSERT INTO campaign_revisions (campaign_id, first_version, version, account, begun_at, at, what, content) VALUES ($1, 1, 1, 'ed@example.org', now(), now(), 'x', '{}')`, n+1)
	}
	r.tidy()
	var rows []struct {
		Source  string `db:"source"`
		Network string `db:"network"`
	}
	if err := r.db.SelectContext(t.Context(), &rows, `SELECT source, network FROM consent_log WHERE event = 'signed_up'`); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"203.0.113.77": "203.0.113.0/24", "198.51.100.0/24": "198.51.100.0/24", "2001:db8:7:8::9": "2001:db8:7::/48", "192.0.2.1": "192.0.2.1",
		"nonsense": "", "10.0.0.0/8": "", "192.0.2.200": "", "192.0.2.0/24": ""}
	for _, row := range rows {
		if row.Network != want[row.Source] {
			t.Errorf("%s became %q, want %q", row.Source, row.Network, want[row.Source])
		}
	}
	for table, left := range map[string]int64{"outbox": 2, "inbound": 1, "address_changes": 1, "confirm_asks": 1, "leaves": 1, "campaign_revisions": 1} {
		if n := r.count(`SELECT count(*) FROM ` + table); n != left {
			t.Errorf("%d left in %s, want %d", n, table, left)
		}
	}
	log := r.log.String()
	for _, line := range []string{`what=letters rows=1`, `what="full networks" rows=`, `what=networks rows=2`, `what="histories of campaigns" rows=1`, `what="mails that came back" rows=1`} {
		if !strings.Contains(log, line) {
			t.Errorf("the log does not say %s:\n%s", line, log)
		}
	}
	before := len(r.log.String())
	r.tidy()
	if again := r.log.String()[before:]; again != "" {
		t.Errorf("a second run finds something more:\n%s", again)
	}
}

// Many are done in small steps, and what one rule breaks on does not keep the others.
func TestRetentionInSteps(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`INSERT INTO outbox (dedupe_key, kind, envelope_from, recipient, data, state, finished_at)
		SELECT 'n' || n, 'letter', 'b@p.org', 'x@example.org', '', 'accepted', now() - interval '40 days' FROM generate_series(1, $1) n`, 2*batch+5)
	r.exec(`CREATE TABLE steps (rows bigint); CREATE FUNCTION count_step() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN INSERT INTO steps SELECT count(*) FROM gone; RETURN NULL; END $$;
		CREATE TRIGGER step AFTER DELETE ON outbox REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION count_step();
		CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
		CREATE TRIGGER broken BEFORE DELETE ON confirm_asks FOR EACH ROW EXECUTE FUNCTION broken()`)
	r.exec(`INSERT INTO confirm_asks (subscriber_id, lists, created_at) VALUES ($1, '{1}', now() - interval '40 days')`, r.person.ID)
	if err := r.svc.Tidy(t.Context()); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("%v: the test does not test what it says", err)
	}
	if n := r.count(`SELECT count(*) FROM outbox`); n != 0 {
		t.Errorf("%d letters are left", n)
	}
	if n := r.count(`SELECT count(*) FROM steps WHERE rows <= $1`, batch); n != 3 {
		t.Errorf("%d steps, want 3 of at most %d", n, batch)
	}
}

// What is kept longer or shorter is as configured.
func TestKeepAsConfigured(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.svc.Keep.Networks, r.svc.Keep.FullNetworks = 0, 0
	r.svc.Now = func() time.Time { return time.Now().Add(time.Minute) }
	r.exec(`INSERT INTO consent_log (subscriber_id, event, method, network) VALUES ($1, 'signed_up', 'form', '203.0.113.77')`, r.person.ID)
	r.tidy()
	if n := r.count(`SELECT count(*) FROM consent_log WHERE network <> ''`); n != 0 {
		t.Error("a network is kept that was not to be kept at all")
	}
}

// DOI-08: the end of an implied consent is noted once, and once more when it was renewed and ends again.
func TestExpiredConsentIsNoted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	note := func(want int64) {
		t.Helper()
		for range 2 {
			if err := r.svc.NoteExpired(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := r.count(`SELECT count(*) FROM consent_log WHERE subscriber_id = $1 AND list_id = $2 AND event = 'expired' AND method = 'schedule'`, r.person.ID, r.list.ID); n != want {
			t.Errorf("noted %d times, want %d", n, want)
		}
		if n := r.count(`SELECT count(*) FROM leaves`); n != want {
			t.Errorf("running sends were told %d times, want %d", n, want)
		}
	}
	r.exec(`UPDATE subscriptions SET expires_at = now() + interval '1 hour'`)
	note(0)
	r.exec(`UPDATE subscriptions SET expires_at = now() - interval '1 second'`)
	note(1)
	if r.standing("jane.quince@example.org") != subscribers.Confirmed {
		t.Error("a consent that can be renewed was ended for good")
	}
	r.exec(`UPDATE subscriptions SET expires_at = now() + interval '1 hour'`)
	note(1)
	r.exec(`UPDATE subscriptions SET expires_at = now() - interval '1 second'`)
	note(2)
}
