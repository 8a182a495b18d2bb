package relay

import (
	"errors"
	"fmt"
	"strings"
)

// mailbox checks that an address cannot be anything but one path of a command, and turns a domain in Unicode into A-labels.
// It is the last door and not the validator of addresses. utf8 says that the local part is not ASCII.
func mailbox(addr string) (path string, utf8 bool, err error) {
	if addr == "" {
		return "", false, nil // the null reverse-path, RFC 5321 section 4.5.5
	}
	at := strings.LastIndexByte(addr, '@')
	if at < 1 || at == len(addr)-1 {
		return "", false, errors.New("it is not of the form name@domain")
	}
	local, domain := addr[:at], addr[at+1:]
	quoted := len(local) > 2 && local[0] == '"' && local[len(local)-1] == '"'
	for _, r := range local {
		if r < ' ' || r == 0x7f || !quoted && strings.ContainsRune(" <>()[],;:\\\"@", r) {
			return "", false, fmt.Errorf("the character %q cannot stand there", r)
		}
		utf8 = utf8 || r >= 0x80
	}
	if quoted && badQuotes(local[1:len(local)-1]) {
		return "", false, errors.New("its quotes do not match")
	}
	ascii := true
	for _, r := range domain {
		if r <= ' ' || r == 0x7f || strings.ContainsRune("<>()\\\",;", r) {
			return "", false, fmt.Errorf("the character %q cannot stand there", r)
		}
		ascii = ascii && r < 0x80
	}
	if !ascii {
		if domain, err = idnaProfile.ToASCII(domain); err != nil {
			return "", false, errors.New("its domain is not valid")
		}
	}
	if len(local)+1+len(domain) > 254 { // RFC 5321 section 4.5.3.1.3: a path of 256 with its brackets
		return "", false, errors.New("it is too long")
	}
	return local + "@" + domain, utf8, nil
}

// badQuotes reports a quote that is not escaped within a quoted local part, which would end it early.
func badQuotes(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s) {
				return true
			}
		case '"':
			return true
		}
	}
	return false
}
