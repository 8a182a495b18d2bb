package config

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"mailer/internal/errs"
)

// Relay is one [[relay]] table of mailer.toml. Numbers that are zero mean no limit, or the default.
type Relay struct {
	Name                  string   // in tables and logs
	URL                   string   // as MAILER_SMTP_URL; a secret
	URLFrom               string   // the variable that holds the URL; empty when it stands in the file
	Weight                int      // its share of the messages beside the others'
	Connections           int      // most at once, of all processes together
	MessagesPerConnection int      // most over one connection
	Rate                  float64  // most messages per second, of all processes together
	DailyCap              int      // most messages on one day (UTC), of all processes together
	Lists                 []string // slugs of the lists that it carries; empty: all that no other relay names
}

// Shown returns the URL without its password.
func (r Relay) Shown() string { return hidePassword(r.URL) }

// Format keeps the password out of whatever prints a Relay.
func (r Relay) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "relay %s at %s", r.Name, r.Shown()) }

// Lane is one [[lane]] table of mailer.toml: limits for a provider, in place of the usual ones. Nil is as usual, zero no limit.
type Lane struct {
	Relay                 string // the name of a relay; empty: each
	Provider              string // "google", or one of its domains
	Connections           *int
	MessagesPerConnection *int
	Rate                  *float64
}

// Examples in errors.
const (
	relayExample = "[[relay]]\nname = \"main\"\nurl = \"smtp://user:password@smtp.example.org:587\""
	laneExample  = "[[lane]]\nprovider = \"google\"\nconnections = 3"
)

var relayKeys = map[string]string{
	"name":                    `name = "main"`,
	"url":                     `url = "smtp://user:password@smtp.example.org:587"`,
	"url_env":                 `url_env = "MAIN_RELAY_URL"`,
	"tls":                     `tls = "starttls"`,
	"weight":                  `weight = 3`,
	"connections":             `connections = 20`,
	"messages_per_connection": `messages_per_connection = 100`,
	"rate":                    `rate = 14`,
	"daily_cap":               `daily_cap = 50000`,
	"lists":                   `lists = ["weekly"]`,
}

var laneKeys = map[string]string{
	"relay":                   `relay = "main"`,
	"provider":                `provider = "google"`,
	"connections":             `connections = 3`,
	"messages_per_connection": `messages_per_connection = 20`,
	"rate":                    `rate = 5`,
}

// tables reads the [[relay]] and [[lane]] tables. getenv reads the variables that hold URLs.
func (c *Config) tables(tree map[string]any, getenv func(string) string) (problems []error, secrets bool) {
	var t tableReader
	for i, m := range t.array(c.File, tree, "relay", relayExample) {
		c.Relays = append(c.Relays, t.relay(i+1, m, getenv))
		secrets = secrets || c.Relays[i].URLFrom == "" && hasPassword(c.Relays[i].URL)
	}
	for i, m := range t.array(c.File, tree, "lane", laneExample) {
		c.Lanes = append(c.Lanes, t.lane(i+1, m))
	}
	names := map[string]bool{}
	for i, r := range c.Relays {
		if names[r.Name] {
			t.refuse(c.File, fmt.Sprintf("relay %d", i+1), "name", "is the name of two relays", relayKeys["name"])
		}
		names[r.Name] = true
	}
	for i, l := range c.Lanes {
		if l.Relay != "" && len(names) > 0 && !names[l.Relay] {
			t.refuse(c.File, fmt.Sprintf("lane %d", i+1), "relay", "names no relay; there are "+strings.Join(sortedKeys(names), ", "), laneKeys["relay"])
		}
	}
	return t.problems, secrets
}

// tableReader reads tables and gathers what is wrong with them. Reasons never repeat a value that may be a secret.
type tableReader struct {
	file, table string
	problems    []error
}

func (t *tableReader) refuse(file, table, key, reason, example string) {
	where := table + " in " + file
	t.problems = append(t.problems, &errs.Error{Kind: errs.Config, Field: key, Msg: reason + " (" + where + "); for example " + example})
}

// array returns the tables of one kind.
func (t *tableReader) array(file string, tree map[string]any, kind, example string) []map[string]any {
	t.file = file
	v, ok := tree[kind]
	if !ok {
		return nil
	}
	delete(tree, kind)
	tables, ok := v.([]map[string]any)
	if !ok {
		t.problems = append(t.problems, &errs.Error{Kind: errs.Config, Field: kind,
			Msg: "is a table of its own, with two brackets on each side (in " + file + "); for example\n" + example})
	}
	return tables
}

// known refuses keys that there are not.
func (t *tableReader) known(m map[string]any, keys map[string]string) {
	for _, key := range sortedKeys(m) {
		if _, ok := keys[key]; ok {
			continue
		}
		reason := "is not a setting of a relay or lane; known are " + strings.Join(sortedKeys(keys), ", ")
		if near := nearest(key, sortedKeys(keys)); near != "" {
			reason = "is not a setting here; did you mean " + near + "?"
		}
		t.problems = append(t.problems, &errs.Error{Kind: errs.Config, Field: key, Msg: reason + " (" + t.table + " in " + t.file + ")"})
	}
}

func (t *tableReader) text(m map[string]any, key string, keys map[string]string) string {
	v, ok := m[key]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok || s == "" {
		t.refuse(t.file, t.table, key, "must be a text in quotes", keys[key])
	}
	return s
}

