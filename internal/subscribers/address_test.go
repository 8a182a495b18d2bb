package subscribers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"mailer/internal/errs"
)

// adr is one row of the table of addresses in CONFORMANCE 5.5. An empty canonical form means: refused.
type adr struct {
	in, canonical, wire string
	flags               []string
	reserved            bool // taken only where reserved domains are
}

func same(s string) adr { return adr{in: s, canonical: s, wire: s} }

func refused(s string) adr { return adr{in: s} }

var label63 = strings.Repeat("l", 63)

// domainOf returns a domain of n octets.
func domainOf(n int) string {
	d := ".org"
	for len(d) < n {
		d = "." + strings.Repeat("d", min(63, n-len(d)-1)) + d
		if n-len(d) == 1 { // a label cannot be empty
			d = strings.Replace(d, ".d", "d.d", 1)
		}
	}
	return d[1:] + strings.Repeat("d", n-len(d)+1)
}

func TestADR(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string][]adr{
		"plain": {
			same("user+tag@example.org"), same("first.last@example.org"), same("o'brien@example.org"),
			same("a/b=c_!#$%&*?^{}~@example.org"), same("_x@example.org"), same("123@example.org"), same("x@sub.sub.example.org"),
		},
		"case": {
			{in: "USER@Example.ORG", canonical: "user@example.org", wire: "USER@example.org"},
		},
		"wrapping is taken off": {
			{in: " user@example.org\n", canonical: "user@example.org", wire: "user@example.org"},
			{in: "\u00a0user@example.org\u00a0", canonical: "user@example.org", wire: "user@example.org"},
			{in: "\u200buser@example.org\u200b", canonical: "user@example.org", wire: "user@example.org"},
			{in: "\ufeffuser@example.org", canonical: "user@example.org", wire: "user@example.org"},
			{in: "mailto:user@example.org", canonical: "user@example.org", wire: "user@example.org"},
			{in: "MailTo:user@example.org", canonical: "user@example.org", wire: "user@example.org"},
			{in: "<user@example.org>", canonical: "user@example.org", wire: "user@example.org"},
			{in: " < mailto:user@example.org > ", canonical: "user@example.org", wire: "user@example.org"},
		},
		"inner wrapping stays an error": {
			refused("us er@example.org"), refused("user@\u00a0example.org"), refused("us\u200ber@example.org"),
			refused("user@exam\u200bple.org"), refused("user@\ufeffexample.org"), refused("us\u2060er@example.org"),
			refused("<<user@example.org"), refused("user@mailto:example.org"),
		},
		"lengths": {
			same(strings.Repeat("l", 64) + "@example.org"), refused(strings.Repeat("l", 65) + "@example.org"),
			same("u@" + label63 + ".org"), refused("u@" + label63 + "l.org"),
			same(strings.Repeat("l", 64) + "@" + domainOf(189)), refused(strings.Repeat("l", 64) + "@" + domainOf(190)),
			// The length of an internationalised label counts as it is on the wire.
			refused("u@" + strings.Repeat("ü", 60) + ".org"),
		},
		"quoted": {
			refused(`"quoted local"@example.org`), refused(`"a@b"@example.org`), refused(`"x> ORCPT=y"@example.org`), refused(`"a"@example.org`),
		},
		"dots": {
			refused(".a@example.org"), refused("a.@example.org"), refused("a..b@example.org"), refused("a..b@docomo.ne.jp"),
		},
		"IDN": {
			{in: "user@bücher.example", canonical: "user@xn--bcher-kva.example", wire: "user@xn--bcher-kva.example", reserved: true},
			{in: "user@xn--bcher-kva.example", canonical: "user@xn--bcher-kva.example", wire: "user@xn--bcher-kva.example", reserved: true},
			{in: "User@BÜCHER.de", canonical: "user@xn--bcher-kva.de", wire: "User@xn--bcher-kva.de"},
			{in: "user@XN--BCHER-KVA.de", canonical: "user@xn--bcher-kva.de", wire: "user@xn--bcher-kva.de"},
			{in: norm.NFD.String("user@bücher.de"), canonical: "user@xn--bcher-kva.de", wire: "user@xn--bcher-kva.de"},
			{in: "user@例子.广告", canonical: "user@xn--fsqu00a.xn--4rr70v", wire: "user@xn--fsqu00a.xn--4rr70v"},
		},
		"IDN without guessing": {
			{in: "user@faß.de", canonical: "user@xn--fa-hia.de", wire: "user@xn--fa-hia.de"},
			same("user@fass.de"),
			refused("user@ＥＸＡＭＰＬＥ.org"), refused("user@exa\u00admple.org"), refused("user@exa\u200dmple.org"), refused("user@exa\u200cmple.org"),
			refused("user@example\u3002org"), refused("user@example\uff0eorg"), refused("user@exa\ufe0fmple.org"), refused("user@exa\u034fmple.org"),
			refused("user@\u212Aelvin.org"), refused("user@ex\u202eample.org"), refused("user@ⓔxample.org"), refused("user@ﬁsh.org"),
			{in: "user@p\u0430ypal.com", canonical: "user@xn--pypal-4ve.com", wire: "user@xn--pypal-4ve.com", flags: []string{FlagMixedScript}},
			{in: "user@xn--pypal-4ve.com", canonical: "user@xn--pypal-4ve.com", wire: "user@xn--pypal-4ve.com", flags: []string{FlagMixedScript}},
			{in: "user@日本語テスト.jp", canonical: "user@xn--zckzah9945czlbtz6h.jp", wire: "user@xn--zckzah9945czlbtz6h.jp"},
		},
		"broken punycode": {
			refused("user@xn--a.org"), refused("user@xn--a"), refused("user@xn--abc-.org"), refused("user@xn--.org"),
			refused("user@xn--example-.org"), refused("user@xn--BCHER-KVA-.org"), refused("user@xn--ex-ample.xn--a.org"),
		},
		"local part beyond ASCII": {
			refused("üser@example.org"), refused("用户@例子.广告"), refused("δοκιμή@παράδειγμα.δοκιμή"),
			refused(norm.NFD.String("üser@example.org")), refused("😀@x.org"),
		},
		"no domain name": {
			refused("user@[192.0.2.1]"), refused("user@[IPv6:::1]"), refused("user@127.0.0.1"), refused("user@localhost"), refused("user@host"),
			refused("user@example.org."), refused("user@-bad.com"), refused("user@bad-.com"), refused("user@exa_mple.org"), refused("user@.org"),
			refused("user@ex..org"), refused("user@example.c"), refused("user@example.123"), refused("user@0x7f.1"),
			refused("user@example.0x1"), refused("user@example.com1"), refused("user@example.c-m"), same("user@1.2.3.com"), same("user@a.xn--p1ai"),
		},
		"reserved domains": {
			{in: "user@example.test", canonical: "user@example.test", wire: "user@example.test", reserved: true},
			{in: "user@example.invalid", canonical: "user@example.invalid", wire: "user@example.invalid", reserved: true},
			{in: "user@paper.example", canonical: "user@paper.example", wire: "user@paper.example", reserved: true},
			{in: "user@printer.local", canonical: "user@printer.local", wire: "user@printer.local", reserved: true},
			{in: "user@hidden.onion", canonical: "user@hidden.onion", wire: "user@hidden.onion", reserved: true},
			{in: "user@a.LOCALHOST", canonical: "user@a.localhost", wire: "user@a.localhost", reserved: true},
			same("user@example.org"), same("user@example.com"), same("user@test.org"),
		},
		"not one address": {
			refused("a@b@c.org"), refused("@example.org"), refused("user@"), refused("user"), refused(""), refused("user example@x.org"),
			refused("user@exam ple.org"), refused("user@x.org,other@y.org"), refused("user@x.org;z@y.org"), refused("Name <u@x.org>"),
			refused("u@x.org (c)"), refused("group:u@x.org;"), refused(" "), refused("<>"), refused("mailto:"),
		},
		"injection into SMTP": {
			refused("u@x.org\r\nRCPT TO:<z@y>"), refused("u@x.org%0d%0aRCPT"), refused("u%0d%0a@x.org"), refused("u%0A@x.org"), refused("u%00@x.org"),
			refused("u\x00@x.org"), refused("u@x.org\x00"), refused("u\t@x.org"), refused("u@x\t.org"), refused("u@x.org> SIZE=1"),
			refused("u\x85@x.org"), refused("u@x.org\xff"),
		},
		"formulas": {
			refused("=cmd|' /C calc'!A0@x.org"), same("+1@x.org"), same("-x@x.org"), refused("@SUM(1)@x.org"), same("=1@x.org"),
		},
		"injection into SQL and HTML": {
			same("admin'--@x.org"), refused("<script>@x.org"), refused(`"><img>@x.org`), refused("u@x.org<script>"), refused(`u\'@x.org`),
		},
		"role accounts": {
			{in: "postmaster@x.org", canonical: "postmaster@x.org", wire: "postmaster@x.org", flags: []string{FlagRole}},
			{in: "Abuse@x.org", canonical: "abuse@x.org", wire: "Abuse@x.org", flags: []string{FlagRole}},
			{in: "spam@x.org", canonical: "spam@x.org", wire: "spam@x.org", flags: []string{FlagRole}},
			refused("noreply@x.org"), refused("no-reply@x.org"), refused("NO_REPLY@x.org"), refused("mailer-daemon@x.org"),
			refused("MAILER-DAEMON@x.org"), refused("do-not-reply@x.org"), refused("noreply+x@x.org"), refused("mailer-daemon+1@x.org"),
			refused("No-Reply+news+2@x.org"), same("no+reply@x.org"), same("reply+noreply@x.org"),
		},
		"Gmail": {same("a.b+c@googlemail.com"), same("ab@gmail.com")},
		"typing mistakes are taken": {
			same("u@gmial.com"), same("u@hotmial.com"), same("u@gmail.con"),
		},
	} {
		t.Run("ADR "+name, func(t *testing.T) {
			t.Parallel()
			for _, row := range rows {
				check(t, row)
			}
		})
	}
}

