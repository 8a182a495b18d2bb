package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// measure is one figure of one round.
type measure struct {
	Part  int                `json:"part"`
	Name  string             `json:"name"` // says what it is; the same in each round
	Value float64            `json:"value"`
	Unit  string             `json:"unit"`
	Less  bool               `json:"less_is_better,omitempty"`
	CPU   map[string]float64 `json:"cpu_us_per_message,omitempty"` // microseconds of processor time by component
	Note  string             `json:"note,omitempty"`
	Aim   *aim               `json:"aim,omitempty"`
}

// aim is what a figure should be.
type aim struct {
	Text  string  `json:"text"`
	Value float64 `json:"value"`
	Most  bool    `json:"at_most,omitempty"` // else at least
	Met   bool    `json:"met"`
}

func atLeast(v float64, text string) *aim { return &aim{Text: text, Value: v} }
func atMost(v float64, text string) *aim  { return &aim{Text: text, Value: v, Most: true} }

// row is a figure over all rounds.
type row struct {
	measure
	Best   float64   `json:"best"`
	Median float64   `json:"median"`
	All    []float64 `json:"all"`
}

// loads is the load of the machine (over one minute) around a part.
type loadRow struct {
	Part   int     `json:"part"`
	Before float64 `json:"load_before"`
	After  float64 `json:"load_after"`
}

type report struct {
	Started time.Time         `json:"started"`
	Took    float64           `json:"took_seconds"`
	Command string            `json:"command"`
	Machine map[string]string `json:"machine"`
	Rows    []row             `json:"rows"`
	Loads   []loadRow         `json:"loads"`

	measures []measure
}

func (b *bench) newReport(ctx context.Context) (*report, error) {
	m, err := b.machine(ctx)
	return &report{Started: time.Now().UTC().Truncate(time.Second), Command: strings.Join(append([]string{"bench"}, os.Args[1:]...), " "), Machine: m}, err
}

func (r *report) add(m measure) { r.measures = append(r.measures, m) }

func (r *report) loads(part int, before, after float64) {
	r.Loads = append(r.Loads, loadRow{part, before, after})
}

// get returns the median of a figure; ok is false when it was not measured.
func (r *report) get(name string) (v float64, ok bool) {
	for _, row := range r.rows() {
		if row.Name == name {
			return row.Median, true
		}
	}
	return 0, false
}

// rows folds the rounds together, in the order of the parts.
func (r *report) rows() []row {
	var rows []row
	for _, m := range r.measures {
		i := slices.IndexFunc(rows, func(o row) bool { return o.Part == m.Part && o.Name == m.Name })
		if i < 0 {
			rows = append(rows, row{measure: m})
			i = len(rows) - 1
		}
		rows[i].All = append(rows[i].All, m.Value)
		if o := &rows[i]; len(o.All) == 1 || better(m.Value, o.Value, m.Less) {
			o.Value, o.CPU, o.Note = m.Value, m.CPU, m.Note
		}
	}
	for i := range rows {
		o := &rows[i]
		sorted := slices.Sorted(slices.Values(o.All))
		o.Best, o.Median = o.Value, sorted[len(sorted)/2]
		if len(sorted)%2 == 0 {
			o.Median = (sorted[len(sorted)/2-1] + sorted[len(sorted)/2]) / 2
		}
		if o.Aim != nil {
			judged := *o.Aim
			judged.Met = judged.Most && o.Median <= judged.Value || !judged.Most && o.Median >= judged.Value
			o.Aim = &judged
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.Part, b.Part) })
	return rows
}

func better(a, b float64, less bool) bool { return less && a < b || !less && a > b }

// conclude adds the figures that compare parts with each other.
func (r *report) conclude() {
	whole, ok := r.get(nameWhole)
	if !ok {
		return
	}
	if ceiling, ok := r.get(nameCeiling); ok {
		r.add(measure{Part: 2, Name: "of the ceiling (1)", Value: whole / ceiling, Unit: "×", Aim: atLeast(0.5, "≥ 0.5")})
	}
	if ordinary, ok := r.get(nameOrdinary); ok {
		r.add(measure{Part: 2, Name: "of the ordinary way (3)", Value: whole / ordinary, Unit: "×", Aim: atLeast(5, "≥ 5")})
	}
}

func (r *report) write(path string) error {
	r.Rows, r.Took = r.rows(), time.Since(r.Started).Round(time.Second).Seconds()
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// print writes the table.
func (r *report) print(out io.Writer) {
	for _, k := range slices.Sorted(mapsKeys(r.Machine)) {
		fmt.Fprintf(out, "%s: %s\n", k, r.Machine[k])
	}
	rows := r.rows()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nPART\tWHAT\tBEST\tMEDIAN\t\tAIM\tMET")
	for _, o := range rows {
		goal, met := "", ""
		if o.Aim != nil {
			goal, met = o.Aim.Text, "no"
			if o.Aim.Met {
				met = "yes"
			}
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", o.Part, o.Name, number(o.Best), number(o.Median), o.Unit, goal, met)
	}
	_ = w.Flush()
	w = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nPART\tPROCESSOR TIME PER MESSAGE (µs)\tSENDER\tPOSTGRES\tSINK\tTOGETHER")
	for _, o := range rows {
		if c := o.CPU; c != nil {
			fmt.Fprintf(w, "%d\t%s\t%.1f\t%.1f\t%.1f\t%.1f\n", o.Part, o.Name, c["sender"], c["postgres"], c["sink"], c["sender"]+c["postgres"]+c["sink"])
		}
	}
	_ = w.Flush()
	fmt.Fprintln(out)
	for _, o := range rows {
		if o.Note != "" {
			fmt.Fprintf(out, "(%d) %s: %s\n", o.Part, o.Name, o.Note)
		}
	}
	for _, l := range r.Loads {
		fmt.Fprintf(out, "load around part %d: %.2f before, %.2f after\n", l.Part, l.Before, l.After)
	}
}

// number shows three figures, and whole numbers whole.
func number(v float64) string {
	switch {
	case v >= 1000:
		s := fmt.Sprintf("%.0f", v)
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
