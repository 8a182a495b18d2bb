package articles

import (
	"reflect"
	"testing"

	"mailer/internal/render"
)

func TestReadByline(t *testing.T) {
	jane := render.Author{Name: "Jane Roe", Title: "Professor of Law", Institution: "University of Leeds", Bio: "Writes on courts."}
	odd := render.Author{Name: "The Desk; of, things"}
	for name, tc := range map[string]struct {
		text string
		was  []render.Author
		want []render.Author
	}{
		"as it was":            {BylineText([]render.Author{jane, odd}), []render.Author{jane, odd}, []render.Author{jane, odd}},
		"turned round":         {"The Desk; of, things\n" + authorLine(jane) + "\n", []render.Author{jane, odd}, []render.Author{odd, jane}},
		"nobody":               {" \n\n", []render.Author{jane}, []render.Author{}},
		"another institution":  {"Jane Roe, Professor of Law, University of York", []render.Author{jane}, []render.Author{{Name: "Jane Roe", Title: "Professor of Law", Institution: "University of York", Bio: "Writes on courts."}}},
		"two on a line":        {"Ana Lima and John Doe", nil, []render.Author{{Name: "Ana Lima"}, {Name: "John Doe"}}},
		"no name we know":      {"12345", nil, []render.Author{{Name: "12345"}}},
		"markup stays literal": {"<b>Jo</b>", nil, []render.Author{{Name: "<b>Jo</b>"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ReadByline(tc.text, tc.was); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("ReadByline(%q) = %+v; want %+v", tc.text, got, tc.want)
			}
		})
	}
}
