package message

import (
	"mailer/internal/dkim"
	"mailer/internal/links"
)

// Compiled is a message ready to be spliced for one reader after another. It is safe for concurrent use.
type Compiled struct {
	campaign int64
	key      links.KeyID
	domain   string
	from     string
	bulk     bool
	dkim     dkim.Stamp

	ops              []op
	blob             []byte
	htmlFrom, htmlTo int // the ops of the HTML part

	groups uint64 // all groups in use
	max    int    // estimate of the size with all of them
}

// op is a run or a slot: octets of blob from off on. Those of a slot are what stands for an empty value, already encoded;
// those of opUnsubscribe are what the token is appended to.
type op struct {
	kind      opKind
	mask      uint64 // in when all its bits are in the reader's groups
	off, size int
}

// opKind is stored with a message, so a new one goes to the end; a program that does not know it refuses the message.
type opKind uint8

const (
	opRun opKind = iota
	opTo
	opMessageID
	opUnsubscribe
	opRef
	opNameText
	opNameHTML
	opLeave
	opPreferences
	opKinds // how many there are
)

// Octets that a slot is counted with where sizes are estimated.
const (
	nameEstimate  = 24
	tokenEstimate = 40
	fieldEstimate = 80
	signEstimate  = 800 // of a DKIM-Signature field
)

// Campaign returns the campaign, 0 for a single mail.
func (c *Compiled) Campaign() int64 { return c.campaign }

// Key returns the id of the secret that this message's tokens and Message-IDs are made with.
func (c *Compiled) Key() links.KeyID { return c.key }

// Domain returns the right side of this message's Message-IDs.
func (c *Compiled) Domain() string { return c.domain }

// DKIM returns what was frozen of the signatures. Append does not sign: the signatures are for whoever has the keys to put on
// top.
func (c *Compiled) DKIM() dkim.Stamp { return c.dkim }

// From returns the address in From.
func (c *Compiled) From() string { return c.from }

// Groups returns the optional groups in use, as a mask.
func (c *Compiled) Groups() uint64 { return c.groups }

// HTMLSize returns how many octets the HTML part has for a reader with these groups once it is decoded. Values of readers
// are counted with what is usual for them.
func (c *Compiled) HTMLSize(groups uint64) int {
	n := 0
	for _, o := range c.ops[c.htmlFrom:c.htmlTo] {
		if o.mask&^groups != 0 {
			continue
		}
		switch o.kind {
		case opRun:
			n += decodedSize(c.blob[o.off : o.off+o.size])
		case opLeave, opPreferences:
			n += tokenEstimate
		default:
			n += nameEstimate
		}
	}
	return n
}

// Size returns how many octets the message of a reader with these groups has on the wire. Values of readers are counted
// with what is usual for them, so it may be some hundred octets off.
func (c *Compiled) Size(groups uint64) int {
	n := len(c.dkim.Keys) * signEstimate
	for _, o := range c.ops {
		if o.mask&^groups != 0 {
			continue
		}
		switch o.kind {
		case opRun:
			n += o.size
		case opLeave, opPreferences:
			n += tokenEstimate + len(softBreak)
		case opNameText, opNameHTML:
			n += max(o.size, nameEstimate+len(softBreak))
		default:
			n += fieldEstimate + o.size
		}
	}
	return n
}

// measure sets what follows from the ops.
func (c *Compiled) measure() {
	for _, o := range c.ops {
		c.groups |= o.mask
	}
	c.max = c.Size(c.groups)
}
