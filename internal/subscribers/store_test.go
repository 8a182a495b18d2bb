package subscribers

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/dbtest"
	"mailer/internal/errs"
	"mailer/internal/links"
)

func newRing(t testing.TB, secrets ...string) *links.Ring {
	t.Helper()
	for i, s := range secrets {
		secrets[i] = s + strings.Repeat("-", 40)
	}
	ring, err := links.NewRing(secrets[0], secrets[1:])
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func newStore(t testing.TB) (*Store, *sqlx.DB) {
	t.Helper()
	d := dbtest.Open(t)
	return NewStore(d, newRing(t, "first")), d
}

func newList(t testing.TB, s *Store, slug string) List {
	t.Helper()
	l, err := s.CreateList(t.Context(), List{Slug: slug, Name: "The " + slug, FromAddress: "news@paper.org"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// reader adds a confirmed reader.
func reader(t testing.TB, s *Store, list int64, address string) Subscriber {
	t.Helper()
	added, err := s.Add(t.Context(), AddRequest{Address: address, ListID: list, Confirmed: true, Source: "test"})
	if err != nil || added.State != Confirmed {
		t.Fatalf("Add(%s) = %+v, %v", address, added, err)
	}
	return added.Subscriber
}

func stateOf(t testing.TB, s *Store, person, list int64) string {
	t.Helper()
	_, subs, err := s.Get(t.Context(), person)
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range subs {
		if sub.ListID == list {
			return sub.State
		}
	}
	return ""
}

// events returns the consent log of a person as words.
func events(t testing.TB, s *Store, person int64) string {
	t.Helper()
	log, err := s.ConsentLog(t.Context(), person)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, c := range log {
		words = append(words, c.Event+"/"+c.Method)
	}
	return strings.Join(words, " ")
}

func mailable(t testing.TB, d *sqlx.DB, list int64) []string {
	t.Helper()
	var got []string
	if err := d.SelectContext(t.Context(), &got, `SELECT address FROM mailable WHERE list_id = $1 ORDER BY address`, list); err != nil {
		t.Fatal(err)
	}
	return got
}

func count(t testing.TB, d *sqlx.DB, query string, args ...any) (n int) {
	t.Helper()
	if err := d.GetContext(t.Context(), &n, query, args...); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCheckKey(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	for i, tc := range []struct {
		secrets []string
		want    errs.Kind
	}{
		{[]string{"first"}, errs.OK}, {[]string{"first"}, errs.OK}, {[]string{"second"}, errs.Config},
		{[]string{"second", "first"}, errs.OK}, {[]string{"third", "first", "second"}, errs.Config},
	} {
		err := NewStore(d, newRing(t, tc.secrets...)).CheckKey(t.Context())
		if errs.KindOf(err) != tc.want {
			t.Errorf("start %d: %v; want kind %d", i+1, err, tc.want)
		}
		if err != nil && !strings.Contains(err.Error(), "MAILER_OLD_SECRETS") {
			t.Errorf("start %d: %v does not say what to do", i+1, err)
		}
	}
}

func TestAddOneRowPerPerson(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	// ADR: case, IDN form and Unicode form are one person.
	for _, group := range [][]string{
		{"test@example.org", "TEST@Example.ORG", " <test@example.org>"},
		{"u@bücher.de", "u@xn--bcher-kva.de", "U@BÜCHER.de", "u@bu\u0308cher.de"},
		{"a.b@gmail.com"}, {"ab@gmail.com"}, {"ab+x@gmail.com"},
	} {
		var first int64
		for i, address := range group {
			added, err := s.Add(t.Context(), AddRequest{Address: address, ListID: l.ID, Confirmed: true, Source: "test"})
			if err != nil {
				t.Fatalf("Add(%q): %v", address, err)
			}
			if i == 0 {
				first = added.Subscriber.ID
			}
			if added.Created != (i == 0) || added.Subscriber.ID != first || added.Subscriber.Address != strings.Trim(group[0], " <>") {
				t.Errorf("Add(%q) = %+v; want the person of %q", address, added, group[0])
			}
			if p, _, err := s.ByAddress(t.Context(), address); err != nil || p.ID != first {
				t.Errorf("ByAddress(%q) = %v, %v", address, p.ID, err)
			}
		}
	}
	if n := count(t, d, `SELECT count(*) FROM subscribers`); n != 5 {
		t.Errorf("%d subscribers; want 5", n)
	}
	// SND-32: the audience has each of them once.
	if got := mailable(t, d, l.ID); len(got) != 5 {
		t.Errorf("mailable: %v", got)
	}
}

func TestAddStates(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	l := newList(t, s, "daily")
	add := func(r AddRequest) Added {
		t.Helper()
		r.ListID, r.Source = l.ID, "test"
		added, err := s.Add(t.Context(), r)
		if err != nil {
			t.Fatalf("Add(%+v): %v", r, err)
		}
		return added
	}
	yes := true
	a := add(AddRequest{Address: "a@example.org", Method: MethodForm, Wording: "Yes, send me the Daily.", Network: "192.0.2.0/24"})
	if a.State != Pending || !a.NeedsConfirm || !a.Created {
		t.Errorf("signed up: %+v", a)
	}
	if a = add(AddRequest{Address: "A@example.org", Method: MethodForm, Name: "Mallory"}); a.State != Pending || !a.NeedsConfirm || a.Created || a.Subscriber.Name != "" {
		t.Errorf("signed up again: %+v; want nothing changed and a mail", a)
	}
	if a = add(AddRequest{Address: "a@example.org", Confirmed: true, Method: MethodForm}); a.State != Pending {
		t.Errorf("a form confirmed somebody: %+v", a)
	}
	if a = add(AddRequest{Address: "a@example.org", Confirmed: true, Name: "Ada", Supporter: &yes, Attributes: map[string]string{"city": "Montréal"}}); a.State != Confirmed || a.NeedsConfirm || a.Subscriber.Name != "Ada" {
		t.Errorf("confirmed by an admin: %+v", a)
	}
	a = add(AddRequest{Address: "a@example.org", Attributes: map[string]string{"plan": "print"}})
	if p := a.Subscriber; a.State != Confirmed || p.Name != "Ada" || !p.Supporter || p.Attributes["city"] != "Montréal" || p.Attributes["plan"] != "print" {
		t.Errorf("what an empty request leaves: %+v", a)
	}
	// Of the three sign-ups two had words of their own, and each of these is kept.
	if got, want := events(t, s, a.Subscriber.ID), "signed_up/form signed_up/form added/admin"; got != want {
		t.Errorf("consent log %q; want %q", got, want)
	}
	log, _ := s.ConsentLog(t.Context(), a.Subscriber.ID)
	if c := log[0]; c.Wording != "Yes, send me the Daily." || c.Source != "test" || c.Network != "192.0.2.0/24" || *c.ListID != l.ID {
		t.Errorf("evidence: %+v", c)
	}
	// ADR: role accounts confirm themselves.
	if a = add(AddRequest{Address: "postmaster@example.org", Confirmed: true}); a.State != Pending || !a.NeedsConfirm {
		t.Errorf("role account: %+v; want it pending", a)
	}
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	for name, r := range map[string]AddRequest{
		"address":             {Address: "nobody"},
		"reserved":            {Address: "u@paper.test"},
		"MSG-21 name":         {Address: "u@example.org", Name: "x\u202ey"},
		"MSG-21 NUL":          {Address: "u@example.org", Name: "x\x00y"},
		"long name":           {Address: "u@example.org", Name: strings.Repeat("x", 101)},
		"language":            {Address: "u@example.org", Language: "klingon!"},
		"attribute column":    {Address: "u@example.org", Attributes: map[string]string{"E-Mail": "x"}},
		"attribute NUL":       {Address: "u@example.org", Attributes: map[string]string{"x": "\x00"}},
		"attribute name":      {Address: "u@example.org", Attributes: map[string]string{"x\ny": "1"}},
		"attributes at large": {Address: "u@example.org", Attributes: map[string]string{"x": strings.Repeat("x", 2000)}},
	} {
		r.ListID = l.ID
		if _, err := s.Add(t.Context(), r); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v; want it refused", name, err)
		}
	}
	if _, err := s.Add(t.Context(), AddRequest{Address: "u@example.org", ListID: 999}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("unknown list: %v", err)
	}
	if _, err := d.ExecContext(t.Context(), `UPDATE lists SET archived_at = now()`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add(t.Context(), AddRequest{Address: "u@example.org", ListID: l.ID}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("archived list: %v", err)
	}
	if n := count(t, d, `SELECT count(*) FROM subscribers`); n != 0 {
		t.Errorf("%d subscribers were made", n)
	}
}

func TestAddTxGoesWithItsTransaction(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	mailFailed := errors.New("the confirm mail could not be enqueued")
	err := db.InTx(t.Context(), d, func(tx *sqlx.Tx) error {
		if _, err := s.AddTx(t.Context(), tx, AddRequest{Address: "u@example.org", ListID: l.ID}); err != nil {
			return err
		}
		return mailFailed
	})
	if !errors.Is(err, mailFailed) || count(t, d, `SELECT count(*) FROM subscribers`) != 0 {
		t.Errorf("err %v; the person must be gone with the transaction", err)
	}
}

func TestAddInParallel(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	done := make(chan error)
	for range 20 {
		go func() {
			_, err := s.Add(t.Context(), AddRequest{Address: "u@example.org", ListID: l.ID, Method: MethodForm})
			done <- err
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := count(t, d, `SELECT count(*) FROM consent_log`); n != 1 {
		t.Errorf("%d lines of evidence; want 1", n)
	}
}

// UNS-18: nobody who left or must not be mailed comes back by an admin, and each reason is told.
func TestUNS18Add(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l, other := newList(t, s, "daily"), newList(t, s, "weekly")
	for reason, how := range map[string]func(p Subscriber) error{
		ReasonUnsubscribed: func(p Subscriber) error {
			_, err := s.Leave(t.Context(), LeaveRequest{Subscriber: p.ID, List: l.ID, Method: MethodForm})
			return err
		},
		ReasonComplaint:  func(p Subscriber) error { return s.Suppress(t.Context(), d, p.ID, ReasonComplaint, "abuse", 7) },
		ReasonHardBounce: func(p Subscriber) error { return s.Suppress(t.Context(), d, p.ID, ReasonHardBounce, "550 5.1.1", 7) },
		ReasonLegal: func(p Subscriber) error {
			_, err := s.SuppressAddress(t.Context(), p.Address, ReasonLegal, "letter", "ada")
			return err
		},
	} {
		p := reader(t, s, l.ID, reason+"@example.org")
		if err := how(p); err != nil {
			t.Fatal(err)
		}
		added, err := s.Add(t.Context(), AddRequest{Address: p.Address, ListID: l.ID, Confirmed: true, Source: "fair"})
		if err != nil || !added.Suppressed || added.Reason != reason || added.Subscriber.ID != p.ID || added.NeedsConfirm {
			t.Errorf("%s: Add = %+v, %v", reason, added, err)
		}
		// Only who left one list can be put on another one.
		added, err = s.Add(t.Context(), AddRequest{Address: p.Address, ListID: other.ID, Confirmed: true, Source: "fair"})
		if err != nil || added.Suppressed != (reason != ReasonUnsubscribed) {
			t.Errorf("%s: Add to another list = %+v, %v", reason, added, err)
		}
	}
	if got := mailable(t, d, l.ID); len(got) != 0 {
		t.Errorf("mailable: %v", got)
	}
	if got := mailable(t, d, other.ID); !slices.Equal(got, []string{"unsubscribed@example.org"}) {
		t.Errorf("mailable for the other list: %v", got)
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	now := time.Now()
	s.Now = func() time.Time { return now }
	signUp := func(address string) int64 {
		t.Helper()
		added, err := s.Add(t.Context(), AddRequest{Address: address, ListID: l.ID, Method: MethodForm})
		if err != nil {
			t.Fatal(err)
		}
		return added.Subscriber.ID
	}
	confirm := func(id int64, issued time.Time) string {
		t.Helper()
		r := ConfirmRequest{Subscriber: id, List: l.ID, Issued: issued, Network: "192.0.2.0/24"}
		before, err := s.Confirming(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		after, err := s.Confirm(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if (before.Status == ConfirmOpen) != (before.Status != after.Status) {
			t.Errorf("the page said %s, the button did %s", before.Status, after.Status)
		}
		return after.Status
	}
	id := signUp("a@example.org")
	if got := confirm(id, now.Add(-ConfirmWithin-time.Second)); got != ConfirmLate || stateOf(t, s, id, l.ID) != Pending {
		t.Errorf("link of eight days: %s", got)
	}
	if got := confirm(id, now); got != ConfirmDone || stateOf(t, s, id, l.ID) != Confirmed {
		t.Errorf("fresh link: %s", got)
	}
	if got := confirm(id, now); got != ConfirmDone {
		t.Errorf("used link: %s; want the same page", got)
	}
	if got, want := events(t, s, id), "signed_up/form confirmed/confirm-link"; got != want {
		t.Errorf("consent log %q; want %q", got, want)
	}
	if _, err := s.Leave(t.Context(), LeaveRequest{Subscriber: id, List: l.ID, Method: MethodOneClick}); err != nil {
		t.Fatal(err)
	}
	if got := confirm(id, now); got != ConfirmLate || stateOf(t, s, id, l.ID) != Unsubscribed {
		t.Errorf("an old confirm mail brought back who left: %s", got)
	}
	// A new sign-up of the reader's own does; the old link stays void.
	if _, err := d.ExecContext(t.Context(), `UPDATE subscriptions SET shuffle = 42`); err != nil {
		t.Fatal(err)
	}
	if signUp("a@example.org"); stateOf(t, s, id, l.ID) != Pending {
		t.Error("a new sign-up is not pending")
	}
	if got := confirm(id, now.Add(-time.Hour)); got != ConfirmLate {
		t.Errorf("link from before the leave: %s", got)
	}
	if got := confirm(id, now); got != ConfirmDone || count(t, d, `SELECT shuffle FROM subscriptions`) != 42 {
		t.Errorf("link of the new sign-up: %s", got)
	}
	if _, err := s.Confirm(t.Context(), ConfirmRequest{Subscriber: id, List: 999, Issued: now}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("unknown list: %v", err)
	}
}

func TestConfirmAfterLeavingAll(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	one, two := newList(t, s, "one"), newList(t, s, "two")
	p := reader(t, s, one.ID, "a@example.org")
	reader(t, s, two.ID, "a@example.org")
	if _, err := s.Leave(t.Context(), LeaveRequest{Subscriber: p.ID, List: one.ID, All: true, Method: MethodForm}); err != nil {
		t.Fatal(err)
	}
	confirm := ConfirmRequest{Subscriber: p.ID, List: one.ID, Issued: time.Now()}
	confirm.Issued = time.Now().Add(-time.Hour)
	if page, err := s.Confirm(t.Context(), confirm); err != nil || page.Status != ConfirmLate {
		t.Errorf("link from before the leave: %+v, %v", page, err)
	}
	added, err := s.Add(t.Context(), AddRequest{Address: "a@example.org", ListID: one.ID, Method: MethodForm})
	if err != nil || !added.NeedsConfirm || added.Suppressed {
		t.Fatalf("signed up again: %+v, %v", added, err)
	}
	if got := mailable(t, d, one.ID); len(got) != 0 {
		t.Errorf("mailable before the confirmation: %v", got)
	}
	confirm.Issued = time.Now()
	if page, err := s.Confirm(t.Context(), confirm); err != nil || page.Status != ConfirmDone {
		t.Errorf("confirmed: %+v, %v", page, err)
	}
	if len(mailable(t, d, one.ID)) != 1 || len(mailable(t, d, two.ID)) != 0 || stateOf(t, s, p.ID, two.ID) != Unsubscribed {
		t.Error("want the confirmed list back, and only that one")
	}
}

func TestConfirmDoesNotLiftComplaints(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	added, err := s.Add(t.Context(), AddRequest{Address: "a@example.org", ListID: l.ID, Method: MethodForm})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Suppress(t.Context(), d, added.Subscriber.ID, ReasonComplaint, "", 0); err != nil {
		t.Fatal(err)
	}
	page, err := s.Confirm(t.Context(), ConfirmRequest{Subscriber: added.Subscriber.ID, List: l.ID, Issued: time.Now()})
	if err != nil || page.Status != ConfirmLate || len(mailable(t, d, l.ID)) != 0 {
		t.Errorf("Confirm = %+v, %v", page, err)
	}
	again, err := s.Add(t.Context(), AddRequest{Address: "a@example.org", ListID: l.ID, Method: MethodForm})
	if err != nil || !again.Suppressed || again.Reason != ReasonComplaint || again.NeedsConfirm {
		t.Errorf("a new sign-up: %+v, %v", again, err)
	}
}
