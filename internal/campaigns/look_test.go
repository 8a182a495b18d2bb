package campaigns

import (
	"strings"
	"testing"

	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// A list's look is shown on a mail of its own before it is saved, and on the newest stories where it has none yet.
func TestLooks(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-22 06:00")
	k := NewLooks(r.Service)
	l := r.list
	l.AccentColour, l.TypeFace = "#8c1c13", "clean"
	mail, err := k.Mail(t.Context(), l)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	if !strings.Contains(mail.HTML, "#8c1c13") || strings.Contains(mail.HTML, "Georgia") {
		t.Error("the mail does not look as the list says")
	}
	mail, err = k.Appeal(t.Context(), l, render.Appeal{Heading: "Keep the <lights> on", Body: "We are paid by **readers**.", Button: "Join", URL: "https://www.example.org/join"})
	if err != nil || !strings.Contains(mail.HTML, "Keep the &lt;lights&gt; on") || !strings.Contains(mail.HTML, "https://www.example.org/join") {
		t.Errorf("the appeal: %v\n%s", err, mail.HTML)
	}
	if _, err := k.Mail(t.Context(), subscribers.List{Name: "x", TimeZone: "nowhere"}); err == nil {
		t.Error("a list without anything was shown")
	}
}
