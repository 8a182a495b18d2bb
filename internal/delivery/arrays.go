package delivery

import (
	"database/sql/driver"

	"github.com/lib/pq"
)

// Array parameters. Unlike those of pq, an empty one is {} and not NULL.
type (
	numbers []int64
	texts   []string
	flags   []bool
)

// Value implements driver.Valuer.
func (n numbers) Value() (driver.Value, error) {
	if n == nil {
		return "{}", nil
	}
	return pq.Int64Array(n).Value()
}

// Value implements driver.Valuer.
func (t texts) Value() (driver.Value, error) {
	if t == nil {
		return "{}", nil
	}
	return pq.StringArray(t).Value()
}

// Value implements driver.Valuer.
func (f flags) Value() (driver.Value, error) {
	if f == nil {
		return "{}", nil
	}
	return pq.BoolArray(f).Value()
}

// outcomeArrays are the columns of outcomes, as Postgres takes many rows at once.
type outcomeArrays struct {
	campaign, seq, attempt, chunk, token, code, took, wait numbers
	again, permitted                                       flags
	kind, class, enhanced, reply, queueID, relay           texts
}

func newOutcomeArrays(outs []*outcome) *outcomeArrays {
	a := &outcomeArrays{}
	for _, o := range outs {
		a.campaign = append(a.campaign, o.Campaign)
		a.seq = append(a.seq, o.Seq)
		a.attempt = append(a.attempt, int64(o.Attempt))
		a.chunk = append(a.chunk, o.Chunk)
		a.token = append(a.token, o.Token)
		a.again = append(a.again, o.Again)
		a.permitted = append(a.permitted, o.permitted)
		a.kind = append(a.kind, o.kind)
		a.class = append(a.class, o.class)
		a.code = append(a.code, int64(o.code))
		a.enhanced = append(a.enhanced, o.enhanced)
		a.reply = append(a.reply, o.reply)
		a.queueID = append(a.queueID, o.queueID)
		a.relay = append(a.relay, o.relay)
		a.took = append(a.took, o.took.Milliseconds())
		a.wait = append(a.wait, o.wait.Milliseconds())
	}
	return a
}

// wantArrays are the columns of the deliveries that ask for a permit. claim and send are places in other arrays.
type wantArrays struct {
	campaign, seq, attempt, claim, subscriber, list, send numbers
	again                                                 flags
}

func newWantArrays(items []*item) *wantArrays {
	n := len(items)
	a := &wantArrays{campaign: make(numbers, n), seq: make(numbers, n), attempt: make(numbers, n), claim: make(numbers, n),
		subscriber: make(numbers, n), list: make(numbers, n), send: make(numbers, n), again: make(flags, n)}
	for i, it := range items {
		a.campaign[i], a.seq[i], a.attempt[i] = it.Campaign, it.Seq, int64(it.Attempt)
		a.subscriber[i], a.list[i], a.again[i] = it.Subscriber, it.List, it.Again
	}
	return a
}

// keyArrays are the columns that name attempts, or claimed retry rows.
type keyArrays struct{ campaign, seq, attempt, token numbers }

func newKeyArrays(items []*item) *keyArrays {
	a := &keyArrays{}
	for _, it := range items {
		a.campaign = append(a.campaign, it.Campaign)
		a.seq = append(a.seq, it.Seq)
		a.attempt = append(a.attempt, int64(it.Attempt))
		a.token = append(a.token, it.Token)
	}
	return a
}
