package readers

import (
	"net/http"
	"net/url"
	"strconv"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

type suppressionsPage struct {
	Q, Reason     string
	ReasonOptions []frame.Option
	AddOptions    []frame.Option
	List          []suppressed
	First, Next   string
	Problems      map[string]string // of the form for a new one
	SearchProblem map[string]string
	Address       string
	AddReason     string
	Detail        string
}

// suppressed is one line of the page.
type suppressed struct {
	subscribers.Suppression
	Why     string
	CanLift bool
}

// reasons that somebody of the publication may suppress an address for.
var byHand = []string{subscribers.ReasonManual, subscribers.ReasonLegal, subscribers.ReasonComplaint, subscribers.ReasonHardBounce}

func reasonOptions(reasons []string) (options []frame.Option) {
	for _, reason := range reasons {
		options = append(options, frame.Option{Value: reason, Label: whyNot(reason)})
	}
	return options
}

// whyNot is the reason as the beginning of a sentence.
func whyNot(reason string) string {
	why := []rune(subscribers.WhyNot(reason))
	if len(why) > 0 && why[0] >= 'a' && why[0] <= 'z' {
		why[0] -= 'a' - 'A'
	}
	return string(why)
}

func (rm *room) suppressions(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return rm.showSuppressions(w, r, v, http.StatusOK, suppressionsPage{})
}

func (rm *room) showSuppressions(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, d suppressionsPage) error {
	q := r.URL.Query()
	d.Q, d.Reason = q.Get("q"), oneOf(q.Get("reason"), subscribers.SuppressionReasons...)
	before, _ := strconv.ParseInt(q.Get("before"), 10, 64) // else from the newest
	list, next, err := rm.Subscribers.Search().Suppressed(r.Context(), subscribers.FindSuppressed{Text: d.Q, Reason: d.Reason, Before: max(before, 0)})
	if err != nil {
		if d.SearchProblem = frame.Problems(err); d.SearchProblem == nil {
			return err
		}
		status = errs.KindOf(err).HTTPStatus()
	}
	for _, x := range list {
		d.List = append(d.List, suppressed{x, whyNot(x.Reason), x.Reason == subscribers.ReasonManual && x.Address != nil})
	}
	d.ReasonOptions = append([]frame.Option{{Label: "Any"}}, reasonOptions(subscribers.SuppressionReasons)...)
	d.AddOptions = reasonOptions(byHand)
	here := "/admin/suppressions?" + url.Values{"q": {d.Q}, "reason": {d.Reason}}.Encode()
	if before > 0 {
		d.First = here
	}
	if next != 0 {
		d.Next = frame.With(here, "before", strconv.FormatInt(next, 10))
	}
	return v.PageStatus(w, status, pages, "suppressions.html", frame.Head{Title: "Suppressions", Nav: "suppressions", Styles: []string{"readers.css"}}, d)
}

func (rm *room) suppress(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	form := r.PostFormValue
	d := suppressionsPage{Address: form("address"), AddReason: form("add-reason"), Detail: form("detail")}
	changed, err := rm.Subscribers.SuppressAddress(r.Context(), d.Address, d.AddReason, d.Detail, v.Who())
	if d.Problems = frame.Problems(err); d.Problems != nil {
		if p, ok := d.Problems["reason"]; ok {
			d.Problems["add-reason"] = p
		}
		return rm.showSuppressions(w, r, v, errs.KindOf(err).HTTPStatus(), d)
	} else if err != nil {
		return err
	}
	if !changed {
		return v.Done(w, r, "/admin/suppressions", "That address is suppressed for this reason already.")
	}
	return v.Done(w, r, "/admin/suppressions", "Nothing is mailed to that address any more.")
}

func (rm *room) lift(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	if err := rm.Subscribers.Acts().Lift(r.Context(), r.PostFormValue("address"), r.PostFormValue("why"), v.Who()); err != nil {
		return err
	}
	return v.Done(w, r, "/admin/suppressions", "The suppression is lifted. Subscriptions that were there before get mail again.")
}
