package newsroom

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/errs"
	"mailer/internal/images"
	"mailer/internal/web/admin/frame"
)

// pictured is an image with its address.
type pictured struct {
	images.Image
	URL string
}

// imagesData is the page of the pictures.
type imagesData struct {
	Images      []pictured
	Next, First string
	Removes     bool
	Describes   bool
	New         string // hash of one that was just uploaded
	Problems    map[string]string
}

const perPage = 24

// recent returns a page of images, and what names the next one.
func (n *room) recent(r *http.Request, after string) (list []pictured, next string, err error) {
	var before *images.Before
	if after != "" {
		micro, hash, _ := strings.Cut(after, "-")
		t, err := strconv.ParseInt(micro, 10, 64)
		if err != nil || t < 0 {
			return nil, "", errs.New(errs.NotFound, "there is no such page")
		}
		before = &images.Before{At: time.UnixMicro(t), Hash: hash}
	}
	all, err := n.Images.Recent(r.Context(), before, perPage+1)
	for i, img := range all {
		if i == perPage {
			last := all[perPage-1]
			next = strconv.FormatInt(last.CreatedAt.UnixMicro(), 10) + "-" + last.Hash
			break
		}
		list = append(list, pictured{img, n.Images.URL(img)})
	}
	return list, next, err
}

func (n *room) images(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return n.showImages(w, r, v, http.StatusOK, imagesData{New: r.URL.Query().Get("new")})
}

func (n *room) showImages(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, d imagesData) error {
	after := r.URL.Query().Get("after")
	list, next, err := n.recent(r, after)
	if err != nil {
		return err
	}
	d.Images, d.Removes, d.Describes = list, v.Account.Everywhere() >= accounts.Editor, v.Account.Everywhere() >= accounts.Writer
	if next != "" {
		d.Next = "/admin/images?after=" + next
	}
	if after != "" {
		d.First = "/admin/images"
	}
	h := frame.Head{Title: "Pictures", Nav: "stories", Crumbs: []frame.Link{{Name: "Stories", URL: "/admin/stories"}}, Styles: []string{"newsroom.css"}}
	return v.PageStatus(w, status, pages, "images.html", h, d)
}

// uploadImage takes a picture in. Asked by htmx it answers with the choice of pictures, the new one first.
func (n *room) uploadImage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	name, data, err := upload(r, "file", images.MaxUpload)
	if err == nil && data == nil {
		err = errs.Field("file", "choose a picture first")
	}
	var img images.Image
	if err == nil {
		img, err = n.Images.Add(r.Context(), images.Upload{Name: name, Data: data, Alt: value(r, "alt"), Credit: value(r, "credit")}, v.Who())
	}
	if err == nil {
		if v.HTMX {
			return n.pick(w, r, v)
		}
		return v.Done(w, r, "/admin/images?new="+img.Hash, "The picture is here: %d × %d pixels, %d kB.", img.Width, img.Height, (img.Size+1023)/1024)
	}
	if v.HTMX {
		if problems := frame.Problems(err); problems["file"] != "" {
			return errs.New(errs.Invalid, "%s", problems["file"])
		}
		return err
	}
	problems, err := wrong(err)
	if err != nil {
		return err
	}
	return n.showImages(w, r, v, http.StatusBadRequest, imagesData{Problems: problems})
}

// pickImage is the choice of pictures as a part of other pages.
func (n *room) pickImage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return n.pick(w, r, v)
}

func (n *room) pick(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	list, _, err := n.recent(r, "")
	if err != nil {
		return err
	}
	return v.Part(w, pages, "image-pick", list)
}

func (n *room) describeImage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if _, err := n.Images.Describe(r.Context(), r.PathValue("image"), value(r, "alt"), value(r, "credit"), v.Who()); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/images", "Saved. Mails that were made before keep what they say.")
}

func (n *room) removeImage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := n.Images.Remove(r.Context(), r.PathValue("image"), v.Who()); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/images", "The picture is off the web. In mails that have it there is nothing in its place.")
}
