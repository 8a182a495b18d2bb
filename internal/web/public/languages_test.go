package public_test

import (
	"regexp"
	"testing"
	"time"

	"mailer/internal/links"
)

var pageLang = regexp.MustCompile(`<html lang="([a-z]+)" dir="ltr">`)

// A page is in the reader's own language, else in that of the list, and only where neither is known in what the browser asks for.
func TestLanguageOfPages(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ reader, list, browser, page, stranger string }{
		{"fr", "en", "en", "fr", "en"}, // what a stranger is shown: of the list where there is one
		{"en", "fr", "fr", "en", "fr"},
		{"fr-CA", "en", "en", "fr", "en"},
		{"", "fr", "en", "fr", "fr"},
		{"", "en", "fr", "en", "en"},
		{"de", "fr", "en", "fr", "fr"}, // no words of the reader's: not English for that
		{"", "de", "fr", "en", "en"},
	} {
		w := newWhole(t)
		set := func(query, tag string) {
			t.Helper()
			if _, err := w.db.ExecContext(t.Context(), query, tag); err != nil {
				t.Fatal(err)
			}
		}
		set(`UPDATE lists SET language = $1`, tc.list)
		set(`UPDATE publications SET language = $1`, tc.list)
		asked := w.asked("new", 0)
		late := w.personal(2 * time.Hour)
		set(`UPDATE subscribers SET language = $1`, tc.reader)
		for name, page := range map[string]struct{ path, want string }{
			"leave": {w.leaveToken(), tc.page}, "confirm": {asked, tc.page}, "preferences": {w.preferencesToken(), tc.page}, "personal": {w.personal(0), tc.page},
			"late": {late, tc.page}, "data": {w.personal(0) + "/data", tc.page}, "erase": {w.personal(0) + "/erase", tc.page},
			"subscribe": {"/subscribe/daily", tc.stranger}, "subscribe to several": {"/subscribe/to/courier", tc.stranger},
		} {
			a := w.do("GET", page.path, "", "Accept-Language", tc.browser)
			m := pageLang.FindStringSubmatch(a.body)
			if m == nil {
				t.Fatalf("%s: %d, no language in\n%s", name, a.status, a.body)
			}
			if m[1] != page.want || a.header.Get("Content-Language") != page.want {
				t.Errorf("%s: in %s (%s); want %s: %+v", name, m[1], a.header.Get("Content-Language"), page.want, tc)
			}
		}
	}
	w := newWhole(t)
	for browser, want := range map[string]string{"fr": "fr", "fr-CH, fr;q=0.9, en;q=0.8": "fr", "de, fr;q=0.5": "fr", "en-GB,en": "en", "de": "en", "": "en", "*": "en", "frisian": "en", "fr;q=0, en": "en", "en;q=0.3, fr;q=0.7": "fr", "fr, en": "fr", "en, fr": "en"} {
		for _, path := range []string{"/nothing", "/u/nothing", "/c/nothing", "/p/nothing", "/subscribe/nothing", "/archive/nothing", "/v/" + w.ring.ViewToken(w.ring.Current(), links.View{Campaign: 91})} {
			if m := pageLang.FindStringSubmatch(w.do("GET", path, "", "Accept-Language", browser).body); m == nil || m[1] != want {
				t.Errorf("%s for %q: %v; want %s", path, browser, m, want)
			}
		}
	}
}
