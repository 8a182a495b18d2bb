package review

import (
	"net/http"
	"strconv"
	"strings"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// groupsPage is the saved groups, and the form of one of them.
type groupsPage struct {
	Groups   []savedGroup
	Lists    []frame.Option
	Form     groupForm
	Problems map[string]string
}

type savedGroup struct {
	campaigns.ProofGroup
	For string // name of the list
	May bool   // whoever looks may change it
}

type groupForm struct {
	ID                    int64
	Name, List, Addresses string
}

var errNoGroup = errs.New(errs.NotFound, "there is no such group")

// mayChange reports whether a person may change groups of a list; nil: those for every list.
func mayChange(v *frame.Visit, list *int64) bool {
	if list == nil {
		return v.Account.Everywhere() >= accounts.Writer
	}
	return v.Can(*list, accounts.Writer)
}

func (rm *room) groups(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.showGroups(w, r, v, http.StatusOK, groupForm{}, nil)
}

// group shows the groups with one of them in the form.
func (rm *room) group(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	g, err := rm.mine(r, v)
	if err != nil {
		return err
	}
	form := groupForm{ID: g.ID, Name: g.Name, Addresses: strings.Join(g.Addresses, "\n")}
	return rm.showGroups(w, r, v, http.StatusOK, form, nil)
}

// mine returns the group of the address if the person may change it; to others it does not exist.
func (rm *room) mine(r *http.Request, v *frame.Visit) (campaigns.ProofGroup, error) {
	n, err := strconv.ParseInt(r.PathValue("group"), 10, 64)
	if err != nil {
		return campaigns.ProofGroup{}, errNoGroup
	}
	g, err := rm.Campaigns.Reviews.Group(r.Context(), n)
	if err == nil && !mayChange(v, g.ListID) {
		return campaigns.ProofGroup{}, errNoGroup
	}
	return g, err
}

func (rm *room) showGroups(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, form groupForm, problems map[string]string) error {
	lists, err := v.Lists(r.Context(), accounts.Writer)
	if err != nil {
		return err
	}
	d := groupsPage{Form: form, Problems: problems}
	if mayChange(v, nil) {
		d.Lists = append(d.Lists, frame.Option{Label: "Every list"})
	}
	names, ids := map[int64]string{}, []int64{}
	for _, l := range lists {
		names[l.ID], ids = l.Name, append(ids, l.ID)
		d.Lists = append(d.Lists, frame.Option{Value: l.Slug, Label: l.Name})
	}
	saved, err := rm.Campaigns.Reviews.Groups(r.Context(), ids...)
	if err != nil {
		return err
	}
	for _, g := range saved {
		s := savedGroup{ProofGroup: g, For: "every list", May: mayChange(v, g.ListID)}
		if g.ListID != nil {
			s.For = names[*g.ListID]
		}
		d.Groups = append(d.Groups, s)
	}
	return v.PageStatus(w, status, pages, "groups.html", frame.Head{Title: "Groups for proofs", Nav: "campaigns",
		Crumbs: []frame.Link{{Name: "Campaigns", URL: "/admin/campaigns"}}, Styles: []string{"review.css"}}, d)
}

func (rm *room) saveGroup(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	form := groupForm{Name: r.FormValue("name"), List: r.FormValue("list"), Addresses: r.FormValue("addresses")}
	g := campaigns.ProofGroup{Name: form.Name, Addresses: []string{form.Addresses}}
	if r.PathValue("group") != "" {
		was, err := rm.mine(r, v)
		if err != nil {
			return err
		}
		g.ID, g.ListID, form.ID = was.ID, was.ListID, was.ID
	} else if err := rm.forList(r, v, form.List, &g); err != nil {
		return rm.wrongGroup(w, r, v, form, err)
	}
	g, err := rm.Campaigns.Reviews.SaveGroup(r.Context(), g, v.Who())
	if err != nil {
		return rm.wrongGroup(w, r, v, form, err)
	}
	return v.Done(w, r, "/admin/proofs", "The group “%s” is saved.", g.Name)
}

// forList says which list a new group is for.
func (rm *room) forList(r *http.Request, v *frame.Visit, slug string, g *campaigns.ProofGroup) error {
	if slug != "" {
		lists, err := v.Lists(r.Context(), accounts.Writer)
		if err != nil {
			return err
		}
		for _, l := range lists {
			if l.Slug == slug {
				g.ListID = &l.ID
				return nil
			}
		}
		return errs.Field("list", "there is no list %q that you write for", slug)
	}
	if !mayChange(v, nil) {
		return errs.Field("list", "choose one of your lists")
	}
	return nil
}

func (rm *room) wrongGroup(w http.ResponseWriter, r *http.Request, v *frame.Visit, form groupForm, err error) error {
	if problems := frame.Problems(err); problems != nil {
		return rm.showGroups(w, r, v, errs.KindOf(err).HTTPStatus(), form, problems)
	}
	return err
}

func (rm *room) removeGroup(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	g, err := rm.mine(r, v)
	if err != nil {
		return err
	}
	if err := rm.Campaigns.Reviews.RemoveGroup(r.Context(), g.ID, v.Who()); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/proofs", "The group “%s” is removed.", g.Name)
}

// settingsPage is how a list is reviewed.
type settingsPage struct {
	List      *subscribers.List
	Set       campaigns.ReviewSettings
	Tags      string
	Reminder  string
	Problems  map[string]string
	Approvers []string
}

func (rm *room) settings(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	set, err := rm.Campaigns.Reviews.Settings(r.Context(), v.List.ID)
	if err != nil {
		return err
	}
	return rm.showSettings(w, r, v, http.StatusOK, settingsPage{Set: set, Tags: strings.Join(set.GriefTags, ", "), Reminder: strconv.Itoa(set.Reminder)})
}

func (rm *room) showSettings(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, d settingsPage) (err error) {
	d.List = v.List
	if rm.Campaigns.Approvers != nil {
		if d.Approvers, err = rm.Campaigns.Approvers(r.Context(), v.List.ID); err != nil {
			return err
		}
	}
	return v.PageStatus(w, status, pages, "settings.html", frame.Head{Title: "Review of " + v.List.Name, Nav: "lists",
		Crumbs: []frame.Link{{Name: "Lists", URL: "/admin/lists"}, {Name: v.List.Name, URL: "/admin/lists/" + v.List.Slug}}, Styles: []string{"review.css"}}, d)
}

func (rm *room) saveSettings(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	d := settingsPage{Tags: r.FormValue("grief_tags"), Reminder: strings.TrimSpace(r.FormValue("reminder"))}
	minutes, err := strconv.Atoi(d.Reminder)
	if err != nil {
		err = errs.Field("reminder", "write a number of minutes, such as 30")
	} else {
		tags := strings.FieldsFunc(d.Tags, func(c rune) bool { return c == ',' || c == ';' || c == '\n' || c == '\r' })
		err = rm.Campaigns.Reviews.SetSettings(r.Context(), v.List.ID, campaigns.ReviewSettings{GriefTags: tags, Reminder: minutes}, v.Who())
	}
	if err == nil {
		return v.Done(w, r, "/admin/lists/"+v.List.Slug+"/review", "Saved.")
	}
	if d.Problems = frame.Problems(err); d.Problems == nil {
		return err
	}
	status := errs.KindOf(err).HTTPStatus()
	set, err := rm.Campaigns.Reviews.Settings(r.Context(), v.List.ID)
	if err != nil {
		return err
	}
	d.Set = set
	return rm.showSettings(w, r, v, status, d)
}

func (rm *room) fourEyes(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	on := r.FormValue("on") == "on"
	if err := rm.Campaigns.Reviews.SetFourEyes(r.Context(), v.List.ID, on, v.Who()); err != nil {
		return err
	}
	if on {
		return v.Done(w, r, "/admin/lists/"+v.List.Slug+"/review", "Four eyes are asked for from now on.")
	}
	return v.Done(w, r, "/admin/lists/"+v.List.Slug+"/review", "Four eyes are switched off.")
}
