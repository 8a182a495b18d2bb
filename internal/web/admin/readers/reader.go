package readers

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"mailer/internal/accounts"
	"mailer/internal/errs"
	"mailer/internal/privacy"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// one is the page of one reader.
type one struct {
	Reader   subscribers.Subscriber
	On       []subscribers.Subscription // those that may be seen
	Names    map[string]string
	History  privacy.History
	All      bool // whoever looks may act on all lists
	Knows    bool // attributes are shown
	Problems map[string]string
	Reason   string
	Detail   string

	ReasonOptions []frame.Option
}

var head = frame.Head{Nav: "readers", Styles: []string{"readers.css"}, Crumbs: []frame.Link{{Name: "Readers", URL: "/admin/readers"}}}

func headOf(title string) frame.Head {
	h := head
	h.Title = title
	return h
}

// find returns the reader of a route with the subscriptions that may be seen. Somebody on none of the lists of whoever asks does not
// exist for them.
func (rm *room) find(r *http.Request, v *frame.Visit) (p subscribers.Subscriber, on []subscribers.Subscription, err error) {
	missing := errs.New(errs.NotFound, "there is no such reader; perhaps they were erased")
	id, err := strconv.ParseInt(r.PathValue("reader"), 10, 64)
	if err != nil {
		return p, nil, missing
	}
	p, all, err := rm.Subscribers.Get(r.Context(), id)
	if errs.KindOf(err) == errs.NotFound {
		return p, nil, missing
	} else if err != nil {
		return p, nil, err
	}
	for _, sn := range all {
		if v.Can(sn.ListID, accounts.Editor) {
			on = append(on, sn)
		}
	}
	if len(on) == 0 && v.Account.Everywhere() < accounts.Editor {
		return subscribers.Subscriber{}, nil, missing
	}
	return p, on, nil
}

func (rm *room) reader(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.showReader(w, r, v, http.StatusOK, one{})
}

func (rm *room) showReader(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, d one) (err error) {
	if d.Reader, d.On, err = rm.find(r, v); err != nil {
		return err
	}
	lists, err := v.Lists(r.Context(), accounts.Editor)
	if err != nil {
		return err
	}
	id, err := rm.Subscribers.Records().Find(r.Context(), d.Reader.ID)
	if err != nil {
		return err
	}
	if d.History, err = rm.Privacy.History(r.Context(), id, listIDs(v, lists)); err != nil {
		return err
	}
	d.ReasonOptions = reasonOptions(byHand)
	d.All, d.Names = v.Account.Everywhere() >= accounts.Editor, map[string]string{}
	// What other lists know of a reader is not told to who has merely added their address: see subscribers.Known.
	d.Knows = d.All || slices.ContainsFunc(d.On, func(sn subscribers.Subscription) bool { return sn.ConfirmedAt != nil })
	for _, l := range lists {
		d.Names[l.Slug] = l.Name
	}
	return v.PageStatus(w, status, pages, "reader.html", headOf(d.Reader.Address), d)
}

func here(p subscribers.Subscriber) string { return "/admin/readers/" + strconv.FormatInt(p.ID, 10) }

func (rm *room) unsubscribe(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	p, _, err := rm.find(r, v)
	if err != nil {
		return err
	}
	lists, err := v.Lists(r.Context(), accounts.Editor)
	if err != nil {
		return err
	}
	l, ok := listBySlug(lists, r.PostFormValue("list"))
	if !ok {
		return errs.New(errs.NotFound, "there is no such list")
	}
	changed, err := rm.Subscribers.Acts().Unsubscribe(r.Context(), p.ID, l, v.Who())
	if err != nil {
		return err
	}
	if !changed {
		return v.Done(w, r, here(p), "They had left %s already.", l.Name)
	}
	return v.Done(w, r, here(p), "They get nothing more of %s.", l.Name)
}

func (rm *room) suppressReader(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	p, _, err := rm.find(r, v)
	if err != nil {
		return err
	}
	d := one{Reason: r.PostFormValue("reason"), Detail: r.PostFormValue("detail")}
	changed, err := rm.Subscribers.Acts().Suppress(r.Context(), p.ID, d.Reason, d.Detail, v.Who())
	if d.Problems = frame.Problems(err); d.Problems != nil {
		return rm.showReader(w, r, v, errs.KindOf(err).HTTPStatus(), d)
	} else if err != nil {
		return err
	}
	if !changed {
		return v.Done(w, r, here(p), "That address is suppressed for this reason already.")
	}
	return v.Done(w, r, here(p), "Nothing is mailed to this address any more.")
}

// erase wants the address typed: it cannot be taken back.
func (rm *room) erase(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	p, _, err := rm.find(r, v)
	if err != nil {
		return err
	}
	if !strings.EqualFold(strings.TrimSpace(r.PostFormValue("typed")), p.Address) {
		return errs.New(errs.Invalid, "the address was not typed as it is, so nothing was erased")
	}
	id, err := rm.Subscribers.Records().Find(r.Context(), p.ID)
	if err != nil {
		return err
	}
	begun, err := rm.Privacy.Erase(r.Context(), id, v.Who())
	if err != nil && !begun {
		return err
	}
	if err != nil {
		rm.Log.Error("an erasure broke off; it is gone on with", "err", err)
		return v.Done(w, r, "/admin/readers", "They get no more mail. The erasure itself goes on by itself within minutes.")
	}
	return v.Done(w, r, "/admin/readers", "The reader is erased. What stays is a hash of the address, by which it is not mailed again.")
}

// data hands out all that is known of a reader, for them.
func (rm *room) data(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	p, _, err := rm.find(r, v)
	if err != nil {
		return err
	}
	report, err := rm.Privacy.Handout(r.Context(), p.ID, v.Who())
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return errs.Wrap(err, errs.Internal, "write what is known of a reader")
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="reader-`+strconv.FormatInt(p.ID, 10)+`.json"`)
	_, _ = w.Write(b) // who asked may have gone
	return nil
}
