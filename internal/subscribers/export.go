package subscribers

import (
	"context"
	"encoding/csv"
	"io"
	"strings"
	"time"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// exportPage is how many rows are read at once; between pages nothing is held in the database.
const exportPage = 5000

// ExportOptions says how a list is written.
type ExportOptions struct {
	// Raw leaves out the apostrophe before what a spreadsheet could take for a formula: for programs, not for people.
	Raw      bool
	Who      string           // the person who exports, for the audit log
	Progress func(rows int64) // called after each page; may be nil
}

// exported is one row.
type exported struct {
	ID          int64      `db:"id"`
	Address     string     `db:"address"`
	Name        string     `db:"name"`
	Language    string     `db:"language"`
	Supporter   bool       `db:"supporter"`
	Status      string     `db:"status"`
	ConfirmedAt *time.Time `db:"confirmed_at"` // by the evidence, see evidencedConfirmation
	LeftAt      *time.Time `db:"left_at"`
	ExpiresAt   *time.Time `db:"expires_at"`
	Frequency   string     `db:"frequency"`
	PausedUntil *time.Time `db:"paused_until"`
	TopicsOff   uint64     `db:"topics_off"`
	Tracking    bool       `db:"tracking"`
	Attributes  Attributes `db:"attributes"`
}

// Export writes everybody on a list, also who left and who is suppressed, as CSV that Import takes again: email, name,
// language, supporter, status, when they confirmed and left, what the reader chose, when an implied consent ends, and a column for each
// attribute; times are UTC. It streams, by the order in which
// people came. It returns errs.NotFound when there is no such list.
func (s *Store) Export(ctx context.Context, list int64, w io.Writer, o ExportOptions) error {
	l, err := s.List(ctx, list)
	if err != nil {
		return err
	}
	if o.Who == "" {
		o.Who = "unknown"
	}
	if err := audit.Log(ctx, s.db, o.Who, "subscribers.export", "list "+l.Slug, nil); err != nil {
		return err
	}
	attributes, err := s.attributeNames(ctx, list)
	if err != nil {
		return err
	}
	topics, err := s.Topics.Of(ctx, list, true)
	if err != nil {
		return err
	}
	out := csvExport{w: csv.NewWriter(w), raw: o.Raw}
	var header []string
	for _, m := range exportColumns {
		header = append(header, m.String())
	}
	out.write(append(header, attributes...))
	for after, rows := int64(0), int64(0); ; {
		page, err := s.exportAfter(ctx, list, after)
		if err != nil {
			return err
		}
		for _, e := range page {
			out.write(e.fields(attributes, topics))
		}
		if err := out.flush(); err != nil {
			return errs.Wrap(err, errs.Unavailable, "the export cannot be written")
		}
		if rows += int64(len(page)); o.Progress != nil {
			o.Progress(rows)
		}
		if len(page) < exportPage {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

func (s *Store) attributeNames(ctx context.Context, list int64) ([]string, error) {
	var names []string
	err := s.db.SelectContext(ctx, &names, `SELECT DISTINCT jsonb_object_keys(s.attributes) AS name
		FROM subscriptions sn JOIN subscribers s ON s.id = sn.subscriber_id WHERE sn.list_id = $1 ORDER BY name`, list)
	return names, db.Err(err, "read the names of attributes")
}

// exportAfter reads the next page.
func (s *Store) exportAfter(ctx context.Context, list, after int64) ([]exported, error) {
	var page []exported
	err := s.db.SelectContext(ctx, &page, exportPageQuery, list, after, exportPage)
	return page, db.Err(err, "read the subscribers")
}

// exportPageQuery shows a suppression instead of the state, since it decides; an import makes the same of it again. The
// page is cut before anything is joined to it.
const exportPageQuery = `
		SELECT s.id, s.address, s.name, s.language, s.supporter, s.attributes, s.tracking, ` + evidencedConfirmation + ` AS confirmed_at,
			CASE WHEN sn.state = 'unsubscribed' THEN ` + evidencedLeaving + ` END AS left_at, sn.expires_at, sn.frequency,
			CASE WHEN sn.paused_until > now() THEN sn.paused_until END AS paused_until, sn.topics_off,
			coalesce((SELECT CASE x.reason WHEN 'unsubscribed' THEN 'unsubscribed_all' ELSE x.reason END
				FROM suppressions x WHERE x.address_hash = s.address_hash ORDER BY ` + byStrength + ` LIMIT 1), sn.state) AS status
		FROM (SELECT subscriber_id, list_id, state, confirmed_at, unsubscribed_at, expires_at, frequency, paused_until, topics_off FROM subscriptions
			WHERE list_id = $1 AND subscriber_id > $2 ORDER BY subscriber_id LIMIT $3) sn
		JOIN subscribers s ON s.id = sn.subscriber_id ORDER BY sn.subscriber_id`

// exportColumns stand before the attributes, in this order; fields fills them.
var exportColumns = []meaning{colAddress, colName, colLanguage, colSupporter, colStatus, colConfirmed, colLeft, colExpires, colFrequency, colPaused, colTopicsOff, colTracking}

func (e exported) fields(attributes []string, topics []Topic) []string {
	var off []string
	for _, t := range topics {
		if e.TopicsOff&t.Mask() != 0 {
			off = append(off, t.Slug)
		}
	}
	row := append(make([]string, 0, len(exportColumns)+len(attributes)), e.Address, e.Name, e.Language, yesNo(e.Supporter), e.Status,
		utc(e.ConfirmedAt), utc(e.LeftAt), utc(e.ExpiresAt), e.Frequency, utc(e.PausedUntil), strings.Join(off, " "), yesNo(e.Tracking))
	for _, name := range attributes {
		row = append(row, e.Attributes[name])
	}
	return row
}

func yesNo(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}

func utc(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// csvExport writes rows as RFC 4180 has them, with the first error kept for flush.
type csvExport struct {
	w   *csv.Writer
	raw bool
}

func (c csvExport) write(row []string) {
	if !c.raw {
		for i, v := range row {
			row[i] = formulaSafe(v)
		}
	}
	_ = c.w.Write(row) // the writer keeps the error
}

func (c csvExport) flush() error {
	c.w.Flush()
	return c.w.Error()
}
