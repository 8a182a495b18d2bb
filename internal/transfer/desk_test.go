package transfer

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

func newDesk(t *testing.T, s *rig, dir string, now func() time.Time) *Desk {
	t.Helper()
	d := NewDesk(t.Context(), s.Store, dir, now, slog.New(slog.DiscardHandler))
	t.Cleanup(d.Wait)
	return d
}

// ended waits for a job and returns what is known of its file then.
func ended(t *testing.T, d *Desk, id string, j *Job) Upload {
	t.Helper()
	for {
		p, changed := j.Progress()
		if p.Over {
			break
		}
		select {
		case <-changed:
		case <-time.After(time.Minute):
			t.Fatalf("it does not end: %+v", p)
		}
	}
	up, err := d.Upload(id, Person{Name: "ines"})
	if err != nil {
		t.Fatal(err)
	}
	return up
}

// A file that is imported from the desk is broken off by a stop, and gone on with by another process that finds it in the folder.
func TestDeskResume(t *testing.T) {
	t.Parallel()
	s, db := newStore(t)
	l := newList(t, s, "daily")
	dir := filepath.Join(t.TempDir(), "imports")
	desk := newDesk(t, s, dir, time.Now)
	up, err := desk.Receive(`C:\many.csv`, strings.NewReader(people(importBatch)+"stop@example.org,,,,\n"), "ines")
	if err != nil || up.Name != "many.csv" {
		t.Fatalf("%+v, %v", up, err)
	}
	// One row of the last batch waits for us.
	hold, err := db.Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	if _, err := hold.ExecContext(t.Context(), `SELECT pg_advisory_lock(4711)`); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_lock(4711); RETURN NEW; END'`,
		`CREATE TRIGGER hold BEFORE INSERT ON subscribers FOR EACH ROW WHEN (NEW.canonical = 'stop@example.org') EXECUTE FUNCTION hold()`} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	me := Person{Name: "ines"}
	j, err := desk.Start(up.ID, me, ImportRequest{ListID: l.ID, Source: "fair", Confirmed: true})
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, changed := j.Progress()
		if p.Rows == importBatch {
			if p.Read == 0 || p.Read > p.Size || p.Over {
				t.Errorf("progress %+v", p)
			}
			break
		}
		<-changed
	}
	if _, err := desk.Start(up.ID, me, ImportRequest{ListID: l.ID, Source: "fair"}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("begun twice: %v", err)
	}
	if err := desk.Drop(up.ID, me); errs.KindOf(err) != errs.Conflict {
		t.Errorf("deleted while it is read: %v", err)
	}
	j.Stop()
	up = ended(t, desk, up.ID, j)
	if up.Failed == "" || up.Report == nil || !up.Report.Partial || up.Report.Added != importBatch || up.Import == 0 || up.Gone || up.Asked.Source != "fair" {
		t.Fatalf("stopped: %+v %+v", up, up.Report)
	}
	if _, err := db.ExecContext(t.Context(), `DROP TRIGGER hold ON subscribers`); err != nil {
		t.Fatal(err)
	}
	other := newDesk(t, s, dir, time.Now)
	if j, err = other.Start(up.ID, me, ImportRequest{Resume: up.Import}); err != nil {
		t.Fatal(err)
	}
	up = ended(t, other, up.ID, j)
	if up.Failed != "" || up.Report.Added != importBatch+1 || up.Report.Resumed != importBatch || !up.Gone {
		t.Errorf("gone on with: %+v %+v", up, up.Report)
	}
	if _, err := os.Stat(other.data(up.ID)); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
	if _, err := other.Start(up.ID, me, ImportRequest{ListID: l.ID, Source: "fair"}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("imported again: %v", err)
	}
}

