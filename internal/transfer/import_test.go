package transfer

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

func doImport(t testing.TB, s *rig, list int64, file string) ImportReport {
	t.Helper()
	report, err := s.Import(t.Context(), ImportRequest{ListID: list, FileName: "readers.csv", Source: "fair, May 2026",
		R: strings.NewReader(file), Confirmed: true, Who: "ada"}, nil)
	if err != nil {
		t.Fatalf("Import: %v (%+v)", err, report)
	}
	return report
}

func TestImport(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	report := doImport(t, s, l.ID, "\xef\xbb\xbfE-Mail;First Name;Last name;Langue;Supporter;City;Status\r\n"+
		"Ada@Example.org;Ada;Lovelace;fr_CA;yes;\"Montréal\r\nQuébec\";\r\n"+
		"bob@example.org;Bob;;en;no;;pending\r\n"+
		"BOB@example.org;Robert;;;;;\r\n"+ // the later row counts
		"not an address;;;;;;\r\n"+
		"carol@example.org;;;klingon!;;;\r\n"+
		"dan@example.org;;;;perhaps;;\r\n"+
		"eve@example.org;;;;;;gone fishing\r\n"+
		"fay@gmial.com;;;;;;\r\n"+
		"postmaster@example.org;;;;;;\r\n"+
		"gus@example.org;\x00;;;;;\r\n"+
		"hal@example.org;;;;;;;too many\r\n")
	if p := report.ImportProgress; p != (ImportProgress{Rows: 11, Added: 4, Duplicates: 1, Rejected: 6}) {
		t.Errorf("counts %+v", p)
	}
	wantErrors := map[int64]string{6: "n•••: there is a space", 7: "c•••@example.org: language", 8: "d•••@example.org: supporter",
		9: "e•••@example.org: status", 12: "g•••@example.org: name", 13: "h•••@example.org: row: it has 8 fields"}
	for _, e := range report.Errors {
		value, reason, _ := strings.Cut(wantErrors[e.Line], ": ")
		if value == "" || e.Value != value || !strings.Contains(e.Reason, reason) {
			t.Errorf("line %d, %s: %s; want %q", e.Line, e.Value, e.Reason, wantErrors[e.Line])
		}
	}
	if len(report.Errors) != len(wantErrors) {
		t.Errorf("%d errors; want %d", len(report.Errors), len(wantErrors))
	}
	if got := fmt.Sprint(report.Look); got != "[{10 f•••@gmial.com was gmail.com meant?} {11 p•••@example.org a role account: it must confirm itself}]" {
		t.Errorf("to look at: %s", got)
	}
	if got := strings.Join(report.Columns, "; "); got != `"E-Mail": email; "First Name": first name; "Last name": last name; "Langue": language; "Supporter": supporter; "City": attribute; "Status": status` {
		t.Errorf("columns: %s", got)
	}
	ada, subs, err := s.ByAddress(t.Context(), "ada@example.org")
	if err != nil || ada.Address != "Ada@Example.org" || ada.Name != "Ada Lovelace" || ada.Language != "fr-CA" || !ada.Supporter ||
		ada.Attributes["City"] != "Montréal\r\nQuébec" || len(subs) != 1 || subs[0].State != subscribers.Confirmed || subs[0].Source != "fair, May 2026" {
		t.Errorf("ada: %+v %+v %v", ada, subs, err)
	}
	if bob, subs, err := s.ByAddress(t.Context(), "bob@example.org"); err != nil || bob.Name != "Robert" || bob.Language != "" || subs[0].State != subscribers.Confirmed {
		t.Errorf("bob: %+v %+v %v", bob, subs, err)
	}
	if got := mailable(t, d, l.ID); !slices.Equal(got, []string{"Ada@Example.org", "BOB@example.org", "fay@gmial.com"}) {
		t.Errorf("mailable: %v", got)
	}
	if got := events(t, s, ada.ID); got != "imported/import" {
		t.Errorf("consent log %q", got)
	}
	if n := count(t, d, `SELECT count(*) FROM imports WHERE id = $1 AND rows = 11 AND added = 4 AND rejected = 6 AND finished_at IS NOT NULL`, report.ImportID); n != 1 {
		t.Error("the record of the import is not right")
	}
	if n := count(t, d, `SELECT count(*) FROM audit_log WHERE actor = 'ada' AND action = 'subscribers.import'`); n != 1 {
		t.Error("nothing in the audit log")
	}
}

