// Package newsroom is the desk's pages about what mails are made of: lists with their look, topics and sign-up, feeds, stories,
// appeals and pictures.
package newsroom

import (
	"embed"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/appeals"
	"mailer/internal/articles"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/images"
	"mailer/internal/signup"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

//go:embed pages assets
var files embed.FS

var pages = frame.Load(files)

// Deps is what the pages stand on.
type Deps struct {
	Subscribers *subscribers.Store
	Settings    *subscribers.Settings
	Tallies     *subscribers.Tallies
	Signup      *signup.Service
	Campaigns   *campaigns.Service
	Articles    *articles.Store
	Editing     *articles.Editing
	Shelf       *articles.Shelf
	Corrections *articles.Corrections
	Appeals     *appeals.Store
	Images      *images.Store
	BaseURL     string // of this service, without a trailing slash
}

// room is the handlers with what they stand on.
type room struct {
	Deps
	looks   *campaigns.Looks
	listing *campaigns.Listing
}

// Routes registers the pages.
func Routes(f *frame.Frame, d Deps) {
	n := &room{Deps: d, looks: campaigns.NewLooks(d.Campaigns), listing: campaigns.NewListing(d.Campaigns)}
	for _, name := range []string{"newsroom.css", "images.js"} {
		data, err := files.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // embedded
		}
		f.Asset(name, data)
	}
	n.listRoutes(f)
	n.feedRoutes(f)
	n.storyRoutes(f)
	n.appealRoutes(f)
	n.imageRoutes(f)
}

func (n *room) listRoutes(f *frame.Frame) {
	see, set, all := frame.OnList(accounts.Viewer), frame.OnList(accounts.Editor), frame.Everywhere(accounts.Editor)
	f.Handle("GET /admin/lists", frame.Anywhere(accounts.Viewer), n.lists)
	f.Handle("GET /admin/lists/new", all, n.newList)
	f.Handle("POST /admin/lists", all, n.createList)
	f.Handle("GET /admin/lists/{list}", see, n.list)
	f.Handle("POST /admin/lists/{list}", set, n.saveList)
	f.Handle("GET /admin/lists/{list}/look", see, n.look)
	f.Handle("POST /admin/lists/{list}/look", set.Upload(uploadLimit), n.saveLook)
	f.Handle("GET /admin/lists/{list}/look/preview", see, n.lookPreview)
	f.Handle("GET /admin/lists/{list}/look/mail", see, n.lookMail)
	f.Handle("GET /admin/lists/{list}/topics", see, n.topics)
	f.Handle("POST /admin/lists/{list}/topics", set, n.createTopic)
	f.Handle("POST /admin/lists/{list}/topics/{topic}", set, n.renameTopic)
	f.Handle("POST /admin/lists/{list}/topics/{topic}/retire", set, n.retireTopic)
	f.Handle("GET /admin/lists/{list}/signup", see, n.signup)
	f.Handle("POST /admin/lists/{list}/signup", set, n.saveSignup)
	f.Handle("POST /admin/lists/{list}/signup/embed", set, n.embedList)
	f.Handle("GET /admin/publications/new", all, n.newPublication)
	f.Handle("POST /admin/publications", all, n.createPublication)
	f.Handle("GET /admin/publications/{publication}", all, n.publication)
	f.Handle("POST /admin/publications/{publication}", all, n.savePublication)
	f.Handle("POST /admin/publications/{publication}/embed", all, n.embedPublication)
}

func (n *room) feedRoutes(f *frame.Frame) {
	see, set := frame.Anywhere(accounts.Writer), frame.Everywhere(accounts.Editor)
	f.Handle("GET /admin/feeds", see, n.feeds)
	f.Handle("POST /admin/feeds", set, n.addFeed)
	f.Handle("GET /admin/feeds/{feed}", see, n.feed)
	f.Handle("POST /admin/feeds/{feed}", set, n.changeFeed)
	f.Handle("POST /admin/feeds/{feed}/poll", see, n.pollFeed)
	f.Handle("POST /admin/feeds/{feed}/remove", set, n.removeFeed)
}

func (n *room) storyRoutes(f *frame.Frame) {
	// Stories are shared: digests of any list may take one, and send it without anybody looking at it.
	write, all := frame.Anywhere(accounts.Writer), frame.Everywhere(accounts.Writer)
	f.Handle("GET /admin/stories", write, n.stories)
	f.Handle("GET /admin/stories/import", write, n.importPage)
	f.Handle("POST /admin/stories/import", write.Upload(articles.MaxFile+spare), n.importStory)
	f.Handle("GET /admin/stories/{story}", write, n.story)
	f.Handle("POST /admin/stories/{story}", all, n.saveStory)
	f.Handle("POST /admin/stories/{story}/release", all, n.releaseStory)
}

