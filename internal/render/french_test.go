package render

import (
	"strings"
	"testing"

	"mailer/internal/message"
)

// French has a no-break space before a colon, also where we put one between a name and what is said of it.
func TestFrenchColons(t *testing.T) {
	t.Parallel()
	c := contents()["mail of two authors"]
	c.List.Language = "fr"
	p, err := campaignPage(c, message.NewMarks("x"))
	if err != nil {
		t.Fatal(err)
	}
	v := p.Blocks[0].Stories[0]
	if got := strings.Join(v.RolesPlain, "|"); got != "Bo Chen\u00a0: Editor|Cy Dahl\u00a0: Sandholm Museum" {
		t.Errorf("the roles are %q", got)
	}
	for _, card := range v.Cards {
		if strings.Contains(card.Line, ": ") && !strings.Contains(card.Line, "\u00a0: ") {
			t.Errorf("a card says %q", card.Line)
		}
	}
	p, err = letterPage(Letter{List: c.List, Subject: "s", Heading: "Est-ce bien vous\u00a0?", Paragraphs: []string{"Le Phare\u00a0:  chaque\njour"}, Note: "Ici\u00a0:"})
	if err != nil || p.Heading != "Est-ce bien vous\u00a0?" || p.Note != "Ici\u00a0:" || p.Paragraphs[0] != "Le Phare\u00a0: chaque jour" {
		t.Errorf("a letter loses its no-break spaces: %q %q %q, %v", p.Heading, p.Paragraphs, p.Note, err)
	}
}
