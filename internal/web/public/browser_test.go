package public_test

import (
	"fmt"
	"testing"
	"time"

	"mailer/internal/browsertest"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// UNS-15: the pages in a real browser without script, at 320 and 1280 px, light and dark: nothing to scroll sideways, text
// that can be read, buttons large enough, all of it by keyboard.
func TestUNS15Browser(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.db.ExecContext(t.Context(), `UPDATE lists SET name = 'The Quayside Courier Weekday Briefing'`); err != nil {
		t.Fatal(err)
	}
	added, err := r.store.Add(t.Context(), subscribers.AddRequest{Address: "n.name@a-rather-long-domain-of-some-institution.example.org", ListID: r.list.ID, Method: subscribers.MethodForm})
	if err != nil {
		t.Fatal(err)
	}
	confirm := "/c/" + r.ring.ConfirmToken(r.ring.Current(), links.Confirm{Subscriber: added.Subscriber.ID, List: r.list.ID, Issued: time.Now()})
	leave := "/u/" + r.token
	b := browsertest.Open(t)
	for _, width := range []int64{320, 1280} {
		b.Width(width)
		for _, scheme := range []string{"light", "dark"} {
			b.Scheme(scheme)
			look := func(name string) { b.Look(fmt.Sprintf("%s-%d-%s", name, width, scheme)) }
			press := func(value string) { b.Press(fmt.Sprintf(`button[value=%q]`, value)) }
			b.Go(r.base + leave)
			look("leave")
			press("list")
			if r.state() != subscribers.Unsubscribed {
				t.Fatal("the button did not unsubscribe")
			}
			look("left")
			press("all")
			look("left-all")
			press("undo")
			if r.state() != subscribers.Confirmed {
				t.Fatal("the button did not undo")
			}
			look("undone")
			b.Go(r.base + confirm)
			look("confirm")
			b.Go(r.base + "/u/nothing")
			look("invalid")
		}
	}
	b.Width(320)
	b.Go(r.base + confirm)
	b.Press("button[value=confirm]")
	if forms := browsertest.Ask[int](b, `document.querySelectorAll('form').length`); forms > 0 {
		t.Fatal("the button did not confirm")
	}
	b.Look("confirmed-320-dark")
}
