package articles

import "testing"

// The front page of a site is no story, however its address is written; WordPress without pretty addresses has its stories there.
func TestFrontPageIsNoStory(t *testing.T) {
	for address, want := range map[string]bool{"https://paper.example": true, "https://paper.example/": true, "https://paper.example//#top": true,
		"https://paper.example/?p=12": false, "https://paper.example/story": false} {
		if got := isFront(address); got != want {
			t.Errorf("isFront(%q) = %v", address, got)
		}
	}
}
