package desk_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"mailer/internal/accounts"
	"mailer/internal/browsertest"
	"mailer/internal/campaigns"
	"mailer/internal/images"
	"mailer/internal/render"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

// table is one person at the desk of one campaign, in a real browser.
type table struct {
	*testing.T
	rig *admintest.Rig
	tab *browsertest.Tab
	id  int64
	at  string
}

// sit opens the desk of today's edition for Ines, a writer.
func sit(t *testing.T) *table {
	t.Helper()
	rig := admintest.Open(t).Newsroom()
	if _, err := rig.Subscribers.Topics.Create(t.Context(), subscribers.Topic{ListID: rig.List.ID, Slug: "science", Name: "Science"}, "test"); err != nil {
		t.Fatal(err)
	}
	d := &table{T: t, rig: rig, id: rig.Draft().ID}
	d.tab = rig.Browser(rig.Person("Ines", accounts.Writer))
	d.at = fmt.Sprintf("%s/admin/campaigns/%d", rig.Base, d.id)
	d.open()
	return d
}

// open loads the page and waits for its preview.
func (d *table) open() {
	d.Helper()
	d.tab.Go(d.at)
	d.tab.Until(`document.getElementById('preview-facts')?.textContent !== ''`)
}

// campaign is what the database has.
func (d *table) campaign() campaigns.Campaign {
	d.Helper()
	c, err := d.rig.Campaigns.Campaign(d.Context(), d.id)
	if err != nil {
		d.Fatal(err)
	}
	return c
}

// section is the n-th section of the mail.
func (d *table) section(n int) render.Block {
	d.Helper()
	for _, b := range d.campaign().Blocks {
		if b.Kind == render.KindSection {
			if n--; n < 0 {
				return b
			}
		}
	}
	d.Fatal("there are not that many sections")
	return render.Block{}
}

// settled waits until everything is saved.
func (d *table) settled(by string) {
	d.Helper()
	d.tab.Until(fmt.Sprintf(`saved.dataset.is === 'saved' && /^Saved \d\d:\d\d by %s$/.test(saved.textContent)`, by))
}

// write puts the cursor into a field, takes what is in it, and types.
func (d *table) write(selector, text string) {
	d.Helper()
	browsertest.Ask[bool](d.tab, fmt.Sprintf(`(f => { f.focus(); f.select(); return true })(document.querySelector(%q))`, selector))
	d.tab.Steps(chromedp.KeyEvent(text))
}

// click presses a button, which may just have been replaced by its like.
func (d *table) click(selector string) {
	d.Helper()
	d.tab.Until(fmt.Sprintf(`(b => b ? (b.click(), true) : false)(document.querySelector(%q))`, selector))
}

// middle is where an element is in the window.
func (d *table) middle(selector string) (x, y float64) {
	d.Helper()
	at := browsertest.Ask[[]float64](d.tab, fmt.Sprintf(`(e => { e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })(document.querySelector(%q))`, selector))
	return at[0], at[1]
}

// drag takes an element with the mouse to the upper part of another.
func (d *table) drag(from, to string) {
	d.Helper()
	x, y := d.middle(from)
	left := func(p *input.DispatchMouseEventParams) {
		p.Button, p.Buttons, p.ClickCount = input.MouseButtonLeft, 1, 1
	}
	d.tab.Steps(chromedp.MouseEvent(chromedp.MouseMoved, x, y), chromedp.MouseEvent(chromedp.MousePressed, x, y, left), chromedp.MouseEvent(chromedp.MouseMoved, x+3, y+8, left))
	at := browsertest.Ask[[]float64](d.tab, fmt.Sprintf(`(r => [r.x + r.width / 2, r.y + r.height / 4])(document.querySelector(%q).getBoundingClientRect())`, to))
	for i := range 12 {
		f := float64(i+1) / 12
		d.tab.Steps(chromedp.MouseEvent(chromedp.MouseMoved, x+(at[0]-x)*f, y+(at[1]-y)*f, left))
	}
	d.tab.Until(fmt.Sprintf(`document.querySelector('.sortable-ghost')?.parentElement === document.querySelector(%q).parentElement`, to))
	d.tab.Steps(chromedp.MouseEvent(chromedp.MouseReleased, at[0], at[1], left))
}

