package campaigns

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// bench is the desk with a campaign of three stories on it: a lead, and two in a section.
type bench struct {
	*room
	c       Campaign
	section string
	ids     []int64 // of the stories, in order
}

func newBench(t *testing.T) *bench {
	t.Helper()
	r := newRoom(t, "2026-11-22 05:00")
	for i := range 3 {
		r.story(fmt.Sprintf("Tide %d", i), "2026-11-21 12:00")
	}
	r.digest("[lead]\nrule = \"first\"")
	c, err := r.Digests.Run(t.Context(), "daily", "Ada")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{room: r, c: c}
	for _, bl := range c.Blocks {
		if bl.Kind == render.KindSection {
			b.section = bl.ID
		}
		for _, st := range bl.Stories {
			b.ids = append(b.ids, st.ArticleID)
		}
	}
	if len(b.ids) != 3 || b.section == "" {
		t.Fatalf("the campaign has stories %v and the section %q", b.ids, b.section)
	}
	return b
}

// do makes a change in the newest version.
func (b *bench) do(ch Change, who string) Campaign {
	b.t.Helper()
	c, err := b.Desk.Do(b.t.Context(), b.c.ID, b.get(b.c.ID).Version, ch, who)
	if err != nil {
		b.t.Fatalf("%s: %v", ch.Do, err)
	}
	return c
}

// outline is what stands where: kinds, and the articles in them.
func outline(c Campaign) string {
	var out []string
	for _, b := range c.Blocks {
		line := b.Kind
		for _, st := range b.Stories {
			line += fmt.Sprint(" ", st.ArticleID)
		}
		if b.Lead {
			line += " lead"
		}
		out = append(out, line)
	}
	return strings.Join(out, ", ")
}

func (b *bench) expect(c Campaign, want string) {
	b.t.Helper()
	if got := outline(c); got != want {
		b.t.Errorf("the campaign is %q; want %q", got, want)
	}
}

func TestDeskArranges(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	lead := b.c.Blocks[0].ID
	b.expect(b.c, "story 3 lead, section 2 1")
	fresh := b.story("Tide 3", "2026-11-21 13:00")

	b.expect(b.do(Change{Do: AddStory, Article: fresh, Into: b.section, At: 1}, "Ada"), "story 3 lead, section 2 4 1")
	again := b.get(b.c.ID).Version
	b.do(Change{Do: AddStory, Article: fresh, Into: b.section, At: 1}, "Ada") // a retry
	if v := b.get(b.c.ID).Version; v != again {
		t.Errorf("adding a story that is there raised the version from %d to %d", again, v)
	}
	b.expect(b.do(Change{Do: MoveStory, Block: b.section, Article: 1, Into: b.section, At: 0}, "Ada"), "story 3 lead, section 1 2 4")
	b.expect(b.do(Change{Do: MoveStory, Block: b.section, Article: 2, After: AtEnd}, "Ada"), "story 3 lead, section 1 4, story 2")
	b.expect(b.do(Change{Do: AddBlock, Block: "note", Kind: render.KindText, After: lead, Text: "Good *morning*"}, "Ada"), "story 3 lead, text, section 1 4, story 2")
	b.expect(b.do(Change{Do: AddBlock, Kind: render.KindAppeal, Appeal: "autumn", After: AtEnd}, "Ada"), "story 3 lead, text, section 1 4, story 2, appeal")
	b.expect(b.do(Change{Do: AddBlock, Block: "line", Kind: render.KindDivider, After: "note"}, "Ada"), "story 3 lead, text, divider, section 1 4, story 2, appeal")
	b.expect(b.do(Change{Do: MoveBlock, Block: "note"}, "Ada"), "text, story 3 lead, divider, section 1 4, story 2, appeal")
	b.expect(b.do(Change{Do: SetLead, Block: b.section, Article: 4, On: true}, "Ada"), "text, story 4 lead, story 3, divider, section 1, story 2, appeal")
	b.expect(b.do(Change{Do: MoveStory, Block: lead, Article: 3, Into: b.section, At: 99}, "Ada"), "text, story 4 lead, divider, section 1 3, story 2, appeal")
	b.expect(b.do(Change{Do: Remove, Block: b.section, Article: 1}, "Ada"), "text, story 4 lead, divider, section 3, story 2, appeal")
	c := b.do(Change{Do: Remove, Block: "line"}, "Ada")
	b.expect(c, "text, story 4 lead, section 3, story 2, appeal")

	var seen []string
	for _, bl := range c.Blocks {
		if !blockID.MatchString(bl.ID) || slices.Contains(seen, bl.ID) {
			t.Errorf("the id %q of a block is none, or that of another", bl.ID)
		}
		seen = append(seen, bl.ID)
	}
	for range 2 { // one step, and the one before it
		var err error
		if c, err = b.Desk.Undo(t.Context(), c.ID, c.Version, "Ada"); err != nil {
			t.Fatal(err)
		}
	}
	b.expect(c, "text, story 4 lead, divider, section 1 3, story 2, appeal")
	photo := &render.Image{URL: "https://www.example.org/map.png", Alt: "A map of the tide"}
	b.do(Change{Do: AddBlock, Kind: render.KindImage, Image: photo, URL: "https://www.example.org/map"}, "Ada")
	b.do(Change{Do: AddBlock, Block: "paid", Kind: render.KindSponsor, Sponsor: &render.Sponsor{Name: "Harbour Bank"}, After: AtEnd}, "Ada")
	sponsor := render.Sponsor{Name: "Harbour Bank", From: "2026-11-22", To: "2026-11-22", Heading: "A new roof", URL: "https://bank.example.org/"}
	b.expect(b.do(Change{Do: SetSponsor, Block: "paid", Sponsor: &sponsor}, "Ada"), "image, text, story 4 lead, divider, section 1 3, story 2, appeal, sponsor")
	shown := func() string {
		t.Helper()
		p, err := b.Preview(t.Context(), c.ID, Reader{})
		if err != nil {
			t.Fatal(err)
		}
		return p.HTML
	}
	if html := shown(); !strings.Contains(html, "map.png") || !strings.Contains(html, "Sponsored by Harbour Bank") {
		t.Error("an image and a sponsor of today are not in the mail")
	}
	b.set("2026-11-22 23:30") // the day after, in Paris
	if strings.Contains(shown(), "Harbour Bank") {
		t.Error("a sponsor is shown after its last day")
	}
}

