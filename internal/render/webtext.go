package render

import (
	"bytes"

	"mailer/internal/errs"
	"mailer/internal/lang"
)

// WebText returns an editor's Markdown as HTML that is safe anywhere, with what is said to nobody in particular where a reader's
// name would stand.
func WebText(s, language string) (string, error) {
	s = placeholder.ReplaceAllStringFunc(s, func(hole string) string {
		if fallback := placeholder.FindStringSubmatch(hole)[1]; fallback != "" {
			return fallback
		}
		return lang.For(language).T("mail.reader")
	})
	var html bytes.Buffer
	if err := markdown.Convert([]byte(s), &html); err != nil {
		return "", errs.Wrap(err, errs.Invalid, "the Markdown text cannot be read")
	}
	return SanitizeBody(html.String(), nil), nil
}
