package report

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"mailer/internal/accounts"
	"mailer/internal/articles"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/web/admin/frame"
)

// correction is a note with what has become of it.
type correction struct {
	articles.Correction
	Lists []toldList
}

// toldList is what the readers of one list are told of a correction.
type toldList struct {
	campaigns.Carrier
	Item *campaigns.Told // the edition that tells of it
	May  bool            // the person may draft its mail
}

type correctPage struct {
	Story       articles.Article
	Carried     []campaigns.Carrier
	Corrections []correction
	May         bool // the person may correct it
	Max         int
	Note        string
	Problems    map[string]string
}

// correctForm shows a story with its corrections, and the form for another one.
func (p *desk) correctForm(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	data, err := p.correcting(r, v)
	if err != nil {
		return err
	}
	return v.Page(w, pages, "correct.html", correctHead(data), data)
}

func correctHead(d correctPage) frame.Head {
	return frame.Head{Title: "Correct: " + d.Story.Title, Nav: "stories", Styles: []string{"report.css"},
		Crumbs: []frame.Link{{Name: "Stories", URL: "/admin/stories"}, {Name: d.Story.Title, URL: fmt.Sprintf("/admin/stories/%d", d.Story.ID)}}}
}

// correcting reads all that the page of a story's corrections shows.
func (p *desk) correcting(r *http.Request, v *frame.Visit) (d correctPage, err error) {
	ctx := r.Context()
	id, err := number(r, "story")
	if err != nil {
		return d, err
	}
	if d.Story, err = p.Articles.Article(ctx, id); err != nil {
		return d, err
	}
	d.Max = articles.MaxNote
	all, err := p.Corrections.CarriedTo(ctx, id)
	if err != nil {
		return d, err
	}
	d.May = mayCorrect(v, all)
	for _, c := range all {
		if v.Can(c.List.ID, accounts.Viewer) {
			d.Carried = append(d.Carried, c)
		}
	}
	made, err := p.Corrections.All.Of(ctx, id)
	if err != nil {
		return d, err
	}
	for _, k := range made {
		c := correction{Correction: k}
		if c.Lists, err = p.told(r, v, k); err != nil {
			return d, err
		}
		d.Corrections = append(d.Corrections, c)
	}
	return d, nil
}

// told returns what becomes of a correction on the lists that the person may see.
func (p *desk) told(r *http.Request, v *frame.Visit, k articles.Correction) ([]toldList, error) {
	carriers, err := p.Corrections.Carriers(r.Context(), k.ID)
	if err != nil {
		return nil, err
	}
	told, err := p.Corrections.Told(r.Context(), k)
	if err != nil {
		return nil, err
	}
	var lists []toldList
	for _, c := range carriers {
		if !v.Can(c.List.ID, accounts.Viewer) {
			continue
		}
		l := toldList{Carrier: c, May: v.Can(c.List.ID, accounts.Editor) && k.TakenBack == nil}
		for i := range told {
			if told[i].ListID == c.List.ID {
				l.Item = &told[i]
			}
		}
		lists = append(lists, l)
	}
	return lists, nil
}

// mayCorrect reports whether a person may say something in public about a story: who is editor of all lists that carried it.
func mayCorrect(v *frame.Visit, carried []campaigns.Carrier) bool {
	for _, c := range carried {
		if !v.Can(c.List.ID, accounts.Editor) {
			return false
		}
	}
	return v.Account.Anywhere() >= accounts.Editor
}

var errNotYours = errs.New(errs.Denied, "this story has gone out to lists that you are not an editor of; ask somebody who is to correct it")

// correct notes a correction.
func (p *desk) correct(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	data, err := p.correcting(r, v)
	if err != nil {
		return err
	}
	if !data.May {
		return errNotYours
	}
	_, err = p.Corrections.All.Make(r.Context(), data.Story.ID, r.PostFormValue("note"), v.Who())
	if problems := frame.Problems(err); problems != nil {
		data.Note, data.Problems = r.PostFormValue("note"), problems
		return v.PageStatus(w, errs.KindOf(err).HTTPStatus(), pages, "correct.html", correctHead(data), data)
	} else if err != nil {
		return err
	}
	return v.Done(w, r, fmt.Sprintf("/admin/stories/%d/correct", data.Story.ID), "The note stands under the story in the archive now, and in the next edition.")
}

// takeBack withdraws a correction.
func (p *desk) takeBack(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	k, err := p.known(r)
	if err != nil {
		return err
	}
	carried, err := p.Corrections.CarriedTo(r.Context(), k.ArticleID)
	if err != nil {
		return err
	}
	if !mayCorrect(v, carried) {
		return errNotYours
	}
	if err := p.Corrections.All.TakeBack(r.Context(), k.ID, v.Who()); err != nil {
		return err
	}
	return v.Done(w, r, fmt.Sprintf("/admin/stories/%d/correct", k.ArticleID), "The note is taken back. What has gone out already has gone out.")
}

// mail drafts the mail of a correction to one list.
func (p *desk) mail(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	k, err := p.known(r)
	if err != nil {
		return err
	}
	lists, err := v.Lists(r.Context(), accounts.Viewer)
	if err != nil {
		return err
	}
	for _, l := range lists {
		if l.Slug != r.PostFormValue("list") {
			continue
		}
		if !v.Can(l.ID, accounts.Editor) {
			return errs.New(errs.Denied, "only an editor of %s can draft this mail", l.Name)
		}
		c, err := p.Corrections.Mail(r.Context(), k.ID, l.Slug, v.Who())
		if err != nil {
			return err
		}
		return v.Done(w, r, fmt.Sprintf("/admin/campaigns/%d", c.ID), "Here is the draft. It goes only to those who were sent the story, and needs approval like any other.")
	}
	return errs.New(errs.NotFound, "there is no such list")
}

// known returns the correction that the address names.
func (p *desk) known(r *http.Request) (articles.Correction, error) {
	id, err := number(r, "correction")
	if err != nil {
		return articles.Correction{}, err
	}
	return p.Corrections.All.Get(r.Context(), id)
}

// number returns a number of the path.
func number(r *http.Request, name string) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	if err != nil || id < 1 {
		return 0, errs.Wrap(errors.New("no number"), errs.NotFound, "there is no such page")
	}
	return id, nil
}