func TestImportAgain(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	doImport(t, s, l.ID, "email,name,supporter,city\na@example.org,Ada,yes,Rome\nb@example.org,Bob,no,\nc@example.org,,,\n")
	if _, err := s.Add(t.Context(), subscribers.AddRequest{Address: "p@example.org", ListID: l.ID, Method: subscribers.MethodForm}); err != nil {
		t.Fatal(err)
	}
	report := doImport(t, s, l.ID, "email,name,supporter,city,plan\n"+
		"A@example.org,,,,\n"+ // nothing new
		"b@example.org,Bob,yes,,\n"+ // supporter now
		"c@example.org,Carol,,,print\n"+ // name and an attribute
		"p@example.org,,,,\n"+ // pending until the publication says so
		"n@example.org,,,,\n")
	if p := report.ImportProgress; p != (ImportProgress{Rows: 5, Added: 1, Updated: 3, Unchanged: 1}) {
		t.Errorf("counts %+v", p)
	}
	a, _, _ := s.ByAddress(t.Context(), "a@example.org")
	c, _, _ := s.ByAddress(t.Context(), "c@example.org")
	if a.Name != "Ada" || !a.Supporter || a.Attributes["city"] != "Rome" || !a.UpdatedAt.Equal(a.CreatedAt) {
		t.Errorf("empty cells took something away: %+v", a)
	}
	if c.Name != "Carol" || c.Attributes["plan"] != "print" {
		t.Errorf("c: %+v", c)
	}
	if n := count(t, d, `SELECT count(*) FROM mailable`); n != 5 {
		t.Errorf("%d mailable; want 5", n)
	}
}

