package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"mailer/internal/config"
	"mailer/internal/dkim"
	"mailer/internal/errs"
)

type dkimCmd struct {
	New   dkimNewCmd   `cmd:"" help:"Make keys for a domain and say what to publish."`
	Show  dkimShowCmd  `cmd:"" default:"withargs" help:"Show the keys and their DNS records."`
	Check dkimCheckCmd `cmd:"" help:"Look the records up in DNS, and SPF and DMARC with them."`
	Use   dkimUseCmd   `cmd:"" help:"Sign new mail of a domain with its newest keys, or with those named."`
	Stop  dkimStopCmd  `cmd:"" help:"Sign no more new mail of a domain."`
}

func (dkimCmd) Help() string {
	return `Mail is signed here when the domain of its sender, or one that it is part of, has keys in use; else it is left to the
relay. Keys are files, readable by you alone, in the folder MAILER_DKIM_DIR; every machine that sends needs all of them.

To begin:
  mailer dkim new news.example.org      makes the keys and prints two records
  (publish the records where the DNS of the domain is kept)
  mailer dkim check news.example.org    says whether they are there and right
  mailer dkim use news.example.org      signs from then on; nothing needs a restart

To change keys, now and then or when one may be known to others: the same four steps. A send that has begun goes on with
the keys that it began with, so leave their files and records for a week.`
}

// openDKIM opens the folder of keys. One that somebody set must be there: else a slip of the pen would send mail unsigned.
func openDKIM(cfg *config.Config) (*dkim.Ring, error) {
	if _, err := os.Stat(cfg.DKIMDir); errors.Is(err, fs.ErrNotExist) && !cfg.IsDefault("MAILER_DKIM_DIR") {
		return nil, &errs.Error{Kind: errs.Config, Field: "MAILER_DKIM_DIR", Msg: "the folder " + cfg.DKIMDir +
			" does not exist; make it and keys in it with: mailer dkim new DOMAIN"}
	}
	return dkim.Open(cfg.DKIMDir)
}

// shownKey is a key as it may be shown to anyone.
type shownKey struct {
	Domain    string     `json:"domain"`
	Selector  string     `json:"selector"`
	Algorithm string     `json:"kind"`
	InUse     bool       `json:"in_use"`
	Made      *time.Time `json:"made"`
	File      string     `json:"file"`
	Name      string     `json:"name"`    // of the record
	Value     string     `json:"value"`   // of the record
	Strings   []string   `json:"strings"` // the value in pieces of at most 255 octets
	zone      string
}

func shown(ring *dkim.Ring, keys []*dkim.Key) []shownKey {
	list := make([]shownKey, len(keys))
	for i, k := range keys {
		list[i] = shownKey{Domain: k.Domain, Selector: k.Selector, Algorithm: string(k.Algorithm), InUse: ring.InUse(k), File: k.File,
			Name: k.Name(), Value: k.Record(), Strings: k.Strings(), zone: k.Zone()}
		if !k.Made.IsZero() {
			list[i].Made = &k.Made
		}
	}
	return list
}

// showRecords prints what is to be published.
func showRecords(w io.Writer, keys []shownKey) {
	for _, k := range keys {
		fmt.Fprintf(w, "   type   TXT\n   name   %s\n   value  %s\n\n", k.Name, k.Value)
	}
	fmt.Fprint(w, "   The same for a zone file, where a value longer than 255 characters stands in pieces:\n\n")
	for _, k := range keys {
		fmt.Fprintf(w, "%s\n", k.zone)
	}
}

type dkimNewCmd struct {
	Domain   string `arg:"" help:"Domain of the sender's address, such as news.example.org, or one that it is part of."`
	Selector string `placeholder:"NAME" help:"Part of the name of the record (default: the kind and today, such as rsa-20261122)."`
	Kind     string `default:"both" enum:"both,rsa,ed25519" help:"Kind of key: rsa is what all verifiers know, ed25519 stands beside it (${default})."`
}

func (c *dkimNewCmd) Run(p *program) error {
	cfg, err := p.configure()
	if err != nil {
		return err
	}
	ring, err := dkim.Open(cfg.DKIMDir)
	if err != nil {
		return err
	}
	now := time.Now()
	var keys []*dkim.Key
	for _, kind := range []dkim.Algorithm{dkim.RSA, dkim.Ed25519} {
		if c.Kind != "both" && c.Kind != string(kind) {
			continue
		}
		selector := c.Selector
		switch {
		case selector == "":
			selector = freeSelector(ring, c.domain(), string(kind)+"-"+now.Format("20060102"))
		case c.Kind == "both":
			selector += "-" + string(kind)
		}
		k, err := dkim.NewKey(c.domain(), selector, kind, now)
		if err != nil {
			return err
		}
		keys = append(keys, k)
	}
	if err := ring.Add(keys...); err != nil {
		return err
	}
	out := shown(ring, keys)
	return p.show(out, func(w io.Writer) {
		fmt.Fprintf(w, "Made %s for %s, in %s. They sign nothing yet.\n\n", count(len(keys), "key", "keys"), c.domain(), ring.Dir())
		fmt.Fprint(w, "1. Publish where the DNS of the domain is kept:\n\n")
		showRecords(w, out)
		fmt.Fprintf(w, "\n2. Some minutes later, see whether they are there:\n\n   mailer dkim check %s\n\n3. Sign from then on:\n\n   mailer dkim use %s\n", c.domain(), c.domain())
		if cfg.Production && cfg.IsDefault("MAILER_DKIM_DIR") && cfg.IsDefault("MAILER_HOME") {
			fmt.Fprintf(w, "\nThe service must find them: start it in this folder, or set\n\n   MAILER_DKIM_DIR=%s\n", ring.Dir())
		}
	})
}