// SEC-16, SEC-06: files are kept under names of ours, shown to those whose they are, and go with time.
func TestDeskKeepsFiles(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	dir := filepath.Join(t.TempDir(), "imports")
	now := time.Now()
	desk := newDesk(t, s, dir, func() time.Time { return now })
	for name, content := range map[string]string{"empty.csv": ""} {
		if _, err := desk.Receive(name, strings.NewReader(content), "ines"); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := desk.Receive("x.csv", io.MultiReader(strings.NewReader("email\n"), broken{}), "ines"); errs.KindOf(err) != errs.Unavailable {
		t.Errorf("half a file: %v", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("%d files are left of what was refused", len(files))
	}
	up, err := desk.Receive("../../\x00etc/pass\u202ewd\r\n.csv", strings.NewReader("email\na@example.org\n"), "ines")
	if err != nil || strings.ContainsAny(up.Name, "/\r\n\x00\u202e") {
		t.Fatalf("%+v, %v", up, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if fi, err := f.Info(); err != nil || fi.Mode().Perm() != 0o600 || !uploadID.MatchString(f.Name()[:32]) {
			t.Errorf("%s: %v, %v", f.Name(), fi.Mode(), err)
		}
	}
	for id, p := range map[string]Person{up.ID: {Name: "otto"}, "../" + up.ID: {All: true}, "": {All: true}, strings.ToUpper(up.ID): {All: true}, up.ID + "\x00": {All: true}} {
		if _, err := desk.Upload(id, p); errs.KindOf(err) != errs.NotFound {
			t.Errorf("%q for %+v: %v", id, p, err)
		}
	}
	if _, err := desk.Upload(up.ID, Person{Name: "otto", All: true}); err != nil {
		t.Errorf("for somebody who may: %v", err)
	}
	look, err := desk.Look(up.ID, Person{Name: "ines"})
	if err != nil || len(look.Columns) != 1 || look.Columns[0].Means != "email" || look.Columns[0].Samples[0] != "a@example.org" {
		t.Errorf("look: %+v, %v", look, err)
	}
	if _, err := desk.Start(up.ID, Person{Name: "ines"}, ImportRequest{ListID: 1}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("without a source: %v", err)
	}
	now = now.Add(keepUploads + time.Hour)
	desk.Tidy()
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("%d files after a week", len(files))
	}
}

// SEC-14: what waits is bounded, for each person and for all together, with what is still coming; a file that is gone makes room.
func TestSEC14RoomForUploads(t *testing.T) {
	t.Parallel()
	desk := newDesk(t, &rig{}, filepath.Join(t.TempDir(), "imports"), time.Now)
	desk.mostOfOne, desk.most = 2<<20, 4<<20
	file := func(kb int) io.Reader { return strings.NewReader(strings.Repeat("a@example.org\n", kb<<10/14)) }
	receive := func(who string, r io.Reader, full string) (up Upload) {
		t.Helper()
		up, err := desk.Receive("a.csv", r, who)
		if full == "" && err != nil || full != "" && (errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), full)) {
			t.Errorf("SEC-14: %s: %v; want %q", who, err, full)
		}
		return up
	}
	first := receive("ines", file(1500), "")
	receive("ines", file(600), "your files that wait here would be more than 2 MB")
	// Of what is coming not even the half that is here is kept elsewhere yet.
	r, w := io.Pipe()
	done := make(chan Upload)
	go func() { up, _ := desk.Receive("b.csv", r, "otto"); done <- up }()
	if _, err := io.Copy(w, file(1400)); err != nil {
		t.Fatal(err)
	}
	receive("ada", file(1300), "of all people that wait here would be more than 4 MB")
	receive("otto", file(700), "your files")
	w.Close()
	if up := <-done; up.Size == 0 {
		t.Error("what was coming, and had room, was refused")
	}
	if err := desk.Drop(first.ID, Person{Name: "ines"}); err != nil {
		t.Fatal(err)
	}
	receive("ada", file(300), "")
	// What a process that was killed has left takes room until it goes.
	if err := os.WriteFile(desk.data(strings.Repeat("0", 32)), make([]byte, 2300<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	receive("ines", file(600), "of all people")
	if files, _ := filepath.Glob(desk.data("*")); len(files) != 3 || len(desk.coming) != 0 {
		t.Errorf("SEC-14: %d files, %d are coming", len(files), len(desk.coming))
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// The names of fields, which no attribute may have, are those of columns, and every meaning of a column is found by its name.
func TestFieldsAreMeanings(t *testing.T) {
	t.Parallel()
	for _, name := range Means() {
		if m := meaningOf[name]; m.String() != name || m == colAttribute {
			t.Errorf("%s means %v", name, m)
		}
	}
	for _, name := range []string{"E-Mail", "Courriel", "first_name", "Opt-in time", "topics off"} {
		if columnOf(name) == colAttribute || subscribers.FieldOf(name) == "" {
			t.Errorf("%s is no field", name)
		}
		if err := subscribers.CheckAttribute(name, "x"); err == nil {
			t.Errorf("%s may be an attribute", name)
		}
	}
}
