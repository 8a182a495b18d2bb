package transfer

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// evidenceLayouts are how exports write a moment; without a zone it is UTC.
var evidenceLayouts = []string{time.DateTime, time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05.999999-07", "2006-01-02 15:04", time.DateOnly}

func parseMoment(v string) (time.Time, bool) {
	for _, layout := range evidenceLayouts {
		if t, err := time.Parse(layout, v); err == nil && t.Year() > 1970 && t.Year() < 3000 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// shortNetwork is what is kept of a computer's address: its /24 or /48. What is no address is nothing.
func shortNetwork(v string) string {
	a, err := netip.ParseAddr(strings.TrimSpace(v))
	if err != nil {
		return ""
	}
	return subscribers.PrefixOf(a.Unmap().WithZone(""), subscribers.KeptBits4, subscribers.KeptBits6)
}

type momentCell struct {
	col meaning
	to  *time.Time
}

// joining reads what a row says. doubt is for a person to look at: evidence that is not understood does not keep a row out.
func (rr *rowReader) joining(cells []string) (j subscribers.Joining, doubt string, err error) {
	j.Frequency, j.Expires = subscribers.EachEdition, rr.expires
	if !rr.joins {
		return j, "", nil
	}
	for _, f := range [...]momentCell{{colSignedUp, &j.SignedUp}, {colConfirmed, &j.Confirmed}, {colLeft, &j.Left}} {
		v := strings.TrimSpace(rr.cell(cells, f.col))
		if v == "" {
			continue
		}
		t, ok := parseMoment(v)
		if !ok || t.After(rr.now) {
			doubt = f.col.String() + ": " + quoted(v) + " is no moment of the past; it is not kept as evidence"
			continue
		}
		*f.to = t
	}
	if !j.SignedUp.IsZero() {
		j.SignedUpFrom = shortNetwork(rr.cell(cells, colSignedUpFrom))
	}
	if !j.Confirmed.IsZero() {
		j.ConfirmedFrom = shortNetwork(rr.cell(cells, colConfirmedFrom))
	}
	for _, f := range [...]momentCell{{colExpires, &j.Expires}, {colPaused, &j.PausedUntil}} {
		v := strings.TrimSpace(rr.cell(cells, f.col))
		if v == "" {
			continue
		}
		t, ok := parseMoment(v)
		if !ok {
			return j, "", errs.Field(f.col.String(), "%s is not a date; write it like 2027-01-31", quoted(v))
		}
		if f.col != colExpires || f.to.IsZero() || t.Before(*f.to) {
			*f.to = t
		}
	}
	switch v := strings.ToLower(strings.TrimSpace(rr.cell(cells, colFrequency))); v {
	case "":
	case subscribers.EachEdition, subscribers.Weekly:
		j.Frequency = v
	default:
		return j, "", errs.Field(colFrequency.String(), `%s is neither each nor weekly; if the column means something else, say --map "%s=attribute:NAME"`, quoted(v), colFrequency)
	}
	for slug := range strings.FieldsSeq(rr.cell(cells, colTopicsOff)) {
		if rr.topics[slug] == 0 { // of another list
			doubt = "the list has no topic " + quoted(slug)
		}
		j.TopicsOff |= rr.topics[slug]
	}
	yes, err := parseYesNo(colTracking, rr.cell(cells, colTracking))
	j.Tracking = yes != nil && *yes
	return j, doubt, err
}

// jsonAttributes reads several attributes that stand in one cell as a JSON object. What is not a plain value stays JSON.
func jsonAttributes(v string, add func(name, value string) error) error {
	if v == "" || v == "{}" {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(v))
	decoder.UseNumber()
	var m map[string]json.RawMessage
	if err := decoder.Decode(&m); err != nil || decoder.More() {
		return errs.Field(colAttributes.String(), "they are not a JSON object")
	}
	for name, raw := range m {
		value := string(raw)
		switch {
		case bytes.Equal(raw, []byte("null")), value == `""`:
			continue
		case raw[0] == '"':
			if err := json.Unmarshal(raw, &value); err != nil {
				return errs.Field(colAttributes.String(), "they are not a JSON object")
			}
		}
		if columnOf(name) != colAttribute { // in an export of ours it would be taken for that column
			name += " (attribute)"
		}
		if err := subscribers.CheckAttribute(name, value); err != nil {
			return err
		}
		if err := add(name, value); err != nil {
			return err
		}
	}
	return nil
}