// pixels is a small picture.
func pixels(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 60, 40))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func titles(b render.Block) (list []string) {
	for _, st := range b.Stories {
		list = append(list, st.Title)
	}
	return list
}

// until waits until the database has what the page shows.
func (d *table) until(what string, ok func() bool) {
	d.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if ok() {
			return
		}
		<-time.After(25 * time.Millisecond)
	}
	d.Fatalf("%s did not come about; the mail is %+v", what, d.campaign().Blocks)
}

func TestWritingInTheBrowser(t *testing.T) {
	d := sit(t)
	first := d.section(0).Stories[0]
	field := fmt.Sprintf("#s-%d .write-title", first.ArticleID)

	t.Run("what is typed is saved, and is there after a reload", func(t *testing.T) {
		d.write("#subject", "Rewritten for the inbox")
		d.tab.Until(`document.querySelector('[data-shows=subject]').textContent === 'Rewritten for the inbox'`) // the row of the inbox goes along
		d.write(field, "A headline for this mail only")
		d.settled("you")
		if c := d.campaign(); c.Subject != "Rewritten for the inbox" || d.section(0).Stories[0].Title != "A headline for this mail only" {
			t.Fatalf("kept: %q, %q", c.Subject, d.section(0).Stories[0].Title)
		}
		d.open()
		if got := browsertest.Ask[string](d.tab, `document.querySelector('`+field+`').value`); got != "A headline for this mail only" {
			t.Errorf("after a reload: %q", got)
		}
	})
	t.Run("the original is one click away", func(t *testing.T) {
		d.click(fmt.Sprintf("#s-%d .original", first.ArticleID))
		d.until("the original", func() bool { return d.section(0).Stories[0].Title == first.Title })
	})
	t.Run("a block of each kind, and back", func(t *testing.T) {
		before := len(d.campaign().Blocks)
		for i, kind := range []string{"section", "text", "image", "sponsor", "appeal", "divider"} {
			d.click(fmt.Sprintf("#adding [value=%s]", kind))
			d.until("a new "+kind, func() bool { b := d.campaign().Blocks; return len(b) == before+i+1 && b[before+i].Kind == kind })
			d.tab.Until(fmt.Sprintf(`document.querySelectorAll('#blocks > li').length === %d`, before+i+1))
		}
		d.click("[data-key=z]")
		d.until("undo", func() bool { return len(d.campaign().Blocks) == before+5 })
	})
	t.Run("a picture that was uploaded", func(t *testing.T) {
		pic := pixels(t)
		kept, err := d.rig.Images.Add(t.Context(), images.Upload{Name: "quay.png", Data: pic, Alt: "The quay at dawn", Credit: "Ines"}, "test")
		if err != nil {
			t.Fatal(err)
		}
		blocks := d.campaign().Blocks
		id := blocks[slices.IndexFunc(blocks, func(b render.Block) bool { return b.Kind == render.KindImage })].ID
		d.click("#p-" + id + " [data-pictures]")
		d.tab.Until(`document.querySelector('#pictures .pick-one') !== null`)
		d.click("#pictures .pick-one")
		d.until("the picture", func() bool {
			for _, b := range d.campaign().Blocks {
				if b.ID == id && b.Image != nil && b.Image.URL == d.rig.Images.URL(kept) && b.Image.Alt == "The quay at dawn" && b.Image.Width == kept.Width {
					return true
				}
			}
			return false
		})
	})
	t.Run("a refusal stands at its field and what was typed stays", func(t *testing.T) {
		blocks := d.campaign().Blocks
		id := blocks[slices.IndexFunc(blocks, func(b render.Block) bool { return b.Kind == render.KindSponsor })].ID
		d.write("#f-"+id+"-url", "javascript:alert(1)")
		browsertest.Ask[bool](d.tab, `document.activeElement.blur(), true`)
		d.tab.Until(fmt.Sprintf(`document.querySelector('#f-%s-url[aria-invalid=true]')?.value === 'javascript:alert(1)' && document.getElementById(document.getElementById('f-%[1]s-url').getAttribute('aria-describedby')).textContent !== '' && saved.dataset.is === 'trouble'`, id))
	})
}

