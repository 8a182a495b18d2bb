package browsertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long a page may take.
const patience = time.Minute

// Tab is a page of a browser.
type Tab struct {
	t       testing.TB
	ctx     context.Context
	width   int64
	scripts bool // pages may run theirs
}

// Open opens a page in a browser of its own, 1280 px wide, light, and with scripts switched off.
func Open(t testing.TB) *Tab {
	t.Helper()
	ctx, cancel := context.WithTimeout(Start(t), 5*time.Minute)
	t.Cleanup(cancel)
	b := &Tab{t: t, ctx: ctx}
	b.Scripts(false)
	b.Scheme("light")
	b.Width(1280)
	return b
}

// Width makes the window so many CSS pixels wide, and 760 high.
func (b *Tab) Width(px int64) {
	b.t.Helper()
	b.width = px
	b.Steps(chromedp.EmulateViewport(px, 760))
}

// Scheme makes the reader prefer a light or a dark screen.
func (b *Tab) Scheme(name string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name},
		{Name: "prefers-reduced-motion", Value: "reduce"}}}) // a picture in the middle of a change of colours shows neither
}

// Language sets what the browser says of its reader's languages, as Accept-Language has it.
func (b *Tab) Language(accept string) {
	b.t.Helper()
	call(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": accept}})
}

// Scripts says whether pages may run scripts. Ask works either way.
func (b *Tab) Scripts(on bool) {
	b.t.Helper()
	b.scripts = on
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// Cookie gives the browser a cookie of the site at url.
func (b *Tab) Cookie(url, name, value string) {
	b.t.Helper()
	call(b, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: url, HTTPOnly: new(true), SameSite: network.CookieSameSiteLax})
}

// Phone makes the window that of a phone, 390 px wide, touched with a finger; Width makes it a desktop's again.
func (b *Tab) Phone() {
	b.t.Helper()
	b.width = 390
	b.Steps(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch))
}

// call makes one call of the browser's protocol.
func call[P, R any](b *Tab, method cdp.Command[P, R], params P) {
	b.t.Helper()
	err := chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, p *chromedp.Target) error {
		_, err := cdp.Call(ctx, p, method, params)
		return err
	}))
	if err != nil {
		b.t.Fatal(err)
	}
}

// Steps does what chromedp can do.
func (b *Tab) Steps(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// Go opens an address.
func (b *Tab) Go(url string) {
	b.t.Helper()
	b.Steps(chromedp.Navigate(url))
}

// Ask evaluates an expression in the page, which the tools of the browser may do where the page itself may not.
func Ask[T any](b *Tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// Until waits for a condition, an expression of the page's.
func (b *Tab) Until(condition string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); !Ask[bool](b, condition); {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s did not come true at %s on:\n%s", condition, Ask[string](b, `location.href`), Ask[string](b, `document.body.outerHTML`))
		}
	}
}

// Reach goes on with the Tab key to the element that the selector names, and sees that the page shows where one is.
func (b *Tab) Reach(selector string) {
	b.t.Helper()
	at := fmt.Sprintf(`document.activeElement.matches(%q)`, selector)
	for range 60 {
		b.Steps(chromedp.KeyEvent(kb.Tab))
		if Ask[bool](b, at) {
			break
		}
	}
	if !Ask[bool](b, at) {
		b.t.Fatalf("%s cannot be reached by keyboard", selector)
	}
	if !Ask[bool](b, focused) {
		b.t.Errorf("%s does not show that it has the focus", selector)
	}
}

// Press reaches an element by keyboard, presses it with Enter, and waits for the page that comes of it.
func (b *Tab) Press(selector string) {
	b.t.Helper()
	b.Reach(selector)
	b.leave(func() { b.Steps(chromedp.KeyEvent(kb.Enter)) })
}

// leave does what leads to another page and waits until that one is there.
func (b *Tab) leave(act func()) {
	b.t.Helper()
	Ask[bool](b, `document.documentElement.dataset.old = 'old', true`)
	act()
	b.Until(`document.readyState === 'complete' && document.documentElement.dataset.old !== 'old'`)
}

// Shoot writes a picture of the page, from top to end, into the folder MAILER_SCREENSHOTS, when there is one, for people to
// look at.
func (b *Tab) Shoot(name string) {
	b.t.Helper()
	b.shoot(name, false)
}

func (b *Tab) shoot(name string, phone bool) {
	b.t.Helper()
	dir := os.Getenv("MAILER_SCREENSHOTS")
	if dir == "" {
		return
	}
	height := max(Ask[int64](b, `document.documentElement.scrollHeight`), 300)
	var options []chromedp.EmulateViewportOption
	if phone {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.Steps(chromedp.EmulateViewport(b.width, height, options...))
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	if phone {
		b.Phone()
		return
	}
	b.Width(b.width)
}
