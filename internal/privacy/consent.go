package privacy

import (
	"context"
	"html/template"
	"io"
	"slices"
	"strings"

	_ "embed"

	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/subscribers"
)

// A ConsentRecord is the evidence of how one reader agreed and left, to be printed and handed to whoever may ask for it.
type ConsentRecord struct {
	Address string
	View
}

// proof are the sections that a consent record consists of, in their order.
var proof = []string{"subscriptions", "consent", "suppressions", "kept"}

// Consent returns the consent record of a reader in the words of w. Somebody of whom nothing is known is errs.NotFound.
func (s *Service) Consent(ctx context.Context, id subscribers.Identity, w *lang.Words) (ConsentRecord, error) {
	rec, err := s.Subscribers.Records().Of(ctx, id)
	if err != nil {
		return ConsentRecord{}, err
	}
	r := Report{MadeAt: s.Now().UTC(), Sections: recordSections(rec)}
	r.Sections = slices.DeleteFunc(r.Sections, func(x Section) bool { return !slices.Contains(proof, x.Name) })
	if !r.Known() {
		return ConsentRecord{}, errs.New(errs.NotFound, "nothing is known of this address: there is no subscriber and no evidence")
	}
	address := id.Canonical
	for _, p := range rec.Person {
		address = p.Address
	}
	return ConsentRecord{address, r.View(w)}, nil
}

//go:embed consent.html
var consentHTML string

var consentPage = template.Must(template.New("consent").Parse(consentHTML))

// HTML writes the record as one page for printing, complete in itself.
func (c ConsentRecord) HTML(w io.Writer) error {
	return errs.Wrap(consentPage.Execute(w, c), errs.Internal, "write the consent record")
}

// Text writes a view for a terminal or a mail. What others typed is made harmless by clean.
func (v View) Text(w io.Writer, clean func(string) string) {
	var b strings.Builder
	for _, s := range v.Sections {
		b.WriteString("\n" + s.Heading + "\n")
		for i, e := range s.Entries {
			if i > 0 {
				b.WriteString("\n")
			}
			width := 0
			for _, l := range e {
				width = max(width, len([]rune(l.Label)))
			}
			for _, l := range e {
				for j, t := range l.Texts {
					label := l.Label
					if j > 0 {
						label = ""
					}
					b.WriteString("  " + label + strings.Repeat(" ", width-len([]rune(label))+2) + clean(t) + "\n")
				}
			}
		}
	}
	_, _ = io.WriteString(w, b.String())
}
