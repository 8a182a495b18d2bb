package dkim

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	verifier "github.com/emersion/go-msgauth/dkim"
)

func TestRecord(t *testing.T) {
	for _, k := range pair() {
		if k.Name() != "s-"+string(k.Algorithm)+"._domainkey.news.example.org" {
			t.Error(k.Name())
		}
		for _, s := range k.Strings() {
			if len(s) > 255 || len(s) == 0 || strings.ContainsAny(s, `"\`) {
				t.Errorf("the string %q", s)
			}
		}
		if got := strings.Join(k.Strings(), ""); got != k.Record() {
			t.Errorf("the strings make %s", got)
		}
		if err := k.Match([]string{k.Record()}); err != nil {
			t.Errorf("its own record: %v", err)
		}
	}
	if n := len(pair()[0].Strings()); n != 2 {
		t.Errorf("the RSA record has %d strings", n)
	}
	if got := pair()[1].Zone(); got != `s-ed25519._domainkey.news.example.org. IN TXT ( "`+pair()[1].Record()+`" )` {
		t.Error(got)
	}
}

func TestMatch(t *testing.T) {
	rsaKey, edKey := pair()[0], pair()[1]
	p := rsaKey.Record()[strings.Index(rsaKey.Record(), "p=")+2:]
	pkcs1 := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(rsaKey.private.Public().(*rsa.PublicKey)))
	for _, good := range []string{"p=" + p, "v=DKIM1;p=" + p, "v = DKIM1 ; k = rsa ; t=s; s=email; h=sha1:sha256; n=hello; p=" + p[:100] + " " + p[100:] + " ;",
		"v=DKIM1; h=sha256; s=*; p=" + p, "k=rsa; p=" + pkcs1} {
		if err := rsaKey.Match([]string{good}); err != nil {
			t.Errorf("%.60s: %v", good, err)
		}
	}
	for says, answers := range map[string][]string{
		"no such record":          nil,
		"2 records":               {rsaKey.Record(), rsaKey.Record()},
		"another key":             {"v=DKIM1; p=" + strings.Replace(pkcs1, "MII", "MII", 1) + ""},
		"of kind \"ed25519\"":     {edKey.Record()},
		"revoked":                 {"v=DKIM1; k=rsa; p="},
		"no key in it":            {"v=DKIM1; k=rsa"},
		"t=y":                     {rsaKey.Record() + "; t=y:s"},
		"SHA-256":                 {rsaKey.Record() + "; h=sha1"},
		"not for mail":            {rsaKey.Record() + "; s=tlsrpt"},
		"begin with v=DKIM1":      {"k=rsa; v=DKIM1; p=" + p},
		"not base64":              {"v=DKIM1; p=" + p[:100] + `" "` + p[100:]},
		"wrong length":            {"v=DKIM1; k=ed25519; p=AAAA"},
		"cannot be read":          {"v=DKIM1; k=rsa; p=AAAA"},
		"unknown here":            {"v=DKIM1; k=pqc; p=AAAA"},
		"not a list of tags":      {`"v=DKIM1; k=rsa; p=` + p + `"`},
		"has the tag \"p\" twice": {rsaKey.Record() + "; p=x"},
	} {
		if says == "another key" {
			other, err := NewKey("news.example.org", "s-rsa", RSA, rsaKey.Made)
			if err != nil {
				t.Fatal(err)
			}
			answers = []string{other.Record()}
		}
		if err := rsaKey.Match(answers); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want it to say %q", err, says)
		}
	}
}

func TestPolicies(t *testing.T) {
	for _, tc := range []struct {
		answers []string
		says    string // empty: in order
	}{
		{[]string{"google-site-verification=x", "v=spf1 include:relay.example -all"}, ""}, {[]string{"v=spf1"}, ""},
		{nil, "no SPF record"}, {[]string{"v=spf10 x"}, "no SPF record"}, {[]string{"v=spf1 a", "v=spf1 mx"}, "2 SPF records"},
	} {
		if policy, err := CheckSPF(tc.answers); (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) || (err == nil) != (policy != "") {
			t.Errorf("%q: %q, %v", tc.answers, policy, err)
		}
	}
	for _, tc := range []struct {
		answers []string
		says    string
	}{
		{[]string{"v=DMARC1; p=none; rua=mailto:x@example.org"}, ""}, {[]string{"v=DMARC1;p=reject"}, ""}, {[]string{"v = DMARC1 ; p = quarantine"}, ""},
		{nil, "no DMARC record"}, {[]string{"p=none"}, "no DMARC record"}, {[]string{"v=DMARC1; rua=mailto:x@example.org"}, "lacks its policy"},
		{[]string{"v=DMARC1; p=none", "v=DMARC1; p=reject"}, "2 DMARC records"}, {[]string{"v=DMARC1; nonsense"}, "not a list of tags"},
	} {
		if _, err := CheckDMARC(tc.answers); (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%q: %v", tc.answers, err)
		}
	}
}

// FuzzMatch: whatever DNS answers, it is judged without a panic and in a sentence; and what is found in order lets an independent
// verifier check a signature.
func FuzzMatch(f *testing.F) {
	for _, k := range pair() {
		f.Add(k.Record())
		f.Add(strings.ReplaceAll(k.Record(), "; ", " ;\t") + ";")
	}
	f.Add("v=DKIM1; h=sha256; s=*:email; t=s; k=rsa; p=MII")
	f.Add("v=DMARC1; p=none")
	f.Add("v=spf1 -all")
	k := pair()[1]
	msg := signed(f, newSigner([]*Key{k}, testTime), header+"\r\nx\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = CheckSPF([]string{text})
		_, _ = CheckDMARC([]string{text})
		if err := k.Match([]string{text}); err != nil {
			if len(err.Error()) > 300 {
				t.Fatalf("%q", err)
			}
			return
		}
		found, err := verifier.VerifyWithOptions(strings.NewReader(string(msg)), &verifier.VerifyOptions{LookupTXT: func(string) ([]string, error) { return []string{text}, nil }})
		if err != nil || len(found) != 1 || found[0].Err != nil {
			t.Fatalf("%q is found in order, and a verifier says %v, %v", text, found[0].Err, err)
		}
	})
}
