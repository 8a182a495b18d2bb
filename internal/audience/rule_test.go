package audience

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// Each rule means these people, and its "not" means all the others.
func TestRules(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, topic := range []string{"sport", "culture"} {
		for _, list := range []int64{1, 2} {
			if _, err := r.lists.Topics.Create(t.Context(), subscribers.Topic{ListID: list, Slug: topic, Name: topic}, "test"); err != nil {
				t.Fatal(err)
			}
		}
	}
	people := []person{
		{name: "Ada", domain: "gmail.com", provider: "google", language: "en", supporter: true, attributes: map[string]string{"city": "Paris", "plan": "basic", "age": "40"},
			joined: "2026-11-20 10:00", weekly: "confirmed"},
		{name: "Bob", domain: "gmail.com", provider: "google", attributes: map[string]string{"city": "paris", "age": " 9.5 ", "renews": "2026-11-25"}, frequency: "weekly"},
		{name: "Cem", domain: "mail.example.com", language: "fr-CA", attributes: map[string]string{"city": "Lyon", "plan": "free", "age": "forty", "renews": "2026-11-01T10:00:00Z"}, topicsOff: 1, weekly: "confirmed"},
		{name: "Dee", supporter: true, attributes: map[string]string{"city": "", "age": "-3", "renews": "soon"}, joined: "2026-10-24 10:59", weekly: "unsubscribed"},
		{name: "Eve", attributes: map[string]string{"city": "New York", "age": "100", "renews": "2026-02-31", `odd "name'; --`: "x"}, joined: "2026-10-24 11:01", weekly: "pending"},
		{name: "Fay", joined: "2026-10-31 22:59"}, // a minute to midnight in Paris
		{name: "Gil", joined: "2026-10-31 23:00", attributes: map[string]string{"city": "100%_\\"}, topicsOff: 3},
	}
	var names []string
	for _, p := range people {
		r.add(p)
		names = append(names, p.name)
	}
	r.exec(`UPDATE subscriptions SET paused_until = now() + interval '1 day' WHERE list_id = 2`) // still on the list
	r.sent(11, 1, map[string]string{"Ada": "accepted", "Bob": "failed", "Cem": "doubt", "Dee": ""})
	r.sent(12, 1, map[string]string{"Bob": "accepted", "Dee": "unknown", "Eve": "suppressed"})
	r.sent(13, 2, map[string]string{"Cem": "accepted"})
	r.sent(14, 1, map[string]string{"Fay": "accepted"})

	for text, want := range map[string]string{
		`everybody`: "Ada Bob Cem Dee Eve Fay Gil",
		`supporter`: "Ada Dee",

		`city is "Paris"`:                           "Ada Bob",
		`city is not Paris`:                         "Cem Dee Eve Fay Gil", // who has no city is not in Paris
		`attribute City is Paris`:                   "",                    // names of attributes are as they are
		`city is one of "Paris", 'new york'`:        "Ada Bob Eve",
		`city is not one of (Paris, Lyon)`:          "Dee Eve Fay Gil",
		`city is set`:                               "Ada Bob Cem Eve Gil", // an empty one is none
		`city is not set`:                           "Dee Fay",
		`city contains Y`:                           "Cem Eve",
		`city does not contain "y"`:                 "Ada Bob Dee Fay Gil",
		`city contains "%"`:                         "Gil",
		`city contains "_"`:                         "Gil",
		`city starts with "new "`:                   "Eve",
		`city does not start with p`:                "Cem Dee Eve Fay Gil",
		`city ends with "\\"`:                       "Gil",
		`city ends with "on"`:                       "Cem",
		`attribute "odd \"name'; --" is x`:          "Eve",
		`plan is set and city is not Lyon`:          "Ada",
		`age is 40`:                                 "Ada",
		`age is "40"`:                               "Ada",
		`age is 40.0`:                               "Ada", // as a number
		`age is "40.0"`:                             "",    // as a text
		`age greater than 9`:                        "Ada Bob Eve",
		`age is greater than 9.5`:                   "Ada Eve",
		`age is at least 9.5`:                       "Ada Bob Eve",
		`age less than 9.5`:                         "Dee",
		`age is at most 9.5`:                        "Bob Dee",
		`age is not 40`:                             "Bob Cem Dee Eve Fay Gil",
		`not (age is at most 100)`:                  "Cem Fay Gil", // no number, or none at all
		`renews before 2026-11-25`:                  "Cem Eve",     // as written: no calendar is asked
		`renews since 2026-11-25`:                   "Bob",
		`renews after 2026-11-25`:                   "",
		`renews on 2026-11-25`:                      "Bob",
		`renews is 2026-11-25`:                      "Bob",
		`renews is not 2026-11-25`:                  "Ada Cem Dee Eve Fay Gil",
		`renews in the next 2 days`:                 "Bob",
		`renews in the next 1 day`:                  "",
		`renews in the last 22 days`:                "Cem",
		`renews in the last 3 weeks`:                "",
		`renews is more than 3 weeks ago`:           "Cem Eve",
		`name is ADA`:                               "Ada",
		`name starts with "e" or name is "fay"`:     "Eve Fay",
		`language is fr`:                            "Bob Cem Dee Eve Fay Gil", // the list's, for those without one of their own
		`language is fr-ca`:                         "Cem",
		`language is one of en, fr-CA`:              "Ada Cem",
		`language is set`:                           "Ada Cem",
		`language starts with fr-`:                  "Cem",
		`provider is google`:                        "Ada Bob",
		`provider is not one of google, microsoft`:  "Cem Dee Eve Fay Gil",
		`domain is gmail.com`:                       "Ada Bob",
		`domain ends with ".example.com"`:           "Cem",
		`domain contains example`:                   "Cem Dee Eve Fay Gil",
		`frequency is weekly`:                       "Bob",
		`frequency is not weekly`:                   "Ada Cem Dee Eve Fay Gil",
		`frequency is one of each, weekly`:          "Ada Bob Cem Dee Eve Fay Gil",
		`joined in the last 30 days`:                "Ada Eve Fay Gil", // thirty days back at the same hour, also when clocks changed
		`joined within 30 days`:                     "Ada Eve Fay Gil",
		`joined less than 30 days ago`:              "Ada Eve Fay Gil",
		`joined in the last 1 month`:                "Ada Eve Fay Gil Dee",
		`joined more than 30 days ago`:              "Bob Cem Dee",
		`joined more than 1 year ago`:               "",
		`joined more than 11 months ago`:            "Bob Cem",
		`joined on 2026-10-31`:                      "Fay",
		`joined on 2026-11-01`:                      "Gil", // the day begins at 23:00 UTC
		`joined before 2026-11-01`:                  "Bob Cem Dee Eve Fay",
		`joined since 2026-11-01`:                   "Ada Gil",
		`joined after 2026-10-31`:                   "Ada Gil",
		`joined after 2026-11-01`:                   "Ada",
		`on list weekly`:                            "Ada Cem",
		`not on list weekly`:                        "Bob Dee Eve Fay Gil",
		`is on list daily`:                          "Ada Bob Cem Dee Eve Fay Gil",
		`wants topic sport`:                         "Ada Bob Dee Eve Fay",
		`wants topic culture`:                       "Ada Bob Cem Dee Eve Fay",
		`does not want topic sport`:                 "Cem Gil",
		`wants topic sport of list weekly`:          "Ada", // who is not on it does not want it
		`does not want topic sport of list weekly`:  "Bob Cem Dee Eve Fay Gil",
		`was sent 11`:                               "Ada Cem", // a doubt may have arrived
		`was sent campaign 12`:                      "Bob Dee",
		`was not sent 12`:                           "Ada Cem Eve Fay Gil",
		`was sent any of 11, 14`:                    "Ada Cem Fay",
		`was not sent any of campaigns 11, 12, 14`:  "Eve Gil",
		`was sent the last campaign`:                "Fay",
		`was sent any of the last 2 campaigns`:      "Bob Dee Fay",
		`was not sent any of the last 9 campaigns`:  "Eve Gil",
		`was sent the last campaign of list weekly`: "Cem",
		`not supporter`:                             "Bob Cem Eve Fay Gil",
		`not not supporter`:                         "Ada Dee",
		`supporter or city is Lyon`:                 "Ada Cem Dee",
		`not (supporter or city is Lyon)`:           "Bob Eve Fay Gil",
		`not (supporter and city is Paris)`:         "Bob Cem Dee Eve Fay Gil",
		`not (supporter and not (was sent 11))`:     "Ada Bob Cem Eve Fay Gil",
		`supporter and joined within 90 days and not (city is "Lyon" or attribute plan is one of "basic", "free") and was sent 12`: "Dee",
	} {
		t.Run(text, func(t *testing.T) {
			r := &rig{T: t, db: r.db, store: r.store, lists: r.lists, daily: r.daily}
			wanted := strings.Fields(want)
			slices.Sort(wanted)
			rule := r.parse(text)
			if got := r.selects(r.freeze(rule)); !slices.Equal(got, wanted) {
				t.Errorf("got %v, want %v", got, wanted)
			}
			others := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(wanted, n) })
			if got := r.selects(r.freeze(not(rule))); !slices.Equal(got, others) {
				t.Errorf("not: got %v, want %v", got, others)
			}
			if n, err := r.store.Count(t.Context(), r.freeze(rule), ""); err != nil || n != (Count{int64(len(wanted)), 7}) {
				t.Errorf("count: %+v, %v", n, err)
			}
			if again, err := Parse(rule.String()); err != nil || again.String() != rule.String() {
				t.Errorf("written as %s, it is %s (%v)", rule, again, err)
			}
		})
	}
}

