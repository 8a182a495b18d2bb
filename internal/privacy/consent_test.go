package privacy

import (
	"strings"
	"testing"

	"mailer/internal/lang"
)

// The consent record says first who holds it, and speaks about the reader to whoever asked for it, not to the reader; numbers and
// the like stand at the end of their section.
func TestConsentRecord(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.exec(`UPDATE lists SET legal_name = 'Example Press Ltd', postal_address = E'1 High Street\nAnytown', contact = 'hello@paper.org'`)
	for tag, inOrder := range map[string][]string{
		"en": {"Kept by Example Press Ltd, 1 High Street, Anytown, hello@paper.org", "What the reader gets", "Source", "Technical", "Random place", "that the reader was shown"},
		"fr": {"Conservées par Example Press Ltd, 1 High Street, Anytown, hello@paper.org", "Ce que le lecteur reçoit", "Origine", "Données techniques", "Place aléatoire", "montrés au lecteur"},
	} {
		c, err := r.svc.Consent(t.Context(), r.identity(), lang.For(tag))
		if err != nil {
			t.Fatal(err)
		}
		var page strings.Builder
		if err := c.HTML(&page); err != nil {
			t.Fatal(err)
		}
		rest := page.String()
		for _, want := range inOrder {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Fatalf("%s: %q is not there, or not in its place:\n%s", tag, want, page.String())
			}
			rest = after
		}
		for _, word := range []string{"Your ", " your ", " you ", "You ", "Vos ", " vous "} {
			if strings.Contains(page.String(), word) {
				t.Errorf("%s: the record speaks to the reader: %q in\n%s", tag, word, page.String())
			}
		}
		var text strings.Builder
		c.Text(&text, func(s string) string { return s })
		if _, last, found := strings.Cut(text.String(), inOrder[3]); !found || !strings.Contains(last, inOrder[4]) {
			t.Errorf("%s: the text is not in order:\n%s", tag, text.String())
		}
	}
}
