package desk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/web/admin/frame"
)

// Steps that are no campaigns.Change of their own.
const (
	doUndo    = "undo"
	doApply   = "apply"   // a change that met with somebody else's, on top of theirs
	doDiscard = "discard" // or not
	doAddURL  = "add_url"
)

// do makes one change of a campaign's content. A script is answered with the campaign as it is then, and a browser with the page.
func (rm *room) do(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := r.ParseForm(); err != nil {
		return errs.Wrap(err, errs.Invalid, "the form cannot be read")
	}
	ctx, f := r.Context(), r.PostForm
	var met *campaigns.Clash
	block, err := rm.make(ctx, v, f)
	if err != nil && !errors.As(err, &met) {
		var e *errs.Error
		if errors.As(err, &e) && v.HTMX {
			field := fieldOf(e.Field)
			w.Header().Set("X-Field", field)
			if f.Has(field) {
				return &errs.Error{Kind: e.Kind, Msg: e.Msg, Err: e.Err} // shown at the field, which need not be named
			}
		}
		return err
	}
	if !v.HTMX {
		to := fmt.Sprintf("/admin/campaigns/%d", v.Campaign)
		if block != "" {
			to += "#b-" + url.PathEscape(block)
		}
		if met != nil {
			return v.Done(w, r, to, "Not saved yet: %s", errs.Public(met))
		}
		return v.Done(w, r, to, "")
	}
	s, err := rm.look(ctx, v)
	if err != nil {
		return err
	}
	if met != nil {
		rm.tell(ctx, v, s, met)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusConflict)
	}
	return v.Part(w, pages, "sheet", s)
}

// make does what a form says, and returns the block it was about.
func (rm *room) make(ctx context.Context, v *frame.Visit, f url.Values) (block string, err error) {
	d, id, who := rm.Campaigns.Desk, v.Campaign, v.Who()
	version, err := strconv.Atoi(f.Get("version"))
	if err != nil {
		return "", errs.Field("version", "the form does not say which version of the campaign it is about; load the page again")
	}
	kept, _ := strconv.ParseInt(f.Get("kept"), 10, 64) // 0 is none
	switch f.Get("do") {
	case doUndo:
		_, err = d.Undo(ctx, id, version, who)
		return "", err
	case doApply:
		_, err = d.Apply(ctx, id, kept, version, who)
		return f.Get("block"), err
	case doDiscard:
		return f.Get("block"), d.Discard(ctx, id, kept, who)
	case campaigns.Restore:
		return "", errs.Field("do", "an earlier version is restored on the page of the history")
	case doAddURL:
		ch, err := readChange(f, render.Story{})
		if err == nil {
			_, err = d.AddURL(ctx, id, version, f.Get("url"), ch, who)
		}
		if e, ok := errors.AsType[*errs.Error](err); ok && e.Kind == errs.Unavailable && e.Field == "url" {
			err = errs.Field("url", "%s", e.Msg) // the page cannot be had: the script tries again when the service is busy, and this is not that
		}
		return ch.Block, err
	}
	var was render.Story
	if f.Get("do") == campaigns.EditStory && f.Has("byline") {
		if was, err = rm.storyOf(ctx, id, f.Get("article")); err != nil {
			return "", err
		}
	}
	ch, err := readChange(f, was)
	if err == nil {
		_, err = d.Do(ctx, id, version, ch, who)
	}
	return ch.Block, err
}

// storyOf returns a story as it is in the campaign; an empty one where it is not there.
func (rm *room) storyOf(ctx context.Context, id int64, article string) (render.Story, error) {
	c, err := rm.Campaigns.Campaign(ctx, id)
	if err != nil {
		return render.Story{}, err
	}
	for _, b := range c.Blocks {
		for _, st := range b.Stories {
			if strconv.FormatInt(st.ArticleID, 10) == article {
				return st, nil
			}
		}
	}
	return render.Story{}, nil
}

// fieldOf names the field of a form that a room's field is filled from.
func fieldOf(field string) string {
	switch field {
	case "subject", "preheader":
		return "text"
	case "authors":
		return "byline"
	case "image":
		return "image_url"
	case "alt", "caption", "credit":
		return "image_" + field
	case "to":
		return "until"
	}
	return field
}
