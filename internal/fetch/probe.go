package fetch

import (
	"context"
	"net/http"
)

// Probe asks for an address as Get does and reads nothing of what it holds: Body is nil. It is for finding out whether a link
// leads anywhere. GET and not HEAD, which many sites answer otherwise or not at all. Errors as of Get, but nothing is too large.
func (c *Client) Probe(ctx context.Context, raw string) (*Response, error) {
	return c.ask(ctx, raw, nil, func(*http.Response) ([]byte, error) { return nil, nil })
}
