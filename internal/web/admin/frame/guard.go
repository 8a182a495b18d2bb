package frame

import (
	"context"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"mailer/internal/web/answer"
)

const (
	maxBody   = 4 << 20 // bytes of a form: a campaign's text with room to spare
	workLimit = 15 * time.Second
	longLimit = 10 * time.Minute // of an upload
)

// Policy is what pages of the desk may load: scripts and styles of ours, and images as stories have them. Nothing inline.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; font-src 'self'; connect-src 'self'; " +
	"frame-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// guard is around every answer: the headers that keep pages to whom they were made for, refusal of what other sites send, the
// access log, and a page instead of a broken connection when something panics.
func (f *Frame) guard(next http.Handler) http.Handler {
	// Sec-Fetch-Site and Origin tell where a form was sent from (CSRF); every browser of these years sends one of them.
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusForbidden, "This was sent from another site, and nothing was changed. Open the desk at its own address and repeat it there.")
	}))
	next = cross.Handler(next)
	policy := Policy
	if !f.secure { // a developer's machine, whose sample newsroom has no https either
		policy = strings.Replace(policy, "img-src 'self' https:", "img-src 'self' https: http:", 1)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		out, route := &answer.Recorder{ResponseWriter: w}, new(string)
		r = r.WithContext(context.WithValue(r.Context(), routeKey{}, route)) // the mux names it in a copy of the request
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Content-Security-Policy", policy)
		if f.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		defer func() {
			p := recover()
			if p != nil && p != http.ErrAbortHandler {
				f.Log.Error("panic in a page of the desk", "route", routeOf(*route), "panic", p, "stack", string(debug.Stack()))
				if out.Status == 0 {
					plain(out, http.StatusInternalServerError, "Something went wrong on our side; the log says what.")
					p = nil
				}
			}
			f.Log.Info("request", "method", r.Method, "route", routeOf(*route), "status", out.Status, "ms", time.Since(start).Milliseconds())
			if p != nil {
				panic(http.ErrAbortHandler) // the answer has begun: the connection breaks off, so that half of it is not taken for the whole
			}
		}()
		next.ServeHTTP(out, r)
	})
}

type routeKey struct{}

// routeOf names a request in the log: by the route's pattern, since a path may hold a token.
func routeOf(pattern string) string {
	if _, route, ok := strings.Cut(pattern, " "); ok {
		return route
	}
	return "/admin/…"
}

// prepare sets the limits of size and time that a route has.
func (f *Frame) prepare(w http.ResponseWriter, r *http.Request, need Need) error {
	most := int64(maxBody)
	if need.upload > 0 {
		most = need.upload
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
	if need.long {
		c := http.NewResponseController(w)
		end := time.Time{} // none
		if need.upload > 0 {
			end = time.Now().Add(longLimit)
		}
		_ = c.SetReadDeadline(end) // a writer that has none needs none
		_ = c.SetWriteDeadline(end)
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), workLimit)
	context.AfterFunc(r.Context(), cancel)
	*r = *r.WithContext(ctx)
	return nil
}
