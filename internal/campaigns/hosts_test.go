package campaigns

import (
	"strings"
	"testing"

	"mailer/internal/render"
)

// MSG-26: links to hosts that nobody chose for this mail are shown to whoever approves it, and stop nothing; a link that pretends to
// lead elsewhere, a bare IP address, a shortener or a script never becomes a link.
func TestPreflightHosts(t *testing.T) {
	t.Parallel()
	r, c := waiting(t, "Cranes move", "Ferry late")
	edit := func(text string) []Problem {
		t.Helper()
		now := r.get(c.ID)
		blocks := append(waitingBlocks(r, c.ID), render.Block{Kind: render.KindText, Text: text})
		if _, err := r.Edit(t.Context(), c.ID, Edit{Version: now.Version, Preheader: ptr("A preheader that is long enough to be shown beside the subject."), Blocks: blocks}, "ed"); err != nil {
			t.Fatal(err)
		}
		problems, err := r.Preflight(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return problems
	}
	of := func(all []Problem, level, code string) (found []string) {
		for _, p := range all {
			if p.Level == level && p.Code == code {
				found = append(found, p.Message)
			}
		}
		return found
	}
	if got := of(edit("More at [our site](https://www.example.org/more)."), Noted, "host"); len(got) != 0 {
		t.Errorf("MSG-26: the publication's own host is noted: %q", got)
	}
	sources := edit("See [the study](https://journal.example.net/1) and [the data](https://data.example.com/2).")
	if got := of(sources, Noted, "host"); len(got) != 2 || !strings.Contains(got[0], "journal.example.net") || !strings.Contains(got[1], "data.example.com") {
		t.Errorf("MSG-26: noted %q", got)
	}
	if got := of(sources, Warned, "html"); len(got) != 0 {
		t.Errorf("MSG-26: other hosts stop it: %q", got)
	}
	many := edit("[a](https://a.example/), [b](https://b.example/), [c](https://c.example/), [d](https://d.example/), [e](https://e.example/), [f](https://f.example/)")
	if got := of(many, Noted, "host"); len(got) != 4 || !strings.HasPrefix(got[3], "3 more") {
		t.Errorf("MSG-26: noted %q", got)
	}
	// What pretends to lead elsewhere, and what filters take for a disguise, does not become a link at all.
	edit("[www.example.org](https://elsewhere.example/) [a](https://bit.ly/x) [b](https://192.0.2.1/x) [c](javascript:alert(1)) [d](https://u:p@www.example.org/)")
	v, err := r.Preview(t.Context(), c.ID, Reader{})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"elsewhere.example", "bit.ly", "192.0.2.1", "javascript:", "u:p@"} {
		if strings.Contains(v.HTML, `"https://`+bad) || strings.Contains(v.HTML, `="`+bad) {
			t.Errorf("MSG-26: the mail links to %s", bad)
		}
	}
	// The list's own home page and a story's photo are of the publication, wherever they are.
	r.exec(`UPDATE lists SET home_url = 'https://home.example.info/'`)
	if got := of(edit("[home](https://home.example.info/about)"), Noted, "host"); len(got) != 0 {
		t.Errorf("MSG-26: the list's home page is noted: %q", got)
	}
}
