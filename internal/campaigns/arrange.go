package campaigns

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"mailer/internal/articles"
	"mailer/internal/lang"
	"mailer/internal/message"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// freeze returns a story as a campaign of this template keeps it. A digest shows no bodies, so it does not carry them;
// where a story has no dek its first words stand in.
func freeze(a articles.Article, template string) render.Story {
	s := a.Story()
	s.Published = s.Published.UTC()
	if template == render.TemplateDigest {
		if s.Dek == "" {
			s.Dek = clip(strings.Join(strings.Fields(render.PlainText(s.BodyHTML)), " "), 200)
		}
		s.BodyHTML = ""
	}
	return s
}

// arrangement is an edition before it is kept.
type arrangement struct {
	content
	count int  // stories
	short bool // fewer stories than the recipe wants, and it wants none then
}

// arrange makes an edition of the stories found for each section. It has no knowledge of the database or the clock; date is
// the day the edition bears, in the list's zone. Those in had do not go to every reader, nor do those of a section with a topic; the
// story on top always does.
func arrange(r Recipe, l subscribers.List, date time.Time, found [][]render.Story, appeal *render.Appeal, had map[int64]bool) arrangement {
	var blocks []render.Block
	if r.Intro != "" {
		blocks = append(blocks, render.Block{Kind: render.KindText, Text: r.Intro})
	}
	room, used := r.Stories.Max, map[int64]bool{}
	lead := pickLead(r, found, had)
	if lead != nil {
		blocks = append(blocks, render.Block{Kind: render.KindStory, Lead: true, Stories: []render.Story{*lead}})
		room, used[lead.ArticleID] = room-1, true
	}
	for i, sec := range r.Sections {
		picks := fillSection(found[i], min(sec.Max, room), used)
		if len(picks) == 0 || len(picks) < sec.Min {
			continue // its stories stay free for the sections below
		}
		for _, s := range picks {
			used[s.ArticleID] = true
		}
		room -= len(picks)
		blocks = append(blocks, render.Block{Kind: render.KindSection, Title: sec.Title, Topic: sec.Topic, Stories: picks})
	}
	a := arrangement{count: r.Stories.Max - room}
	a.short = a.count == 0 || a.count < r.Stories.Min && r.Stories.TooFew == "skip"
	if appeal != nil {
		blocks = placeAppeal(blocks, *appeal, r.Appeal.after())
	}
	a.Blocks = blocks
	a.Subject, a.Preheader = headings(r, l, date, forAll(blocks, had))
	return a
}

// pickLead returns the story to stand on top, or nil when the rule wants none or there is none. A rule that finds nothing
// falls back to the first story. The lead goes to every reader, so one that every reader wants, and nobody has had, comes first.
func pickLead(r Recipe, found [][]render.Story, had map[int64]bool) *render.Story {
	var all, fresh, wanted []render.Story
	for i, sec := range r.Sections {
		if r.Lead.Section != "" && sec.Title != r.Lead.Section {
			continue
		}
		for _, s := range found[i] {
			all = append(all, s)
			if !had[s.ArticleID] {
				fresh = append(fresh, s)
			}
			if !had[s.ArticleID] && (sec.Topic == "" || r.Lead.Section != "") {
				wanted = append(wanted, s)
			}
		}
	}
	if len(all) == 0 {
		all = slices.Concat(found...)
	}
	if r.Lead.Rule == "none" || len(all) == 0 {
		return nil
	}
	pools := slices.DeleteFunc([][]render.Story{wanted, fresh, all}, func(p []render.Story) bool { return len(p) == 0 })
	for _, pool := range pools {
		if best := byRule(r.Lead, pool); best >= 0 {
			return &pool[best]
		}
	}
	return &pools[0][0]
}

// byRule returns which story of a pool the rule is for, or -1.
func byRule(l Lead, pool []render.Story) int {
	best := 0
	switch l.Rule {
	case "photo":
		best = slices.IndexFunc(pool, func(s render.Story) bool { return s.Image != nil && s.Image.URL != "" })
	case "newest":
		for i, s := range pool {
			if s.Published.After(pool[best].Published) {
				best = i
			}
		}
	case "tag":
		best = slices.IndexFunc(pool, func(s render.Story) bool {
			return slices.ContainsFunc(s.Tags, func(t string) bool { return strings.EqualFold(t, l.Tag) })
		})
	}
	return best
}

