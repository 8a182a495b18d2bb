package privacy

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailer/internal/lang"
	"mailer/internal/subscribers"
)

// A View is a report in the words of a language: what the JSON has, for people. What is empty is left out.
type View struct {
	Words    *lang.Words
	MadeAt   string
	Sections []ViewSection
}

// ViewSection is one kind of thing.
type ViewSection struct {
	Name, Heading, About string
	Entries              []Entry
}

// Technical reports that an entry has something technical.
func (s ViewSection) Technical() bool {
	return slices.ContainsFunc(s.Entries, func(e Entry) bool { return len(e.Technical) > 0 })
}

// Entry is one thing, line by line. Technical is what tells most readers nothing, to be shown after all the rest.
type Entry struct{ Lines, Technical []Line }

// Line is one value with its name, or several.
type Line struct {
	Label string
	Texts []string
	name  string // of the field in the JSON
}

// View returns the report in the words of w.
func (r Report) View(w *lang.Words) View {
	v := View{Words: w, MadeAt: moment(w, r.MadeAt)}
	for _, s := range r.Sections {
		if s.empty() {
			continue
		}
		vs := ViewSection{Name: s.Name, Heading: w.T("data.section." + s.Name), About: w.T("data.about." + s.Name)}
		rows := reflect.ValueOf(s.Rows)
		for i := range rows.Len() {
			vs.Entries = append(vs.Entries, entry(w, rows.Index(i)))
		}
		v.Sections = append(v.Sections, vs)
	}
	return v
}

// technical are the fields that tell most readers nothing.
var technical = []string{"number", "list_id", "compared_as", "mailed_as", "place_in_sends", "parts_shown", "queue_id"}

// entry returns a struct with its technical fields apart.
func entry(w *lang.Words, row reflect.Value) (e Entry) {
	for _, l := range lines(w, row) {
		if slices.Contains(technical, l.name) {
			e.Technical = append(e.Technical, l)
		} else {
			e.Lines = append(e.Lines, l)
		}
	}
	return e
}

// lines goes through the fields of a struct by their names in the JSON.
func lines(w *lang.Words, row reflect.Value) (all []Line) {
	for i := range row.NumField() {
		field := row.Type().Field(i)
		if field.Anonymous {
			all = append(all, lines(w, row.Field(i))...)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if texts := texts(w, name, row.Field(i)); len(texts) > 0 {
			all = append(all, Line{w.T("data.field." + name), texts, name})
		}
	}
	return all
}

// worded are the fields whose values are words of ours; a value has a text as data.word.VALUE.
var worded = []string{"state", "event", "method", "reason", "kind", "frequency", "mail_provider"}

// texts returns a value for people; nothing for one that is empty, zero or false.
func texts(w *lang.Words, name string, v reflect.Value) []string {
	switch x := v.Interface().(type) {
	case time.Time:
		if !x.IsZero() {
			return []string{moment(w, x)}
		}
		return nil
	case *time.Time:
		if x != nil {
			return []string{moment(w, *x)}
		}
		return nil
	case subscribers.Attributes:
		var all []string
		for _, key := range slices.Sorted(maps.Keys(x)) {
			all = append(all, w.T("letter.colon", key, x[key]))
		}
		return all
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return texts(w, name, v.Elem())
		}
	case reflect.String:
		if s := v.String(); s != "" {
			if key := "data.word." + s; slices.Contains(worded, name) && w.Has(key) {
				s = w.T(key)
			} else if name == "language" && lang.Speaks(s) {
				s = lang.For(s).T("page.preferences.language_name")
			}
			return []string{s}
		}
	case reflect.Bool:
		if v.Bool() {
			return []string{w.T("data.word.yes")}
		}
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		if v.Int() != 0 {
			return []string{strconv.FormatInt(v.Int(), 10)}
		}
	case reflect.Slice:
		var all []string
		for i := range v.Len() {
			all = append(all, item(w, name, v.Index(i)))
		}
		return all
	default:
		panic(fmt.Sprintf("privacy: a report has a %s", v.Type())) // every type of a report is seen by a test
	}
	return nil
}

// item is one of several: a word, or a small struct in one line.
func item(w *lang.Words, name string, v reflect.Value) string {
	if v.Kind() != reflect.Struct {
		return strings.Join(texts(w, name, v), ", ")
	}
	var all []string
	for _, l := range lines(w, v) {
		all = append(all, strings.Join(l.Texts, ", "))
	}
	return strings.Join(all, " · ")
}

// moment is a point of time for people, in UTC: where the reader is, nobody knows.
func moment(w *lang.Words, t time.Time) string {
	t = t.UTC()
	return w.T("data.moment", w.Date(t), t.Format("15:04:05"))
}
