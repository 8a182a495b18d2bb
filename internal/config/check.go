package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The reasons below never repeat the value: it may hold a secret. For the same reason errors of url.Parse, which quote
// what they could not parse, are not passed on.

var errBadURL = errors.New("is not an URL; characters such as @ : / ? # % in a password must be written as %40 and the like")

func checkDatabaseURL(v string) error {
	u, err := url.Parse(v)
	switch {
	case err != nil:
		return errBadURL
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		return errors.New("must begin with postgres://")
	case u.Host == "" && u.Query().Get("host") == "":
		return errors.New("names no host")
	case strings.Trim(u.Path, "/") == "":
		return errors.New("names no database after the host")
	}
	return nil
}

func checkSMTPURL(v string) error {
	u, err := url.Parse(v)
	switch {
	case err != nil:
		return errBadURL
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return errors.New("must begin with smtp:// or smtps://")
	case u.Hostname() == "":
		return errors.New("names no host")
	case strings.Trim(u.Path, "/") != "" || u.Fragment != "":
		return errors.New("has something after the host that does not belong there")
	case u.Port() != "" && !validPort(u.Port()):
		return errors.New("has a port that is not a number from 1 to 65535")
	}
	return checkSMTPQuery(u)
}

func checkSMTPQuery(u *url.URL) error {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errBadURL
	}
	for key := range q {
		if key != "tls" {
			return errors.New("has an option other than tls after the question mark")
		}
	}
	switch q.Get("tls") {
	case "":
	case "starttls", "none", "implicit":
		if u.Scheme == "smtps" && q.Get("tls") != "implicit" {
			return errors.New("begins with smtps://, which is TLS from the start, and asks for another tls")
		}
	default:
		return errors.New("has a tls other than starttls, implicit and none")
	}
	return nil
}

func checkBaseURL(v string) error {
	u, err := url.Parse(v)
	switch {
	case err != nil:
		return errors.New("is not an URL")
	case u.Scheme != "https":
		return errors.New("must begin with https://: mail programs offer one-click unsubscribing over https only (RFC 8058)")
	case u.Hostname() == "":
		return errors.New("names no host")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("must be only a host and perhaps a path")
	}
	return nil
}

func checkImageURL(v string) error {
	u, err := url.Parse(v)
	switch {
	case err != nil:
		return errors.New("is not an URL")
	case u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost"):
		return errors.New("must begin with https://: mail programs show no others")
	case u.Hostname() == "":
		return errors.New("names no host")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return errors.New("must be only a host")
	}
	return nil
}

func checkSecret(v string) error {
	if len(v) < 32 {
		return fmt.Errorf("has %d characters, and 32 are the least", len(v))
	}
	seen := map[rune]bool{}
	for _, r := range v {
		seen[r] = true
	}
	if len(seen) < 8 {
		return errors.New("is too regular to be a secret")
	}
	return nil
}

func checkListen(v string) error {
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		return errors.New("must be a host and a port")
	}
	if port != "0" && !validPort(port) {
		return errors.New("has a port that is not a number from 0 to 65535")
	}
	return nil
}

func validPort(p string) bool {
	n, err := strconv.ParseUint(p, 10, 16)
	return err == nil && n > 0
}

var domainPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

func checkDomain(v string) error {
	if len(v) > 200 || !domainPattern.MatchString(strings.ToLower(v)) {
		return errors.New("must be a domain name in ASCII (xn--… for others)")
	}
	return nil
}

func checkNumber(v string, least, most int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("must be a number from %d to %d", least, most)
	}
	return n, nil
}

func checkDuration(v string, least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil || d < least || d > most {
		return 0, fmt.Errorf("must be a time from %v to %v", least, most)
	}
	return d, nil
}

// ParsePercent reads 1%, 0.5% or 1 as per cent.
func ParsePercent(v string, most float64) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(v, "%")), 64)
	if err != nil || !(n >= 0 && n <= most) {
		return 0, fmt.Errorf("must be from 0%% to %g%%", most)
	}
	return n, nil
}

func checkOneOf(v string, allowed ...string) error {
	if !slices.Contains(allowed, v) {
		return errors.New("must be one of " + strings.Join(allowed, ", "))
	}
	return nil
}
