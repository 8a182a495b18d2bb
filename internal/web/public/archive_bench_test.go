package public_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"mailer/internal/web/public"
)

// BenchmarkArchive is a page of the archive as it is served from memory, without a socket.
func BenchmarkArchive(b *testing.B) {
	r := newRig(b)
	r.openArchive(true)
	p := past{id: 1, subject: "went out"}
	r.launched(p)
	d := r.deps()
	d.Log = slog.New(slog.DiscardHandler)
	h := public.New(d)
	for name, path := range map[string]string{"list": "/archive/daily", "campaign": address(p), "feed": "/archive/daily/rss.xml"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
