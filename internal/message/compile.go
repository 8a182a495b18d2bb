package message

import (
	"crypto/sha256"
	"encoding/hex"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"mailer/internal/errs"
)

const (
	dateLayout = "Mon, 02 Jan 2006 15:04:05 -0700" // RFC 5322 section 3.3

	partHead = "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	textType = "Content-Type: text/plain; charset=utf-8\r\n"
	htmlType = "Content-Type: text/html; charset=utf-8\r\n"
)

// Compile checks a draft and encodes all of it that is the same for every reader. What is wrong with the draft is an error
// of kind Invalid that names the field. Bodies are brought into order first: line ends, Unicode normalisation form C,
// and control characters, which are left out.
func Compile(d Draft) (*Compiled, error) {
	if d.Marks == nil {
		d.Marks = NewMarks("")
	}
	d.Subject = norm.NFC.String(strings.Trim(d.Subject, " "))
	d.FromName = norm.NFC.String(strings.Trim(d.FromName, " "))
	d.ListName = norm.NFC.String(strings.Trim(d.ListName, " "))
	if err := d.check(); err != nil {
		return nil, err
	}
	text := d.Marks.tokens(d.Text, normalText)
	page := d.Marks.tokens(d.HTML, normalHTML)
	if err := d.checkBodies(text, page); err != nil {
		return nil, err
	}

	var textOps, htmlOps builder
	textOps.body(d.Marks, text, false)
	htmlOps.body(d.Marks, page, true)
	boundary := delimiter(textOps.blob, htmlOps.blob)

	b := builder{}
	d.header(&b, boundary)
	b.fixed("--" + boundary + "\r\n" + textType + partHead)
	b.join(textOps)
	b.fixed("\r\n--" + boundary + "\r\n" + htmlType + partHead)
	c := &Compiled{campaign: d.Campaign, key: d.Key, domain: d.Domain, from: d.FromAddress, bulk: d.Bulk, dkim: d.DKIM}
	c.htmlFrom = len(b.ops)
	b.join(htmlOps)
	c.htmlTo = len(b.ops)
	b.fixed("\r\n--" + boundary + "--\r\n")
	c.ops, c.blob = b.ops, b.blob
	c.measure()
	return c, d.checkSize(c)
}

func (d *Draft) checkSize(c *Compiled) error {
	if n := c.HTMLSize(c.groups); n > HTMLLimit && !d.Force {
		return errs.Field("html", "has %d kB with everything switched on; Gmail cuts mails at about 100 kB. Leave stories out, or force the send", n/1000)
	}
	if c.max > SizeLimit && !d.Force {
		return errs.Field("html", "makes a mail of %d kB, more than %d kB; leave stories out, or force the send", c.max/1000, SizeLimit/1000)
	}
	return nil
}

// tokens splits a marked body into cleaned pieces and sees to it that its end is a line end that belongs to no group.
func (m *Marks) tokens(s string, normal func(string) string) []token {
	ts := m.split(cleanText(s))
	for i := range ts {
		if ts[i].kind == literal {
			ts[i].text = normal(ts[i].text)
		}
	}
	if n := len(ts); n > 0 && (ts[n-1].kind != literal || !strings.HasSuffix(ts[n-1].text, "\n")) {
		ts = append(ts, token{kind: literal, text: "\n"})
	}
	return ts
}

// checkBodies checks the marks of both parts against each other.
func (d *Draft) checkBodies(text, page []token) error {
	for part, tokens := range map[string][]token{"text": text, "html": page} {
		if !slices.ContainsFunc(tokens, func(t token) bool { return t.kind == literal && strings.TrimSpace(t.text) != "" }) {
			return errs.Field(part, "is empty; a mail has a text and an HTML part with the same content")
		}
		if d.Bulk && !d.Marks.alwaysLeaves(tokens) {
			return errs.Field(part, "has no unsubscribe link that every reader sees; write the leave slot outside optional groups")
		}
	}
	textGroups, err := d.Marks.checkText(text)
	if err != nil {
		return err
	}
	htmlGroups, err := d.Marks.checkHTML(joined(page))
	if err != nil {
		return err
	}
	if diff := textGroups ^ htmlGroups; diff != 0 {
		return errs.Field("text", "and html differ in the optional group %d: it must stand in both, or a reader sees in one what the other leaves out",
			bits.TrailingZeros64(diff))
	}
	return nil
}

// alwaysLeaves reports whether the leave token stands outside every group.
func (m *Marks) alwaysLeaves(tokens []token) bool {
	depth := 0
	for _, t := range tokens {
		switch t.kind {
		case opening:
			depth++
		case closing:
			depth--
		case slot:
			if depth == 0 && m.slots[t.n].slot == SlotLeave {
				return true
			}
		case literal, broken:
		}
	}
	return false
}

func joined(tokens []token) string {
	var s strings.Builder
	for _, t := range tokens {
		s.WriteString(t.text)
	}
	return s.String()
}

// delimiter returns a boundary of the parts that follows from what they say, so that it is the same whenever they are
// compiled. It cannot occur in them: quoted-printable has no "=_" (RFC 2045 section 6.7).
func delimiter(text, page []byte) string {
	h := sha256.New()
	h.Write([]byte(strconv.Itoa(len(text)) + ":"))
	h.Write(text)
	h.Write(page)
	return "=_" + hex.EncodeToString(h.Sum(nil)[:12])
}

// builder collects runs and slots.
type builder struct {
	ops  []op
	blob []byte
}

func (b *builder) add(kind opKind, mask uint64, payload []byte) {
	b.ops = append(b.ops, op{kind: kind, mask: mask, off: len(b.blob), size: len(payload)})
	b.blob = append(b.blob, payload...)
}

// fixed adds octets that every reader gets, to the run before where there is one.
func (b *builder) fixed(s string) { b.run(0, []byte(s)) }

func (b *builder) run(mask uint64, s []byte) {
	if n := len(b.ops); n > 0 && b.ops[n-1].kind == opRun && b.ops[n-1].mask == mask {
		b.ops[n-1].size += len(s)
		b.blob = append(b.blob, s...)
		return
	}
	b.add(opRun, mask, s)
}

// join adds the runs and slots of a part as they are.
func (b *builder) join(part builder) {
	for _, o := range part.ops {
		b.add(o.kind, o.mask, part.blob[o.off:o.off+o.size])
	}
}

// body adds a part that has been checked.
func (b *builder) body(m *Marks, tokens []token, html bool) {
	var open []int
	mask := func() (bits uint64) {
		for _, g := range open {
			bits |= 1 << g
		}
		return bits
	}
	for _, t := range tokens {
		switch t.kind {
		case literal:
			b.run(mask(), appendRun(nil, t.text))
		case slot:
			use := m.slots[t.n]
			fallback := appendValue(nil, CleanHeader(use.fallback), html)
			switch {
			case use.slot == SlotLeave:
				b.add(opLeave, mask(), fallback)
			case use.slot == SlotPreferences:
				b.add(opPreferences, mask(), fallback)
			case html:
				b.add(opNameHTML, mask(), fallback)
			default:
				b.add(opNameText, mask(), fallback)
			}
		case opening:
			open = append(open, t.n)
		case closing:
			open = open[:len(open)-1]
		case broken:
		}
	}
}
