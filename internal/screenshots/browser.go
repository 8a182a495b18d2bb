// Package screenshots photographs the mails and the public pages in a headless Chromium, for people to look at and for the
// README. Its tests do so when MAILER_SCREENSHOTS names a folder for the pictures, as `make screenshots` does.
package screenshots

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"mailer/internal/browsertest"
)

// Shot says how a page is photographed.
type Shot struct {
	Width    int     // of the window, in CSS pixels
	Dark     bool    // the reader prefers a dark screen
	Scale    float64 // device pixels for each CSS pixel; 0: 1
	NoStyle  bool    // as in clients that drop the style element
	NoImages bool    // as in clients that load no images
	Cut      int     // height in CSS pixels at which the picture ends; 0: all of the page
	Settle   bool    // the page fills itself by script: give it a moment
}

// Browser is a Chromium that serves and photographs pages.
type Browser struct {
	t      testing.TB
	ctx    context.Context
	server *httptest.Server

	mu    sync.Mutex
	pages map[string]string // by path
	files http.Handler      // what the pages show besides
	site  string            // address that the pages have for files
}

// Start starts a browser; it ends with the test. Addresses in pages that begin with site are served by files. The test is
// skipped on a machine without Chromium.
func Start(t testing.TB, site string, files http.Handler) *Browser {
	t.Helper()
	b := &Browser{t: t, ctx: browsertest.Start(t), pages: make(map[string]string), files: files, site: site}
	b.server = httptest.NewServer(b)
	t.Cleanup(b.server.Close)
	return b
}

// ServeHTTP serves the pages to photograph, and the files they show.
func (b *Browser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	page, ok := b.pages[r.URL.Path]
	b.mu.Unlock()
	if !ok {
		b.files.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, page)
}

var styleElement = regexp.MustCompile(`(?s)<style>.*?</style>`)

// Shoot photographs page, which is HTML or an address, and returns a PNG.
func (b *Browser) Shoot(page string, s Shot) []byte {
	b.t.Helper()
	if !strings.HasPrefix(page, "http") {
		if s.NoStyle {
			page = styleElement.ReplaceAllString(page, "")
		}
		if s.NoImages {
			page = strings.ReplaceAll(page, `src="`+b.site, `src="`+b.server.URL+"/images-are-off")
		}
		page = b.put(strings.ReplaceAll(page, `src="`+b.site, `src="`+b.server.URL))
	}
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if s.Scale == 0 {
		s.Scale = 1
	}
	scheme := "light"
	if s.Dark {
		scheme = "dark"
	}
	media := chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	})
	size := func(height int64) chromedp.Action[chromedp.Void] {
		return chromedp.EmulateViewport(int64(s.Width), height, chromedp.EmulateScale(s.Scale))
	}
	if err := chromedp.Do(ctx, media, size(500), chromedp.Navigate(page)); err != nil {
		b.t.Fatal(err)
	}
	if s.Settle {
		time.Sleep(700 * time.Millisecond)
	}
	height, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`))
	if err != nil {
		b.t.Fatal(err)
	}
	wide, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
	if err != nil {
		b.t.Fatal(err)
	}
	if wide > int64(s.Width) {
		b.t.Errorf("at %d pixels %.80s is %d wide and has to be scrolled sideways", s.Width, page, wide)
	}
	if s.Cut > 0 {
		height = min(height, int64(s.Cut))
	}
	if err := chromedp.Do(ctx, size(height)); err != nil {
		b.t.Fatal(err)
	}
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	return shot
}

// put makes a page available to the browser and returns its address.
func (b *Browser) put(page string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	path := fmt.Sprintf("/page/%d", len(b.pages))
	b.pages[path] = page
	return b.server.URL + path
}

// Beside sets pictures side by side on a plain ground, tops aligned, so that one file shows a page in several ways.
func Beside(t testing.TB, ground color.Color, gap int, shots ...[]byte) []byte {
	t.Helper()
	var images []image.Image
	width, height := gap, 0
	for _, s := range shots {
		img, err := png.Decode(bytes.NewReader(s))
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, img)
		width += img.Bounds().Dx() + gap
		height = max(height, img.Bounds().Dy()+2*gap)
	}
	sheet := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			sheet.Set(x, y, ground)
		}
	}
	left := gap
	for _, img := range images {
		for y := range img.Bounds().Dy() {
			for x := range img.Bounds().Dx() {
				sheet.Set(left+x, gap+y, img.At(x, y))
			}
		}
		left += img.Bounds().Dx() + gap
	}
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, sheet); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
