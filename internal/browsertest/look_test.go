package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A page without a fault is found to have none, and each fault is found.
func TestFaults(t *testing.T) {
	t.Parallel()
	const page = `<!doctype html><html lang="en"><head><title>T</title><meta name="viewport" content="width=device-width">
		<style>body{background:#fff;color:#222;font:1rem/1.5 sans-serif} button,input,a.b{min-height:44px} a.b{display:block} :focus-visible{outline:3px solid #222}</style>%s</head>
		<body><main><h1>Heading</h1><p>Text with <a href="/x">a link in it</a>.</p><p><a class="b" href="/y">Alone</a></p>
		<form><p><label for="a">Address</label> <input id="a" type="email" autocomplete="email"></p><p><label for="d">Day</label> <input id="d" type="date"></p>
		<button>Go</button></form>%s</main></body></html>`
	cases := []struct{ name, head, body, want string }{
		{"sound", "", "", ""},
		{"wide", "", `<p style="width:2000px">Wide</p>`, "px wide"},
		{"pale", "", `<p style="color:#999">Pale</p>`, "contrast 2.85"},
		{"pale for axe too", "", `<p style="color:#999">Pale</p>`, "color-contrast"},
		{"small", "", `<p><a href="/z" style="display:block">Small</a></p>`, "less than 44 px"},
		{"bare field", "", `<input style="min-height:44px">`, "no visible label"},
		{"error not told", "", `<label for="e">E</label><input id="e" aria-invalid="true" aria-describedby="no">`, "without a word about it"},
		{"two headings", "", `<h1>Another</h1>`, "not one heading"},
		{"hidden focus", `<style>button:focus-visible{outline:none}</style>`, "", "does not show it: <button"},
		{"order", "", `<a class="b" href="/z" tabindex="1">First</a>`, "the keyboard leads to"},
		{"text outside", "", `</main><p>Outside</p>`, "region"},
		{"heading left out", "", `<h4>Deep</h4>`, "heading-order"},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var i int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &i); err != nil {
			http.NotFound(w, r)
			return
		}
		// As strict as our pages: what the tools of the browser do is not held up by it.
		policy := "default-src 'none'; style-src 'unsafe-inline'"
		if strings.HasSuffix(r.URL.Path, "/sandbox") {
			policy += "; sandbox"
		}
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, page, cases[i].head, cases[i].body)
	}))
	defer server.Close()
	b := Open(t)
	b.Go(server.URL + "/1/sandbox")
	if found := b.Faults(); len(found) != 1 || Ask[string](b, `location.pathname`) != "/1/sandbox" {
		t.Errorf("in a sandbox: %v, then at %s", found, Ask[string](b, `location.href`))
	}
	for i, tc := range cases {
		b.Go(fmt.Sprintf("%s/%d", server.URL, i))
		found := strings.Join(b.Faults(), "\n")
		if tc.want == "" && found != "" || !strings.Contains(found, tc.want) {
			t.Errorf("%s: found %q; want %q", tc.name, found, tc.want)
		}
	}
}
