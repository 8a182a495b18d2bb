package public

import (
	"context"
	"sync"
	"time"
)

// weeklyFor is how long it is remembered whether a list has a weekly campaign.
const weeklyFor = time.Minute

// weeklies remembers which lists have a weekly campaign, so that no page has to ask the database for it.
type weeklies struct {
	mu   sync.Mutex
	list map[int64]weeklyAnswer
}

type weeklyAnswer struct {
	yes   bool
	until time.Time
}

// weekly reports whether a reader of the list can choose a weekly campaign instead of each edition. When that cannot be told, it is
// not offered.
func (s *site) weekly(ctx context.Context, list int64) bool {
	if s.Weekly == nil {
		return false
	}
	now := time.Now()
	s.weeklies.mu.Lock()
	known, ok := s.weeklies.list[list]
	s.weeklies.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.yes
	}
	yes, err := s.Weekly(ctx, list)
	if err != nil {
		s.Log.Warn("look for a weekly digest", "list", list, "err", err)
		return ok && known.yes
	}
	s.weeklies.mu.Lock()
	defer s.weeklies.mu.Unlock()
	if s.weeklies.list == nil || len(s.weeklies.list) > 10_000 {
		s.weeklies.list = map[int64]weeklyAnswer{}
	}
	s.weeklies.list[list] = weeklyAnswer{yes: yes, until: now.Add(weeklyFor)}
	return yes
}
