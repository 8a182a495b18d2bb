package subscribers

import (
	"strings"
	"unicode/utf8"
)

// isFormula reports a value that a spreadsheet may take for a formula when it opens a CSV file: one that begins with
// = + - @, a tab or a line end, also in full width, or does so after quotation marks and blanks (CVE-2021-3188).
func isFormula(v string) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeft(v, `'" `))
	switch r {
	case '=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠':
		return true
	}
	return false
}

// formulaSafe puts an apostrophe before what a spreadsheet could take for a formula. fromFormulaSafe is its inverse: since
// the apostrophe itself is among what may stand before a formula, no two values have the same safe form.
func formulaSafe(v string) string {
	if isFormula(v) {
		return "'" + v
	}
	return v
}

// fromFormulaSafe returns the value that formulaSafe was given.
func fromFormulaSafe(v string) string {
	if len(v) > 1 && v[0] == '\'' && isFormula(v[1:]) {
		return v[1:]
	}
	return v
}
