package audience

import (
	"slices"
	"strings"
	"testing"
)

// Who was sent a story is who was sent a campaign with it in: not who got that campaign without it, nor who gets it later.
func TestSentStory(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, name := range []string{"Ada", "Bob", "Cem", "Dee", "Eve"} {
		r.add(person{name: name})
	}
	r.exec(`INSERT INTO articles (guid, title, published_at, content_hash) SELECT n::text, 'A story', now(), '' FROM generate_series(1, 2) n`)
	r.exec(`INSERT INTO campaigns (list_id, edition, name, template, state, approved_hash, launched_at) OVERRIDING SYSTEM VALUE
		SELECT 1, 'manual-' || n, 'c', 'digest', 'launched', '', now() FROM generate_series(1, 3) n`)
	r.exec(`INSERT INTO campaign_stories (campaign_id, article_id, picked, groups) VALUES (1, 1, '{}', 0), (2, 1, '{}', 12), (3, 2, '{}', 0)`)
	r.sent(1, 1, map[string]string{"Ada": "accepted", "Bob": "failed"})
	r.sent(2, 2, map[string]string{"Cem": "accepted", "Dee": "unknown", "Eve": ""})
	r.sent(3, 1, map[string]string{"Bob": "accepted"})
	r.exec(`UPDATE deliveries d SET groups = CASE s.name WHEN 'Cem' THEN 4 ELSE 14 END FROM subscribers s WHERE s.id = d.subscriber_id AND campaign_id = 2`)

	rule := r.parse(`was sent story 1`)
	frozen := r.freeze(rule)
	for _, c := range []struct {
		rule string
		want string
	}{{`was sent story 1`, "Ada Dee"}, {`was not sent story 1`, "Bob Cem Eve"}, {`was sent story 2`, "Bob"}, {`was sent story 77`, ""},
		{`was sent story 1 and was not sent 1`, "Dee"}} {
		if got := strings.Join(r.selects(r.freeze(r.parse(c.rule))), " "); got != c.want {
			t.Errorf("%s: %s; want %s", c.rule, got, c.want)
		}
		if again := r.parse(c.rule).String(); again != c.rule {
			t.Errorf("%s is written %s", c.rule, again)
		}
	}
	r.exec(`INSERT INTO campaign_stories (campaign_id, article_id, picked) VALUES (3, 1, '{}')`)
	if got := r.selects(frozen); !slices.Equal(got, []string{"Ada", "Dee"}) {
		t.Errorf("frozen before the story went out once more: %v", got)
	}
	for _, bad := range []string{`was sent story`, `was sent story x`, `was sent story 0`, `was sent story 1, 2`, `was sent story 1.5`} {
		if rule, err := Parse(bad); err == nil {
			t.Errorf("%s is taken for %s", bad, rule)
		}
	}
	if _, err := UnmarshalRule([]byte(`{"test": {"field": "sent", "op": "story", "number": "1 OR true"}}`)); err == nil {
		t.Error("SEC-09: a story that is no number is taken")
	}
}
