package sending

import (
	"context"
	"net/http"
	"strconv"

	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/web/admin/frame"
)

// act does something to a send and goes back to its page. Whoever asks for what has been done already is told how it is.
func (rm *room) act(w http.ResponseWriter, r *http.Request, v *frame.Visit, notice string, do func(ctx context.Context) error) error {
	if err := do(r.Context()); err != nil {
		return err
	}
	return v.Done(w, r, sendPage(v.Campaign), "%s", notice)
}

func (rm *room) undo(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.act(w, r, v, "The launch was taken back: nobody got anything.", func(ctx context.Context) error {
		_, err := rm.Campaigns.Undo(ctx, v.Campaign, v.Who())
		return err
	})
}

func (rm *room) pause(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.act(w, r, v, "It is paused. Each connection finishes the one message that it is at.", func(ctx context.Context) error {
		return rm.controls.Pause(ctx, v.Campaign, "paused by "+v.Who(), v.Who())
	})
}

func (rm *room) resume(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.act(w, r, v, "It goes on.", func(ctx context.Context) error { return rm.controls.Resume(ctx, v.Campaign, v.Who()) })
}

func (rm *room) release(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.act(w, r, v, "The rest goes now.", func(ctx context.Context) error { return rm.Delivery.Release(ctx, v.Campaign, v.Who()) })
}

func (rm *room) cancel(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if r.PostFormValue("sure") == "" {
		return errs.New(errs.Invalid, "tick the box first: what is cancelled cannot be started again")
	}
	return rm.act(w, r, v, "It was cancelled. What has gone out stays out.", func(ctx context.Context) error {
		_, err := rm.Campaigns.Cancel(ctx, v.Campaign, "", v.Who())
		return err
	})
}

// decide carries out what a person decided about readers in doubt: those that were ticked.
func (rm *room) decide(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := r.ParseForm(); err != nil {
		return errs.New(errs.Invalid, "the form cannot be read")
	}
	var seqs []int64
	for _, text := range r.PostForm["seq"] {
		seq, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errs.New(errs.Invalid, "%q is not a reader of this send", text)
		}
		seqs = append(seqs, seq)
	}
	decision := r.PostFormValue("decision")
	if len(seqs) == 0 { // none would mean all
		return errs.New(errs.Invalid, "tick the readers that you decide about")
	}
	n, err := rm.Delivery.DecideDoubts(r.Context(), v.Campaign, seqs, decision, v.Who())
	if err != nil {
		return err
	}
	if decision == delivery.DecideResend {
		return v.Done(w, r, sendPage(v.Campaign), "Sent once more to %d in doubt, with the same mail.", n)
	}
	return v.Done(w, r, sendPage(v.Campaign), "%d in doubt are left as they are.", n)
}

// lateView is the page on which late joiners are added.
type lateView struct {
	frame.Head
	Campaign int64
	Readers  int64
	Why      string // why nobody can be added; empty: they can
	Typed    string
	Problems map[string]string
}

// late counts the late joiners: it compares list and audience, so it is a page of its own and not a part of one that polls.
func (rm *room) late(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.lateForm(w, r, v, http.StatusOK, "", nil)
}

func (rm *room) lateForm(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, typed string, problems map[string]string) error {
	view := lateView{Campaign: v.Campaign, Typed: typed, Problems: problems}
	n, err := rm.sends.Late(r.Context(), v.Campaign)
	switch {
	case errs.KindOf(err) == errs.Conflict:
		view.Why = errs.Public(err)
	case err != nil:
		return err
	}
	view.Readers = n
	c, err := rm.Campaigns.Campaign(r.Context(), v.Campaign)
	if err != nil {
		return err
	}
	view.Head = head(c)
	view.Head.Crumbs = append(view.Head.Crumbs, frame.Link{Name: c.Subject, URL: sendPage(c.ID)})
	return v.PageStatus(w, status, pages, "late.html", view.Head, view)
}

func (rm *room) addLate(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	g := goOf(r, v)
	n, err := rm.sends.AddLate(r.Context(), v.Campaign, g)
	if err == nil {
		return v.Done(w, r, sendPage(v.Campaign), "It goes to %d late joiners.", n)
	}
	problems := frame.Problems(err)
	if problems == nil || errs.KindOf(err) == errs.Conflict {
		return err
	}
	return rm.lateForm(w, r, v, refused(err), g.Typed, problems)
}
