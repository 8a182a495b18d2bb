package public_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"mailer/internal/signup"
	"mailer/internal/web/public"
)

// nameServer answers on a real socket: names with gone do not exist, those with null want no mail, those with silent get no answer.
func nameServer(t *testing.T) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			var in dnsmessage.Message
			if in.Unpack(buf[:n]) != nil || len(in.Questions) != 1 {
				continue
			}
			q := in.Questions[0]
			out := dnsmessage.Message{Header: dnsmessage.Header{ID: in.ID, Response: true}, Questions: in.Questions}
			host := "mail.example.net."
			switch name := q.Name.String(); {
			case strings.HasPrefix(name, "silent"):
				continue
			case strings.HasPrefix(name, "gone"):
				out.RCode = dnsmessage.RCodeNameError
			case strings.HasPrefix(name, "null"):
				host = "."
			}
			if out.RCode == dnsmessage.RCodeSuccess && q.Type == dnsmessage.TypeMX {
				out.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
					Body: &dnsmessage.MXResource{MX: dnsmessage.MustNewName(host)}}}
			}
			if b, err := out.Pack(); err == nil {
				_, _ = c.WriteTo(b, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// ADR: an address at a domain that does not exist, or that wants no mail, is refused at the form with a kind word; when the DNS is
// silent it is taken.
func TestADRDomains(t *testing.T) {
	t.Parallel()
	resolver := nameServer(t)
	j := newJoining(t, func(d *signup.Deps, _ *public.Deps) { d.Domains = signup.NewDomains(resolver) })
	stamp := j.stamp("/subscribe/daily", 10*time.Second)
	for domain, takes := range map[string]bool{"good.org": true, "silent.org": true, "gone.org": false, "null.org": false} {
		before := j.waiting()
		a := j.joinWith("/subscribe/daily", url.Values{"address": {"reader@" + domain}, "stamp": {stamp}})
		if got := j.waiting() > before; got != takes {
			t.Errorf("%s: taken %v; want %v", domain, got, takes)
		}
		if takes == (a.status == 422) || !takes && (!strings.Contains(a.body, "No mail can be sent to this domain") || !strings.Contains(a.body, fmt.Sprintf(`value="reader@%s"`, domain))) {
			t.Errorf("%s: %d\n%s", domain, a.status, a.body)
		}
	}
}
