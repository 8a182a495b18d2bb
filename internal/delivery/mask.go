package delivery

import (
	"strings"

	"mailer/internal/subscribers"
)

// MaskReply masks the addresses that a relay repeats in its replies, so that they may stand in a log or a reason.
func MaskReply(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	const edges = "<>()[]{}\";:," // not = and ', which may stand in an address, as a forwarder's bob=example.com@example.org
	var b strings.Builder
	for len(text) > 0 {
		end := strings.IndexAny(text, " \t"+edges)
		if end < 0 {
			end = len(text)
		}
		if word := text[:end]; strings.Contains(word, "@") {
			b.WriteString(subscribers.Mask(word))
		} else {
			b.WriteString(word)
		}
		if end < len(text) {
			b.WriteByte(text[end])
			end++
		}
		text = text[end:]
	}
	return b.String()
}
