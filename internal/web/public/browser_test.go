package public_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// tab is a page of a real Chromium with scripts switched off.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// openTab skips the test on a machine without Chromium, unless MAILER_TEST_REQUIRE_BROWSER=1.
func openTab(t *testing.T) tab {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("MAILER_TEST_REQUIRE_BROWSER") == "1" {
			t.Fatal("there is no Chromium on this machine, and MAILER_TEST_REQUIRE_BROWSER=1")
		}
		t.Skip("there is no Chromium on this machine")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Flag("headless", true), chromedp.Flag("no-sandbox", true),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("no-first-run", true), chromedp.Flag("hide-scrollbars", true))...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	b := tab{t, ctx}
	b.do(func(ctx context.Context, p *chromedp.Target) error {
		_, err := cdp.Call(ctx, p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
	return b
}

func (b tab) do(f func(ctx context.Context, p *chromedp.Target) error) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Func(f)); err != nil {
		b.t.Fatal(err)
	}
}

func (b tab) steps(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b tab) scheme(name string) {
	b.t.Helper()
	b.do(func(ctx context.Context, p *chromedp.Target) error {
		_, err := cdp.Call(ctx, p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
		return err
	})
}

// ask evaluates an expression in the page, which the tools of the browser may do where the page itself may not.
func ask[T any](b tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// shoot writes a picture of the page into the folder MAILER_SCREENSHOTS, when there is one, for people to look at.
func (b tab) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("MAILER_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// contrast is the least ratio between any text of the page and what is behind it (WCAG 1.4.3), in its present scheme.
const contrast = `(() => {
	const rgb = c => c.match(/[\d.]+/g).map(Number);
	const lum = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	let least = 21;
	for (const e of document.querySelectorAll('body *')) {
		if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
		let back = e;
		while (back && (rgb(getComputedStyle(back).backgroundColor)[3] ?? 1) === 0) back = back.parentElement;
		const a = lum(rgb(getComputedStyle(e).color)), b = lum(rgb(getComputedStyle(back).backgroundColor));
		least = Math.min(least, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
	}
	return least;
})()`

// UNS-15: the pages in a real browser without script, at 320 and 1280 px, light and dark: nothing to scroll sideways, text
// that can be read, buttons large enough, all of it by keyboard.
func TestUNS15Browser(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.db.ExecContext(t.Context(), `UPDATE lists SET name = 'The Quayside Courier Weekday Briefing'`); err != nil {
		t.Fatal(err)
	}
	added, err := r.store.Add(t.Context(), subscribers.AddRequest{Address: "n.name@a-rather-long-domain-of-some-institution.example.org", ListID: r.list.ID, Method: subscribers.MethodForm})
	if err != nil {
		t.Fatal(err)
	}
	confirm := "/c/" + r.ring.ConfirmToken(r.ring.Current(), links.Confirm{Subscriber: added.Subscriber.ID, List: r.list.ID, Issued: time.Now()})
	leave := "/u/" + r.token
	b := openTab(t)
	for _, width := range []int64{320, 1280} {
		b.steps(chromedp.EmulateViewport(width, 760))
		for _, scheme := range []string{"light", "dark"} {
			b.scheme(scheme)
			look := func(name string) {
				t.Helper()
				name = fmt.Sprintf("%s-%d-%s", name, width, scheme)
				if wide := ask[int64](b, `document.documentElement.scrollWidth`); wide > width {
					t.Errorf("%s: %d px wide", name, wide)
				}
				if least := ask[float64](b, contrast); least < 4.5 {
					t.Errorf("%s: contrast %.2f", name, least)
				}
				if low := ask[float64](b, `Math.min(99, ...[...document.querySelectorAll('button')].map(e => e.getBoundingClientRect().height))`); low < 44 {
					t.Errorf("%s: a button of %.0f px", name, low)
				}
				if !ask[bool](b, `getComputedStyle(document.body).backgroundColor !== 'rgba(0, 0, 0, 0)' && document.querySelectorAll('h1').length === 1 && document.title !== ''`) {
					t.Errorf("%s: the styles are not there, or there is no heading or title", name)
				}
				b.shoot(name)
			}
			open := func(path string) {
				t.Helper()
				b.steps(chromedp.Navigate(r.base + path))
			}
			// press reaches a button by the keyboard, sees that it is marked, and presses it.
			press := func(value string) {
				t.Helper()
				for range 12 {
					b.steps(chromedp.KeyEvent(kb.Tab))
					if ask[string](b, `document.activeElement.value || ''`) == value {
						break
					}
				}
				if !ask[bool](b, fmt.Sprintf(`document.activeElement.value === %q && parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2`, value)) {
					t.Fatalf("the button %q cannot be reached by keyboard, or does not show that it was", value)
				}
				b.shoot(fmt.Sprintf("focus-%s-%d-%s", value, width, scheme))
				before := ask[string](b, `document.documentElement.innerHTML`)
				b.steps(chromedp.KeyEvent(kb.Enter))
				for deadline := time.Now().Add(20 * time.Second); ask[string](b, `document.readyState === 'complete' ? document.documentElement.innerHTML : `+fmt.Sprintf("%q", before)) == before; {
					if time.Now().After(deadline) {
						t.Fatalf("pressing %q shows no new page", value)
					}
				}
			}
			open(leave)
			look("leave")
			press("list")
			if r.state() != subscribers.Unsubscribed {
				t.Fatal("the button did not unsubscribe")
			}
			look("left")
			press("all")
			look("left-all")
			press("undo")
			if r.state() != subscribers.Confirmed {
				t.Fatal("the button did not undo")
			}
			look("undone")
			open(confirm)
			look("confirm")
			open("/u/nothing")
			look("invalid")
		}
	}
	b.steps(chromedp.EmulateViewport(320, 760), chromedp.Navigate(r.base+confirm))
	b.steps(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	for deadline := time.Now().Add(20 * time.Second); ask[int](b, `document.querySelectorAll('form').length`) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the button did not confirm")
		}
	}
	b.shoot("confirmed-320-dark")
	if _, err := r.db.ExecContext(t.Context(), `UPDATE lists SET language = 'fr', name = 'Le Courrier du Quai'`); err != nil {
		t.Fatal(err)
	}
	b.scheme("light")
	b.steps(chromedp.Navigate(r.base + leave))
	b.shoot("leave-320-french")
}
