package inbox

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mailer/internal/errs"
)

//go:embed page
var files embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"when": when, "size": size, "linked": linked, "day": day,
}).ParseFS(files, "page/*.html"))

// perPage is how many mails the list shows at once.
const perPage = 100

// Handler returns the web pages. They need no script, change nothing, and answer only on a loopback address and under a name
// of this machine itself, so that no page elsewhere can read mail through a name that it points to here (DNS rebinding).
func (in *Inbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", in.list)
	mux.HandleFunc("GET /m/{id}", in.mail)
	mux.HandleFunc("GET /m/{id}/html", in.frame)
	mux.HandleFunc("GET /m/{id}/raw", in.raw)
	for path, kind := range map[string]string{"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"} {
		mux.HandleFunc("GET /"+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			http.ServeFileFS(w, r, files, "page/"+path)
		})
	}
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		in.fail(w, errs.New(errs.NotFound, "There is no such page."))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !localName(r.Host) || !localPort(r) {
			http.Error(w, "The mail catcher answers only under a name of this machine, as localhost or 127.0.0.1.", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func localName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// localPort reports whether a request came to a loopback address. Whoever reaches another one of ours can give whatever
// name they like.
func localPort(r *http.Request) bool {
	a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return !ok || a.IP.IsLoopback()
}

type listPage struct {
	Query       string
	Total       int
	Found       int
	Mails       []Mail
	Now         time.Time
	Newer       string // URLs of the neighbouring pages, empty at the ends
	Older       string
	First, Last int
}

func (in *Inbox) list(w http.ResponseWriter, r *http.Request) {
	p := listPage{Query: strings.TrimSpace(r.URL.Query().Get("to")), Total: in.Count(r.Context()), Now: in.opts.Now()}
	all := in.Messages()
	found := all[:0]
	for _, m := range all {
		if strings.Contains(strings.ToLower(m.To), strings.ToLower(p.Query)) {
			found = append(found, m)
		}
	}
	p.Found = len(found)
	page, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || page < 1 {
		page = 1
	}
	page = min(page, max(1, (p.Found+perPage-1)/perPage))
	from := (page - 1) * perPage
	p.Mails = found[from:min(from+perPage, p.Found)]
	p.First, p.Last = from+1, from+len(p.Mails)
	link := func(n int) string {
		return "/?" + url.Values{"to": {p.Query}, "page": {strconv.Itoa(n)}}.Encode()
	}
	if page > 1 {
		p.Newer = link(page - 1)
	}
	if from+perPage < p.Found {
		p.Older = link(page + 1)
	}
	in.show(w, http.StatusOK, "list", p)
}

type mailPage struct {
	Mail
	content
	View         string // html, text, headers or source
	Phone        bool
	Newer, Older string // ids of the neighbours
	Now          time.Time
}

func (in *Inbox) mail(w http.ResponseWriter, r *http.Request) {
	p := mailPage{View: r.URL.Query().Get("view"), Phone: r.URL.Query().Get("width") == "phone", Now: in.opts.Now()}
	id := r.PathValue("id")
	file, err := in.file(id)
	if err != nil {
		in.fail(w, err)
		return
	}
	p.content = take(file)
	in.mu.RLock()
	if i, ok := in.find(id); ok {
		p.Mail = in.mails[i]
		if i > 0 {
			p.Older = in.mails[i-1].ID
		}
		if i+1 < len(in.mails) {
			p.Newer = in.mails[i+1].ID
		}
	}
	in.mu.RUnlock()
	switch p.View {
	case "text", "headers", "source":
	default:
		p.View = "html"
		if p.HTML == "" {
			p.View = "text"
		}
	}
	in.show(w, http.StatusOK, "mail", p)
}

// frame serves the HTML of a mail for the frame on its page. It has an origin of its own (sandbox without
// allow-same-origin), runs no script, sends no form and loads nothing but images.
func (in *Inbox) frame(w http.ResponseWriter, r *http.Request) {
	file, err := in.file(r.PathValue("id"))
	if err != nil {
		in.fail(w, err)
		return
	}
	images := strings.Join(append([]string{"https:"}, in.opts.ImageOrigins...), " ")
	h := w.Header()
	h.Set("Content-Security-Policy", "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src "+
		images+"; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, forFrame(take(file).HTML))
}

// raw serves a mail as a file to save.
func (in *Inbox) raw(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	data, err := in.Raw(id)
	if err != nil {
		in.fail(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "message/rfc822")
	h.Set("Content-Disposition", `attachment; filename="`+id+suffix+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.Write(data) //nolint:errcheck // the reader went away
}

func (in *Inbox) fail(w http.ResponseWriter, err error) {
	if errs.KindOf(err) == errs.Internal {
		in.opts.Log.Error("mail catcher", "err", err)
	}
	in.show(w, errs.KindOf(err).HTTPStatus(), "error", errs.Public(err))
}

func (in *Inbox) show(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		in.opts.Log.Error("mail catcher page", "page", name, "err", err)
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	b.WriteTo(w) //nolint:errcheck // the reader went away
}

// when says a time shortly: the hour today, else the day.
func when(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	switch {
	case t.IsZero():
		return ""
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format("15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan")
	}
	return t.Format("2 Jan 2006")
}

// day says a time in full.
func day(t time.Time) string { return t.Local().Format("Monday 2 January 2006, 15:04:05 MST") }

func size(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