func check(t *testing.T, row adr) {
	t.Helper()
	a, err := Policy{AllowReserved: row.reserved}.ParseAddress(row.in)
	if row.canonical == "" {
		if errs.KindOf(err) != errs.Invalid {
			t.Errorf("ParseAddress(%q) = %+v, %v; want it refused", row.in, a, err)
		}
		if row.in != "" && len(row.in) > 3 && err != nil && strings.Contains(errs.Public(err), row.in) {
			t.Errorf("ParseAddress(%q): the reason repeats the address, which must not get into logs: %v", row.in, err)
		}
		return
	}
	if err != nil {
		t.Errorf("ParseAddress(%q): %v", row.in, err)
		return
	}
	if a.Canonical != row.canonical || a.Wire != row.wire || !slices.Equal(a.Flags, row.flags) {
		t.Errorf("ParseAddress(%q) = %q, wire %q, flags %v; want %q, wire %q, flags %v", row.in, a.Canonical, a.Wire, a.Flags,
			row.canonical, row.wire, row.flags)
	}
	if row.reserved {
		if _, err := ParseAddress(row.in); errs.KindOf(err) != errs.Invalid {
			t.Errorf("ParseAddress(%q) = %v in production; want it refused", row.in, err)
		}
	}
}

// ADR: a domain of 253 octets is the longest; with a local part it never fits into an address of 254.
func TestADRDomainLength(t *testing.T) {
	t.Parallel()
	for n, ok := range map[int]bool{250: true, 253: true, 254: false} {
		d := domainOf(n)
		if len(d) != n {
			t.Fatalf("domainOf(%d) has %d octets", n, len(d))
		}
		if _, _, err := checkDomain(d); (err == nil) != ok {
			t.Errorf("checkDomain of %d octets: %v", n, err)
		}
	}
}

