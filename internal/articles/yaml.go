package articles

import (
	"strconv"
	"strings"

	"mailer/internal/errs"
)

// yamlReader reads the part of YAML that front matter is written in: tables and lists by indentation, quoted and plain
// scalars, block scalars, lists and tables on one line, comments.
type yamlReader struct {
	lines []yamlLine
	at    int
}

type yamlLine struct {
	number, indent int
	text           string // without indentation
}

func parseYAML(s string) (map[string]any, error) {
	r := &yamlReader{}
	for i, l := range strings.Split(s, "\n") {
		if i >= maxFrontLines {
			return nil, errs.New(errs.Invalid, "the front matter is longer than %d lines", maxFrontLines)
		}
		l = strings.ReplaceAll(strings.TrimRight(l, " \t\r"), "\t", "  ")
		text := strings.TrimLeft(l, " ")
		r.lines = append(r.lines, yamlLine{i + 2, len(l) - len(text), text})
	}
	v, err := r.block(0, 0)
	if err != nil {
		return nil, err
	}
	if r.skipBlank(); r.at < len(r.lines) {
		return nil, r.wrong("this line fits nowhere")
	}
	m, ok := v.(map[string]any)
	if !ok && v != nil && v != "" {
		return nil, errs.New(errs.Invalid, "the front matter is not a list of \"key: value\" lines")
	}
	return m, nil
}

func (r *yamlReader) wrong(what string) error {
	l := yamlLine{}
	if r.at < len(r.lines) {
		l = r.lines[r.at]
	}
	return errs.New(errs.Invalid, "the front matter is not understood in line %d: %s (%q)", l.number, what, cut(line(l.text, 60), 60))
}

func (r *yamlReader) skipBlank() {
	for r.at < len(r.lines) && (r.lines[r.at].text == "" || strings.HasPrefix(r.lines[r.at].text, "#")) {
		r.at++
	}
}

// block reads a table or a list whose lines are indented by at least indent.
func (r *yamlReader) block(indent, depth int) (any, error) {
	if depth > maxFrontDepth {
		return nil, r.wrong("nested too deep")
	}
	r.skipBlank()
	if r.at >= len(r.lines) || r.lines[r.at].indent < indent {
		return "", nil
	}
	own := r.lines[r.at].indent
	if t := r.lines[r.at].text; t == "-" || strings.HasPrefix(t, "- ") {
		return r.list(own, depth)
	}
	return r.table(own, depth)
}

