package transfer

import (
	"slices"
	"strings"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// meaning is what a column of a file holds.
type meaning int

const (
	colAttribute meaning = iota // anything else: an attribute of its own
	colAddress
	colName
	colFirst
	colLast
	colLanguage
	colSupporter
	colStatus
	colSignedUp     // when, as evidence
	colSignedUpFrom // the address of the computer
	colConfirmed
	colConfirmedFrom
	colLeft       // when: a row with it is of somebody who left
	colLeftReason // why, in the words of where the file comes from
	colBounced    // when: a row with it is of a dead mailbox
	colExpires    // of an implied consent
	colFrequency
	colPaused
	colTopicsOff
	colTracking
	colAttributes // several, as JSON
	colLeftOut
	meanings
)

// meaningNames are how people write and read a meaning.
var meaningNames = [meanings]string{"attribute", "email", "name", "first name", "last name", "language", "supporter", "status",
	"signed up at", "signed up from", "confirmed_at", "confirmed from", "left_at", "reason for leaving", "bounced at",
	"expires_at", "frequency", "paused_until", "topics_off", "tracking", "attributes", "left out"}

func (m meaning) String() string { return meaningNames[m] }

// meaningOf finds a meaning by how people write it.
var meaningOf = func() map[string]meaning {
	m := make(map[string]meaning, meanings)
	for i, name := range meaningNames {
		m[name] = meaning(i)
	}
	return m
}()

// columnOf returns what a column of that name holds.
func columnOf(name string) meaning { return meaningOf[subscribers.FieldOf(name)] }

// columns says where in a row what stands.
type columns struct {
	at         [meanings]int // -1: nowhere
	attributes []attributeColumn
	width      int
	tool       tool // whose export it is
}

type attributeColumn struct {
	name string
	at   int
}

func noColumns(width int) (c columns) {
	for m := range c.at {
		c.at[m] = -1
	}
	c.width = width
	return c
}

// mapping says what columns hold, beyond what their names say: by a column's name in the file, the meaning or the name of the attribute.
type mapping map[string]mapped

type mapped struct {
	to        meaning
	attribute string // its name, where it is not the column's
}

// readMapping reads pairs such as "E-post" = "email", "Tel" = "-" or "Ort" = "attribute:city".
func readMapping(pairs map[string]string) (mapping, error) {
	m := make(mapping, len(pairs))
	for column, to := range pairs {
		to = strings.TrimSpace(to)
		name, renamed := strings.CutPrefix(to, "attribute:")
		at := slices.IndexFunc(meaningNames[:], func(known string) bool { return subscribers.SpelledOut(known) == subscribers.SpelledOut(to) })
		switch {
		case renamed:
			if err := subscribers.CheckAttribute(name, ""); err != nil {
				return nil, errs.Field("map", "%s cannot be an attribute: %s", quoted(name), errs.Public(err))
			}
			m[column] = mapped{colAttribute, name}
		case to == "-":
			m[column] = mapped{to: colLeftOut}
		case at < 0 || meaning(at) == colLeftOut:
			return nil, errs.Field("map", "%s is nothing that a column can hold; use one of %s, attribute:NAME, or - to leave it out",
				quoted(to), strings.Join(meaningNames[:colLeftOut], ", "))
		default:
			m[column] = mapped{to: meaning(at)}
		}
	}
	return m, nil
}

// readColumns understands the first row of a file. Where it names no column but is itself an address, the file is a plain
// list of addresses, and headless says that this row is data.
func readColumns(p subscribers.Policy, row []string, m mapping) (c columns, headless bool, err error) {
	c = noColumns(len(row))
	c.tool = toolOf(row)
	seen := make(map[string]bool)
	for i, name := range row {
		name = strings.TrimSpace(fromFormulaSafe(name))
		col, attribute := c.tool.columnOf(name), name
		if by, ok := m[name]; ok {
			if col = by.to; by.attribute != "" {
				attribute = by.attribute
			}
		}
		switch {
		case col == colLeftOut, name == "":
		case col == colLeftReason && c.at[col] >= 0: // Mailchimp writes it twice
		case col != colAttribute && c.at[col] >= 0, col == colAttribute && seen[attribute]:
			return c, false, errs.Field("file", "the column %s stands there twice; leave one out", quoted(name))
		case col != colAttribute:
			c.at[col] = i
		case columnOf(attribute) != colAttribute:
			return c, false, errs.Field("map", "%s cannot be the name of an attribute; give it another with %s", quoted(attribute), quoted(name+"=attribute:NAME"))
		default:
			if clean, err := subscribers.OneLine("file", attribute, subscribers.MaxAttributeName); err != nil || clean != attribute {
				return c, false, errs.Field("file", "column %d has a name of more than %d characters, or one that is not plain text", i+1, subscribers.MaxAttributeName)
			}
			seen[attribute] = true
			c.attributes = append(c.attributes, attributeColumn{attribute, i})
		}
	}
	c.adopt()
	if c.at[colAddress] >= 0 {
		return c, false, nil
	}
	if _, err := p.ParseAddress(row[0]); err == nil && len(row) == 1 {
		c = noColumns(1)
		c.at[colAddress] = 0
		return c, true, nil
	}
	return c, false, errs.Field("file", "the first row must name the columns, and one of them must be email; for example: email,name,supporter")
}

// missing returns a column that the mapping names and the file does not have, or "".
func (m mapping) missing(row []string) string {
	for name := range m {
		if !slices.ContainsFunc(row, func(v string) bool { return strings.TrimSpace(fromFormulaSafe(v)) == name }) {
			return name
		}
	}
	return ""
}

// adopt gives two ambiguous columns their meaning: "address" is where mail goes unless another column is, and a name beside
// a first name is the last name.
func (c *columns) adopt() {
	if c.at[colAddress] < 0 {
		for i, a := range c.attributes {
			if strings.EqualFold(a.name, "address") {
				c.at[colAddress] = a.at
				c.attributes = append(c.attributes[:i], c.attributes[i+1:]...)
				break
			}
		}
	}
	if at := c.at[colName]; at >= 0 && c.at[colFirst] >= 0 && c.at[colLast] < 0 {
		c.at[colLast], c.at[colName] = at, -1
	}
}

// describe says for each column how it was understood.
func (c columns) describe(header []string) []string {
	as := make([]string, len(header))
	for m, at := range c.at {
		if at >= 0 {
			as[at] = meaning(m).String()
		}
	}
	for _, a := range c.attributes {
		as[a.at] = colAttribute.String()
		if name := strings.TrimSpace(fromFormulaSafe(header[a.at])); name != a.name {
			as[a.at] += " " + quoted(a.name)
		}
	}
	out := make([]string, 0, len(header))
	for i, name := range header {
		if as[i] == "" {
			as[i] = colLeftOut.String()
		}
		out = append(out, quoted(strings.TrimSpace(fromFormulaSafe(name)))+": "+as[i])
	}
	return out
}

func quoted(name string) string { return `"` + subscribers.Printable(name, 60) + `"` }

// standing is what a row says of its person: the state wanted, and for those who must not be mailed the reason.
type standing = subscribers.Standing

// standings are the words that a status goes by in our own export and those of others.
var standings = map[string]standing{
	"": {State: subscribers.Confirmed}, "confirmed": {State: subscribers.Confirmed}, "subscribed": {State: subscribers.Confirmed}, "active": {State: subscribers.Confirmed}, "enabled": {State: subscribers.Confirmed},
	"pending": {State: subscribers.Pending}, "unconfirmed": {State: subscribers.Pending},
	"unsubscribed": {State: subscribers.Unsubscribed}, "optedout": {State: subscribers.Unsubscribed}, "optout": {State: subscribers.Unsubscribed}, "left": {State: subscribers.Unsubscribed},
	"disabled":        {State: subscribers.Unsubscribed},
	"unsubscribedall": {State: subscribers.Unsubscribed, Reason: subscribers.ReasonUnsubscribed}, "blocklisted": {State: subscribers.Unsubscribed, Reason: subscribers.ReasonManual}, "blacklisted": {State: subscribers.Unsubscribed, Reason: subscribers.ReasonManual},
	"manual":  {State: subscribers.Unsubscribed, Reason: subscribers.ReasonManual},
	"cleaned": {State: subscribers.Unsubscribed, Reason: subscribers.ReasonHardBounce}, "bounced": {State: subscribers.Unsubscribed, Reason: subscribers.ReasonHardBounce}, "hardbounce": {State: subscribers.Unsubscribed, Reason: subscribers.ReasonHardBounce},
	"complained": {State: subscribers.Unsubscribed, Reason: subscribers.ReasonComplaint}, "complaint": {State: subscribers.Unsubscribed, Reason: subscribers.ReasonComplaint}, "spam": {State: subscribers.Unsubscribed, Reason: subscribers.ReasonComplaint},
	"legal": {State: subscribers.Unsubscribed, Reason: subscribers.ReasonLegal},
}

// parseStanding reads a status.
func parseStanding(v string) (standing, error) {
	st, ok := standings[subscribers.SpelledOut(strings.TrimSpace(v))]
	if !ok {
		return st, errs.Field(colStatus.String(), "%s is not known; use confirmed, pending, unsubscribed, bounced or complained", quoted(v))
	}
	return st, nil
}

// stricter returns the stricter of two standings.
func stricter(st, by standing) standing {
	if strictness(by) > strictness(st) {
		return by
	}
	return st
}

// strictness grows from confirmed to what forbids all mail; among reasons in the order of their strength.
func strictness(st standing) int {
	switch {
	case st.Reason != "":
		return 100 - slices.Index(subscribers.SuppressionReasons, st.Reason)
	case st.State == subscribers.Unsubscribed:
		return 2
	case st.State == subscribers.Pending:
		return 1
	}
	return 0
}

// parseYesNo reads yes or no in the usual ways; nil means that the row does not say.
func parseYesNo(col meaning, v string) (*bool, error) {
	yes, no := true, false
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "":
		return nil, nil
	case "yes", "y", "true", "t", "1", "x", "oui", "o", "vrai", "supporter", "donor", "member":
		return &yes, nil
	case "no", "n", "false", "f", "0", "non", "faux":
		return &no, nil
	}
	return nil, errs.Field(col.String(), "%s is neither yes nor no", quoted(v))
}