// UNS-18: an import brings back nobody who left, complained or bounced, and says whom it left out and why.
func TestUNS18Import(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	for _, address := range []string{"left", "leftall", subscribers.ReasonComplaint, subscribers.ReasonHardBounce, subscribers.ReasonManual, "stays"} {
		p := reader(t, s, l.ID, address+"@example.org")
		var err error
		switch address {
		case "left", "leftall":
			_, err = s.Leave(t.Context(), subscribers.LeaveRequest{Subscriber: p.ID, List: l.ID, All: address == "leftall", Method: subscribers.MethodOneClick})
		case "stays":
		default:
			err = s.Suppress(t.Context(), d, p.ID, address, "", 7)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// An address can be suppressed without a person: after an erasure only the hash is left.
	if _, err := s.SuppressAddress(t.Context(), "erased@example.org", subscribers.ReasonComplaint, "", "ada"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ExecContext(t.Context(), `UPDATE suppressions SET address = NULL WHERE address = 'erased@example.org'`); err != nil {
		t.Fatal(err)
	}
	report := doImport(t, s, l.ID, "email,name,status\nLEFT@example.org,X,confirmed\nleftall@example.org,X,confirmed\ncomplaint@example.org,X,subscribed\n"+
		"hard_bounce@example.org,X,active\nmanual@example.org,X,\nerased@example.org,X,\nstays@example.org,,\nnew@example.org,,\n")
	if p := report.ImportProgress; p != (ImportProgress{Rows: 8, Added: 1, Unchanged: 1, Suppressed: 6}) {
		t.Errorf("counts %+v", p)
	}
	want := "[{2 L•••@example.org unsubscribed} {3 l•••@example.org unsubscribed} {4 c•••@example.org complaint} {5 h•••@example.org hard_bounce}" +
		" {6 m•••@example.org manual} {7 e•••@example.org complaint}]"
	if got := fmt.Sprint(report.Barred); got != want {
		t.Errorf("barred %s; want %s", got, want)
	}
	if got := mailable(t, d, l.ID); !slices.Equal(got, []string{"new@example.org", "stays@example.org"}) {
		t.Errorf("mailable: %v", got)
	}
	if n := count(t, d, `SELECT count(*) FROM subscribers WHERE name = 'X' OR canonical LIKE 'erased%'`); n != 0 {
		t.Errorf("%d people were changed or made", n)
	}
}

func TestImportOptOuts(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	for _, a := range []string{"a", "b", "c"} {
		reader(t, s, l.ID, a+"@example.org")
	}
	file := "email,status\na@example.org,unsubscribed\nb@example.org,Hard bounce\nc@example.org,unsubscribed_all\nnew@example.org,complained\n" +
		"twice@example.org,opted out\ntwice@example.org,confirmed\n" // who left in one row is not brought back by the next
	report := doImport(t, s, l.ID, file)
	if p := report.ImportProgress; p != (ImportProgress{Rows: 6, OptedOut: 5, Duplicates: 1}) {
		t.Errorf("counts %+v", p)
	}
	if got := mailable(t, d, l.ID); len(got) != 0 {
		t.Errorf("mailable: %v", got)
	}
	for address, want := range map[string]string{"a": "added/admin unsubscribed/import", "b": "added/admin unsubscribed/import suppressed/import",
		"new": "unsubscribed/import suppressed/import", "twice": "unsubscribed/import"} {
		p, _, err := s.ByAddress(t.Context(), address+"@example.org")
		if err != nil {
			t.Fatal(err)
		}
		if got := events(t, s, p.ID); got != want {
			t.Errorf("%s: %q; want %q", address, got, want)
		}
	}
	if n := count(t, d, `SELECT count(*) FROM leaves`); n != 6 { // a, b, c left the list; b, c and new are suppressed
		t.Errorf("%d notes for the permits; want 6", n)
	}
	again := doImport(t, s, l.ID, file)
	if again.OptedOut != 5 || count(t, d, `SELECT count(*) FROM leaves`) != 6 {
		t.Errorf("done again it is not the same: %+v", again.ImportProgress)
	}
	back := doImport(t, s, l.ID, "email\na@example.org\nb@example.org\nnew@example.org\n")
	if back.Suppressed != 3 {
		t.Errorf("a later import: %+v", back.ImportProgress)
	}
}

func TestImportUnconfirmed(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	_, err := s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "cards", R: strings.NewReader("email,status\na@example.org,confirmed\n")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, d, `SELECT count(*) FROM subscriptions WHERE state = 'pending'`); n != 1 {
		t.Error("a status column confirmed somebody")
	}
}

// Columns that mean different things in different files.
func TestImportColumns(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	for header, want := range map[string]string{
		"Address,Name":                   `"Address": email; "Name": name`,
		"Email Address,Address,State":    `"Email Address": email; "Address": attribute; "State": attribute`,
		"Prénom,Nom,Courriel":            `"Prénom": first name; "Nom": last name; "Courriel": email`,
		"First Name,Last Name,Name,Mail": `"First Name": first name; "Last Name": last name; "Name": name; "Mail": email`,
		"'=x,email,,Confirmed at":        `"=x": attribute; "email": email; "": left out; "Confirmed at": confirmed_at`,
	} {
		row := strings.Split(header, ",")
		c, headless, err := readColumns(s.Policy, row, nil)
		if err != nil || headless {
			t.Errorf("%s: %v", header, err)
			continue
		}
		if got := strings.Join(c.describe(row), "; "); got != want {
			t.Errorf("%s: %s; want %s", header, got, want)
		}
	}
}

func TestImportPlainList(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	report := doImport(t, s, l.ID, "a@example.org\nb@example.org\n")
	if report.Added != 2 || report.Columns[0] != "no header: one address in each row" {
		t.Errorf("report %+v", report)
	}
	if got := mailable(t, d, l.ID); len(got) != 2 {
		t.Errorf("mailable: %v", got)
	}
}

func TestImportRefusesFiles(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	for name, tc := range map[string]struct{ file, want string }{
		"empty":           {"", "empty"},
		"no address":      {"name,city\nAda,Rome\n", "one of them must be email"},
		"twice":           {"email,E-Mail\na@example.org,b@example.org\n", "twice"},
		"attribute twice": {"email,city,city\n", "twice"},
		"many columns":    {"email" + strings.Repeat(",", 100_000) + "\na@example.org\n", "more than 200 columns"},
		"very many":       {"email" + strings.Repeat(",x", 100_000) + "\na@example.org\n", "too long"},
		"binary":          {"PK\x03\x04\x00\x00\x08", "not plain text"},
		"long name":       {"email," + strings.Repeat("x", 100) + "\n", "more than 60 characters"},
	} {
		report, err := s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "x", R: strings.NewReader(tc.file)}, nil)
		if errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), tc.want) || report.Partial || report.ImportID != 0 {
			t.Errorf("%s: %+v, %v; want %q", name, report, err, tc.want)
		}
	}
	if _, err := s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "x", R: strings.NewReader("email\na@example.org\n"), Map: map[string]string{"Ort": "-"}}, nil); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a column that is not there: %v", err)
	}
	if n := count(t, d, `SELECT count(*) FROM imports`); n != 0 {
		t.Errorf("%d imports to resume that can never be", n)
	}
	if _, err := s.Import(t.Context(), ImportRequest{ListID: l.ID, R: strings.NewReader("email\n")}, nil); errs.KindOf(err) != errs.Invalid {
		t.Errorf("without a source: %v", err)
	}
	if _, err := s.Import(t.Context(), ImportRequest{ListID: 999, Source: "x", R: strings.NewReader("email\n")}, nil); errs.KindOf(err) != errs.NotFound {
		t.Errorf("unknown list: %v", err)
	}
}

