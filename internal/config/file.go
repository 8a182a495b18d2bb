package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"mailer/internal/errs"
)

// defaultFile is read when no other is named and it is there.
const defaultFile = "mailer.toml"

// readFile returns the settings of the file by their names; none when path is empty and there is no default file.
func (c *Config) readFile(path string, getenv func(string) string) (map[string]string, error) {
	named := path != ""
	if !named {
		path = defaultFile
	}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named:
		return nil, nil
	case err != nil:
		return nil, &errs.Error{Kind: errs.Config, Field: path, Msg: "the configuration file cannot be read", Err: err}
	}
	c.File = path
	var tree map[string]any
	if _, err := toml.Decode(string(text), &tree); err != nil {
		return nil, syntaxError(path, err)
	}
	values := map[string]string{}
	problems, secrets := c.tables(tree, getenv)
	for _, key := range sortedKeys(tree) {
		s := byName(prefix + strings.ToUpper(key))
		if s == nil || key != s.key() {
			problems = append(problems, unknownKey(path, key))
			continue
		}
		v, err := s.text(tree[key])
		if err != nil {
			problems = append(problems, &errs.Error{Kind: errs.Config, Field: s.Name,
				Msg: fmt.Sprintf("%s (%s in %s); for example %s", err, key, path, s.fileExample())})
			continue
		}
		if v != "" {
			values[s.Name] = v
			secrets = secrets || s.Secret || s.IsURL && hasPassword(v)
		}
	}
	c.warnOfReaders(path, secrets)
	return values, errors.Join(problems...)
}

// text turns a value of the file into the form of a variable.
func (s setting) text(v any) (string, error) {
	switch v := v.(type) {
	case string:
		if s.IsNumber && !(v == "auto" && s.Default == v) {
			return "", errors.New("must be a number, without quotes")
		}
		return v, nil
	case int64:
		if s.IsNumber {
			return strconv.FormatInt(v, 10), nil
		}
	case []any:
		if s.IsList {
			parts := make([]string, len(v))
			for i, e := range v {
				part, ok := e.(string)
				if !ok || strings.Contains(part, ",") {
					return "", errors.New("must be a list of texts without commas")
				}
				parts[i] = part
			}
			return strings.Join(parts, ","), nil
		}
	}
	if s.IsNumber {
		return "", errors.New("must be a whole number")
	}
	return "", errors.New("must be a text in quotes")
}

func (s setting) fileExample() string {
	switch {
	case s.IsNumber:
		return s.key() + " = " + s.Example
	case s.IsList:
		return s.key() + ` = ["…", "…"]`
	}
	return s.key() + ` = "` + s.Example + `"`
}

func unknownKey(path, key string) error {
	var keys []string
	for _, s := range settings {
		keys = append(keys, s.key())
	}
	msg := "is not a setting (in " + path + ")"
	if near := nearest(key, keys); near != "" {
		msg += "; did you mean " + near + "?"
	} else {
		msg += "; known are " + strings.Join(keys, ", ")
	}
	return &errs.Error{Kind: errs.Config, Field: key, Msg: msg}
}

// quotedText is what the parser repeats of a line.
var quotedText = regexp.MustCompile(`(?s)"[^"]+"|'.{2,}'`)

// syntaxError names the line, and leaves out its text: it may be the one with the secret.
func syntaxError(path string, err error) error {
	var p toml.ParseError
	if errors.As(err, &p) {
		why := quotedText.ReplaceAllString(p.Message, `"…"`)
		if why == "" {
			why = "not TOML"
		}
		return &errs.Error{Kind: errs.Config, Field: fmt.Sprintf("%s:%d", path, p.Position.Line), Msg: why}
	}
	return &errs.Error{Kind: errs.Config, Field: path, Msg: "is not TOML"}
}

func hasPassword(v string) bool {
	u, err := url.Parse(v)
	if err != nil {
		return true
	}
	if u.User != nil {
		if _, set := u.User.Password(); set {
			return true
		}
	}
	return u.Query().Has("password")
}
