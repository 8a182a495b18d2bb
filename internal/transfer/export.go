package transfer

import (
	"context"
	"io"
	"strings"
	"time"

	"mailer/internal/audit"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// exportPage is how many rows are read at once; between pages nothing is held in the database.
const exportPage = 5000

// ExportOptions says how a list is written.
type ExportOptions struct {
	// Raw leaves out the apostrophe before what a spreadsheet could take for a formula: for programs, not for people.
	Raw      bool
	Who      string            // the person who exports, for the audit log
	Known    subscribers.Known // whose attributes may be told; nil: everybody's
	Progress func(rows int64)  // called after each page; may be nil
}

// Export writes everybody on a list, also who left and who is suppressed, as CSV that Import takes again: email, name,
// language, supporter, status, when they confirmed and left, what the reader chose, when an implied consent ends, and a column for each
// attribute; times are UTC. It streams, by the order in which
// people came. It returns errs.NotFound when there is no such list.
func (s *Store) Export(ctx context.Context, list int64, w io.Writer, o ExportOptions) error {
	l, err := s.subs.List(ctx, list)
	if err != nil {
		return err
	}
	if o.Who == "" {
		o.Who = "unknown"
	}
	if err := audit.Log(ctx, s.db, o.Who, "subscribers.export", "list "+l.Slug, nil); err != nil {
		return err
	}
	members := s.subs.Members()
	attributes, err := members.AttributeNames(ctx, list, o.Known)
	if err != nil {
		return err
	}
	topics, err := s.subs.Topics.Of(ctx, list, true)
	if err != nil {
		return err
	}
	out := NewCSV(w)
	out.raw = o.Raw
	var header []string
	for _, m := range exportColumns {
		header = append(header, m.String())
	}
	out.Write(append(header, attributes...))
	for after, rows := int64(0), int64(0); ; {
		page, err := members.After(ctx, list, o.Known, after, exportPage)
		if err != nil {
			return err
		}
		for _, e := range page {
			out.Write(fields(e, attributes, topics))
		}
		if err := out.Flush(); err != nil {
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

// exportColumns stand before the attributes, in this order; fields fills them.
var exportColumns = []meaning{colAddress, colName, colLanguage, colSupporter, colStatus, colConfirmed, colLeft, colExpires, colFrequency, colPaused, colTopicsOff, colTracking}

func fields(e subscribers.Member, attributes []string, topics []subscribers.Topic) []string {
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
