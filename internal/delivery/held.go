package delivery

import "sync"

// heldClaims are the claims that workers of this process are at.
type heldClaims struct {
	mu     sync.Mutex
	claims map[*claim]struct{}
}

func newHeldClaims() *heldClaims { return &heldClaims{claims: map[*claim]struct{}{}} }

func (h *heldClaims) add(c *claim) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.claims[c] = struct{}{}
}

func (h *heldClaims) remove(c *claim) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.claims, c)
}

func (h *heldClaims) all() []*claim {
	h.mu.Lock()
	defer h.mu.Unlock()
	var claims []*claim
	for c := range h.claims {
		claims = append(claims, c)
	}
	return claims
}

// list returns chunks and retry rows with their tokens.
func (h *heldClaims) list() (chunks map[int64]int64, retries []retryKey) {
	chunks = map[int64]int64{}
	for _, c := range h.all() {
		if c.chunk != 0 {
			chunks[c.chunk] = max(c.token, chunks[c.chunk])
		}
		retries = append(retries, c.keys()...)
	}
	return chunks, retries
}

// hangups counts how often the relay hung up within the body of a delivery. It is a small memory: what it forgets is
// only counted anew.
type hangups struct {
	mu    sync.Mutex
	count map[outcomeKey]int
}

// add counts one more and returns how many there were.
func (h *hangups) add(k outcomeKey) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.count) > 1000 {
		clear(h.count)
	}
	h.count[k]++
	return h.count[k]
}
