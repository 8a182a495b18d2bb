package frame

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"mailer/internal/accounts"
)

// One person cannot keep the database busy with thousands of streams, and gets new ones when old ones have ended.
func TestStreamsOfOnePerson(t *testing.T) {
	t.Parallel()
	f := &Frame{streams: map[int64]int{}}
	open := func(ctx context.Context, account int64) int {
		w := httptest.NewRecorder()
		_, err := f.Events(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/admin/campaigns/1/events", nil), &Visit{Account: accounts.Account{ID: account}})
		if (err != nil) != (w.Code != http.StatusOK) {
			t.Errorf("%d with %v", w.Code, err)
		}
		return w.Code
	}
	ctx, leave := context.WithCancel(t.Context())
	for range most {
		if got := open(ctx, 1); got != http.StatusOK {
			t.Fatal(got)
		}
	}
	if got := open(t.Context(), 1); got != http.StatusTooManyRequests {
		t.Errorf("stream %d of one person: %d", most+1, got)
	}
	if got := open(t.Context(), 2); got != http.StatusOK {
		t.Errorf("of another: %d", got)
	}
	leave()
	for f.count(1) > 0 { // the counts follow in their own time
		if t.Context().Err() != nil {
			t.Fatal("streams that ended are still counted")
		}
	}
	if got := open(t.Context(), 1); got != http.StatusOK {
		t.Errorf("after the others have ended: %d", got)
	}
}

func (f *Frame) count(account int64) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.streams[account]
}
