package transfer

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
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

// What Mailchimp writes: column sets as its exports have them, the reason twice.
const (
	mailchimpSubscribed = `"Email Address","First Name","Last Name",Address,"Phone Number",EMAIL_TYPE,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,` +
		`LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES,TAGS` + "\n"
	mailchimpUnsubscribed = `"Email Address","First Name","Last Name",UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,` +
		`UNSUB_REASON_OTHER,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES,TAGS` + "\n"
	mailchimpCleaned = `"Email Address","First Name",CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,LEID,EUID` + "\n"
)

// mailchimpRow is a row of the subscribed.
func mailchimpRow(address string) string {
	return address + `,Ada,Lovelace,"1 High Street  Anytown",555-1234,html,2,"2019-05-01 10:00:00",203.0.113.77,"2019-05-01 10:05:00",2001:db8:1:2::3,` +
		`47.6614000,-122.2930000,-8,-7,America/Los_Angeles,US,WA,"2020-01-01 00:00:00",44877845,c2cb0681af,"met at the fair","""vip"",""Print"""` + "\n"
}

func zipOf(t testing.TB, files ...string) *bytes.Reader {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err == nil {
			_, err = io.WriteString(f, files[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

// An audience of Mailchimp's moves as it is: who left and who bounced stay away, and the evidence of consent comes along.
func TestUNS18ImportMailchimp(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	left := reader(t, s, l.ID, "left-here@example.org") // left here, and is still subscribed there
	if _, err := s.Leave(t.Context(), subscribers.LeaveRequest{Subscriber: left.ID, List: l.ID, Method: subscribers.MethodOneClick}); err != nil {
		t.Fatal(err)
	}
	archive := zipOf(t,
		"audience/subscribed_email_audience_export_0a1b.csv", mailchimpSubscribed+mailchimpRow("ada@example.org")+mailchimpRow("left-here@example.org")+mailchimpRow("both@example.org"),
		"audience/unsubscribed_email_audience_export_0a1b.csv", mailchimpUnsubscribed+
			`gone@example.org,Gus,,77,"N/A (subscribers.Unsubscribed by admin)","2021-01-01 10:00:00","May news",77,,,2,,,,,,,,,,,,"2021-01-01 10:00:00",1,2,,`+"\n"+
			`angry@example.org,,,,"The emails are spam and should be reported","2021-01-01 10:00:00",,,,,2,,,,,,,,,,,,,1,2,,`+"\n"+
			`both@example.org,,,,NORMAL,"2021-01-01 10:00:00",,,,,2,,,,,,,,,,,,,1,2,,`+"\n",
		"audience/cleaned_email_audience_export_0a1b.csv", mailchimpCleaned+`dead@example.org,,"2021-01-01 10:00:00",May,77,1,2`+"\n",
		"audience/nonsubscribed_email_audience_export_0a1b.csv", mailchimpSubscribed+mailchimpRow("shopper@example.org"),
		"__MACOSX/audience/._subscribed_email_audience_export_0a1b.csv", "\x00\x05\x16\x07")
	files, skipped, err := ImportFiles("audience.zip", archive, archive.Size())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(skipped); got != "[nonsubscribed_email_audience_export_0a1b.csv: its people never subscribed]" {
		t.Errorf("skipped %s", got)
	}
	r := ImportRequest{ListID: l.ID, FileName: "audience.zip", Files: files, Source: "Mailchimp", Confirmed: true, Who: "ada"}
	report, err := s.Import(t.Context(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p := report.ImportProgress; p != (ImportProgress{Rows: 7, Added: 1, Suppressed: 2, OptedOut: 4}) {
		t.Errorf("counts %+v (%+v)", p, report)
	}
	if got := mailable(t, d, l.ID); !slices.Equal(got, []string{"ada@example.org"}) {
		t.Errorf("mailable: %v", got)
	}
	var reasons []string
	if err := d.SelectContext(t.Context(), &reasons, `SELECT address || ' ' || reason FROM suppressions ORDER BY 1`); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(reasons, []string{"angry@example.org complaint", "dead@example.org hard_bounce"}) {
		t.Errorf("suppressions %v", reasons)
	}
	ada, subs, err := s.ByAddress(t.Context(), "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	want := subscribers.Attributes{"Address": "1 High Street  Anytown", "Phone Number": "555-1234", "NOTES": "met at the fair", "TAGS": "vip, Print"}
	if ada.Name != "Ada Lovelace" || !maps.Equal(ada.Attributes, want) {
		t.Errorf("ada %+v; want attributes %v", ada, want)
	}
	if got := subs[0].CreatedAt.UTC().Format(time.DateTime); got != "2019-05-01 10:00:00" {
		t.Errorf("on the list since %s", got)
	}
	log, err := s.ConsentLog(t.Context(), ada.ID)
	if err != nil || len(log) != 3 {
		t.Fatalf("consent log %+v, %v", log, err)
	}
	for i, want := range []string{"signed_up import Mailchimp 203.0.113.0/24 2019-05-01 10:00:00", "confirmed import Mailchimp 2001:db8:1::/48 2019-05-01 10:05:00"} {
		c := log[i]
		if got := fmt.Sprintf("%s %s %s %s %s", c.Event, c.Method, c.Source, c.Network, c.At.UTC().Format(time.DateTime)); got != want {
			t.Errorf("evidence %q; want %q", got, want)
		}
	}
	if c := log[2]; c.Event != "imported" || time.Since(c.At) > time.Hour || c.Network != "" {
		t.Errorf("the import itself: %+v", c)
	}
	// The same again changes nothing, and whoever is still called subscribed there stays away.
	again, err := s.Import(t.Context(), r, nil)
	if p := again.ImportProgress; err != nil || p != (ImportProgress{Rows: 7, Unchanged: 1, Suppressed: 2, OptedOut: 4}) {
		t.Errorf("again %+v, %v", p, err)
	}
}

// A file of people who never subscribed is refused by its name, and one of those who left is believed by it.
func TestImportFileNames(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	do := func(name, file, status string) (ImportReport, error) {
		return s.Import(t.Context(), ImportRequest{ListID: l.ID, FileName: name, Source: "x", R: strings.NewReader(file), Confirmed: true, Status: status}, nil)
	}
	if _, err := do("nonsubscribed_members_export_1.csv", mailchimpSubscribed+mailchimpRow("a@example.org"), ""); errs.KindOf(err) != errs.Invalid {
		t.Errorf("nonsubscribed: %v", err)
	}
	for _, tc := range [][3]string{{"unsubscribed_members_export_1.csv", "email\nb@example.org\n", ""}, {"cleaned_members_export_1.csv", "email\nc@example.org\n", ""},
		{"list.csv", "email,UNSUB_TIME,CLEAN_TIME\ng@example.org,2021-01-01 10:00:00,\nh@example.org,,2021-01-01 10:00:00\n", ""},
		{"list.csv", "email,status\nd@example.org,\ne@example.org,confirmed\n", "unsubscribed"}, {"list.csv", "email\nf@example.org\n", "complained"}} {
		if r, err := do(tc[0], tc[1], tc[2]); err != nil || r.OptedOut != r.Rows || r.Rows == 0 {
			t.Errorf("%s: %+v, %v", tc[0], r, err)
		}
	}
	if n := count(t, d, `SELECT count(*) FROM mailable`); n != 0 {
		t.Errorf("%d mailable", n)
	}
	if n := count(t, d, `SELECT count(*) FROM suppressions`); n != 3 {
		t.Errorf("%d suppressions; want those of c, f and h", n)
	}
	if _, err := do("x.csv", "email\na@example.org\n", "gone fishing"); errs.KindOf(err) != errs.Invalid {
		t.Errorf("unknown status: %v", err)
	}
}

func TestImportListmonk(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	report := doImport(t, s, l.ID, "uuid,email,name,attributes,status,created_at,updated_at\n"+
		`3f0c,ada@example.org,Ada,"{""city"":""Bergen"",""age"":36,""vip"":true,""tags"":[""a"",""b""],""name"":""x"",""none"":null}",enabled,2024-01-01 00:00:00+00,2024-01-02 00:00:00+00`+"\n"+
		`3f0d,bob@example.org,Bob,{},blocklisted,2024-01-01 00:00:00+00,2024-01-02 00:00:00+00`+"\n"+
		`3f0e,cat@example.org,Cat,{},disabled,2024-01-01 00:00:00+00,2024-01-02 00:00:00+00`+"\n"+
		`3f0f,dan@example.org,Dan,"[1]",enabled,,`+"\n"+
		`3f10,eve@example.org,Eve,"{""a"":1} {}",enabled,,`+"\n")
	if p := report.ImportProgress; p != (ImportProgress{Rows: 5, Added: 1, OptedOut: 2, Rejected: 2}) {
		t.Errorf("counts %+v: %+v", p, report)
	}
	if len(report.Hints) != 1 || !strings.Contains(report.Hints[0], "--status unsubscribed") {
		t.Errorf("hints %q", report.Hints)
	}
	ada, _, err := s.ByAddress(t.Context(), "ada@example.org")
	want := subscribers.Attributes{"city": "Bergen", "age": "36", "vip": "true", "tags": `["a","b"]`, "name (attribute)": "x"}
	if err != nil || !maps.Equal(ada.Attributes, want) {
		t.Errorf("attributes %v, %v; want %v", ada.Attributes, err, want)
	}
	if n := count(t, d, `SELECT count(*) FROM suppressions WHERE reason = 'manual' AND address = 'bob@example.org'`); n != 1 {
		t.Error("the blocklisted are not suppressed")
	}
	if n := count(t, d, `SELECT count(*) FROM subscriptions WHERE state = 'unsubscribed'`); n != 2 {
		t.Errorf("%d left; want 2", n)
	}
}

// SEC-14: a ZIP archive can neither reach out of itself nor grow without end.
func TestSEC14Zip(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	l := newList(t, s, "daily")
	list := "email\na@example.org\n"
	for name, tc := range map[string]struct {
		r    *bytes.Reader
		want string
	}{
		"several":        {zipOf(t, "a.csv", list, "b.csv", list), "2 CSV files"},
		"none":           {zipOf(t, "a.txt", list), "0 CSV files"},
		"cut off":        {bytes.NewReader([]byte("PK\x03\x04\x00\x00")), "cannot be read"},
		"too many":       {zipOf(t, slices.Repeat([]string{"x", ""}, maxZipFiles+1)...), "more than 10000 files"},
		"no end of them": {endlessZip(400_000), "more than 10000 files"},
		"bomb":           {zipOf(t, "a.csv", "email\n"+strings.Repeat("\n", freeGrowth+1<<20)), "times as large"},
		"outside":        {zipOf(t, `..\..\etc/../../nonsubscribed_a.csv`, list, "/tmp/../b.csv", list), ""},
		"a ZIP in it":    {zipOf(t, "a.csv", "PK\x03\x04\x00\x00\x08"), "not plain text"},
		"not the first":  {zipOf(t, "subscribed_1.csv", list, "other.csv", list), ""},
	} {
		files, _, err := ImportFiles("a.zip", tc.r, tc.r.Size())
		var report ImportReport
		if err == nil {
			report, err = s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "x", Files: files}, nil)
		}
		switch {
		case tc.want == "" && (err != nil || report.Rows != 1):
			t.Errorf("%s: %+v, %v", name, report, err)
		case tc.want != "" && (errs.KindOf(err) != errs.Invalid && errs.KindOf(err) != errs.Unavailable || !strings.Contains(errs.Public(err), tc.want)):
			t.Errorf("%s: %v; want %q", name, err, tc.want)
		}
	}
}

// endlessZip is an archive whose directory names n files of which nothing is there: each takes 47 bytes of it, and ten times that in
// memory.
func endlessZip(n int) *bytes.Reader {
	entry := make([]byte, 47)
	copy(entry, "PK\x01\x02")
	entry[28], entry[46] = 1, 'a' // a name of one letter
	end := []byte("PK\x05\x06\x00\x00\x00\x00")
	end = binary.LittleEndian.AppendUint16(end, uint16(n))
	end = binary.LittleEndian.AppendUint16(end, uint16(n))
	end = binary.LittleEndian.AppendUint32(end, uint32(n*len(entry)))
	end = append(binary.LittleEndian.AppendUint32(end, 4), 0, 0)
	return bytes.NewReader(slices.Concat([]byte("PK\x03\x04"), bytes.Repeat(entry, n), end))
}

// SEC-14: what is in an archive of a gigabyte is not looked up in as many gigabytes of memory. It counts bytes, so it is not parallel.
func TestSEC14ZipDirectory(t *testing.T) {
	archive := endlessZip(400_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := ImportFiles("a.zip", archive, archive.Size())
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) >> 20; errs.KindOf(err) != errs.Invalid || n > 64 {
		t.Errorf("%d MiB were allocated for a directory of %d MiB, %v", n, archive.Size()>>20, err)
	}
}

func TestImportMapping(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	l := newList(t, s, "daily")
	do := func(m map[string]string, file string) (ImportReport, error) {
		return s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "x", R: strings.NewReader(file), Confirmed: true, Map: m}, nil)
	}
	report, err := do(map[string]string{"E-post": "email", "Tel": "-", "Navn": "name", "Ort": "attribute:city", "Frequency": "attribute:how often", "email": "attribute:other mail"},
		"E-post,Navn,Tel,Ort,Frequency,email\nada@example.org,Ada,555,Bergen,monthly,x@example.org\n")
	if err != nil || report.Added != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	if got := strings.Join(report.Columns, "; "); got != `"E-post": email; "Navn": name; "Tel": left out; "Ort": attribute "city"; "Frequency": attribute "how often"; "email": attribute "other mail"` {
		t.Errorf("columns: %s", got)
	}
	ada, _, err := s.ByAddress(t.Context(), "ada@example.org")
	if want := (subscribers.Attributes{"city": "Bergen", "how often": "monthly", "other mail": "x@example.org"}); err != nil || ada.Name != "Ada" || !maps.Equal(ada.Attributes, want) {
		t.Errorf("%+v, %v", ada, err)
	}
	for name, tc := range map[string]struct {
		m    map[string]string
		file string
		want string
	}{
		"no such column":   {map[string]string{"Email": "email"}, "email\n", "no column"},
		"no such meaning":  {map[string]string{"a": "telephone"}, "email,a\n", "nothing that a column can hold"},
		"two addresses":    {map[string]string{"a": "email"}, "email,a\n", "twice"},
		"a column's name":  {map[string]string{"name": "attribute"}, "email,name\n", "attribute:NAME"},
		"a column's name2": {map[string]string{"a": "attribute:language"}, "email,a\n", "cannot be"},
		"no address":       {map[string]string{"email": "-"}, "email\n", "one of them must be email"},
	} {
		if _, err := do(tc.m, tc.file); errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), tc.want) {
			t.Errorf("%s: %v; want %q", name, err, tc.want)
		}
	}
}

// An implied consent ends when the file says, is prolonged by a later one, and never made of an express one.
func TestImportExpires(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	reader(t, s, l.ID, "express@example.org")
	year := time.Now().Add(365 * 24 * time.Hour).UTC().Truncate(24 * time.Hour)
	do := func(expires time.Time, file string) ImportProgress {
		r, err := s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "donations", R: strings.NewReader(file), Confirmed: true, Expires: expires}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r.ImportProgress
	}
	ends := func(address string) string {
		var at *time.Time
		if err := d.GetContext(t.Context(), &at, `SELECT sn.expires_at FROM subscriptions sn JOIN subscribers s ON s.id = sn.subscriber_id WHERE s.canonical = $1`, address); err != nil {
			t.Fatal(err)
		}
		return utc(at)
	}
	p := do(year, "email,expires_at\nnew@example.org,\nexpress@example.org,\nsoon@example.org,"+time.Now().Add(time.Hour).Format(time.RFC3339)+
		"\nover@example.org,2020-01-01\nbad@example.org,sometime\n")
	if p != (ImportProgress{Rows: 5, Added: 3, Unchanged: 1, Rejected: 1}) {
		t.Errorf("counts %+v", p)
	}
	if ends("new@example.org") != utc(&year) || ends("express@example.org") != "" || ends("over@example.org") != "2020-01-01T00:00:00Z" {
		t.Errorf("ends: new %s, express %s, over %s", ends("new@example.org"), ends("express@example.org"), ends("over@example.org"))
	}
	if got := mailable(t, d, l.ID); !slices.Equal(got, []string{"express@example.org", "new@example.org", "soon@example.org"}) {
		t.Errorf("mailable: %v", got)
	}
	later := year.AddDate(1, 0, 0)
	if p := do(later, "email\nnew@example.org\nover@example.org\nexpress@example.org\n"); p != (ImportProgress{Rows: 3, Updated: 2, Unchanged: 1}) {
		t.Errorf("prolonged: %+v", p)
	}
	if p := do(year, "email\nnew@example.org\n"); p.Unchanged != 1 || ends("new@example.org") != utc(&later) {
		t.Errorf("cut short: %+v, %s", p, ends("new@example.org"))
	}
	if p := do(time.Time{}, "email\nnew@example.org\n"); p.Unchanged != 1 || ends("new@example.org") != utc(&later) {
		t.Errorf("made express: %+v, %s", p, ends("new@example.org"))
	}
	n, _, err := s.ByAddress(t.Context(), "new@example.org")
	if got := events(t, s, n.ID); err != nil || got != "imported/import imported/import" {
		t.Errorf("consent log %q, %v", got, err)
	}
	if _, err := s.Import(t.Context(), ImportRequest{ListID: l.ID, Source: "x", R: strings.NewReader("email\n"), Expires: time.Now().Add(-time.Hour)}, nil); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a date that is over: %v", err)
	}
}