// An import that is interrupted has done what it counted, and can be done again.
func TestImportInterrupted(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	ctx, cancel := context.WithCancel(t.Context())
	blocked, never := io.Pipe() // more never comes
	defer func() { _ = never.Close() }()
	file := io.MultiReader(strings.NewReader(people(importBatch+70_000/40)), blocked)
	report, err := s.Import(ctx, ImportRequest{ListID: l.ID, Source: "x", R: file, Confirmed: true}, func(p ImportProgress) {
		cancel()
	})
	if errs.KindOf(err) != errs.Unavailable || !report.Partial || report.Added == 0 || report.Added > importBatch {
		t.Fatalf("Import = %+v, %v", report.ImportProgress, err)
	}
	if n := count(t, d, `SELECT count(*) FROM subscriptions`); n != int(report.Added) {
		t.Errorf("%d subscriptions; want what was counted, %d", n, report.Added)
	}
	again := doImport(t, s, l.ID, people(importBatch+5))
	if again.Unchanged != report.Added || again.Added != importBatch+5-report.Added {
		t.Errorf("done again: %+v", again.ImportProgress)
	}
}

// people makes a file of n people.
func people(n int) string {
	var b strings.Builder
	b.WriteString("email,name,language,supporter,city\n")
	for i := range n {
		fmt.Fprintf(&b, "reader.%d@mail%d.example.org,Reader %d,en,%s,Town %d\n", i*7919%1_000_003, i%50, i, []string{"no", "yes"}[i%2], i%1000)
	}
	return b.String()
}

