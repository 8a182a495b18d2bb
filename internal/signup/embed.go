package signup

import (
	"html/template"
	"strings"
	"time"

	"mailer/internal/lang"
	"mailer/internal/subscribers"
)

var snippet = template.Must(template.New("snippet").Parse(`<form method="post" action="{{.Base}}{{.Path}}" data-mailer>
  <input type="hidden" name="stamp" value="{{.Stamp}}">
  <input type="hidden" name="lang" value="{{.Words.Tag}}">
{{- if .Lists}}
  <fieldset>
    <legend>{{.Words.T "page.subscribe.lists"}}</legend>
{{- range .Lists}}
    <label><input type="checkbox" name="list" value="{{.Slug}}"> {{.Name}}</label>
{{- end}}
  </fieldset>
{{- end}}
  <label for="{{.ID}}">{{.Words.T "page.subscribe.address"}}</label>
  <input id="{{.ID}}" name="address" type="email" autocomplete="email" maxlength="254" required>
  <div aria-hidden="true" style="position:absolute;left:-100vw;width:1px;height:1px;overflow:hidden">
    <label>{{.Words.T "page.subscribe.trap"}} <input type="text" name="website" tabindex="-1" autocomplete="off"></label>
  </div>
  <p>{{.Wording}}</p>
  <button>{{.Words.T "page.subscribe.button"}}</button>
</form>
<script src="{{.Base}}/subscribe.js" defer></script>
`))

// Snippet returns the form as HTML for a page of another site, which works without its script, too. Put the wording on record
// with Version before it leaves the house.
func (s *Service) Snippet(f Form, w *lang.Words) (string, error) {
	wording := f.Wording(w)
	d := struct {
		Base, Path, Stamp, ID, Wording string
		Words                          *lang.Words
		Lists                          []subscribers.List
	}{s.BaseURL, f.Path, s.Stamp(f, wording, time.Time{}), "mailer-" + f.Path[strings.LastIndexByte(f.Path, '/')+1:], wording, w, nil}
	if f.Publication != 0 {
		d.Lists = f.Lists
	}
	var b strings.Builder
	err := snippet.Execute(&b, d)
	return b.String(), err
}