// SEC-13: what readers chose and when their consent ends makes the way through a file, too.
func TestSEC13Choices(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l, l2 := newList(t, s, "daily"), newList(t, s, "other")
	for _, list := range []int64{l.ID, l2.ID} {
		for _, slug := range []string{"sport", "culture"} {
			if _, err := d.ExecContext(t.Context(), `INSERT INTO topics (list_id, bit, slug, name) SELECT $1, count(*), $2, $2 FROM topics WHERE list_id = $1`, list, slug); err != nil {
				t.Fatal(err)
			}
		}
	}
	p := reader(t, s, l.ID, "ada@example.org")
	if _, err := d.ExecContext(t.Context(), `UPDATE subscriptions SET frequency = 'weekly', paused_until = '2999-01-02T03:04:05Z', expires_at = '2998-01-01',
		topics_off = 2 WHERE subscriber_id = $1`, p.ID); err != nil {
		t.Fatal(err)
	}
	reader(t, s, l.ID, "bob@example.org")
	if _, err := d.ExecContext(t.Context(), `UPDATE subscribers SET tracking = true WHERE id = $1`, p.ID); err != nil {
		t.Fatal(err)
	}
	var file strings.Builder
	if err := s.Export(t.Context(), l.ID, &file, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	const choices = `SELECT count(*) FROM subscriptions sn JOIN subscribers s ON s.id = sn.subscriber_id WHERE sn.list_id = $1 AND s.canonical = 'ada@example.org'
		AND frequency = 'weekly' AND paused_until = '2999-01-02T03:04:05Z' AND expires_at = '2998-01-01' AND topics_off = 2 AND tracking`
	doImport(t, s, l2.ID, file.String())
	if count(t, d, choices, l2.ID) != 1 {
		t.Error("the choices did not come along to another list")
	}
	s2, d2 := newStore(t)
	l3 := newList(t, s2, "daily")
	for i, slug := range []string{"sport", "culture"} {
		if _, err := d2.ExecContext(t.Context(), `INSERT INTO topics (list_id, bit, slug, name) VALUES ($1, $2, $3, $3)`, l3.ID, i, slug); err != nil {
			t.Fatal(err)
		}
	}
	report := doImport(t, s2, l3.ID, file.String())
	if report.Added != 2 || count(t, d2, choices, l3.ID) != 1 || count(t, d2, `SELECT count(*) FROM subscriptions WHERE frequency = 'each' AND topics_off = 0 AND paused_until IS NULL`) != 1 {
		t.Errorf("in another installation: %+v\n%s", report, file.String())
	}
}

// Mailchimp's own matters are no attributes of a reader, also in a part of its export that lacks the columns it is known by best.
func TestMailchimpsOwnColumns(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"Email Address,TIMEZONE,CC,REGION,LEID,EUID,city":                         "city",
		"Email Address,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,CC,city": "city",
		"Email Address,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,REGION":  "",
		"email,CC,REGION": "CC REGION", // anybody else's
	} {
		c, _, err := readColumns(subscribers.Policy{}, strings.Split(header, ","), nil)
		var kept []string
		for _, a := range c.attributes {
			kept = append(kept, a.name)
		}
		if got := strings.Join(kept, " "); err != nil || got != want {
			t.Errorf("%s: attributes %q, %v; want %q", header, got, err, want)
		}
	}
}
