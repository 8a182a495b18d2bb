// Package email holds the e-mail templates, embedded in the program. A file with the same name in the operator's
// folder (MAILER_TEMPLATES) takes the place of the one here.
package email

import "embed"

// FS holds the templates: name.html for the HTML part, name.txt for the text part, and the partials they share.
//
//go:embed *.html *.txt
var FS embed.FS
