package public

import (
	"net/http"

	"mailer/internal/errs"
)

// health says that the process lives and answers.
func (s *site) health(w http.ResponseWriter, r *http.Request) {
	if allow(w, r, "GET, HEAD, OPTIONS", reading(r)) {
		plain(w, http.StatusOK, "ok")
	}
}

// ready says whether it can do its work: whether requests should be sent here.
func (s *site) ready(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET, HEAD, OPTIONS", reading(r)) {
		return
	}
	if err := s.Ready(r.Context()); err != nil {
		s.Log.Warn("not ready", "err", err)
		plain(w, http.StatusServiceUnavailable, "not ready: "+errs.Public(err))
		return
	}
	plain(w, http.StatusOK, "ready")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // who asked may have gone
}
