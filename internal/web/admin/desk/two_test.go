package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailer/internal/accounts"
	"mailer/internal/browsertest"
	"mailer/internal/campaigns"
)

func TestTwoEditorsInTheBrowser(t *testing.T) {
	d := sit(t)
	d.rig.Person("Marc", accounts.Editor)
	marc := func(ch campaigns.Change) {
		t.Helper()
		if _, err := d.rig.Campaigns.Desk.Do(t.Context(), d.id, d.campaign().Version, ch, "marc@example.org"); err != nil {
			t.Fatal(err)
		}
	}
	sec := d.section(0)
	st, other := sec.Stories[0], sec.Stories[1]
	field := fmt.Sprintf("#s-%d .write-title", st.ArticleID)
	value := func() string { return browsertest.Ask[string](d.tab, `document.querySelector('`+field+`').value`) }

	t.Run("changes of different parts go together", func(t *testing.T) {
		theirs := "Marc’s dek"
		marc(campaigns.Change{Do: campaigns.EditStory, Block: sec.ID, Article: st.ArticleID, Story: &campaigns.StoryEdit{Dek: &theirs}})
		d.write(field, "Ines’s headline")
		d.settled("you")
		if now := d.section(0).Stories[0]; now.Title != "Ines’s headline" || now.Dek != theirs {
			t.Fatalf("the mail has %q and %q", now.Title, now.Dek)
		}
		d.tab.Until(`document.querySelector('#s-` + fmt.Sprint(st.ArticleID) + ` .write-dek').value === 'Marc’s dek'`)
	})
	t.Run("the same headline: nothing is overwritten, and mine goes on top when I say so", func(t *testing.T) {
		theirs := "Marc’s headline"
		marc(campaigns.Change{Do: campaigns.EditStory, Block: sec.ID, Article: st.ArticleID, Story: &campaigns.StoryEdit{Title: &theirs}})
		d.write(field, "Mine, written meanwhile")
		d.tab.Until(`document.querySelector('.clash') !== null && document.querySelector('.clash').innerText.includes('Mine, written meanwhile') && saved.dataset.is === 'trouble' && document.querySelector('` + field + `').value === 'Marc’s headline'`)
		if now := d.section(0).Stories[0].Title; now != theirs {
			t.Fatalf("overwritten: %q", now)
		}
		told := browsertest.Ask[string](d.tab, `document.querySelector('.clash').innerText`)
		for _, want := range []string{"Marc rewrote", "Marc’s headline"} {
			if !strings.Contains(told, want) {
				t.Errorf("the page does not tell %q: %s", want, told)
			}
		}
		d.tab.Shoot("desk-conflict")
		d.click(".clash .btn-primary")
		d.until("mine on top", func() bool { return d.section(0).Stories[0].Title == "Mine, written meanwhile" })
		d.tab.Until(`document.querySelector('.clash') === null && document.querySelector('` + field + `').value === 'Mine, written meanwhile'`)
	})
	t.Run("what comes in while I write stays under my hands, and is still no overwriting", func(t *testing.T) {
		theirs := "Marc again"
		marc(campaigns.Change{Do: campaigns.EditStory, Block: sec.ID, Article: st.ArticleID, Story: &campaigns.StoryEdit{Title: &theirs}})
		marc(campaigns.Change{Do: campaigns.MoveStory, Block: sec.ID, Article: other.ArticleID, Into: sec.ID})
		// The page learns of it between the typing and the saving, twice.
		browsertest.Ask[bool](d.tab, `(f => {
			f.focus();
			f.value += ' and more';
			f.dispatchEvent(new Event('input', {bubbles: true}));
			writing.refresh().then(writing.refresh);
			return true })(document.querySelector('`+field+`'))`)
		d.tab.Until(`document.querySelector('.clash') !== null && document.querySelector('` + field + `').value === 'Marc again'`)
		if now := titles(d.section(0)); !slices.Contains(now, theirs) {
			t.Fatalf("overwritten: %q", now)
		}
		d.click(".clash .btn:not(.btn-primary)")
		d.tab.Until(`document.querySelector('.clash') === null`)
		if value() != theirs {
			t.Errorf("after “Keep theirs” the field shows %q", value())
		}
	})
	t.Run("who else is here", func(t *testing.T) {
		if _, err := d.rig.Campaigns.Desk.Here(t.Context(), d.id, "marc@example.org", sec.ID); err != nil {
			t.Fatal(err)
		}
		browsertest.Ask[bool](d.tab, `writing.here(), true`)
		d.tab.Until(`/Marc is here, in section “City”/.test(others.textContent)`)
	})
}
