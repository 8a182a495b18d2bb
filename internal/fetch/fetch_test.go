package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailer/internal/errs"
)

// serve starts a server on loopback and returns it with a client that may reach it, and only it.
func serve(t *testing.T, h http.HandlerFunc, change func(*Options)) (*httptest.Server, *Client) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	o := Options{AllowPrivate: true, AllowHosts: []string{srv.Listener.Addr().String()}}
	if change != nil {
		change(&o)
	}
	return srv, New(o)
}

// resolver answers the n-th question about any name with the n-th list, the last one repeated.
func resolver(c *Client, lists ...[]string) *atomic.Int32 {
	var asked atomic.Int32
	c.resolve = func(context.Context, string) ([]netip.Addr, error) {
		n := int(asked.Add(1)) - 1
		var out []netip.Addr
		for _, s := range lists[min(n, len(lists)-1)] {
			out = append(out, netip.MustParseAddr(s))
		}
		return out, nil
	}
	return &asked
}

// SEC-20: addresses that lead inward, in every spelling, are refused before a connection is made.
func TestRefusedAddresses(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"http://127.0.0.1/", "http://127.9.9.9/", "http://[::1]/", "http://0.0.0.0/", "http://0/", "http://[::]/",
		"http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://168.63.129.16/",
		"http://10.0.0.1/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/", "http://100.64.0.1/",
		"http://100.100.100.200/", "http://[fd00::1]/", "http://[fd00:ec2::254]/", "http://[fc00::1]/", "http://[fec0::1]/",
		"http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::ffff:8.8.8.8]/", "http://[::127.0.0.1]/",
		"http://[64:ff9b::7f00:1]/", "http://[64:ff9b::808:808]/", "http://[64:ff9b:1::7f00:1]/", "http://[2002:7f00:1::]/",
		"http://[2001::7f00:1]/", "http://224.0.0.1/", "http://[ff02::1]/", "http://255.255.255.255/", "http://240.0.0.1/",
		"http://192.0.2.1/", "http://198.18.0.1/", "http://192.88.99.1/", "http://[2001:db8::1]/",
		"http://2130706433/", "http://017700000001/", "http://0x7f000001/", "http://0x7f.1/", "http://127.1/", "http://0177.0.0.1/",
		"http://127.0.0.1./", "http://1.2.3.4.5/", "http://１２７.０.０.１/", "http://localhost/", "http://LOCALHOST/", "http://localhost./",
		"http://a.localhost/", "http://printer.local/", "http://metadata.google.internal/", "http://1.0.0.127.in-addr.arpa/",
		"http://example.org:25/", "http://example.org:5432/", "https://example.org:22/", "http://example.org:8080/",
		"http://user@example.org/", "http://user:secret@example.org/", "https://example.org@127.0.0.1/",
		"gopher://example.org/", "file:///etc/passwd", "ftp://example.org/x", "data:text/plain,x", "javascript:alert(1)",
		"unix:///var/run/x.sock", "//example.org/", "example.org", "", "http://", "http:///x", "http:example.org", "http://%31/",
		"http://exa mple.org/", "http://example.org\r\nHost: x/", "http://[::1", "http://" + strings.Repeat("a", 5000) + ".example/",
	} {
		t.Run("SEC-20 "+clip(raw), func(t *testing.T) {
			t.Parallel()
			c := New(Options{Timeout: time.Second})
			c.dial = func(_ context.Context, _, address string) (net.Conn, error) {
				t.Errorf("dialled %s", address)
				return nil, io.EOF
			}
			resolver(c, []string{"127.0.0.1"})
			_, err := c.Get(t.Context(), raw, nil)
			if k := errs.KindOf(err); k != errs.Invalid && k != errs.Denied {
				t.Fatalf("Get(%q) = %v (kind %d); want Invalid or Denied", raw, err, k)
			}
			if strings.Contains(errs.Public(err), "secret") {
				t.Errorf("a password is shown: %s", errs.Public(err))
			}
		})
	}
}

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "2a00:1450:4001::1", "172.32.0.1", "100.128.0.1", "2001:200::1"} {
		if !public(netip.MustParseAddr(s)) {
			t.Errorf("%s counts as private", s)
		}
	}
}

