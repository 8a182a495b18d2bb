package relay

import "strings"

// queueID takes the relay's own name for a message out of the text of its 250, as Postfix ("queued as 4XYZ"), Exim ("OK
// id=1abc-..."), KumoMTA ("OK ids=..."), Exchange ("[InternalId=123, ..."), Sendmail ("x9A1 Message accepted for delivery"),
// qmail ("ok 1700000000 qp 4711") and the large services write it. It returns "" where it finds none.
func queueID(text string) string {
	lower := strings.ToLower(text)
	for _, mark := range []string{"queued as ", "queued mail as ", "internalid=", "ids=", "id=", "queue id ", "queueid "} {
		if i := strings.Index(lower, mark); i >= 0 && len(lower) == len(text) && (i == 0 || !isID(lower[i-1])) {
			return token(text[i+len(mark):])
		}
	}
	words := strings.Fields(text)
	for i, w := range words {
		switch {
		case i > 0 && strings.EqualFold(w, "message") && hasWords(words[i:], "message", "accepted", "for", "delivery"):
			return token(words[i-1])
		case strings.EqualFold(w, "qp") && i > 0 && i+1 < len(words):
			return token(words[i-1] + "-qp-" + words[i+1])
		}
	}
	// "Ok 0100018f...": one or two words after ok of which one has digits, as Amazon and Google answer.
	if len(words) >= 2 && strings.EqualFold(strings.Trim(words[0], ":,"), "ok") {
		for i := min(2, len(words)-1); i >= 1; i-- {
			if id := token(words[i]); len(id) >= 8 && strings.ContainsAny(id, "0123456789") {
				return id
			}
		}
	}
	return ""
}

func hasWords(words []string, want ...string) bool {
	for i, w := range want {
		if i >= len(words) || !strings.EqualFold(strings.Trim(words[i], ".,;"), w) {
			return false
		}
	}
	return true
}

// token returns the beginning of s that can be a name, at most 100 bytes.
func token(s string) string {
	s = strings.TrimLeft(s, "<[(\"'")
	end := 0
	for end < len(s) && end < 100 && isID(s[end]) {
		end++
	}
	return strings.TrimRight(s[:end], ".:")
}

func isID(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || strings.IndexByte("-_.:+@/=", b) >= 0
}
