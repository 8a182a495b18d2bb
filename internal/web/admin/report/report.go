// Package report has the pages of the desk about what came of sends and how lists grow. Every plot stands beside a table with the same
// numbers, and every page can be had as CSV.
package report

import (
	"embed"
	"encoding/json"
	"io"
	"mime"
	"net/http"

	"mailer/internal/accounts"
	"mailer/internal/articles"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/reports"
	"mailer/internal/web/admin/frame"
)

//go:embed pages
var files embed.FS

//go:embed assets/report.css
var css []byte

//go:embed assets/report.js
var js []byte

var pages = frame.Load(files)

// Deps is what the pages stand on.
type Deps struct {
	Reports     *reports.Store
	Articles    *articles.Store
	Corrections *campaigns.Corrections
}

type desk struct {
	Deps
}

// Routes registers the pages of reports.
func Routes(f *frame.Frame, d Deps) {
	p := &desk{d}
	f.Asset("report.css", css)
	f.Asset("report.js", js)
	f.Handle("GET /admin/reports", frame.Anywhere(accounts.Viewer), p.overview)
	f.Handle("GET /admin/reports.csv", frame.Anywhere(accounts.Viewer).Machine(), p.overviewCSV)
	f.Handle("GET /admin/lists/{list}/report", frame.OnList(accounts.Viewer), p.list)
	f.Handle("GET /admin/lists/{list}/report.csv", frame.OnList(accounts.Viewer).Machine(), p.listCSV)
	f.Handle("GET /admin/campaigns/{campaign}/report", frame.OnCampaign(accounts.Viewer), p.campaign)
	f.Handle("GET /admin/campaigns/{campaign}/report.csv", frame.OnCampaign(accounts.Viewer).Machine(), p.campaignCSV)
	f.Handle("GET /admin/stories/{story}/correct", frame.Anywhere(accounts.Editor), p.correctForm)
	f.Handle("POST /admin/stories/{story}/correct", frame.Anywhere(accounts.Editor), p.correct)
	f.Handle("POST /admin/corrections/{correction}/take-back", frame.Anywhere(accounts.Editor), p.takeBack)
	f.Handle("POST /admin/corrections/{correction}/mail", frame.Anywhere(accounts.Editor), p.mail)
}

// head is that of a page with plots.
func head(title, nav string, crumbs ...frame.Link) frame.Head {
	return frame.Head{Title: title, Nav: nav, Crumbs: crumbs, Styles: []string{"uplot.css", "report.css"}, Scripts: []string{"uplot.js", "report.js"}}
}

// download answers with a CSV file.
func download(w http.ResponseWriter, name string, write func(io.Writer) error) error {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name + ".csv"}))
	return errs.Wrap(write(w), errs.Internal, "write the CSV file")
}

// plot is what a script makes a plot of. Kind: lines, steps or bars.
type plot struct {
	Kind   string    `json:"kind"`
	X      []int64   `json:"x"` // seconds since 1970
	Zone   string    `json:"zone"`
	Days   bool      `json:"days,omitempty"` // X are days
	Series []plotted `json:"series"`
}

type plotted struct {
	Name   string  `json:"name"`
	Colour string  `json:"colour"` // name of a colour of the frame: good, warn, bad, accent, soft
	Dash   bool    `json:"dash,omitempty"`
	Values []int64 `json:"values"`
}

// JSON is the plot as an attribute of its place has it.
func (p plot) JSON() (string, error) {
	data, err := json.Marshal(p)
	return string(data), err
}