// Blocks from before there were ids have one all the same, always the same, and an approval does not lapse by it.
func TestBlockIDs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.Approve(t.Context(), b.c.ID, "Ed", true); err != nil {
		t.Fatal(err)
	}
	var with []byte
	if err := b.DB.GetContext(t.Context(), &with, `SELECT content_hash FROM campaigns WHERE id = $1`, b.c.ID); err != nil {
		t.Fatal(err)
	}
	b.exec(`UPDATE campaign_blocks SET data = data - 'id'`)
	c := b.get(b.c.ID)
	for i, bl := range c.Blocks {
		if bl.ID != b.c.Blocks[i].ID {
			t.Errorf("block %d has the id %q; before: %q", i, bl.ID, b.c.Blocks[i].ID)
		}
	}
	p, err := b.prepare(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.hash, with) || p.strayed(c) != "" {
		t.Errorf("without ids in the database the approval has lapsed: %s", p.strayed(c))
	}
	twice := withIDs([]render.Block{{ID: "x", Kind: "text"}, {ID: "x", Kind: "text"}, {ID: "Not One", Kind: "text"}, {Kind: "text"}})
	ids := map[string]bool{}
	for _, bl := range twice {
		ids[bl.ID] = blockID.MatchString(bl.ID)
	}
	if len(ids) != 4 || !ids["x"] {
		t.Errorf("ids given twice, and ones that are none, become %v", ids)
	}
}

