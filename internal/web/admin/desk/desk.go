// Package desk is where editors write a campaign: the list of campaigns, a new one, the page with stories, mail and preview side by
// side, and its history.
package desk

import (
	"context"
	"embed"
	"sync"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/appeals"
	"mailer/internal/articles"
	"mailer/internal/campaigns"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

//go:embed pages
var files embed.FS

//go:embed assets
var assets embed.FS

var pages = frame.Load(files)

// Deps is what the pages stand on.
type Deps struct {
	Campaigns   *campaigns.Service
	Articles    *articles.Store
	Appeals     *appeals.Store
	Subscribers *subscribers.Store
	People      *accounts.Store
	Now         func() time.Time // nil: the clock
}

type room struct {
	Deps
	shelf   *articles.Shelf
	listing *campaigns.Listing
	names   names
}

// Routes registers the pages.
func Routes(f *frame.Frame, d Deps) {
	if d.Now == nil {
		d.Now = time.Now
	}
	rm := &room{Deps: d, shelf: articles.NewShelf(d.Articles), listing: campaigns.NewListing(d.Campaigns), names: names{people: d.People, now: d.Now}}
	for _, name := range []string{"desk.css", "writing.js", "moving.js", "viewing.js"} {
		data, err := assets.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // embedded
		}
		f.Asset(name, data)
	}
	f.Handle("GET /admin/campaigns", frame.Anywhere(accounts.Viewer), rm.list)
	f.Handle("GET /admin/campaigns/new", frame.Anywhere(accounts.Writer), rm.newCampaign)
	f.Handle("POST /admin/campaigns/new", frame.Anywhere(accounts.Writer), rm.create)
	f.Handle("GET /admin/campaigns/{campaign}", frame.OnCampaign(accounts.Viewer), rm.desk)
	f.Handle("GET /admin/campaigns/{campaign}/sheet", frame.OnCampaign(accounts.Viewer), rm.sheet)
	f.Handle("POST /admin/campaigns/{campaign}/do", frame.OnCampaign(accounts.Writer), rm.do)
	f.Handle("POST /admin/campaigns/{campaign}/here", frame.OnCampaign(accounts.Writer), rm.here)
	f.Handle("GET /admin/campaigns/{campaign}/stories", frame.OnCampaign(accounts.Writer), rm.stories)
	f.Handle("GET /admin/campaigns/{campaign}/preview", frame.OnCampaign(accounts.Viewer), rm.preview)
	f.Handle("GET /admin/campaigns/{campaign}/history", frame.OnCampaign(accounts.Viewer), rm.history)
	f.Handle("POST /admin/campaigns/{campaign}/restore", frame.OnCampaign(accounts.Writer), rm.restore)
}

// names are what people are called whose addresses stand in the tables, asked for anew now and then.
type names struct {
	people *accounts.Store
	now    func() time.Time

	mu    sync.Mutex
	read  time.Time
	known map[string]string
}

// keptNames is how long a change of somebody's name may take to be seen here.
const keptNames = 30 * time.Second

// of returns the name of who did something: "you", a person's name, or what stands in the table.
func (n *names) of(ctx context.Context, v *frame.Visit, who string) string {
	switch who {
	case v.Who():
		return "you"
	case "schedule":
		return "the schedule"
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil || n.now().Sub(n.read) > keptNames {
		if all, err := n.people.All(ctx); err == nil { // else the addresses will do
			n.known, n.read = map[string]string{}, n.now()
			for _, a := range all {
				n.known[a.Email] = a.Name
			}
		}
	}
	if name := n.known[who]; name != "" {
		return name
	}
	return who
}
