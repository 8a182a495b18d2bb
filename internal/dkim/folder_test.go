package dkim

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailer/internal/errs"
)

// folder is a folder with the two keys of pair in it, not in use.
func folder(t *testing.T) (*Ring, []*Key) {
	t.Helper()
	r, err := Open(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	var keys []*Key
	for _, k := range pair() {
		other := *k
		keys = append(keys, &other)
	}
	if err := r.Add(keys...); err != nil {
		t.Fatal(err)
	}
	return r, keys
}

// put writes a file as a careless person would.
func put(t *testing.T, path string, mode os.FileMode, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func block(kind string, der []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestFolder(t *testing.T) {
	r, keys := folder(t)
	if fi, err := os.Stat(r.Dir()); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", fi.Mode(), err)
	}
	again, err := Open(r.Dir())
	if err != nil {
		t.Fatal(err)
	}
	var ids []KeyID
	for _, k := range again.Keys() {
		ids = append(ids, k.ID())
		if fi, err := os.Stat(k.File); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", k.File, fi.Mode(), err)
		}
		if k.Made.Unix() != testTime || again.InUse(k) {
			t.Errorf("made %v, in use %v", k.Made, again.InUse(k))
		}
	}
	if diff := cmp.Diff([]KeyID{keys[1].ID(), keys[0].ID()}, ids); diff != "" {
		t.Error(diff)
	}
	if got := again.For("news.example.org"); got != nil {
		t.Errorf("nothing is in use, and %v signs", got)
	}
	if err := r.Add(keys[0]); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a selector that is taken: %v", err)
	}
	// Another process's choice is noticed, and holds for what the domain is a part of, no more.
	if err := r.Use("news.example.org", keys); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]int{"news.example.org": 2, "News.Example.ORG": 2, "a.b.news.example.org": 2, "example.org": 0, "org": 0, "": 0,
		"fakenews.example.org": 0, "news.example.org.evil.example": 0} {
		if got := again.For(from); len(got) != want {
			t.Errorf("%s is signed with %v", from, got)
		}
	}
	stamp := again.Stamp("Weekly@news.example.org", time.Unix(testTime, 5))
	if diff := cmp.Diff(Stamp{Keys: []KeyID{keys[0].ID(), keys[1].ID()}, Time: testTime}, stamp); diff != "" {
		t.Error(diff)
	}
	if err := r.Use("news.example.org", keys[1:]); err != nil {
		t.Fatal(err)
	}
	if got := again.For("news.example.org"); len(got) != 1 || got[0].Algorithm != Ed25519 {
		t.Errorf("after the change %v signs", got)
	}
	// A message frozen before goes on with both.
	if s, err := again.Signer(stamp); err != nil || len(s.keys) != 2 {
		t.Errorf("%v, %v", s, err)
	}
	if err := r.Use("news.example.org", []*Key{keys[0], keys[0]}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("two of a kind: %v", err)
	}
	if err := r.Use("news.example.org", nil); err != nil || len(again.For("news.example.org")) != 0 {
		t.Errorf("stopped: %v, %v", err, again.For("news.example.org"))
	}
}

// A key that is gone, or that another one took the name of, is said to be: nothing is signed with another key.
func TestGone(t *testing.T) {
	r, keys := folder(t)
	stamp := Stamp{Keys: []KeyID{keys[1].ID()}, Time: testTime}
	other, err := NewKey("news.example.org", keys[1].Selector, Ed25519, time.Unix(testTime, 0))
	if err != nil {
		t.Fatal(err)
	}
	data, err := other.encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(){
		"removed":  func() { os.Remove(keys[1].File) },
		"replaced": func() { put(t, keys[1].File, 0o600, data) },
	} {
		kept, err := os.ReadFile(keys[1].File)
		if err != nil {
			t.Fatal(err)
		}
		change()
		fresh, err := Open(r.Dir())
		if err != nil {
			t.Fatal(err)
		}
		_, err = fresh.Signer(stamp)
		if said := errs.Public(err); errs.KindOf(err) != errs.Config || !strings.Contains(said, string(keys[1].ID())) || !strings.Contains(said, "Put the file "+filepath.Base(keys[1].File)) {
			t.Errorf("%s: %v", name, err)
		}
		// Put back, it is found without a new start.
		put(t, keys[1].File, 0o600, kept)
		if s, err := fresh.Signer(stamp); err != nil || s == nil {
			t.Errorf("%s and put back: %v", name, err)
		}
	}
	var none *Ring
	if _, err := none.Signer(stamp); errs.KindOf(err) != errs.Config {
		t.Errorf("no ring: %v", err)
	}
	if s, err := none.Signer(Stamp{}); s != nil || err != nil || !none.Stamp("a@news.example.org", time.Now()).IsZero() {
		t.Errorf("no ring and no stamp: %v, %v", s, err)
	}
}