func TestDeskFromScratch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	soon := b.now().Add(time.Hour)
	c, err := b.Desk.Blank(t.Context(), NewBlank{List: "morning", Name: "Extra", SendAt: &soon}, "Ada")
	if err != nil || c.State != Draft || len(c.Blocks) != 0 || c.SendAt == nil {
		t.Fatalf("%+v (%v)", c, err)
	}
	if c, err = b.Desk.Do(t.Context(), c.ID, c.Version, Change{Do: AddBlock, Block: "city", Kind: render.KindSection, Text: "City"}, "Ada"); err != nil {
		t.Fatal(err)
	}
	b.pages.Store("/tide-wall", `<html><head><meta property="og:title" content="The tide wall"></head><body><article><p>`+strings.Repeat("It holds, for now, say those who built it. ", 10)+`</p></article></body></html>`)
	if c, err = b.Desk.AddURL(t.Context(), c.ID, c.Version, b.site.URL+"/tide-wall", Change{Into: "city"}, "Ada"); err != nil {
		t.Fatal(err)
	}
	if len(c.Blocks) != 1 || len(c.Blocks[0].Stories) != 1 || c.Blocks[0].Stories[0].Title != "The tide wall" {
		t.Errorf("the campaign is %+v", c.Blocks)
	}
	if n := b.number(`SELECT count(*) FROM audit_log WHERE actor = 'Ada' AND (action = 'campaign.create' OR action LIKE 'story.%')`); n != 2 {
		t.Errorf("of campaign and story the audit log has %d entries; want 2", n)
	}
	for name, n := range map[string]NewBlank{"name": {List: "morning"}, "send_at": {List: "morning", Name: "x", SendAt: new(time.Time)}} {
		var e *errs.Error
		if _, err := b.Desk.Blank(t.Context(), n, "Ada"); !errors.As(err, &e) || e.Field != name {
			t.Errorf("%+v: %v; want an error of the field %s", n, err, name)
		}
	}
}

func TestDeskEditsForThisMailOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	title, dek, wide := "Tide, rewritten", "", &render.Image{URL: "https://www.example.org/p.jpg", Alt: "A pier"}
	edit := &StoryEdit{Title: &title, Dek: &dek, Authors: &[]render.Author{{Name: "Bo Example"}, {}}, Image: wide}
	b.do(Change{Do: EditStory, Block: b.section, Article: b.ids[1], Story: edit}, "Ada")
	item := func() ItemStory {
		t.Helper()
		s, err := b.Desk.Open(t.Context(), b.c.ID, "Ada")
		if err != nil {
			t.Fatal(err)
		}
		if s.Refused != "" || s.Items[1].By != "Ada" {
			t.Errorf("the sheet is refused (%q), and its section was changed by %q", s.Refused, s.Items[1].By)
		}
		return s.Items[1].Stories[0]
	}
	st := item()
	if want := []string{"title", "dek", "authors", "image"}; !slices.Equal(st.Differs, want) || st.Title != title || st.Original.Title != "Tide 1" {
		t.Errorf("%q (was %q) differs in %v; want %v", st.Title, st.Original.Title, st.Differs, want)
	}
	if a, err := b.Articles.Article(t.Context(), b.ids[1]); err != nil || a.Title != "Tide 1" {
		t.Errorf("the story itself is %q now (%v)", a.Title, err)
	}
	if p, err := b.Preview(t.Context(), b.c.ID, Reader{}); err != nil || !strings.Contains(p.HTML, title) || !strings.Contains(p.HTML, "Bo Example") {
		t.Errorf("the mail does not show what was rewritten (%v)", err)
	}
	b.do(Change{Do: ResetStory, Block: b.section, Article: b.ids[1], Fields: []string{"title"}}, "Ada")
	if st = item(); st.Title != "Tide 1" || slices.Contains(st.Differs, "title") || len(st.Differs) != 3 {
		t.Errorf("after the original headline it is %q and differs in %v", st.Title, st.Differs)
	}
	b.do(Change{Do: ResetStory, Block: b.section, Article: b.ids[1]}, "Ada")
	if st = item(); len(st.Differs) != 0 || !reflect.DeepEqual(st.Story.Authors, st.Original.Authors) {
		t.Errorf("after the original of all it differs in %v", st.Differs)
	}
}

