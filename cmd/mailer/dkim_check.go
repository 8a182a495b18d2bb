package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"mailer/internal/dkim"
	"mailer/internal/errs"
)

// lookupTime is how long all questions of a command to name servers may take.
const lookupTime = 20 * time.Second

// asker returns the TXT records of a name, each in one piece; none is no error.
type asker func(ctx context.Context, name string) ([]string, error)

// resolver asks the name servers of this machine, or the one named.
func resolver(server string) asker {
	r := net.DefaultResolver
	if server != "" {
		if _, _, err := net.SplitHostPort(server); err != nil {
			server = net.JoinHostPort(strings.Trim(server, "[]"), "53")
		}
		r = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server)
		}}
	}
	return func(ctx context.Context, name string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, lookupTime)
		defer cancel()
		answers, err := r.LookupTXT(ctx, name+".")
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsNotFound {
			return nil, nil
		}
		return answers, err
	}
}

// finding is what DNS says about one name.
type finding struct {
	What  string    `json:"what"` // DKIM, SPF or DMARC
	Name  string    `json:"name"`
	InUse bool      `json:"in_use"` // of a key: it signs new mail
	OK    bool      `json:"ok"`
	Says  string    `json:"says"`
	kind  errs.Kind // of the error, where the name server could not be asked
}

// judged makes a finding of an answer.
func judged(what, name, good string, asked, wrong error) finding {
	f := finding{What: what, Name: name, OK: asked == nil && wrong == nil, Says: good}
	switch {
	case asked != nil:
		f.kind, f.Says = errs.Unavailable, "the name server cannot be asked: "+clean(asked.Error())
	case wrong != nil:
		f.Says = wrong.Error()
	}
	return f
}

func lookUpKey(ctx context.Context, ask asker, k *dkim.Key) finding {
	answers, err := ask(ctx, k.Name())
	return judged("DKIM", k.Name(), "the record is there and fits the key", err, k.Match(answers))
}

func lookUpSPF(ctx context.Context, ask asker, domain string) finding {
	answers, err := ask(ctx, domain)
	policy, wrong := dkim.CheckSPF(answers)
	if wrong != nil {
		wrong = fmt.Errorf("%w; publish one that names your relay, such as v=spf1 include:RELAY -all", wrong)
	}
	return judged("SPF", domain, clean(policy), err, wrong)
}

// lookUpDMARC looks at the domain, then at the one it is registered under (RFC 9989).
func lookUpDMARC(ctx context.Context, ask asker, domain string) (f finding) {
	for _, d := range slices.Compact([]string{domain, dkim.Organisational(domain)}) {
		if d == "" {
			continue
		}
		answers, err := ask(ctx, "_dmarc."+d)
		policy, wrong := dkim.CheckDMARC(answers)
		if wrong != nil && len(answers) == 0 {
			wrong = fmt.Errorf("%w; publish v=DMARC1; p=none to begin with", wrong)
		}
		if f = judged("DMARC", "_dmarc."+d, clean(policy), err, wrong); f.OK || len(answers) > 0 || err != nil {
			return f
		}
	}
	return f
}

type dkimCheckCmd struct {
	Domain   string `arg:"" optional:"" help:"Which domain (default: all that have keys)."`
	Envelope string `placeholder:"DOMAIN" help:"Domain of MAIL FROM, which is the one that needs SPF (default: the domain itself; see mailer lists show)."`
	Server   string `placeholder:"ADDRESS" help:"Name server to ask, such as 192.0.2.53 (default: that of this machine)."`
}

func (dkimCheckCmd) Help() string {
	return `Providers want all three: a DKIM signature that verifies, SPF for the domain of MAIL FROM, and a DMARC record; and the
domains of both must belong to that of the sender's address.

The status is 0 when everything is in order, 65 when something is not, 75 when a name server could not be asked.`
}

func (c *dkimCheckCmd) Run(ctx context.Context, p *program) error {
	ring, keys, err := p.keysOf(c.Domain)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return errs.New(errs.NotFound, "there are no DKIM keys in %s; make some with: mailer dkim new DOMAIN", ring.Dir())
	}
	ask := resolver(c.Server)
	var found []finding
	var wrong, idle []string
	var unasked errs.Kind
	note := func(f finding, counts bool) {
		found = append(found, f)
		if !f.OK && counts {
			wrong = append(wrong, f.Name)
			unasked = cmp.Or(unasked, f.kind)
		}
	}
	for domain, keys := range byDomain(keys) {
		used := slices.ContainsFunc(keys, ring.InUse)
		newest := ring.Newest(domain)
		for _, k := range keys {
			f := lookUpKey(ctx, ask, k)
			f.InUse = ring.InUse(k)
			note(f, f.InUse || !used && slices.Contains(newest, k)) // what is not used any more may be gone
		}
		if !used {
			idle = append(idle, domain)
		}
		note(lookUpSPF(ctx, ask, cmp.Or(strings.ToLower(c.Envelope), domain)), true)
		note(lookUpDMARC(ctx, ask, domain), true)
	}
	if err := p.show(found, func(w io.Writer) {
		table(w, []string{"WHAT", "NAME", "IN USE", "OK", "WHAT DNS SAYS"}, found, func(f finding) []any {
			used := any("-")
			if f.What == "DKIM" {
				used = f.InUse
			}
			return []any{f.What, f.Name, used, f.OK, shorten(f.Says, 160)}
		})
		if len(wrong) > 0 {
			return
		}
		fmt.Fprintln(w, "\nEverything is in order. That SPF names your relay cannot be seen from here.")
		for _, d := range idle {
			fmt.Fprintf(w, "Mail from %s is not signed yet. Begin with: mailer dkim use %s\n", d, d)
		}
	}); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return errs.New(cmp.Or(unasked, errs.Conflict), "not in order: %s. Records take some minutes to be seen everywhere, hours where an older one was there", strings.Join(wrong, ", "))
	}
	return nil
}

// byDomain goes through keys, which are sorted, domain by domain.
func byDomain(keys []*dkim.Key) func(yield func(string, []*dkim.Key) bool) {
	return func(yield func(string, []*dkim.Key) bool) {
		for len(keys) > 0 {
			n := slices.IndexFunc(keys, func(k *dkim.Key) bool { return k.Domain != keys[0].Domain })
			if n < 0 {
				n = len(keys)
			}
			if !yield(keys[0].Domain, keys[:n]) {
				return
			}
			keys = keys[n:]
		}
	}
}
