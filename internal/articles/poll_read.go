package articles

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mailer/internal/errs"
	"mailer/internal/fetch"
)

// answer is a feed as it was read; nothing of it is set when it has not changed.
type answer struct {
	unchanged          bool
	feed               parsedFeed
	hash               []byte
	etag, lastModified string
	moved              string
}

// busy is the error of a server that asks to be left alone.
type busy struct {
	error
	wait time.Duration
}

func (b busy) Unwrap() error { return b.error }

// read fetches and parses a feed. It asks only for what has changed since the last poll that was understood.
func (h held) read(ctx context.Context) (answer, error) {
	f, s := h.feed, h.store
	target := f.URL
	if f.MovedTo != "" {
		target = f.MovedTo
	}
	header := http.Header{"Accept": {accepted}}
	if len(f.BodyHash) > 0 {
		if f.ETag != "" {
			header.Set("If-None-Match", f.ETag)
		}
		if f.LastModified != "" {
			header.Set("If-Modified-Since", f.LastModified)
		}
	}
	resp, err := s.fetch.Get(ctx, target, header)
	if err != nil {
		return answer{}, err
	}
	a := answer{etag: kept(resp, "ETag"), lastModified: kept(resp, "Last-Modified"), moved: resp.MovedURL}
	if a.moved == "" {
		a.moved = f.MovedTo
	}
	switch {
	case resp.Status == http.StatusNotModified && len(f.BodyHash) > 0:
		a.unchanged, a.hash = true, f.BodyHash
		a.etag, a.lastModified = cmp.Or(a.etag, f.ETag), cmp.Or(a.lastModified, f.LastModified)
		return a, nil
	case resp.Status == http.StatusTooManyRequests || resp.Status == http.StatusServiceUnavailable:
		wait := retryAfter(resp.Header.Get("Retry-After"), s.now())
		return a, busy{statusError(resp, f.URL), wait}
	case resp.Status != http.StatusOK:
		return a, statusError(resp, f.URL)
	}
	a.hash = bytesHash(resp.Body)
	if bytes.Equal(a.hash, f.BodyHash) {
		a.unchanged = true
		return a, nil
	}
	where, err := url.Parse(resp.FinalURL)
	if err != nil {
		return a, errs.Wrap(err, errs.Invalid, "the feed redirects to something that is not an address")
	}
	a.feed, err = parseFeed(resp.Body, resp.Header.Get("Content-Type"), where, cmp.Or(max(s.MaxItems, 0), DefaultMaxItems), s.now())
	return a, err
}

// kept returns a field to be kept; what is unusually long is not.
func kept(r *fetch.Response, name string) string {
	if v := r.Header.Get(name); len(v) <= 500 {
		return clean(v)
	}
	return ""
}

// statusError says in words what a status means for a feed.
func statusError(r *fetch.Response, was string) error {
	u, err := url.Parse(r.FinalURL)
	if err != nil {
		return errs.New(errs.Unavailable, "the server answered %d", r.Status)
	}
	host := u.Hostname()
	switch r.Status {
	case http.StatusNotFound:
		return errs.New(errs.Unavailable, "%s has nothing at this address any more (404)", host)
	case http.StatusGone:
		return errs.New(errs.Unavailable, "%s says that this feed is gone for good (410)", host)
	case http.StatusUnauthorized, http.StatusForbidden:
		return errs.New(errs.Unavailable, "%s does not let us read this feed (%d)", host, r.Status)
	case http.StatusTooManyRequests:
		return errs.New(errs.Unavailable, "%s asks us to come less often (429)", host)
	case http.StatusNotModified:
		return errs.New(errs.Unavailable, "%s says \"not changed\" although we have nothing yet (304)", host)
	}
	if r.Status >= 500 {
		return errs.New(errs.Unavailable, "%s has a fault of its own (%d %s)", host, r.Status, strings.ToLower(http.StatusText(r.Status)))
	}
	if r.FinalURL != was {
		return errs.New(errs.Unavailable, "%s answered %d %s after a redirect", host, r.Status, strings.ToLower(http.StatusText(r.Status)))
	}
	return errs.New(errs.Unavailable, "%s answered %d %s", host, r.Status, strings.ToLower(http.StatusText(r.Status)))
}

// retryAfter reads the field of that name (RFC 9110, section 10.2.3): seconds or a date. 0 when there is none, at most
// longest.
func retryAfter(v string, now time.Time) time.Duration {
	v = strings.TrimSpace(v)
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		return min(max(time.Duration(min(n, 1<<31))*time.Second, 0), longest)
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(t.Sub(now), 0), longest)
	}
	return 0
}
