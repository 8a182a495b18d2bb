package message

import (
	"encoding/binary"
	"errors"

	"mailer/internal/dkim"
	"mailer/internal/links"
)

// The first octet of a stored message. A message that is not signed here is stored as it was before there were signatures.
const (
	versionPlain  = 1
	versionSigned = 2 // with the frozen keys and time of its signatures
)

// maxKeys is how many keys may sign a message.
const maxKeys = 8

var errDamaged = errors.New("a stored message is damaged or was written by a newer program")

// MarshalBinary returns the message as it is stored: the version, what identifies it, its signatures where it has some, the
// ops, then the octets they refer to in the same order.
func (c *Compiled) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, len(c.blob)+8*len(c.ops)+128)
	if c.dkim.IsZero() {
		b = append(b, versionPlain)
	} else {
		b = append(b, versionSigned)
	}
	b = binary.AppendUvarint(b, uint64(c.campaign))
	for _, s := range []string{string(c.key), c.domain, c.from} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	bulk := byte(0)
	if c.bulk {
		bulk = 1
	}
	b = append(b, bulk)
	if !c.dkim.IsZero() {
		b = binary.AppendUvarint(b, uint64(c.dkim.Time))
		b = binary.AppendUvarint(b, uint64(len(c.dkim.Keys)))
		for _, k := range c.dkim.Keys {
			b = binary.AppendUvarint(b, uint64(len(k)))
			b = append(b, k...)
		}
	}
	for _, n := range []int{c.htmlFrom, c.htmlTo, len(c.ops)} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	for _, o := range c.ops {
		b = append(b, byte(o.kind))
		b = binary.AppendUvarint(b, o.mask)
		b = binary.AppendUvarint(b, uint64(o.size))
	}
	return append(b, c.blob...), nil
}

// UnmarshalBinary reads what MarshalBinary wrote. It takes memory in proportion to data and keeps no reference to it. On
// an error c is unchanged.
func (c *Compiled) UnmarshalBinary(data []byte) error {
	r := unpacker{rest: data}
	version := r.octet()
	if version != versionPlain && version != versionSigned {
		return errDamaged
	}
	var n Compiled
	n.campaign = int64(r.number(1 << 62))
	n.key = links.KeyID(r.text())
	n.domain = r.text()
	n.from = r.text()
	bulk := r.octet()
	n.bulk = bulk == 1
	if version == versionSigned {
		n.dkim.Time = int64(r.number(1 << 62))
		for range r.number(maxKeys) {
			n.dkim.Keys = append(n.dkim.Keys, dkim.KeyID(r.text()))
		}
		if n.dkim.IsZero() {
			return errDamaged
		}
	}
	n.htmlFrom = int(r.number(uint64(len(r.rest))))
	n.htmlTo = int(r.number(uint64(len(r.rest))))
	const least = 3 // octets of an op
	count := int(r.number(uint64(len(r.rest) / least)))
	if r.bad || bulk > 1 || n.htmlFrom > n.htmlTo || n.htmlTo > count {
		return errDamaged
	}
	n.ops = make([]op, count)
	size := 0
	for i := range n.ops {
		o := op{kind: opKind(r.octet()), mask: r.number(1<<64 - 1), off: size}
		o.size = int(r.number(uint64(len(r.rest))))
		size += o.size
		if r.bad || o.kind >= opKinds || size > len(r.rest) {
			return errDamaged
		}
		n.ops[i] = o
	}
	if size != len(r.rest) {
		return errDamaged
	}
	n.blob = append([]byte(nil), r.rest...)
	n.measure()
	*c = n
	return nil
}

// unpacker takes numbers and texts off the front of a stored message. After a fault it only gives zeros.
type unpacker struct {
	rest []byte
	bad  bool
}

func (r *unpacker) octet() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// number takes an unsigned number of at most limit.
func (r *unpacker) number(limit uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > limit {
		r.bad = true
		r.rest = nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *unpacker) text() string {
	n := r.number(1 << 16)
	if n > uint64(len(r.rest)) {
		r.bad = true
		r.rest = nil
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}
