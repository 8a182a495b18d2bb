// Package fetch is the outbound HTTP client for whatever a stranger may name: feeds, pages, images. It refuses private
// addresses after DNS and again after every redirect, and it caps size, time and redirects. It knows nothing of what it
// reads.
package fetch

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"mailer/internal/errs"
)

// Limits that apply where Options say nothing else.
const (
	DefaultMaxBytes = 5 << 20
	DefaultTimeout  = 10 * time.Second
	MaxRedirects    = 5
	maxURL          = 4096
)

// Options of a Client. The zero value is the strict client of production.
type Options struct {
	// AllowPrivate lets the client reach the hosts of AllowHosts although their addresses are private and their ports
	// unusual. It is for development and tests only.
	AllowPrivate bool
	// AllowHosts are exact "host:port" pairs, such as "127.0.0.1:8026"; they count only together with AllowPrivate.
	AllowHosts []string
	MaxBytes   int64         // of a body, after decompression; default 5 MB
	Timeout    time.Duration // of a whole request with its redirects and its body; default 10 s
	UserAgent  string        // made by UserAgent, so that it says whom to ask
}

// UserAgent names the program and the page that says who runs it, as polite robots do.
func UserAgent(contactURL string) string {
	if contactURL == "" {
		return "mailer/1.0 (newsletter service)"
	}
	return "mailer/1.0 (newsletter service; +" + contactURL + ")"
}

// Client fetches foreign addresses. It is safe for use by many goroutines.
type Client struct {
	http     *http.Client
	allowed  map[string]bool // host:port, lower case
	maxBytes int64
	timeout  time.Duration
	agent    string

	// The two steps of a connection, apart so that tests can watch them.
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
}

// Response is a whole answer, read to its end.
type Response struct {
	Status   int
	Header   http.Header
	Body     []byte
	FinalURL string // after redirects
	MovedURL string // where permanent redirects (301 and 308) and only those lead; empty when the first one was none
}

// New returns a client that obeys opts.
func New(opts Options) *Client {
	c := &Client{maxBytes: opts.MaxBytes, timeout: opts.Timeout, agent: opts.UserAgent, allowed: map[string]bool{}}
	if c.maxBytes <= 0 {
		c.maxBytes = DefaultMaxBytes
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if c.agent == "" {
		c.agent = UserAgent("")
	}
	if opts.AllowPrivate {
		for _, h := range opts.AllowHosts {
			c.allowed[strings.ToLower(h)] = true
		}
	}
	c.resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	c.dial = (&net.Dialer{Timeout: c.timeout, KeepAlive: 30 * time.Second, ControlContext: c.control}).DialContext
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy of the environment would resolve names for us, unchecked
			DialContext:            c.connect,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        30 * time.Second,
			TLSHandshakeTimeout:    c.timeout,
			MaxResponseHeaderBytes: 256 << 10,
		},
		CheckRedirect: c.redirect,
	}
	return c
}

// Get reads the address raw, following at most MaxRedirects redirects. Any status is a Response; an error means that no
// whole answer was to be had. Of header the conditional fields and Accept are meant; the rest is ours.
//
// Errors: Invalid (not an address we may use, or an answer larger than the limit), Denied (a private address),
// Unavailable (no such host, no answer, a bad certificate). Each carries a sentence for people.
func (c *Client) Get(ctx context.Context, raw string, header http.Header) (*Response, error) {
	return c.ask(ctx, raw, header, func(resp *http.Response) ([]byte, error) {
		host := resp.Request.URL.Hostname()
		if resp.ContentLength > c.maxBytes {
			return nil, c.tooLarge(host)
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBytes+1))
		if err != nil {
			return nil, c.explain(err, host)
		}
		if int64(len(body)) > c.maxBytes {
			return nil, c.tooLarge(host)
		}
		return body, nil
	})
}

// ask asks for an address and has read take what is wanted of the answer's body.
func (c *Client) ask(ctx context.Context, raw string, header http.Header, read func(*http.Response) ([]byte, error)) (*Response, error) {
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
	for k, v := range header {
		req.Header[http.CanonicalHeaderKey(k)] = v
	}
	req.Header.Set("User-Agent", c.agent)
	// Only without a wish of our own does the transport undo gzip as a stream, so that the cap of a body counts what comes out.
	req.Header.Del("Accept-Encoding")

	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(err, u.Hostname())
	}
	defer resp.Body.Close()
	body, err := read(resp)
	if err != nil {
		return nil, err
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: body,
		FinalURL: resp.Request.URL.String(), MovedURL: trail.moved}, nil
}

// CheckURL says whether raw is an address that the strict client would try: http or https, a host, no user name, an
// ordinary port. It asks no DNS.
func CheckURL(raw string) error {
	_, err := New(Options{}).check(raw)
	return err
}

// Check is CheckURL with the exceptions that this client was made with.
func (c *Client) Check(raw string) error {
	_, err := c.check(raw)
	return err
}

func (c *Client) check(raw string) (*url.URL, error) {
	raw = strings.TrimSpace(raw)
	if len(raw) > maxURL {
		return nil, errs.Field("url", "this address is longer than %d characters", maxURL)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errs.Field("url", "%q is not a web address", clip(raw))
	}
	if err := c.checkURL(u); err != nil {
		return nil, err
	}
	return u, nil
}

// checkURL judges an address by its form; the addresses behind its host are judged when it is dialled.
func (c *Client) checkURL(u *url.URL) error {
	shown := clip(u.Redacted())
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errs.Field("url", "%q is not a web address: it must begin with https:// or http://", shown)
	case u.Opaque != "" || u.Hostname() == "":
		return errs.Field("url", "%q names no host", shown)
	case u.User != nil:
		return errs.Field("url", "addresses with a user name or password are not read: %q", shown)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	host := strings.ToLower(u.Hostname())
	if c.allowed[net.JoinHostPort(host, port)] {
		return nil
	}
	if port != "80" && port != "443" {
		return errs.New(errs.Denied, "port %s is not one that pages and feeds are read from (only 80 and 443 are)", port)
	}
	return checkHost(host)
}

// trail notes on the way through redirects whether all of them so far were permanent.
type trail struct {
	permanent bool
	moved     string
}

type trailKey struct{}

func (c *Client) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > MaxRedirects {
		return errs.New(errs.Unavailable, "%s redirects more than %d times", via[0].URL.Hostname(), MaxRedirects)
	}
	if err := c.checkURL(req.URL); err != nil {
		return err
	}
	req.Header.Del("Referer") // the address of a feed may be a secret between it and its reader
	t, ok := req.Context().Value(trailKey{}).(*trail)
	if !ok || req.Response == nil {
		return nil
	}
	s := req.Response.StatusCode
	if t.permanent = t.permanent && (s == http.StatusMovedPermanently || s == http.StatusPermanentRedirect); t.permanent {
		t.moved = req.URL.String()
	}
	return nil
}

func (c *Client) tooLarge(host string) error {
	return errs.New(errs.Invalid, "what %s sends is larger than %d kB", host, c.maxBytes>>10)
}

// clip shortens an address for a message.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}
