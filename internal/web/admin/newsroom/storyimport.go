package newsroom

import (
	"net/http"
	"strconv"

	"mailer/internal/articles"
	"mailer/internal/errs"
	"mailer/internal/web/admin/frame"
)

// importData is the page that takes stories in.
type importData struct {
	URL, Text string
	Problems  map[string]string
}

// importedData says what was made of a file.
type importedData struct {
	Story      articles.Article
	Created    bool
	Recognised []string
	Appeal     *articles.ParsedAppeal
}

func importHead(title string) frame.Head {
	return frame.Head{Title: title, Nav: "stories", Crumbs: []frame.Link{{Name: "Stories", URL: "/admin/stories"}}, Styles: []string{"newsroom.css"}}
}

func (n *room) importPage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return v.Page(w, pages, "import.html", importHead("Import a story"), importData{URL: r.URL.Query().Get("url")})
}

// importStory takes in the story at an address, of a file, or of a text that was copied.
func (n *room) importStory(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	name, data, err := upload(r, "file", articles.MaxFile)
	d := importData{URL: value(r, "url"), Text: r.PostFormValue("text")}
	var done importedData
	switch {
	case err != nil:
	case data != nil:
		done, err = n.take(r, v, name, data, "file")
	case d.URL != "":
		done.Story, done.Created, err = n.Editing.FromURL(r.Context(), d.URL, v.Who())
		if k := errs.KindOf(err); k == errs.Denied || k == errs.Unavailable || k == errs.NotFound || k == errs.Invalid {
			err = errs.Field("url", "%s", said(err))
		}
		if err == nil {
			what := "was here already"
			if done.Created {
				what = "is here"
			}
			return v.Done(w, r, storyURL(done.Story.ID), "The story %s. Look it over: this is what mails say of it.", what)
		}
	case d.Text != "":
		done, err = n.take(r, v, "pasted.txt", []byte(d.Text), "text")
	default:
		err = errs.Field("", "Give an address, choose a file, or paste a text.")
	}
	if err == nil {
		return v.Page(w, pages, "imported.html", importHead("Imported"), done)
	}
	if d.Problems, err = wrong(err); err != nil {
		return err
	}
	return v.PageStatus(w, http.StatusBadRequest, pages, "import.html", importHead("Import a story"), d)
}

// take parses a file and keeps its story. field is the input that what is wrong belongs to.
func (n *room) take(r *http.Request, v *frame.Visit, name string, data []byte, field string) (d importedData, err error) {
	parsed, err := articles.ParseFile(name, data, articles.Overrides{Zone: v.Zone()})
	if err == nil {
		d.Recognised, d.Appeal = parsed.Recognised, parsed.Appeal
		d.Story, d.Created, err = n.Editing.Import(r.Context(), parsed, v.Who())
	}
	if errs.KindOf(err) == errs.Invalid {
		err = errs.Field(field, "%s", said(err))
	}
	return d, err
}

func storyURL(id int64) string { return "/admin/stories/" + strconv.FormatInt(id, 10) }