// forAll returns the stories of the blocks that every reader gets, in order: those that a subject may name.
func forAll(blocks []render.Block, had map[int64]bool) []render.Story {
	var list []render.Story
	for _, b := range blocks {
		for _, s := range b.Stories {
			if b.Topic == "" && (b.Lead || !had[s.ArticleID]) {
				list = append(list, s)
			}
		}
	}
	return list
}

// names reports whether a subject or preheader names a story. The beginning of its title will do: a preheader is cut.
func names(text, title string) bool {
	runes := []rune(message.CleanHeader(title))
	return len(runes) > 0 && strings.Contains(text, string(runes[:min(len(runes), 20)]))
}

func fillSection(found []render.Story, room int, used map[int64]bool) []render.Story {
	var picks []render.Story
	for _, s := range found {
		if len(picks) >= room {
			break
		}
		if !used[s.ArticleID] {
			picks = append(picks, s)
		}
	}
	return picks
}

// placeAppeal puts the appeal behind the n-th story, or at the end when n is 0 or there are fewer. A section may be
// parted for it; an empty title tells the template that the second part goes on with the first.
func placeAppeal(blocks []render.Block, a render.Appeal, n int) []render.Block {
	appeal := render.Block{Kind: render.KindAppeal, Appeal: &a}
	if n == 0 {
		return append(blocks, appeal)
	}
	var out []render.Block
	for i, b := range blocks {
		if len(b.Stories) < n {
			out = append(out, b)
			n -= len(b.Stories)
			continue
		}
		first, rest := b, b
		first.Stories, rest.Stories, rest.Title = b.Stories[:n:n], b.Stories[n:], ""
		out = append(out, first, appeal)
		if len(rest.Stories) > 0 {
			out = append(out, rest)
		}
		return append(out, blocks[i+1:]...)
	}
	return append(out, appeal)
}

// Lengths in characters. Inboxes show about 60 of a subject; a preheader has its measure from MSG-33.
const (
	maxSubject   = 150
	minPreheader = 40
	maxPreheader = 110
)

// headings expands subject and preheader patterns for the stories of an edition.
func headings(r Recipe, l subscribers.List, date time.Time, stories []render.Story) (subject, preheader string) {
	values := map[string]string{"list": l.Name, "date": lang.For(l.Language).Date(date), "count": strconv.Itoa(len(stories))}
	if len(stories) > 0 {
		values["lead"], values["dek"] = stories[0].Title, stories[0].Dek
		var rest []string
		for _, s := range stories[1:] {
			rest = append(rest, s.Title)
		}
		values["also"] = strings.Join(rest, " · ")
	}
	if subject = withoutReply(expand(r.Subject, values)); subject == "" { // no story is for everybody
		subject = expand("{list}: {date}", values)
	}
	preheader = expand(r.Preheader, values)
	// Too short, it is filled up: by the dek, which belongs to the subject's story and so comes first, then by what follows.
	values["about"] = l.Description
	if dek := expand("{dek}", values); short(preheader) && !strings.Contains(preheader, dek) {
		preheader = join(dek, preheader)
	}
	for _, more := range []string{expand("{also}", values), expand("{about}", values)} {
		if short(preheader) && !strings.Contains(preheader, more) {
			preheader = join(preheader, more)
		}
	}
	return clip(subject, maxSubject), clip(preheader, maxPreheader)
}

func short(preheader string) bool { return utf8.RuneCountInString(preheader) < minPreheader }

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " · " + b
}

// withoutReply takes off what makes a subject look like an answer. A headline may happen to begin so, but in a mail it is
// deceit (CAN-SPAM 7704(a)(2)), and the message room refuses it.
func withoutReply(s string) string {
	for _, prefix := range []string{"re:", "fwd:", "fw:"} {
		if len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
			return withoutReply(strings.TrimSpace(s[len(prefix):]))
		}
	}
	return s
}