// number reads a whole number from least to most; nil when it is not there.
func (t *tableReader) number(m map[string]any, key string, least, most int, keys map[string]string) *int {
	v, ok := m[key]
	if !ok {
		return nil
	}
	n, ok := v.(int64)
	if !ok || n < int64(least) || n > int64(most) {
		t.refuse(t.file, t.table, key, fmt.Sprintf("must be a whole number from %d to %d", least, most), keys[key])
		return nil
	}
	whole := int(n)
	return &whole
}

// rate reads messages per second; nil when it is not there.
func (t *tableReader) rate(m map[string]any, keys map[string]string) *float64 {
	v, ok := m["rate"]
	if !ok {
		return nil
	}
	var rate float64
	switch v := v.(type) {
	case int64:
		rate = float64(v)
	case float64:
		rate = v
	default:
		rate = -1
	}
	if !(rate == 0 || rate >= 1.0/3600 && rate <= 100_000) || math.IsNaN(rate) {
		t.refuse(t.file, t.table, "rate", "must be messages per second, from one an hour (0.00028) to 100000, or 0 for no limit", keys["rate"])
		return nil
	}
	return &rate
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

var relayName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,39}$`)

func (t *tableReader) relay(n int, m map[string]any, getenv func(string) string) Relay {
	t.table = fmt.Sprintf("relay %d", n)
	t.known(m, relayKeys)
	r := Relay{Name: t.text(m, "name", relayKeys)}
	if !relayName.MatchString(r.Name) {
		t.refuse(t.file, t.table, "name", "must be a short name in small letters, digits, dots and hyphens; it stands in tables and logs, and must be kept", relayKeys["name"])
	}
	r.URL, r.URLFrom = t.text(m, "url", relayKeys), t.text(m, "url_env", relayKeys)
	switch {
	case (r.URL == "") == (r.URLFrom == ""):
		t.refuse(t.file, t.table, "url", "is needed, or url_env with the name of a variable that holds it, and not both", relayKeys["url"])
	case r.URLFrom != "" && !variableName.MatchString(r.URLFrom): // as likely as not the URL itself, with its password: it is not repeated
		t.refuse(t.file, t.table, "url_env", "is not the name of a variable; a URL stands in url", relayKeys["url_env"])
	case r.URLFrom != "":
		if r.URL = getenv(r.URLFrom); r.URL == "" {
			t.refuse(t.file, t.table, "url_env", "names the variable "+r.URLFrom+", which is not set", r.URLFrom+`="smtp://user:password@smtp.example.org:587"`)
		}
	}
	if r.URL != "" {
		var err error
		if r.URL, err = withTLS(r.URL, t.text(m, "tls", relayKeys)); err == nil {
			err = checkSMTPURL(r.URL)
		}
		if err != nil {
			t.refuse(t.file, t.table, "url", err.Error(), relayKeys["url"])
		}
	}
	whole := func(key string, least, most int) (v int) {
		if p := t.number(m, key, least, most, relayKeys); p != nil {
			v = *p
		}
		return v
	}
	r.Weight = max(whole("weight", 1, 1000), 1)
	r.Connections = whole("connections", 0, 10_000)
	r.MessagesPerConnection = whole("messages_per_connection", 0, 1_000_000)
	r.DailyCap = whole("daily_cap", 0, math.MaxInt32)
	if rate := t.rate(m, relayKeys); rate != nil {
		r.Rate = *rate
	}
	if v, ok := m["lists"]; ok {
		slugs, ok := v.([]any)
		for _, s := range slugs {
			slug, isText := s.(string)
			ok = ok && isText && slug != ""
			r.Lists = append(r.Lists, slug)
		}
		if !ok || len(slugs) == 0 {
			t.refuse(t.file, t.table, "lists", "must be the slugs of lists", relayKeys["lists"])
		}
	}
	return r
}

// withTLS adds the setting tls to an URL.
func withTLS(u, tls string) (string, error) {
	if tls == "" {
		return u, nil
	}
	if !slices.Contains([]string{"starttls", "implicit", "none"}, tls) {
		return u, errors.New("has a tls other than starttls, implicit and none")
	}
	parsed, err := url.Parse(u)
	if err != nil {
		return u, errBadURL
	}
	if parsed.Query().Has("tls") {
		return u, errors.New("has a tls of its own beside that of the table; keep one of them")
	}
	q := parsed.Query()
	q.Set("tls", tls)
	parsed.RawQuery = q.Encode()
	return parsed.String(), nil
}

func (t *tableReader) lane(n int, m map[string]any) Lane {
	t.table = fmt.Sprintf("lane %d", n)
	t.known(m, laneKeys)
	l := Lane{Relay: t.text(m, "relay", laneKeys), Provider: strings.ToLower(t.text(m, "provider", laneKeys))}
	if l.Provider == "" {
		t.refuse(t.file, t.table, "provider", "is missing: whose mail it is about", laneKeys["provider"])
	}
	l.Connections = t.number(m, "connections", 0, 10_000, laneKeys)
	l.MessagesPerConnection = t.number(m, "messages_per_connection", 0, 1_000_000, laneKeys)
	l.Rate = t.rate(m, laneKeys)
	if l.Connections == nil && l.MessagesPerConnection == nil && l.Rate == nil {
		t.refuse(t.file, t.table, "provider", "stands there without any limit: connections, messages_per_connection or rate, each 0 for none", laneKeys["connections"])
	}
	return l
}
