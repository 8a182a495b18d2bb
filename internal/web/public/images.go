package public

import (
	"net/http"
	"net/url"
	"strconv"

	"mailer/internal/errs"
	"mailer/internal/images"
)

// image serves a picture that an editor uploaded. Its address is made of its bytes, so whoever has it may keep it for ever. It says
// what it is and nothing else is guessed, and should a browser take it for a page all the same, that page could do nothing.
func (s *site) image(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET, HEAD, OPTIONS", reading(r)) {
		return
	}
	file := r.PathValue("image")
	kind, data, err := s.Images.Bytes(r.Context(), file)
	h := w.Header()
	switch {
	case errs.KindOf(err) == errs.NotFound:
		plain(w, http.StatusNotFound, "There is no such picture.")
		return
	case err != nil:
		s.fail(w, r, err)
		return
	}
	h.Set("Content-Type", kind.MIME())
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Content-Disposition", "inline")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // mail programs in browsers show it
	h.Set("X-Robots-Tag", "noindex")
	tag := `"` + file + `"`
	h.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data) // who asked may have gone
}

// OnlyImages keeps an origin of the images' own apart: where store has its addresses at another host than base, that host answers for
// pictures alone, so that it never has a page, a form or a cookie.
func OnlyImages(store *images.Store, base string, h http.Handler) http.Handler {
	theirs, err := url.Parse(store.Base)
	ours, err2 := url.Parse(base)
	if err != nil || err2 != nil || theirs.Host == ours.Host {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == theirs.Host && !isImagePath(r.URL.Path) {
			header(w.Header())
			plain(w, http.StatusNotFound, "There are pictures here, and nothing else.")
			return
		}
		h.ServeHTTP(w, r)
	})
}

func isImagePath(p string) bool { return len(p) > 3 && p[:3] == "/i/" }
