package subscribers

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
)

// MaxTopics is how many topics a list can have in all its time: each has a bit in every message and every subscription, and a
// retired one keeps it, since old mails and old choices still mean it.
const MaxTopics = 30

const allTopics = 1<<MaxTopics - 1

// Topics are the interests within a list that a reader can switch off.
type Topics struct{ store *Store }

// Topic is one of them. A new one is wanted by everybody until they say otherwise.
type Topic struct {
	ID          int64      `db:"id" json:"id"`
	ListID      int64      `db:"list_id" json:"list_id"`
	Bit         int        `db:"bit" json:"bit"` // of Subscription.TopicsOff
	Slug        string     `db:"slug" json:"slug"`
	Name        string     `db:"name" json:"name"` // as readers see it
	Description string     `db:"description" json:"description"`
	CreatedAt   time.Time  `db:"created_at" json:"created_at"`
	RetiredAt   *time.Time `db:"retired_at" json:"retired_at,omitempty"` // nobody is asked about it any more
}

// Mask is the topic's bit in a mask.
func (t Topic) Mask() uint64 { return 1 << t.Bit }

const topicColumns = `id, list_id, bit, slug, name, description, created_at, retired_at`

// Of returns the topics of a list in the order of their making, with retired ones only when asked for.
func (t *Topics) Of(ctx context.Context, list int64, retired bool) ([]Topic, error) {
	return TopicsOf(ctx, t.store.db, list, retired)
}

// TopicsOf is Of, also within a transaction.
func TopicsOf(ctx context.Context, q db.Q, list int64, retired bool) ([]Topic, error) {
	topics := []Topic{}
	err := q.SelectContext(ctx, &topics, `SELECT `+topicColumns+` FROM topics
		WHERE list_id = $1 AND ($2 OR retired_at IS NULL) ORDER BY bit`, list, retired)
	return topics, db.Err(err, "read the topics")
}

// Off counts, by bit, the confirmed readers of a list who switched a topic off.
func (t *Topics) Off(ctx context.Context, list int64) (map[int]int64, error) {
	var rows []struct {
		Bit int   `db:"bit"`
		N   int64 `db:"n"`
	}
	err := t.store.db.SelectContext(ctx, &rows, `SELECT bit, count(*) AS n FROM subscriptions, generate_series(0, $2) bit
		WHERE list_id = $1 AND state = 'confirmed' AND topics_off <> 0 AND topics_off >> bit & 1 = 1 GROUP BY bit`, list, MaxTopics-1)
	off := make(map[int]int64, len(rows))
	for _, r := range rows {
		off[r.Bit] = r.N
	}
	return off, db.Err(err, "count who switched topics off")
}

// Find returns a topic of a list by its slug, a retired one too, or errs.NotFound.
func (t *Topics) Find(ctx context.Context, list int64, slug string) (Topic, error) {
	return findTopic(ctx, t.store.db, list, slug, "")
}

func findTopic(ctx context.Context, q db.Q, list int64, slug, lock string) (topic Topic, err error) {
	err = db.Err(q.GetContext(ctx, &topic, `SELECT `+topicColumns+` FROM topics WHERE list_id = $1 AND slug = $2 `+lock, list, slug), "find the topic")
	if errs.KindOf(err) == errs.NotFound {
		of := "LIST"
		_ = q.GetContext(ctx, &of, `SELECT slug FROM lists WHERE id = $1`, list) // only for the sentence
		err = errs.Wrap(err, errs.NotFound, "the list has no topic %q; see: mailer topics %s", slug, of)
	}
	return topic, err
}

