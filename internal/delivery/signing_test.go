package delivery

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	verifier "github.com/emersion/go-msgauth/dkim"

	"mailer/internal/dkim"
	"mailer/internal/message"
	"mailer/internal/smtptest"
)

// keys makes a folder with a key of each kind for example.org, in use.
func (r *rig) keys() (*dkim.Ring, []*dkim.Key) {
	r.Helper()
	ring, err := dkim.Open(r.TempDir())
	if err != nil {
		r.Fatal(err)
	}
	var keys []*dkim.Key
	for _, kind := range []dkim.Algorithm{dkim.RSA, dkim.Ed25519} {
		k, err := dkim.NewKey("example.org", string(kind), kind, frozen)
		if err != nil {
			r.Fatal(err)
		}
		keys = append(keys, k)
	}
	if err := errors.Join(ring.Add(keys...), ring.Use("example.org", keys)); err != nil {
		r.Fatal(err)
	}
	return ring, keys
}

// signedLaunch is the send of a message that keys of the ring sign.
func (r *rig) signedLaunch(ring *dkim.Ring) Launch {
	r.Helper()
	l := r.launchOf(testCampaign)
	m := message.NewMarks("q7x4k2m9")
	c, err := message.Compile(message.Draft{Campaign: testCampaign, Key: r.ring.Current(), Domain: "mail.example.org", DKIM: ring.Stamp("news@example.org", frozen),
		FromAddress: "news@example.org", Subject: "The week", Date: frozen, Bulk: true, ListLabel: "weekly.lists.example.org",
		LeaveBase: "https://news.example.org/u/", Marks: m, HTML: "<p>Hello " + m.Slot(message.SlotName, "reader") + "</p>" + m.Slot(message.SlotLeave, ""),
		Text: "Hello " + m.Slot(message.SlotName, "reader") + "\n" + m.Slot(message.SlotLeave, "")})
	if err != nil {
		r.Fatal(err)
	}
	l.Messages[0].Compiled = c
	return l
}

// verifies checks with an independent verifier that a message has two good signatures.
func (r *rig) verifies(data []byte, keys []*dkim.Key) {
	r.Helper()
	found, err := verifier.VerifyWithOptions(bytes.NewReader(data), &verifier.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		for _, k := range keys {
			if k.Name() == name {
				return []string{k.Record()}, nil
			}
		}
		return nil, errors.New("no record")
	}})
	if err != nil || len(found) != 2 || found[0].Err != nil || found[1].Err != nil {
		r.Errorf("%v, %+v of\n%s", err, found, data)
	}
}

// SND-04: what cannot be signed does not reach the relay at all, not even half of it. A sender without the key that the
// message was frozen with pauses the send and says which file is missing; nothing is signed with another key. When the key is
// back, the send goes on, and its copies are signed as they were to be.
func TestKeyGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(4)
	ring, keys := r.keys()
	r.launchTx(r.signedLaunch(ring))
	kept, err := os.ReadFile(keys[1].File)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ring.Use("example.org", keys[:1]), os.Remove(keys[1].File)); err != nil {
		t.Fatal(err)
	}
	here, err := dkim.Open(ring.Dir())
	if err != nil {
		t.Fatal(err)
	}
	s := smtptest.Start(t)
	run := r.sender(r.relay(s), with(func(c *SenderConfig) { c.DKIM = here }))
	b := r.state("paused")
	if !strings.Contains(b.Reason, string(keys[1].ID())) || !strings.Contains(b.Reason, "Put the file ed25519._domainkey.example.org.pem back") {
		t.Errorf("the reason: %s", b.Reason)
	}
	if s.Len() != 0 || b.Queued+b.Claimed != b.Audience {
		t.Errorf("the relay took %d mails; %+v", s.Len(), b)
	}
	if err := os.WriteFile(keys[1].File, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Resume(t.Context(), testCampaign); err != nil {
		t.Fatal(err)
	}
	r.state("done")
	run.stop()
	r.once(s, all(4)...)
	for _, e := range s.Ledger() {
		r.verifies(e.Data, keys)
	}
}

// A message that was signed here by choice is not sent unsigned by a process that has no keys at all.
func TestNoKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(2)
	ring, _ := r.keys()
	r.launchTx(r.signedLaunch(ring))
	s := smtptest.Start(t)
	r.sender(r.relay(s))
	if b := r.state("paused"); s.Len() != 0 || !strings.Contains(b.Reason, "MAILER_DKIM_DIR") {
		t.Errorf("the relay took %d mails; %+v", s.Len(), b)
	}
}

// MSG-05: a retry is the same octets, signatures included, although other keys sign new mail by then and another process
// builds it.
func TestRetryAfterRotation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.readers(1)
	ring, keys := r.keys()
	r.launchTx(r.signedLaunch(ring))
	s := smtptest.Start(t, smtptest.On(smtptest.Recorded, smtptest.First(1, smtptest.Drop())))
	use := with(func(c *SenderConfig) { c.DKIM = ring })
	first := r.sender(r.relay(s), use)
	r.until("a first copy", func() bool { return s.Len() > 0 })
	first.kill()
	other, err := dkim.NewKey("example.org", "later", dkim.RSA, frozen.AddDate(0, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ring.Add(other), ring.Use("example.org", []*dkim.Key{other})); err != nil {
		t.Fatal(err)
	}
	if ring, err = dkim.Open(ring.Dir()); err != nil {
		t.Fatal(err)
	}
	r.sender(r.relay(s), with(func(c *SenderConfig) { c.DKIM = ring }))
	r.state("done")
	l := s.Ledger()
	if len(l) != 2 || !bytes.Equal(l[0].Data, l[1].Data) {
		t.Fatalf("%d copies; the first and the last:\n%s\n%s", len(l), l[0].Data, l[len(l)-1].Data)
	}
	r.verifies(l[1].Data, keys)
}
