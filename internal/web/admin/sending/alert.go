package sending

import (
	"errors"
	"net/http"
	"strconv"

	"mailer/internal/accounts"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// alertPage is where a breaking alert begins.
type alertPage struct {
	Lists    []frame.Option
	Rooms    []alertRoom
	Recent   []campaigns.Alert
	Names    map[int64]string
	List     string // slug
	URL      string
	Article  int64
	Problems map[string]string
}

// alertRoom is whether a list may send an alert now.
type alertRoom struct {
	campaigns.Room
	campaigns.AlertSettings
	Slug, Name string
}

func (rm *room) alertPage(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	article, _ := strconv.ParseInt(r.FormValue("article"), 10, 64)
	return rm.showAlerts(w, r, v, http.StatusOK, alertPage{List: r.FormValue("list"), Article: article})
}

func (rm *room) showAlerts(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, p alertPage) error {
	ctx := r.Context()
	lists, err := v.Lists(ctx, accounts.Editor)
	if err != nil {
		return err
	}
	p.Names = map[int64]string{}
	var ids []int64
	for _, l := range lists {
		p.Lists = append(p.Lists, frame.Option{Value: l.Slug, Label: l.Name})
		p.Names[l.ID] = l.Name
		ids = append(ids, l.ID)
		set, err := rm.alerts.Settings(ctx, l.ID)
		if err != nil {
			return err
		}
		room, err := rm.alerts.Room(ctx, l.ID)
		if err != nil {
			return err
		}
		p.Rooms = append(p.Rooms, alertRoom{room, set, l.Slug, l.Name})
	}
	if p.Recent, err = rm.alerts.Recent(ctx, ids, 10); err != nil {
		return err
	}
	return v.PageStatus(w, status, pages, "alerts.html", frame.Head{Title: "Breaking alert", Nav: "alert", Styles: []string{"sending.css"}}, p)
}

func (rm *room) makeAlert(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	p := alertPage{List: r.PostFormValue("list"), URL: r.PostFormValue("url")}
	p.Article, _ = strconv.ParseInt(r.PostFormValue("article"), 10, 64) // none: the address says which story
	lists, err := v.Lists(r.Context(), accounts.Editor)
	if err != nil {
		return err
	}
	n := campaigns.NewAlert{URL: p.URL, ArticleID: p.Article}
	for _, l := range lists {
		if l.Slug == p.List {
			n.List = l.ID
		}
	}
	if n.List == 0 {
		return errs.New(errs.NotFound, "there is no such list")
	}
	c, err := rm.alerts.Make(r.Context(), n, v.Who())
	if err == nil {
		return v.Done(w, r, alertAddress(c.ID), "")
	}
	if kind := errs.KindOf(err); kind == errs.Denied || kind == errs.Unavailable || kind == errs.NotFound && n.ArticleID == 0 { // of the page that was asked for
		text := errs.Public(err)
		if e, ok := errors.AsType[*errs.Error](err); ok && e.Field == "url" {
			text = e.Msg // shown at the field, which need not be named
		}
		p.Problems = map[string]string{"url": frame.Whole(text)}
	} else if p.Problems = frame.Problems(err); p.Problems == nil {
		return err
	}
	return rm.showAlerts(w, r, v, refused(err), p)
}

func alertAddress(id int64) string { return "/admin/alert/" + strconv.FormatInt(id, 10) }

// alertView is an alert before it goes.
type alertView struct {
	Campaign campaigns.Campaign
	List     string
	Room     campaigns.Room
	Topic    string
	Ready    campaigns.Ready
	Typed    string
	Force    bool
	Problems map[string]string
}

// alert shows an alert that has not been launched; one that was is watched as any other send.
func (rm *room) alert(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.showAlert(w, r, v, http.StatusOK, "", nil, nil)
}

func (rm *room) showAlert(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, typed string, problems map[string]string, cause error) error {
	is, err := rm.alerts.Is(r.Context(), v.Campaign)
	if err != nil {
		return err
	}
	if !is {
		return errs.New(errs.NotFound, "campaign %d is not an alert", v.Campaign)
	}
	ready, err := rm.sends.Ready(r.Context(), v.Campaign)
	if errs.KindOf(err) == errs.Conflict {
		v.Go(w, r, sendPage(v.Campaign))
		return nil
	} else if err != nil {
		return err
	}
	view := alertView{Campaign: ready.Campaign, List: v.List.Name, Ready: ready, Typed: typed, Problems: problems}
	view.Force = ready.Warned || cause != nil && problems["readers"] == "" && errs.KindOf(cause) == errs.Invalid && !ready.Blocked
	if view.Room, err = rm.alerts.Room(r.Context(), v.List.ID); err != nil {
		return err
	}
	for _, b := range ready.Campaign.Blocks {
		view.Topic = b.Topic
	}
	h := frame.Head{Title: "Breaking alert: " + ready.Campaign.Subject, Nav: "alert", Styles: []string{"sending.css"}, Crumbs: []frame.Link{{Name: "Breaking alert", URL: "/admin/alert"}}}
	return v.PageStatus(w, status, pages, "alert.html", h, view)
}

// editAlert changes what the inbox shows of an alert.
func (rm *room) editAlert(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.keepWords(w, r, v, "Kept.")
}

func (rm *room) keepWords(w http.ResponseWriter, r *http.Request, v *frame.Visit, notice string) error {
	version, err := strconv.Atoi(r.PostFormValue("version"))
	if err != nil {
		return errs.New(errs.Invalid, "it does not say what it is based on; open the page again")
	}
	subject, preheader := r.PostFormValue("subject"), r.PostFormValue("preheader")
	_, err = rm.Campaigns.Edit(r.Context(), v.Campaign, campaigns.Edit{Version: version, Subject: &subject, Preheader: &preheader}, v.Who())
	if err == nil {
		return v.Done(w, r, alertAddress(v.Campaign), "%s", notice)
	}
	problems := frame.Problems(err)
	if problems == nil {
		return err
	}
	return rm.showAlert(w, r, v, refused(err), "", problems, nil)
}

// sendAlert sends an alert. Words that were typed and not kept yet are kept first, and nothing is sent: nobody has seen the mail with them.
func (rm *room) sendAlert(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	c, err := rm.Campaigns.Campaign(r.Context(), v.Campaign)
	if err != nil {
		return err
	}
	if r.PostFormValue("subject") != c.Subject || r.PostFormValue("preheader") != c.Preheader {
		if c.State != campaigns.Launched {
			return rm.keepWords(w, r, v, "Your words are kept, and nothing was sent yet: look at the mail with them, then send it.")
		}
	}
	g := goOf(r, v)
	c, err = rm.alerts.Send(r.Context(), v.Campaign, g)
	if err == nil {
		return v.Done(w, r, sendPage(c.ID), "The alert is on its way.")
	}
	problems := frame.Problems(err)
	if problems == nil {
		return err
	}
	return rm.showAlert(w, r, v, refused(err), g.Typed, problems, err)
}

// alertSettingsView is how a list sends alerts.
type alertSettingsView struct {
	campaigns.AlertSettings
	List      *subscribers.List
	Topics    []frame.Option
	Templates []frame.Option
	DailyCap  string
	CoolDown  string
	May       bool
	Problems  map[string]string
}

func (rm *room) alertSettings(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	set, err := rm.alerts.Settings(r.Context(), v.List.ID)
	if err != nil {
		return err
	}
	return rm.showAlertSettings(w, r, v, http.StatusOK, alertSettingsView{AlertSettings: set, DailyCap: strconv.Itoa(set.DailyCap), CoolDown: strconv.Itoa(set.CoolDown)})
}

func (rm *room) showAlertSettings(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, view alertSettingsView) error {
	topics, err := rm.Subscribers.Topics.Of(r.Context(), v.List.ID, false)
	if err != nil {
		return err
	}
	view.List, view.May = v.List, v.Can(v.List.ID, accounts.Editor)
	view.Topics = []frame.Option{{Value: "", Label: "None: alerts go to every reader"}}
	for _, t := range topics {
		view.Topics = append(view.Topics, frame.Option{Value: t.Slug, Label: t.Name})
	}
	view.Templates = []frame.Option{{Value: render.TemplateDigest, Label: "Headline, dek and a link"}, {Value: render.TemplateStory, Label: "The whole story"}}
	h := frame.Head{Title: "Alerts: " + v.List.Name, Nav: "lists", Styles: []string{"sending.css"},
		Crumbs: []frame.Link{{Name: "Lists", URL: "/admin/lists"}, {Name: v.List.Name, URL: "/admin/lists/" + v.List.Slug}}}
	return v.PageStatus(w, status, pages, "alertsettings.html", h, view)
}

func (rm *room) saveAlertSettings(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	view := alertSettingsView{AlertSettings: campaigns.AlertSettings{Topic: r.PostFormValue("topic"), Template: r.PostFormValue("template")},
		DailyCap: r.PostFormValue("daily_cap"), CoolDown: r.PostFormValue("cool_down")}
	var err error
	if view.AlertSettings.DailyCap, err = strconv.Atoi(view.DailyCap); err != nil {
		view.AlertSettings.DailyCap = -1 // which the room refuses in words
	}
	if view.AlertSettings.CoolDown, err = strconv.Atoi(view.CoolDown); err != nil {
		view.AlertSettings.CoolDown = -1
	}
	err = rm.alerts.SetSettings(r.Context(), v.List.ID, view.AlertSettings, v.Who())
	if err == nil {
		return v.Done(w, r, "/admin/lists/"+v.List.Slug+"/alerts", "Saved.")
	}
	if view.Problems = frame.Problems(err); view.Problems == nil {
		return err
	}
	return rm.showAlertSettings(w, r, v, refused(err), view)
}