func (n *room) appealRoutes(f *frame.Frame) {
	see, set := frame.Anywhere(accounts.Writer), frame.Anywhere(accounts.Editor)
	f.Handle("GET /admin/appeals", see, n.appeals)
	f.Handle("GET /admin/appeals/new", set, n.newAppeal)
	f.Handle("POST /admin/appeals", set, n.createAppeal)
	f.Handle("POST /admin/appeals/preview", see, n.appealMail)
	f.Handle("GET /admin/appeals/{appeal}", see, n.appeal)
	// Recipes of any list name an appeal by its short name: other words, and another address to give to, reach all of them.
	f.Handle("POST /admin/appeals/{appeal}", frame.Everywhere(accounts.Editor), n.reviseAppeal)
	f.Handle("POST /admin/appeals/{appeal}/retire", frame.Everywhere(accounts.Editor), n.retireAppeal)
}

func (n *room) imageRoutes(f *frame.Frame) {
	write := frame.Anywhere(accounts.Writer)
	f.Handle("GET /admin/images", write, n.images)
	f.Handle("POST /admin/images", write.Upload(uploadLimit), n.uploadImage)
	f.Handle("GET /admin/images/pick", write, n.pickImage)
	f.Handle("POST /admin/images/{image}", frame.Everywhere(accounts.Writer), n.describeImage)
	f.Handle("POST /admin/images/{image}/remove", frame.Everywhere(accounts.Editor), n.removeImage)
}

// spare is what a form may have beside its file.
const spare = 256 << 10

const uploadLimit = images.MaxUpload + spare

// upload returns the file of a form; data is nil where none was chosen. Errors: Invalid for one that is too large.
func upload(r *http.Request, field string, limit int64) (name string, data []byte, err error) {
	// All of it stays in memory: the body is limited, and nothing of a stranger's file touches the disk.
	if err := r.ParseMultipartForm(limit + spare); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return "", nil, errs.Field(field, "the file is larger than %d MB", limit>>20)
		}
		if errors.Is(err, http.ErrNotMultipart) {
			return "", nil, nil
		}
		return "", nil, errs.Wrap(err, errs.Invalid, "the form cannot be read; send it again")
	}
	f, head, err := r.FormFile(field)
	if errors.Is(err, http.ErrMissingFile) || err == nil && head.Size == 0 && head.Filename == "" {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, errs.Wrap(err, errs.Invalid, "the file cannot be read; choose it again")
	}
	defer f.Close()
	data, err = io.ReadAll(io.LimitReader(f, limit+1))
	return head.Filename, data, errs.Wrap(err, errs.Invalid, "the file cannot be read; choose it again")
}

// value returns a field of a form without the spaces around it.
func value(r *http.Request, name string) string { return strings.TrimSpace(r.PostFormValue(name)) }

// wrong returns the problems of a form, or the error where it is none that a form can answer.
func wrong(err error) (map[string]string, error) {
	if problems := frame.Problems(err); problems != nil {
		return problems, nil
	}
	return nil, err
}

// said returns what an error says to people, without the name of its field.
func said(err error) string {
	var e *errs.Error
	if errors.As(err, &e) && e.Kind != errs.Internal {
		return e.Msg
	}
	return errs.Public(err)
}

// showMail answers with a mail for a frame within a page of ours: its styles and pictures, and nothing that runs, is sent or leads
// anywhere; it has no origin.
func (n *room) showMail(w http.ResponseWriter, html string) error {
	frame.Foreign(w, html, frame.May{Pictures: frame.Pictures(strings.HasPrefix(n.BaseURL, "http://"))})
	return nil
}

// zones are the names that a page offers for a time zone; any other may be typed.
var zones = []string{"UTC", "Europe/London", "Europe/Dublin", "Europe/Paris", "Europe/Berlin", "Europe/Madrid", "Europe/Rome", "Europe/Zurich", "Europe/Athens",
	"Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "Asia/Kolkata", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland",
	"America/Halifax", "America/Toronto", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Vancouver", "America/Sao_Paulo"}

// moment reads what a field of type datetime-local holds, in a zone; zero where it is empty.
func moment(s string, zone *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(form, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errs.Field("published", "this is not a moment; write it like 2026-11-22T08:30")
}