func (r *yamlReader) list(indent, depth int) (any, error) {
	out := []any{}
	for {
		r.skipBlank()
		if r.at >= len(r.lines) || r.lines[r.at].indent != indent {
			return out, nil
		}
		l := r.lines[r.at]
		if l.text != "-" && !strings.HasPrefix(l.text, "- ") {
			return out, nil
		}
		rest := strings.TrimLeft(l.text[1:], " ")
		if _, _, ok := yamlPair(rest); ok { // a table begins on the line of the dash
			inner := indent + len(l.text) - len(rest)
			r.lines[r.at] = yamlLine{l.number, inner, rest}
			v, err := r.table(inner, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
			continue
		}
		r.at++
		if rest == "" {
			v, err := r.block(indent+1, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
			continue
		}
		out = append(out, yamlScalar(r.continued(rest, indent), depth))
	}
}

func (r *yamlReader) table(indent, depth int) (any, error) {
	out := map[string]any{}
	for {
		r.skipBlank()
		if r.at >= len(r.lines) || r.lines[r.at].indent != indent {
			if r.at < len(r.lines) && r.lines[r.at].indent > indent {
				return nil, r.wrong("it is indented more than the line before")
			}
			return out, nil
		}
		key, rest, ok := yamlPair(r.lines[r.at].text)
		if !ok {
			if strings.HasPrefix(r.lines[r.at].text, "- ") {
				return out, nil
			}
			return nil, r.wrong("it is not \"key: value\"")
		}
		r.at++
		v, err := r.value(rest, indent, depth)
		if err != nil {
			return nil, err
		}
		out[frontKey(key)] = v
	}
}

// value reads what stands behind "key:".
func (r *yamlReader) value(rest string, indent, depth int) (any, error) {
	switch {
	case rest == "":
		r.skipBlank()
		if r.at < len(r.lines) && r.lines[r.at].indent == indent && strings.HasPrefix(r.lines[r.at].text, "- ") {
			return r.list(indent, depth+1) // a list may stand as far left as its key
		}
		return r.block(indent+1, depth+1)
	case rest[0] == '|' || rest[0] == '>':
		return r.scalarBlock(rest[0] == '>', indent), nil
	}
	return yamlScalar(r.continued(rest, indent), depth), nil
}

// continued joins the lines that go on with a plain or quoted scalar.
func (r *yamlReader) continued(s string, indent int) string {
	for r.at < len(r.lines) && r.lines[r.at].indent > indent && r.lines[r.at].text != "" && !strings.HasPrefix(r.lines[r.at].text, "#") {
		s += " " + r.lines[r.at].text
		r.at++
	}
	return s
}

// scalarBlock reads a block scalar, its lines joined by spaces when it is folded.
func (r *yamlReader) scalarBlock(folded bool, indent int) string {
	var out []string
	for r.at < len(r.lines) && (r.lines[r.at].indent > indent || r.lines[r.at].text == "") {
		out = append(out, r.lines[r.at].text)
		r.at++
	}
	if !folded {
		return strings.TrimSpace(strings.Join(out, "\n"))
	}
	var b strings.Builder
	for _, l := range out {
		switch {
		case l == "":
			b.WriteString("\n")
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "\n"):
			b.WriteString(" " + l)
		default:
			b.WriteString(l)
		}
	}
	return strings.TrimSpace(b.String())
}

// yamlPair parts "key: value" at a colon that stands outside of quotes.
func yamlPair(s string) (key, value string, ok bool) {
	if s == "" || strings.ContainsRune(`[{"'`, rune(s[0])) && s[0] != '"' && s[0] != '\'' {
		return "", "", false
	}
	if q := s[0]; q == '"' || q == '\'' {
		end := strings.IndexByte(s[1:], q)
		if end < 0 || !strings.HasPrefix(s[end+2:], ":") {
			return "", "", false
		}
		return s[1 : end+1], strings.TrimSpace(s[end+3:]), true
	}
	i := strings.Index(s+" ", ": ")
	if i <= 0 || strings.ContainsAny(s[:i], `"'{}[],#`) {
		return "", "", false
	}
	return s[:i], withoutComment(strings.TrimSpace(s[min(i+1, len(s)):])), true
}

// withoutComment takes " # …" off a value that is not quoted.
func withoutComment(s string) string {
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		return s
	}
	if i := strings.Index(s, " #"); i >= 0 {
		return strings.TrimRight(s[:i], " ")
	}
	return s
}

// yamlScalar reads a scalar, or a list or table on one line.
func yamlScalar(s string, depth int) any {
	s = strings.TrimSpace(s)
	if s == "" || depth > maxFrontDepth {
		return s
	}
	switch s[0] {
	case '"', '\'':
		return unquote(s)
	case '[':
		if strings.HasSuffix(s, "]") {
			out := []any{}
			for _, e := range splitFlow(s[1 : len(s)-1]) {
				out = append(out, yamlScalar(e, depth+1))
			}
			return out
		}
	case '{':
		if strings.HasSuffix(s, "}") {
			out := map[string]any{}
			for _, e := range splitFlow(s[1 : len(s)-1]) {
				if k, v, ok := yamlPair(e); ok {
					out[frontKey(k)] = yamlScalar(v, depth+1)
				}
			}
			return out
		}
	case '~':
		if s == "~" {
			return ""
		}
	}
	if s == "null" {
		return ""
	}
	return s
}

func unquote(s string) string {
	q := s[0]
	if q == '"' {
		for end := len(s); end > 1; end-- {
			if v, err := strconv.Unquote(s[:end]); err == nil {
				return v
			}
			if end < len(s)-200 {
				break
			}
		}
		return strings.Trim(s, `"`)
	}
	s = s[1:]
	if i := strings.LastIndexByte(s, '\''); i >= 0 {
		s = s[:i]
	}
	return strings.ReplaceAll(s, "''", "'")
}

// splitFlow parts the inside of [ ] or { } at its commas, those in quotes and inner brackets excepted.
func splitFlow(s string) []string {
	var out []string
	depth, start := 0, 0
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' && (i == 0 || s[i-1] == ' ' || s[i-1] == ',' || s[i-1] == '['):
			quote = c
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ',' && depth == 0:
			out = append(out, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	if last := strings.TrimSpace(s[start:]); last != "" {
		out = append(out, last)
	}
	return out
}
