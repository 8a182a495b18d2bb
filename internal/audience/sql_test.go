package audience

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/quick"
)

// nasty are texts that mean something to SQL, to LIKE, to regular expressions or to JSON.
var nasty = []string{`'`, `''`, `"`, `\`, `\'`, `'; DROP TABLE subscribers; --`, `' OR '1'='1`, `") OR (1=1`, `$1`, `$$`, `/*`, `*/`, `%`, `_`, `%%`, `x' UNION SELECT wire FROM mailable --`,
	`{"a":1}`, `[]`, `null`, `::text`, `.*`, `(?i)`, `E'\x00'`, `\u0000`, `pg_sleep(10)`, `||`, `?`, `@>`, `$tag$`, `Zoë`, `日本`, `👍`, `{`, `}`, `,`, `NULL`, `true`}

// leaf makes a random test; every text in it comes from text.
func leaf(rnd *rand.Rand, text func() string) Rule {
	pick := func(options []string) string { return options[rnd.IntN(len(options))] }
	t := &Test{}
	switch rnd.IntN(9) {
	case 0:
		t.Field = fieldSupporter
	case 1:
		t.Field, t.Op, t.Values = pick([]string{fieldName, fieldDomain}), pick([]string{opIs, opContains, opStarts, opEnds}), []string{text()}
	case 2:
		t.Field, t.Name, t.Op = fieldAttribute, pick([]string{"city", "plan", text()}), opIs
		for range 1 + rnd.IntN(3) {
			t.Values = append(t.Values, text())
		}
	case 3:
		t.Field, t.Name, t.Op, t.Number = fieldAttribute, pick([]string{"age", "city"}), pick(numberOps), fmt.Sprint(rnd.IntN(100)-10)
	case 4:
		t.Field, t.Name, t.Op, t.Date = fieldAttribute, pick([]string{"renews", "age"}), pick(dateOps), fmt.Sprintf("2026-%02d-%02d", 1+rnd.IntN(12), 1+rnd.IntN(28))
	case 5:
		t.Field, t.Name, t.Op, t.Count, t.Unit = fieldAttribute, "renews", pick(spanOps), 1+rnd.IntN(60), pick(units)
	case 6:
		t.Field, t.Op, t.Count, t.Unit = fieldJoined, pick([]string{opLast, opAgo}), 1+rnd.IntN(20), pick(units)
	case 7:
		t.Field, t.Name = fieldList, "weekly"
	case 8:
		t.Field, t.Op, t.Campaigns = fieldSent, opAnyOf, []int64{11, 12}[:1+rnd.IntN(2)]
	}
	return Rule{Test: t}
}

func randomRule(rnd *rand.Rand, depth int, text func() string) Rule {
	if depth == 0 || rnd.IntN(3) == 0 {
		return leaf(rnd, text)
	}
	var parts []Rule
	for range 2 + rnd.IntN(2) {
		parts = append(parts, randomRule(rnd, depth-1, text))
	}
	switch rnd.IntN(3) {
	case 0:
		return and(parts...)
	case 1:
		return or(parts...)
	}
	return not(parts[0])
}

func (r *rig) crowd(n int) []string {
	rnd := rand.New(rand.NewPCG(1, 2))
	var names []string
	for i := range n {
		p := person{name: fmt.Sprintf("R%03d", i), supporter: rnd.IntN(2) == 0, attributes: map[string]string{}, joined: fmt.Sprintf("2026-%02d-%02d 12:00", 1+rnd.IntN(11), 1+rnd.IntN(20))}
		for name, values := range map[string][]string{"city": {"Paris", "", "7", `'`, `%`}, "plan": {"basic", "free"}, "age": {"1", "40", "forty", "99999999999999999999", "-1.5", "2026-05-05"},
			"renews": {"2026-11-25", "2026-02-31", "9999-99-99", "soon", "2025-01-01 10:00"}} {
			if rnd.IntN(3) > 0 {
				p.attributes[name] = values[rnd.IntN(len(values))]
			}
		}
		if rnd.IntN(3) == 0 {
			p.weekly = []string{"confirmed", "unsubscribed", "pending"}[rnd.IntN(3)]
		}
		r.add(p)
		names = append(names, p.name)
	}
	r.sent(11, 1, map[string]string{"R000": "accepted", "R003": "failed", "R005": "doubt"})
	r.sent(12, 2, map[string]string{"R000": "accepted", "R004": "accepted"})
	return names
}