// While something in the folder is wrong, what was right goes on; a start refuses.
func TestSpoiltMeanwhile(t *testing.T) {
	r, keys := folder(t)
	if err := r.Use("news.example.org", keys); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(r.Dir(), "s9._domainkey.example.org.pem"), 0o600, []byte("half a file"))
	if got := r.For("news.example.org"); len(got) != 2 {
		t.Errorf("%v signs", got)
	}
	if _, err := Open(r.Dir()); errs.KindOf(err) != errs.Config {
		t.Errorf("Open: %v", err)
	}
}

// TestRefused: each kind of wrong key is refused at the start, with the file, what is wrong and what to do, and nothing of
// what is in it.
func TestRefused(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := func(k *Key) []byte {
		data, err := k.encode()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	bare := func(private any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(private)
		return block("PRIVATE KEY", der, err)
	}
	_, plain, _ := ed25519.GenerateKey(rand.Reader)
	public, err := x509.MarshalPKIXPublicKey(plain.Public())
	const name = "s1._domainkey.example.org.pem"
	for what, tc := range map[string]struct {
		name string
		mode os.FileMode
		data []byte
		says string
	}{
		"readable by all":     {name, 0o604, bare(plain), "chmod 600"},
		"writable by a group": {name, 0o620, bare(plain), "chmod 600"},
		"short":               {name, 0o600, bare(short), "1024 bits; use one of 2048"},
		"short, PKCS #1":      {name, 0o600, block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(short), nil), "1024 bits"},
		"another kind":        {name, 0o600, bare(curve), "another kind"},
		"another kind, SEC 1": {name, 0o600, block("EC PRIVATE KEY", []byte("x"), nil), "RSA or Ed25519 is needed"},
		"the public half":     {name, 0o600, block("PUBLIC KEY", public, err), `"PUBLIC KEY"`},
		"damaged":             {name, 0o600, block("PRIVATE KEY", []byte("sesame"), nil), "cannot be read"},
		"with a passphrase":   {name, 0o600, block("ENCRYPTED PRIVATE KEY", []byte("x"), nil), "openssl pkey"},
		"no key":              {name, 0o600, []byte("sesame"), "not a PEM file"},
		"empty":               {name, 0o600, nil, "not a PEM file"},
		"huge":                {name, 0o600, make([]byte, maxFile+1), "octets"},
		"two in one":          {name, 0o600, append(bare(plain), bare(plain)...), "more than one key"},
		"of another domain":   {name, 0o600, good(pair()[0]), `the domain "news.example.org"`},
		"of another selector": {"s1._domainkey.news.example.org.pem", 0o600, good(pair()[0]), `the selector "s-rsa"`},
		"without a domain":    {"example.org.pem", 0o600, bare(plain), "name it after its record"},
		"of a public suffix":  {"s1._domainkey.co.uk.pem", 0o600, bare(plain), "name it after its record"},
		"under one selector":  {"S-RSA._domainkey.NEWS.example.org.pem", 0o600, good(pair()[0]), "a second key under the selector"},
		"in use and missing":  {"in-use", 0o600, []byte("# x\n\ns7._domainkey.example.org\n"), "no file s7._domainkey.example.org.pem"},
		"in use twice":        {"in-use", 0o600, []byte("s-rsa._domainkey.news.example.org\nS-RSA._domainkey.news.example.org\n"), "two keys of kind rsa"},
	} {
		t.Run(what, func(t *testing.T) {
			r, _ := folder(t)
			path := filepath.Join(r.Dir(), tc.name)
			put(t, path, tc.mode, tc.data)
			_, err := Open(r.Dir())
			said := errs.Public(err)
			if errs.KindOf(err) != errs.Config || !strings.Contains(said, tc.says) || !strings.Contains(strings.ToLower(said), strings.ToLower(r.Dir())) {
				t.Errorf("%v; want a sentence with the file and %q", err, tc.says)
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Error("it tells what is in the file")
			}
		})
	}
	t.Run("unreadable", func(t *testing.T) {
		r, keys := folder(t)
		os.Remove(keys[0].File)
		if err := os.Symlink("nowhere", keys[0].File); err != nil {
			t.Skip(err)
		}
		if _, err := Open(r.Dir()); errs.KindOf(err) != errs.Config || !strings.Contains(errs.Public(err), keys[0].File) {
			t.Errorf("%v", err)
		}
	})
	t.Run("the folder", func(t *testing.T) {
		r, _ := folder(t)
		if err := os.Chmod(r.Dir(), 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(r.Dir()); errs.KindOf(err) != errs.Config || !strings.Contains(errs.Public(err), "chmod 700 "+r.Dir()) {
			t.Errorf("%v", err)
		}
	})
	// What is not ours to judge stays: other files, and keys that other programs made.
	r, _ := folder(t)
	put(t, filepath.Join(r.Dir(), "README"), 0o644, []byte("x"))
	put(t, filepath.Join(r.Dir(), ".hidden.pem"), 0o644, []byte("x"))
	put(t, filepath.Join(r.Dir(), name), 0o640, bare(plain))
	old := x509.MarshalPKCS1PrivateKey(pair()[0].private.(*rsa.PrivateKey))
	put(t, filepath.Join(r.Dir(), "s2._domainkey.example.org.pem"), 0o400, block("RSA PRIVATE KEY", old, nil))
	if r, err := Open(r.Dir()); err != nil || len(r.Keys()) != 4 {
		t.Errorf("%v", err)
	}
}

func TestNewKeyRefuses(t *testing.T) {
	for _, tc := range [][3]string{{"co.uk", "s", "rsa"}, {"example", "s", "rsa"}, {"", "s", "rsa"}, {"exa mple.org", "s", "rsa"}, {"bücher.example", "s", "rsa"},
		{"example.org", "", "rsa"}, {"example.org", "a b", "rsa"}, {"example.org", "../x", "rsa"}, {"example.org", "-a", "rsa"}, {"example.org", "s", "dsa"}} {
		if _, err := NewKey(tc[0], tc[1], Algorithm(tc[2]), time.Time{}); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%q: %v", tc, err)
		}
	}
}

