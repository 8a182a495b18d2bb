package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

// Entry is one setting as it may be shown to anyone.
type Entry struct {
	Name     string `json:"name"`
	Key      string `json:"key"` // in mailer.toml
	Value    string `json:"value"`
	Source   string `json:"source"` // default, file, environment, flag or generated
	Required bool   `json:"required"`
	Help     string `json:"help"`
}

// Entries lists every setting: its name, its value with secrets hidden, and where that came from.
func (c Config) Entries() []Entry {
	entries := make([]Entry, len(settings))
	for i, s := range settings {
		from := c.sources[s.Name]
		if from == "" {
			from = fromDefault
		}
		entries[i] = Entry{Name: s.Name, Key: s.key(), Value: s.shown(&c), Source: string(from), Required: s.Required, Help: s.Help}
	}
	return entries
}

// shown is the value without what must not be seen.
func (s setting) shown(c *Config) string {
	v := s.get(c)
	switch {
	case v == "":
		return ""
	case s.IsList && s.Secret:
		return fmt.Sprintf("(hidden, %d of them)", strings.Count(v, ",")+1)
	case s.Secret:
		return fmt.Sprintf("(hidden, %d characters)", len(v))
	case s.IsURL:
		return hidePassword(v)
	}
	return v
}

// hidePassword returns the URL without its password, wherever that stands.
func hidePassword(v string) string {
	u, err := url.Parse(v)
	if err != nil {
		return "(hidden)"
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "(hidden)"
	}
	for key := range q {
		if strings.Contains(strings.ToLower(key), "pass") {
			q.Set(key, "xxxxx")
			u.RawQuery = q.Encode()
		}
	}
	if pass, _ := u.User.Password(); pass != "" && pass == u.User.Username() {
		u.User = url.UserPassword("xxxxx", pass) // relays that know only a token take it as both
	}
	return u.Redacted()
}

// String shows every setting with secrets hidden, so that a Config in a log line gives nothing away.
func (c Config) String() string {
	var b strings.Builder
	for i, e := range c.Entries() {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%q", e.Key, e.Value)
	}
	return b.String()
}

// GoString is String, for %#v.
func (c Config) GoString() string { return c.String() }

// LogValue is what slog shows of a Config.
func (c Config) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, e := range c.Entries() {
		attrs = append(attrs, slog.String(e.Key, e.Value))
	}
	return slog.GroupValue(attrs...)
}

// MarshalJSON gives the entries.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.Entries()) }
