package audience

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/dbtest"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// noon is the time of these tests: by the clock of the list it is one in the afternoon.
var noon = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

// rig is a database with lists "daily" and "weekly".
type rig struct {
	*testing.T
	db    *sqlx.DB
	store *Store
	lists *subscribers.Store
	daily subscribers.List
}

func newRig(t *testing.T) *rig {
	t.Helper()
	d := dbtest.Open(t)
	ring, err := links.NewRing("a secret of a test, long enough to be one", nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, db: d, lists: subscribers.NewStore(d, ring)}
	r.store = NewStore(d, r.lists, func() time.Time { return noon })
	for _, slug := range []string{"daily", "weekly"} {
		l, err := r.lists.CreateList(t.Context(), subscribers.List{Slug: slug, Name: slug, FromName: "Example News", FromAddress: "news@example.org",
			Language: "fr", TimeZone: "Europe/Paris"})
		if err != nil {
			t.Fatal(err)
		}
		if slug == "daily" {
			r.daily = l
		}
	}
	r.exec(`CREATE TABLE deliveries_here PARTITION OF deliveries FOR VALUES FROM (0) TO (256)`)
	r.exec(`CREATE TABLE outcomes_here PARTITION OF outcomes FOR VALUES FROM (0) TO (256)`)
	return r
}

func (r *rig) exec(query string, args ...any) {
	r.Helper()
	if _, err := r.db.ExecContext(context.Background(), query, args...); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
}

func (r *rig) number(query string, args ...any) (n int64) {
	r.Helper()
	if err := r.db.GetContext(context.Background(), &n, query, args...); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
	return n
}

// person is a confirmed reader of the list daily, as far as rules can ask.
type person struct {
	name       string // and the local part of the address
	domain     string
	provider   string
	language   string
	supporter  bool
	attributes map[string]string
	frequency  string
	joined     string // 2026-11-22 15:04, UTC; empty: a year ago
	topicsOff  int
	weekly     string // state on the list weekly; empty: not there
}

func (r *rig) add(p person) int64 {
	r.Helper()
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	attributes, err := json.Marshal(p.attributes)
	if err != nil || p.attributes == nil {
		attributes = []byte("{}")
	}
	address := strings.ToLower(p.name) + "@" + or(p.domain, "example.org")
	id := r.number(`INSERT INTO subscribers (address, canonical, wire, address_hash, provider, name, language, supporter, attributes)
		VALUES ($1, $1, $1, sha256($1::text::bytea), $2, $3, $4, $5, $6) RETURNING id`,
		address, or(p.provider, "other"), p.name, p.language, p.supporter, string(attributes))
	r.exec(`INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at, created_at, topics_off, frequency)
		VALUES ($1, 1, 'confirmed', 'test', $2::timestamp AT TIME ZONE 'UTC', $2::timestamp AT TIME ZONE 'UTC', $3, $4)`,
		id, or(p.joined, "2025-11-23 12:00"), p.topicsOff, or(p.frequency, "each"))
	if p.weekly != "" {
		r.exec(`INSERT INTO subscriptions (subscriber_id, list_id, state, source, confirmed_at, unsubscribed_at, topics_off)
			VALUES ($1, 2, $2, 'test', now(), CASE WHEN $2 = 'unsubscribed' THEN now() END, $3)`, id, p.weekly, p.topicsOff)
	}
	return id
}

// sent notes that a campaign was sent to a list: to these readers, with what came of it. The launches follow each other by id.
func (r *rig) sent(campaign, list int64, outcomes map[string]string) {
	r.Helper()
	r.exec(`INSERT INTO sends (campaign_id, list_id, envelope_domain, not_before, expires_at, created_at)
		VALUES ($1, $2, 'bounce.example.org', $3, $3, $3)`, campaign, list, noon.Add(time.Duration(campaign-100)*time.Hour))
	seq := 0
	for name, kind := range outcomes {
		seq++
		r.exec(`INSERT INTO deliveries (campaign_id, seq, subscriber_id, recipient, groups, slots)
			SELECT $1, $2, id, wire, 0, '{}' FROM subscribers WHERE name = $3`, campaign, seq, name)
		if kind != "" {
			r.exec(`INSERT INTO outcomes (campaign_id, seq, attempt, kind) VALUES ($1, $2, 1, $3)`, campaign, seq, kind)
		}
	}
}

func (r *rig) parse(text string) Rule {
	r.Helper()
	rule, err := Parse(text)
	if err != nil {
		r.Fatalf("%s: %v", text, err)
	}
	return rule
}

func (r *rig) freeze(rule Rule) Frozen {
	r.Helper()
	f, err := r.store.Freeze(r.Context(), rule, r.daily, noon)
	if err != nil {
		r.Fatalf("%s: %v", rule, err)
	}
	return f
}

// selects returns the names of those whom a rule means, by way of what a send keeps.
func (r *rig) selects(f Frozen) []string {
	r.Helper()
	data, err := json.Marshal(f)
	if err != nil {
		r.Fatal(err)
	}
	sql, args, err := Narrow(data, 2)
	if err != nil {
		r.Fatalf("%s: %v", f.Rule, err)
	}
	names := []string{}
	if err := r.db.SelectContext(r.Context(), &names, `SELECT m.name FROM mailable m WHERE m.list_id = $1 AND `+sql+` ORDER BY m.name`,
		append([]any{f.List}, args...)...); err != nil {
		r.Fatalf("%s: %s: %v", f.Rule, sql, err)
	}
	return names
}

// explain returns every node of the plan of a query, with its parents.
func (r *rig) explain(query string, args ...any) []node {
	r.Helper()
	var text []byte
	if err := r.db.GetContext(r.Context(), &text, `EXPLAIN (FORMAT JSON) `+query, args...); err != nil {
		r.Fatal(err)
	}
	var plans []struct {
		Plan node `json:"Plan"`
	}
	if err := json.Unmarshal(text, &plans); err != nil {
		r.Fatal(err)
	}
	return plans[0].Plan.all(nil)
}

type node struct {
	Type         string `json:"Node Type"`
	Relationship string `json:"Parent Relationship"`
	Relation     string `json:"Relation Name"`
	Join         string `json:"Join Type"`
	Subplan      string `json:"Subplan Name"`
	Plans        []node `json:"Plans"`

	above []node
}

func (n node) all(above []node) []node {
	n.above = above
	list := []node{n}
	for _, p := range n.Plans {
		list = append(list, p.all(append(slices.Clone(above), n))...)
	}
	return list
}

// perRow reports that a node may run once for each reader: below a nested loop's inner side or a subplan that is not hashed, with
// nothing between that keeps its result.
func (n node) perRow() bool {
	path := append(slices.Clone(n.above), n)
	for i := len(path) - 1; i > 0; i-- {
		at, parent := path[i], path[i-1]
		if at.Type == "Materialize" || at.Type == "Memoize" || at.Type == "Hash" || strings.HasPrefix(at.Subplan, "CTE") {
			return false
		}
		if at.Relationship == "Inner" && parent.Type == "Nested Loop" || at.Relationship == "SubPlan" {
			return true
		}
	}
	return false
}

func (n node) String() string { return fmt.Sprintf("%s on %s", n.Type, n.Relation) }
