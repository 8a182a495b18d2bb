package newsroom

import (
	"math"
	"net/http"
	"net/url"
	"strconv"

	"mailer/internal/errs"
	"mailer/internal/images"
	"mailer/internal/render"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// lookData is the page of how a list's mails look.
type lookData struct {
	listData
	Faces   []render.Face
	Preview preview
}

// preview is what a mail of the list looks like with what the form says.
type preview struct {
	List    subscribers.List
	URL     string // of the mail
	Verdict render.Verdict
	Enough  float64
}

func previewOf(l subscribers.List) preview {
	q := url.Values{"accent_colour": {l.AccentColour}, "paper_colour": {l.PaperColour}, "type_face": {l.TypeFace},
		"logo_url": {l.LogoURL}, "logo_width": {strconv.Itoa(l.LogoWidth)}, "logo_height": {strconv.Itoa(l.LogoHeight)}}
	return preview{l, "/admin/lists/" + l.Slug + "/look/mail?" + q.Encode(), render.Judge(l.AccentColour, l.PaperColour), render.ReadableContrast}
}

func (n *room) look(w http.ResponseWriter, _ *http.Request, v *frame.Visit) error {
	return n.showLook(w, v, http.StatusOK, *v.List, nil, "")
}

func (n *room) showLook(w http.ResponseWriter, v *frame.Visit, status int, l subscribers.List, problems map[string]string, was string) error {
	d := lookData{n.data(v, l, "look"), render.Faces, previewOf(l)}
	if d.Problems = problems; was != "" {
		d.Was = was
	}
	return v.PageStatus(w, status, pages, "look.html", listHead(*v.List, "Look"), d)
}

// looked reads the fields of the look over a list.
func looked(get func(string) string, l subscribers.List) subscribers.List {
	l.AccentColour, l.PaperColour, l.TypeFace = get("accent_colour"), get("paper_colour"), get("type_face")
	address, wide, high := get("logo_url"), l.LogoWidth, l.LogoHeight
	if address != l.LogoURL {
		wide, high = 0, 0
	}
	if w, err := strconv.Atoi(get("logo_width")); err == nil {
		if h, err := strconv.Atoi(get("logo_height")); err == nil && h > 0 && (wide == 0 || h != high) {
			high = h
		} else if wide > 0 { // only the width was changed
			high = max(1, int(math.Round(float64(high)*float64(w)/float64(wide))))
		}
		wide = w
	}
	l.LogoURL, l.LogoWidth, l.LogoHeight = address, wide, high
	return l
}

// saveLook saves colours, fonts and logo; a file that comes along becomes the logo.
func (n *room) saveLook(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	name, data, err := upload(r, "logo", images.MaxUpload)
	get := func(name string) string { return value(r, name) }
	l := looked(get, *v.List)
	if err == nil && data != nil {
		var img images.Image
		if img, err = n.Images.Add(r.Context(), images.Upload{Name: name, Data: data, Alt: l.Name}, v.Who()); err == nil {
			l.LogoURL = n.Images.URL(img)
			l.LogoWidth, l.LogoHeight = logoSize(img.Width, img.Height)
		} else if problems := frame.Problems(err); problems["file"] != "" {
			err = errs.Field("logo", "%s", problems["file"])
		}
	}
	if get("logo_none") == "on" && data == nil {
		l.LogoURL = ""
	}
	if err == nil {
		if l, err = n.Settings.Save(r.Context(), l, get("was"), v.Who()); err == nil {
			return v.Done(w, r, "/admin/lists/"+v.List.Slug+"/look", "Saved. This is how its mails look from now on.")
		}
		l = looked(get, *v.List)
	}
	problems, err := wrong(err)
	if err != nil {
		return err
	}
	return n.showLook(w, v, http.StatusBadRequest, l, problems, get("was"))
}

// logoSize is how large a new logo is shown: half its pixels where it has plenty, since fine screens have two dots for each, and no
// larger than a masthead has room for.
func logoSize(w, h int) (int, int) {
	scale := min(1, 240/float64(w), 96/float64(h))
	return max(1, int(math.Round(float64(w)*scale))), max(1, int(math.Round(float64(h)*scale)))
}

// lookPreview is the part of the page that shows the mail, for what the form says at the moment.
func (n *room) lookPreview(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return v.Part(w, pages, "look-preview", previewOf(looked(r.URL.Query().Get, *v.List)))
}

// lookMail is a real mail of the list, with what the address says of its look.
func (n *room) lookMail(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	l := *v.List
	if r.URL.RawQuery != "" {
		l = looked(r.URL.Query().Get, l)
	}
	mail, err := n.looks.Mail(r.Context(), l)
	if err != nil {
		return n.showMail(w, "<!doctype html><title>No preview</title><p>This cannot be shown: "+escaped(said(err)))
	}
	return n.showMail(w, mail.HTML)
}
