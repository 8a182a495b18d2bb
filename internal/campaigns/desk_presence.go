package campaigns

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
	"mailer/internal/errs"
)

// Somebody is here as long as their page has said so within presentFor; PresenceEvery is how often it should.
const (
	PresenceEvery = 15 * time.Second
	presentFor    = 40 * time.Second
)

// Present is somebody else who has the desk of a campaign open.
type Present struct {
	Account string     `db:"account"`
	SeenAt  time.Time  `db:"seen_at"`
	Block   string     `db:"block"`      // that they are in; may be empty
	Changed *time.Time `db:"changed_at"` // when they last changed something
	What    string     `db:"what"`       // and what
}

// Here notes that a person has the desk of a campaign open, with the cursor in a block, and returns who else has.
func (k *Desk) Here(ctx context.Context, id int64, who, block string) ([]Present, error) {
	if err := checkWho(who); err != nil {
		return nil, err
	}
	if !blockID.MatchString(block) {
		block = ""
	}
	now := k.svc.Now()
	_, err := k.svc.DB.ExecContext(ctx, `INSERT INTO campaign_presence (campaign_id, account, seen_at, block)
		SELECT id, $2, $3, $4 FROM campaigns WHERE id = $1
		ON CONFLICT (campaign_id, account) DO UPDATE SET seen_at = excluded.seen_at, block = excluded.block`, id, who, now, block)
	if err != nil {
		return nil, db.Err(err, "note who is here")
	}
	if err := k.mark(ctx, id); err != nil {
		return nil, err
	}
	return k.Others(ctx, id, who)
}

// mark sees to it that the content which editors have before them is in the history, so that it is known later what they had seen.
func (k *Desk) mark(ctx context.Context, id int64) error {
	var stale bool
	err := k.svc.DB.GetContext(ctx, &stale, `SELECT state IN ('draft', 'in_review', 'approved', 'held') AND version IS DISTINCT FROM
		(SELECT greatest(version, looked) FROM campaign_revisions r WHERE r.campaign_id = c.id ORDER BY r.id DESC LIMIT 1) FROM campaigns c WHERE id = $1`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return errs.New(errs.NotFound, "there is no campaign %d", id)
	}
	if err != nil || !stale {
		return db.Err(err, "look at the history")
	}
	return db.InTx(ctx, k.svc.DB, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `SELECT FROM campaigns WHERE id = $1 FOR UPDATE`, id); err != nil {
			return db.Err(err, "lock campaign")
		}
		c, err := load(ctx, tx, id)
		if err != nil {
			return err
		}
		now := record{content: content{Subject: c.Subject, Preheader: c.Preheader}}
		if now.Blocks, err = loadBlocks(ctx, tx, id); err != nil {
			return err
		}
		if now.Picked, err = loadPicked(ctx, tx, id); err != nil {
			return err
		}
		last, err := k.baseline(ctx, tx, c, now)
		if err != nil || last.Version == c.Version {
			return err
		}
		// An approval, say, raised the version and left the content: noted, the next one who is here need not look.
		_, err = tx.ExecContext(ctx, `UPDATE campaign_revisions SET looked = $2 WHERE id = $1`, last.ID, c.Version)
		return db.Err(err, "note that the history was looked at")
	})
}

// Others returns who else has the desk of a campaign open.
func (k *Desk) Others(ctx context.Context, id int64, who string) ([]Present, error) {
	list := []Present{}
	err := k.svc.DB.SelectContext(ctx, &list, `SELECT p.account, p.seen_at, p.block, r.at AS changed_at, coalesce(r.what, '') AS what
		FROM campaign_presence p LEFT JOIN LATERAL (SELECT at, what FROM campaign_revisions
			WHERE campaign_id = p.campaign_id AND account = p.account ORDER BY id DESC LIMIT 1) r ON true
		WHERE p.campaign_id = $1 AND p.account <> $2 AND p.seen_at > $3 ORDER BY p.account`, id, who, k.svc.Now().Add(-presentFor))
	return list, db.Err(err, "look who is here")
}

// Leave notes that a person has closed the desk of a campaign.
func (k *Desk) Leave(ctx context.Context, id int64, who string) error {
	_, err := k.svc.DB.ExecContext(ctx, `DELETE FROM campaign_presence WHERE campaign_id = $1 AND account = $2`, id, who)
	return db.Err(err, "note who has left")
}
