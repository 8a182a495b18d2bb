package campaigns

import (
	"time"

	"mailer/internal/render"
)

// visible reduces a story to what a reader sees of it, so that a feed's new time stamp is no news.
func visible(s render.Story) render.Story {
	s.Tags, s.Words = nil, s.ReadingMinutes()
	s.Published = s.Published.UTC().Truncate(24 * time.Hour)
	return s
}

// isNews reports whether a reader would see a difference between a story as it was picked and as it is now.
func isNews(picked, now render.Story) bool { return !same(visible(picked), visible(now)) }

// merge brings a story in a campaign up to date: what an editor left as it was picked follows the publisher, what an
// editor rewrote stays.
func merge(mine, picked, now render.Story) render.Story {
	if mine.Title == picked.Title {
		mine.Title = now.Title
	}
	if mine.Dek == picked.Dek {
		mine.Dek = now.Dek
	}
	if same(mine.Authors, picked.Authors) {
		mine.Authors = now.Authors
	}
	if mine.Section == picked.Section {
		mine.Section = now.Section
	}
	if same(mine.Image, picked.Image) {
		mine.Image = now.Image
	}
	if mine.URL == picked.URL {
		mine.URL = now.URL
	}
	if mine.Language == picked.Language {
		mine.Language = now.Language
	}
	if mine.BodyHTML == picked.BodyHTML {
		mine.BodyHTML = now.BodyHTML
	}
	mine.Tags, mine.Words, mine.Published = now.Tags, now.Words, now.Published
	return mine
}

// mergeAll merges each story of the blocks that has news.
func mergeAll(blocks []render.Block, picked, now map[int64]render.Story) []render.Block {
	out := make([]render.Block, len(blocks))
	for i, b := range blocks {
		stories := make([]render.Story, len(b.Stories))
		for j, s := range b.Stories {
			if stories[j] = s; now[s.ArticleID].ArticleID != 0 {
				stories[j] = merge(s, picked[s.ArticleID], now[s.ArticleID])
			}
		}
		if out[i] = b; len(stories) > 0 {
			out[i].Stories = stories
		}
	}
	return out
}

// without takes stories out of blocks, and the blocks that are left empty by that.
func without(blocks []render.Block, gone map[int64]bool) []render.Block {
	var out []render.Block
	title := "" // of a section whose first part was left empty: it passes to the part that goes on with it
	for _, b := range blocks {
		if len(b.Stories) == 0 {
			out = append(out, b)
			continue
		}
		kept := make([]render.Story, 0, len(b.Stories))
		for _, s := range b.Stories {
			if !gone[s.ArticleID] {
				kept = append(kept, s)
			}
		}
		if b.Title != "" || b.Kind != render.KindSection {
			title = b.Title
		} else if title != "" {
			b.Title = title
		}
		if len(kept) == 0 {
			continue
		}
		title = ""
		b.Stories = kept
		out = append(out, b)
	}
	return out
}