// SEC-13: what a spreadsheet could take for a formula is written so that it cannot, and is read back as it was.
func TestSEC13RoundTrip(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	l, again := newList(t, s, "daily"), newList(t, s, "again")
	values := []string{"=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "'=1", "''=1", "' =1", " =1", `"=1"`, "'plain", "plain", `q"uo,te;s`, "＝1", "line\r\nend", "-", "'", `'"`,
		"x;=1+1", `a;"=1;+2`, "a;'=1", "a;''=1;", "a; '", ";", "x;y", "=1;=2"}
	want := map[string]subscribers.Attributes{}
	for i, v := range values {
		address := fmt.Sprintf("r%d@example.org", i)
		if i < 3 {
			address = string("=+-"[i]) + address
		}
		want[address] = subscribers.Attributes{"v": v, "=cmd": "x"}
		if _, err := s.Add(t.Context(), subscribers.AddRequest{Address: address, Name: strings.TrimSpace(v), ListID: l.ID, Confirmed: true, Source: "test", Attributes: want[address]}); err != nil &&
			!strings.ContainsAny(v, "\r\n\t") {
			t.Fatalf("%q: %v", v, err)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if err := s.Export(t.Context(), l.ID, &file, ExportOptions{Who: "ada"}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(file.Bytes())).ReadAll()
	if err != nil || len(rows) != len(values)+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			for part := range strings.SplitSeq(cell, ";") { // which some spreadsheets take for the end of a cell
				if trimmed := strings.TrimLeft(part, `" `); trimmed != "" && strings.ContainsRune("=+-@\t\r\n＝", []rune(trimmed)[0]) {
					t.Errorf("cell %q is a formula", cell)
				}
			}
		}
	}
	report := doImport(t, s, again.ID, file.String())
	if report.Added != int64(len(values)) || report.Rejected != 0 {
		t.Fatalf("import of the export: %+v", report)
	}
	for address, attributes := range want {
		p, subs, err := s.ByAddress(t.Context(), address)
		if err != nil || len(subs) != 2 || !maps.Equal(p.Attributes, attributes) {
			t.Errorf("%s: %q, %v; want %q", address, p.Attributes, err, attributes)
		}
	}
	// And nothing counts as changed.
	if report := doImport(t, s, l.ID, file.String()); report.Unchanged != int64(len(values)) {
		t.Errorf("import into the same list: %+v", report.ImportProgress)
	}
}

func TestExportStatus(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	for _, name := range []string{"confirmed", "left", "leftall", "bounced"} {
		p := reader(t, s, l.ID, name+"@example.org")
		var err error
		switch name {
		case "left", "leftall":
			_, err = s.Leave(t.Context(), subscribers.LeaveRequest{Subscriber: p.ID, List: l.ID, All: name == "leftall", Method: subscribers.MethodForm})
		case "bounced":
			err = s.Suppress(t.Context(), d, p.ID, subscribers.ReasonHardBounce, "", 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var file strings.Builder
	if err := s.Export(t.Context(), l.ID, &file, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"confirmed@example.org,,,no,confirmed,2", "left@example.org,,,no,unsubscribed,", "leftall@example.org,,,no,unsubscribed_all,", "bounced@example.org,,,no,hard_bounce,"} {
		if !strings.Contains(file.String(), "\n"+want) {
			t.Errorf("no line %q in\n%s", want, file.String())
		}
	}
	// In another installation the same people stay away.
	s2, d2 := newStore(t)
	l2 := newList(t, s2, "daily")
	report := doImport(t, s2, l2.ID, file.String())
	if report.Added != 1 || report.OptedOut != 3 || len(mailable(t, d2, l2.ID)) != 1 {
		t.Errorf("report %+v", report.ImportProgress)
	}
	if n := count(t, d2, `SELECT count(*) FROM suppressions WHERE reason IN ('unsubscribed', 'hard_bounce')`); n != 2 {
		t.Errorf("%d suppressions came along; want 2", n)
	}
}

func TestExportPages(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	n := 2*exportPage + 3
	_, err := d.ExecContext(t.Context(), `
		WITH p AS (INSERT INTO subscribers (address, canonical, wire, address_hash, provider)
			SELECT a, a, a, sha256(a::bytea), 'other' FROM (SELECT 'r' || i || '@example.org' AS a FROM generate_series(1, $1) i) g RETURNING id)
		INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) SELECT id, $2, 'confirmed', 'x', now() FROM p`, n, l.ID)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := s.Export(t.Context(), l.ID, &file, ExportOptions{Raw: true}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&file).ReadAll()
	if err != nil || len(rows) != n+1 {
		t.Fatalf("%d rows, %v; want %d", len(rows), err, n+1)
	}
	seen := map[string]bool{}
	for _, row := range rows {
		seen[row[0]] = true
	}
	if len(seen) != n+1 {
		t.Errorf("%d different rows; want %d", len(seen), n+1)
	}
	if err := s.Export(t.Context(), 999, io.Discard, ExportOptions{}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("unknown list: %v", err)
	}
}

// A leave is not held up by an import, and an import under way does not bring back who leaves.
func TestLeaveDuringImport(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	file := people(2 * importBatch)
	doImport(t, s, l.ID, file)
	var ids []int64
	if err := d.SelectContext(t.Context(), &ids, `SELECT id FROM subscribers ORDER BY random() LIMIT 200`); err != nil {
		t.Fatal(err)
	}
	var report ImportReport
	done := make(chan error)
	go func() {
		var err error
		report, err = s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "x", R: strings.NewReader(strings.ReplaceAll(file, "Town", "City")), Confirmed: true}, nil)
		done <- err
	}()
	var slowest time.Duration
	for i, id := range ids {
		start := time.Now()
		if _, err := s.Leave(t.Context(), subscribers.LeaveRequest{Subscriber: id, List: l.ID, All: i%2 == 0, Method: subscribers.MethodOneClick}); err != nil {
			t.Fatal(err)
		}
		slowest = max(slowest, time.Since(start))
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("slowest leave %v; import %+v", slowest, report.ImportProgress)
	if n := count(t, d, `SELECT count(*) FROM mailable`); n != 2*importBatch-200 {
		t.Errorf("%d mailable; want %d", n, 2*importBatch-200)
	}
}

// BenchmarkImport imports -benchtime=1x: a million rows into an empty database, then the same again.
func BenchmarkImport(b *testing.B) {
	const n = 1_000_000
	file := people(n)
	for b.Loop() {
		s, _ := newStore(b)
		l := newList(b, s, "daily")
		for _, round := range []string{"new", "again"} {
			var heap uint64
			start := time.Now()
			_, err := s.Import(b.Context(), ImportRequest{ListID: l.ID, Source: "bench", R: strings.NewReader(file), Confirmed: true}, func(ImportProgress) {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				heap = max(heap, m.HeapInuse)
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(n/time.Since(start).Seconds(), round+"_rows/s")
			b.ReportMetric(float64(heap-uint64(len(file)))/(1<<20), round+"_MB")
		}
		start := time.Now()
		if err := s.Export(b.Context(), l.ID, io.Discard, ExportOptions{}); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(n/time.Since(start).Seconds(), "export_rows/s")
	}
}
