package subscribers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// stagedRow is a row that passed the checks.
type stagedRow struct {
	line       int64
	address    Address
	hash       []byte
	name       string
	language   string
	supporter  *bool
	attributes string // jsonb
	standing
}

// batch is what is read together, each person once.
type batch struct {
	rows                 []stagedRow
	place                map[string]int // of each person in rows, by canonical address
	duplicates, rejected int64
	errors               []RowNote
	look                 []RowNote
}

func (b *batch) reset() {
	clear(b.place)
	b.rows, b.duplicates, b.rejected, b.errors, b.look = b.rows[:0], 0, 0, b.errors[:0], b.look[:0]
}

func (b *batch) full() bool { return len(b.rows)+int(b.duplicates+b.rejected) >= importBatch }

// add puts a row into the batch. Of two rows for one person the later counts, unless the other one says that the person left.
func (b *batch) add(row stagedRow) {
	if b.place == nil {
		b.place = make(map[string]int, importBatch)
	}
	at, twice := b.place[row.address.Canonical]
	switch {
	case !twice:
		b.place[row.address.Canonical] = len(b.rows)
		b.rows = append(b.rows, row)
		return
	case row.state == Unsubscribed || b.rows[at].state != Unsubscribed:
		b.rows[at] = row
	}
	b.duplicates++
}

func (b *batch) reject(line int64, value string, reason string) {
	b.rejected++
	if len(b.errors) < maxNotes {
		b.errors = append(b.errors, RowNote{line, Mask(value), reason})
	}
}

// rowReader turns the rows of a file into staged ones.
type rowReader struct {
	csv       *csvReader
	columns   columns
	first     []string // of a file without a header: its first row
	store     *Store
	confirmed bool
	languages map[string]string // checked tags; few values stand in many rows
	cells     []string
}

// openRows reads the first row.
func (im *importer) openRows() (*rowReader, error) {
	rr := &rowReader{csv: newCSVReader(im.req.R), store: im.store, confirmed: im.req.Confirmed, languages: make(map[string]string)}
	fields, _, err := rr.csv.next()
	var bad *rowError
	switch {
	case errors.Is(err, io.EOF):
		return nil, errs.Field("file", "it is empty")
	case errors.As(err, &bad):
		return nil, errs.Field("file", "the first row must name the columns: %s", bad.reason)
	case err != nil:
		return nil, err
	}
	row := rr.strings(fields)
	columns, headless, err := im.store.Policy.readColumns(row)
	if err != nil {
		return nil, err
	}
	rr.columns = columns
	im.report.Columns = columns.describe(row)
	if headless {
		rr.first = row
		im.report.Columns = []string{"no header: one address in each row"}
	}
	return rr, nil
}

// describe says for each column how it was understood.
func (c columns) describe(header []string) []string {
	meaning := make([]string, len(header))
	for col, at := range c.at {
		if col != colConfirmed {
			meaning[at] = col
		}
	}
	for _, a := range c.attributes {
		meaning[a.at] = "attribute"
	}
	out := make([]string, 0, len(header))
	for i, name := range header {
		if meaning[i] == "" {
			meaning[i] = "left out"
		}
		out = append(out, fmt.Sprintf("%s: %s", quoted(strings.TrimSpace(fromFormulaSafe(name))), meaning[i]))
	}
	return out
}

func (rr *rowReader) strings(fields [][]byte) []string {
	row := make([]string, len(fields))
	for i, f := range fields {
		row[i] = text(f)
	}
	return row
}

// fill reads rows into b until it is full or the file ends (io.EOF).
func (rr *rowReader) fill(b *batch) error {
	if rr.first != nil {
		rr.stage(b, 1, rr.first)
		rr.first = nil
	}
	for !b.full() {
		fields, line, err := rr.csv.next()
		var bad *rowError
		switch {
		case errors.As(err, &bad):
			b.reject(line, "", bad.reason)
			continue
		case err != nil:
			return err
		}
		rr.cells = rr.cells[:0]
		for _, f := range fields {
			rr.cells = append(rr.cells, fromFormulaSafe(text(f)))
		}
		rr.stage(b, line, rr.cells)
	}
	return nil
}