// Create adds a topic to a list and gives it a bit that no topic of the list ever had. who is the person who did it. It returns
// errs.Invalid for what is wrong, and errs.Conflict when the slug is or was taken or all bits are.
func (t *Topics) Create(ctx context.Context, topic Topic, who string) (Topic, error) {
	topic, err := checkTopic(topic)
	if err != nil {
		return Topic{}, err
	}
	err = db.InTx(ctx, t.store.db, func(tx *sqlx.Tx) error {
		// The list is locked, so that two at once do not take the same bit.
		if _, err := tx.ExecContext(ctx, `SELECT 1 FROM lists WHERE id = $1 FOR NO KEY UPDATE`, topic.ListID); err != nil {
			return db.Err(err, "find the list")
		}
		if err := OpenList(ctx, tx, topic.ListID); err != nil {
			return err
		}
		if err := tx.GetContext(ctx, &topic.Bit, `SELECT coalesce(max(bit) + 1, 0) FROM topics WHERE list_id = $1`, topic.ListID); err != nil {
			return db.Err(err, "read the topics")
		}
		if topic.Bit >= MaxTopics {
			return errs.New(errs.Conflict, "the list has had %d topics, retired ones included, and there is no place for more; rename one instead", MaxTopics)
		}
		err := db.Err(tx.GetContext(ctx, &topic, `INSERT INTO topics (list_id, bit, slug, name, description) VALUES ($1, $2, $3, $4, $5)
			RETURNING `+topicColumns, topic.ListID, topic.Bit, topic.Slug, topic.Name, topic.Description), "create the topic")
		if errs.KindOf(err) == errs.Conflict {
			return errs.Wrap(err, errs.Conflict, "the list has or had a topic with the slug %s already", topic.Slug)
		}
		if err != nil {
			return err
		}
		return audit.Log(ctx, tx, who, "topic.create", topicSubject(topic), nil)
	})
	return topic, err
}

// Rename changes what readers see of a topic; its slug stays, since recipes and stories name it. What is nil stays as well.
func (t *Topics) Rename(ctx context.Context, list int64, slug string, name, description *string, who string) (Topic, error) {
	var topic Topic
	err := db.InTx(ctx, t.store.db, func(tx *sqlx.Tx) error {
		var err error
		if topic, err = findTopic(ctx, tx, list, slug, "FOR UPDATE"); err != nil {
			return err
		}
		if name != nil {
			topic.Name = *name
		}
		if description != nil {
			topic.Description = *description
		}
		if topic, err = checkTopic(topic); err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, `UPDATE topics SET name = $2, description = $3 WHERE id = $1`, topic.ID, topic.Name, topic.Description); err != nil {
			return db.Err(err, "save the topic")
		}
		return audit.Log(ctx, tx, who, "topic.rename", topicSubject(topic), nil)
	})
	return topic, err
}

// Retire takes a topic out of use: nobody is asked about it any more, and what readers said of it and its bit stay. A repeat
// changes nothing.
func (t *Topics) Retire(ctx context.Context, list int64, slug, who string) (Topic, error) {
	var topic Topic
	err := db.InTx(ctx, t.store.db, func(tx *sqlx.Tx) error {
		var err error
		if topic, err = findTopic(ctx, tx, list, slug, "FOR UPDATE"); err != nil || topic.RetiredAt != nil {
			return err
		}
		if err = tx.GetContext(ctx, &topic.RetiredAt, `UPDATE topics SET retired_at = now() WHERE id = $1 RETURNING retired_at`, topic.ID); err != nil {
			return db.Err(err, "retire the topic")
		}
		return audit.Log(ctx, tx, who, "topic.retire", topicSubject(topic), nil)
	})
	return topic, err
}

func checkTopic(t Topic) (Topic, error) {
	var problems []error
	if !slugForm.MatchString(t.Slug) || len(t.Slug) > 50 {
		problems = append(problems, errs.Field("slug", "use up to 50 small letters, digits and single hyphens, like local-news"))
	}
	var err error
	if t.Name, err = OneLine("name", t.Name, 60); err == nil && t.Name == "" {
		err = errs.Field("name", "it is missing; readers choose by it")
	}
	if err != nil {
		problems = append(problems, err)
	}
	if t.Description, err = OneLine("description", t.Description, 200); err != nil {
		problems = append(problems, err)
	}
	return t, errors.Join(problems...)
}

func topicSubject(t Topic) string { return "topic " + t.Slug }

// namesOf returns the slugs of the topics of a list that a mask has.
func namesOf(ctx context.Context, q db.Q, list int64, mask uint64) ([]string, error) {
	if mask == 0 {
		return nil, nil
	}
	var slugs []string
	err := q.SelectContext(ctx, &slugs, `SELECT slug FROM topics WHERE list_id = $1 AND $2::bigint >> bit & 1 = 1 ORDER BY bit`, list, int64(mask))
	return slugs, db.Err(err, "read the topics")
}
