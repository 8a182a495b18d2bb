package newsroom

import (
	"net/http"
	"strconv"

	"mailer/internal/accounts"
	"mailer/internal/lang"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// lists shows the lists that a person may see, with what each still needs before it can send.
func (n *room) lists(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	mine, err := v.Lists(r.Context(), accounts.Viewer)
	if err != nil {
		return err
	}
	tallies, err := n.Tallies.All(r.Context())
	if err != nil {
		return err
	}
	publications, err := n.Subscribers.Publications.All(r.Context())
	if err != nil {
		return err
	}
	type row struct {
		subscribers.List
		Readers, Pending int64
		Publication      string
		Lacks            []string
	}
	rows := make([]row, len(mine))
	for i, l := range mine {
		t := tallies[l.ID]
		rows[i] = row{l, t.Readers(), t.Pending, "", l.Missing()}
		for _, p := range publications {
			if l.PublicationID != nil && *l.PublicationID == p.ID {
				rows[i].Publication = p.Name
			}
		}
	}
	all := v.Account.Everywhere() >= accounts.Editor
	return v.Page(w, pages, "lists.html", frame.Head{Title: "Lists", Nav: "lists"}, struct {
		Lists        []row
		Publications []subscribers.Publication
		All          bool
	}{rows, publications, all})
}

// listData is what the pages of one list have in common.
type listData struct {
	List     subscribers.List
	Tab      string
	New      bool
	Editable bool
	Was      string
	Problems map[string]string
	Lacks    []string

	Publications []frame.Option
	Zones        []string
	Languages    []frame.Option
}

// data gathers what the pages of one list have in common.
func (n *room) data(v *frame.Visit, l subscribers.List, tab string) listData {
	return listData{List: l, Tab: tab, Editable: v.Can(l.ID, accounts.Editor), Was: subscribers.ListVersion(l), Lacks: l.Missing()}
}

func listHead(l subscribers.List, title string, styles ...string) frame.Head {
	h := frame.Head{Title: l.Name, Nav: "lists", Crumbs: []frame.Link{{Name: "Lists", URL: "/admin/lists"}}, Styles: append([]string{"newsroom.css"}, styles...)}
	if title != "" {
		h.Title = title + " · " + l.Name
		h.Crumbs = append(h.Crumbs, frame.Link{Name: l.Name, URL: "/admin/lists/" + l.Slug})
	}
	return h
}

// choices fills what a list can be set to.
func (n *room) choices(r *http.Request, d *listData) error {
	all, err := n.Subscribers.Publications.All(r.Context())
	if err != nil {
		return err
	}
	d.Publications = []frame.Option{{Value: "", Label: "None"}}
	for _, p := range all {
		d.Publications = append(d.Publications, frame.Option{Value: strconv.FormatInt(p.ID, 10), Label: p.Name})
	}
	d.Zones = zones
	for _, tag := range lang.Tags {
		d.Languages = append(d.Languages, frame.Option{Value: tag, Label: map[string]string{"en": "English", "fr": "French"}[tag] + " (" + tag + ")"})
	}
	return nil
}

// list shows who a list's mail comes from and what it says of its publisher.
func (n *room) list(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	d := n.data(v, *v.List, "list")
	if err := n.choices(r, &d); err != nil {
		return err
	}
	return v.Page(w, pages, "list.html", listHead(d.List, ""), d)
}

func (n *room) newList(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	d := listData{New: true, Editable: true, List: subscribers.List{Language: "en", TimeZone: v.Zone().String()}}
	if err := n.choices(r, &d); err != nil {
		return err
	}
	return v.Page(w, pages, "listnew.html", newListHead, d)
}

var newListHead = frame.Head{Title: "New list", Nav: "lists", Crumbs: []frame.Link{{Name: "Lists", URL: "/admin/lists"}}, Styles: []string{"newsroom.css"}}

func (n *room) createList(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	l := identity(r, subscribers.List{Slug: value(r, "slug")})
	saved, err := n.Settings.Create(r.Context(), l, v.Who())
	if err == nil {
		return v.Done(w, r, "/admin/lists/"+saved.Slug+"/look", "%s is made. Next: how its mails look.", saved.Name)
	}
	d := listData{New: true, Editable: true, List: l}
	if d.Problems, err = wrong(err); err != nil {
		return err
	}
	if err := n.choices(r, &d); err != nil {
		return err
	}
	return v.PageStatus(w, http.StatusBadRequest, pages, "listnew.html", newListHead, d)
}

func (n *room) saveList(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	l := identity(r, *v.List)
	saved, err := n.Settings.Save(r.Context(), l, value(r, "was"), v.Who())
	if err == nil {
		return v.Done(w, r, "/admin/lists/"+saved.Slug, "Saved. Mails that are made from now on say so.")
	}
	d := n.data(v, l, "list")
	d.Was = value(r, "was")
	if d.Problems, err = wrong(err); err != nil {
		return err
	}
	if err := n.choices(r, &d); err != nil {
		return err
	}
	return v.PageStatus(w, http.StatusBadRequest, pages, "list.html", listHead(*v.List, ""), d)
}

// identity reads the fields of the first page of a list over what it is; others of the form count for nothing.
func identity(r *http.Request, l subscribers.List) subscribers.List {
	for name, to := range map[string]*string{
		"name": &l.Name, "description": &l.Description, "from_name": &l.FromName, "from_address": &l.FromAddress, "reply_to": &l.ReplyTo,
		"envelope_domain": &l.EnvelopeDomain, "legal_name": &l.LegalName, "postal_address": &l.PostalAddress, "contact": &l.Contact,
		"home_url": &l.HomeURL, "reason": &l.Reason, "language": &l.Language, "time_zone": &l.TimeZone,
	} {
		*to = value(r, name)
	}
	l.PublicationID = nil
	if id, err := strconv.ParseInt(value(r, "publication_id"), 10, 64); err == nil && id > 0 {
		l.PublicationID = &id
	}
	return l
}