// Whatever several editors do at once, nothing of anybody is lost: it is in the campaign, or kept for them.
func TestDeskTwoEditorsAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	base := b.c.Version
	if _, err := b.Desk.Here(t.Context(), b.c.ID, "Ada", ""); err != nil {
		t.Fatal(err)
	}
	process := []*Service{b.Service, b.another()}
	people := []string{"Ada", "Bo", "Cy", "Dee", "Ed", "Flo"}
	texts := make([]string, len(people))
	got := make([]error, len(people))
	var all sync.WaitGroup
	for i, who := range people {
		texts[i] = "What " + who + " wants"
		all.Go(func() {
			_, got[i] = process[i%2].Desk.Do(t.Context(), b.c.ID, base, Change{Do: SetSubject, Text: texts[i]}, who)
		})
	}
	// One more touches what nobody else does.
	var apart error
	all.Go(func() {
		_, apart = process[1].Desk.Do(t.Context(), b.c.ID, base, Change{Do: AddBlock, Block: "note", Kind: render.KindText, Text: "Hello", After: AtEnd}, "Gus")
	})
	all.Wait()
	if apart != nil {
		t.Errorf("a change that touches nothing of the others: %v", apart)
	}
	c := b.get(b.c.ID)
	won := slices.Index(texts, c.Subject)
	if won < 0 || c.Blocks[len(c.Blocks)-1].ID != "note" {
		t.Fatalf("the subject is %q, the last block %+v", c.Subject, c.Blocks[len(c.Blocks)-1])
	}
	for i, who := range people {
		var clash *Clash
		switch {
		case i == won:
			if got[i] != nil {
				t.Errorf("%s, whose subject it is: %v", who, got[i])
			}
		case !errors.As(got[i], &clash) || errs.KindOf(got[i]) != errs.Conflict:
			t.Errorf("%s overwrote a subject, or was told nothing: %v", who, got[i])
		default:
			if clash.By != people[won] || !clash.Fits || clash.At.IsZero() || !strings.Contains(errs.Public(got[i]), quoted(texts[won])) {
				t.Errorf("%s was told %q (%+v)", who, errs.Public(got[i]), clash)
			}
			kept, err := b.Desk.Unsaved(t.Context(), c.ID, who)
			if err != nil || len(kept) != 1 || kept[0].ID != clash.Kept || kept[0].Change.Text != texts[i] {
				t.Errorf("for %s there is kept: %+v (%v)", who, kept, err)
			}
		}
	}

	// Who has won goes on writing before the answer has come, and does not clash with what they wrote themselves.
	texts[won] += ", and more"
	if c, apart = b.Desk.Do(t.Context(), c.ID, base, Change{Do: SetSubject, Text: texts[won]}, people[won]); apart != nil || c.Subject != texts[won] {
		t.Errorf("with the version of before their own change: %q (%v)", c.Subject, apart)
	}

	// The loser looks at the new version and puts the change on top.
	lost := (won + 1) % len(people)
	kept, err := b.Desk.Unsaved(t.Context(), c.ID, people[lost])
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept: %v (%v)", kept, err)
	}
	if _, err := b.Desk.Apply(t.Context(), c.ID, kept[0].ID, c.Version, people[won]); errs.KindOf(err) != errs.NotFound {
		t.Errorf("somebody else applies it: %v", err)
	}
	if c, err = b.Desk.Apply(t.Context(), c.ID, kept[0].ID, c.Version, people[lost]); err != nil || c.Subject != texts[lost] {
		t.Errorf("applied, the subject is %q (%v)", c.Subject, err)
	}
	if kept, _ = b.Desk.Unsaved(t.Context(), c.ID, people[lost]); len(kept) != 0 {
		t.Errorf("still kept after it was applied: %+v", kept)
	}
}

