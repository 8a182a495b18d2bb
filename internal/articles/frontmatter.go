package articles

import (
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"mailer/internal/errs"
)

// Limits of front matter: what is deeper or longer was not written by a person.
const (
	maxFront      = 64 << 10 // octets
	maxFrontLines = 2000
	maxFrontDepth = 8
	maxFrontDots  = 100 // in a line of TOML
	maxFrontSets  = 200 // tables in braces in TOML
)

// frontMatter parts a Markdown file into its front matter (between lines of --- in a subset of YAML, or of +++ in TOML) and
// the text behind it. Keys are in lower case with underscores; values are strings, lists ([]any) and tables (map[string]any).
func frontMatter(text string) (map[string]any, string, error) {
	for _, fence := range []string{"---", "+++"} {
		rest, ok := strings.CutPrefix(text, fence+"\n")
		if !ok {
			continue
		}
		head, body, ok := cutFence(rest, fence)
		if !ok {
			if fence == "---" { // a rule at the very top
				return nil, text, nil
			}
			return nil, text, errs.New(errs.Invalid, "the front matter has no end: a line of %s is missing", fence)
		}
		if len(head) > maxFront {
			return nil, "", errs.New(errs.Invalid, "the front matter is larger than %d kB, which no article needs; the story stands below it", maxFront>>10)
		}
		if fence == "+++" {
			if err := checkTOML(head); err != nil {
				return nil, "", err
			}
			var m map[string]any
			if _, err := toml.Decode(head, &m); err != nil {
				return nil, "", errs.Wrap(err, errs.Invalid, "the front matter is not TOML: %s", line(err.Error(), 200))
			}
			return normalise(m).(map[string]any), body, nil
		}
		m, err := parseYAML(head)
		return m, body, err
	}
	return nil, text, nil
}

// checkTOML refuses tables that may lie thousands deep in each other, as a.b.c or {a = {b = {: to the TOML package each costs
// as much as all around it.
func checkTOML(head string) error {
	if strings.Count(head, "{") > maxFrontSets {
		return errs.New(errs.Invalid, "the front matter has more than %d tables in braces, which no article needs", maxFrontSets)
	}
	for l := range strings.SplitSeq(head, "\n") {
		if strings.Count(l, ".") > maxFrontDots {
			return errs.New(errs.Invalid, "the front matter has a line with more than %d full stops (%q); break it up", maxFrontDots, beginning(l, 40))
		}
	}
	return nil
}

func cutFence(s, fence string) (head, body string, ok bool) {
	at := 0
	for l := range strings.SplitAfterSeq(s, "\n") {
		if t := strings.TrimRight(l, " \t\n"); t == fence || fence == "---" && t == "..." {
			return s[:at], s[at+len(l):], true
		}
		at += len(l)
	}
	return "", "", false
}

// normalise brings what the TOML package returns into the form that this package reads.
func normalise(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[frontKey(k)] = normalise(e)
		}
		return out
	case []map[string]any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = normalise(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = normalise(e)
		}
		return out
	case time.Time:
		return v.Format(time.RFC3339)
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return ""
}

func frontKey(k string) string {
	return strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(strings.Trim(k, `"' `)))
}
