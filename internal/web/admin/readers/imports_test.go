package readers_test

import (
	"bufio"
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

// upload sends a file as a browser does, and returns the address of its page.
func upload(t *testing.T, r *admintest.Rig, c *admintest.Client, name, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte(content))
	_ = w.Close()
	req, err := http.NewRequestWithContext(t.Context(), "POST", r.Base+"/admin/imports", &b)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, cookie := range c.Cookies() {
		req.AddCookie(cookie)
	}
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("upload: %d", res.StatusCode)
	}
	return res.Header.Get("Location")
}

// over opens the page of a file once nothing is under way with it.
func over(t *testing.T, c *admintest.Client, page string) admintest.Page {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		p := c.Get(page)
		if p.Status != 200 {
			t.Fatalf("%s: %d\n%s", page, p.Status, said(p))
		}
		if !strings.Contains(p.Body, "data-events") {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not end:\n%s", said(p))
		}
	}
}

func TestImports(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t).Newsroom()
	ines := r.Client(r.Person("Ines", accounts.Editor))
	const file = "E-post;Namn;Ort;Plan\r\nann@reader.example;Ann;Oslo;=1+1\r\nbo@reader.example;Bo;Bergen;free\r\nnot an address;;;\r\n"
	page := upload(t, r, ines, `..\..\Läsare "x".csv`, file)
	p := ines.Get(page)
	for _, want := range []string{"Läsare", "E-post", "Oslo · Bergen", "Into which list"} {
		if !strings.Contains(p.Body, want) {
			t.Errorf("the page of a file does not say %q:\n%s", want, said(p))
		}
	}
	folder := filepath.Join(r.Config.Home, "imports")
	if files, err := os.ReadDir(folder); err != nil || len(files) != 2 {
		t.Errorf("files in the folder: %v, %v", files, err)
	}
	if fi, err := os.Stat(folder); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("others can look into the folder: %v, %v", fi.Mode(), err)
	}

	form := url.Values{"list": {r.List.Slug}, "act": {"import"}, "c0": {"email"}, "c1": {"name"}, "c3": {"-"}}
	if p := ines.Post(page, form); p.Status != 400 || !strings.Contains(p.Body, "whether these people agreed") {
		t.Errorf("nobody said whether they agreed: %d\n%s", p.Status, said(p))
	}
	form.Set("agreed", "yes")
	if p := ines.Post(page, form); p.Status != 400 || !strings.Contains(p.Body, `id="f-source-problem"`) || count(t, r, `SELECT count(*) FROM imports WHERE file_name LIKE '%.csv' AND source = ''`) != 0 {
		t.Errorf("without a source: %d\n%s", p.Status, said(p))
	}
	form.Set("source", "the fair")
	form.Set("c2", "nothing such")
	if p := ines.Post(page, form); p.Status != 400 || !strings.Contains(p.Body, "nothing that a column can hold") {
		t.Errorf("a wrong mapping: %d\n%s", p.Status, said(p))
	}
	form.Set("c2", "attribute")
	form.Set("c2n", "city")
	form.Set("act", "try")
	ines.Post(page, form)
	p = over(t, ines, page)
	if !strings.Contains(p.Body, "What an import would do") || !strings.Contains(said(p), "2 new on the list") || !strings.Contains(said(p), "1 not taken") || count(t, r, `SELECT count(*) FROM subscribers WHERE canonical LIKE '%@reader.example' AND name IN ('Ann', 'Bo')`) != 0 {
		t.Errorf("a dry run:\n%s", said(p))
	}
	if m := ines.Get(page + "/mend.csv"); m.Status != 200 || !strings.Contains(m.Body, "4,rejected,not an address,") || !strings.HasPrefix(m.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("rows to mend: %d %s", m.Status, m.Body)
	}
	// SEC-06: a file belongs to who brought it, and to those who may import into every list.
	otto := r.Client(r.Person("Otto", accounts.Editor, r.List.ID))
	for _, path := range []string{page, page + "/mend.csv", page + "/events", "/admin/imports/../secret", "/admin/imports/" + strings.Repeat("0", 32)} {
		if p := otto.Get(path); p.Status != 404 {
			t.Errorf("SEC-06: %s of somebody else: %d", path, p.Status)
		}
	}
	if p := otto.Post(page+"/delete", nil); p.Status != 404 {
		t.Errorf("SEC-06: deleted by somebody else: %d", p.Status)
	}

	form.Set("act", "import")
	ines.Post(page, form)
	p = over(t, ines, page)
	if !strings.Contains(p.Body, "What came of it") || !strings.Contains(said(p), "2 new on the list") {
		t.Errorf("an import:\n%s", said(p))
	}
	ann, subs, err := r.Subscribers.ByAddress(t.Context(), "ann@reader.example")
	if err != nil || ann.Name != "Ann" || ann.Attributes["city"] != "Oslo" || len(ann.Attributes) != 1 || len(subs) != 1 || subs[0].State != subscribers.Confirmed || subs[0].Source != "the fair" {
		t.Errorf("ann: %+v %+v %v", ann, subs, err)
	}
	if n := count(t, r, `SELECT count(*) FROM audit_log WHERE actor = 'ines@example.org' AND action = 'subscribers.import'`); n != 1 {
		t.Error("SEC-25: nothing in the audit log")
	}
	if files, _ := filepath.Glob(filepath.Join(folder, "*.data")); len(files) != 0 {
		t.Errorf("the file is still there: %v", files)
	}
	if p := ines.Post(page, form); p.Status != 409 && !strings.Contains(p.Body, "upload it again") {
		t.Errorf("imported twice: %d", p.Status)
	}
	if p := ines.Get("/admin/imports"); !strings.Contains(p.Body, "the fair") || !strings.Contains(p.Body, "Imported") {
		t.Errorf("the list of imports:\n%s", said(p))
	}
	if p := ines.Post(page+"/delete", nil); p.Status != 200 || ines.Get(page).Status != 404 {
		t.Errorf("not deleted: %d", p.Status)
	}
}

