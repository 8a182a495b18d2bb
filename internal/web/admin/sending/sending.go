// Package sending is where editors start a campaign and watch it go: the typed number of readers, the undo window, the first slice,
// live progress, pause and cancel, what it waits for, doubts, a fix, late joiners; and the breaking alert.
package sending

import (
	"embed"
	"fmt"
	"net/http"
	"sync"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/delivery"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

//go:embed pages
var files embed.FS

//go:embed assets/sending.css
var style []byte

var pages = frame.Load(files)

// Deps is what the pages stand on.
type Deps struct {
	Campaigns   *campaigns.Service
	Delivery    *delivery.Store
	Subscribers *subscribers.Store
	Now         func() time.Time // nil: the clock
}

type room struct {
	Deps
	sends    *campaigns.Sends
	fixes    *campaigns.Fixes
	alerts   *campaigns.Alerts
	controls *delivery.Controls
	waves    *delivery.Waves
	glimpses *delivery.Glimpses

	mu     sync.Mutex
	gauges map[int64]*gauge // of campaigns that somebody watches
	frame  *frame.Frame
}

// Routes registers the pages.
func Routes(f *frame.Frame, d Deps) {
	if d.Now == nil {
		d.Now = time.Now
	}
	rm := &room{Deps: d, sends: campaigns.NewSends(d.Campaigns), fixes: campaigns.NewFixes(d.Campaigns), alerts: campaigns.NewAlerts(d.Campaigns),
		controls: delivery.NewControls(d.Delivery), waves: delivery.NewWaves(d.Delivery), glimpses: delivery.NewGlimpses(d.Delivery),
		gauges: map[int64]*gauge{}, frame: f}
	f.Asset("sending.css", style)
	see, write, send := frame.OnCampaign(accounts.Viewer), frame.OnCampaign(accounts.Writer), frame.OnCampaign(accounts.Editor)
	const base = "/admin/campaigns/{campaign}/send"
	f.Handle("GET "+base, see, rm.page)
	f.Handle("GET /admin/campaigns/{campaign}/events", see.Long(), rm.events)
	f.Handle("POST "+base+"/start", send, rm.start)
	f.Handle("POST "+base+"/schedule", send, rm.schedule)
	f.Handle("POST "+base+"/undo", send, rm.undo)
	f.Handle("POST "+base+"/pause", send, rm.pause)
	f.Handle("POST "+base+"/resume", send, rm.resume)
	f.Handle("POST "+base+"/release", send, rm.release)
	f.Handle("POST "+base+"/cancel", send, rm.cancel)
	f.Handle("POST "+base+"/doubts", send, rm.decide)
	f.Handle("GET "+base+"/late", send, rm.late)
	f.Handle("POST "+base+"/late", send, rm.addLate)
	f.Handle("GET "+base+"/fix", write, rm.fix)
	f.Handle("POST "+base+"/fix", write, rm.writeFix)
	f.Handle("POST "+base+"/fix/drop", write, rm.dropFix)
	f.Handle("GET "+base+"/fix/preview", write, rm.previewFix)
	f.Handle("POST "+base+"/fix/release", send, rm.releaseFix)
	f.Handle("GET /admin/alert", frame.Anywhere(accounts.Editor), rm.alertPage)
	f.Handle("POST /admin/alert", frame.Anywhere(accounts.Editor), rm.makeAlert)
	f.Handle("GET /admin/alert/{campaign}", send, rm.alert)
	f.Handle("POST /admin/alert/{campaign}", send, rm.editAlert)
	f.Handle("POST /admin/alert/{campaign}/send", send, rm.sendAlert)
	f.Handle("GET /admin/lists/{list}/alerts", frame.OnList(accounts.Viewer), rm.alertSettings)
	f.Handle("POST /admin/lists/{list}/alerts", frame.OnList(accounts.Editor), rm.saveAlertSettings)
}

// sendPage is the address of a campaign's page here.
func sendPage(id int64) string { return fmt.Sprintf("/admin/campaigns/%d/send", id) }

// head is what the pages of a campaign have around them.
func head(c campaigns.Campaign) frame.Head {
	title := c.Subject
	if title == "" {
		title = c.Name
	}
	return frame.Head{Title: "Send: " + title, Nav: "campaigns", Crumbs: []frame.Link{{Name: "Campaigns", URL: "/admin/campaigns"}}, Styles: []string{"sending.css"}}
}

// refused answers a form that was not accepted: 400, or 409 when the world was quicker.
func refused(err error) int {
	if status := statusOf(err); status == http.StatusConflict {
		return status
	}
	return http.StatusBadRequest
}
