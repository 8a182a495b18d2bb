package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mailer/internal/errs"
	"mailer/internal/transfer"
)

type subscriberImportCmd struct {
	File      string            `arg:"" help:"CSV file, or a ZIP file as Mailchimp makes it; - reads standard input."`
	List      string            `short:"l" help:"Which list."`
	Source    string            `help:"Where these people's consent comes from."`
	Wording   string            `help:"What they were told when they agreed."`
	Confirmed bool              `help:"They agreed already; without it they start as pending, and get nothing until they confirm (see: mailer subscribers ask)."`
	Status    string            `placeholder:"STATUS" help:"Status of rows that name none, such as unsubscribed for a list of those who left."`
	Expires   string            `placeholder:"DATE" help:"The consent is only implied and ends on that day (UTC), such as 2027-01-31."`
	Map       map[string]string `placeholder:"COLUMN=WHAT" mapsep:"none" help:"What a column holds: email, name, language …, attribute:NAME, or - to leave it out. May be repeated."`
	DryRun    bool              `help:"Show what would happen, and change nothing."`
	Errors    string            `placeholder:"FILE" help:"Write each row that is rejected, not brought back or worth a look to a CSV file."`
	Resume    int64             `placeholder:"ID" help:"Go on with an import that was broken off, given the same file; see: mailer subscribers imports."`
}

func (subscriberImportCmd) Help() string {
	return `The first row names the columns: email, and as you like name (or first name and last name), language, supporter, status;
every other column is kept as an attribute. Exports of Mailchimp (also its ZIP file) and of listmonk are understood as they are.
Who left, bounced or complained there gets no mail here, and an import brings back nobody who left.

Rows that cannot be taken are listed with their line and the reason, and the others are taken all the same; the status is 65
when every row was rejected.

Examples:
  mailer subscribers import readers.csv --list weekly --confirmed --source "sign-up sheets, 2026" --dry-run
  mailer subscribers import audience.zip --list weekly --confirmed --source "Mailchimp, moved in May 2026"
  mailer subscribers import left.csv --list weekly --status unsubscribed --source "listmonk, those who left"
  mailer subscribers import donors.csv --list weekly --confirmed --expires 2028-05-31 --source "donations, implied consent"
  mailer subscribers import liste.csv --list weekly --source "fair" --map "E-post=email" --map "Tel=-" --errors mend.csv`
}

func (c *subscriberImportCmd) Run(ctx context.Context, p *program) error {
	r := transfer.ImportRequest{Source: c.Source, Wording: c.Wording, Confirmed: c.Confirmed, Status: c.Status, Map: c.Map,
		DryRun: c.DryRun, Resume: c.Resume, Who: p.who()}
	if c.Resume == 0 && (c.List == "" || c.Source == "") {
		return errs.New(errs.Usage, "--list and --source are needed: which list, and where these people's consent comes from")
	}
	if c.Expires != "" {
		day, err := time.Parse(time.DateOnly, c.Expires)
		if err != nil {
			return errs.New(errs.Usage, "--expires must be a date like 2027-01-31")
		}
		r.Expires = day
	}
	skipped, done, err := c.open(p, &r)
	if err != nil {
		return err
	}
	defer done()
	return p.with(ctx, func(a *app) (err error) {
		if c.List != "" {
			l, err := a.subscribers.ListBySlug(ctx, c.List)
			if err != nil {
				return err
			}
			r.ListID = l.ID
		}
		if c.Errors != "" {
			keep, err := c.keepNotes(&r)
			if err != nil {
				return err
			}
			defer func() { err = cmp.Or(err, keep()) }()
		}
		show, shown := p.progress("rows")
		report, err := a.transfer.Import(ctx, r, func(n transfer.ImportProgress) { show(n.Rows) })
		shown()
		if err != nil && (report.Rows == 0 || report.ImportID == 0 && !report.DryRun) {
			return err // nothing was done, or would be
		}
		report.Hints = append(skipped, report.Hints...)
		// An import that was cut short reports what it did before it says why it ended.
		if showErr := p.show(report, func(w io.Writer) { writeImport(w, report, c.List) }); showErr != nil {
			return showErr
		}
		if err == nil && report.Rows > 0 && report.Rejected == report.Rows {
			err = errs.New(errs.Invalid, "no row of %s could be taken", r.FileName)
		}
		return err
	})
}

// open finds the files that are imported.
func (c *subscriberImportCmd) open(p *program, r *transfer.ImportRequest) (skipped []string, done func(), err error) {
	done = func() {}
	if c.File == "-" {
		r.R, r.FileName = p.stdin, "standard input"
		return nil, done, nil
	}
	f, err := os.Open(c.File)
	if err != nil {
		return nil, done, errs.Wrap(err, errs.NotFound, "the file %s cannot be opened", c.File)
	}
	done = func() { _ = f.Close() }
	r.FileName = filepath.Base(c.File)
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() { // a pipe: it has no length, and no places to go to
		r.R = f
		return nil, done, nil
	}
	if err == nil {
		r.Files, skipped, err = transfer.ImportFiles(r.FileName, f, fi.Size())
	}
	if err != nil {
		done()
	}
	return skipped, done, err
}

// keepNotes has the notes of the import written to a file that only we may read. A resume goes on with the file of before.
func (c *subscriberImportCmd) keepNotes(r *transfer.ImportRequest) (done func() error, err error) {
	how := os.O_TRUNC
	if c.Resume != 0 {
		how = os.O_APPEND
	}
	f, err := os.OpenFile(c.Errors, os.O_CREATE|os.O_WRONLY|how, 0o600)
	if err != nil {
		return nil, errs.Wrap(err, errs.Denied, "the file %s cannot be written", c.Errors)
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, errs.Wrap(err, errs.Denied, "the file %s cannot be written", c.Errors)
	}
	notes := transfer.NewNoteWriter(f, fi.Size() > 0)
	r.Notes = notes.Note
	return func() error {
		return errs.Wrap(cmp.Or(notes.Flush(), f.Close()), errs.Denied, "the file %s cannot be written", c.Errors)
	}, nil
}

