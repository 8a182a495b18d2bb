package inbox_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"mailer/internal/inbox"
)

func get(t *testing.T, in *inbox.Inbox, target string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest("GET", "http://localhost:8026"+target, nil)
	w := httptest.NewRecorder()
	in.Handler().ServeHTTP(w, r)
	res := w.Result()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}'`

// nasty is a mail whose every part tries to break out of the page.
func nasty() string {
	return "From: \"" + strings.ReplaceAll(evil, `"`, `\"`) + "\" <a@example.org>\r\nTo: b@example.net\r\nSubject: " + evil + "\r\nX-Evil: " + evil +
		"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=B\r\n\r\n" +
		"--B\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + evil + " see https://example.org/a?b=1&c=2. javascript:alert(3) http://\"onclick=x\r\n" +
		"--B\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
		"<!doctype html><html><head><title>x</title></head><body><script>alert(4)</script><form action=3D\"https://example.org\"><p>Caf=E9</p></body></html>\r\n" +
		"--B\r\nContent-Type: " + "image/png; name=\"" + "x.png\"\r\nContent-Disposition: attachment\r\n\r\nPNG\r\n--B--\r\n"
}

func TestPages(t *testing.T) {
	t.Parallel()
	in, addr := start(t, t.TempDir(), inbox.Options{ImageOrigins: []string{"http://127.0.0.1:8025"}})
	if _, body := get(t, in, "/"); !strings.Contains(body, "No mail yet") {
		t.Error("the empty page does not say that it is empty")
	}
	deliver(t, addr, "b@example.net", nasty())
	deliver(t, addr, "ann@example.net", plain)
	id := in.Find("b@example.net")[0].ID

	for _, path := range []string{"/", "/?to=EXAMPLE", "/?to=" + "%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/?page=99", "/m/" + id, "/m/" + id + "?view=text", "/m/" + id + "?view=headers",
		"/m/" + id + "?view=source", "/m/" + id + "?view=html&width=phone", "/m/nothing", "/nothing"} {
		res, body := get(t, in, path)
		csp := res.Header.Get("Content-Security-Policy")
		if strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") || res.Header.Get("X-Content-Type-Options") != "nosniff" ||
			res.Header.Get("X-Frame-Options") != "DENY" || res.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", path, res.Header)
		}
		inert(t, path, body)
	}
	if _, body := get(t, in, "/?to=ANN"); !strings.Contains(body, "Café today") || strings.Contains(body, "b@example.net") {
		t.Error("search by recipient")
	}
	if _, body := get(t, in, "/?to=nobody"); !strings.Contains(body, "Nothing here for that recipient") {
		t.Error("search without result")
	}
	if _, body := get(t, in, "/m/"+id); !strings.Contains(body, `sandbox="allow-popups allow-popups-to-escape-sandbox"`) {
		t.Error("the frame is not in a sandbox")
	}
	if _, body := get(t, in, "/m/"+id+"?view=text"); !strings.Contains(body, `<a href="https://example.org/a?b=1&amp;c=2" rel="noreferrer noopener" target="_blank">`) {
		t.Errorf("links of the text: %s", body)
	}
	if _, body := get(t, in, "/m/"+id+"?view=headers"); !strings.Contains(body, "X-Evil") || !strings.Contains(body, "MIME-Version") || !strings.Contains(body, "Return-Path") {
		t.Error("headers")
	}

	res, body := get(t, in, "/m/"+id+"/html")
	csp := res.Header.Get("Content-Security-Policy")
	for _, want := range []string{"sandbox allow-popups allow-popups-to-escape-sandbox;", "default-src 'none'", "img-src https: http://127.0.0.1:8025;", "form-action 'none'", "base-uri 'none'", "frame-ancestors 'self'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the frame's policy has no %q: %s", want, csp)
		}
	}
	if strings.Contains(csp, "allow-scripts") || strings.Contains(csp, "allow-same-origin") || strings.Contains(csp, "script-src") || len(res.Header["Content-Security-Policy"]) != 1 {
		t.Errorf("the frame's policy: %s", csp)
	}
	if !strings.Contains(body, `<head><base target="_blank">`) || !strings.Contains(body, "<p>Café</p>") || res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("frame: %s", body)
	}

	res, body = get(t, in, "/m/"+id+"/raw")
	if body != nasty() || !strings.HasPrefix(res.Header.Get("Content-Disposition"), "attachment") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("raw: %v", res.Header)
	}
	for path, status := range map[string]int{"/m/..%2f..%2fetc%2fpasswd": 404, "/m/%2e%2e": 404, "/m/x/raw": 404, "/m/x/html": 404, "/style.css": 200, "/icon.svg": 200} {
		if res, _ := get(t, in, path); res.StatusCode != status {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

// inert checks that a page has no script, handler, form or link but our own.
func inert(t *testing.T, path, body string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" || n.Data == "img" || n.Data == "style" {
			t.Errorf("%s: <%s> on the page", path, n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || strings.Contains(a.Val, "javascript:") && a.Key == "href" {
				t.Errorf("%s: %s=%q on <%s>", path, a.Key, a.Val, n.Data)
			}
			if a.Key == "href" && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "https://example.org/") {
				t.Errorf("%s: link to %q", path, a.Val)
			}
		}
	}
}

