package public_test

import (
	"fmt"
	"testing"
	"time"

	"mailer/internal/browsertest"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// The preference centre in a real browser without script, at 320 and 1280 px, light and dark, by keyboard, and looked over by axe.
func TestPreferencesBrowser(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	c.exec(`UPDATE lists SET name = 'The Quayside Courier Weekday Briefing', description = 'What matters in town, before breakfast.' WHERE slug = 'daily'`)
	c.exec(`UPDATE lists SET description = 'Long reads for slow mornings.' WHERE slug = 'weekend'`)
	c.exec(`UPDATE publications SET name = 'The Quayside Courier'`)
	proof := c.proof(links.ActPersonal, c.list.ID, time.Now())
	late := c.proof(links.ActPersonal, c.list.ID, time.Now().Add(-2*time.Hour))
	b := browsertest.Open(t)
	for _, width := range []int64{320, 1280} {
		b.Width(width)
		for _, scheme := range []string{"light", "dark"} {
			b.Scheme(scheme)
			look := func(name string) { b.Look(fmt.Sprintf("%s-%d-%s", name, width, scheme)) }
			b.Go(c.base + c.path)
			look("preferences")
			browsertest.Ask[bool](b, `document.getElementById('pause.daily').value = 'month', document.querySelector('[value=arts]').checked = false, document.querySelector('[value=weekly]').checked = true`)
			b.Press("button[value=save]")
			look("preferences-saved")
			if got := c.chosen(c.list); got[:18] != "confirmed weekly 2" {
				t.Fatalf("the form saved %s", got)
			}
			b.Press("button[value=revert]")
			look("preferences-undone")
			browsertest.Ask[bool](b, `document.getElementById('until.daily').type = 'text', document.getElementById('until.daily').value = 'tomorrow', true`)
			b.Press("button[value=save]")
			look("preferences-wrong")
			b.Press("button[value=stop-all]")
			look("preferences-stopped")
			b.Press("button[value=back]")
			b.Press("button[value=fresh]")
			look("preferences-fresh")
			b.Go(c.base + proof)
			look("personal")
			browsertest.Ask[bool](b, `document.getElementById('address').type = 'text', document.getElementById('address').value = 'nobody', true`)
			b.Press("button[value=address]")
			look("personal-wrong")
			b.Go(c.base + late)
			look("proof-late")
			c.exec(`DELETE FROM limit_counts`)
		}
	}
	b.Width(320)
	b.Scheme("light")
	b.Go(c.base + proof)
	browsertest.Ask[bool](b, `document.getElementById('address').value = 'new@example.net', true`)
	b.Press("button[value=address]")
	b.Look("address-asked-320-light")
	mails := c.mails()
	for to, look := range map[string]string{"jane.doe@example.org": "address-first", "new@example.net": "address-done"} {
		found := linkTo.FindAllStringSubmatch(mails[to], -1)
		b.Go(c.base + found[len(found)-1][1])
		b.Look(look + "-open-320-light")
		b.Press("button[value=confirm]")
		b.Look(look + "-320-light")
	}
	c.exec(`UPDATE lists SET language = 'fr', name = 'Le Courrier du Quai', description = 'L’essentiel de la ville, avant le petit déjeuner.' WHERE slug = 'daily'`)
	for _, width := range []int64{320, 1280} {
		b.Width(width)
		b.Go(c.base + c.path)
		b.Look(fmt.Sprintf("preferences-french-%d", width))
		b.Go(c.base + proof)
		b.Look(fmt.Sprintf("personal-french-%d", width))
	}
	// Several lists: what is chosen of the others is folded away.
	for i, name := range []string{"Climate letter", "Evening edition", "Sunday crossword"} {
		l := c.newList(fmt.Sprintf("more-%d", i), name)
		c.exec(fmt.Sprintf(`UPDATE lists SET signup_open = true, publication_id = (SELECT id FROM publications), description = 'Every week, free.' WHERE id = %d`, l.ID))
		if i == 2 {
			continue
		}
		c.exec(fmt.Sprintf(`INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) VALUES (%d, %d, 'confirmed', 'test', now())`, c.person.ID, l.ID))
	}
	c.exec(`UPDATE lists SET language = 'en'`)
	for _, width := range []int64{320, 1280} {
		b.Width(width)
		b.Go(c.base + c.path)
		b.Look(fmt.Sprintf("preferences-several-%d", width))
	}
	if c.chosen(c.list) != "confirmed each - 0" || c.state() != subscribers.Confirmed {
		t.Errorf("after all that the reader is %s", c.chosen(c.list))
	}
}
