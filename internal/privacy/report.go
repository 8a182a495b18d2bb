package privacy

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// Section is one kind of thing that is known of a reader.
type Section struct {
	Name string // reader, subscriptions, mails …; its words are data.section.NAME
	Rows any    // a slice of structs with json names
}

// empty reports that there is nothing of the kind.
func (s Section) empty() bool { return reflect.ValueOf(s.Rows).Len() == 0 }

// Report is all that is known of one reader.
type Report struct {
	MadeAt   time.Time
	Language string    // that the reader is spoken to in; may be empty
	Sections []Section // in the order of order, those without rows too
}

// order is how the sections follow each other, for people.
var order = []string{"reader", "subscriptions", "consent", "mails", "letters", "suppressions", "address_changes", "merged", "asks", "signups",
	"returned", "departures", "kept", "acts"}

// Known reports that anything is known at all.
func (r Report) Known() bool {
	return slices.ContainsFunc(r.Sections, func(s Section) bool { return !s.empty() })
}

// Report gathers what every room knows of a reader, addresses in full: it is for the reader, and for an operator who was asked by
// one.
func (s *Service) Report(ctx context.Context, id subscribers.Identity) (Report, error) {
	r := Report{MadeAt: s.Now().UTC().Truncate(time.Second)}
	var err error
	if r.Language, err = s.Subscribers.Records().LanguageOf(ctx, id.ID); err != nil {
		return r, err
	}
	for _, p := range s.parts() {
		sections, err := p.show(ctx, id)
		if err != nil {
			return r, err
		}
		r.Sections = append(r.Sections, sections...)
	}
	slices.SortStableFunc(r.Sections, func(a, b Section) int { return slices.Index(order, a.Name) - slices.Index(order, b.Name) })
	return r, nil
}

// MarshalJSON writes one object with a list for each section, those without rows too: so it also says what is not known.
func (r Report) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"made_at":`)
	at, err := json.Marshal(r.MadeAt)
	if err != nil {
		return nil, err
	}
	b.Write(at)
	for _, s := range r.Sections {
		rows := s.Rows
		if s.empty() {
			rows = []struct{}{}
		}
		text, err := json.Marshal(rows)
		if err != nil {
			return nil, errs.Wrap(err, errs.Internal, "write what is known of a reader")
		}
		b.WriteString(`,"` + s.Name + `":`)
		b.Write(text)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
