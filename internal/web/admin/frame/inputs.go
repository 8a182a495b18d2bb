package frame

import (
	"fmt"
	"strings"
)

// Input is a field of a form with all that belongs to it. Templates make one with input, choose or tick and show it with
// {{template "field" …}}.
type Input struct {
	Kind, Name, ID, Label, Value, Hint, Problem string
	Options                                     []Option
	Placeholder, Autocomplete, Mode             string
	Max, Rows                                   int
	Required, Short, Checked, Disabled          bool
}

// Option is a choice of a select.
type Option struct{ Value, Label string }

// Described returns the ids of the texts that belong to the field, for aria-describedby.
func (i Input) Described() string {
	var ids []string
	if i.Hint != "" {
		ids = append(ids, i.ID+"-hint")
	}
	if i.Problem != "" {
		ids = append(ids, i.ID+"-problem")
	}
	return strings.Join(ids, " ")
}

// newInput makes a field: kind is a type of input, or textarea. problems may be nil.
func newInput(kind, name, label string, value any, problems map[string]string, hint ...string) Input {
	return Input{Kind: kind, Name: name, ID: "f-" + name, Label: label, Value: text(value), Problem: problems[name], Hint: strings.Join(hint, " ")}
}

// newSelect makes a list to choose one from.
func newSelect(name, label string, value any, options []Option, problems map[string]string, hint ...string) Input {
	return Input{Kind: "select", Name: name, ID: "f-" + name, Label: label, Value: text(value), Options: options, Problem: problems[name], Hint: strings.Join(hint, " ")}
}

// newTick makes a box to tick; its value is "on".
func newTick(name, label string, checked bool, problems map[string]string, hint ...string) Input {
	return Input{Kind: "checkbox", Name: name, ID: "f-" + name, Label: label, Checked: checked, Problem: problems[name], Hint: strings.Join(hint, " ")}
}

// text writes a value of a field; nothing for nil.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case *string:
		if v == nil {
			return ""
		}
		return *v
	case *int64:
		if v == nil {
			return ""
		}
	case *float64:
		if v == nil {
			return ""
		}
		return fmt.Sprint(*v)
	}
	return fmt.Sprint(value)
}
