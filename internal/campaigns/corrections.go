package campaigns

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"

	"mailer/internal/articles"
	"mailer/internal/db"
	"mailer/internal/lang"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// Corrections takes corrections of stories to readers: as an item in the next edition of each list that carried the story, and as a
// mail of its own to those who were sent it. What stands under the story in the archive is Archive's.
type Corrections struct {
	svc *Service
	All *articles.Corrections
}

// NewCorrections returns the part of s that corrects.
func NewCorrections(s *Service) *Corrections {
	return &Corrections{svc: s, All: articles.NewCorrections(s.DB, s.Now)}
}

// newsFor is how long a correction waits for an edition to carry it.
const newsFor = 45 * 24 * time.Hour

// dueCorrection is one that the readers of a list have yet to be told.
type dueCorrection struct {
	ID       int64  `db:"id"`
	Article  int64  `db:"article_id"`
	Campaign int64  `db:"campaign_id"`
	Note     string `db:"note"`
}

// due returns the corrections of stories that went to readers of the digest's list before they were corrected, and that no campaign to
// these readers has told yet.
func (s *Service) due(ctx context.Context, d Digest, self int64) ([]dueCorrection, error) {
	var all []dueCorrection
	err := s.DB.SelectContext(ctx, &all, `
		SELECT k.id, k.article_id, k.note, c.id AS campaign_id
		FROM corrected k JOIN campaign_stories s ON s.article_id = k.article_id JOIN campaigns c ON c.id = s.campaign_id
		WHERE k.made_at > $3 AND c.list_id = $1 AND c.state = 'launched' AND c.launched_at <= k.made_at AND c.own_rule IS NULL AND `+sameReadersAs4+`
			AND NOT EXISTS (SELECT FROM campaigns c JOIN campaign_blocks b ON b.campaign_id = c.id
				WHERE c.list_id = $1 AND c.id <> $2 AND c.own_rule IS NULL AND b.data ->> 'correction' = k.id::text AND `+sameReadersAs4+`
					AND (c.state = 'approved' OR c.state = 'launched' AND c.launched_at > k.made_at))
		ORDER BY k.id, c.id`, d.ListID, self, s.Now().Add(-newsFor), d.Recipe.Frequency)
	if err != nil {
		return nil, db.Err(err, "look for corrections")
	}
	var ids []int64
	for _, k := range all {
		ids = append(ids, k.Campaign)
	}
	nothing, err := s.Delivery.NothingSent(ctx, s.DB, ids)
	var due []dueCorrection
	for _, k := range all {
		if !nothing[k.Campaign] && (len(due) == 0 || due[len(due)-1].ID != k.ID) {
			due = append(due, k)
		}
	}
	return due, err
}

const sameReadersAs4 = `(c.frequency = 'all' OR $4 = 'all' OR c.frequency = $4)`

// withCorrections returns the blocks of an edition with what is to be corrected: an item for each, in the language of the list, at the end
// and before an appeal there.
func (s *Service) withCorrections(ctx context.Context, d Digest, self int64, l subscribers.List, blocks []render.Block) ([]render.Block, error) {
	due, err := s.due(ctx, d, self)
	if err != nil || len(due) == 0 {
		return blocks, err
	}
	var items []render.Block
	for _, k := range due {
		a, err := s.Articles.Article(ctx, k.Article)
		if err != nil {
			return nil, err
		}
		items = append(items, correctionItem(l, a, k.ID, k.Note))
	}
	at := len(blocks)
	if at > 0 && blocks[at-1].Kind == render.KindAppeal {
		at--
	}
	return append(append(append([]render.Block{}, blocks[:at]...), items...), blocks[at:]...), nil
}

// correctionItem is what readers of a list are told of a correction.
func correctionItem(l subscribers.List, a articles.Article, id int64, note string) render.Block {
	title := markdownText(clip(a.Title, 120))
	if render.Link(a.URL) != "" {
		title = "[" + title + "](<" + a.URL + ">)"
	}
	return render.Block{Kind: render.KindText, Correction: id, Text: "**" + lang.For(l.Language).T("correction.of", title) + "**\n\n" + markdownText(note)}
}

var (
	marks     = regexp.MustCompile("[\\\\`*\\[\\]<>#~!|]|&[#A-Za-z0-9]+;")
	edgeMarks = regexp.MustCompile(`(^|[^\pL\pN])_|_($|[^\pL\pN])`)
	lineMarks = regexp.MustCompile(`(?m)^([-+=]|[0-9]+[.)])`)
	braces    = strings.NewReplacer("{", "(", "}", ")") // they would be placeholders
)

