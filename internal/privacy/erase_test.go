package privacy

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/transfer"
)

// left are the tables that still name the reader by number.
func (r *rig) left(number int64) (names []string) {
	r.Helper()
	var columns []struct {
		Table  string `db:"table_name"`
		Column string `db:"column_name"`
	}
	if err := r.db.SelectContext(r.Context(), &columns, `SELECT table_name, column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND column_name ~ '^(subscriber_id|into_id|numbers)$'`); err != nil {
		r.Fatal(err)
	}
	all := r.tables()
	for _, c := range columns {
		where := c.Column + ` = $1`
		if c.Column == "numbers" {
			where = `$1 = ANY(numbers)`
		}
		if slices.Contains(all, c.Table) && r.count(`SELECT count(*) FROM `+c.Table+` WHERE `+where, number) > 0 {
			names = append(names, c.Table)
		}
	}
	slices.Sort(names)
	return names
}

// later is when an erasure may be ended.
func (r *rig) later() {
	r.Helper()
	r.exec(`UPDATE erasures SET asked_at = asked_at - interval '2 hours', erased_at = erased_at - interval '2 hours'`)
	if _, n, err := r.svc.Resume(r.Context()); err != nil || n == 0 {
		r.Fatalf("%d ended, %v", n, err)
	}
}

// SEC-27: nothing that names the reader is left anywhere in the database, counts stay, and what stays is findable by hash alone.
func TestErase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.seed()
	if before := r.holding("quince"); len(before) < 9 {
		t.Fatalf("only %v: the test does not test what it says", before)
	}
	id := r.identity()
	r.erase()
	if left := r.holding("quince"); len(left) > 0 {
		t.Errorf("still named in %v", left)
	}
	if left := r.left(id.ID); !slices.Equal(left, []string{"erasures", "leaves"}) {
		t.Errorf("still numbered in %v", left)
	}
	// A bounce, a line of somebody who was slow, a mail that was being worked off: they came while it went on.
	r.exec(`UPDATE outcomes SET reply = 'late: quince'`)
	r.exec(`INSERT INTO inbound (kind, subscriber_id, data) VALUES ('bounce', $1, 'quince')`, id.ID)
	r.exec(`INSERT INTO consent_log (subscriber_id, event, method, source) VALUES ($1, 'suppressed', 'bounce', 'quince')`, id.ID)
	r.later()
	if left := r.holding("quince"); len(left) > 0 {
		t.Errorf("after all named in %v", left)
	}
	if left := r.left(id.ID); !slices.Equal(left, []string{"leaves"}) { // for sends that run; it goes with time
		t.Errorf("after all numbered in %v", left)
	}
	if r.count(`SELECT count(*) FROM deliveries`) != 2 || r.count(`SELECT count(*) FROM outcomes WHERE kind = 'accepted'`) != 2 {
		t.Error("counts have changed")
	}
	if n := r.count(`SELECT count(*) FROM suppressions WHERE address_hash = $1 AND address IS NULL AND detail = ''`, id.Hash); n != 2 {
		t.Errorf("%d suppressions by hash; want hard_bounce and unsubscribed", n)
	}
	if n := r.count(`SELECT count(*) FROM audit_log WHERE action = 'reader.erase' AND actor = 'reader'`); n != 1 {
		t.Errorf("%d audit lines", n)
	}
	if n := r.count(`SELECT count(*) FROM erasures WHERE finished_at IS NOT NULL AND address_hash IS NULL AND addresses = '{}' AND seqs = '{}'`); n != 1 {
		t.Error("the job has not forgotten what it knew")
	}
}

