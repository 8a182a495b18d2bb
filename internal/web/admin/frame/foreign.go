package frame

import "net/http"

// Foreign answers with HTML that is not ours, such as a mail, for a frame within a page of ours. It has no origin, so that it reaches neither
// the page nor its cookies; it has its styles and pictures, and nothing in it runs, sends or leads anywhere, but what may says.
func Foreign(w http.ResponseWriter, html string, may May) {
	scripts := ""
	if may.Script != "" {
		scripts = "script-src '" + may.Script + "'; "
	}
	h := w.Header()
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Content-Security-Policy", "default-src 'none'; img-src "+may.Pictures+"; style-src 'unsafe-inline'; "+scripts+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"+may.Sandbox)
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(html)) // who asked may have gone
}

// May is what foreign HTML may do.
type May struct {
	Pictures string // from where, as img-src has it
	Script   string // hash of the one script that runs, "sha256-…"; empty: none does
	Sandbox  string // what the sandbox allows, each with a space before it
}

// Pictures are the sources that mails have theirs from. In development feeds and pictures are on this machine.
func Pictures(development bool) string {
	if development {
		return "https: data: 'self' http://localhost:* http://127.0.0.1:*"
	}
	return "https: data: 'self'"
}
