package subscribers

import "strings"

// fieldNames are the names that the fields of a person and of a subscription go by in files, in small letters and without blanks,
// hyphens, underscores and dots. What else a file says of a person is an attribute, and no attribute has one of these names.
var fieldNames = map[string]string{
	"email": "email", "emailaddress": "email", "mail": "email", "mailaddress": "email",
	"subscriberemail": "email", "courriel": "email", "adressecourriel": "email", "adresseemail": "email", "adressemail": "email",
	"name": "name", "fullname": "name", "displayname": "name", "nom": "name", "nomcomplet": "name",
	"firstname": "first name", "givenname": "first name", "forename": "first name", "fname": "first name", "prénom": "first name", "prenom": "first name",
	"lastname": "last name", "familyname": "last name", "surname": "last name", "lname": "last name", "nomdefamille": "last name",
	"language": "language", "lang": "language", "locale": "language", "langue": "language",
	"supporter": "supporter", "donor": "supporter", "donateur": "supporter",
	"status": "status", "subscriptionstatus": "status",
	"signedupat": "signed up at", "optintime": "signed up at", "signedupfrom": "signed up from", "optinip": "signed up from",
	"confirmedat": "confirmed_at", "confirmtime": "confirmed_at", "confirmedfrom": "confirmed from", "confirmip": "confirmed from",
	"leftat": "left_at", "unsubtime": "left_at", "reasonforleaving": "reason for leaving", "unsubreason": "reason for leaving",
	"bouncedat": "bounced at", "cleantime": "bounced at",
	"expiresat": "expires_at", "frequency": "frequency", "paused_until": "paused_until", "pauseduntil": "paused_until", "topicsoff": "topics_off",
	"tracking": "tracking",
}

var fieldSpelling = strings.NewReplacer(" ", "", "-", "", "_", "", ".", "", "\u00a0", "")

// SpelledOut returns a name as names of fields are compared: in small letters and without blanks, hyphens, underscores and dots.
func SpelledOut(name string) string { return strings.ToLower(fieldSpelling.Replace(name)) }

// FieldOf returns the field that a column of that name holds, such as email for E-Mail and Courriel; empty for none.
func FieldOf(name string) string { return fieldNames[SpelledOut(name)] }