// ADR: what a person typed is kept for people to see.
func TestADRTyped(t *testing.T) {
	t.Parallel()
	a, err := ParseAddress(" User@BÜCHER.de ")
	if err != nil || a.Typed != "User@BÜCHER.de" {
		t.Errorf("Typed = %q, %v; want User@BÜCHER.de", a.Typed, err)
	}
}

// ADR: Gmail's forms are distinct subscribers that count as one against abuse.
func TestADRBucket(t *testing.T) {
	t.Parallel()
	one, two := mustParse(t, "a.b+c@googlemail.com"), mustParse(t, "ab@gmail.com")
	if one.Canonical == two.Canonical || one.Bucket() != two.Bucket() {
		t.Errorf("canonical %q and %q, buckets %q and %q", one.Canonical, two.Canonical, one.Bucket(), two.Bucket())
	}
	if b := mustParse(t, "a.b+c@example.org").Bucket(); b != "a.b@example.org" {
		t.Errorf("bucket %q; dots count elsewhere", b)
	}
}

// ADR: a domain that looks mistyped is taken, with a suggestion.
func TestADRSuggestion(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"U@gmial.com": "U@gmail.com", "u@hotmial.com": "u@hotmail.com", "u@gmail.con": "u@gmail.com", "u@gmai.com": "u@gmail.com",
		"u@gmaill.com": "u@gmail.com", "u@yaho.com": "u@yahoo.com", "u@outlok.com": "u@outlook.com",
		"u@gmail.com": "", "u@mail.com": "", "u@ymail.com": "", "u@example.org": "", "u@gmx.net": "", "u@love.com": "", "u@olive.com": "",
	} {
		if a := mustParse(t, in); a.Suggestion != want {
			t.Errorf("suggestion for %s: %q; want %q", in, a.Suggestion, want)
		}
	}
}

