package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// stagedRow is a row that passed the checks.
type stagedRow = subscribers.Arrival

// batch is what is read together, each person once. It is merged in parts, one for each lane.
type batch struct {
	number               int    // from 1, over all files
	digest               []byte // of all that was read up to its end
	records              int    // rows of the file, whatever became of them
	rows                 []stagedRow
	place                map[string]int // of each person in rows, by canonical address
	duplicates, rejected int64
	errors, look         []RowNote
	parts                [lanes][]*stagedRow
	left                 atomic.Int32 // lanes that have yet to merge it
}

func (b *batch) reset() {
	clear(b.place)
	b.rows, b.records, b.duplicates, b.rejected, b.errors, b.look = b.rows[:0], 0, 0, 0, b.errors[:0], b.look[:0]
}

// add puts a row into the batch. Of two rows for one person the later counts, unless the other one says that the person left.
func (b *batch) add(row stagedRow) {
	if b.place == nil {
		b.place = make(map[string]int, importBatch)
	}
	at, twice := b.place[row.Address.Canonical]
	if !twice {
		b.place[row.Address.Canonical] = len(b.rows)
		b.rows = append(b.rows, row)
		return
	}
	if was := b.rows[at]; was.State != subscribers.Unsubscribed || strictness(row.Standing) > strictness(was.Standing) {
		b.rows[at] = row
	}
	b.duplicates++
}

func (b *batch) reject(line int64, value string, reason string) {
	b.rejected++
	b.errors = append(b.errors, RowNote{Line: line, Value: value, Reason: reason})
}

// divide gives each of n lanes its rows, by a hash of their person: all that concerns one person is in one lane, in the order of the
// file.
func (b *batch) divide(n int) {
	for i := range b.parts {
		b.parts[i] = b.parts[i][:0]
	}
	for i := range b.rows {
		at := int(b.rows[i].Hash[0]) % n
		b.parts[at] = append(b.parts[at], &b.rows[i])
	}
}

// rowReader turns the rows of files into staged ones.
type rowReader struct {
	im        *importer
	csv       *csvReader
	columns   columns
	first     []string // of a file without a header: its first row
	standing  standing // of rows that have no status
	confirmed bool
	expires   time.Time
	now       time.Time
	topics    map[string]uint64
	joins     bool              // some column says how people joined, or what they chose
	languages map[string]string // checked tags; few values stand in many rows
	cells     []string
	digest    digest
}

