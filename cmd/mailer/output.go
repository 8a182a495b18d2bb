package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"mailer/internal/errs"
)

// show prints v as JSON when asked to, else as human does for people.
func (p *program) show(v any, human func(w io.Writer)) error {
	if !p.flags.JSON {
		human(p.stdout)
		return nil
	}
	e := json.NewEncoder(p.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return errs.Wrap(e.Encode(v), errs.Internal, "print JSON")
}

// list is show for several things: an empty list is [] to programs, and a sentence to people.
func list[T any](p *program, things []T, none string, head []string, row func(T) []any) error {
	if things == nil {
		things = []T{}
	}
	return p.show(things, func(w io.Writer) {
		if len(things) == 0 {
			fmt.Fprintln(w, none)
			return
		}
		table(w, head, things, row)
	})
}

// table prints aligned columns under a head.
func table[T any](w io.Writer, head []string, things []T, row func(T) []any) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(head, "\t"))
	for _, t := range things {
		cells := row(t)
		texts := make([]string, len(cells))
		for i, c := range cells {
			texts[i] = cell(c)
		}
		fmt.Fprintln(tw, strings.TrimRight(strings.Join(texts, "\t"), "\t"))
	}
	_ = tw.Flush()
}

// pairs prints names and values below each other, leaving out what is empty: name, value, name, value …
func pairs(w io.Writer, namesAndValues ...any) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		if text := cell(namesAndValues[i+1]); text != "" && text != "-" {
			fmt.Fprintf(tw, "%v\t%s\n", namesAndValues[i], text)
		}
	}
	_ = tw.Flush()
}

// cell is a value as a person reads it, on one line and with nothing in it that could steer a terminal.
func cell(v any) string {
	switch v := v.(type) {
	case *time.Time:
		if v == nil {
			return "-"
		}
		return cell(*v)
	case time.Time:
		if v.IsZero() {
			return "-"
		}
		return v.Local().Format("2006-01-02 15:04")
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case string:
		return clean(v)
	default:
		return clean(fmt.Sprint(v))
	}
}

// clean makes foreign text safe for a terminal: control characters and those that turn the direction of writing go.
func clean(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.In(r, unicode.Bidi_Control):
			return -1
		}
		return r
	}, s)), " ")
}

// paragraphs is clean for a text of several lines.
func paragraphs(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = clean(l)
	}
	return strings.Join(lines, "\n")
}

// shorten cuts a text to n characters.
func shorten(s string, n int) string {
	r := []rune(clean(s))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:n-1]) + "…"
}
