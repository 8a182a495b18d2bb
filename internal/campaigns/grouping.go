package campaigns

import (
	"context"
	"maps"
	"slices"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// The optional groups of a message, of which a reader gets those that the mask of the delivery names:
//
//	1      appeals
//	2..31  topics, each by its bit
//	32..62 stories that some readers have had with another list, and the headings that stand over nothing but such stories
const (
	firstTopicGroup  = 2
	firstRepeatGroup = 32
	lastRepeatGroup  = 62 // 63 would be the sign of a number in Postgres
)

// repeatReader is the value of stories.repeat that keeps a story from a reader who was sent it with another list.
const repeatReader = "reader"

// grouping is which parts of a campaign stand in which optional groups, and who gets them.
type grouping struct {
	render.Groups
	perReader bool                // no reader gets a story twice, whatever the list
	offered   []subscribers.Topic // of the list, retired ones too; nil where no block names one
	repeats   []delivery.Repeat   // who has had which stories
	heads     []delivery.Heading  // headings that may go
	needs     map[int64]uint64    // groups that a story needs, by article
	stories   []uint64            // the same, each once; nil where some story is for everybody
	common    uint64              // groups that every story needs: who lacks one gets no mail at all
}

// topics are the groups of the topics that the campaign has.
func (g grouping) topics() (groups uint64) {
	for _, n := range g.Topics {
		groups |= 1 << n
	}
	return groups
}

// switched are the groups that are on unless a reader has had their stories.
func (g grouping) switched() (groups uint64) {
	for _, n := range g.Stories {
		groups |= 1 << n
	}
	for _, n := range g.Headings {
		groups |= 1 << n
	}
	return groups
}

// all are all groups but the appeal's.
func (g grouping) all() uint64 { return g.topics() | g.switched() }

// of returns the groups of a reader who has had nothing before.
func (g grouping) of(r Reader) (uint64, error) {
	groups := g.all() | everyoneGroups
	if r.Supporter {
		groups = g.all() | supporterGroups
	}
	for _, slug := range r.TopicsOff {
		if !slices.ContainsFunc(g.offered, func(t subscribers.Topic) bool { return t.Slug == slug }) {
			return 0, errs.Field("topic", "the list has no topic %q; see: mailer topics LIST", slug)
		}
		if n := g.Topics[slug]; n != 0 {
			groups &^= 1 << n
		}
	}
	return groups, nil
}

// reaches reports whether a reader with these groups has a story to read; one who has none is not in the audience.
func (g grouping) reaches(groups uint64) bool {
	return len(g.stories) == 0 || slices.ContainsFunc(g.stories, func(need uint64) bool { return groups&need == need })
}

// sameMarks reports whether two groupings mark a message alike.
func (g grouping) sameMarks(o grouping) bool {
	return maps.Equal(g.Topics, o.Topics) && maps.Equal(g.Stories, o.Stories) && maps.Equal(g.Headings, o.Headings)
}

// group finds out which parts of a campaign not every reader gets, as things stand now.
func (s *Service) group(ctx context.Context, q db.Q, c Campaign, ct content) (g grouping, err error) {
	g.Groups = render.Groups{Topics: map[string]int{}, Stories: map[int64]int{}, Headings: map[int]int{}}
	if slices.ContainsFunc(ct.Blocks, func(b render.Block) bool { return b.Topic != "" }) {
		if g.offered, err = subscribers.TopicsOf(ctx, q, c.ListID, true); err != nil {
			return g, err
		}
		for _, t := range g.offered {
			if slices.ContainsFunc(ct.Blocks, func(b render.Block) bool { return b.Topic == t.Slug }) {
				g.Topics[t.Slug] = firstTopicGroup + t.Bit
			}
		}
	}
	if err := s.groupRepeats(ctx, q, c, ct, &g); err != nil {
		return g, err
	}
	g.tell(ct)
	return g, nil
}

// groupRepeats gives groups to the stories that other lists have had, where the recipe wants no reader to get one twice.
func (s *Service) groupRepeats(ctx context.Context, q db.Q, c Campaign, ct content, g *grouping) error {
	if c.DigestID == nil {
		return nil
	}
	d, err := digestWhere(ctx, q, `id = $1`, *c.DigestID)
	if err != nil || d.Recipe.Stories.Repeat != repeatReader {
		return err
	}
	g.perReader = true
	rows, err := s.elsewhere(ctx, q, d, c.ID, articlesOf(ct.Blocks))
	if err != nil {
		return err
	}
	had := map[int64]bool{}
	for _, r := range rows {
		had[r.Article] = true
	}
	g.Stories, g.Headings = allot(ct, had)
	off := map[delivery.Repeat]uint64{} // by campaign and what it took to be sent the story there
	for _, r := range rows {
		if n := g.Stories[r.Article]; n != 0 {
			off[delivery.Repeat{Earlier: r.Campaign, Had: uint64(r.Groups)}] |= 1 << n
		}
	}
	for r, bits := range off {
		r.Off = bits
		g.repeats = append(g.repeats, r)
	}
	return nil
}

// elsewhereRow is a story that a campaign to another list has carried, with the groups that its readers needed to get it.
type elsewhereRow struct {
	carried
	Groups int64 `db:"groups"`
}

// elsewhere returns which of the stories campaigns to other lists have carried since the window of the recipe began.
func (s *Service) elsewhere(ctx context.Context, q db.Q, d Digest, self int64, articles []int64) ([]elsewhereRow, error) {
	var rows []elsewhereRow
	err := q.SelectContext(ctx, &rows, `SELECT s.article_id, c.id AS campaign_id, s.groups FROM campaign_stories s JOIN campaigns c ON c.id = s.campaign_id
		WHERE s.article_id = ANY ($1) AND c.list_id <> $2 AND c.id <> $3 AND c.state = 'launched' AND c.launched_at >= $4
		ORDER BY s.article_id, c.id`,
		pq.Array(articles), d.ListID, self, s.Now().Add(-d.Recipe.Stories.Window.std()-lateArrival))
	if err != nil {
		return nil, db.Err(err, "look for stories mailed to other lists")
	}
	var ids []int64
	for _, r := range rows {
		ids = append(ids, r.Campaign)
	}
	nothing, err := s.Delivery.NothingSent(ctx, q, ids)
	return slices.DeleteFunc(rows, func(r elsewhereRow) bool { return nothing[r.Campaign] }), err
}

func articlesOf(blocks []render.Block) (ids []int64) {
	for _, st := range storiesOf(blocks) {
		if st.ArticleID != 0 && !slices.Contains(ids, st.ArticleID) {
			ids = append(ids, st.ArticleID)
		}
	}
	return ids
}

// allot gives a group to each story that some readers have had, section by section, and one to the heading of a section that has no
// other stories. The first story, and whatever subject and preheader name, stays with everybody; so does what there are no
// groups left for.
func allot(ct content, had map[int64]bool) (stories map[int64]int, headings map[int]int) {
	stories, headings = map[int64]int{}, map[int]int{}
	next := firstRepeatGroup
	take := func() int { next++; return next - 1 }
	stays := map[int64]bool{}
	for _, b := range ct.Blocks {
		for _, st := range b.Stories {
			if b.Lead || names(ct.Subject, st.Title) || names(ct.Preheader, st.Title) {
				stays[st.ArticleID] = true
			}
		}
	}
	for i := 0; i < len(ct.Blocks); {
		// A section goes on through the blocks without a title that follow.
		end, titled := i+1, ct.Blocks[i].Kind == render.KindSection && ct.Blocks[i].Title != ""
		for titled && end < len(ct.Blocks) && continues(ct.Blocks[i], ct.Blocks[end]) {
			end++
		}
		var may []int64
		every := true
		for _, b := range ct.Blocks[i:end] {
			for _, st := range b.Stories {
				if !had[st.ArticleID] || stays[st.ArticleID] {
					every = false
				} else if stories[st.ArticleID] == 0 && !slices.Contains(may, st.ArticleID) {
					may = append(may, st.ArticleID)
				}
			}
		}
		left := lastRepeatGroup + 1 - next
		heading := titled && every
		if heading && len(may)+1 > left {
			heading, may = false, may[:max(0, min(len(may)-1, left))] // one stays, and the heading with it
		}
		for _, id := range may[:min(len(may), left)] {
			stories[id] = take()
		}
		if heading && len(may) > 0 {
			headings[i] = take()
		}
		i = end
	}
	return stories, headings
}

// continues reports whether a block goes on with a section; an appeal may stand between its parts.
func continues(section, b render.Block) bool {
	return b.Kind == render.KindAppeal || b.Kind == render.KindSection && b.Title == "" && b.Topic == section.Topic
}

// tell fills in what follows from the groups.
func (g *grouping) tell(ct content) {
	g.needs = map[int64]uint64{}
	var needs []uint64
	for i, b := range ct.Blocks {
		topic := uint64(0)
		if n := g.Topics[b.Topic]; n != 0 {
			topic = 1 << n
		}
		for _, st := range b.Stories {
			need := topic
			if n := g.Stories[st.ArticleID]; n != 0 {
				need |= 1 << n
			}
			needs = append(needs, need)
			if before, twice := g.needs[st.ArticleID]; twice {
				need &= before
			}
			g.needs[st.ArticleID] = need
		}
		if n := g.Headings[i]; n != 0 {
			h := delivery.Heading{Group: 1 << n}
			for j := i; j < len(ct.Blocks) && (j == i || continues(b, ct.Blocks[j])); j++ {
				for _, st := range ct.Blocks[j].Stories {
					h.Stories |= 1 << g.Stories[st.ArticleID]
				}
			}
			g.heads = append(g.heads, h)
		}
	}
	if len(needs) > 0 {
		g.common = ^uint64(0)
	}
	for _, n := range needs {
		g.common &= n
	}
	if slices.Sort(needs); len(needs) > 0 && needs[0] != 0 {
		g.stories = slices.Compact(needs)
	}
}

// keepGroups notes with each story of a launched campaign what a reader needed to be sent it.
func (g grouping) keepGroups(ctx context.Context, tx *sqlx.Tx, id int64) error {
	var articles, groups pq.Int64Array
	for article, need := range g.needs {
		if need != 0 {
			articles, groups = append(articles, article), append(groups, int64(need))
		}
	}
	if len(articles) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE campaign_stories s SET groups = g.groups FROM unnest($2::bigint[], $3::bigint[]) AS g (article, groups)
		WHERE s.campaign_id = $1 AND s.article_id = g.article`, id, articles, groups)
	return db.Err(err, "note who gets which stories")
}