// markdownText is plain text as Markdown: nothing in it means anything. Addresses in it become links, as in any text.
func markdownText(s string) string {
	s = marks.ReplaceAllString(braces.Replace(s), `\$0`)
	s = edgeMarks.ReplaceAllStringFunc(s, func(m string) string { return strings.ReplaceAll(m, "_", `\_`) })
	s = lineMarks.ReplaceAllStringFunc(s, func(m string) string { return m[:len(m)-1] + `\` + m[len(m)-1:] })
	return strings.ReplaceAll(strings.ReplaceAll(s, "\n", "\\\n"), "\\\n\\\n", "\n\n")
}

// Carrier is a list that a story has gone out to.
type Carrier struct {
	List      subscribers.List
	Campaigns []int64   // that carried it before the correction
	Last      time.Time // when the last of them was launched
	Mail      *Campaign // the correction's own mail to the list, if there is one
}

// Carriers returns the lists whose readers were sent the story of a correction before it was made, the lists by name. Errors: NotFound.
func (k *Corrections) Carriers(ctx context.Context, correction int64) ([]Carrier, error) {
	c, err := k.All.Get(ctx, correction)
	if err != nil {
		return nil, err
	}
	mails, err := k.mails(ctx, correction)
	if err != nil {
		return nil, err
	}
	return k.carriers(ctx, c.ArticleID, &c.At, mails)
}

// CarriedTo returns the lists whose readers were sent a story up to now, the lists by name.
func (k *Corrections) CarriedTo(ctx context.Context, article int64) ([]Carrier, error) {
	return k.carriers(ctx, article, nil, nil)
}

func (k *Corrections) carriers(ctx context.Context, article int64, before *time.Time, mails map[int64]*Campaign) ([]Carrier, error) {
	var rows []struct {
		Campaign int64     `db:"id"`
		List     int64     `db:"list_id"`
		At       time.Time `db:"launched_at"`
	}
	err := k.svc.DB.SelectContext(ctx, &rows, `SELECT c.id, c.list_id, c.launched_at FROM carried_stories s JOIN campaigns c ON c.id = s.campaign_id
		WHERE s.article_id = $1 AND ($2::timestamptz IS NULL OR c.launched_at <= $2) AND c.own_rule IS NULL ORDER BY c.list_id, c.id`, article, before)
	if err != nil {
		return nil, db.Err(err, "look who was sent the story")
	}
	var ids pq.Int64Array
	for _, r := range rows {
		ids = append(ids, r.Campaign)
	}
	nothing, err := k.svc.Delivery.NothingSent(ctx, k.svc.DB, ids)
	if err != nil {
		return nil, err
	}
	var all []Carrier
	for _, r := range rows {
		if nothing[r.Campaign] {
			continue
		}
		if n := len(all); n == 0 || all[n-1].List.ID != r.List {
			l, err := k.svc.Lists.List(ctx, r.List)
			if err != nil {
				return nil, err
			}
			all = append(all, Carrier{List: l, Mail: mails[r.List]})
		}
		last := &all[len(all)-1]
		last.Campaigns, last.Last = append(last.Campaigns, r.Campaign), r.At
	}
	slices.SortStableFunc(all, func(a, b Carrier) int { return strings.Compare(a.List.Name, b.List.Name) })
	return all, nil
}

// mails returns the mails of a correction, by list.
func (k *Corrections) mails(ctx context.Context, correction int64) (map[int64]*Campaign, error) {
	var all []Campaign
	if err := k.svc.DB.SelectContext(ctx, &all, selectCampaign+` JOIN correction_mails m ON m.campaign_id = c.id WHERE m.correction_id = $1`, correction); err != nil {
		return nil, db.Err(err, "look for the mails of the correction")
	}
	if err := k.svc.tellSends(ctx, all); err != nil {
		return nil, err
	}
	mails := make(map[int64]*Campaign, len(all))
	for i := range all {
		mails[all[i].ListID] = &all[i]
	}
	return mails, nil
}

// Told is a campaign that has a correction as an item in it.
type Told struct {
	Campaign int64  `db:"id"`
	ListID   int64  `db:"list_id"`
	Name     string `db:"name"`
	State    string `db:"state"`
}

// Told returns the campaigns that carry a correction as an item, or are to, the newest first.
func (k *Corrections) Told(ctx context.Context, c articles.Correction) ([]Told, error) {
	told := []Told{}
	err := k.svc.DB.SelectContext(ctx, &told, `SELECT c.id, c.list_id, c.name, c.state FROM campaigns c
		WHERE c.updated_at >= $2 AND c.own_rule IS NULL AND c.state NOT IN ('cancelled', 'skipped', 'expired')
			AND EXISTS (SELECT FROM campaign_blocks b WHERE b.campaign_id = c.id AND b.data ->> 'correction' = $1) ORDER BY c.id DESC LIMIT 100`, strconv.FormatInt(c.ID, 10), c.At)
	return told, db.Err(err, "look which editions tell of the correction")
}
