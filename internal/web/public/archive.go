package public

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"mailer/internal/errs"
)

// The archive shows past campaigns of lists that opened it: pages and feeds that are the same for everybody, so that they are
// made once, kept, and may be kept by others. They are the only pages of ours that search engines may know.

// archive answers /archive/LIST, its pages and /archive/LIST/CAMPAIGN.
func (s *site) archive(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET, HEAD, OPTIONS", reading(r)) {
		return
	}
	made, err := s.past.answer(r.Context(), r.PathValue("list"), strings.TrimRight(r.PathValue("what"), ".,;:!?)>]}\"'"), r.URL.Query().Get("page"))
	switch {
	case errs.KindOf(err) == errs.NotFound:
		s.invalid(w, r, http.StatusNotFound)
	case err != nil:
		s.fail(w, r, err)
	default:
		made.serve(w, r)
	}
}

// answer returns what stands at an address of the archive: the list's page, a feed, or a campaign.
func (a *past) answer(ctx context.Context, list, what, number string) (*made, error) {
	sh, err := a.shelf(ctx, list)
	if err != nil {
		return nil, err
	}
	if f, ok := feeds[what]; ok {
		return a.keep(sh.key("feed", what), sh.changed, func() (draft, error) { return a.feed(ctx, sh, what, f) })
	}
	if what != "" {
		i, ok := sh.at[what]
		if !ok {
			return nil, errNoSuchPage
		}
		key := fmt.Sprintf("campaign %d %d %d %s", sh.past[i].ID, sh.past[i].Revision, sh.past[i].Corrected, sh.frame)
		since := sh.framed
		if sh.past[i].Corrected != 0 {
			since = sh.changed
		}
		return a.keep(key, since, func() (draft, error) { return a.campaign(ctx, sh, sh.past[i]) })
	}
	n := 1
	if number != "" {
		if n, err = strconv.Atoi(number); err != nil || n < 1 || n > sh.pages() || number != strconv.Itoa(n) {
			return nil, errNoSuchPage
		}
	}
	return a.keep(sh.key("page", strconv.Itoa(n)), sh.changed, func() (draft, error) { return a.index(sh, n) })
}

// errNoSuchPage says that nothing stands at an address.
var errNoSuchPage = errs.New(errs.NotFound, "there is no such page in the archive")
