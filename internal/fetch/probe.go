package fetch

import (
	"context"
	"net/http"

	"mailer/internal/errs"
)

// Probe asks for an address as Get does and reads nothing of what it holds: Body is nil. It is for finding out whether a link
// leads anywhere. GET and not HEAD, which many sites answer otherwise or not at all. Errors as of Get, but nothing is too large.
func (c *Client) Probe(ctx context.Context, raw string) (*Response, error) {
	u, err := c.check(raw)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	trail := &trail{permanent: true}
	req, err := http.NewRequestWithContext(context.WithValue(ctx, trailKey{}, trail), http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errs.Field("url", "%q is not a web address", clip(raw))
	}
	req.Header.Set("User-Agent", c.agent)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(err, u.Hostname())
	}
	_ = resp.Body.Close()
	return &Response{Status: resp.StatusCode, Header: resp.Header, FinalURL: resp.Request.URL.String(), MovedURL: trail.moved}, nil
}