// An import that is under way tells how far it is, can be stopped, and gone on with.
func TestImportProgress(t *testing.T) {
	t.Parallel()
	r := admintest.Open(t)
	list, err := r.Subscribers.CreateList(t.Context(), subscribers.List{Slug: "daily", Name: "The Daily", FromAddress: "news@paper.example"})
	if err != nil {
		t.Fatal(err)
	}
	ines := r.Client(r.Person("Ines", accounts.Editor))
	var file strings.Builder
	file.WriteString("email\n")
	const n = 30_000
	for i := range n {
		fmt.Fprintf(&file, "r%d@reader.example\n", i)
	}
	page := upload(t, r, ines, "many.csv", file.String())
	// Somebody holds the table, so that the import is under way until it is let go.
	hold, err := r.DB.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold.Exec(`LOCK TABLE subscribers IN SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	form := url.Values{"list": {"daily"}, "act": {"import"}, "agreed": {"yes"}, "source": {"the fair"}}
	if p := ines.Post(page, form); p.Status != 200 || !strings.Contains(p.Body, "data-events") {
		t.Fatalf("begun: %d\n%s", p.Status, said(p))
	}
	if p := ines.Post(page, form); p.Status != 409 && !strings.Contains(p.Body, "being imported already") {
		t.Errorf("begun twice: %d\n%s", p.Status, said(p))
	}
	if p := ines.Post(page+"/delete", nil); p.Status != 409 {
		t.Errorf("deleted while it is read: %d", p.Status)
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", r.Base+page+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range ines.Cookies() {
		req.AddCookie(cookie)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	events := bufio.NewScanner(res.Body)
	await := func(line string) {
		t.Helper()
		for events.Scan() {
			if events.Text() == line {
				return
			}
		}
		t.Fatalf("no %q: %v", line, events.Err())
	}
	await("event: progress")
	if p := ines.Post(page+"/stop", nil); p.Status != 200 {
		t.Errorf("stop: %d", p.Status)
	}
	await("event: reload")
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	p := over(t, ines, page)
	if !strings.Contains(p.Body, "It ended early") {
		t.Errorf("stopped:\n%s", said(p))
	}
	// Nothing was merged, so there is nothing to go on with; it begins anew.
	ines.Post(page, form)
	over(t, ines, page)
	if got := count(t, r, `SELECT count(*) FROM subscriptions WHERE list_id = $1 AND state = 'confirmed'`, list.ID); got != n {
		t.Errorf("%d readers; want %d", got, n)
	}
}
