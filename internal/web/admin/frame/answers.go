package frame

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"mailer/internal/errs"
)

// refuse answers an error: as a notice where a part of a page was asked for, in one sentence for machines, else as a page.
func (f *Frame) refuse(w http.ResponseWriter, r *http.Request, v *Visit, err error) {
	if errors.Is(err, errLogin) {
		f.askLogin(w, r, v)
		return
	}
	kind := errs.KindOf(err)
	status := kind.HTTPStatus()
	if kind == errs.Internal {
		f.Log.Error("a page of the desk failed", "route", r.Pattern, "err", err)
	}
	text := sentence(err)
	switch {
	case v.Machine:
		plain(w, status, text)
	case v.HTMX:
		w.Header().Set("HX-Reswap", "none")
		notice(w, "bad", text)
		w.WriteHeader(status)
	default:
		head := Head{Title: map[int]string{404: "There is no such page", 403: "You may not do this", 409: "Somebody was quicker",
			400: "That did not work", 503: "Please try again in a minute"}[status]}
		if head.Title == "" {
			head.Title = "Something went wrong"
		}
		if err := v.write(w, status, ownPages, "error.html", head, struct{ Text, Back string }{text, back(r)}); err != nil {
			f.Log.Error("a page of the desk failed", "route", r.Pattern, "err", err)
			plain(w, http.StatusInternalServerError, "Something went wrong on our side.")
		}
	}
}

// sentence returns what a person is told of an error.
func sentence(err error) string {
	text := errs.Public(err)
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Field != "" {
		switch rest, named := strings.CutPrefix(text, e.Field+": "); {
		case !named:
		case e.Field == "article": // its message names the story
			text = rest
		case e.Field == "url":
			text = "address: " + rest
		default: // fields are named as in forms and files: time_zone
			text = strings.ReplaceAll(e.Field, "_", " ") + ": " + rest
		}
	}
	return Whole(text)
}

// Whole makes a sentence of a message: rooms write them for the command line, without capital and full stop.
func Whole(text string) string {
	if text == "" || strings.ContainsAny(text[len(text)-1:], ".!?") {
		return upper(text)
	}
	return upper(text) + "."
}

// askLogin answers a request that needs a log-in.
func (f *Frame) askLogin(w http.ResponseWriter, r *http.Request, v *Visit) {
	reading := r.Method == http.MethodGet || r.Method == http.MethodHead
	to := "/admin/login"
	if reading && r.URL.Path != "/admin" && !v.HTMX {
		to += "?next=" + url.QueryEscape(r.URL.RequestURI())
	}
	switch {
	case v.Machine:
		w.Header().Set("WWW-Authenticate", `Bearer realm="mailer"`)
		plain(w, http.StatusUnauthorized, "This API token is not known, or was revoked.")
	case v.HTMX:
		w.Header().Set("HX-Reswap", "none")
		notice(w, "bad", "You are logged out. Log in again in another tab, then repeat this: what you wrote is still here.")
		w.WriteHeader(http.StatusUnauthorized)
	case reading:
		http.Redirect(w, r, to, http.StatusSeeOther)
	default:
		text := "You are logged out, and nothing was changed. Log in again in another tab, then come back to this one and repeat it."
		if err := v.write(w, http.StatusUnauthorized, ownPages, "error.html", Head{Title: "Log in first"}, struct{ Text, Back string }{text, to}); err != nil {
			plain(w, http.StatusUnauthorized, text)
		}
	}
}

// back returns the page of ours that a request came from, or the first page.
func back(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host || u.Path == r.URL.Path && r.Method == http.MethodGet {
		return "/admin"
	}
	return u.RequestURI()
}

// plain answers in one sentence.
func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // who asked may have gone
}

// Problems returns what is wrong with a form, by the name of the field; "" is what belongs to none. It is nil for other errors than
// errs.Invalid and errs.Conflict, which a form cannot answer.
func Problems(err error) map[string]string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all := map[string]string{}
		for _, one := range joined.Unwrap() {
			found := Problems(one)
			if found == nil {
				return nil
			}
			for field, text := range found {
				if all[field] == "" {
					all[field] = text
				}
			}
		}
		return all
	}
	var e *errs.Error
	if k := errs.KindOf(err); err == nil || k != errs.Invalid && k != errs.Conflict || !errors.As(err, &e) {
		return nil
	}
	return map[string]string{e.Field: Whole(e.Msg)}
}
