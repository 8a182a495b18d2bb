package transfer

import (
	"errors"
	"io"
	"os"
	"strings"

	"mailer/internal/errs"
)

// Look is what a file seems to be, before anything is done with it.
type Look struct {
	Tool    string   // whose export it is, where that can be told
	Files   []string // of a ZIP file, those that would be imported
	Skipped []string // and the others, with the reason
	Columns []Column
	Plain   bool // one address in each row, without names of columns
	Hint    string
}

// Column is one column of the first file.
type Column struct {
	Name    string
	Means   string   // as people write it in a mapping: email, name, attribute …, or "-" for what is left out
	Samples []string // values of the first rows
}

// Means are what a column can be said to mean, but for attribute and "-".
func Means() []string { return append([]string{}, meaningNames[colAddress:colLeftOut]...) }

const lookRows = 3

// Look reads the beginning of an upload.
func (d *Desk) Look(id string, p Person) (look Look, err error) {
	up, err := d.Upload(id, p)
	if err != nil || up.Gone {
		return look, err
	}
	f, err := os.Open(d.data(id))
	if err != nil {
		return look, errs.Wrap(err, errs.NotFound, "the file is not there any more; upload it again")
	}
	defer f.Close()
	files, skipped, err := ImportFiles(up.Name, f, up.Size)
	if err != nil {
		return look, err
	}
	look.Skipped = skipped
	if len(files) > 1 || files[0].Name != up.Name {
		for _, f := range files {
			look.Files = append(look.Files, f.Name)
		}
	}
	r, err := files[0].Open()
	if err != nil {
		return look, errs.Wrap(err, errs.Unavailable, "the file %s cannot be read", files[0].Name)
	}
	defer r.Close()
	return look, look.read(r, d.store)
}

// header returns the fields of the first row, which names the columns.
func (c *csvReader) header() ([][]byte, error) {
	fields, _, err := c.next()
	var bad *rowError
	switch {
	case errors.Is(err, io.EOF):
		return nil, errs.Field("file", "it is empty")
	case errors.As(err, &bad):
		return nil, errs.Field("file", "the first row must name the columns: %s", bad.reason)
	}
	return fields, err
}

func (look *Look) read(r io.Reader, s *Store) error {
	c := newCSVReader(r)
	fields, err := c.header()
	if err != nil {
		return err
	}
	var header []string
	for _, f := range fields {
		header = append(header, strings.TrimSpace(fromFormulaSafe(text(f))))
	}
	cols, headless, _ := readColumns(s.subs.Policy, header, nil) // what is wrong with it can be mended by a mapping
	look.Plain, look.Tool, look.Hint = headless, cols.tool.String(), cols.tool.hint()
	for i, name := range header {
		if len(name) > 500 {
			name = name[:500]
		}
		col := Column{Name: strings.ToValidUTF8(name, "?"), Means: cols.tool.columnOf(name).String()}
		for m, at := range cols.at {
			if at == i {
				col.Means = meaning(m).String()
			}
		}
		if name == "" || col.Means == colLeftOut.String() {
			col.Means = "-"
		}
		look.Columns = append(look.Columns, col)
	}
	if headless {
		look.Columns[0].Name, look.Columns[0].Samples = "", []string{header[0]}
	}
	for range lookRows {
		fields, _, err := c.next()
		if err != nil {
			break // it is told when the file is tried
		}
		for i, f := range fields {
			if v := shortened(text(f)); i < len(look.Columns) && v != "" {
				look.Columns[i].Samples = append(look.Columns[i].Samples, v)
			}
		}
	}
	return nil
}

// shortened is a value as an example.
func shortened(v string) string {
	v = strings.Join(strings.Fields(strings.ToValidUTF8(v, "?")), " ")
	if r := []rune(v); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return v
}
