package desk

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"mailer/internal/accounts"
	"mailer/internal/appeals"
	"mailer/internal/articles"
	"mailer/internal/campaigns"
	"mailer/internal/render"
	"mailer/internal/subscribers"
	"mailer/internal/web/admin/frame"
)

// sheet is a campaign as the page shows it.
type sheet struct {
	campaigns.Sheet
	Base     string // address of the campaign's pages
	Editable bool
	Why      string // it is not
	Saved    string
	New      bool // nobody has written anything yet
	Blocks   []block
	Topics   []subscribers.Topic
	Appeals  []appeals.Appeal
	Others   []other
	Clashes  []clash // about subject and preheader, or about what is no longer there
	Stories  int
	Used     string // numbers of the articles in it, with spaces between
	Beat     int64  // milliseconds between two signs of life
}

// block is a part of the mail.
type block struct {
	campaigns.Item
	*sheet
	ID, Kind, KindName string
	Name               string // for people who do not see it
	Up, Down           string // where it goes when it moves one place; empty: nowhere
	Stories            []story
	Clashes            []clash
	Single             bool // one story and nothing else
}

// story is a story in the mail.
type story struct {
	campaigns.ItemStory
	*sheet
	Block     string // id of the block it stands in
	Lead      bool
	Single    bool
	Up, Down  string
	Byline    string
	Under     string // what stands below headline and dek
	Originals []original
	Mailed    *mailed
}

// original is what a part of a story was before somebody wrote over it for this mail.
type original struct{ Field, Name, Text string }

// mailed is where a story went before.
type mailed struct {
	campaigns.Mailed
	List string
}

// other is somebody else who has the page open.
type other struct{ Name, Where string }

// kindNames are the kinds of blocks as people call them.
var kindNames = map[string]string{render.KindText: "Text", render.KindSection: "Section", render.KindStory: "Story", render.KindAppeal: "Appeal",
	render.KindDivider: "Divider", render.KindImage: "Image", render.KindSponsor: "Sponsor"}

// look reads all that the page shows of a campaign.
func (rm *room) look(ctx context.Context, v *frame.Visit) (*sheet, error) {
	opened, err := rm.Campaigns.Desk.Open(ctx, v.Campaign, v.Who())
	if err != nil {
		return nil, err
	}
	s := &sheet{Sheet: opened, Base: fmt.Sprintf("/admin/campaigns/%d", v.Campaign), Beat: campaigns.PresenceEvery.Milliseconds()}
	switch {
	case s.Refused != "":
		s.Why = s.Refused
	case !v.Can(s.List.ID, accounts.Writer):
		s.Why = "You may look at this campaign and not change it"
	default:
		s.Editable = true
	}
	s.Saved, s.New = rm.saved(ctx, v, s.Campaign)
	if s.Topics, err = rm.Subscribers.Topics.Of(ctx, s.List.ID, false); err != nil {
		return nil, err
	}
	all, err := rm.Appeals.List(ctx)
	if err != nil {
		return nil, err
	}
	s.Appeals = slices.DeleteFunc(all, func(a appeals.Appeal) bool { return a.RetiredAt != nil })
	if err := rm.lay(ctx, v, s); err != nil {
		return nil, err
	}
	rm.tellClashes(ctx, v, s)
	s.Others, err = rm.others(ctx, v, s)
	return s, err
}

// saved says when the campaign was written last, and by whom.
func (rm *room) saved(ctx context.Context, v *frame.Visit, c campaigns.Campaign) (text string, untouched bool) {
	zone := v.Zone()
	at, what, who := c.CreatedAt, "Made", c.CreatedBy
	switch {
	case c.EditedAt != nil && (c.ComposedAt == nil || !c.EditedAt.Before(*c.ComposedAt)):
		at, what, who = *c.EditedAt, "Saved", c.EditedBy
	case c.ComposedAt != nil && c.DigestID != nil:
		at, what, who, untouched = *c.ComposedAt, "Composed", "", true
	default:
		untouched = true
	}
	text = what + " " + at.In(zone).Format("15:04")
	if now := rm.Now().In(zone); at.In(zone).Format("20060102") != now.Format("20060102") {
		text = what + " " + at.In(zone).Format("2 Jan, 15:04")
	}
	if who != "" {
		text += " by " + rm.names.of(ctx, v, who)
	}
	return text, untouched
}

