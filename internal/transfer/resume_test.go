package transfer

import (
	"context"
	"io"
	"reflect"
	"strings"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// mixedFile has people of every kind, more than a batch of them, the same ones again in a later batch.
func mixedFile() string {
	var b strings.Builder
	b.WriteString(people(importBatch + 500))
	b.WriteString("reader.0@mail0.example.org,Other Name,en,no,Elsewhere\n" + "not an address,,,,\nbarred@example.org,,,,\nleft@example.org,,,,\nfay@gmial.com,,,,\n")
	b.WriteString("reader.7919@mail1.example.org,Reader 1,en,yes,Town 1\n") // nothing new
	return b.String()
}

// A dry run says what would happen, to the row, and does none of it.
func TestImportDryRun(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	p := reader(t, s, l.ID, "left@example.org")
	if _, err := s.Leave(t.Context(), subscribers.LeaveRequest{Subscriber: p.ID, List: l.ID, Method: subscribers.MethodOneClick}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SuppressAddress(t.Context(), "barred@example.org", subscribers.ReasonComplaint, "", "ada"); err != nil {
		t.Fatal(err)
	}
	do := func(dry bool, file string) ImportReport {
		r, err := s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "fair", R: strings.NewReader(file), Confirmed: true, DryRun: dry, Who: "ada"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.ImportID, r.DryRun = 0, false
		return r
	}
	const everything = `SELECT (SELECT count(*) FROM subscribers) + (SELECT count(*) FROM subscriptions) + (SELECT count(*) FROM consent_log)
		+ (SELECT count(*) FROM imports) + (SELECT count(*) FROM leaves) + (SELECT count(*) FROM suppressions) + (SELECT count(*) FROM audit_log)`
	optOuts := "email,status\nreader.0@mail0.example.org,unsubscribed\nreader.7919@mail1.example.org,bounced\nnobody@example.org,complained\n"
	for _, file := range []string{mixedFile(), mixedFile(), optOuts, mixedFile()} { // new people, known people, opt-outs, and after these
		before := count(t, d, everything)
		dry := do(true, file)
		if after := count(t, d, everything); after != before {
			t.Fatalf("the dry run left %d rows", after-before)
		}
		if n := count(t, d, `SELECT count(*) FROM pg_class WHERE relpersistence = 't'`); n != 0 {
			t.Errorf("%d temporary tables and indexes are left", n)
		}
		if real := do(false, file); !reflect.DeepEqual(dry, real) || real.Rows < 3 {
			t.Errorf("the dry run said\n%+v, the import\n%+v", dry, real)
		}
	}
}

// A dry run waits for nobody and keeps nobody waiting.
func TestImportDryRunAlone(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	blocked, more := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "x", R: blocked, Confirmed: true, DryRun: true}, func(ImportProgress) {})
		done <- err
	}()
	if _, err := io.WriteString(more, people(importBatch+2000)); err != nil { // the reader has taken the first batch when this returns
		t.Fatal(err)
	}
	reader(t, s, l.ID, "reader.0@mail0.example.org")
	if r := doImport(t, s, l.ID, people(10)); r.Added != 9 || r.Updated+r.Unchanged != 1 {
		t.Errorf("an import meanwhile: %+v", r.ImportProgress)
	}
	_ = more.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := count(t, d, `SELECT count(*) FROM subscribers`); n != 10 {
		t.Errorf("%d people", n)
	}
}

// Two imports into one list do not run at once.
func TestImportOneAtATime(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	l, other := newList(t, s, "daily"), newList(t, s, "weekly")
	blocked, more := io.Pipe()
	begun, done := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "x", R: blocked, Confirmed: true}, nil)
		done <- err
	}()
	go func() {
		_, _ = io.WriteString(more, "email\n") // returns when the import reads, which it does when it has the list
		close(begun)
	}()
	<-begun
	if _, err := s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "x", R: strings.NewReader("email\n")}, nil); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a second import: %v", err)
	}
	if records, err := s.Imports(t.Context(), 10); err != nil || len(records) != 1 || !records[0].Running || !records[0].Resumable {
		t.Errorf("imports: %+v, %v", records, err)
	}
	doImport(t, s, other.ID, "email\na@example.org\n")
	_ = more.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	doImport(t, s, l.ID, "email\na@example.org\n")
	if records, err := s.Imports(t.Context(), 10); err != nil || len(records) != 3 || records[0].Running || records[0].Resumable || records[0].FinishedAt == nil || records[0].List != "daily" {
		t.Errorf("imports: %+v, %v", records, err)
	}
}

