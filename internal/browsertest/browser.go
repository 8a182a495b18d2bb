// Package browsertest lets tests see pages as readers do: in a real Chromium, by default with scripts switched off, at any
// width, light or dark; and has them looked over by axe-core.
//
// Without Chromium or axe-core on the machine the tests that need them are skipped, or fail when
// MAILER_TEST_REQUIRE_BROWSER=1. `make axe` fetches axe-core.
package browsertest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// find returns where the browser is.
func find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no Chromium on this machine (Debian: apt-get install chromium)")
}

// Start starts a browser with one empty page and returns the context that chromedp drives it by. It ends with the test.
func Start(t testing.TB) context.Context {
	t.Helper()
	path, err := find()
	if err != nil {
		missing(t, err)
	}
	// Not t.Context(): that one ends before the cleanups do.
	ctx, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", true), chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true), chromedp.Flag("no-first-run", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true))...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return ctx
}

// missing ends a test that cannot be done on this machine.
func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("MAILER_TEST_REQUIRE_BROWSER") == "1" {
		t.Fatalf("%v, and MAILER_TEST_REQUIRE_BROWSER=1", err)
	}
	t.Skip(err)
}