// lay makes the blocks of the page.
func (rm *room) lay(ctx context.Context, v *frame.Visit, s *sheet) error {
	var ids []int64
	for _, it := range s.Items {
		for _, st := range it.Stories {
			if st.ArticleID != 0 {
				ids = append(ids, st.ArticleID)
			}
		}
	}
	before, err := rm.mailedBefore(ctx, v, ids, v.Campaign)
	if err != nil {
		return err
	}
	used := make([]string, len(ids))
	for i, id := range ids {
		used[i] = strconv.FormatInt(id, 10)
	}
	s.Used = strings.Join(used, " ")
	sections := sectionsOf(s.Items)
	for i, it := range s.Items {
		b := block{Item: it, sheet: s, ID: it.Block.ID, Kind: it.Block.Kind, KindName: kindNames[it.Block.Kind], Single: it.Block.Kind == render.KindStory}
		b.Name = nameOf(it)
		if i > 0 {
			b.Up = "after:"
			if i > 1 {
				b.Up += s.Items[i-2].Block.ID
			}
		}
		if i+1 < len(s.Items) {
			b.Down = "after:" + s.Items[i+1].Block.ID
		}
		for j, st := range it.Stories {
			row := story{ItemStory: st, sheet: s, Block: b.ID, Lead: it.Block.Lead, Single: b.Single, Byline: articles.BylineText(st.Authors), Originals: originalsOf(st)}
			row.Under = under(st)
			if m, ok := before[st.ArticleID]; ok {
				row.Mailed = &m
			}
			if !b.Single {
				row.Up, row.Down = neighbours(sections, b.ID, j, len(it.Stories))
			}
			b.Stories = append(b.Stories, row)
			s.Stories++
		}
		s.Blocks = append(s.Blocks, b)
	}
	return nil
}

// section is where a story can move to.
type section struct {
	id      string
	stories int
}

func sectionsOf(items []campaigns.Item) (list []section) {
	for _, it := range items {
		if it.Block.Kind == render.KindSection {
			list = append(list, section{it.Block.ID, len(it.Stories)})
		}
	}
	return list
}

// neighbours returns where a story of a section goes when it moves one place up or down: at the edges into the section beside.
func neighbours(sections []section, id string, at, count int) (up, down string) {
	i := slices.IndexFunc(sections, func(s section) bool { return s.id == id })
	switch {
	case at > 0:
		up = fmt.Sprintf("%s:%d", id, at-1)
	case i > 0:
		up = fmt.Sprintf("%s:%d", sections[i-1].id, sections[i-1].stories)
	}
	switch {
	case at+1 < count:
		down = fmt.Sprintf("%s:%d", id, at+1)
	case i+1 < len(sections):
		down = sections[i+1].id + ":0"
	}
	return up, down
}

// mailedBefore returns the last mails that carried stories, to lists that the person may know of.
func (rm *room) mailedBefore(ctx context.Context, v *frame.Visit, ids []int64, except int64) (map[int64]mailed, error) {
	lists, err := v.Lists(ctx, accounts.Viewer)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	names, numbers := map[int64]string{}, make([]int64, len(lists))
	for i, l := range lists {
		names[l.ID], numbers[i] = l.Name, l.ID
	}
	last, err := rm.listing.LastMailed(ctx, ids, numbers, except)
	found := map[int64]mailed{}
	for id, m := range last {
		found[id] = mailed{m, names[m.ListID]}
	}
	return found, err
}

// Called is what the campaign is called on the page.
func (s *sheet) Called() string { return called(s.Campaign.Name) }

// Initial is what stands in the place of the sender's picture.
func (s *sheet) Initial() string {
	for _, r := range strings.ToUpper(s.List.FromName) {
		return string(r)
	}
	return ""
}

// Clip shortens a text for templates.
func (s *sheet) Clip(text string, n int) string { return cut(oneLine(text), n) }

// head is what the pages of the desk have around them.
func head(title string) frame.Head {
	return frame.Head{Title: title, Nav: "campaigns", Wide: true, Styles: []string{"desk.css"}, Scripts: []string{"sortable.js", "writing.js", "moving.js", "viewing.js", "images.js"}}
}

// page is what desk.html shows.
type page struct {
	Sheet   *sheet
	Pool    *pool // nil for who may not write
	Preview view
}

// desk shows the page on which a campaign is written.
func (rm *room) desk(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	s, err := rm.look(r.Context(), v)
	if err != nil {
		return err
	}
	p := page{Sheet: s, Preview: newView(s.Base, s.Topics)}
	if s.Editable {
		if p.Pool, err = rm.pool(r.Context(), v, s.Campaign, articles.Look{}); err != nil {
			return err
		}
		if p.Pool.Sections, err = rm.shelf.Sections(r.Context()); err != nil {
			return err
		}
	}
	return v.Page(w, pages, "desk.html", head(s.Called()), p)
}

// sheet answers with the campaign as it is now, for the page that is open.
func (rm *room) sheet(w http.ResponseWriter, r *http.Request, v *frame.Visit) error {
	s, err := rm.look(r.Context(), v)
	if err != nil {
		return err
	}
	return v.Part(w, pages, "sheet", s)
}
