package public

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"mailer/internal/web/answer"
)

// guard is around every answer: the path made regular, the headers that keep pages private, a limit of time and size,
// the access log, and a page instead of a broken connection when something panics.
func (s *site) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		out := &answer.Recorder{ResponseWriter: w}
		r = regular(r)
		r.Body = received(http.MaxBytesReader(w, r.Body, maxBody))
		// The limit is that of our work: a wish to leave over a slow line is still one, and the server limits how slow. So is one
		// whose sender does not wait for the answer.
		ctx := r.Context()
		if r.Method == http.MethodPost {
			ctx = context.WithoutCancel(ctx)
		}
		ctx, cancel := context.WithTimeout(ctx, workLimit)
		defer cancel()
		r = r.WithContext(ctx)
		header(w.Header())
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				s.Log.Error("panic in a page", "path", redacted(r.URL.Path), "panic", p, "stack", string(debug.Stack()))
				if out.Status == 0 {
					s.failed(out, r)
				}
			}
			s.access(r, out, time.Since(start))
		}()
		next.ServeHTTP(out, r)
	})
}

// received reads all of a body and returns it for reading once more, with the error that may have ended it.
func received(body io.Reader) io.ReadCloser {
	b, err := io.ReadAll(body)
	if err != nil {
		return io.NopCloser(io.MultiReader(bytes.NewReader(b), failing{err}))
	}
	return io.NopCloser(bytes.NewReader(b))
}

// failing is a reader that returns an error.
type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// header sets what every answer says. RFC 8058 asks of the leave page that it works for programs as for people; that it
// is neither kept nor passed on is our promise to the reader whose token the address holds.
func header(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
}

// regular returns r with a path that ServeMux takes as it is. For any other it would answer with a redirect, and mail
// programs do not follow one with their POST (RFC 8058 section 3.1).
func regular(r *http.Request) *http.Request {
	clean := path.Clean("/" + r.URL.Path)
	if clean == r.URL.Path && r.URL.RawPath == "" {
		return r
	}
	u := *r.URL
	u.Path, u.RawPath = clean, ""
	r2 := *r
	r2.URL = &u
	return &r2
}

// access writes one line for each request, without the token and without anything about who asked.
func (s *site) access(r *http.Request, out *answer.Recorder, took time.Duration) {
	level := slog.LevelInfo
	if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
		level = slog.LevelDebug
	}
	s.Log.Log(r.Context(), level, "request", "method", r.Method, "path", redacted(r.URL.Path), "proto", r.Proto,
		"status", out.Status, "bytes", out.Bytes, "ms", took.Milliseconds())
}

// redacted returns what of a path may stand in a log: its first part where we know it. The rest may be a token.
func redacted(p string) string {
	first, _, more := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	switch first {
	case "u", "c", "v", "k", "p", "me", "give", "subscribe":
		return "/" + first + "/…"
	case "archive", "i": // everybody's, but what was never there may be anything
		return "/" + first + "/…"
	case "healthz", "readyz":
		if !more {
			return "/" + first
		}
	case "":
		return "/"
	}
	return "/…"
}