func (c *dkimNewCmd) domain() string { return strings.ToLower(strings.TrimSuffix(c.Domain, ".")) }

// freeSelector returns a name that no key of the domain has yet.
func freeSelector(ring *dkim.Ring, domain, name string) string {
	taken := func(s string) bool {
		return slices.ContainsFunc(ring.Keys(), func(k *dkim.Key) bool { return k.Domain == domain && k.Selector == s })
	}
	free := name
	for n := 2; taken(free); n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

type dkimShowCmd struct {
	Domain string `arg:"" optional:"" help:"Only the keys of this domain, with their records."`
}

func (c *dkimShowCmd) Run(p *program) error {
	ring, keys, err := p.keysOf(c.Domain)
	if err != nil {
		return err
	}
	out := shown(ring, keys)
	return p.show(out, func(w io.Writer) {
		if len(out) == 0 {
			fmt.Fprintf(w, "There are no DKIM keys in %s: mail is left to the relay to sign.\nMake keys with: mailer dkim new DOMAIN\n", ring.Dir())
			return
		}
		table(w, []string{"DOMAIN", "SELECTOR", "KIND", "IN USE", "MADE", "FILE"}, out, func(k shownKey) []any {
			return []any{k.Domain, k.Selector, k.Algorithm, k.InUse, k.Made, k.File}
		})
		fmt.Fprint(w, "\nTheir records in DNS:\n\n")
		showRecords(w, out)
	})
}

// keysOf returns the keys of a domain, or all when it is empty, and the ring they are on. Errors: what is wrong with the
// configuration or a key, and NotFound when the domain has none.
func (p *program) keysOf(domain string) (*dkim.Ring, []*dkim.Key, error) {
	cfg, err := p.configure()
	if err != nil {
		return nil, nil, err
	}
	ring, err := openDKIM(cfg)
	if err != nil {
		return nil, nil, err
	}
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	keys := slices.DeleteFunc(ring.Keys(), func(k *dkim.Key) bool { return domain != "" && k.Domain != domain })
	if domain != "" && len(keys) == 0 {
		return nil, nil, errs.New(errs.NotFound, "there is no DKIM key for %s in %s; make one with: mailer dkim new %s", domain, ring.Dir(), domain)
	}
	return ring, keys, nil
}

type dkimUseCmd struct {
	Domain    string   `arg:"" help:"Whose mail is signed."`
	Selectors []string `arg:"" optional:"" name:"selector" help:"Which keys, at most one of each kind (default: the newest of each)."`
	Unchecked bool     `help:"Do not look the records up first. Without them every signature is void."`
	Server    string   `placeholder:"ADDRESS" help:"Name server to ask, such as 192.0.2.53 (default: that of this machine)."`
}

func (c *dkimUseCmd) Run(ctx context.Context, p *program) error {
	ring, all, err := p.keysOf(c.Domain)
	if err != nil {
		return err
	}
	domain := all[0].Domain
	keys := ring.Newest(domain)
	if len(c.Selectors) > 0 {
		keys = nil
		for _, s := range c.Selectors {
			i := slices.IndexFunc(all, func(k *dkim.Key) bool { return k.Selector == strings.ToLower(s) })
			if i < 0 {
				return errs.New(errs.NotFound, "%s has no key with the selector %q; see: mailer dkim show %s", domain, s, domain)
			}
			keys = append(keys, all[i])
		}
	}
	if !c.Unchecked {
		ask := resolver(c.Server)
		for _, k := range keys {
			if f := lookUpKey(ctx, ask, k); !f.OK {
				return errs.New(cmp.Or(f.kind, errs.Conflict), "%s: %s. Nothing was changed", f.Name, f.Says)
			}
		}
	}
	former := slices.DeleteFunc(slices.Clone(all), func(k *dkim.Key) bool { return !ring.InUse(k) || slices.Contains(keys, k) })
	if err := ring.Use(domain, keys); err != nil {
		return err
	}
	out := shown(ring, keys)
	return p.show(out, func(w io.Writer) {
		fmt.Fprintf(w, "New mail from %s is signed with %s from now on.\n", domain, selectors(keys))
		if len(former) > 0 {
			fmt.Fprintf(w, "Sends that have begun go on with %s: leave that in the folder and in DNS for a week.\n", selectors(former))
		}
	})
}

func selectors(keys []*dkim.Key) string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.Selector
	}
	return strings.Join(list, " and ")
}

type dkimStopCmd struct {
	Domain string `arg:"" help:"Whose mail is not signed here any more."`
}

func (c *dkimStopCmd) Run(p *program) error {
	ring, keys, err := p.keysOf(c.Domain)
	if err != nil {
		return err
	}
	if err := ring.Use(keys[0].Domain, nil); err != nil {
		return err
	}
	return p.show(shown(ring, keys), func(w io.Writer) {
		fmt.Fprintf(w, "New mail from %s is left to the relay to sign. Sends that have begun go on with the keys that they began with.\n", keys[0].Domain)
	})
}
