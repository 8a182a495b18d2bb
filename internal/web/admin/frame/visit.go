package frame

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/subscribers"
)

// Visit is one request of one person.
type Visit struct {
	Account  accounts.Account
	List     *subscribers.List // of routes that belong to a list
	Campaign int64             // of routes that belong to a campaign
	Digest   string            // slug, of routes that belong to a digest
	HTMX     bool              // a part of the page is asked for, not a page
	Machine  bool              // asked with an API token

	frame   *Frame
	request *http.Request
	zone    *time.Location
}

// Who names the person for the rooms and the audit log.
func (v *Visit) Who() string { return v.Account.Email }

// Can reports whether the person has a role on a list.
func (v *Visit) Can(list int64, r accounts.Role) bool { return v.Account.Role(list) >= r }

// May reports whether the person has a role, named as in templates, on the list of the route, or on some list where the
// route belongs to none.
func (v *Visit) May(role string) bool {
	r, err := accounts.ParseRole(role)
	if err != nil {
		return false
	}
	if v.List != nil {
		return v.Can(v.List.ID, r)
	}
	return v.Account.Anywhere() >= r
}

// Lists returns the lists on which the person has a role, by name.
func (v *Visit) Lists(ctx context.Context, r accounts.Role) ([]subscribers.List, error) {
	all, err := v.frame.Lists.Lists(ctx)
	if err != nil {
		return nil, err
	}
	mine := slices.DeleteFunc(all, func(l subscribers.List) bool { return !v.Can(l.ID, r) })
	slices.SortFunc(mine, func(a, b subscribers.List) int {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return mine, nil
}

// Zone returns the time zone that the person reads times in: their own, else that of the list at hand, else that of the first of
// their lists, else UTC.
func (v *Visit) Zone() *time.Location {
	if v.zone != nil {
		return v.zone
	}
	name := v.Account.TimeZone
	if name == "" && v.List != nil {
		name = v.List.TimeZone
	}
	if name == "" && v.Account.ID != 0 {
		if lists, err := v.Lists(v.request.Context(), accounts.Viewer); err == nil && len(lists) > 0 {
			name = lists[0].TimeZone
		}
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		zone = time.UTC
	}
	v.zone = zone
	return zone
}

// InboxURL returns where the mail catcher of development shows its mails; empty in production.
func (v *Visit) InboxURL() string { return v.frame.InboxURL }

// Done answers a form that was accepted: the page to goes up, with a notice.
func (v *Visit) Done(w http.ResponseWriter, r *http.Request, to, notice string, args ...any) error {
	if notice != "" {
		v.frame.Sessions.Flash(r.Context(), fmt.Sprintf(notice, args...))
	}
	v.Go(w, r, to)
	return nil
}

// Go sends the browser to another page after a form.
func (v *Visit) Go(w http.ResponseWriter, r *http.Request, to string) {
	if v.HTMX {
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// Notice shows a sentence with a part of a page. Call it before the part is written.
func (v *Visit) Notice(w http.ResponseWriter, format string, args ...any) {
	notice(w, "good", fmt.Sprintf(format, args...))
}

// Event raises an event in the page with a part of it, such as "campaign-changed". Call it before the part is written; it does not
// go together with Notice.
func (v *Visit) Event(w http.ResponseWriter, name string, detail any) {
	trigger(w, map[string]any{name: detail})
}

func notice(w http.ResponseWriter, kind, text string) {
	trigger(w, map[string]any{"notice": map[string]string{"kind": kind, "text": text}})
}

// trigger writes events into a header of htmx, in ASCII as headers are. Those that stand there already stay.
func trigger(w http.ResponseWriter, events map[string]any) {
	if had := w.Header().Get("HX-Trigger"); had != "" {
		before := map[string]any{}
		if json.Unmarshal([]byte(had), &before) == nil {
			for k, e := range before {
				if _, again := events[k]; !again {
					events[k] = e
				}
			}
		}
	}
	data, err := json.Marshal(events)
	if err != nil {
		return
	}
	var b strings.Builder
	for _, r := range string(data) {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	w.Header().Set("HX-Trigger", b.String())
}
