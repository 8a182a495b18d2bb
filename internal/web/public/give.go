package public

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mailer/internal/errs"
)

// give leads from the button of an appeal to the donation page and counts that it was followed, by campaign. Where it
// leads comes from the database by the token alone, so nobody can send readers elsewhere (CVE-2025-5256).
func (s *site) give(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET, HEAD, OPTIONS", reading(r)) {
		return
	}
	token, err := s.Ring.ParseGift(tokenOf(r))
	var target string
	if err == nil {
		target, err = s.target(r, token.Campaign, token.Variant)
	}
	switch {
	case errs.KindOf(err) == errs.NotFound:
		s.invalid(w, r, http.StatusNotFound)
		return
	case err != nil && target == "":
		s.fail(w, r, err)
		return
	case err != nil: // it could not be counted, but the reader can go on
		s.Log.Warn("a click on an appeal was not counted", "campaign", token.Campaign, "err", err)
	}
	medium := "email"
	if fromArchive(r) {
		medium = "archive"
	}
	to, err := attributed(target, medium, token.Campaign)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
}

// target returns where the button leads. Programs that only look (HEAD), browsers that only make ready (prefetch) and repeats
// are not counted, nor is whoever comes from the public archive: what is counted is what a mail brought.
func (s *site) target(r *http.Request, campaign, variant int64) (string, error) {
	if r.Method == http.MethodGet && !prefetch(r) && !fromArchive(r) && s.clicks.counts(r, s.client(r), campaign, variant, time.Now()) {
		by, _ := s.visitor(r)
		return s.Appeals.Click(r.Context(), campaign, variant, by)
	}
	v, err := s.Appeals.Variant(r.Context(), variant)
	return v.URL, err
}

// fromArchive reports whether the button stood on a public page and not in a mail.
func fromArchive(r *http.Request) bool { return r.URL.Query().Get("from") == "archive" }

// attributed adds to the address of a donation page which campaign the reader comes from, in the parameters that web
// statistics know. What the publication has set itself stays.
func attributed(target, medium string, campaign int64) (string, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost") {
		return "", errs.Wrap(err, errs.Internal, "the address of the appeal is not a page")
	}
	// Appended, not encoded anew: what stands there is the donation page's own, and may be no pairs at all.
	q := u.Query()
	for _, p := range [][2]string{{"utm_source", "newsletter"}, {"utm_medium", medium}, {"utm_campaign", "campaign-" + strconv.FormatInt(campaign, 10)}} {
		if !q.Has(p[0]) {
			u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+p[0]+"="+p[1], "&")
		}
	}
	return u.String(), nil
}
