package digests_test

import (
	"net/url"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/browsertest"
	"mailer/internal/campaigns"
)

// The pages in a real browser: how they look, what axe-core says, and the form while it is filled in.
func TestLook(t *testing.T) {
	t.Parallel()
	b := open(t)
	next, err := b.Campaigns.Digests.Upcoming(t.Context(), "weekday", 4)
	if err != nil || len(next) < 4 {
		t.Fatalf("%v (%v)", next, err)
	}
	b.editor.Post(base+"/skip", url.Values{"day": {next[2].Day}, "reason": {"Harbour Day"}})
	b.editor.Post(base+"/run", nil)
	d, err := b.Campaigns.Digests.Get(t.Context(), "weekday")
	if err != nil {
		t.Fatal(err)
	}
	weekly := d.Recipe
	weekly.Slug, weekly.Name, weekly.Schedule, weekly.Frequency = "weekend", "The Weekend", "0 9 * * 6", "weekly"
	if _, err := b.Campaigns.Digests.Create(t.Context(), weekly, "test"); err != nil {
		t.Fatal(err)
	}
	tab := b.Browser(b.Person("Una", accounts.Editor))
	tab.Go(b.Base + "/admin/digests")
	tab.Inspect("digests")
	tab.Go(b.Base + base)
	tab.Inspect("digest")
	tab.Go(b.Base + base + "/recipe")
	tab.Inspect("digest-recipe")

	// Another day is ticked, and the editions that come of it are shown at once.
	tab.Until(`window.htmx && document.querySelector('#coming').textContent.includes('Monday to Friday')`)
	browsertest.Ask[bool](tab, `(() => { document.querySelector('[name=days][value="6"]').click(); return true })()`)
	tab.Until(`document.querySelector('#coming').textContent.includes('Monday to Saturday')`)
	slots, err := campaigns.NextSlots("0 7 * * 1-6", d.TimeZone, time.Now(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if day := slots[0].At.Format("Mon 2 Jan"); !browsertest.Ask[bool](tab, `document.querySelector('#coming').textContent.includes('`+day+`')`) {
		t.Errorf("the next edition is not shown on %s", day)
	}
	tab.Go(b.Base + "/admin/digests/new")
	tab.Inspect("digest-new")
}
