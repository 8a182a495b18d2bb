package newsroom_test

import (
	"strings"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/browsertest"
	"mailer/internal/web/admin/admintest"
)

// Pages are fit to look at, on a desktop and on a phone, light and dark, and what is chosen for the look of a list shows at once.
func TestPages(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	b := r.Browser(r.Person("Ines", accounts.Owner))
	list := r.Base + "/admin/lists/" + r.List.Slug
	for name, path := range map[string]string{"list-look": list + "/look", "stories": r.Base + "/admin/stories"} {
		b.Go(path)
		b.Inspect(name)
	}
	// The others share their parts: axe-core looks at each, once.
	for name, path := range map[string]string{"feeds": "/admin/feeds", "list": "/admin/lists/" + r.List.Slug, "topics": "/admin/lists/" + r.List.Slug + "/topics", "signup": "/admin/lists/" + r.List.Slug + "/signup",
		"story": "/admin/stories/1", "appeal": "/admin/appeals/keep-it-free", "pictures": "/admin/images"} {
		b.Go(r.Base + path)
		b.Shoot(name)
		for _, fault := range b.Axe() {
			t.Errorf("%s: %s", name, fault)
		}
	}
	b.Go(list + "/look")
	b.Until(`document.querySelector('#look-preview .verdict') !== null`)
	browsertest.Ask[bool](b, `(f => { f.value = '#ffe680'; f.dispatchEvent(new Event('input', { bubbles: true })); return true })(document.getElementById('f-accent_colour'))`)
	b.Until(`!!document.querySelector('#look-preview .notice-warn')?.textContent.includes('too little contrast') && document.querySelector('iframe.mail').src.includes('ffe680')`)
	var accent string
	if err := r.DB.GetContext(t.Context(), &accent, `SELECT accent_colour FROM lists WHERE id = $1`, r.List.ID); err != nil || accent != r.List.AccentColour {
		t.Errorf("the preview has changed the list: %s, %v", accent, err)
	}
	// A search shows what it finds while one types.
	b.Go(r.Base + "/admin/stories")
	browsertest.Ask[bool](b, `(f => { f.value = 'harbour wall'; f.dispatchEvent(new Event('input', { bubbles: true })); return true })(document.getElementById('f-q'))`)
	b.Until(`document.querySelectorAll('.story').length === 1`)
	// The preview of an appeal is asked for by the page itself, into its frame.
	asked := func() int { return strings.Count(r.Log.String(), "method=POST") }
	before := asked()
	b.Go(r.Base + "/admin/appeals/keep-it-free")
	for deadline := time.Now().Add(20 * time.Second); asked() == before; b.Until(`document.readyState === 'complete'`) {
		if time.Now().After(deadline) {
			t.Fatal("the appeal is not shown in a mail")
		}
	}
}
