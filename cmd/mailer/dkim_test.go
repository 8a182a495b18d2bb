package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// zone is a name server on loopback that knows some TXT records.
type zone struct {
	address string

	mu      sync.Mutex
	records map[string][]string // by name without the last dot; each in one piece
	broken  bool                // it answers SERVFAIL
}

func newZone(t *testing.T) *zone {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	z := &zone{address: conn.LocalAddr().String(), records: map[string][]string{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			} else if err != nil {
				continue
			}
			if answer, err := z.answer(buf[:n]); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return z
}

// set replaces the records of a name.
func (z *zone) set(name string, texts ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records[name] = texts
}

func (z *zone) answer(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		return nil, errors.Join(err, errors.New("not one question"))
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	q := m.Questions[0]
	texts := z.records[strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))]
	m.Response, m.Authoritative, m.RecursionAvailable, m.Additionals = true, true, true, nil
	switch {
	case z.broken:
		m.RCode = dnsmessage.RCodeServerFailure
	case len(texts) == 0:
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, text := range texts {
		var parts []string
		for ; len(text) > 255; text = text[255:] {
			parts = append(parts, text[:255])
		}
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET},
			Body: &dnsmessage.TXTResource{TXT: append(parts, text)}})
	}
	return m.Pack()
}

// keyring is a program with nothing configured but a folder of keys, and a name server.
type keyring struct {
	t    *testing.T
	zone *zone
	env  []string
}

func newKeyring(t *testing.T) *keyring {
	t.Helper()
	home := t.TempDir()
	return &keyring{t: t, zone: newZone(t), env: []string{"MAILER_HOME=" + home, "MAILER_DKIM_DIR=" + filepath.Join(home, "keys")}}
}

// run runs a command and checks how it ends; it returns what it says.
func (k *keyring) run(status int, args ...string) (said string) {
	k.t.Helper()
	var out, errors bytes.Buffer
	p := &program{env: k.env, stdin: strings.NewReader(""), stdout: &out, stderr: &errors}
	if got := p.run(context.Background(), args); got != status {
		k.t.Errorf("mailer %s: status %d, want %d\n%s%s", strings.Join(args, " "), got, status, out.String(), errors.String())
	}
	return out.String() + errors.String()
}

// make makes keys and returns them.
func (k *keyring) make(domain string, args ...string) (keys []shownKey) {
	k.t.Helper()
	said := k.run(0, append([]string{"dkim", "new", domain, "--json"}, args...)...)
	if err := json.Unmarshal([]byte(said), &keys); err != nil {
		k.t.Fatalf("%v in %s", err, said)
	}
	return keys
}

func (k *keyring) publish(keys ...shownKey) {
	for _, key := range keys {
		k.zone.set(key.Name, strings.Join(key.Strings, ""))
	}
}

func (k *keyring) says(said string, want ...string) {
	k.t.Helper()
	for _, w := range want {
		if !strings.Contains(strings.ReplaceAll(said, "\n", " "), w) {
			k.t.Errorf("it does not say %q:\n%s", w, said)
		}
	}
}

// From nothing to a green check, as a newcomer goes.
func TestDKIMCommands(t *testing.T) {
	k := newKeyring(t)
	at := "--server=" + k.zone.address
	k.says(k.run(78, "dkim", "show"), "MAILER_DKIM_DIR: the folder", "mailer dkim new DOMAIN") // a slip of the pen is not taken for no keys
	k.says(k.run(78, "dkim", "check"), "MAILER_DKIM_DIR")
	k.says(k.run(65, "dkim", "new", "co.uk"), "not a domain of yours")
	said := k.run(0, "dkim", "new", "News.Example.org.", "--selector", "s1")
	k.says(said, "Made 2 keys for news.example.org", "s1-rsa._domainkey.news.example.org", "s1-ed25519._domainkey.news.example.org", "v=DKIM1; k=rsa; p=MII", "mailer dkim use news.example.org")
	k.run(65, "dkim", "new", "news.example.org", "--selector", "s1")
	var keys []shownKey
	if err := json.Unmarshal([]byte(k.run(0, "dkim", "show", "news.example.org", "--json")), &keys); err != nil || len(keys) != 2 || keys[0].InUse {
		t.Fatalf("%v, %+v", err, keys)
	}
	k.run(66, "dkim", "show", "other.example.org")
	k.run(66, "dkim", "use", "other.example.org", at)
	k.run(66, "dkim", "use", "news.example.org", "s7", at)

	k.says(k.run(65, "dkim", "check", at), "there is no such record yet", "no SPF record", "no DMARC record", "not in order: s1-ed25519._domainkey.news.example.org")
	k.says(k.run(65, "dkim", "use", "news.example.org", at), "no such record yet. Nothing was changed")
	k.publish(keys...)
	k.zone.set("news.example.org", "v=spf1 include:relay.example -all", "something else")
	k.zone.set("_dmarc.example.org", "v=DMARC1; p=quarantine")
	k.says(k.run(0, "dkim", "check", at), "Everything is in order", "not signed yet. Begin with: mailer dkim use news.example.org", "v=DMARC1; p=quarantine")
	k.says(k.run(0, "dkim", "use", "news.example.org", at), "is signed with s1-rsa and s1-ed25519 from now on")
	k.says(k.run(0, "dkim", "check", "news.example.org", at), "Everything is in order")
	k.run(65, "dkim", "check", "--envelope", "bounce.example.org", at) // no SPF there

	// Every way in which a record can be wrong is told; a name server that is away is another matter.
	k.zone.set(keys[1].Name, "v=DKIM1; k=rsa; p=")
	k.says(k.run(65, "dkim", "check", at), "revoked")
	k.publish(keys...)
	k.zone.mu.Lock()
	k.zone.broken = true
	k.zone.mu.Unlock()
	k.says(k.run(75, "dkim", "check", at), "the name server cannot be asked")
	k.says(k.run(75, "dkim", "use", "news.example.org", at), "cannot be asked", "Nothing was changed")
	k.zone.mu.Lock()
	k.zone.broken = false
	k.zone.mu.Unlock()

	// Other keys: the former ones are named, and their records may go after a while.
	later := k.make("news.example.org", "--kind", "rsa")
	if len(later) != 1 || later[0].Algorithm != "rsa" {
		t.Fatalf("%+v", later)
	}
	k.publish(later...)
	k.says(k.run(0, "dkim", "use", "news.example.org", later[0].Selector, at), "is signed with "+later[0].Selector+" from now on", "go on with s1-ed25519 and s1-rsa")
	k.zone.set(keys[1].Name)
	k.says(k.run(0, "dkim", "check", at), "Everything is in order", "no such record yet")
	k.says(k.run(0, "dkim", "stop", "news.example.org"), "left to the relay to sign")
	k.says(k.run(0, "dkim", "show"), "s1-rsa")
	k.says(k.run(0, "dkim", "use", "news.example.org", "s1-rsa", "--unchecked"), "is signed with s1-rsa from now on")
}

// A wrong key is refused at the start with status 78, the file, the reason and what to do, whatever the command.
func TestDKIMRefusedAtStart(t *testing.T) {
	k := newKeyring(t)
	keys := k.make("news.example.org")
	if err := os.Chmod(keys[0].File, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"dkim"}, {"lists"}, {"dkim", "new", "example.org"}} {
		k.says(k.run(78, args...), keys[0].File, "others on this machine", "chmod 600 "+keys[0].File)
	}
	if err := os.Remove(keys[0].File); err != nil {
		t.Fatal(err)
	}
	k.run(0, "dkim")
}