// Evidence of how the reader had agreed stays for a while under the hash, without what could name them, and can be found by whoever
// knows the address.
func TestEvidenceOutlivesErasure(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.seed()
	r.erase()
	id, err := r.subs.Records().FindAddress(t.Context(), "jane.QUINCE@example.org")
	if err != nil || id.ID != 0 {
		t.Fatalf("%+v, %v", id, err)
	}
	rec, err := r.subs.Records().Of(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var events []string
	for _, k := range rec.Kept {
		events = append(events, k.Event+"/"+k.Wording+"/"+k.Source)
	}
	for _, want := range []string{"added/Send me The Daily./book fair", "signed_up/wording of a form/"} { // its source had an address in it
		if !slices.Contains(events, want) {
			t.Errorf("%q is not in %q", want, events)
		}
	}
	other := newRig(t)
	other.svc.Keep.Evidence = 0
	other.erase()
	if n := other.count(`SELECT count(*) FROM consent_kept`); n != 0 {
		t.Errorf("%d lines of evidence are kept where none is to be", n)
	}
	r.exec(`UPDATE consent_kept SET erased_at = now() - interval '1097 days'`)
	if err := r.svc.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.count(`SELECT count(*) FROM consent_kept`); n != 0 {
		t.Errorf("%d lines of evidence are kept for ever", n)
	}
}

// UNS-10, SEC-27: an import does not bring an erased reader back, a sign-up of their own does, as somebody new; and the end of the
// erasure takes nothing from the new one.
func TestAfterErasure(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.identity()
	r.erase()
	if added := r.add("jane.quince@example.org", subscribers.AddRequest{Confirmed: true, Source: "an old file"}); !added.Suppressed || added.Subscriber.ID != 0 {
		t.Errorf("brought back by hand: %+v", added)
	}
	report, err := transfer.NewStore(r.db, r.subs).Import(t.Context(), transfer.ImportRequest{R: strings.NewReader("email\njane.quince@example.org\n"), ListID: r.list.ID, Confirmed: true, Source: "an old file", FileName: "old.csv"}, nil)
	if err != nil || report.Suppressed != 1 || report.Added != 0 {
		t.Errorf("brought back by an import: %+v, %v", report, err)
	}
	if n := r.count(`SELECT count(*) FROM subscribers`); n != 0 {
		t.Fatalf("%d subscribers", n)
	}
	fresh := r.add("Jane.Quince@example.org", subscribers.AddRequest{Method: subscribers.MethodForm})
	if fresh.Suppressed || !fresh.NeedsConfirm || fresh.Subscriber.ID == id.ID || fresh.Subscriber.Name != "" || len(fresh.Subscriber.Attributes) > 0 {
		t.Fatalf("signed up anew: %+v", fresh)
	}
	r.exec(`INSERT INTO outbox (dedupe_key, kind, envelope_from, recipient, data, created_at)
		VALUES ('new', 'confirm', 'b@paper.org', 'Jane.Quince@example.org', 'please confirm', now() - interval '1 hour')`)
	r.later()
	if n := r.count(`SELECT count(*) FROM outbox`) + r.count(`SELECT count(*) FROM subscriptions WHERE state = 'pending'`) +
		r.count(`SELECT count(*) FROM consent_log WHERE event = 'signed_up'`); n != 3 {
		t.Error("the end of the erasure took something from the new reader")
	}
	page, err := r.subs.Confirm(t.Context(), subscribers.ConfirmRequest{Subscriber: fresh.Subscriber.ID, List: r.list.ID, Issued: r.subs.Now()})
	if err != nil || page.Status != subscribers.ConfirmDone || r.count(`SELECT count(*) FROM mailable`) != 1 {
		t.Errorf("%+v, %v; mailable %d", page, err, r.count(`SELECT count(*) FROM mailable`))
	}
}

// An erasure that breaks off stops all mail, is gone on with by anybody, and ends as if nothing had happened; two at once are one.
func TestEraseBrokenOff(t *testing.T) {
	t.Parallel()
	for table, when := range map[string]string{"deliveries": "UPDATE", "outbox": "DELETE", "inbound": "DELETE", "subscribers": "DELETE", "consent_kept": "INSERT"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.seed()
			id := r.identity()
			r.exec(`CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
				CREATE TRIGGER broken BEFORE ` + when + ` ON ` + table + ` FOR EACH ROW EXECUTE FUNCTION broken()`)
			begun, err := r.svc.Erase(t.Context(), id, ByReader)
			if !begun || err == nil {
				t.Fatalf("begun %v, %v: the test does not test what it says", begun, err)
			}
			if n := r.count(`SELECT count(*) FROM mailable`); n != 0 {
				t.Error("the reader is still mailed")
			}
			if n, _, err := r.svc.Resume(t.Context()); err == nil || n != 1 {
				t.Errorf("%d resumed, %v", n, err)
			}
			r.exec(`DROP TRIGGER broken ON ` + table)
			// Somebody, the reader perhaps, has asked for mail to this address since.
			r.exec(`INSERT INTO outbox (dedupe_key, kind, envelope_from, recipient, data) VALUES ('since', 'confirm', 'b@paper.org', 'jane.quince@example.org', 'x')`)
			if n, _, err := r.svc.Resume(t.Context()); err != nil || n != 1 {
				t.Errorf("%d resumed, %v", n, err)
			}
			if left := r.holding("quince"); !slices.Equal(left, []string{"outbox"}) || r.count(`SELECT count(*) FROM outbox`) != 1 {
				t.Errorf("named in %v; want the new mail, and nothing else", left)
			}
			if n, _, err := r.svc.Resume(t.Context()); err != nil || n != 0 {
				t.Errorf("%d resumed once more, %v", n, err)
			}
			if n := r.count(`SELECT count(*) FROM erasures`); n != 1 {
				t.Errorf("%d jobs", n)
			}
		})
	}
}

func TestEraseTwiceAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.seed()
	id := r.identity()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if begun, err := r.svc.Erase(r.Context(), id, ByReader); !begun || err != nil {
				t.Errorf("%v, %v", begun, err)
			}
		})
	}
	all.Wait()
	if left := r.holding("quince"); len(left) > 0 {
		t.Errorf("still named in %v", left)
	}
	if n := r.count(`SELECT count(*) FROM consent_kept WHERE event = 'added'`); n != 1 {
		t.Errorf("%d lines of one consent", n)
	}
}

// An address that is no subscriber's can be erased too: an operator's suppression list knows more people than subscribers.
func TestEraseAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.subs.SuppressAddress(t.Context(), "other@example.com", subscribers.ReasonManual, "other@example.com called", "ed"); err != nil {
		t.Fatal(err)
	}
	id, err := r.subs.Records().FindAddress(t.Context(), "Other@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if begun, err := r.svc.Erase(t.Context(), id, "ed"); !begun || err != nil {
		t.Fatalf("%v, %v", begun, err)
	}
	if left := r.holding("other@example.com"); len(left) > 0 {
		t.Errorf("still named in %v", left)
	}
	if added := r.add("other@example.com", subscribers.AddRequest{Confirmed: true, Source: "x"}); !added.Suppressed {
		t.Error("it can be added again")
	}
	if _, err := r.subs.Records().Find(t.Context(), 999); errs.KindOf(err) != errs.NotFound {
		t.Errorf("%v", err)
	}
}

// Evidence is append-only but for the network, which may only become less.
func TestOnlyTheNetworkBecomesLess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`INSERT INTO consent_log (subscriber_id, event, method, network) VALUES ($1, 'signed_up', 'form', '203.0.113.77')`, r.person.ID)
	for query, ok := range map[string]bool{
		`UPDATE consent_log SET network = '203.0.113.0/24' WHERE network <> ''`:  true,
		`UPDATE consent_log SET network = '203.0.112.0/22' WHERE network <> ''`:  true,
		`UPDATE consent_log SET network = ''`:                                    true,
		`UPDATE consent_log SET network = '203.0.113.78' WHERE network <> ''`:    false,
		`UPDATE consent_log SET network = '198.51.100.0/24' WHERE network <> ''`: false,
		`UPDATE consent_log SET network = 'x' WHERE network = ''`:                false,
		`UPDATE consent_log SET wording = 'x'`:                                   false,
		`UPDATE consent_log SET network = '', at = now()`:                        false,
		`UPDATE consent_log SET subscriber_id = 5`:                               false,
		`TRUNCATE consent_log`:                                                   false,
	} {
		tx := r.db.MustBegin()
		if _, err := tx.Exec(query); (err == nil) != ok {
			t.Errorf("%s: %v", query, err)
		}
		_ = tx.Rollback()
	}
}
