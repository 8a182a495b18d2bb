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
	Address    string
	Publishers []string // of the lists that the reader is or was on
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
	out := ConsentRecord{Address: address, View: r.View(w)}
	for i, x := range out.Sections {
		out.Sections[i].Heading, out.Sections[i].About = w.T("data.record_section."+x.Name), w.T("data.record_about."+x.Name)
	}
	out.Publishers, err = s.publishers(ctx, rec)
	return out, err
}

// publishers names who publishes the lists of a reader, as their mails do.
func (s *Service) publishers(ctx context.Context, rec subscribers.Record) (who []string, err error) {
	for _, sn := range rec.Subscriptions {
		l, err := s.Subscribers.ListBySlug(ctx, sn.Slug)
		if err != nil {
			return nil, err
		}
		parts := slices.DeleteFunc([]string{l.LegalName, strings.ReplaceAll(l.PostalAddress, "\n", ", "), l.Contact}, func(s string) bool { return s == "" })
		if l.LegalName == "" {
			parts = append([]string{l.Name}, parts...)
		}
		if one := strings.Join(parts, ", "); !slices.Contains(who, one) {
			who = append(who, one)
		}
	}
	return who, nil
}

// Head returns the lines above the record: whose it is, who keeps it, and when it was made.
func (c ConsentRecord) Head() []string {
	head := []string{c.Words.T("data.record", c.Address)}
	if len(c.Publishers) > 0 {
		head = append(head, c.Words.T("data.record_by", strings.Join(c.Publishers, "; ")))
	}
	return append(head, c.Words.T("data.made", c.MadeAt))
}

//go:embed consent.html
var consentHTML string

var consentPage = template.Must(template.New("consent").Parse(consentHTML))

// HTML writes the record as one page for printing, complete in itself.
func (c ConsentRecord) HTML(w io.Writer) error {
	return errs.Wrap(consentPage.Execute(w, c), errs.Internal, "write the consent record")
}

// writeLines writes lines as a table of two columns.
func writeLines(b *strings.Builder, lines []Line, clean func(string) string) {
	width := 0
	for _, l := range lines {
		width = max(width, len([]rune(l.Label)))
	}
	for _, l := range lines {
		for j, t := range l.Texts {
			label := l.Label
			if j > 0 {
				label = ""
			}
			b.WriteString("  " + label + strings.Repeat(" ", width-len([]rune(label))+2) + clean(t) + "\n")
		}
	}
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
			writeLines(&b, e.Lines, clean)
			if len(e.Technical) > 0 {
				b.WriteString("  " + v.Words.T("data.technical") + "\n")
				writeLines(&b, e.Technical, clean)
			}
		}
	}
	_, _ = io.WriteString(w, b.String())
}
