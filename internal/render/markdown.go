package render

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"mailer/internal/errs"
)

// markdown is CommonMark with bare addresses made links. HTML in it is left out.
var markdown = goldmark.New(goldmark.WithExtensions(extension.Linkify))

// placeholder is what an editor may write in a text: {name}, or {name|what to say where there is none}.
var (
	placeholder = regexp.MustCompile(`\{name(?:\|([^{}|]{0,60}))?\}`)
	foreignHole = regexp.MustCompile(`\{\{.*?\}\}|\*\|[A-Za-z_:]+\|\*|%%[A-Za-z_]+%%`) // of other systems
	mergeTag    = regexp.MustCompile(`\*\|[A-Za-z_:]+\|\*`)
	unknownHole = regexp.MustCompile(`\{ *[A-Za-z_.]+ *(?:\|[^{}]*)?\}`)
)

// fromMarkdown reads an editor's Markdown. name returns what stands for a {name} with the given fallback. The error, of kind
// Invalid, names a placeholder that there is not.
func fromMarkdown(s string, name func(fallback string) string) (document, error) {
	var html bytes.Buffer
	if err := markdown.Convert([]byte(s), &html); err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "the Markdown text cannot be read")
	}
	d := foreignDocument(html.String(), nil)
	bad := strings.Join(mergeTag.FindAllString(s, 1), "") // its stars mean something in Markdown
	d.eachText(func(runs []run) {
		var said strings.Builder
		for i, r := range runs {
			if r.style&fixed != 0 {
				continue // an example of something
			}
			said.WriteString(r.text)
			runs[i].text = placeholder.ReplaceAllStringFunc(r.text, func(hole string) string {
				return name(placeholder.FindStringSubmatch(hole)[1])
			})
		}
		if hole := findHole(said.String()); hole != "" && bad == "" {
			bad = hole
		}
	})
	if bad != "" {
		return nil, errs.New(errs.Invalid, "there is no placeholder %s; the one there is: {name}, or {name|reader} with what to say where the name is not known", bad)
	}
	return d, nil
}

// CheckMarkdown says whether an editor's text can be rendered: the error, of kind Invalid, names a placeholder that there is
// not. Render refuses the same; this is for the moment a text is written.
func CheckMarkdown(s string) error {
	_, err := fromMarkdown(s, func(fallback string) string { return fallback })
	return err
}

// CheckSubject refuses a subject or preheader with a reader's placeholder, ours or that of another system. It takes only what
// can be nothing else: a subject is often a headline, and a headline may have braces of its own.
func CheckSubject(field, s string) error {
	if placeholder.MatchString(s) || foreignHole.MatchString(s) {
		return errs.Field(field, "subject and preheader are the same for every reader and have no placeholders")
	}
	return nil
}

// findHole returns the first placeholder in an editor's text that there is not, or nothing.
func findHole(s string) string {
	if hole := foreignHole.FindString(s); hole != "" {
		return hole
	}
	return unknownHole.FindString(placeholder.ReplaceAllString(s, ""))
}
