package subscribers

import (
	"fmt"
	"sync"
	"testing"

	"mailer/internal/errs"
)

// A bit is never given to a second topic, or old choices would be about something else.
func TestTopicBits(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	l, other := newList(t, s, "daily"), newList(t, s, "weekly")
	create := func(list int64, slug string) (Topic, error) {
		return s.Topics.Create(t.Context(), Topic{ListID: list, Slug: slug, Name: "About " + slug}, "test")
	}
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if _, err := create(l.ID, fmt.Sprintf("t%d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	last, err := create(l.ID, "last")
	if err != nil || last.Bit != 10 || last.Mask() != 1<<10 {
		t.Fatalf("%+v, %v; want bit 10", last, err)
	}
	if _, err := s.Topics.Retire(t.Context(), l.ID, "last", "test"); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Topics.Retire(t.Context(), l.ID, "last", "test"); err != nil || again.RetiredAt == nil {
		t.Fatalf("a second time: %+v, %v", again, err)
	}
	if next, err := create(l.ID, "next"); err != nil || next.Bit != 11 {
		t.Errorf("after a retired one: %+v, %v; want bit 11", next, err)
	}
	if first, err := create(other.ID, "last"); err != nil || first.Bit != 0 {
		t.Errorf("of another list: %+v, %v; want bit 0", first, err)
	}
	if topics, err := s.Topics.Of(t.Context(), l.ID, false); err != nil || len(topics) != 11 {
		t.Errorf("%d in use, %v; want 11", len(topics), err)
	}
	if topics, err := s.Topics.Of(t.Context(), l.ID, true); err != nil || len(topics) != 12 {
		t.Errorf("%d in all, %v; want 12", len(topics), err)
	}
	for i := 12; i < MaxTopics; i++ {
		if _, err := create(l.ID, fmt.Sprintf("t%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := create(l.ID, "too-many"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("the 31st: %v", err)
	}
}

func TestTopicsRefused(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	l := newList(t, s, "daily")
	ok := Topic{ListID: l.ID, Slug: "arts", Name: "Arts"}
	if _, err := s.Topics.Create(t.Context(), ok, "test"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		topic Topic
		want  errs.Kind
	}{
		"taken":          {ok, errs.Conflict},
		"slug":           {Topic{ListID: l.ID, Slug: "Arts & Co", Name: "Arts"}, errs.Invalid},
		"no name":        {Topic{ListID: l.ID, Slug: "x"}, errs.Invalid},
		"a line break":   {Topic{ListID: l.ID, Slug: "x", Name: "a\r\nb"}, errs.Invalid},
		"no such list":   {Topic{ListID: l.ID + 1, Slug: "x", Name: "X"}, errs.NotFound},
		"an endless one": {Topic{ListID: l.ID, Slug: "x", Name: "X", Description: string(make([]byte, 300))}, errs.Invalid},
	} {
		if _, err := s.Topics.Create(t.Context(), c.topic, "test"); errs.KindOf(err) != c.want && err != nil && c.want != errs.Invalid {
			t.Errorf("%s: %v", name, err)
		} else if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	name := "The arts"
	topic, err := s.Topics.Rename(t.Context(), l.ID, "arts", &name, nil, "test")
	if err != nil || topic.Name != name || topic.Bit != 0 {
		t.Errorf("renamed: %+v, %v", topic, err)
	}
	if _, err := s.Topics.Rename(t.Context(), l.ID, "sports", &name, nil, "test"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a topic that is not there: %v", err)
	}
}
