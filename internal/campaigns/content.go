package campaigns

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// content is what the reader would see of a campaign, apart from the list's own details.
type content struct {
	Subject, Preheader string
	Blocks             []render.Block
}

// stories returns the stories of the blocks in order.
func storiesOf(blocks []render.Block) []render.Story {
	var list []render.Story
	for _, b := range blocks {
		list = append(list, b.Stories...)
	}
	return list
}

// hashOf is the content hash that an approval is bound to: over subject, preheader, blocks, and what the mail says of its
// list, such as sender and postal address. The look of the template is not part of it (that is the operator's, and
// the program must be replaceable while a campaign waits), nor is the time of the send, which a person chooses.
func hashOf(template string, c content, l subscribers.List) ([]byte, error) {
	l.CreatedAt, l.ArchivedAt, l.Description, l.EnvelopeDomain = time.Time{}, nil, "", "" // no reader of the mail sees these
	l.PublicationID, l.SignupOpen, l.ArchiveOpen, l.NoWelcome = nil, false, false, false
	c.Blocks = withoutIDs(c.Blocks)
	data, err := json.Marshal(struct {
		Template string
		Content  content
		List     subscribers.List
	}{template, c, l})
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "hash the content")
	}
	sum := sha256.Sum256(data)
	return sum[:], nil
}

func loadBlocks(ctx context.Context, q db.Q, id int64) ([]render.Block, error) {
	var rows [][]byte
	if err := q.SelectContext(ctx, &rows, `SELECT data FROM campaign_blocks WHERE campaign_id = $1 ORDER BY position`, id); err != nil {
		return nil, db.Err(err, "read the campaign's content")
	}
	blocks := make([]render.Block, len(rows))
	for i, data := range rows {
		if err := json.Unmarshal(data, &blocks[i]); err != nil {
			return nil, errs.Wrap(err, errs.Internal, "read the campaign's content")
		}
	}
	return withIDs(blocks), nil
}

// keep replaces blocks and stories of a campaign. picked holds each story as it was picked, by article.
func keep(ctx context.Context, q db.Q, id int64, blocks []render.Block, picked map[int64]render.Story) error {
	_, err := q.ExecContext(ctx, `WITH b AS (DELETE FROM campaign_blocks WHERE campaign_id = $1)
		DELETE FROM campaign_stories WHERE campaign_id = $1`, id)
	if err != nil {
		return db.Err(err, "replace the campaign's content")
	}
	var kinds, data, stories []string
	var ids []int64
	seen := map[int64]bool{}
	for _, b := range withIDs(blocks) {
		text, err := json.Marshal(b)
		if err != nil {
			return errs.Wrap(err, errs.Internal, "keep the campaign's content")
		}
		kinds, data = append(kinds, b.Kind), append(data, string(text))
		for _, s := range b.Stories {
			p, ok := picked[s.ArticleID]
			if !ok || seen[s.ArticleID] {
				continue // a story without an article, or one that stands twice
			}
			if text, err = json.Marshal(p); err != nil {
				return errs.Wrap(err, errs.Internal, "keep the campaign's stories")
			}
			seen[s.ArticleID] = true
			ids, stories = append(ids, s.ArticleID), append(stories, string(text))
		}
	}
	if _, err = q.ExecContext(ctx, `INSERT INTO campaign_blocks (campaign_id, position, kind, data)
		SELECT $1, n, kind, data::jsonb FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS t (kind, data, n)`,
		id, pq.Array(kinds), pq.Array(data)); err != nil {
		return db.Err(err, "keep the campaign's content")
	}
	_, err = q.ExecContext(ctx, `INSERT INTO campaign_stories (campaign_id, article_id, picked)
		SELECT $1, article, picked::jsonb FROM unnest($2::bigint[], $3::text[]) AS t (article, picked)`, id, pq.Array(ids), pq.Array(stories))
	return db.Err(err, "keep the campaign's stories")
}

// loadPicked returns the stories of a campaign as they were picked, by article.
func loadPicked(ctx context.Context, q db.Q, id int64) (map[int64]render.Story, error) {
	var rows []struct {
		Article int64  `db:"article_id"`
		Picked  []byte `db:"picked"`
	}
	if err := q.SelectContext(ctx, &rows, `SELECT article_id, picked FROM campaign_stories WHERE campaign_id = $1`, id); err != nil {
		return nil, db.Err(err, "read the campaign's stories")
	}
	picked := make(map[int64]render.Story, len(rows))
	for _, r := range rows {
		var s render.Story
		if err := json.Unmarshal(r.Picked, &s); err != nil {
			return nil, errs.Wrap(err, errs.Internal, "read the campaign's stories")
		}
		picked[r.Article] = s
	}
	return picked, nil
}

// same reports whether two values are the same as they are kept.
func same(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}