// SEC-20: what a name resolves to decides, whatever the name looks like.
func TestNamesThatResolveInward(t *testing.T) {
	t.Parallel()
	for _, ip := range []string{"127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "0.0.0.0", "100.64.0.9"} {
		t.Run("SEC-20 DNS to "+ip, func(t *testing.T) {
			t.Parallel()
			c := New(Options{})
			resolver(c, []string{ip})
			if _, err := c.Get(t.Context(), "http://feeds.example.org/", nil); errs.KindOf(err) != errs.Denied {
				t.Fatalf("error %v; want Denied", err)
			}
		})
	}
}

// SEC-20: a name that answers with a public address first and a private one afterwards is asked once per connection, and
// the address that was checked is the one that is dialled.
func TestRebinding(t *testing.T) {
	t.Parallel()
	c := New(Options{})
	asked := resolver(c, []string{"93.184.216.34"}, []string{"127.0.0.1"})
	var dialled []string
	c.dial = func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		return nil, io.EOF
	}
	if _, err := c.Get(t.Context(), "http://rebind.example.org/", nil); errs.KindOf(err) != errs.Unavailable {
		t.Fatalf("first: %v; want Unavailable from the dialler", err)
	}
	if n := asked.Load(); n != 1 || len(dialled) != 1 || dialled[0] != "93.184.216.34:80" {
		t.Fatalf("asked %d times, dialled %v; want once and the address that was checked", n, dialled)
	}
	if _, err := c.Get(t.Context(), "http://rebind.example.org/", nil); errs.KindOf(err) != errs.Denied {
		t.Fatalf("second: %v; want Denied", err)
	}
	if len(dialled) != 1 {
		t.Fatalf("dialled %v", dialled)
	}
}

// Of a name with public and private addresses only the public ones are tried, each in turn.
func TestMixedAnswer(t *testing.T) {
	t.Parallel()
	c := New(Options{})
	resolver(c, []string{"64:ff9b::5db8:d822", "93.184.216.34", "10.0.0.1", "93.184.216.35"})
	var dialled []string
	c.dial = func(_ context.Context, _, address string) (net.Conn, error) {
		dialled = append(dialled, address)
		return nil, io.EOF
	}
	if _, err := c.Get(t.Context(), "https://mixed.example.org/", nil); err == nil {
		t.Fatal("no error")
	}
	if got := strings.Join(dialled, " "); got != "93.184.216.34:443 93.184.216.35:443" {
		t.Fatalf("dialled %s", got)
	}
}

// SEC-20: the last door. Even if a private address got past every check, the socket is refused before it connects.
func TestControlRefuses(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := New(Options{}).dial(t.Context(), "tcp", ln.Addr().String())
	if err == nil {
		conn.Close()
		t.Fatal("connected to loopback")
	}
	if errs.KindOf(err) != errs.Denied {
		t.Fatalf("error %v; want Denied", err)
	}
}

// SEC-20: every redirect is checked like the first address.
func TestRedirects(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer secret.Close()
	for name, to := range map[string]string{
		"private port": secret.URL, "metadata": "http://169.254.169.254/", "IPv6 loopback": "http://[::1]/", "decimal": "http://2130706433/",
		"file": "file:///etc/passwd", "gopher": "gopher://127.0.0.1:25/", "userinfo": "http://a:b@example.org/", "port 25": "http://example.org:25/",
		"mapped": "http://[::ffff:127.0.0.1]/", "localhost": "http://localhost./",
	} {
		t.Run("SEC-20 redirect to "+name, func(t *testing.T) {
			t.Parallel()
			srv, c := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }, nil)
			_, err := c.Get(t.Context(), srv.URL, nil)
			if k := errs.KindOf(err); k != errs.Denied && k != errs.Invalid {
				t.Fatalf("error %v; want a refusal", err)
			}
		})
	}
	t.Run("SEC-20 redirect to a name that resolves inward", func(t *testing.T) {
		t.Parallel()
		srv, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://inward.example.org/", http.StatusFound)
		}, nil)
		resolver(c, []string{"127.0.0.1"})
		if _, err := c.Get(t.Context(), srv.URL, nil); errs.KindOf(err) != errs.Denied {
			t.Fatalf("error %v; want Denied", err)
		}
	})
	t.Cleanup(func() {
		if hits.Load() != 0 {
			t.Errorf("the private server was reached %d times", hits.Load())
		}
	})
}

