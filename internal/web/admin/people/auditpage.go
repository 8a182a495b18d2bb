package people

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mailer/internal/audit"
	"mailer/internal/web/admin/frame"
)

// auditLine is one entry as the page shows it.
type auditLine struct {
	At             time.Time
	Actor, Action  string
	Subject, About string // About is the page of the subject, empty where it has none
	Detail         []pair
}

type pair struct{ Name, Value string }

// aboutPages are the pages of what entries are about, by the first word of the subject.
var aboutPages = map[string]string{"campaign": "/admin/campaigns/", "list": "/admin/lists/", "account": "/admin/people/", "digest": "/admin/digests/", "subscriber": "/admin/readers/"}

func lines(entries []audit.Entry) []auditLine {
	all := make([]auditLine, 0, len(entries))
	for _, e := range entries {
		l := auditLine{At: e.At, Actor: e.Actor, Action: e.Action, Subject: e.Subject}
		if kind, name, ok := strings.Cut(e.Subject, " "); ok && aboutPages[kind] != "" && !strings.Contains(name, " ") {
			l.About = aboutPages[kind] + url.PathEscape(name)
		}
		l.Detail = pairs(e.Detail)
		all = append(all, l)
	}
	return all
}

// pairs makes the detail of an entry readable.
func pairs(detail json.RawMessage) (all []pair) {
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(detail))
	d.UseNumber()
	if d.Decode(&m) != nil {
		return nil
	}
	for name, v := range m {
		text := fmt.Sprint(v)
		switch x := v.(type) {
		case nil:
			text = ""
		case string:
			text = x
		case []any:
			parts := make([]string, len(x))
			for i, e := range x {
				parts[i] = fmt.Sprint(e)
			}
			text = strings.Join(parts, ", ")
		case map[string]any:
			if b, err := json.Marshal(x); err == nil {
				text = string(b)
			}
		}
		if text != "" {
			all = append(all, pair{strings.ReplaceAll(name, "_", " "), text})
		}
	}
	slices.SortFunc(all, func(a, b pair) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// auditView is the page of the audit log.
type auditView struct {
	Lines         []auditLine
	Actors, Kinds []frame.Option
	Filter        audit.Filter
	Filtered      bool
	Next, First   string
}

const auditPageSize = 60

func (p *rooms) auditPage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	ctx, q := r.Context(), r.URL.Query()
	f := audit.Filter{Actor: q.Get("who"), Kind: q.Get("kind"), Subject: strings.TrimSpace(q.Get("about")), Limit: auditPageSize + 1}
	f.Before, _ = strconv.ParseInt(q.Get("before"), 10, 64) // what is no number is the first page
	entries, err := audit.Search(ctx, p.DB, f)
	if err != nil {
		return err
	}
	view := auditView{Filter: f, Filtered: f.Actor+f.Kind+f.Subject != ""}
	here := "/admin/audit?" + url.Values{"who": {f.Actor}, "kind": {f.Kind}, "about": {f.Subject}}.Encode()
	if len(entries) > auditPageSize {
		entries = entries[:auditPageSize]
		view.Next = frame.With(here, "before", strconv.FormatInt(entries[auditPageSize-1].ID, 10))
	}
	if f.Before > 0 {
		view.First = here
	}
	view.Lines = lines(entries)
	actors, kinds, err := audit.Names(ctx, p.DB)
	if err != nil {
		return err
	}
	view.Actors, view.Kinds = choices("Everybody", actors, f.Actor), choices("Everything", kinds, f.Kind)
	return v.Page(w, p.pages, "audit.html", frame.Head{Title: "Audit log", Nav: "audit", Styles: styles}, view)
}

// choices are options of a filter; one that was asked for is among them.
func choices(all string, names []string, asked string) []frame.Option {
	options := []frame.Option{{Value: "", Label: all}}
	if asked != "" && !slices.Contains(names, asked) {
		names = append(names, asked)
	}
	for _, n := range names {
		options = append(options, frame.Option{Value: n, Label: n})
	}
	return options
}
