package campaigns

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/smtptest"
)

// goOf is what a person says who types the number that they are shown.
func (r *room) goOf(id int64) Go {
	r.t.Helper()
	ready, err := NewSends(r.Service).Ready(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return Go{Who: "ed", Typed: thousands(ready.Readers), Shown: ready.Readers, Content: ready.Content}
}

// SEC-26: nothing starts until a person has typed the number of readers, and a double click is one start.
func TestTypedStart(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	r.reader("basil@example.com", true)
	sends := NewSends(r.Service)
	right := r.goOf(c.ID)
	if right.Shown != 2 {
		t.Fatalf("%+v", right)
	}
	for name, change := range map[string]func(*Go){
		"nothing typed":           func(g *Go) { g.Typed = "" },
		"another number":          func(g *Go) { g.Typed = "20" },
		"a word":                  func(g *Go) { g.Typed = "all" },
		"an old number":           func(g *Go) { g.Typed, g.Shown = "981000", 981000 },
		"what nobody looked at":   func(g *Go) { g.Content = "" },
		"other content":           func(g *Go) { g.Content = strings.Repeat("ab", 32) },
		"not even a person's act": func(g *Go) { g.Who = "" },
	} {
		t.Run("SEC-26 "+name, func(t *testing.T) {
			g := right
			change(&g)
			if _, err := sends.Start(t.Context(), c.ID, g); errs.KindOf(err) != errs.Invalid && errs.KindOf(err) != errs.Conflict {
				t.Errorf("%v", err)
			}
			if n := r.number(`SELECT count(*) FROM sends`); n != 0 {
				t.Fatalf("it was started with %+v", g)
			}
		})
	}
	t.Run("SEC-26 double click", func(t *testing.T) {
		nodes := []*Sends{sends, NewSends(r.another())}
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				if _, err := nodes[i%2].Start(t.Context(), c.ID, right); err != nil {
					t.Errorf("start: %v", err)
				}
			})
		}
		wg.Wait()
		if n := r.number(`SELECT count(*) FROM sends`); n != 1 {
			t.Errorf("%d sends", n)
		}
		if n := r.number(`SELECT count(*) FROM audit_log WHERE action = 'campaign.start'`); n != 1 {
			t.Errorf("%d starts in the audit log", n)
		}
	})
}

// Late joiners of a campaign get it once, when a person has typed how many they are; two clicks add them once.
func TestAddLate(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move")
	sends := NewSends(r.Service)
	s := smtptest.Start(t)
	r.start(c.ID)
	r.wantSent(r.mail(s, "Cranes move"), map[string]string{"ada@example.com": "Cranes move"})
	if n, err := sends.Late(t.Context(), c.ID); n != 0 || err != nil {
		t.Errorf("late joiners: %d, %v", n, err)
	}
	r.set(time.Now().UTC().Format("2006-01-02 15:04")) // who joins by hand joins now
	r.reader("late@example.com", false)
	n, err := sends.Late(t.Context(), c.ID)
	if n != 1 || err != nil {
		t.Fatalf("late joiners: %d, %v", n, err)
	}
	if _, err := sends.AddLate(t.Context(), c.ID, Go{Who: "ed", Typed: "7", Shown: 1}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("another number: %v", err)
	}
	var wg sync.WaitGroup
	added := make(chan int64, 2)
	for range 2 {
		wg.Go(func() {
			n, err := sends.AddLate(t.Context(), c.ID, Go{Who: "ed", Typed: "1", Shown: 1})
			if err != nil && errs.KindOf(err) != errs.Conflict {
				t.Error(err)
			}
			added <- n
		})
	}
	wg.Wait()
	if a, b := <-added, <-added; a+b != 1 {
		t.Errorf("added %d and %d", a, b)
	}
	r.wantSent(r.mail(s, "Cranes move"), map[string]string{"late@example.com": "Cranes move"})
	if n := r.number(`SELECT count(*) FROM audit_log WHERE action = 'campaign.late' AND actor = 'ed'`); n != 1 {
		t.Errorf("%d entries in the audit log", n)
	}
}

// SEC-26: what test copies go to can never be the whole list: a group names people one by one, and few of them.
func TestTestListIsNotTheList(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move")
	var all []string
	for i := range maxProofs + 1 {
		all = append(all, fmt.Sprintf("reader%d@example.com", i))
		r.reader(all[i], false)
	}
	for name, addresses := range map[string][]string{
		"every reader":         all,
		"in one line":          {strings.Join(all, ", ")},
		"the list by its name": {r.list.Slug},
		"nobody":               {},
	} {
		t.Run("SEC-26 "+name, func(t *testing.T) {
			if g, err := r.Reviews.SaveGroup(t.Context(), ProofGroup{Name: "Everybody", Addresses: addresses}, "ed"); errs.KindOf(err) != errs.Invalid {
				t.Errorf("a group %+v: %v", g, err)
			}
			if n, err := r.Reviews.SendProofs(t.Context(), c.ID, ProofRequest{Addresses: addresses}, "ed"); errs.KindOf(err) != errs.Invalid {
				t.Errorf("proofs to %d: %v", n, err)
			}
		})
	}
	g, err := r.Reviews.SaveGroup(t.Context(), ProofGroup{Name: "Editors", Addresses: all[:maxProofs]}, "ed")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Reviews.SendProofs(t.Context(), c.ID, ProofRequest{Group: g.ID, Addresses: all[maxProofs:]}, "ed"); errs.KindOf(err) != errs.Invalid {
		t.Errorf("SEC-26: a group and some more: %v", err)
	}
	if n := r.number(`SELECT count(*) FROM outbox WHERE kind = 'proof'`) + r.number(`SELECT count(*) FROM sends`); n != 0 {
		t.Errorf("SEC-26: %d mails", n)
	}
}