func TestRedirectsFollowed(t *testing.T) {
	t.Parallel()
	var referers []string
	loops := 0
	srv, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		referers = append(referers, r.Referer())
		switch r.URL.Path {
		case "/a":
			http.Redirect(w, r, "/b", http.StatusMovedPermanently)
		case "/b":
			http.Redirect(w, r, "/c", http.StatusPermanentRedirect)
		case "/c":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/t":
			http.Redirect(w, r, "/a", http.StatusTemporaryRedirect)
		case "/loop":
			loops++
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			io.WriteString(w, "here")
		}
	}, nil)
	r, err := c.Get(t.Context(), srv.URL+"/a?token=x", nil)
	if err != nil || string(r.Body) != "here" || r.FinalURL != srv.URL+"/end" || r.MovedURL != srv.URL+"/c" {
		t.Fatalf("%+v, %v", r, err)
	}
	if s := strings.Join(referers, ""); s != "" {
		t.Errorf("a Referer was sent: %s", s)
	}
	if r, err = c.Get(t.Context(), srv.URL+"/t", nil); err != nil || r.MovedURL != "" {
		t.Fatalf("after a temporary redirect MovedURL = %q, %v", r.MovedURL, err)
	}
	if _, err = c.Get(t.Context(), srv.URL+"/loop", nil); errs.KindOf(err) != errs.Unavailable || !strings.Contains(errs.Public(err), "redirects more than 5") {
		t.Fatalf("loop: %v", err)
	}
	if loops != 1+MaxRedirects {
		t.Errorf("SEC-20: %d requests; want one and %d redirects", loops, MaxRedirects)
	}
}

// What a request carries: who asks, the conditions, and nothing else; no cookie comes back, no proxy is asked.
func TestRequest(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:9")
	t.Setenv("ALL_PROXY", "http://127.0.0.1:9")
	var got []http.Header
	srv, c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header)
		http.SetCookie(w, &http.Cookie{Name: "id", Value: "reader"})
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, "hello")
		z.Close()
	}, func(o *Options) { o.UserAgent = UserAgent("https://news.example.org") })
	r, err := c.Get(t.Context(), srv.URL, nil)
	if err != nil || string(r.Body) != "hello" {
		t.Fatalf("%+v, %v", r, err)
	}
	r, err = c.Get(t.Context(), srv.URL, http.Header{"if-none-match": {`"v1"`}, "Accept-Encoding": {"br"}})
	if err != nil || r.Status != http.StatusNotModified || len(r.Body) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	last := got[len(got)-1]
	if ua := last.Get("User-Agent"); !strings.Contains(ua, "+https://news.example.org") {
		t.Errorf("User-Agent %q has no address to ask at", ua)
	}
	if last.Get("Cookie") != "" || last.Get("Accept-Encoding") != "gzip" {
		t.Errorf("header %v", last)
	}
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	c := New(Options{AllowPrivate: true, AllowHosts: []string{srv.Listener.Addr().String()}})
	c.http.Transport.(*http.Transport).TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig
	if r, err := c.Get(t.Context(), srv.URL, nil); err != nil || string(r.Body) != "HTTP/2.0" {
		t.Fatalf("%v, %v", r, err)
	}
}

// The exceptions of development are exact, and nothing without AllowPrivate.
func TestAllowHosts(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	host := srv.Listener.Addr().String()
	if _, err := New(Options{AllowHosts: []string{host}}).Get(t.Context(), srv.URL, nil); errs.KindOf(err) != errs.Denied {
		t.Errorf("without AllowPrivate: %v; want Denied", err)
	}
	c := New(Options{AllowPrivate: true, AllowHosts: []string{"127.0.0.1:1"}})
	if _, err := c.Get(t.Context(), srv.URL, nil); errs.KindOf(err) != errs.Denied {
		t.Errorf("another port: %v; want Denied", err)
	}
	if err := CheckURL(srv.URL); errs.KindOf(err) != errs.Denied {
		t.Errorf("CheckURL: %v; want Denied", err)
	}
	c = New(Options{AllowPrivate: true, AllowHosts: []string{host}})
	if r, err := c.Get(t.Context(), srv.URL, nil); err != nil || r.Status != http.StatusNotFound {
		t.Errorf("allowed: %v", err)
	}
	if err := c.Check(srv.URL); err != nil {
		t.Error(err)
	}
}