// A rule that is frozen stays what it was: campaigns that are launched later are not among the last, days do not go by.
func TestFrozenStays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.add(person{name: "Ada", joined: "2026-11-20 10:00"})
	r.add(person{name: "Bob"})
	r.sent(11, 1, map[string]string{"Ada": "accepted"})
	r.exec(`UPDATE sends SET created_at = $1`, noon.Add(-time.Hour))
	last, joined := r.freeze(r.parse(`was sent the last campaign`)), r.freeze(r.parse(`joined in the last 7 days`))
	r.exec(`INSERT INTO sends (campaign_id, list_id, envelope_domain, not_before, expires_at, created_at) VALUES (12, 1, 'x', now(), now(), $1)`, noon.Add(time.Hour))
	r.exec(`INSERT INTO deliveries VALUES (12, 1, 2, 'x', 0, '{}')`)
	r.exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind) VALUES (12, 1, 1, 'accepted')`)
	for _, f := range []Frozen{last, joined} {
		if got := r.selects(f); !slices.Equal(got, []string{"Ada"}) {
			t.Errorf("%s: %v", f.Rule, got)
		}
	}
	later, err := r.store.Freeze(t.Context(), last.Rule, r.daily, noon.Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.selects(later); !slices.Equal(got, []string{"Bob"}) {
		t.Errorf("frozen later: %v", got)
	}
}

// What a rule names must exist when it is saved or used.
func TestFreezeRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sent(11, 1, nil)
	for text, want := range map[string]string{
		`on list nowhere`:                                `there is no list "nowhere"`,
		`wants topic sport of list weekly`:               `the list weekly has no topic "sport"`,
		`was sent any of the last 2 campaigns of list x`: `there is no list "x"`,
		`was sent any of 11, 99`:                         `campaign 99 has not been sent`,
	} {
		if _, err := r.store.Create(t.Context(), "x", "", text, "test"); errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), want) {
			t.Errorf("%s: saved with %v; want %q", text, err, want)
		}
	}
	// A topic of "the list" is known only when there is one.
	if _, err := r.store.Create(t.Context(), "sporty", "", `wants topic sport`, "test"); err != nil {
		t.Error(err)
	}
	if _, err := r.store.Freeze(t.Context(), r.parse(`wants topic sport`), r.daily, noon); errs.KindOf(err) != errs.Invalid {
		t.Errorf("frozen with %v", err)
	}
}

// What a newer program wrote is refused, and nothing in a kept rule is a way around the language.
func TestNarrowRefuses(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{``, `null`, `{}`, `{"version": 2, "rule": {"test": {"field": "supporter"}}}`, `{"version": 1, "rule": {}}`,
		`{"version": 1, "rule": {"test": {"field": "wire"}}}`, `{"version": 1, "rule": {"test": {"field": "supporter"}}, "more": 1}`,
		`{"version": 1, "zone": "Nowhere/At_All", "rule": {"test": {"field": "supporter"}}}`,
		`{"version": 1, "rule": {"test": {"field": "list", "name": "weekly"}}}`, // not resolved
		`{"version": 1, "rule": {"test": {"field": "topic", "name": "sport"}}}`,
		`{"version": 1, "rule": {"test": {"field": "sent", "op": "any_of_last", "count": 2}}}`,
		`{"version": 1, "rule": {"test": {"field": "attribute", "name": "a", "op": "OR true --", "values": ["x"]}}}`,
	} {
		if sql, _, err := Narrow([]byte(rule), 1); err == nil {
			t.Errorf("%s: %s", rule, sql)
		}
	}
	if sql, args, err := Narrow(nil, 1); sql != "true" || args != nil || err != nil {
		t.Errorf("nil: %q, %v, %v", sql, args, err)
	}
}
