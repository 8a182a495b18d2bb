package articles

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lib/pq"

	"mailer/internal/errs"
)

// FromURL reads the page at an address and keeps its story, as Import does; a story that is known by that address already is returned as it
// is, without a question to its publisher. created says that it is new here. Errors: those of fetch.Client.Get, of field url; Invalid where
// the page has no story.
func (s *Store) FromURL(ctx context.Context, address string) (a Article, created bool, err error) {
	return s.fromURL(ctx, address, unnoted)
}

func (s *Store) fromURL(ctx context.Context, address string, note noting) (a Article, created bool, err error) {
	address = strings.TrimSpace(address)
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	if known, err := s.byURL(ctx, address); err != nil || known != nil {
		return found(known), false, err
	}
	resp, err := s.fetch.Get(ctx, address, http.Header{"Accept": {"text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"}})
	if err != nil {
		return Article{}, false, ofAddress(err)
	}
	if resp.Status != http.StatusOK {
		return Article{}, false, errs.Field("url", "the page answers with %d %s", resp.Status, http.StatusText(resp.Status))
	}
	if isFront(resp.FinalURL) {
		return Article{}, false, errs.Field("url", "this leads to the front page of the site; paste the address of the story itself")
	}
	if known, err := s.byURL(ctx, resp.FinalURL); err != nil || known != nil {
		return found(known), false, err
	}
	parsed, err := parseAnswer(resp.Body, resp.Header.Get("Content-Type"), resp.FinalURL, s)
	if err != nil {
		return Article{}, false, ofAddress(err)
	}
	if known, err := s.byURL(ctx, parsed.Story.URL); err != nil || known != nil {
		return found(known), false, err
	}
	return s.keepImport(ctx, parsed, note)
}

// parseAnswer reads the story of a page that was at an address. The address that the page gives itself counts where it is of the same
// site: what a page says of others is not to be trusted.
func parseAnswer(body []byte, contentType, address string, s *Store) (Parsed, error) {
	if kind, _, _ := strings.Cut(strings.ToLower(contentType), ";"); kind != "" && !strings.Contains(kind, "html") && !strings.Contains(kind, "xml") {
		return Parsed{}, errs.Field("url", "there is no page but a file of type %s", strings.TrimSpace(kind))
	}
	if len(body) > MaxFile*4 {
		return Parsed{}, errs.Field("url", "the page is larger than %d MB", MaxFile*4>>20)
	}
	text := decode(body, contentType)
	if !isReadable(text) {
		return Parsed{}, errs.Field("url", "there is no page of text")
	}
	p, err := parsePage(text, Overrides{Zone: time.UTC, Now: s.now(), at: address})
	if err != nil {
		return Parsed{}, err
	}
	return p.parsed()
}

// isFront reports whether an address is that of a site's first page, where other stories stand and none of its own.
func isFront(address string) bool {
	u, err := url.Parse(address)
	return err == nil && strings.Trim(u.Path, "/") == "" && u.RawQuery == ""
}

func sameSite(a, b string) bool {
	x, err := url.Parse(a)
	if err != nil {
		return false
	}
	y, err := url.Parse(b)
	return err == nil && strings.EqualFold(strings.TrimPrefix(x.Hostname(), "www."), strings.TrimPrefix(y.Hostname(), "www."))
}

// byURL returns the story that is known by an address, or nil.
func (s *Store) byURL(ctx context.Context, address string) (*Article, error) {
	canonical := CanonicalURL(address)
	if canonical == "" {
		return nil, nil
	}
	list, err := query(ctx, s.db, `WHERE a.canonical_url = $1`, canonical)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

func found(a *Article) Article {
	if a == nil {
		return Article{}
	}
	return *a
}

// ofAddress names the field that an error is about.
func ofAddress(err error) error {
	kind := errs.KindOf(err)
	if kind != errs.Invalid && kind != errs.Denied && kind != errs.Unavailable {
		return err
	}
	text := errs.Public(err)
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Field != "" {
		text = e.Msg // without the name of another field
	}
	return &errs.Error{Kind: kind, Field: "url", Msg: text, Err: err}
}

// Some returns the stories of the given ids, by id; those that there are not are left out.
func (s *Store) Some(ctx context.Context, ids []int64) (map[int64]Article, error) {
	out := make(map[int64]Article, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	list, err := query(ctx, s.db, `WHERE a.id = ANY($1)`, pq.Array(ids))
	for _, a := range list {
		out[a.ID] = a
	}
	return out, err
}
