package sending

import (
	"fmt"
	"net/http"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// progressView is the page of a launched campaign; its parts are sent anew as they change.
type progressView struct {
	Campaign campaigns.Campaign
	List     string
	Look     look
	May      bool // pause, resume, cancel, decide
	MayWrite bool
	Base     string
	Events   string
	Doubts   []doubt
	Waves    []delivery.Wave
	Fixes    []campaigns.Fix
	FixOpen  bool
	Fixable  bool // there is somebody left whom a fix could reach
	Alert    bool
}

// doubt is a reader of whom it is not known whether the mail arrived.
type doubt struct {
	Seq      int64
	Address  string // masked
	Provider string
	Said     string
	At       time.Time
}

// maxDoubts is how many are shown, and decided about, at once.
const maxDoubts = 50

func (rm *room) progress(w http.ResponseWriter, r *http.Request, v *frame.Visit, c campaigns.Campaign) error {
	view, err := rm.progressOf(r, v, true)
	if err != nil {
		return err
	}
	ctx := r.Context()
	view.Campaign = c
	if view.Waves, err = rm.waves.List(ctx, c.ID); err != nil {
		return err
	}
	if view.Fixes, err = rm.fixes.Released(ctx, c.ID); err != nil {
		return err
	}
	open, err := rm.fixes.Open(ctx, c.ID)
	if err != nil {
		return err
	}
	view.FixOpen = open.ID != 0
	if view.Alert, err = rm.alerts.Is(ctx, c.ID); err != nil {
		return err
	}
	return v.Page(w, pages, "progress.html", head(c), view)
}

// progressOf reads what the live parts show.
func (rm *room) progressOf(r *http.Request, v *frame.Visit, now bool) (view progressView, err error) {
	ctx, id := r.Context(), v.Campaign
	view = progressView{Campaign: campaigns.Campaign{ID: id, State: campaigns.Launched}, List: v.List.Name, Base: sendPage(id), Events: fmt.Sprintf("/admin/campaigns/%d/events", id),
		May: v.Can(v.List.ID, accounts.Editor), MayWrite: v.Can(v.List.ID, accounts.Writer)}
	if view.Look, err = rm.look(ctx, id, now); err != nil {
		return view, err
	}
	view.Fixable = !view.Look.Over() && (view.Look.Balance.Queued > 0 || !view.Look.Complete)
	if view.Look.Balance.Unknown == 0 || !view.May {
		return view, nil
	}
	doubts, err := rm.Delivery.Doubts(ctx, id, true, 0, maxDoubts)
	for _, d := range doubts {
		view.Doubts = append(view.Doubts, doubt{Seq: d.Seq, Address: subscribers.Mask(d.Address), Provider: d.Provider, Said: delivery.MaskReply(d.Reply), At: d.At})
	}
	return view, err
}

// events sends the live parts of the page as they change, until the send is over. Whoever comes back gets all of them at once, so a
// broken connection loses nothing.
func (rm *room) events(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	view, err := rm.progressOf(r, v, true)
	if err != nil {
		return err
	}
	ev, err := rm.frame.Events(w, r, v)
	if err != nil {
		return nil // the page has gone
	}
	over, sent := view.Look.Over(), map[string]string{}
	for {
		for _, part := range [...]struct{ name, key string }{
			{"send-figures", fmt.Sprint(view.Look.Balance, view.Look.Rate, view.Look.Left.Round(time.Second), view.Look.Refused, view.Look.Glimpse)},
			{"send-controls", fmt.Sprint(view.Look.State, view.Look.Reason, view.Look.UndoUntil != nil, view.Look.Slice, view.Look.SliceSize != nil, view.Fixable)},
			{"send-waits", fmt.Sprint(view.Look.Waits)},
			{"send-doubts", fmt.Sprint(view.Look.Balance.Unknown, len(view.Doubts))},
		} {
			if had, was := sent[part.name]; was && had == part.key {
				continue
			}
			sent[part.name] = part.key
			if err := ev.Part(part.name, pages, part.name, view); err != nil {
				return nil // the page has gone
			}
		}
		if view.Look.Over() {
			ev.Done()
			return nil
		}
		if !ev.Wait(time.Second, nil) {
			return nil
		}
		view, err = rm.progressOf(r, v, false)
		switch {
		case errs.KindOf(err) == errs.NotFound || err == nil && view.Look.Over() != over:
			_ = ev.Send("reload", "") // taken back, or at its end: another page
			return nil
		case err != nil:
			return nil // the page asks again
		}
	}
}

// Reason says in words why readers were refused.
func (v progressView) Reason(class string) string {
	if words, ok := reasons[class]; ok {
		return words
	}
	return class
}

// Past are the readers who need not be thought of any more.
func (v progressView) Past() int64 { return v.Look.Balance.Audience - v.Look.Balance.Open() }

// PerSecond is the rate in words.
func (v progressView) PerSecond() string {
	switch rate := v.Look.Rate; {
	case rate <= 0:
		return ""
	case rate < 10:
		return fmt.Sprintf("%.1f a second", rate)
	default:
		return fmt.Sprintf("%.0f a second", rate)
	}
}

var reasons = map[string]string{
	"hard": "no such mailbox", "inactive": "mailbox disabled", "full": "mailbox full", "block": "refused for our reputation or what it says",
	"sender": "our sender or message is at fault", "size": "message too large", "unsupported": "address not supported by the relay", "auth": "the relay wants us to log in",
	"render": "could not be built for this reader", "transient": "trouble at their server", "greylist": "asked to come back later", "": "another reason",
}

// Waiting are the readers whose turn has not come, or who are being sent to.
func (v progressView) Waiting() int64 { return v.Look.Balance.Queued + v.Look.Balance.Claimed }

// Shown is how many readers in doubt are named.
func (v progressView) Shown() int64 { return int64(len(v.Doubts)) }
