package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

type subscriberImportCmd struct {
	File      string `arg:"" help:"CSV file; - reads standard input."`
	List      string `required:"" short:"l" help:"Which list."`
	Source    string `required:"" help:"Where these people's consent comes from."`
	Wording   string `help:"What they were told when they agreed."`
	Confirmed bool   `help:"They agreed already; without it they start as pending."`
}

func (subscriberImportCmd) Help() string {
	return `The first row names the columns: email, and as you like name (or first name and last name), language, supporter, status;
every other column is kept as an attribute. Rows that cannot be taken are listed with their line and the reason, and the
others are taken all the same; the status is 65 when every row was rejected.`
}

func (c *subscriberImportCmd) Run(ctx context.Context, p *program) error {
	in, name := p.stdin, "standard input"
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return errs.Wrap(err, errs.NotFound, "the file %s cannot be opened", c.File)
		}
		defer f.Close()
		in, name = f, filepath.Base(c.File)
	}
	return p.with(ctx, func(a *app) error {
		l, err := a.subscribers.ListBySlug(ctx, c.List)
		if err != nil {
			return err
		}
		shown := false
		report, err := a.subscribers.Import(ctx, subscribers.ImportRequest{ListID: l.ID, FileName: name, Source: c.Source, Wording: c.Wording,
			R: in, Confirmed: c.Confirmed, Who: p.who()}, func(n subscribers.ImportProgress) {
			fmt.Fprintf(p.stderr, "\r%d rows …", n.Rows)
			shown = true
		})
		if shown {
			fmt.Fprintln(p.stderr)
		}
		if err != nil && report.ImportID == 0 {
			return err
		}
		// An import that was cut short reports what it did before it says why it ended.
		if showErr := p.show(report, func(w io.Writer) { writeImport(w, report) }); showErr != nil {
			return showErr
		}
		if err == nil && report.Rows > 0 && report.Rejected == report.Rows {
			err = errs.New(errs.Invalid, "no row of %s could be taken", name)
		}
		return err
	})
}

func writeImport(w io.Writer, r subscribers.ImportReport) {
	if len(r.Columns) > 0 {
		fmt.Fprintf(w, "columns: %s\n", cell(strings.Join(r.Columns, ", ")))
	}
	fmt.Fprintf(w, "%d rows: %d added, %d updated, %d unchanged, %d not brought back, %d opted out, %d duplicates, %d rejected\n",
		r.Rows, r.Added, r.Updated, r.Unchanged, r.Suppressed, r.OptedOut, r.Duplicates, r.Rejected)
	for _, part := range []struct {
		title string
		notes []subscribers.RowNote
	}{{"Rejected:", r.Errors}, {"Not brought back:", r.Barred}, {"Taken, but worth a look:", r.Look}} {
		if len(part.notes) == 0 {
			continue
		}
		fmt.Fprintln(w, "\n"+part.title)
		table(w, []string{"LINE", "ADDRESS", "WHY"}, part.notes, func(n subscribers.RowNote) []any { return []any{n.Line, n.Value, n.Reason} })
	}
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
		o := subscribers.ExportOptions{Raw: c.Raw, Who: p.who()}
		if c.Output == "-" {
			return a.subscribers.Export(ctx, l.ID, p.stdout, o)
		}
		// Beside the target and then in its place, so that a failed export never leaves half a file; readable by us alone.
		f, err := os.CreateTemp(filepath.Dir(c.Output), "."+filepath.Base(c.Output)+"-")
		if err != nil {
			return errs.Wrap(err, errs.Denied, "the file %s cannot be written", c.Output)
		}
		defer os.Remove(f.Name())
		defer f.Close()
		if err := a.subscribers.Export(ctx, l.ID, f, o); err != nil {
			return err
		}
		if err = f.Close(); err == nil {
			err = os.Rename(f.Name(), c.Output)
		}
		return errs.Wrap(err, errs.Denied, "the file %s cannot be written", c.Output)
	})
}
