package smtptest

import (
	"encoding/base64"
	"strings"
)

// auth runs AUTH PLAIN (RFC 4616) and AUTH LOGIN.
func (s *session) auth(line, arg string) error {
	mech, initial, _ := strings.Cut(arg, " ")
	if _, ok := s.offered["AUTH"]; !ok {
		s.r.violation("AUTH was not offered")
		return s.say("502 5.5.1 Not offered")
	}
	if a := s.ask(s.event(Login, "AUTH "+mech)); !a.isZero() {
		return s.act(a)
	}
	var user, pass string
	var err error
	switch strings.ToUpper(mech) {
	case "PLAIN":
		if initial == "" {
			if initial, err = s.challenge(""); err != nil {
				return err
			}
		}
		parts := strings.Split(decode(initial), "\x00")
		if len(parts) == 3 {
			user, pass = parts[1], parts[2]
		}
	case "LOGIN":
		if initial == "" {
			if initial, err = s.challenge("Username:"); err != nil {
				return err
			}
		}
		user = decode(initial)
		if pass, err = s.challenge("Password:"); err != nil {
			return err
		}
		pass = decode(pass)
	default:
		return s.say("504 5.5.4 Unknown mechanism")
	}
	if user != s.r.opts.user || pass != s.r.opts.pass {
		return s.say("535 5.7.8 Authentication credentials invalid")
	}
	s.authed = true
	return s.say("235 2.7.0 Welcome")
}

func (s *session) challenge(prompt string) (string, error) {
	if err := s.say("334 %s", base64.StdEncoding.EncodeToString([]byte(prompt))); err != nil {
		return "", err
	}
	return s.readLine()
}

func decode(b64 string) string {
	b, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		return ""
	}
	return string(b)
}
