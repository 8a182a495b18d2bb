package public

import (
	"context"
	"fmt"
	"html/template"
	"net/http"

	"mailer/internal/errs"
	"mailer/internal/lang"
)

// view shows a campaign in the browser: the stored page, which has nothing personal in it.
func (s *site) view(w http.ResponseWriter, r *http.Request) {
	if !allow(w, r, "GET, HEAD, OPTIONS", reading(r)) {
		return
	}
	token, err := s.Ring.ParseView(tokenOf(r))
	if err == nil {
		var shown *made
		if shown, err = s.past.view(r.Context(), token.Campaign); err == nil {
			w.Header().Set("Content-Type", shown.kind)
			w.Header().Set("Content-Security-Policy", shown.policy)
			_, _ = w.Write(shown.body) // who asked may have gone
			return
		}
		if errs.KindOf(err) == errs.NotFound {
			words := lang.For(spoken(r))
			s.show(w, r, http.StatusNotFound, page{Words: words, Heading: say(words, "page.gone.heading"), Text: say(words, "page.gone.text")})
			return
		}
	}
	if errs.KindOf(err) == errs.NotFound {
		s.invalid(w, r, http.StatusNotFound)
		return
	}
	s.fail(w, r, err)
}

// view makes the page of a campaign as its mail's link shows it. Where it stands in the archive too, that one is its address for
// whoever keeps addresses. It is made anew every minute, since an archive can be closed.
func (a *past) view(ctx context.Context, id int64) (*made, error) {
	minute := a.now().Unix() / 60
	return a.keep(fmt.Sprintf("view %d %d", id, minute), a.now(), func() (draft, error) {
		html, err := a.page(ctx, id)
		if err != nil {
			return draft{}, err
		}
		if a.src != nil {
			if html, err = a.corrected(ctx, id, "", html); err != nil {
				return draft{}, err
			}
			switch l, p, err := a.src.Find(ctx, id); {
			case err == nil:
				html = insert(html, headEnd.FindStringIndex(html), true, `<link rel="canonical" href="`+template.HTMLEscapeString(a.archiveURL(l.Slug, slugOf(p)))+`">`)
			case errs.KindOf(err) != errs.NotFound:
				return draft{}, err
			}
		}
		// The mail has no need of landmarks; a page in the browser has.
		html = insert(html, bodyStart.FindStringIndex(html), false, "<main>")
		if ends := bodyEnd.FindAllStringIndex(html, -1); ends != nil {
			html = insert(html, ends[len(ends)-1], true, "</main>")
		}
		return draft{body: []byte(html), kind: "text/html; charset=utf-8", policy: a.mailPolicy()}, nil
	})
}