// SEC-21: bodies are cut by size, after decompression, whatever they claim to be.
func TestBodyLimits(t *testing.T) {
	t.Parallel()
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	z.Write(make([]byte, 1<<20))
	z.Close()
	bomb := bytes.Repeat(member.Bytes(), 1<<10) // 1 GB of zeros in a thousand members
	for name, h := range map[string]http.HandlerFunc{
		"1 GB gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb)
		},
		"endless stream": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		},
		"declared length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "6000000")
			w.Write([]byte("x"))
		},
	} {
		t.Run("SEC-21 "+name, func(t *testing.T) {
			t.Parallel()
			srv, c := serve(t, h, nil)
			_, err := c.Get(t.Context(), srv.URL, nil)
			if errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), "larger than 5120 kB") {
				t.Fatalf("error %v; want too large", err)
			}
		})
	}
	t.Run("exactly the limit", func(t *testing.T) {
		t.Parallel()
		srv, c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 100)) }, func(o *Options) { o.MaxBytes = 100 })
		if r, err := c.Get(t.Context(), srv.URL, nil); err != nil || len(r.Body) != 100 {
			t.Fatal(err)
		}
	})
}

// SEC-21: an answer that trickles, or never begins, ends at the time limit.
func TestTimeLimits(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"slowloris": func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-r.Context().Done():
					return
				case <-tick.C:
					io.WriteString(w, "x")
					w.(http.Flusher).Flush()
				}
			}
		},
		"no header": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run("SEC-21 "+name, func(t *testing.T) {
			t.Parallel()
			srv, c := serve(t, h, func(o *Options) { o.Timeout = 200 * time.Millisecond })
			start := time.Now()
			_, err := c.Get(t.Context(), srv.URL, nil)
			if errs.KindOf(err) != errs.Unavailable || !strings.Contains(errs.Public(err), "did not answer completely") {
				t.Fatalf("error %v; want a time limit", err)
			}
			if d := time.Since(start); d > 30*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func TestSentences(t *testing.T) {
	t.Parallel()
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	defer tls.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		w.Write([]byte("x"))
	}))
	defer broken.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for name, tc := range map[string]struct{ url, want string }{
		"certificate": {tls.URL, "authority that is not known"},
		"refused":     {"http://" + closed.Addr().String(), "refuses the connection"},
		"cut":         {broken.URL, "broke off"},
		"no TLS":      {strings.Replace(plain.URL, "http:", "https:", 1), "does not speak https"},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(tc.url)
			if err != nil {
				t.Fatal(err)
			}
			c := New(Options{AllowPrivate: true, AllowHosts: []string{u.Host}})
			if _, err = c.Get(t.Context(), tc.url, nil); errs.KindOf(err) != errs.Unavailable || !strings.Contains(errs.Public(err), tc.want) {
				t.Fatalf("%v; want %q", err, tc.want)
			}
		})
	}
	c := New(Options{})
	c.resolve = func(_ context.Context, h string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", Name: h, IsNotFound: true}
	}
	if _, err := c.Get(t.Context(), "https://nowhere.example/", nil); !strings.Contains(errs.Public(err), "no host named nowhere.example") {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(ctx, "https://nowhere.example/", nil); errs.KindOf(err) != errs.Unavailable {
		t.Fatal(err)
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{"http://127.0.0.1/", "https://example.org/a?b#c", "http://[::ffff:1.2.3.4]:80", "http://0x7f.1", "http://a@b", "//x", "http://[fe80::1%25x]/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if CheckURL(raw) != nil {
			return
		}
		u, err := url.Parse(strings.TrimSpace(raw))
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.Hostname() == "" {
			t.Fatalf("accepted %q", raw)
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && (a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.Is4In6()) {
			t.Fatalf("accepted %q", raw)
		}
	})
}
