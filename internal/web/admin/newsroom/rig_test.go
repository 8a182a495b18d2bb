package newsroom_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"mailer/internal/accounts"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/admintest"
)

// desk is the newsroom with an editor of everything, a writer of the list, and what they do.
type desk struct {
	*admintest.Rig
	*testing.T
	editor, writer *admintest.Client
	list           string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	r := admintest.Open(t).Newsroom()
	return &desk{r, t, r.Client(r.Person("Edith", accounts.Editor)), r.Client(r.Person("Will", accounts.Writer, r.List.ID)), "/admin/lists/" + r.List.Slug}
}

// want asserts a status and what a page says.
func (d *desk) want(p admintest.Page, status int, says ...string) admintest.Page {
	d.Helper()
	if p.Status != status {
		d.Errorf("%s: %d; want %d\n%s", p.URL, p.Status, status, p.Body[:min(len(p.Body), 3000)])
	}
	for _, s := range says {
		if !strings.Contains(p.Body, s) {
			d.Errorf("%s does not say %q", p.URL, s)
		}
	}
	return p
}

func (d *desk) text(query string, args ...any) (s string) {
	d.Helper()
	if err := d.DB.GetContext(d.Context(), &s, query, args...); err != nil {
		d.Fatalf("%s: %v", query, err)
	}
	return s
}

// form returns the fields of the page's form that posts to an address, as a browser would send them.
func (d *desk) form(p admintest.Page, change url.Values) url.Values {
	d.Helper()
	v := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="(?:hidden|text|color|url|datetime-local)"[^>]* name="([^"]+)"(?: value="([^"]*)")?`).FindAllStringSubmatch(p.Body, -1) {
		v.Set(m[1], unescape(m[2]))
	}
	for _, m := range regexp.MustCompile(`(?s)<textarea[^>]* name="([^"]+)"[^>]*>\n(.*?)</textarea>`).FindAllStringSubmatch(p.Body, -1) {
		v.Set(m[1], strings.ReplaceAll(unescape(m[2]), "\n", "\r\n"))
	}
	for _, m := range regexp.MustCompile(`(?s)<select[^>]* name="([^"]+)".*?<option value="([^"]*)" selected`).FindAllStringSubmatch(p.Body, -1) {
		v.Set(m[1], m[2])
	}
	for k, with := range change {
		v[k] = with
	}
	return v
}

func unescape(s string) string {
	return strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&#43;", "+", "&amp;", "&").Replace(s)
}

// upload posts a form with a file.
func (d *desk) upload(c *admintest.Client, path, field, name string, data []byte, form url.Values) admintest.Page {
	d.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k := range form {
		if err := w.WriteField(k, form.Get(k)); err != nil {
			d.Fatal(err)
		}
	}
	part, err := w.CreateFormFile(field, name)
	if err == nil {
		_, err = part.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		d.Fatal(err)
	}
	req, err := http.NewRequestWithContext(d.Context(), http.MethodPost, d.Base+path, &b)
	if err != nil {
		d.Fatal(err)
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, ck := range c.Cookies() {
		req.AddCookie(ck)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		d.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		d.Fatal(err)
	}
	return admintest.Page{Status: res.StatusCode, Header: res.Header, Body: string(body), URL: path}
}

func picture(t *testing.T, w, h int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	img.Set(1, 1, color.NRGBA{200, 30, 30, 255})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// likeList is a list that can send.
func (d *desk) likeList(slug string) subscribers.List {
	return subscribers.List{Slug: slug, Name: "The " + slug, FromAddress: slug + "@paper.org", LegalName: "Paper Ltd", PostalAddress: "1 Street", Contact: "hello@paper.org", AccentColour: "#1f4e79"}
}
