package newsroom

import (
	"net/http"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// topicsData is the page of a list's topics.
type topicsData struct {
	listData
	Topics, Retired []subscribers.Topic
	Room            int // for how many more
	Draft           subscribers.Topic
	At              string // slug of the topic that the problems are about; empty: the new one
}

func (n *room) topics(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	return n.showTopics(w, r, v, http.StatusOK, subscribers.Topic{}, "", nil)
}

func (n *room) showTopics(w http.ResponseWriter, r *http.Request, v *frame.Visit, status int, draft subscribers.Topic, at string, problems map[string]string) error {
	all, err := n.Subscribers.Topics.Of(r.Context(), v.List.ID, true)
	if err != nil {
		return err
	}
	d := topicsData{listData: n.data(v, *v.List, "topics"), Room: subscribers.MaxTopics - len(all), Draft: draft, At: at}
	d.Problems = problems
	for _, t := range all {
		if t.RetiredAt != nil {
			d.Retired = append(d.Retired, t)
			continue
		}
		if t.Slug == at {
			t.Name, t.Description = draft.Name, draft.Description
		}
		d.Topics = append(d.Topics, t)
	}
	return v.PageStatus(w, status, pages, "topics.html", listHead(*v.List, "Topics"), d)
}

func (n *room) createTopic(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	t := subscribers.Topic{ListID: v.List.ID, Slug: value(r, "slug"), Name: value(r, "name"), Description: value(r, "description")}
	_, err := n.Subscribers.Topics.Create(r.Context(), t, v.Who())
	return n.afterTopic(w, r, v, t, "", err, "Readers can choose "+t.Name+" now; everybody gets it until they say otherwise.")
}

func (n *room) renameTopic(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	t := subscribers.Topic{Slug: r.PathValue("topic"), Name: value(r, "name"), Description: value(r, "description")}
	_, err := n.Subscribers.Topics.Rename(r.Context(), v.List.ID, t.Slug, &t.Name, &t.Description, v.Who())
	return n.afterTopic(w, r, v, t, t.Slug, err, "Saved.")
}

func (n *room) retireTopic(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	t, err := n.Subscribers.Topics.Retire(r.Context(), v.List.ID, r.PathValue("topic"), v.Who())
	if err != nil {
		return err
	}
	return v.Done(w, r, "/admin/lists/"+v.List.Slug+"/topics", "Nobody is asked about %s any more.", t.Name)
}

func (n *room) afterTopic(w http.ResponseWriter, r *http.Request, v *frame.Visit, t subscribers.Topic, at string, err error, notice string) error {
	if err == nil {
		return v.Done(w, r, "/admin/lists/"+v.List.Slug+"/topics", "%s", notice)
	}
	if errs.KindOf(err) == errs.NotFound {
		return err
	}
	problems, err := wrong(err)
	if err != nil {
		return err
	}
	return n.showTopics(w, r, v, http.StatusBadRequest, t, at, problems)
}
