package campaigns

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mailer/internal/render"
)

// blockID is what the id of a block looks like, which stands in addresses and in ids of HTML as well.
var blockID = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// newBlockID returns an id for a block that an editor adds.
func newBlockID() string { return "b" + strings.ToLower(rand.Text()[:9]) }

// withIDs returns the blocks with an id for each that has none of its own. It follows from what the block is: an edition composed
// anew, and one from before blocks had ids, have the same ones each time they are read.
func withIDs(blocks []render.Block) []render.Block {
	used := map[string]bool{}
	ok := func(b render.Block) bool { return blockID.MatchString(b.ID) && !used[b.ID] }
	missing := false
	for _, b := range blocks {
		if !ok(b) {
			missing = true
		}
		used[b.ID] = true
	}
	if !missing {
		return blocks
	}
	out := slices.Clone(blocks)
	first := map[string]bool{}
	for i, b := range out {
		if blockID.MatchString(b.ID) && !first[b.ID] {
			first[b.ID] = true
			continue
		}
		for n := 0; ; n++ {
			sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%t\n%d", b.Kind, b.Title, b.Topic, b.Lead, n))
			id := "b" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:9])
			if !used[id] {
				used[id], first[id], out[i].ID = true, true, id
				break
			}
		}
	}
	return out
}

// withoutIDs returns the blocks as a reader knows them.
func withoutIDs(blocks []render.Block) []render.Block {
	if !slices.ContainsFunc(blocks, func(b render.Block) bool { return b.ID != "" }) {
		return blocks
	}
	out := slices.Clone(blocks)
	for i := range out {
		out[i].ID = ""
	}
	return out
}
