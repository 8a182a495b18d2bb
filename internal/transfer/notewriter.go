package transfer

import (
	"io"
	"strconv"
)

// NoteWriter writes the notes of an import as CSV, for people who mend the rows: with the whole address, safe to open in a spreadsheet.
type NoteWriter struct{ out *CSV }

// NewNoteWriter returns one that begins with the names of the columns, unless what is written to has them already.
func NewNoteWriter(w io.Writer, begun bool) *NoteWriter {
	n := &NoteWriter{NewCSV(w)}
	if !begun {
		n.out.Write([]string{"line", "kind", "address", "reason"})
	}
	return n
}

// Note writes one; errors are kept for Flush.
func (n *NoteWriter) Note(kind string, r RowNote) {
	n.out.Write([]string{strconv.FormatInt(r.Line, 10), kind, r.Value, r.Reason})
}

// Flush writes out what is left and returns the first error.
func (n *NoteWriter) Flush() error { return n.out.Flush() }
