package campaigns

import (
	"context"
	"slices"
	"strings"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// checkTopic refuses a topic that the list does not offer, or never did where retired ones will do; none is no topic.
func (s *Service) checkTopic(ctx context.Context, l subscribers.List, field, slug string, retired bool) error {
	if slug == "" {
		return nil
	}
	t, err := s.Lists.Topics.Find(ctx, l.ID, slug)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return errs.Field(field, "the list %s has no topic %q; see: mailer topics %s", l.Slug, slug, l.Slug)
	case err != nil:
		return err
	case t.RetiredAt != nil && !retired:
		return errs.Field(field, "the topic %s has been retired; take another one, or none", slug)
	}
	return nil
}

// checkTopics refuses topics that are none, and looks for a subject that names what some readers do not get.
func (p *prepared) checkTopics() {
	said := map[string]bool{}
	for _, b := range p.content.Blocks {
		if b.Topic == "" {
			continue
		}
		if !said[b.Topic] {
			said[b.Topic] = true
			i := slices.IndexFunc(p.groups.offered, func(t subscribers.Topic) bool { return t.Slug == b.Topic })
			switch {
			case i < 0:
				p.add(Refused, "topic", "the list has no topic %q; take it off the block", b.Topic)
			case p.groups.offered[i].RetiredAt != nil:
				p.add(Noted, "topic", "the topic %s has been retired: who had switched it off still does not get it", b.Topic)
			}
		}
		for _, st := range b.Stories {
			if p.groups.needs[st.ArticleID]&^p.groups.common == 0 {
				continue // whoever gets the mail gets the story
			}
			var where []string
			if names(p.content.Subject, st.Title) {
				where = append(where, "the subject")
			}
			if names(p.content.Preheader, st.Title) {
				where = append(where, "the preheader")
			}
			if len(where) > 0 {
				p.add(Warned, "topic", "“%s” is for readers of the topic %s only, and %s names it to all; take another subject and preheader, or the topic off the story",
					clip(st.Title, 60), b.Topic, strings.Join(where, " and "))
			} else if b.Lead {
				p.add(Warned, "topic", "the first story, “%s”, is for readers of the topic %s only; take the topic off it", clip(st.Title, 60), b.Topic)
			}
		}
	}
	if len(p.groups.stories) > 0 {
		p.add(Noted, "topic", "every story is of a topic: who has switched all of them off gets no mail")
	}
}