// read fills batches until the file ends or ctx does.
func (rr *rowReader) read(ctx context.Context, free <-chan *batch, out chan<- *batch) error {
	for {
		var b *batch
		select {
		case b = <-free:
		case <-ctx.Done():
			return db.Err(ctx.Err(), "import")
		}
		err := rr.fill(b)
		select {
		case out <- b: // also what was read before an error
		case <-ctx.Done():
			return db.Err(ctx.Err(), "import")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// stage checks one row and puts it into b, as a row or as an error.
func (rr *rowReader) stage(b *batch, line int64, cells []string) {
	typed := rr.cell(cells, colAddress)
	row, err := rr.check(cells, typed)
	if err != nil {
		b.reject(line, typed, errs.Public(err))
		return
	}
	row.line = line
	b.add(row)
	if reason := oddity(row.address); reason != "" && len(b.look) < maxNotes {
		b.look = append(b.look, RowNote{line, Mask(typed), reason})
	}
}

func (rr *rowReader) cell(cells []string, col string) string {
	if at, ok := rr.columns.at[col]; ok && at < len(cells) {
		return cells[at]
	}
	return ""
}

func (rr *rowReader) check(cells []string, typed string) (row stagedRow, err error) {
	for _, extra := range cells[min(len(cells), rr.columns.width):] {
		if extra != "" {
			return row, errs.Field("row", "it has %d fields and the first row names %d columns; is a delimiter not in quotation marks?", len(cells), rr.columns.width)
		}
	}
	if row.address, err = rr.store.Policy.ParseAddress(typed); err != nil {
		return row, err
	}
	name := rr.cell(cells, colName)
	if name == "" {
		name = rr.cell(cells, colFirst) + " " + rr.cell(cells, colLast)
	}
	if row.name, err = personName(name); err != nil {
		return row, err
	}
	if row.language, err = rr.language(rr.cell(cells, colLanguage)); err != nil {
		return row, err
	}
	if row.supporter, err = parseSupporter(rr.cell(cells, colSupporter)); err != nil {
		return row, err
	}
	if row.standing, err = parseStanding(rr.cell(cells, colStatus)); err != nil {
		return row, err
	}
	if row.state == Confirmed && (!rr.confirmed || row.address.Role()) {
		row.state = Pending
	}
	if row.attributes, err = rr.attributes(cells); err != nil {
		return row, err
	}
	row.hash = rr.store.ring.AddressHash(row.address.Canonical)
	return row, nil
}

func (rr *rowReader) language(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	if tag, ok := rr.languages[v]; ok {
		return tag, nil
	}
	tag, err := languageTag(v)
	if err == nil && len(rr.languages) < 1000 {
		rr.languages[v] = tag
	}
	return tag, err
}

func (rr *rowReader) attributes(cells []string) (string, error) {
	var m map[string]string
	total := 0
	for _, c := range rr.columns.attributes {
		if c.at >= len(cells) || cells[c.at] == "" {
			continue
		}
		v := cells[c.at]
		if err := checkAttributeValue(c.name, v); err != nil {
			return "", err
		}
		if m == nil {
			m = make(map[string]string, len(rr.columns.attributes))
		}
		m[c.name] = v
		total += len(c.name) + len(v)
	}
	if m == nil {
		return "{}", nil
	}
	if total > maxAttributes {
		return "", errs.Field("attributes", "they have %d bytes together; at most %d are allowed", total, maxAttributes)
	}
	j, err := json.Marshal(m)
	return string(j), err
}

// oddity says what a person should look at in an address that was taken.
func oddity(a Address) string {
	switch {
	case a.Suggestion != "":
		_, domain, _ := strings.Cut(a.Suggestion, "@")
		return "was " + domain + " meant?"
	case a.Role():
		return "a role account: it must confirm itself"
	case len(a.Flags) > 0:
		return "the domain mixes alphabets, as look-alikes do"
	}
	return ""
}
