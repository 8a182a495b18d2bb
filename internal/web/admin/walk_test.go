package admin_test

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"mailer/internal/links"
	"mailer/internal/web/admin/admintest"
)

// walk goes over pages and looks whether what they show is inert.
type walk struct {
	*admintest.Rig
	t      *testing.T
	values map[string]string
	shown  int      // pages with the payload
	pages  []string // of these, those that a browser can open
}

var placeholder = regexp.MustCompile(`\{([a-z$]+(?:\.\.\.)?)\}`)

// fill puts values into the pattern of a route.
func (w *walk) fill(pattern string) string {
	return placeholder.ReplaceAllStringFunc(pattern, func(p string) string {
		if v, ok := w.values[p[1:len(p)-1]]; ok {
			return v
		}
		return "1"
	})
}

// public returns the pages that need no log-in, with links such as stand in mails.
func (w *walk) public(t *testing.T) []string {
	t.Helper()
	key, list := w.Ring.Current(), w.Rig.List.ID
	var reader, campaign int64
	var day string
	if err := w.DB.QueryRowxContext(t.Context(), `SELECT (SELECT min(subscriber_id) FROM subscriptions WHERE state = 'confirmed'), max(id), to_char(now(), 'YYYY-MM-DD') FROM campaigns`).Scan(&reader, &campaign, &day); err != nil {
		t.Fatal(err)
	}
	return []string{"/subscribe/" + w.Rig.List.Slug, "/subscribe/to/paper", "/archive/" + w.Rig.List.Slug, "/archive/" + w.Rig.List.Slug + "/" + day + "-" + w.values["campaign"],
		"/archive/" + w.Rig.List.Slug + "/atom.xml", "/archive/" + w.Rig.List.Slug + "/rss.xml",
		"/u/" + w.Ring.LeaveToken(key, links.Leave{Subscriber: reader, List: list, Campaign: campaign}),
		"/p/" + w.Ring.PreferencesToken(key, links.Preferences{Subscriber: reader, List: list, Campaign: campaign}),
		"/v/" + w.Ring.ViewToken(key, links.View{Campaign: campaign})}
}

// inert looks at an answer: where it is a page, nothing of the payload has become markup; where it is not, no browser takes it for one.
func (w *walk) inert(t *testing.T, path string, p admintest.Page) {
	t.Helper()
	kind := p.Header.Get("Content-Type")
	if p.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: no nosniff", path)
	}
	if !strings.HasPrefix(kind, "text/html") {
		if strings.Contains(kind, "html") || strings.Contains(kind, "svg") || kind == "" && p.Body != "" {
			t.Errorf("%s: a file of type %q", path, kind)
		}
		return
	}
	if strings.Contains(p.Body, mark) {
		w.shown++
		w.pages = append(w.pages, path)
	}
	policy := p.Header.Get("Content-Security-Policy")
	if scripts.MatchString(policy) || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("%s: Content-Security-Policy %q", path, policy)
	}
	doc, err := html.Parse(strings.NewReader(p.Body))
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	for n := range doc.Descendants() {
		if n.Data == "script" && n.FirstChild != nil && strings.Contains(policy, hashOf(n.FirstChild.Data)) {
			continue // ours, named by the policy
		}
		if fault := live(n); fault != "" {
			t.Errorf("%s: %s", path, fault)
			return
		}
	}
}

// scripts finds a policy that lets more scripts run than those that it names.
var scripts = regexp.MustCompile(`script-src[^;]*(unsafe|https?:|data:|blob:|\*)`)

// hashOf names a script in a Content-Security-Policy.
func hashOf(script string) string {
	sum := sha256.Sum256([]byte(script))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// choice returns some of the pages with the payload, one of each part of the desk and of the public pages: a part's pages share their scripts.
func (w *walk) choice() (some []string) {
	of := map[string]int{}
	for _, path := range w.pages {
		parts := strings.SplitN(path, "/", 4)
		part := strings.Join(parts[:min(3, len(parts))], "/")
		if of[part]++; of[part] == 1 || strings.HasSuffix(path, "/campaigns/"+w.values["draft"]) {
			some = append(some, path)
		}
	}
	return some
}

// leads are attributes that a browser follows.
var leads = []string{"href", "src", "action", "formaction", "data", "xlink:href", "poster", "hx-get", "hx-post", "ping", "background"}

// live says what of an element would run, or "".
func live(n *html.Node) string {
	if n.Type != html.ElementNode {
		return ""
	}
	if n.Data == "script" && n.FirstChild != nil && !isData(n) {
		return "a script within the page: " + firstLines(n.FirstChild.Data)
	}
	for _, a := range n.Attr {
		value := strings.ToLower(strings.Map(func(r rune) rune {
			if r <= ' ' {
				return -1
			}
			return r
		}, a.Val))
		switch {
		case strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") || strings.Contains(a.Key, mark):
			return "<" + n.Data + " " + a.Key + "=" + a.Val + ">"
		case slices.Contains(leads, a.Key) && (strings.HasPrefix(value, "javascript:") || strings.HasPrefix(value, "vbscript:") || strings.HasPrefix(value, "data:text")):
			return "<" + n.Data + " " + a.Key + "=" + a.Val + ">"
		case a.Key == "srcdoc" && strings.Contains(value, "<script"):
			return "a srcdoc with a script"
		}
	}
	return ""
}

// isData reports a script that is none: JSON for our own ones to read.
func isData(n *html.Node) bool {
	for _, a := range n.Attr {
		if a.Key == "type" && (a.Val == "application/json" || a.Val == "application/ld+json") {
			return true
		}
	}
	return false
}

func firstLines(s string) string { return s[:min(len(s), 300)] }

// The walk finds what it looks for.
func TestWalkFinds(t *testing.T) {
	t.Parallel()
	faults := map[string]bool{}
	for _, page := range []string{payloads[0], `<a title="` + payloads[2] + `">x</a>`, `<a href="` + address + `">x</a>`, `<a href=" java&#10;script:x">x</a>`, `<img src=x onerror=x>`, `<iframe srcdoc="<script>x</script>">`} {
		doc, err := html.Parse(strings.NewReader("<p>" + page))
		if err != nil {
			t.Fatal(err)
		}
		found := ""
		for n := range doc.Descendants() {
			if f := live(n); f != "" {
				found = f
				break
			}
		}
		if found == "" {
			t.Errorf("nothing was found in %s", page)
		}
		faults[found] = true
	}
	if len(slices.Collect(maps.Keys(faults))) < 5 {
		t.Errorf("found only %v", faults)
	}
}
