package subscribers

import (
	"strings"

	"mailer/internal/errs"
)

// Columns of a file, by what they hold.
const (
	colAddress   = "email"
	colName      = "name"
	colFirst     = "first name"
	colLast      = "last name"
	colLanguage  = "language"
	colSupporter = "supporter"
	colStatus    = "status"
	colConfirmed = "confirmed_at" // of our own export; consent is what the import itself names
)

// columnNames are the names that a column goes by, in small letters and without blanks, hyphens and underscores.
var columnNames = map[string]string{
	"email": colAddress, "emailaddress": colAddress, "mail": colAddress, "mailaddress": colAddress,
	"subscriberemail": colAddress, "courriel": colAddress, "adressecourriel": colAddress, "adresseemail": colAddress, "adressemail": colAddress,
	"name": colName, "fullname": colName, "displayname": colName, "nom": colName, "nomcomplet": colName,
	"firstname": colFirst, "givenname": colFirst, "forename": colFirst, "fname": colFirst, "prénom": colFirst, "prenom": colFirst,
	"lastname": colLast, "familyname": colLast, "surname": colLast, "lname": colLast, "nomdefamille": colLast,
	"language": colLanguage, "lang": colLanguage, "locale": colLanguage, "langue": colLanguage,
	"supporter": colSupporter, "donor": colSupporter, "donateur": colSupporter,
	"status": colStatus, "subscriptionstatus": colStatus,
	"confirmedat": colConfirmed,
}

var columnSpelling = strings.NewReplacer(" ", "", "-", "", "_", "", ".", "", "\u00a0", "")

// columnOf returns what a column of that name holds, or "" for one that becomes an attribute.
func columnOf(name string) string { return columnNames[strings.ToLower(columnSpelling.Replace(name))] }

// columns says where in a row what stands.
type columns struct {
	at         map[string]int
	attributes []attributeColumn
	width      int
}

type attributeColumn struct {
	name string
	at   int
}

// readColumns understands the first row of a file. Where it names no column but is itself an address, the file is a plain
// list of addresses, and headless says that this row is data.
func (p Policy) readColumns(row []string) (c columns, headless bool, err error) {
	c = columns{at: make(map[string]int), width: len(row)}
	seen := make(map[string]bool)
	for i, name := range row {
		name = strings.TrimSpace(fromFormulaSafe(name))
		col := columnOf(name)
		if _, twice := c.at[col]; twice || seen[name] && name != "" {
			return c, false, errs.Field("file", "the column %s stands there twice; leave one out", quoted(name))
		}
		switch {
		case col != "":
			c.at[col] = i
		case name != "":
			if clean, err := oneLine("file", name, maxAttributeName); err != nil || clean != name {
				return c, false, errs.Field("file", "column %d has a name of more than %d characters, or one that is not plain text", i+1, maxAttributeName)
			}
			seen[name] = true
			c.attributes = append(c.attributes, attributeColumn{name, i})
		}
	}
	c.adopt()
	if _, ok := c.at[colAddress]; ok {
		return c, false, nil
	}
	if _, err := p.ParseAddress(row[0]); err == nil && len(row) == 1 {
		return columns{at: map[string]int{colAddress: 0}, width: 1}, true, nil
	}
	return c, false, errs.Field("file", "the first row must name the columns, and one of them must be email; for example: email,name,supporter")
}

// adopt gives two ambiguous columns their meaning: "address" is where mail goes unless another column is, and a name beside
// a first name is the last name.
func (c *columns) adopt() {
	if _, ok := c.at[colAddress]; !ok {
		for i, a := range c.attributes {
			if strings.EqualFold(a.name, "address") {
				c.at[colAddress] = a.at
				c.attributes = append(c.attributes[:i], c.attributes[i+1:]...)
				break
			}
		}
	}
	_, first := c.at[colFirst]
	_, last := c.at[colLast]
	if at, ok := c.at[colName]; ok && first && !last {
		c.at[colLast] = at
		delete(c.at, colName)
	}
}

func quoted(name string) string { return `"` + printable(name, 60) + `"` }

// standing is what a row says of its person: the state wanted, and for those who must not be mailed the reason.
type standing struct{ state, reason string }

// standings are the words that a status goes by in our own export and those of others.
var standings = map[string]standing{
	"": {Confirmed, ""}, "confirmed": {Confirmed, ""}, "subscribed": {Confirmed, ""}, "active": {Confirmed, ""}, "enabled": {Confirmed, ""},
	"pending": {Pending, ""}, "unconfirmed": {Pending, ""},
	"unsubscribed": {Unsubscribed, ""}, "optedout": {Unsubscribed, ""}, "optout": {Unsubscribed, ""}, "left": {Unsubscribed, ""},
	"unsubscribedall": {Unsubscribed, ReasonUnsubscribed}, "blocklisted": {Unsubscribed, ReasonManual}, "manual": {Unsubscribed, ReasonManual},
	"cleaned": {Unsubscribed, ReasonHardBounce}, "bounced": {Unsubscribed, ReasonHardBounce}, "hardbounce": {Unsubscribed, ReasonHardBounce},
	"complained": {Unsubscribed, ReasonComplaint}, "complaint": {Unsubscribed, ReasonComplaint}, "spam": {Unsubscribed, ReasonComplaint},
	"legal": {Unsubscribed, ReasonLegal},
}

// parseStanding reads a status.
func parseStanding(v string) (standing, error) {
	st, ok := standings[strings.ToLower(columnSpelling.Replace(strings.TrimSpace(v)))]
	if !ok {
		return st, errs.Field(colStatus, "%s is not known; use confirmed, pending, unsubscribed, bounced or complained", quoted(v))
	}
	return st, nil
}

// parseSupporter reads yes or no in the usual ways; nil means that the row does not say.
func parseSupporter(v string) (*bool, error) {
	yes, no := true, false
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "":
		return nil, nil
	case "yes", "y", "true", "t", "1", "x", "oui", "o", "vrai", "supporter", "donor", "member":
		return &yes, nil
	case "no", "n", "false", "f", "0", "non", "faux":
		return &no, nil
	}
	return nil, errs.Field(colSupporter, "%s is neither yes nor no", quoted(v))
}