func TestArrangingInTheBrowser(t *testing.T) {
	d := sit(t)
	d.tab.Steps(chromedp.EmulateViewport(1280, 2800)) // so that where it comes from and where it goes are both in sight
	from, to := d.section(0), d.section(1)
	st := from.Stories[0]
	t.Run("by mouse into another section", func(t *testing.T) {
		d.drag(fmt.Sprintf("#s-%d .handle", st.ArticleID), fmt.Sprintf("#s-%d", to.Stories[1].ArticleID))
		d.until("the move", func() bool {
			return slices.Contains(titles(d.section(1)), st.Title) && !slices.Contains(titles(d.section(0)), st.Title)
		})
		d.settled("you")
	})
	t.Run("by mouse from the stories into the mail", func(t *testing.T) {
		title := browsertest.Ask[string](d.tab, `document.querySelector('#pool .pick:not(.used) .name').textContent`)
		d.drag("#pool .pick:not(.used) .name", fmt.Sprintf("#s-%d", d.section(0).Stories[0].ArticleID))
		d.until("the new story", func() bool { return slices.Contains(titles(d.section(0)), title) })
		d.tab.Until(fmt.Sprintf(`[...document.querySelectorAll('#pool .pick.used .name')].some(n => n.textContent === %q)`, title))
		d.settled("you")
	})
	t.Run("by keyboard, told to who listens", func(t *testing.T) {
		was := titles(d.section(0))
		handle := fmt.Sprintf(`#s-%d .handle`, d.section(0).Stories[0].ArticleID)
		browsertest.Ask[bool](d.tab, `document.querySelector('`+handle+`').focus(), true`)
		d.tab.Steps(chromedp.KeyEvent(" "))
		d.tab.Until(`/Picked up the story .* Position 1 of \d in the section/.test(said.textContent) && document.activeElement.ariaPressed === 'true'`)
		d.tab.Steps(chromedp.KeyEvent(kb.ArrowDown))
		d.tab.Until(`/^Position 2 of \d/.test(said.textContent)`)
		d.tab.Steps(chromedp.KeyEvent(kb.Escape))
		d.tab.Until(`/^Left where it was/.test(said.textContent)`)
		if now := titles(d.section(0)); !slices.Equal(was, now) {
			t.Fatalf("after Escape: %q", now)
		}
		d.tab.Steps(chromedp.KeyEvent(" "), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(" "))
		d.until("the move", func() bool { now := titles(d.section(0)); return now[1] == was[0] && now[0] == was[1] })
		d.settled("you")
		d.tab.Until(`document.activeElement === document.querySelector('` + handle + `')`)
	})
	t.Run("by the buttons with arrows", func(t *testing.T) {
		was := d.campaign().Blocks
		browsertest.Ask[bool](d.tab, fmt.Sprintf(`document.getElementById('n-%s').focus(), true`, was[0].ID))
		d.tab.Steps(chromedp.KeyEvent(kb.Enter))
		d.until("the move", func() bool { return d.campaign().Blocks[1].ID == was[0].ID })
		d.tab.Until(fmt.Sprintf(`document.querySelectorAll('#blocks > li')[1].id === 'b-%s' && document.activeElement.id === 'n-%[1]s'`, was[0].ID))
	})
}

func TestDeskOnEveryScreen(t *testing.T) {
	d := sit(t)
	d.tab.Inspect("desk")
	d.tab.Phone()
	d.tab.Go(d.at)
	for _, pane := range []string{"stories", "preview", "mail"} {
		d.click("[data-pane-of=" + pane + "]")
		d.tab.Until(fmt.Sprintf(`document.querySelector('[data-pane-of=%s]').ariaCurrent === 'true' && [...document.querySelectorAll('.pane')].filter(p => p.checkVisibility()).map(p => p.id).join() === '%[1]s'`, pane))
		if wide := browsertest.Ask[int](d.tab, `document.documentElement.scrollWidth`); wide > 390 {
			t.Errorf("%s is %d px wide", pane, wide)
		}
		if pane == "preview" {
			d.tab.Until(`document.querySelector('.device iframe:not(.next)').offsetHeight > 1000`) // all of the mail
		}
		d.tab.Shoot("desk-phone-" + pane)
	}
	d.tab.Width(1280)
	for _, p := range []string{"", "/new", fmt.Sprintf("/%d/history", d.id)} {
		d.tab.Go(d.rig.Base + "/admin/campaigns" + p)
		d.tab.Inspect("campaigns" + strings.ReplaceAll(p, "/", "-"))
	}
}
