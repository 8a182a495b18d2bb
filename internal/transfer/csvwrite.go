package transfer

import (
	"encoding/csv"
	"io"
)

// CSV writes rows as RFC 4180 has them, safe to open in a spreadsheet: what could be taken for a formula gets an apostrophe before it.
type CSV struct {
	w   *csv.Writer
	raw bool // without the apostrophes
}

// NewCSV returns one that writes to w.
func NewCSV(w io.Writer) *CSV { return &CSV{w: csv.NewWriter(w)} }

// Write writes a row, which it may change; the first error is kept for Flush.
func (c *CSV) Write(row []string) {
	if !c.raw {
		for i, v := range row {
			row[i] = FormulaSafe(v)
		}
	}
	_ = c.w.Write(row) // the writer keeps the error
}

// Flush writes out what is left and returns the first error.
func (c *CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}