// SEC-09: whatever stands in a rule, it never becomes part of the SQL; the database takes every rule, and changes by none.
func TestNothingBecomesSQL(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.crowd(40)
	for seed := range uint64(400) {
		plain := randomRule(rand.New(rand.NewPCG(seed, 1)), 3, func() string { return "x" })
		texts := rand.New(rand.NewPCG(seed, 2))
		hostile := randomRule(rand.New(rand.NewPCG(seed, 1)), 3, func() string { return nasty[texts.IntN(len(nasty))] })
		want, _, err := r.freeze(plain).Condition(2)
		if err != nil {
			t.Fatal(err)
		}
		f := r.freeze(hostile)
		sql, args, err := f.Condition(2)
		if err != nil || sql != want {
			t.Fatalf("%s: the SQL is\n%s\nand of a harmless one\n%s\n(%v)", hostile, sql, want, err)
		}
		// Each argument has its place, and there is no other.
		for i := range args {
			if !strings.Contains(sql, fmt.Sprintf("$%d::", i+2)) {
				t.Fatalf("%s: argument %d of %d has no place in %s", hostile, i, len(args), sql)
			}
		}
		r.selects(f)
		// People can write it too.
		if again := r.parse(hostile.String()); again.String() != hostile.String() {
			t.Fatalf("%s is read as %s", hostile, again)
		}
	}
	if n := r.number(`SELECT count(*) FROM subscribers`); n != 40 {
		t.Errorf("%d readers are left", n)
	}
}

// A rule and its exclusion part the list: nobody is in both, nobody in neither.
func TestExclusionPartitions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	names := r.crowd(120)
	some := 0
	check := func(seed uint64) bool {
		rnd := rand.New(rand.NewPCG(seed, 3))
		rule := randomRule(rnd, 4, func() string { return []string{"Paris", "7", "basic", "example", "R00", "'", "%"}[rnd.IntN(7)] })
		in, out := r.selects(r.freeze(rule)), r.selects(r.freeze(not(rule)))
		if len(in) > 0 && len(out) > 0 {
			some++
		}
		all := slices.Sorted(slices.Values(slices.Concat(in, out)))
		if !slices.Equal(all, names) {
			t.Logf("%s: %d in, %d out, %d readers", rule, len(in), len(out), len(names))
			return false
		}
		return true
	}
	if err := quick.Check(check, &quick.Config{MaxCount: 300}); err != nil {
		t.Error(err)
	}
	if some < 50 {
		t.Errorf("only %d of the rules said yes of some and no of others", some)
	}
}

// On large tables a rule is one pass over the list: nothing large is read through for each reader.
func TestPlans(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const readers = 20_000
	r.exec(`INSERT INTO subscribers (address, canonical, wire, address_hash, provider, name, attributes)
		SELECT a, a, a, sha256(a::bytea), 'other', '', '{"city": "Paris"}' FROM (SELECT 'r' || g || '@example.org' AS a FROM generate_series(1, $1::int) g) x`, readers)
	r.exec(`INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) SELECT id, 1, 'confirmed', 'test', now() FROM subscribers`)
	r.exec(`INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at) SELECT id, 2, 'confirmed', 'test', now() FROM subscribers WHERE id % 2 = 0`)
	for _, campaign := range []int64{11, 12} {
		r.sent(campaign, 1, nil)
		r.exec(`INSERT INTO deliveries SELECT $1, id, id, wire, 0, '{}' FROM subscribers`, campaign)
		r.exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind) SELECT $1, id, 1, 'accepted' FROM subscribers`, campaign)
	}
	r.exec(`ANALYZE`)
	for _, text := range []string{`was sent 11`, `was not sent 11`, `was sent any of the last 2 campaigns`, `on list weekly`, `not on list weekly`, `city is Paris`,
		`not (was sent 11 or on list weekly)`, `supporter or was sent 11`, `supporter or not on list weekly`, `not (supporter and (was sent 12 or city is not Paris))`,
		`city is one of a, b or on list weekly`, `supporter and joined within 90 days and not (city is "Paris" or plan is one of "basic", "free") and was sent 12`} {
		cond, args, err := r.freeze(r.parse(text)).Condition(2)
		if err != nil {
			t.Fatal(err)
		}
		args = append([]any{int64(1)}, args...)
		for name, query := range map[string]string{
			"count": `SELECT count(*) FROM mailable m WHERE m.list_id = $1 AND ` + cond,
			"step":  `SELECT m.subscriber_id FROM mailable m WHERE m.list_id = $1 AND m.shuffle >= 0 AND ` + cond + ` ORDER BY m.shuffle, m.subscriber_id LIMIT 1000`,
		} {
			for _, n := range r.explain(query, args...) {
				large := strings.HasPrefix(n.Relation, "deliveries") || strings.HasPrefix(n.Relation, "outcomes") || n.Relation == "subscriptions" || n.Relation == "subscribers"
				if n.Type == "Seq Scan" && large && n.perRow() {
					t.Errorf("%s, %s: %s for each reader", name, text, n)
				}
			}
		}
	}
}
