package readers

import (
	"net/http"
	"strings"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/config"
	"mailer/internal/delivery"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

type relaysPage struct {
	Relays []relayLine
	Slowed []delivery.Slowed
	Lanes  []laneLine
	Own    bool // whoever looks may act
	Inbox  bool // there is none: a mail catcher takes its place
}

// relayLine is a relay with its state in words.
type relayLine struct {
	delivery.RelayView
	Badge, Note string
	On          string // lists that it carries
}

// laneLine is the limits of a provider.
type laneLine struct {
	Provider string
	delivery.Limits
	Set bool // other than usual
}

func (rm *room) relays(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	views, err := rm.Relays(r.Context())
	if err != nil {
		return err
	}
	d := relaysPage{Own: v.Account.Everywhere() >= accounts.Owner, Inbox: len(views) == 0}
	for _, view := range views {
		d.Relays = append(d.Relays, lineOf(view, rm.Now()))
	}
	if d.Slowed, err = rm.Delivery.Slowed(r.Context()); err != nil {
		return err
	}
	for _, provider := range subscribers.Providers() {
		usual, now := delivery.LimitsOf("", provider, nil), delivery.LimitsOf("", provider, rm.LaneLimits)
		d.Lanes = append(d.Lanes, laneLine{provider, now, usual != now})
	}
	return v.Page(w, pages, "relays.html", frame.Head{Title: "Relays", Nav: "relays", Styles: []string{"readers.css"}}, d)
}

func lineOf(view delivery.RelayView, now time.Time) relayLine {
	l := relayLine{RelayView: view, On: strings.Join(view.Lists, ", ")}
	switch {
	case view.NotInConfig:
		l.Badge, l.Note = "off", "Not in this configuration any more; senders with another one may still use it."
	case view.Processes == 0:
		l.Badge, l.Note = "off", "No sender runs at the moment."
	case view.State == delivery.RelayOK:
		l.Badge = "ok"
	case view.State == delivery.RelayCapped:
		l.Badge, l.Note = "paused", "Its messages of today are sent; it goes on at midnight (UTC)."
	default:
		l.Badge, l.Note = "failing", "It cannot be used."
		if view.RetryAt != nil && view.RetryAt.After(now) {
			l.Note = "It cannot be used; the next try is " + frame.Ago(*view.RetryAt, now) + "."
		}
	}
	return l
}

func (rm *room) resumeLane(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	relay, provider := r.PostFormValue("relay"), r.PostFormValue("provider")
	if err := rm.Delivery.LaneActs().Resume(r.Context(), relay, provider, v.Who()); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/relays", "Mail for %s goes at full speed over %s again.", provider, relay)
}

// settings shows what is set and where it comes from. Config.Entries hides secrets; nothing else is asked.
func (rm *room) settings(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	d := struct {
		Production bool
		File       string
		Entries    []config.Entry
	}{rm.Config.Production, rm.Config.File, rm.Config.Entries()}
	return v.Page(w, pages, "settings.html", frame.Head{Title: "Settings", Nav: "settings", Styles: []string{"readers.css"}}, d)
}
