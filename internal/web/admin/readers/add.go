package readers

import (
	"net/http"
	"time"

	"mailer/internal/accounts"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// adding is the form for one new reader.
type adding struct {
	Address, Name, Language, List, Source, Wording, Expires string
	Confirmed                                               bool
	ListOptions                                             []frame.Option
	Problems                                                map[string]string
}

func (rm *room) newReader(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.showAdding(w, r, v, http.StatusOK, adding{Address: r.URL.Query().Get("address"), List: r.URL.Query().Get("list")})
}

func (rm *room) showAdding(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, d adding) error {
	lists, err := v.Lists(r.Context(), accounts.Editor)
	if err != nil {
		return err
	}
	d.ListOptions = listOptions(lists, "")
	if _, ok := listBySlug(lists, d.List); !ok {
		d.List = ""
	}
	return v.PageStatus(w, status, pages, "add.html", headOf("Add a reader"), d)
}

func (rm *room) addReader(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	lists, err := v.Lists(r.Context(), accounts.Editor)
	if err != nil {
		return err
	}
	form := r.PostFormValue
	d := adding{Address: form("address"), Name: form("name"), Language: form("language"), List: form("list"), Source: form("source"), Wording: form("wording"),
		Expires: form("expires"), Confirmed: form("confirmed") != ""}
	l, ok := listBySlug(lists, d.List)
	if !ok {
		d.Problems = map[string]string{"list": "Choose a list."}
		return rm.showAdding(w, r, v, http.StatusBadRequest, d)
	}
	req := subscribers.AddRequest{Address: d.Address, Name: d.Name, Language: d.Language, Confirmed: d.Confirmed, Source: d.Source, Wording: d.Wording,
		Narrow: v.Account.Everywhere() < accounts.Editor}
	if d.Expires != "" {
		if req.Expires, err = time.Parse(time.DateOnly, d.Expires); err != nil {
			d.Problems = map[string]string{"expires": "Write a day like 2027-01-31."}
			return rm.showAdding(w, r, v, http.StatusBadRequest, d)
		}
	}
	added, asked, err := rm.Signup.AddReader(r.Context(), l, req, v.Who())
	if d.Problems = frame.Problems(err); d.Problems != nil {
		return rm.showAdding(w, r, v, errs.KindOf(err).HTTPStatus(), d)
	} else if err != nil {
		return err
	}
	to := "/admin/readers"
	if added.Subscriber.ID != 0 {
		to = here(added.Subscriber)
	}
	switch {
	case added.Suppressed:
		d.Problems = map[string]string{"address": "They were not added: nothing may be mailed to this address (" + subscribers.WhyNot(added.Reason) + "). Only they can change that, by signing up themselves."}
		return rm.showAdding(w, r, v, http.StatusConflict, d)
	case asked:
		return v.Done(w, r, to, "They were asked by mail to confirm, and get %s once they have.", l.Name)
	case added.NeedsConfirm:
		return v.Done(w, r, to, "They were asked to confirm before; a person is asked once a day, and three times in all.")
	case added.Created:
		return v.Done(w, r, to, "They get %s from the next edition on.", l.Name)
	}
	return v.Done(w, r, to, "They were on %s already.", l.Name)
}