// A page elsewhere may point a name of its own to this machine; it must not be able to read mail by it.
func TestHostNames(t *testing.T) {
	t.Parallel()
	in, _ := start(t, t.TempDir(), inbox.Options{})
	for host, status := range map[string]int{"localhost:8026": 200, "127.0.0.1:8026": 200, "[::1]:8026": 200, "127.0.0.5": 200, "demo.localhost": 200, "LOCALHOST": 200,
		"evil.example": 403, "evil.example:8026": 403, "localhost.evil.example": 403, "10.0.0.1:8026": 403, "": 403} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		in.Handler().ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%q: %d", host, w.Code)
		}
	}
	for ip, status := range map[string]int{"127.0.0.1": 200, "::1": 200, "192.0.2.1": 403, "2001:db8::1": 403} {
		r := httptest.NewRequest("GET", "http://localhost:8026/", nil)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(ip), Port: 8026}))
		w := httptest.NewRecorder()
		in.Handler().ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("on %s: %d", ip, w.Code)
		}
	}
	for _, method := range []string{"POST", "DELETE", "PUT"} {
		r := httptest.NewRequest(method, "http://localhost/", nil)
		w := httptest.NewRecorder()
		in.Handler().ServeHTTP(w, r)
		if w.Code < 400 {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}

// Files that are no mail, and mails of any shape, have a page all the same.
func TestAnyMail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	deep := strings.Repeat("Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n", 2000)
	for i, text := range []string{"", "no header at all", "Subject: x\r\n\r\n\xff\xfe\x00", deep, "Content-Type: text/html; charset=nonsense\r\n\r\n<p>x", "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
		"Content-Type: multipart/alternative; boundary=B\r\n\r\n--B\r\nContent-Type: text/html\r\n\r\n<p>cut off"} {
		name := []string{"00000001", "00000002", "00000003", "00000004", "00000005", "00000006", "00000007"}[i] + "-20261122T080000Z.eml"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in, err := inbox.Open(dir, inbox.Options{})
	if err != nil || in.Count(t.Context()) != 7 {
		t.Fatalf("%d, %v", in.Count(t.Context()), err)
	}
	for _, m := range in.Messages() {
		for _, view := range []string{"", "?view=text", "?view=headers", "?view=source", "/html", "/raw"} {
			if res, _ := get(t, in, "/m/"+m.ID+view); res.StatusCode != 200 {
				t.Errorf("%s%s: %d", m.ID, view, res.StatusCode)
			}
		}
	}
	// A mail whose file is gone.
	if err := os.Remove(filepath.Join(dir, "00000001-20261122T080000Z.eml")); err != nil {
		t.Fatal(err)
	}
	if res, _ := get(t, in, "/m/00000001-20261122T080000Z"); res.StatusCode != 404 {
		t.Errorf("gone: %d", res.StatusCode)
	}
}
