// Package readers is the part of the desk about people who get mail, and how it gets to them: readers, segments, imports and exports,
// suppressions, relays and lanes, settings.
package readers

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/audience"
	"mailer/internal/config"
	"mailer/internal/delivery"
	"mailer/internal/privacy"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
	"mailer/internal/transfer"
	"mailer/internal/web/admin/frame"
)

// Deps is what the pages stand on.
type Deps struct {
	Config      *config.Config
	Subscribers *subscribers.Store
	Transfer    *transfer.Store
	Imports     *transfer.Desk
	Audience    *audience.Store
	Delivery    *delivery.Store
	Privacy     *privacy.Service
	Signup      *signup.Service
	// Relays returns the relays as they are set and as the senders find them.
	Relays     func(context.Context) ([]delivery.RelayView, error)
	LaneLimits []delivery.LaneLimits // those of the configuration
	Now        func() time.Time
	Log        *slog.Logger
}

//go:embed pages
var files embed.FS

//go:embed assets/readers.css
var css []byte

var pages = frame.Load(files)

type room struct {
	Deps
	f *frame.Frame
}

// Routes registers the pages.
func Routes(f *frame.Frame, d Deps) {
	rm := &room{d, f}
	f.Asset("readers.css", css)
	editor, everywhere, owner := frame.Anywhere(accounts.Editor), frame.Everywhere(accounts.Editor), frame.Everywhere(accounts.Owner)

	f.Handle("GET /admin/readers", editor, rm.search)
	f.Handle("GET /admin/reader/new", editor, rm.newReader)
	f.Handle("POST /admin/reader/new", editor, rm.addReader)
	f.Handle("GET /admin/readers/{reader}", editor, rm.reader)
	f.Handle("POST /admin/readers/{reader}/unsubscribe", editor, rm.unsubscribe)
	f.Handle("POST /admin/readers/{reader}/suppress", everywhere, rm.suppressReader)
	f.Handle("POST /admin/readers/{reader}/erase", everywhere, rm.erase)
	f.Handle("POST /admin/readers/{reader}/data", everywhere, rm.data)
	f.Handle("GET /admin/lists/{list}/readers.csv", frame.OnList(accounts.Editor).Machine().Long(), rm.export)

	f.Handle("GET /admin/segments", everywhere, rm.segments)
	f.Handle("GET /admin/segment/new", everywhere, rm.newSegment)
	f.Handle("POST /admin/segment/new", everywhere, rm.createSegment)
	f.Handle("GET /admin/segment/try", everywhere, rm.trySegment)
	f.Handle("GET /admin/segments/{segment}", everywhere, rm.segment)
	f.Handle("POST /admin/segments/{segment}", everywhere, rm.saveSegment)
	f.Handle("POST /admin/segments/{segment}/delete", everywhere, rm.deleteSegment)

	f.Handle("GET /admin/imports", editor, rm.imports)
	f.Handle("POST /admin/imports", editor.Upload(transfer.MaxUpload+1<<20), rm.upload)
	f.Handle("GET /admin/imports/{file}", editor, rm.file)
	f.Handle("POST /admin/imports/{file}", editor, rm.startImport)
	f.Handle("POST /admin/imports/{file}/stop", editor, rm.stopImport)
	f.Handle("POST /admin/imports/{file}/delete", editor, rm.dropFile)
	f.Handle("GET /admin/imports/{file}/events", editor.Long(), rm.importEvents)
	f.Handle("GET /admin/imports/{file}/mend.csv", editor.Long(), rm.mend)

	f.Handle("GET /admin/suppressions", everywhere, rm.suppressions)
	f.Handle("POST /admin/suppressions", everywhere, rm.suppress)
	f.Handle("POST /admin/suppressions/lift", everywhere, rm.lift)

	f.Handle("GET /admin/relays", everywhere, rm.relays)
	f.Handle("POST /admin/relays/resume", owner, rm.resumeLane)
	f.Handle("GET /admin/settings", owner, rm.settings)
}

// oneOf returns v where it is among those that are allowed, else "". What comes in an address is never passed on as it is.
func oneOf(v string, allowed ...string) string {
	for _, a := range allowed {
		if v == a {
			return v
		}
	}
	return ""
}

// listIDs are the numbers of lists; nil for somebody who may see all of them, also people on no list.
func listIDs(v *frame.Visit, lists []subscribers.List) []int64 {
	if v.Account.Everywhere() >= accounts.Editor {
		return nil
	}
	ids := []int64{}
	for _, l := range lists {
		ids = append(ids, l.ID)
	}
	return ids
}

// listOptions are lists to choose from; first is what stands for none of them, where it is not empty.
func listOptions(lists []subscribers.List, first string) []frame.Option {
	var options []frame.Option
	if first != "" {
		options = append(options, frame.Option{Label: first})
	}
	for _, l := range lists {
		options = append(options, frame.Option{Value: l.Slug, Label: l.Name})
	}
	return options
}

// listBySlug returns one of lists.
func listBySlug(lists []subscribers.List, slug string) (l subscribers.List, ok bool) {
	for _, l := range lists {
		if l.Slug == slug {
			return l, true
		}
	}
	return l, false
}