func TestDeskClashes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.Desk.Here(t.Context(), b.c.ID, "Ada", ""); err != nil {
		t.Fatal(err)
	}
	title, other := "By Ada", "By Bo"
	old := b.get(b.c.ID).Version
	b.do(Change{Do: EditStory, Block: b.section, Article: b.ids[1], Story: &StoryEdit{Title: &title}}, "Ada")
	b.do(Change{Do: MoveStory, Block: b.section, Article: b.ids[1], After: AtEnd}, "Ada")

	// Another field of the same story, which has moved since, goes well; the same field does not.
	if c, err := b.Desk.Do(t.Context(), b.c.ID, old, Change{Do: EditStory, Block: b.section, Article: b.ids[1], Story: &StoryEdit{Dek: &other}}, "Bo"); err != nil {
		t.Error(err)
	} else if st := c.Blocks[2].Stories[0]; st.Title != title || st.Dek != other {
		t.Errorf("the story is %q, %q; want both changes", st.Title, st.Dek)
	}
	var clash *Clash
	_, err := b.Desk.Do(t.Context(), b.c.ID, old, Change{Do: EditStory, Block: b.section, Article: b.ids[1], Story: &StoryEdit{Title: &other}}, "Bo")
	if !errors.As(err, &clash) || clash.By != "Ada" || clash.What != "rewrote the headline of “Tide 1”" || !clash.Fits {
		t.Errorf("the same headline: %v (%+v)", err, clash)
	}
	// What somebody is writing is not removed by who has not seen it, and what was removed cannot be written.
	_, err = b.Desk.Do(t.Context(), b.c.ID, old, Change{Do: Remove, Block: b.section, Article: b.ids[1]}, "Bo")
	if !errors.As(err, &clash) {
		t.Errorf("removing what was rewritten: %v", err)
	}
	b.do(Change{Do: Remove, Block: b.section, Article: b.ids[2]}, "Ada")
	_, err = b.Desk.Do(t.Context(), b.c.ID, old, Change{Do: EditStory, Block: b.section, Article: b.ids[2], Story: &StoryEdit{Title: &other}}, "Bo")
	if clash = nil; !errors.As(err, &clash) || clash.Fits || clash.What != "removed “Tide 0”" {
		t.Errorf("writing what was removed: %v (%+v)", err, clash)
	}
	if _, err := b.Desk.Apply(t.Context(), b.c.ID, clash.Kept, b.get(b.c.ID).Version, "Bo"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("applying it all the same: %v", err)
	}
	if kept, _ := b.Desk.Unsaved(t.Context(), b.c.ID, "Bo"); len(kept) != 3 {
		t.Errorf("%d changes are kept; want 3", len(kept))
	}
	if err := b.Desk.Discard(t.Context(), b.c.ID, clash.Kept, "Bo"); err != nil {
		t.Error(err)
	}

	// An approval is not taken back by who does not know of it; a new time of the send is no reason to ask.
	old = b.get(b.c.ID).Version
	if _, err := b.Schedule(t.Context(), b.c.ID, b.now().Add(24*time.Hour), "Ed"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Desk.Do(t.Context(), b.c.ID, old, Change{Do: SetPreheader, Text: "Beside a new time of the send, which is none of its business"}, "Bo"); err != nil {
		t.Errorf("after it was scheduled: %v", err)
	}
	old = b.get(b.c.ID).Version
	if _, err := b.Approve(t.Context(), b.c.ID, "Ed", true); err != nil {
		t.Fatal(err)
	}
	_, err = b.Desk.Do(t.Context(), b.c.ID, old, Change{Do: SetSubject, Text: "Late"}, "Bo")
	if clash = nil; !errors.As(err, &clash) || clash.By != "Ed" || b.get(b.c.ID).State != Approved {
		t.Errorf("an approval lapsed by a change of who had not seen it: %v", err)
	}
	if c, err := b.Desk.Apply(t.Context(), b.c.ID, clash.Kept, b.get(b.c.ID).Version, "Bo"); err != nil || c.State != Draft || c.ApprovedBy != "" {
		t.Errorf("a change after an approval: %s, approved by %q (%v)", c.State, c.ApprovedBy, err)
	}
}

