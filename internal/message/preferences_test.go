package message_test

import (
	"strings"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/links"
	"mailer/internal/message"
)

// The link to the preferences is a slot of its own, with a token that is not the one to leave.
func TestPreferencesSlot(t *testing.T) {
	const base = "https://news.example.org/p/"
	d := draft(t)
	slot := base + d.Marks.Slot(message.SlotPreferences, "proof")
	d.Text += "Preferences: " + slot + "\n"
	d.HTML = strings.Replace(d.HTML, "</body>", `<p><a href="`+slot+`">Preferences</a></p><!--[if mso]><a href="`+slot+`">x</a><![endif]--></body>`, 1)
	if !strings.Contains(d.HTML, slot) {
		t.Fatal("the draft has no end to put the link before")
	}
	r := reader(t, 99, 7)
	plain := parse(t, build(t, draft(t), r))
	r.PreferencesToken = ring(t).PreferencesToken("", links.Preferences{Subscriber: 7, List: 1, Campaign: 99})
	if p := parse(t, build(t, draft(t), r)); p.text != plain.text || p.html != plain.html {
		t.Error("a message without the slot shows the token")
	}
	p := parse(t, build(t, d, r))
	if !strings.Contains(p.text, "Preferences: "+base+r.PreferencesToken+"\n") || strings.Count(p.html, `href="`+base+r.PreferencesToken+`"`) != 2 {
		t.Errorf("the link is not whole:\n%s\n%s", p.text, p.html)
	}
	if strings.Contains(p.html, base+r.LeaveToken) {
		t.Error("the token to leave stands in the link to the preferences")
	}
	r.PreferencesToken = ""
	if p = parse(t, build(t, d, r)); !strings.Contains(p.text, base+"proof\n") || !strings.Contains(p.html, `href="`+base+`proof"`) {
		t.Error("without a token the fallback is not there")
	}
	c := compile(t, d)
	for name, token := range map[string]string{"line end": "a\r\nX: b", "too long": strings.Repeat("a", 65), "quote": `a"b`} {
		r.PreferencesToken = token
		if _, err := c.Append(nil, r); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, html := range map[string]string{"alt": `<img alt="` + slot + `">`, "unquoted": `<a href=` + slot + `>x</a>`, "style": `<style>` + slot + `</style>`} {
		bad := d
		bad.HTML = strings.Replace(d.HTML, "</body>", html+"</body>", 1)
		if _, err := message.Compile(bad); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
