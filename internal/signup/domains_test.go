package signup

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// zone is a name server on a real socket: answers by name and type, and how often it was asked.
type zone struct {
	answers map[string]func(b *dnsmessage.Builder, q dnsmessage.Question) // by "name TYPE"
	rcode   map[string]dnsmessage.RCode
	silent  map[string]bool

	mu    sync.Mutex
	asked map[string]int
}

func (z *zone) serve(t *testing.T) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	z.asked = map[string]int{}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if out := z.answer(buf[:n]); out != nil {
				_, _ = c.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

func (z *zone) answer(msg []byte) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	key := name + " " + strings.TrimPrefix(q.Type.String(), "Type")
	z.mu.Lock()
	z.asked[name]++
	z.mu.Unlock()
	if z.silent[name] {
		return nil
	}
	rcode := z.rcode[name]
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: h.ID, Response: true, RecursionAvailable: true, RCode: rcode})
	b.EnableCompression()
	_ = b.StartQuestions()
	_ = b.Question(q)
	_ = b.StartAnswers()
	if f := z.answers[key]; f != nil {
		f(&b, q)
	}
	out, err := b.Finish()
	if err != nil {
		return nil
	}
	return out
}

func mx(host string) func(*dnsmessage.Builder, dnsmessage.Question) {
	return func(b *dnsmessage.Builder, q dnsmessage.Question) {
		_ = b.MXResource(dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}, dnsmessage.MXResource{Pref: 0, MX: dnsmessage.MustNewName(host)})
	}
}

func a(b *dnsmessage.Builder, q dnsmessage.Question) {
	_ = b.AResource(dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}, dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}})
}

// ADR: a domain that does not exist or wants no mail is refused; one whose name servers are silent or in trouble is taken.
func TestDomains(t *testing.T) {
	t.Parallel()
	z := &zone{
		answers: map[string]func(*dnsmessage.Builder, dnsmessage.Question){
			"good.example MX": mx("mail.good.example."), "null.example MX": mx("."), "implicit.example A": a, "null-but-a.example MX": mx("."), "null-but-a.example A": a,
		},
		rcode: map[string]dnsmessage.RCode{"gone.example": dnsmessage.RCodeNameError, "trouble.example": dnsmessage.RCodeServerFailure,
			"refused.example": dnsmessage.RCodeRefused},
		silent: map[string]bool{"silent.example": true},
	}
	d := NewDomains(z.serve(t))
	now := time.Now()
	d.now = func() time.Time { return now }
	for domain, want := range map[string]bool{
		"good.example": true, "implicit.example": true, "trouble.example": true, "refused.example": true, "silent.example": true,
		"null.example": false, "null-but-a.example": false, "gone.example": false, "nothing.example": false,
	} {
		if got := d.Take(t.Context(), domain); got != want {
			t.Errorf("%s: %v; want %v", domain, got, want)
		}
	}
	times := func(name string) int {
		z.mu.Lock()
		defer z.mu.Unlock()
		return z.asked[name]
	}
	for _, name := range []string{"good.example", "gone.example", "silent.example"} {
		before := times(name)
		d.Take(t.Context(), name)
		if times(name) != before {
			t.Errorf("%s was asked again at once", name)
		}
	}
	before := times("gone.example")
	now = now.Add(keepBad + time.Second)
	if d.Take(t.Context(), "gone.example") || times("gone.example") == before {
		t.Error("after a while a refusal must be asked for again")
	}
}
