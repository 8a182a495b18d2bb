package public_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"testing"

	"mailer/internal/images"
	"mailer/internal/web/public"
)

// SEC-16: a picture is served as what it is, for ever, to anybody, without cookies, and can do nothing where it is taken for a page.
func TestImages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	store := images.NewStore(r.db, "https://images.paper.org")
	deps := r.deps()
	deps.Images = store
	pages := public.New(deps)
	h := public.OnlyImages(store, deps.BaseURL, pages)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 30, 20)), nil); err != nil {
		t.Fatal(err)
	}
	img, err := store.Add(t.Context(), images.Upload{Name: "a.svg", Data: append(b.Bytes(), "<script>alert(1)</script>"...)}, "ed@paper.org")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, target string, header ...string) *http.Response {
		req := httptest.NewRequest(method, target, nil)
		req.AddCookie(&http.Cookie{Name: "__Host-session", Value: "x"})
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w.Result()
	}
	at := store.URL(img)
	t.Run("SEC-16 served", func(t *testing.T) {
		res := ask(http.MethodGet, at)
		if res.StatusCode != 200 || res.ContentLength != int64(img.Size) {
			t.Fatalf("%s: %d, %d bytes; want %d", at, res.StatusCode, res.ContentLength, img.Size)
		}
		for name, want := range map[string]string{
			"Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox",
			"Cache-Control": "public, max-age=31536000, immutable", "Set-Cookie": "", "Content-Disposition": "inline", "Referrer-Policy": "no-referrer",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %q; want %q", name, got, want)
			}
		}
		if res := ask(http.MethodGet, at, "If-None-Match", res.Header.Get("ETag")); res.StatusCode != http.StatusNotModified {
			t.Errorf("asked for again: %d", res.StatusCode)
		}
		if res := ask(http.MethodPost, at); res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST: %d", res.StatusCode)
		}
	})
	t.Run("SEC-16 under another name", func(t *testing.T) {
		for _, file := range []string{img.Hash, img.Hash + ".svg", img.Hash + ".html", img.Hash + ".jpg/x.html", "..%2f..%2fetc%2fpasswd"} {
			res := ask(http.MethodGet, "https://images.paper.org/i/"+file)
			if res.StatusCode != http.StatusNotFound || res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d, %s", file, res.StatusCode, res.Header.Get("Cache-Control"))
			}
		}
	})
	t.Run("SEC-16 the origin of the pictures has nothing else", func(t *testing.T) {
		for path, want := range map[string]int{"/subscribe/daily": 404, "/admin/login": 404, "/healthz": 404, "/": 404, "/i/": 404} {
			if res := ask(http.MethodGet, "https://images.paper.org"+path); res.StatusCode != want || res.Header.Get("Content-Type") != "text/plain; charset=utf-8" && path != "/i/" {
				t.Errorf("%s: %d as %s", path, res.StatusCode, res.Header.Get("Content-Type"))
			}
		}
		if res := ask(http.MethodGet, "https://news.paper.org/healthz"); res.StatusCode != http.StatusOK {
			t.Errorf("our own origin: %d", res.StatusCode)
		}
	})
}
