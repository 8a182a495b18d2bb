package demo

import (
	"context"

	"mailer/internal/articles"
	"mailer/internal/campaigns"
)

// draftName is what the newsroom calls the campaign that waits on its desk.
const draftName = "Long reads for Saturday"

// Draft leaves a campaign on the desk that somebody has begun: a few words, and the stories that the digest had no room for.
func (n *Newsroom) Draft(ctx context.Context, r Rooms, sent campaigns.Campaign) error {
	used := map[int64]bool{}
	for _, b := range sent.Blocks {
		for _, s := range b.Stories {
			used[s.ArticleID] = true
		}
	}
	all, err := r.Articles.Articles(ctx, articles.Filter{Limit: 50})
	if err != nil {
		return err
	}
	c, err := r.Campaigns.Desk.Blank(ctx, campaigns.NewBlank{List: ListSlug, Name: draftName}, who)
	if err != nil {
		return err
	}
	changes := []campaigns.Change{
		{Do: campaigns.SetSubject, Text: "For Saturday: TK, and two more long reads"},
		{Do: campaigns.AddBlock, Kind: "text", Block: "hello", After: campaigns.AtEnd, Text: "Good morning, {name|dear reader}. Nothing here is urgent: put the kettle on."},
	}
	for _, a := range all {
		if !used[a.ID] {
			changes = append(changes, campaigns.Change{Do: campaigns.AddStory, Article: a.ID, After: campaigns.AtEnd})
		}
	}
	changes = append(changes, campaigns.Change{Do: campaigns.AddBlock, Kind: "appeal", Block: "ask", Appeal: AppealSlug, After: campaigns.AtEnd})
	for _, change := range changes {
		if c, err = r.Campaigns.Desk.Do(ctx, c.ID, c.Version, change, who); err != nil {
			return err
		}
	}
	return nil
}
