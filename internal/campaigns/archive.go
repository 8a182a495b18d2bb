package campaigns

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/audit"
	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// maxPast is how many campaigns of a list its archive goes back: one a day for a quarter of a century.
const maxPast = 10_000

// Archive is past campaigns as anybody may see them, of lists whose archive is open. In it are those that went to a whole list and
// carry more than an appeal; not those that an editor hides.
type Archive struct {
	db    *sqlx.DB
	lists *subscribers.Store
}

// NewArchive returns the archive of the lists.
func NewArchive(d *sqlx.DB, lists *subscribers.Store) *Archive {
	return &Archive{db: d, lists: lists}
}

// Past is a campaign in the archive.
type Past struct {
	ID        int64     `db:"id"`
	ListID    int64     `db:"list_id"`
	Subject   string    `db:"subject"`
	Preheader string    `db:"preheader"` // as the editor wrote it; may be empty
	At        time.Time `db:"at"`        // the moment whose day its mail bears, in the zone of digest or list
	Zone      string    `db:"zone"`      // of its digest
	Revision  int       `db:"revision"`  // of its message
	Corrected int64     `db:"corrected"` // another number whenever the corrections of its stories are others; 0: there are none
}

// Lists returns the lists whose archive is open.
func (a *Archive) Lists(ctx context.Context) ([]subscribers.List, error) {
	all, err := a.lists.Lists(ctx)
	open := []subscribers.List{}
	for _, l := range all {
		if l.ArchiveOpen {
			open = append(open, l)
		}
	}
	return open, err
}

// Past returns what the archive of a list has, the newest first.
func (a *Archive) Past(ctx context.Context, list subscribers.List) ([]Past, error) {
	past := []Past{}
	if err := a.db.SelectContext(ctx, &past, selectPast+` WHERE c.list_id = $1 AND `+isPast+` ORDER BY c.id DESC LIMIT $2`, list.ID, maxPast); err != nil {
		return nil, db.Err(err, "read the archive")
	}
	inZone(list, past)
	slices.SortStableFunc(past, func(a, b Past) int { return b.At.Compare(a.At) })
	return past, nil
}

// Find returns a campaign in the archive and its list; errs.NotFound when it is not there.
func (a *Archive) Find(ctx context.Context, id int64) (subscribers.List, Past, error) {
	var p Past
	if err := a.db.GetContext(ctx, &p, selectPast+` WHERE c.id = $1 AND `+isPast, id); err != nil {
		return subscribers.List{}, Past{}, db.Err(err, "find the campaign in the archive")
	}
	l, err := a.lists.List(ctx, p.ListID)
	if err == nil && (!l.ArchiveOpen || l.ArchivedAt != nil) {
		err = errs.New(errs.NotFound, "the list has no archive")
	}
	past := []Past{p}
	inZone(l, past)
	return l, past[0], err
}

// Of all campaigns, those that stand in an archive.
const (
	selectPast = `SELECT c.id, c.list_id, c.subject, c.preheader, coalesce(c.send_at, c.launched_at) AS at, coalesce(d.time_zone, '') AS zone, s.revision, coalesce(k.corrected, 0) AS corrected
		FROM campaigns c JOIN public_sends s ON s.campaign_id = c.id LEFT JOIN digests d ON d.id = c.digest_id
		LEFT JOIN (SELECT s.campaign_id, bit_xor(hashint8extended(k.id, 0)) AS corrected FROM corrected k JOIN campaign_stories s ON s.article_id = k.article_id GROUP BY s.campaign_id) k ON k.campaign_id = c.id`
	isPast = `c.state = 'launched' AND NOT c.archive_hidden AND s.revision IS NOT NULL
		AND EXISTS (SELECT FROM campaign_blocks b WHERE b.campaign_id = c.id AND b.kind IN ('story', 'section', 'text'))`
)

// inZone sets the times of campaigns into the zones in which they have the day that their mail bears.
func inZone(list subscribers.List, past []Past) {
	zones := map[string]*time.Location{}
	for i, p := range past {
		name := p.Zone
		if name == "" {
			name = list.TimeZone
		}
		zone, known := zones[name]
		if !known {
			var err error
			if zone, err = loadZone(name); err != nil {
				zone = time.UTC
			}
			zones[name] = zone
		}
		past[i].At = p.At.In(zone)
	}
}

// Blocks returns the content of campaigns, by campaign.
func (a *Archive) Blocks(ctx context.Context, ids []int64) (map[int64][]render.Block, error) {
	var rows []struct {
		Campaign int64  `db:"campaign_id"`
		Data     []byte `db:"data"`
	}
	err := a.db.SelectContext(ctx, &rows, `SELECT campaign_id, data FROM campaign_blocks WHERE campaign_id = ANY($1) ORDER BY campaign_id, position`, pq.Array(ids))
	if err != nil {
		return nil, db.Err(err, "read the content of campaigns")
	}
	blocks := make(map[int64][]render.Block, len(ids))
	for _, row := range rows {
		var b render.Block
		if err := json.Unmarshal(row.Data, &b); err != nil {
			return nil, errs.Wrap(err, errs.Internal, "read the content of campaign %d", row.Campaign)
		}
		blocks[row.Campaign] = append(blocks[row.Campaign], b)
	}
	return blocks, nil
}

// Hide keeps a campaign out of the archive, or lets it in again; it can be said before it is launched. It reports whether
// anything changed. Errors: NotFound.
func (a *Archive) Hide(ctx context.Context, id int64, hidden bool, who string) (changed bool, err error) {
	err = db.InTx(ctx, a.db, func(tx *sqlx.Tx) error {
		var was bool
		err := tx.GetContext(ctx, &was, `SELECT archive_hidden FROM campaigns WHERE id = $1 FOR UPDATE`, id)
		if errors.Is(err, sql.ErrNoRows) {
			return errs.New(errs.NotFound, "there is no campaign %d", id)
		}
		if err != nil {
			return db.Err(err, "hide the campaign")
		}
		if changed = was != hidden; !changed {
			return nil
		}
		// Neither version nor approval: what goes out is the same.
		if _, err := tx.ExecContext(ctx, `UPDATE campaigns SET archive_hidden = $2 WHERE id = $1`, id, hidden); err != nil {
			return db.Err(err, "hide the campaign")
		}
		action := "campaign.archive_show"
		if hidden {
			action = "campaign.archive_hide"
		}
		return audit.Log(ctx, tx, who, action, auditName(id), nil)
	})
	return changed, err
}
