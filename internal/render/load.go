package render

import (
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"

	"mailer/internal/errs"
	"mailer/templates/email"
)

// Templates are the parsed e-mail templates. They are safe for use by many goroutines.
type Templates struct {
	html map[string]*template.Template // by name of the face
	text *texttemplate.Template
	from map[string]string // file that a template was read from, where it is the operator's
}

// functions are what a template may call beside the fields of what it is given.
var functions = map[string]any{
	"word":       func() template.HTML { return word },
	"endWord":    func() template.HTML { return endWord },
	"notWord":    func() template.HTML { return notWord },
	"endNotWord": func() template.HTML { return endNotWord },
	"serif":      func() template.CSS { return Serif },
	"sans":       func() template.CSS { return Sans },
	"fill":       func(s string) string { return fill(s, textWidth, "") },
	"underline":  func(with, title string) string { return underline(title, with) },
	"line":       func(with string) string { return strings.Repeat(with, textWidth) },
	"join":       joinPlain,
}

// Load parses the embedded templates, each replaced by the file of the same name in the folder override, if there is one; an
// empty override means none. Then it renders sample content with them, so that a template that does not parse, fails, or
// leaves out what a mail must have is found at the start: the error, of kind Config, says which file and line.
func Load(override string) (*Templates, error) {
	names, err := fs.Glob(email.FS, "*")
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "the embedded templates cannot be listed")
	}
	t := &Templates{from: make(map[string]string)}
	if override != "" {
		if err := t.find(override, names); err != nil {
			return nil, err
		}
	}
	html := template.New("").Funcs(functions).Option("missingkey=error")
	t.text = texttemplate.New("").Funcs(functions).Option("missingkey=error")
	for _, name := range names {
		source, err := t.source(name)
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(name, ".txt") {
			_, err = t.text.New(name).Parse(source)
		} else {
			_, err = html.New(name).Parse(source)
		}
		if err != nil {
			return nil, t.fault(name, err)
		}
	}
	if t.html, err = faced(html); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "set the templates in every face")
	}
	if err := t.try(); err != nil {
		return nil, err
	}
	return t, nil
}

// find notes which templates the operator's folder replaces.
func (t *Templates) find(folder string, names []string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return config(err, "the folder %s cannot be read; name one with template files, or leave the setting empty", folder)
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); e.IsDir() || ext != ".html" && ext != ".txt" {
			continue
		}
		if !slices.Contains(names, e.Name()) {
			return config(nil, "%s is no template; the templates are %s", filepath.Join(folder, e.Name()), strings.Join(names, ", "))
		}
		t.from[e.Name()] = filepath.Join(folder, e.Name())
	}
	return nil
}

func (t *Templates) source(name string) (string, error) {
	if file, ok := t.from[name]; ok {
		raw, err := os.ReadFile(file)
		if err != nil {
			return "", config(err, "the template %s cannot be read", file)
		}
		return string(raw), nil
	}
	raw, err := fs.ReadFile(email.FS, name)
	return string(raw), errs.Wrap(err, errs.Internal, "the embedded template %s cannot be read", name)
}

// config returns an error about the folder of templates.
func config(err error, format string, args ...any) error {
	return &errs.Error{Kind: errs.Config, Field: "MAILER_TEMPLATES", Msg: fmt.Sprintf(format, args...), Err: err}
}

// faultPattern is how the template packages say where: "template: NAME:LINE:COLUMN: what", the column not always.
var faultPattern = regexp.MustCompile(`(?s)template: ?([^:\s]+):(\d+)(?::\d+)?: (.*)$`)

// fault turns an error of a template into one that names the operator's file and the line. name is the template that was
// run, in case the error does not say.
func (t *Templates) fault(name string, err error) error {
	line, what := "", err.Error()
	if m := faultPattern.FindStringSubmatch(what); m != nil {
		name, line, what = m[1], m[2], m[3]
	}
	file, ours := t.from[name]
	switch {
	case !ours && len(t.from) == 0:
		return errs.Wrap(err, errs.Internal, "the embedded template %s fails", name)
	case !ours:
		return config(err, "the template %s, line %s, fails with what the folder replaces: %s", name, line, what)
	case line == "":
		return config(err, "the template %s: %s", file, what)
	}
	return config(err, "the template %s, line %s: %s", file, line, what)
}
