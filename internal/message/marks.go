package message

import (
	"crypto/sha256"
	"encoding/hex"
	"html"
	"strconv"
	"strings"
)

// Slot is a place where each reader's own value goes.
type Slot uint8

// The slots of a body. Where a name may stand: in text, and in the quoted attributes alt, title, aria-label and content of
// the HTML part. Where a token may stand: in text and in a quoted href. Neither may stand elsewhere.
const (
	SlotName        Slot = iota + 1 // the reader's name, or the fallback
	SlotLeave                       // the reader's leave token; the template writes the address before it
	SlotPreferences                 // the token of the reader's preferences, likewise
)

// MaxGroups is how many optional groups a message may have; they are numbered from 0.
const MaxGroups = 64

// Marks makes the placeholders that templates put where a reader's own value or an optional group stands. A mark consists
// of ASCII letters and digits, so html/template and Markdown leave it alone in text, attribute and URL, and it begins with
// a tag that content cannot know. It is not safe for concurrent use.
type Marks struct {
	tag   string
	slots []slotUse
}

// slotUse is a slot with the text shown to a reader who has no value for it.
type slotUse struct {
	slot     Slot
	fallback string
}

// NewMarks returns marks whose tag is derived from nonce, a random string that the content cannot know. Marks of different
// nonces compile to the same message.
func NewMarks(nonce string) *Marks {
	sum := sha256.Sum256([]byte("mailer marks:" + nonce))
	return &Marks{tag: "Q" + hex.EncodeToString(sum[:10])}
}

// Slot returns the mark of a reader's own value; fallback, plain text, is shown where the reader has none.
func (m *Marks) Slot(s Slot, fallback string) string {
	use := slotUse{slot: s, fallback: fallback}
	for i, u := range m.slots {
		if u == use {
			return m.mark('s', i)
		}
	}
	m.slots = append(m.slots, use)
	return m.mark('s', len(m.slots)-1)
}

// Open returns the mark where an optional group begins, 0 to 63. Groups may nest and may occur more than once. In HTML a
// group holds whole elements.
func (m *Marks) Open(group int) string { return m.mark('o', group) }

// Close returns the mark where an optional group ends.
func (m *Marks) Close(group int) string { return m.mark('c', group) }

func (m *Marks) mark(kind byte, n int) string { return m.tag + string(kind) + strconv.Itoa(n) + "z" }

// Strip returns marked HTML as a browser may show it to anyone: slots become their fallback text and only the groups of the
// mask stay. Marks that Compile would refuse are left out.
func (m *Marks) Strip(s string, groups uint64) string {
	var out strings.Builder
	var hidden, open []int
	for _, t := range m.split(s) {
		switch t.kind {
		case literal:
			if len(hidden) == 0 {
				out.WriteString(t.text)
			}
		case slot:
			if len(hidden) == 0 {
				out.WriteString(html.EscapeString(m.slots[t.n].fallback))
			}
		case opening:
			open = append(open, t.n)
			if groups&(1<<t.n) == 0 {
				hidden = append(hidden, len(open))
			}
		case closing:
			if len(hidden) > 0 && hidden[len(hidden)-1] == len(open) {
				hidden = hidden[:len(hidden)-1]
			}
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case broken:
		}
	}
	return out.String()
}

type tokenKind uint8

const (
	literal tokenKind = iota
	slot              // n is an index into Marks.slots
	opening           // n is a group
	closing           // n is a group
	broken            // text begins with the tag but is no mark of ours
)

// token is a piece of a marked text.
type token struct {
	kind tokenKind
	n    int
	text string // the piece itself
	at   int    // its offset
}

// split cuts a marked text into literals and marks. Joined, the texts are s again.
func (m *Marks) split(s string) []token {
	var ts []token
	done := 0
	for pos := 0; ; {
		i := strings.Index(s[pos:], m.tag)
		if i < 0 {
			break
		}
		start := pos + i
		t := m.readMark(s, start)
		if start > done {
			ts = append(ts, token{kind: literal, text: s[done:start], at: done})
		}
		ts = append(ts, t)
		done = start + len(t.text)
		pos = done
	}
	if done < len(s) {
		ts = append(ts, token{kind: literal, text: s[done:], at: done})
	}
	return ts
}

// readMark reads the mark that begins at offset start, where the tag stands.
func (m *Marks) readMark(s string, start int) token {
	bad := token{kind: broken, text: s[start : start+len(m.tag)], at: start}
	rest := s[start+len(m.tag):]
	end := strings.IndexByte(rest[:min(len(rest), 12)], 'z')
	if end < 2 {
		return bad
	}
	n, err := strconv.Atoi(rest[1:end])
	if err != nil || n < 0 || strconv.Itoa(n) != rest[1:end] {
		return bad
	}
	t := token{n: n, text: s[start : start+len(m.tag)+end+1], at: start}
	switch {
	case rest[0] == 's' && n < len(m.slots):
		t.kind = slot
	case rest[0] == 'o' && n < MaxGroups:
		t.kind = opening
	case rest[0] == 'c' && n < MaxGroups:
		t.kind = closing
	default:
		return bad
	}
	return t
}