// progress returns what tells on standard error how far a long work is and how fast it goes, twice a second, and what ends the line.
func (p *program) progress(what string) (show func(int64), done func()) {
	begun := time.Now()
	last := begun
	shown, from := false, int64(-1)
	return func(n int64) {
			if from < 0 {
				from = n
			}
			if now := time.Now(); now.Sub(last) >= time.Second/2 {
				last, shown = now, true
				fmt.Fprintf(p.stderr, "\r%d %s, %.0f/s ", n, what, float64(n-from)/now.Sub(begun).Seconds())
			}
		}, func() {
			if shown {
				fmt.Fprintln(p.stderr)
			}
		}
}

// writeImport tells of an import into a list, which a resume may not name.
func writeImport(w io.Writer, r transfer.ImportReport, list string) {
	if len(r.Columns) > 0 {
		fmt.Fprintf(w, "columns: %s\n", cell(strings.Join(r.Columns, ", ")))
	}
	for _, hint := range r.Hints {
		fmt.Fprintf(w, "note: %s\n", cell(hint))
	}
	if r.DryRun {
		fmt.Fprintln(w, "Nothing was changed. This would happen:")
	}
	fmt.Fprintf(w, "%d rows: %d added, %d updated, %d unchanged, %d not brought back, %d opted out, %d duplicates, %d rejected\n",
		r.Rows, r.Added, r.Updated, r.Unchanged, r.Suppressed, r.OptedOut, r.Duplicates, r.Rejected)
	if r.Pending > 0 {
		are := "are"
		if r.DryRun {
			are = "would be"
		}
		fmt.Fprintf(w, "%d of those added %s pending: they get no mail and are not asked, and are forgotten after MAILER_KEEP_PENDING (30 days).\n"+
			"To ask them to confirm: mailer subscribers ask --list %s\n", r.Pending, are, cmp.Or(list, "LIST"))
	}
	if r.Resumed > 0 {
		fmt.Fprintf(w, "%d of them had been done before; their notes are not repeated\n", r.Resumed)
	}
	if r.Partial && !r.DryRun {
		fmt.Fprintf(w, "It ended early. To go on: mailer subscribers import FILE --resume %d\n", r.ImportID)
	}
	for _, part := range []struct {
		title string
		notes []transfer.RowNote
	}{{"Rejected:", r.Errors}, {"Not brought back:", r.Barred}, {"Taken, but worth a look:", r.Look}} {
		if len(part.notes) == 0 {
			continue
		}
		fmt.Fprintln(w, "\n"+part.title)
		table(w, []string{"LINE", "ADDRESS", "WHY"}, part.notes, func(n transfer.RowNote) []any { return []any{n.Line, n.Value, n.Reason} })
	}
}

type subscriberImportsCmd struct{}

func (subscriberImportsCmd) Help() string {
	return "One that was broken off can be gone on with: mailer subscribers import FILE --resume ID."
}

func (subscriberImportsCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) error {
		records, err := a.transfer.Imports(ctx, 100)
		if err != nil {
			return err
		}
		return p.show(records, func(w io.Writer) {
			table(w, []string{"ID", "LIST", "FILE", "BEGUN", "STATE", "ROWS", "ADDED", "REJECTED", "SOURCE"}, records, func(r transfer.ImportRecord) []any {
				state := "given up"
				switch {
				case r.FinishedAt != nil:
					state = "done"
				case r.Running:
					state = "running"
				case r.Resumable:
					state = "broken off"
				}
				return []any{r.ID, r.List, r.FileName, r.StartedAt.UTC().Format("2006-01-02 15:04"), state, r.Rows, r.Added, r.Rejected, r.Source}
			})
		})
	})
}

type subscriberExportCmd struct {
	List   string `required:"" short:"l" help:"Which list."`
	Output string `short:"o" default:"-" placeholder:"FILE" help:"Where to write; - is standard output."`
	Raw    bool   `help:"Leave out the apostrophe that keeps spreadsheets from running a value as a formula."`
}

func (subscriberExportCmd) Help() string {
	return "Writes CSV, whatever --json says; subscribers import takes it again."
}

func (c *subscriberExportCmd) Run(ctx context.Context, p *program) error {
	return p.with(ctx, func(a *app) (err error) {
		l, err := a.subscribers.ListBySlug(ctx, c.List)
		if err != nil {
			return err
		}
		show, shown := p.progress("rows")
		defer shown()
		o := transfer.ExportOptions{Raw: c.Raw, Who: p.who(), Progress: show}
		if c.Output == "-" {
			return a.transfer.Export(ctx, l.ID, p.stdout, o)
		}
		// Beside the target and then in its place, so that a failed export never leaves half a file; readable by us alone.
		f, err := os.CreateTemp(filepath.Dir(c.Output), "."+filepath.Base(c.Output)+"-")
		if err != nil {
			return errs.Wrap(err, errs.Denied, "the file %s cannot be written", c.Output)
		}
		defer os.Remove(f.Name())
		defer f.Close()
		if err := a.transfer.Export(ctx, l.ID, f, o); err != nil {
			return err
		}
		if err = f.Close(); err == nil {
			err = os.Rename(f.Name(), c.Output)
		}
		return errs.Wrap(err, errs.Denied, "the file %s cannot be written", c.Output)
	})
}
