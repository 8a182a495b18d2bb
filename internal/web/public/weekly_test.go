package public

import (
	"context"
	"errors"
	"log/slog"
	"testing"
)

// Whether a list has a weekly campaign is asked for once a minute and list; when it cannot be told, it is not offered, unless it was
// known a minute ago.
func TestWeeklyIsRemembered(t *testing.T) {
	asked, answer, fault := 0, true, error(nil)
	s := &site{Deps: Deps{Log: slog.New(slog.DiscardHandler), Weekly: func(_ context.Context, list int64) (bool, error) {
		asked++
		return answer && list == 1, fault
	}}}
	for range 3 {
		if !s.weekly(t.Context(), 1) || s.weekly(t.Context(), 2) {
			t.Error("a list has what another one has")
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times for two lists", asked)
	}
	stale := s.weeklies.list[1]
	stale.until = stale.until.Add(-2 * weeklyFor)
	s.weeklies.list[1] = stale
	fault = errors.New("the database is away")
	if !s.weekly(t.Context(), 1) || s.weekly(t.Context(), 3) {
		t.Error("a fault makes a weekly campaign come or go")
	}
	fault, answer = nil, false
	if s.weekly(t.Context(), 1) {
		t.Error("a weekly campaign that is gone is still offered")
	}
	if (&site{}).weekly(t.Context(), 1) {
		t.Error("a weekly campaign is offered where none can be")
	}
}