// open begins with a file: reads its first row, which names the columns.
func (rr *rowReader) open(name string, r io.Reader) error {
	im := rr.im
	of, never := fileStanding(name)
	if never {
		return errs.Field("file", "%s has people who never subscribed, as its name says; nobody may be mailed without consent", quoted(name))
	}
	rr.standing = stricter(im.standing, of)
	rr.csv = newCSVReader(r)
	rr.csv.digest = rr.digest
	fields, err := rr.csv.header()
	if err != nil {
		return err
	}
	row := rr.strings(fields)
	columns, headless, err := readColumns(im.store.subs.Policy, row, im.mapping)
	if err != nil {
		return err
	}
	if name := im.mapping.missing(row); name != "" && len(im.files) == 1 {
		return errs.Field("map", "the file has no column %s", quoted(name))
	}
	rr.columns, rr.first = columns, nil
	rr.joins = slices.ContainsFunc(columns.at[colSignedUp:colAttributes], func(at int) bool { return at >= 0 })
	described := columns.describe(row)
	if headless {
		rr.first = row
		described = []string{"no header: one address in each row"}
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	im.report.Columns = append(im.report.Columns, described...)
	if len(im.files) > 1 {
		im.report.Columns = slices.Insert(im.report.Columns, len(im.report.Columns)-len(described), "in "+quoted(name))
	}
	if hint := columns.tool.hint(); hint != "" && !slices.Contains(im.report.Hints, hint) && rr.standing.State == subscribers.Confirmed {
		im.report.Hints = append(im.report.Hints, hint)
	}
	return nil
}

func (rr *rowReader) strings(fields [][]byte) []string {
	row := make([]string, len(fields))
	for i, f := range fields {
		row[i] = text(f)
	}
	return row
}

// fill reads rows into b until it is full or the file ends (io.EOF). A batch is so many rows of the file and never of two files,
// so that reading again makes the same batches. With skip the rows are only counted.
func (rr *rowReader) fill(b *batch, skip bool) error {
	if rr.first != nil {
		b.records++
		if !skip {
			rr.stage(b, 1, rr.first)
		}
		rr.first = nil
	}
	for b.records < importBatch {
		fields, line, err := rr.csv.next()
		var bad *rowError
		if err != nil && !errors.As(err, &bad) {
			return err
		}
		b.records++
		switch {
		case skip:
		case bad != nil:
			b.reject(line, "", bad.reason)
		default:
			rr.cells = rr.cells[:0]
			for _, f := range fields {
				rr.cells = append(rr.cells, fromFormulaSafe(text(f)))
			}
			rr.stage(b, line, rr.cells)
		}
	}
	return nil
}

// read makes batches of all files until they end or ctx does. What all lanes have merged before is skipped.
func (rr *rowReader) read(ctx context.Context, free <-chan *batch, out func(*batch) error) error {
	number := 0
	for _, f := range rr.im.files {
		r, err := f.Open()
		if err != nil {
			return errs.Wrap(err, errs.Unavailable, "the file %s cannot be read", f.Name)
		}
		err = rr.open(f.Name, r)
		for err == nil {
			var b *batch
			select {
			case b = <-free:
			case <-ctx.Done():
				_ = r.Close()
				return db.Err(ctx.Err(), "import")
			}
			number++
			b.number = number
			err = rr.fill(b, rr.im.merged(number))
			b.digest = rr.digest.sum()
			b.divide(len(rr.im.lanes))
			if outErr := out(b); outErr != nil { // also what was read before an error
				err = outErr
			}
		}
		_ = r.Close()
		if !errors.Is(err, io.EOF) {
			return err
		}
	}
	for _, l := range rr.im.lanes {
		if number < l.from {
			return errs.New(errs.Conflict, "this is not the file that import %d began with: it is shorter", rr.im.record)
		}
	}
	return nil
}

// stage checks one row and puts it into b, as a row or as an error.
func (rr *rowReader) stage(b *batch, line int64, cells []string) {
	typed := rr.cell(cells, colAddress)
	row, doubt, err := rr.check(cells, typed)
	if err != nil {
		b.reject(line, typed, errs.Public(err))
		return
	}
	row.Line = line
	b.add(row)
	if reason := oddity(row.Address); reason != "" {
		b.look = append(b.look, RowNote{Line: line, Value: typed, Reason: reason})
	} else if doubt != "" {
		b.look = append(b.look, RowNote{Line: line, Value: typed, Reason: doubt})
	}
}

func (rr *rowReader) cell(cells []string, col meaning) string {
	if at := rr.columns.at[col]; at >= 0 && at < len(cells) {
		return cells[at]
	}
	return ""
}

func (rr *rowReader) check(cells []string, typed string) (row stagedRow, doubt string, err error) {
	for _, extra := range cells[min(len(cells), rr.columns.width):] {
		if extra != "" {
			return row, "", errs.Field("row", "it has %d fields and the first row names %d columns; is a delimiter not in quotation marks?", len(cells), rr.columns.width)
		}
	}
	if row.Address, err = rr.im.store.subs.Policy.ParseAddress(typed); err != nil {
		return row, "", err
	}
	name := rr.cell(cells, colName)
	if name == "" {
		name = rr.cell(cells, colFirst) + " " + rr.cell(cells, colLast)
	}
	if row.Name, err = subscribers.PersonName(name); err != nil {
		return row, "", err
	}
	if row.Language, err = rr.language(rr.cell(cells, colLanguage)); err != nil {
		return row, "", err
	}
	if row.Supporter, err = parseYesNo(colSupporter, rr.cell(cells, colSupporter)); err != nil {
		return row, "", err
	}
	if row.Standing, err = rr.standingOf(cells); err != nil {
		return row, "", err
	}
	if row.State == subscribers.Confirmed && (!rr.confirmed || row.Address.Role()) {
		row.State = subscribers.Pending
	}
	if row.Joining, doubt, err = rr.joining(cells); err != nil {
		return row, "", err
	}
	if row.Attributes, err = rr.attributes(cells); err != nil {
		return row, "", err
	}
	row.Hash = rr.im.merger.Hash(row.Address)
	return row, doubt, nil
}

// standingOf is the strictest of all that a row says about mail.
func (rr *rowReader) standingOf(cells []string) (standing, error) {
	st := rr.standing
	if v := rr.cell(cells, colStatus); v != "" {
		said, err := parseStanding(v)
		if err != nil {
			return st, err
		}
		st = stricter(st, said)
	}
	if strings.TrimSpace(rr.cell(cells, colLeft)) != "" {
		st = stricter(st, standing{State: subscribers.Unsubscribed})
	}
	if st.State == subscribers.Unsubscribed {
		st = stricter(st, leftFor(rr.cell(cells, colLeftReason)))
	}
	if strings.TrimSpace(rr.cell(cells, colBounced)) != "" {
		st = stricter(st, standing{State: subscribers.Unsubscribed, Reason: subscribers.ReasonHardBounce})
	}
	if rr.im.Narrow {
		st.Reason = "" // they leave this list, and stay on others
	}
	return st, nil
}

func (rr *rowReader) language(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	if tag, ok := rr.languages[v]; ok {
		return tag, nil
	}
	tag, err := subscribers.LanguageTag(v)
	if err == nil && len(rr.languages) < 1000 {
		rr.languages[v] = tag
	}
	return tag, err
}

func (rr *rowReader) attributes(cells []string) (string, error) {
	var m map[string]string
	total := 0
	add := func(name, v string) error {
		if m == nil {
			m = make(map[string]string, len(rr.columns.attributes))
		}
		m[name] = v
		if total += len(name) + len(v); total > subscribers.MaxAttributes {
			return errs.Field("attributes", "they have more than %d bytes together", subscribers.MaxAttributes)
		}
		return nil
	}
	for _, c := range rr.columns.attributes {
		if c.at >= len(cells) || cells[c.at] == "" {
			continue
		}
		v := cells[c.at]
		if rr.columns.tool == mailchimp && strings.EqualFold(c.name, "tags") {
			v = plainTags(v)
		}
		if err := subscribers.CheckAttributeValue(c.name, v); err != nil {
			return "", err
		}
		if err := add(c.name, v); err != nil {
			return "", err
		}
	}
	if err := jsonAttributes(rr.cell(cells, colAttributes), add); err != nil {
		return "", err
	}
	if m == nil {
		return "{}", nil
	}
	j, err := json.Marshal(m)
	return string(j), err
}

// oddity says what a person should look at in an address that was taken.
func oddity(a subscribers.Address) string {
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
