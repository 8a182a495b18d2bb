package dkim

import (
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strconv"

	"mailer/internal/errs"
)

// Signer signs one message after another under one stamp. It is not safe for concurrent use: each worker has its own.
type Signer struct {
	keys []*signature
	hash hash.Hash

	// Of the message in hand.
	values   []value
	counts   [fields]uint8
	header   []byte
	relaxed  []byte
	sum      [sha256.Size]byte
	bodyHash [base64Size]byte
}

const base64Size = (sha256.Size + 2) / 3 * 4

// signature is what one key puts on top of messages.
type signature struct {
	key    *Key
	time   int64
	counts [fields]uint8 // of the messages that raw and hashed are for
	raw    []byte        // the field up to the body hash
	hashed []byte        // the same as it is hashed
	value  []byte        // of b=
}

func newSigner(keys []*Key, time int64) *Signer {
	s := &Signer{hash: sha256.New()}
	for _, k := range keys {
		n := &signature{key: k, time: time}
		n.prepare()
		s.keys = append(s.keys, n)
	}
	return s
}

// Room is an upper bound of what Append adds to a message whose covered fields occur once each, in octets.
func (s *Signer) Room() int {
	n := 0
	for _, k := range s.keys {
		n += len(k.raw) + 400 + len(k.key.public)*2
	}
	return n
}

// Append appends a DKIM-Signature field for each key to dst, each with its line end: what is to stand before msg. msg is a
// whole message with CRLF line ends, and is not changed. The same octets give the same fields. An error means that nothing
// was signed: the message must not go out then.
func (s *Signer) Append(dst, msg []byte) ([]byte, error) {
	body, err := s.readHeader(msg)
	if err != nil {
		return dst, err
	}
	s.hash.Reset()
	s.hashBody(body)
	base64.StdEncoding.Encode(s.bodyHash[:], s.hash.Sum(s.sum[:0]))
	s.header = s.appendHeader(s.header[:0])
	start := dst
	for _, k := range s.keys {
		if k.counts != s.counts {
			k.counts = s.counts
			k.prepare()
		}
		if dst, err = s.append(dst, k); err != nil {
			return start, err
		}
	}
	return dst, nil
}

// append appends the field of one key.
func (s *Signer) append(dst []byte, k *signature) ([]byte, error) {
	s.hash.Reset()
	s.header = append(append(append(s.header, k.hashed...), s.bodyHash[:]...), beforeValue...)
	s.hash.Write(s.header)
	s.header = s.header[:len(s.header)-len(k.hashed)-len(s.bodyHash)-len(beforeValue)]
	made, err := k.key.sign(s.hash.Sum(s.sum[:0]))
	if err != nil {
		return dst, errs.Wrap(err, errs.Internal, "sign with the DKIM key %s", k.key.Name())
	}
	k.value = base64.StdEncoding.AppendEncode(k.value[:0], made)
	dst = append(append(append(dst, k.raw...), s.bodyHash[:]...), ";\r\n b="...)
	const line = 72
	rest := k.value
	for len(rest) > line {
		dst = append(append(dst, rest[:line]...), "\r\n "...)
		rest = rest[line:]
	}
	return append(append(dst, rest...), "\r\n"...), nil
}

// beforeValue is what stands between body hash and signature, as it is hashed.
const beforeValue = "; b="

// prepare writes the part of the field that is the same for all messages with the same fields (RFC 6376 section 3.5). There
// is no l=, which would let text be added, and no x=, which a slow queue could outlive.
func (k *signature) prepare() {
	raw := append(k.raw[:0], fieldName...)
	raw = append(raw, ": v=1; a="+k.key.Algorithm.signature()+"; c=relaxed/relaxed;\r\n d="+k.key.Domain+";\r\n s="+k.key.Selector+"; t="...)
	raw = append(strconv.AppendInt(raw, k.time, 10), ";\r\n"...)
	const line = 76
	column := len(raw)
	raw = append(raw, " h="...)
	for f := range covered {
		for range listed(f, k.counts[f]) {
			if raw[len(raw)-1] != '=' {
				raw = append(raw, ':')
				if len(raw)-column+len(covered[f].name) >= line {
					raw = append(raw, "\r\n "...)
					column = len(raw) - 1
				}
			}
			raw = append(raw, covered[f].name...)
		}
	}
	k.raw = append(raw, ";\r\n bh="...)
	k.hashed = append(k.hashed[:0], "dkim-signature:"...)
	k.hashed = appendRelaxed(k.hashed, k.raw[len(fieldName)+1:])
}

const fieldName = "DKIM-Signature"
