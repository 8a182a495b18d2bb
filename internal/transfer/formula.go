package transfer

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

// FormulaSafe puts an apostrophe before what a spreadsheet could take for a formula: at the beginning of a value, and after each
// semicolon in it, which is where a spreadsheet in many languages begins a new cell, quotation marks or not. fromFormulaSafe is its
// inverse: since the apostrophe itself is among what may stand before a formula, no two values have the same safe form.
func FormulaSafe(v string) string {
	return eachCell(v, func(cell string) string {
		if isFormula(cell) {
			return "'" + cell
		}
		return cell
	})
}

// fromFormulaSafe returns the value that FormulaSafe was given.
func fromFormulaSafe(v string) string {
	return eachCell(v, func(cell string) string {
		if len(cell) > 1 && cell[0] == '\'' && isFormula(cell[1:]) {
			return cell[1:]
		}
		return cell
	})
}

// eachCell changes each of the parts of v between semicolons.
func eachCell(v string, change func(string) string) string {
	if !strings.Contains(v, ";") {
		return change(v)
	}
	cells := strings.Split(v, ";")
	for i, cell := range cells {
		cells[i] = change(cell)
	}
	return strings.Join(cells, ";")
}
