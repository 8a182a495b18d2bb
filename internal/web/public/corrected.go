package public

import (
	"bytes"
	"context"
	"html/template"
	"strings"
	"time"

	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/render"
)

// corrected puts the corrections of a campaign's stories into its stored page: each under its story or, in a page from before stories had a
// mark at their end, on top. The language is that of the page where none is named.
func (a *past) corrected(ctx context.Context, campaign int64, language, html string) (string, error) {
	notes, err := a.src.Corrections(ctx, campaign)
	if err != nil || len(notes) == 0 {
		return html, err
	}
	if language == "" {
		language = languageOf(html)
	}
	words := lang.For(language)
	for _, n := range notes {
		under := render.EndOfStory(n.Article)
		at := strings.Index(html, under)
		note, err := correctionNote(words, n, at >= 0)
		if err != nil {
			return "", err
		}
		if at >= 0 {
			html = html[:at] + note + html[at:]
			continue
		}
		html = insert(html, bodyStart.FindStringIndex(html), false, note)
	}
	return html, nil
}

// correctionNote is a note as a page has it. Under its story it is a row of the table that the stories are in.
func correctionNote(words *lang.Words, n campaigns.PastCorrection, under bool) (string, error) {
	type part struct{ Text string }
	var lines []part
	for line := range strings.SplitSeq(n.Note, "\n") {
		if line != "" {
			lines = append(lines, part{line})
		}
	}
	var b bytes.Buffer
	err := layout.ExecuteTemplate(&b, "correction.html", struct {
		Label, Title string
		Day          string
		Lines        []part
		Under        bool
	}{words.T("correction.dated", words.Date(n.At)), n.Title, n.At.Format(time.DateOnly), lines, under})
	return b.String(), errs.Wrap(err, errs.Internal, "write a correction")
}

// languageOf returns the language that a page says it is in.
func languageOf(html string) string {
	_, rest, _ := strings.Cut(html[:min(len(html), 2000)], `lang="`)
	tag, _, _ := strings.Cut(rest, `"`)
	return template.HTMLEscapeString(tag)
}
