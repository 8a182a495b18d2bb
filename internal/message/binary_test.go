package message_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailer/internal/dkim"
	"mailer/internal/errs"
	"mailer/internal/message"
)

func stored(t testing.TB) []byte {
	t.Helper()
	b, err := compile(t, draft(t)).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStoredMessage(t *testing.T) {
	b := stored(t)
	var c message.Compiled
	if err := c.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if c.Campaign() != 99 || c.Key() != ring(t).Current() || c.Domain() != "mail.example.org" || c.From() != "news@example.org" || c.Groups() != 2 {
		t.Errorf("loaded: campaign %d, key %s, domain %s, from %s, groups %x", c.Campaign(), c.Key(), c.Domain(), c.From(), c.Groups())
	}
	if again, err := c.MarshalBinary(); err != nil || !bytes.Equal(b, again) {
		t.Errorf("stored again it differs (%v)", err)
	}
	fresh := compile(t, draft(t))
	if c.Size(2) != fresh.Size(2) || c.HTMLSize(2) != fresh.HTMLSize(2) {
		t.Error("loaded it has another size")
	}
	// No reference to the octets it was read from is kept.
	raw, err := c.Append(nil, reader(t, 99, 7))
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if again, err := c.Append(nil, reader(t, 99, 7)); err != nil || !bytes.Equal(raw, again) {
		t.Errorf("it changed with the octets it was read from (%v)", err)
	}
}

// stamp is what a message freezes of two signatures.
var stamp = dkim.Stamp{Keys: []dkim.KeyID{"a._domainkey.example.org#0011223344556677", "b._domainkey.example.org#8899aabbccddeeff"}, Time: frozen.Unix()}

func storedSigned(t testing.TB) []byte {
	t.Helper()
	d := draft(t)
	d.DKIM = stamp
	b, err := compile(t, d).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A message keeps which keys sign it and when; one that is not signed is stored as before there were signatures, and one
// stored then is read.
func TestStoredSignature(t *testing.T) {
	var c message.Compiled
	if err := c.UnmarshalBinary(storedSigned(t)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stamp, c.DKIM()); diff != "" {
		t.Error(diff)
	}
	if plain := compile(t, draft(t)); c.Size(0) <= plain.Size(0) || !plain.DKIM().IsZero() {
		t.Errorf("sizes %d and %d, stamp %v", c.Size(0), plain.Size(0), plain.DKIM())
	}
	if b := stored(t); b[0] != 1 {
		t.Errorf("an unsigned message has version %d: nodes of the version before could not read it", b[0])
	}
	old := []byte{1, 99, 1, 'k', 1, 'd', 1, 'f', 1, 0, 0, 1, 0, 0, 2, 'h', 'i'}
	if err := c.UnmarshalBinary(old); err != nil || c.Campaign() != 99 || c.Domain() != "d" || !c.DKIM().IsZero() {
		t.Errorf("an old message: %v, %+v", err, c)
	}
	d := draft(t)
	d.DKIM.Keys = make([]dkim.KeyID, 9)
	if _, err := message.Compile(d); errs.KindOf(err) != errs.Invalid {
		t.Errorf("nine keys: %v", err)
	}
}

func TestDamagedMessage(t *testing.T) {
	b := stored(t)
	for _, b := range [][]byte{b, storedSigned(t)} {
		for n := range len(b) {
			var c message.Compiled
			if c.UnmarshalBinary(b[:n]) == nil {
				t.Fatalf("cut to %d of %d octets it loads", n, len(b))
			}
		}
	}
	for name, spoil := range map[string]func([]byte) []byte{
		"newer version": func(b []byte) []byte { b[0] = 3; return b },
		"longer":        func(b []byte) []byte { return append(b, 0) },
		// The decoder makes room only for what there is.
		"2^40 ops":       func([]byte) []byte { return append([]byte{1, 0, 0, 0, 0, 1, 0, 0}, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40) },
		"a text of 2^40": func([]byte) []byte { return append([]byte{1, 0}, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40) },
		"a run of 2^40": func([]byte) []byte {
			return append([]byte{1, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0}, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40)
		},
		"HTML out of it":   func([]byte) []byte { return []byte{1, 0, 0, 0, 0, 1, 0, 2, 1, 0, 0, 0} },
		"an unknown slot":  func([]byte) []byte { return []byte{1, 0, 0, 0, 0, 1, 0, 1, 1, 99, 0, 0} },
		"an unknown flag":  func([]byte) []byte { return []byte{1, 0, 0, 0, 0, 2, 0, 1, 1, 0, 0, 0} },
		"signed by none":   func([]byte) []byte { return []byte{2, 0, 0, 0, 0, 1, 9, 0, 0, 0, 0} },
		"signed by 2^40":   func([]byte) []byte { return append([]byte{2, 0, 0, 0, 0, 1, 9}, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40) },
		"an endless count": func([]byte) []byte { return bytes.Repeat([]byte{0xff}, 40) },
	} {
		var c message.Compiled
		if c.UnmarshalBinary(spoil(bytes.Clone(b))) == nil {
			t.Errorf("%s: it loads", name)
		}
	}
}

// FuzzCompiled: whatever stands in the table, the decoder does not panic, and what it
// accepts is stored as the same octets and can be spliced.
func FuzzCompiled(f *testing.F) {
	f.Add(stored(f))
	f.Add(storedSigned(f))
	f.Add([]byte{1})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{1, 0, 0, 0, 0, 1, 0, 255, 255, 255, 255, 15})
	f.Fuzz(func(t *testing.T, data []byte) {
		var c message.Compiled
		if c.UnmarshalBinary(data) != nil {
			return
		}
		again, err := c.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var twin message.Compiled
		if err := twin.UnmarshalBinary(again); err != nil {
			t.Fatal(err)
		}
		r := reader(t, 99, 7)
		a, errA := c.Append(nil, r)
		b, errB := twin.Append(nil, r)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Fatalf("stored again it makes another message (%v, %v)", errA, errB)
		}
		_, _ = c.HTMLSize(c.Groups()), c.Size(0)
	})
}