// ADR: one megabyte of anything is refused in no time.
func TestADRHugeInput(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"letters": strings.Repeat("a", 1<<20), "at signs": strings.Repeat("@", 10_000), "comments": strings.Repeat("(", 1<<20),
		"spaces": strings.Repeat(" ", 1<<20) + "u@example.org", "dots": "u@" + strings.Repeat("a.", 1<<19) + "org",
		"umlauts": "u@" + strings.Repeat("ü", 1<<19) + ".org", "angles": strings.Repeat("<", 1<<19) + strings.Repeat(">", 1<<19),
	} {
		start := time.Now()
		_, err := ParseAddress(in)
		if took := time.Since(start); err == nil || took > 10*time.Millisecond {
			t.Errorf("%s: %v after %v; want a refusal within 10 ms", name, err, took)
		}
	}
}

func mustParse(t *testing.T, s string) Address {
	t.Helper()
	a, err := ParseAddress(s)
	if err != nil {
		t.Fatalf("ParseAddress(%q): %v", s, err)
	}
	return a
}

func TestProviderOf(t *testing.T) {
	t.Parallel()
	for domain, want := range map[string]string{
		"gmail.com": "google", "hotmail.fr": "microsoft", "yahoo.co.uk": "yahoo", "yahoo.co.jp": "yahoojp", "live.com.au": "microsoft",
		"me.com": "apple", "example.org": "other", "yahoo.example.org": "other", "hotmail.paper.fr": "other", "live": "other",
	} {
		if got := ProviderOf(domain); got != want {
			t.Errorf("ProviderOf(%q) = %q; want %q", domain, got, want)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"jane@example.org": "j•••@example.org", "j@example.org": "j•••@example.org", "@example.org": "•••@example.org", "": "",
		"just words": "j•••", "a@b@c.org": "a•••@c.org", "\x1b[31mx@y\x00.org": "?•••@y?.org", "é@bücher.de": "é•••@bücher.de",
		"x\xff@\xff": "x•••@?",
	} {
		if got := Mask(in); got != want {
			t.Errorf("Mask(%q) = %q; want %q", in, got, want)
		}
	}
	if got := Mask("x@" + strings.Repeat("y", 1000)); len(got) > 100 {
		t.Errorf("Mask of a long address has %d bytes", len(got))
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{
		"user@example.org", " <mailto:User@BÜCHER.de> ", "user@xn--a", "u@p\u0430ypal.com", `"a@b"@c.org`, "u@[192.0.2.1]",
		"a..b@x.org", "u@x.org\r\nRCPT TO:<z@y>", "用户@例子.广告", "u@\u200d.org", "u@ﷺ.org", "u@ａ.org", "mailto:mailto:a@b.cd",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			if errs.KindOf(err) != errs.Invalid || errs.Public(err) == "" {
				t.Fatalf("ParseAddress(%q): %v", s, err)
			}
			return
		}
		if len(a.Wire) > maxAddress || !isASCII(a.Wire) || strings.ContainsAny(a.Wire, "\r\n\x00 <>\"(),:;\\[]") || strings.Count(a.Wire, "@") != 1 {
			t.Fatalf("ParseAddress(%q) = wire %q", s, a.Wire)
		}
		// What it returns, it takes again, and it is the same person.
		for _, form := range []string{a.Typed, a.Wire, a.Canonical} {
			b, err := ParseAddress(form)
			if err != nil || b.Canonical != a.Canonical {
				t.Fatalf("ParseAddress(%q) = %+v; but of its form %q: %+v, %v", s, a, form, b, err)
			}
		}
		if Mask(s) == "" {
			t.Fatalf("Mask(%q) is empty", s)
		}
	})
}

func BenchmarkParseAddress(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseAddress("First.Last+news@mail.example.org"); err != nil {
			b.Fatal(err)
		}
	}
}