func TestNewest(t *testing.T) {
	r, keys := folder(t)
	var want []*Key
	for _, a := range []Algorithm{RSA, Ed25519} {
		k, err := NewKey("news.example.org", "later-"+string(a), a, time.Unix(testTime+1, 0))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, k)
	}
	if err := r.Add(want...); err != nil {
		t.Fatal(err)
	}
	got := r.Newest("news.example.org")
	if !slices.EqualFunc(got, want, func(a, b *Key) bool { return a.ID() == b.ID() }) || got[0].ID() == keys[0].ID() {
		t.Errorf("%v", got)
	}
}

// Nothing shows the private half.
func TestSecret(t *testing.T) {
	_, keys := folder(t)
	for _, k := range keys {
		data, _ := os.ReadFile(k.File)
		body, _, _ := strings.Cut(strings.SplitAfter(string(data), "KEY-----\n")[1], "\n")
		if len(body) < 60 {
			t.Fatal(body)
		}
		for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%+v %#v", k, k), k.Record(), k.Zone()} {
			if strings.Contains(s, body) {
				t.Errorf("%s", s)
			}
		}
	}
}

// FuzzParseKey: whatever is in a key file, it is a key that signs, or it is refused in a sentence.
func FuzzParseKey(f *testing.F) {
	for _, k := range pair() {
		data, err := k.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"))
	f.Add([]byte("Made: x\nDomain: news.example.org\n-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMAA=\n-----END RSA PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := parseKey(data, "news.example.org", "s-rsa")
		if err != nil {
			if err.Error() == "" || len(err.Error()) > 400 {
				t.Fatalf("refused with %q", err)
			}
			return
		}
		if _, err := k.sign(make([]byte, 32)); err != nil {
			t.Fatal(err)
		}
	})
}
