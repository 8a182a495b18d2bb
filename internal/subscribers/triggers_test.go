package subscribers

import "testing"

// What foreign keys said before is said by the triggers.
func TestSubscriptionsNeedTheirList(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	l := newList(t, s, "daily")
	p := reader(t, s, l.ID, "ada@example.org")
	if _, err := d.ExecContext(t.Context(), `INSERT INTO subscriptions (subscriber_id, list_id, state, source) VALUES ($1, 999, 'pending', 'x')`, p.ID); err == nil {
		t.Error("a subscription of a list that is not there")
	}
	if _, err := d.ExecContext(t.Context(), `DELETE FROM lists WHERE id = $1`, l.ID); err == nil {
		t.Error("a list with subscriptions was deleted")
	}
	if _, err := d.ExecContext(t.Context(), `UPDATE subscriptions SET list_id = 999 WHERE subscriber_id = $1`, p.ID); err == nil {
		t.Error("a subscription was moved to a list that is not there")
	}
}