func TestDeskHistory(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.exec(`UPDATE campaign_blocks SET data = jsonb_set(data, '{stories,0,title}', '"Rewritten before"') WHERE kind = 'section'`)
	start := b.get(b.c.ID)
	for i, who := range []string{"Ada", "Ada", "Bo", "Ada"} {
		b.set(fmt.Sprintf("2026-11-22 05:0%d", i+1))
		b.do(Change{Do: SetSubject, Text: fmt.Sprint("Draft ", i)}, who)
	}
	b.set("2026-11-22 05:10")
	b.do(Change{Do: SetSubject, Text: "Draft 4"}, "Ada")
	b.do(Change{Do: Remove, Block: b.section}, "Bo")
	list, err := b.Desk.History(t.Context(), b.c.ID, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list {
		got = append(got, r.Account+" "+r.What)
	}
	want := []string{"Bo removed the section “City”", "Ada set the subject to “Draft 4”", "Ada set the subject to “Draft 3”", "Bo set the subject to “Draft 2”",
		"Ada set the subject to “Draft 1”", "schedule composed the campaign from its recipe"}
	if !slices.Equal(got, want) {
		t.Errorf("the history is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := b.number(`SELECT count(*) FROM audit_log WHERE subject = $1 AND action = 'campaign.edit'`, auditName(b.c.ID)); n != 5 {
		t.Errorf("the audit log has %d edits; want 5, one for each revision of a person", n)
	}
	lines, err := b.Desk.Changes(t.Context(), b.c.ID, list[0].ID)
	if err != nil || !slices.Equal(lines, []string{"Removed: “Rewritten before”", "Removed: “Tide 0”"}) {
		t.Errorf("the last change was %q (%v)", lines, err)
	}
	if older, err := b.Desk.History(t.Context(), b.c.ID, list[2].ID, 2); err != nil || len(older) != 2 || older[0].ID != list[3].ID {
		t.Errorf("the page after the third: %+v (%v)", older, err)
	}

	if _, err := b.Desk.Restore(t.Context(), b.c.ID, list[5].ID, b.get(b.c.ID).Version-1, "Ada"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a restore that overwrites what was not seen: %v", err)
	}
	c, err := b.Desk.Restore(t.Context(), b.c.ID, list[5].ID, b.get(b.c.ID).Version, "Ada")
	if err != nil {
		t.Fatal(err)
	}
	if !same(c.Blocks, start.Blocks) || c.Subject != start.Subject {
		t.Errorf("restored, it is %q; want %q as it was", c.Subject, start.Subject)
	}
	if picked, err := loadPicked(t.Context(), b.DB, c.ID); err != nil || len(picked) != 3 || picked[b.ids[1]].Title != "Tide 1" || picked[b.ids[2]].Title != "Tide 0" {
		t.Errorf("restored, it knows the originals %v (%v)", picked, err)
	}
	if c, err = b.Desk.Undo(t.Context(), c.ID, c.Version, "Ada"); err != nil || c.Subject != "Draft 4" {
		t.Errorf("the restore taken back, the subject is %q (%v)", c.Subject, err)
	}
}

func TestDeskPresence(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.Desk.Here(t.Context(), b.c.ID, "Ada", b.section); err != nil {
		t.Fatal(err)
	}
	// What she has before her is known from then on, and not looked at again while it is the same; nor is it new to the history.
	versions := b.number(`SELECT count(*) FROM campaign_revisions`)
	if _, err := b.Schedule(t.Context(), b.c.ID, b.now().Add(23*time.Hour), "Ed"); err != nil {
		t.Fatal(err)
	}
	for n := range int64(3) {
		row := b.number(`SELECT xmax::text::bigint FROM campaigns WHERE id = $1`, b.c.ID) // who locked it last
		if _, err := b.Desk.Here(t.Context(), b.c.ID, "Ada", b.section); err != nil {
			t.Fatal(err)
		}
		if locked := row != b.number(`SELECT xmax::text::bigint FROM campaigns WHERE id = $1`, b.c.ID); locked != (n == 0) {
			t.Errorf("heartbeat %d after a change of the time locked the campaign: %t", n, locked)
		}
	}
	if n := b.number(`SELECT count(*) FROM campaign_revisions`); n != versions {
		t.Errorf("%d revisions, there were %d", n, versions)
	}
	// A new time of the send is no change of it.
	old := b.get(b.c.ID).Version
	if _, err := b.Schedule(t.Context(), b.c.ID, b.now().Add(24*time.Hour), "Ed"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Desk.Do(t.Context(), b.c.ID, old, Change{Do: SetSubject, Text: "By Ada"}, "Ada"); err != nil {
		t.Error(err)
	}
	others, err := b.Desk.Here(t.Context(), b.c.ID, "Bo", "")
	if err != nil || len(others) != 1 || others[0].Account != "Ada" || others[0].Block != b.section || others[0].What != "set the subject to “By Ada”" {
		t.Errorf("Bo sees %+v (%v)", others, err)
	}
	b.set("2026-11-22 05:02")
	if others, err = b.Desk.Others(t.Context(), b.c.ID, "Bo"); err != nil || len(others) != 0 {
		t.Errorf("who has gone without a word is still here: %+v (%v)", others, err)
	}
}

// What the desk does not know of is in its history as well: an edition composed anew while somebody looks at it.
func TestDeskKnowsWhatTheScheduleDid(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "2026-11-22 00:00")
	r.digest("[clock]\nopens = \"6h\"\ncutoff = \"1h\"\napproval_due = \"30m\"\n[stories]\nmin = 1")
	r.story("Tide 0", "2026-11-21 23:00")
	r.tick("2026-11-22 00:10")
	r.tick("2026-11-22 00:12")
	c := r.edition("2026-11-22T07:00")
	if _, err := r.Desk.Here(t.Context(), c.ID, "Ada", ""); err != nil {
		t.Fatal(err)
	}
	lead := c.Blocks[0].ID
	r.story("Tide 1", "2026-11-22 00:13")
	r.tick("2026-11-22 00:15")
	now := r.get(c.ID)
	if now.Version == c.Version || now.Blocks[0].ID != lead {
		t.Fatalf("composed anew, it has version %d and the lead %s; before: %d, %s", now.Version, now.Blocks[0].ID, c.Version, lead)
	}
	var clash *Clash
	_, err := r.Desk.Do(t.Context(), c.ID, c.Version, Change{Do: SetSubject, Text: "Mine"}, "Ada")
	if !errors.As(err, &clash) || clash.By != bySchedule || !clash.Fits {
		t.Fatalf("%v (%+v)", err, clash)
	}
	if now, err = r.Desk.Apply(t.Context(), c.ID, clash.Kept, now.Version, "Ada"); err != nil || now.Subject != "Mine" || now.StoryCount != 2 {
		t.Errorf("applied, it is %q with %d stories (%v)", now.Subject, now.StoryCount, err)
	}
	r.story("Tide 2", "2026-11-22 00:16")
	r.tick("2026-11-22 00:20")
	if v := r.get(c.ID).Version; v != now.Version {
		t.Error("what a person has written is composed anew")
	}
}

func TestDeskRefuses(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	empty, script := " ", "javascript:alert(1)"
	for name, tc := range map[string]struct {
		ch    Change
		field string
	}{
		"no such act":       {Change{Do: "fly"}, "do"},
		"no block":          {Change{Do: SetText, Text: "x"}, "block"},
		"another kind":      {Change{Do: SetText, Block: b.section, Text: "x"}, "block"},
		"a placeholder":     {Change{Do: AddBlock, Kind: render.KindText, Text: "Dear {first}"}, "text"},
		"in the subject":    {Change{Do: SetSubject, Text: "Dear {name}"}, "subject"},
		"no headline":       {Change{Do: EditStory, Block: b.section, Article: b.ids[1], Story: &StoryEdit{Title: &empty}}, "title"},
		"a script":          {Change{Do: EditStory, Block: b.section, Article: b.ids[1], Story: &StoryEdit{URL: &script}}, "url"},
		"an image of http":  {Change{Do: AddBlock, Kind: render.KindImage, Image: &render.Image{URL: "ftp://x.example/a.jpg"}}, "image"},
		"a sponsor's day":   {Change{Do: AddBlock, Kind: render.KindSponsor, Sponsor: &render.Sponsor{From: "tomorrow"}}, "from"},
		"a topic":           {Change{Do: SetTopic, Block: b.section, Topic: "none"}, "topic"},
		"an appeal":         {Change{Do: AddBlock, Kind: render.KindAppeal, Appeal: "none"}, "appeal"},
		"no story":          {Change{Do: AddStory, Article: 999}, "article"},
		"a story twice":     {Change{Do: AddStory, Article: b.ids[0], Into: b.section}, "article"},
		"an invisible sign": {Change{Do: SetSubject, Text: "A\u202eB"}, "subject"},
	} {
		_, err := b.Desk.Do(t.Context(), b.c.ID, b.c.Version, tc.ch, "Ada")
		var e *errs.Error
		if !errors.As(err, &e) || e.Kind != errs.Invalid || e.Field != tc.field {
			t.Errorf("%s: %v; want an error of the field %s", name, err, tc.field)
		}
	}
	if c := b.get(b.c.ID); c.Version != b.c.Version {
		t.Error("what was refused has changed something")
	}
	if _, err := b.Cancel(t.Context(), b.c.ID, "", "Ada"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Desk.Do(t.Context(), b.c.ID, b.get(b.c.ID).Version, Change{Do: SetSubject, Text: "x"}, "Ada"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a cancelled campaign: %v", err)
	}
}