// An import that was broken off goes on where it was and comes to the same as one that was not. It takes no other file.
func TestImportResume(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	whole := people(3*importBatch + 10)
	ctx, cancel := context.WithCancel(t.Context())
	merges := 0
	report, err := s.Import(ctx, ImportRequest{ListID: l.ID, FileName: "big.csv", Source: "fair", Wording: "yes!", R: strings.NewReader(whole), Confirmed: true},
		func(ImportProgress) {
			if merges++; merges == 3 {
				cancel()
			}
		})
	if errs.KindOf(err) != errs.Unavailable || report.Added < importBatch || report.Added >= 3*importBatch {
		t.Fatalf("Import = %+v, %v", report.ImportProgress, err)
	}
	id := report.ImportID
	resume := func(id int64, file string) (ImportReport, error) {
		return s.Import(t.Context(), ImportRequest{Resume: id, R: strings.NewReader(file), Who: "bob"}, nil)
	}
	for name, tc := range map[string]struct {
		id   int64
		file string
		kind errs.Kind
	}{
		"another file":   {id, strings.Replace(whole, "Reader 77,", "Reader 78,", 1), errs.Conflict},
		"a shorter file": {id, people(100), errs.Conflict},
		"no such import": {id + 100, whole, errs.NotFound},
	} {
		if r, err := resume(tc.id, tc.file); errs.KindOf(err) != tc.kind {
			t.Errorf("%s: %+v, %v", name, r.ImportProgress, err)
		}
	}
	if n := count(t, d, `SELECT count(*) FROM subscriptions`); n != int(report.Added) {
		t.Fatalf("%d subscriptions; want %d: another file was imported", n, report.Added)
	}
	again, err := resume(id, whole)
	if want := (ImportProgress{Rows: 3*importBatch + 10, Added: 3*importBatch + 10}); err != nil || again.ImportProgress != want || again.Resumed != report.Rows {
		t.Fatalf("resumed: %+v, %v; want %+v", again, err, want)
	}
	if n := count(t, d, `SELECT count(*) FROM consent_log WHERE event = 'imported' AND source = 'fair' AND wording = 'yes!'`); n != 3*importBatch+10 {
		t.Errorf("%d notes of consent", n)
	}
	if n := count(t, d, `SELECT count(*) FROM imports WHERE id = $1 AND rows = $2 AND finished_at IS NOT NULL`, id, 3*importBatch+10); n != 1 {
		t.Error("the record of the import is not right")
	}
	if _, err := resume(id, whole); errs.KindOf(err) != errs.Conflict {
		t.Errorf("resumed when done: %v", err)
	}
}

// What a program without resume broke off is not offered, and says why.
func TestImportOfBefore(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	var id int64
	if err := d.GetContext(t.Context(), &id, `INSERT INTO imports (list_id, file_name, source, done, digests) VALUES ($1, 'x', 'x', '{}', '{}') RETURNING id`, l.ID); err != nil {
		t.Fatal(err)
	}
	_, err := s.Import(t.Context(), ImportRequest{Resume: id, R: strings.NewReader("email\n")}, nil)
	if errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "another version") {
		t.Errorf("resume: %v", err)
	}
	if records, err := s.Imports(t.Context(), 1); err != nil || records[0].Resumable || records[0].Running {
		t.Errorf("imports: %+v, %v", records, err)
	}
}

// A former process that comes back to life cannot merge what a resume has merged.
func TestImportFenced(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	file := people(2*importBatch + 10)
	_, err := s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "x", R: strings.NewReader(file), Confirmed: true}, func(ImportProgress) {
		if _, err := d.Exec(`UPDATE imports SET done = '{9,9}'`); err != nil { // as another process would
			t.Error(err)
		}
	})
	if errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "another process") {
		t.Errorf("Import: %v", err)
	}
	if n := count(t, d, `SELECT count(*) FROM subscribers`); n > importBatch {
		t.Errorf("%d people", n)
	}
}
