package browsertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Axe has axe-core look the page over, with all rules that are on by default, and returns what it finds, each in one line. The
// test is skipped where there is no axe-core.
func (b *Tab) Axe() []string {
	b.t.Helper()
	source := axeCore(b)
	if Ask[bool](b, `window.origin === 'null' && location.protocol !== 'about:'`) {
		// A page in a sandbox runs nothing, whatever the tools say: its copy is looked over.
		defer b.Go(Ask[string](b, `location.href`))
		b.copyOut()
	}
	// Its work is done in callbacks, which a page without scripts does not run; the page has no script of ours that could begin
	// now, since those that stand in it were passed over when it was read.
	defer b.Scripts(b.scripts)
	b.Scripts(true)
	if !Ask[bool](b, `typeof axe === 'object'`) {
		Ask[bool](b, source+"\n;true")
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.flatMap(v =>
		v.nodes.map(n => v.id + ' (' + v.impact + '): ' + n.html.slice(0, 200) + ': ' + n.failureSummary.replace(/\s+/g, ' '))))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("axe-core: %v", err)
	}
	return found
}

// copyOut puts what the page shows into an empty one.
func (b *Tab) copyOut() {
	b.t.Helper()
	html := "<!doctype html>" + Ask[string](b, `document.documentElement.outerHTML`)
	b.Go("about:blank")
	err := chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, p *chromedp.Target) error {
		tree, err := cdp.Call(ctx, p, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return err
		}
		_, err = cdp.Call(ctx, p, page.SetDocumentContent, page.SetDocumentContentParams{FrameID: tree.FrameTree.Frame.ID, HTML: html})
		return err
	}))
	if err != nil {
		b.t.Fatal(err)
	}
}

// axeCore returns the source of axe-core: from the file that MAILER_TEST_AXE names, else from where `make axe` puts it.
func axeCore(b *Tab) string {
	b.t.Helper()
	path := os.Getenv("MAILER_TEST_AXE")
	if path == "" {
		path = filepath.Join(root(b), ".tools", "axe-core", "axe.min.js")
	}
	source, err := os.ReadFile(path)
	if err != nil {
		missing(b.t, fmt.Errorf("axe-core is not there (%w); make axe fetches it", err))
	}
	return string(source)
}

// root returns the folder of the project. Tests run in the folder of their package.
func root(b *Tab) string {
	b.t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		b.t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			b.t.Fatal("the folder of the project was not found")
		}
		dir = parent
	}
}
