package campaigns

import (
	"slices"
	"strings"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// materials are what changes are made with: read before the campaign is locked.
type materials struct {
	story  *render.Story          // that is added, frozen
	appeal *render.Appeal         // that a block gets
	picked map[int64]render.Story // as the campaign's stories were picked
	former *record                // that is restored
}

// block returns the place of a block, or -1.
func (c *content) block(id string) int {
	return slices.IndexFunc(c.Blocks, func(b render.Block) bool { return b.ID == id })
}

// find returns the places of a block and of a story in it. A story that has moved elsewhere meanwhile is found there.
func (c *content) find(id string, article int64) (block, story int, err error) {
	has := func(b render.Block) bool {
		story = slices.IndexFunc(b.Stories, func(s render.Story) bool { return s.ArticleID == article })
		return story >= 0
	}
	if i := c.block(id); i >= 0 && has(c.Blocks[i]) {
		return i, story, nil
	}
	if i := slices.IndexFunc(c.Blocks, has); i >= 0 && article != 0 {
		return i, story, nil
	}
	return 0, 0, errs.New(errs.NotFound, "that story is no longer in the campaign")
}

// at returns the block of an id, if it is of the kind.
func (c *content) at(id, kind string) (*render.Block, error) {
	i := c.block(id)
	switch {
	case i < 0:
		return nil, errs.New(errs.NotFound, "that part is no longer in the campaign")
	case kind != "" && c.Blocks[i].Kind != kind:
		return nil, errs.Field("block", "it is a block of kind %s and not %s", c.Blocks[i].Kind, kind)
	}
	return &c.Blocks[i], nil
}

// copied returns the content with blocks and stories of its own.
func (c content) copied() content {
	c.Blocks = slices.Clone(c.Blocks)
	for i := range c.Blocks {
		c.Blocks[i].Stories = slices.Clone(c.Blocks[i].Stories)
	}
	return c
}

// insert puts a block behind the one of an id.
func (c *content) insert(b render.Block, after string) error {
	at := 0
	switch after {
	case "":
	case AtEnd:
		at = len(c.Blocks)
	default:
		if at = c.block(after) + 1; at == 0 {
			return errs.New(errs.NotFound, "the part that it was to come behind is no longer in the campaign")
		}
	}
	c.Blocks = slices.Insert(c.Blocks, at, b)
	return nil
}

// place puts a story where a change wants it.
func (c *content) place(st render.Story, ch *Change, b render.Block) error {
	if ch.Into == "" {
		b.Kind, b.Stories = render.KindStory, []render.Story{st}
		return c.insert(b, ch.After)
	}
	sec, err := c.at(ch.Into, render.KindSection)
	if err != nil {
		return err
	}
	sec.Stories = slices.Insert(sec.Stories, min(max(ch.At, 0), len(sec.Stories)), st)
	return nil
}

// do makes the change.
func (c *content) do(ch *Change, m materials) error {
	switch ch.Do {
	case SetSubject:
		c.Subject = strings.TrimSpace(ch.Text)
		return nil
	case SetPreheader:
		c.Preheader = strings.TrimSpace(ch.Text)
		return nil
	case Restore:
		c.Subject, c.Preheader, c.Blocks = m.former.Subject, m.former.Preheader, m.former.Blocks
		return nil
	case AddBlock:
		return c.add(ch, m)
	case AddStory:
		return c.addStory(ch, m)
	case MoveBlock:
		return c.move(ch)
	case SetLead:
		return c.lead(ch)
	case MoveStory, EditStory, ResetStory:
		return c.changeStory(ch, m)
	case Remove:
		return c.remove(ch)
	}
	kind := map[string]string{SetText: render.KindText, SetTitle: render.KindSection, SetAppeal: render.KindAppeal, SetSponsor: render.KindSponsor, SetImage: render.KindImage}
	b, err := c.at(ch.Block, kind[ch.Do])
	if err == nil {
		fill(b, ch, m)
	}
	return err
}

// fill gives a block what the change says of its kind.
func fill(b *render.Block, ch *Change, m materials) {
	if ch.Do == SetTopic || ch.Do == AddBlock && ch.Topic != "" {
		b.Topic = ch.Topic
	}
	if ch.Do == SetTopic {
		return
	}
	switch b.Kind {
	case render.KindText:
		b.Text = ch.Text
	case render.KindSection:
		b.Title = strings.TrimSpace(ch.Text)
	case render.KindAppeal:
		b.Appeal = m.appeal
	case render.KindSponsor:
		if b.Sponsor = ch.Sponsor; b.Sponsor == nil {
			b.Sponsor = &render.Sponsor{}
		}
	case render.KindImage:
		if b.Image, b.URL = ch.Image, strings.TrimSpace(ch.URL); b.Image == nil {
			b.Image = &render.Image{}
		}
	}
}

func (c *content) add(ch *Change, m materials) error {
	if c.block(ch.Block) >= 0 {
		return nil // it was added already
	}
	switch ch.Kind {
	case render.KindText, render.KindSection, render.KindImage, render.KindSponsor, render.KindAppeal, render.KindDivider:
	default:
		return errs.Field("kind", "a block of kind %q cannot be added", ch.Kind)
	}
	b := render.Block{ID: ch.Block, Kind: ch.Kind}
	fill(&b, ch, m)
	return c.insert(b, ch.After)
}

func (c *content) addStory(ch *Change, m materials) error {
	for _, b := range c.Blocks {
		if !slices.ContainsFunc(b.Stories, func(s render.Story) bool { return s.ArticleID == ch.Article }) {
			continue
		}
		if b.ID == ch.Into || b.ID == ch.Block {
			return nil // it was added already
		}
		return errs.Field("article", "“%s” is in this campaign already", clip(m.story.Title, 80))
	}
	return c.place(*m.story, ch, render.Block{ID: ch.Block, Topic: ch.Topic})
}

func (c *content) move(ch *Change) error {
	i := c.block(ch.Block)
	if i < 0 {
		return errs.New(errs.NotFound, "that part is no longer in the campaign")
	}
	if ch.After == ch.Block {
		return nil
	}
	b := c.Blocks[i]
	c.Blocks = slices.Delete(c.Blocks, i, i+1)
	return c.insert(b, ch.After)
}

// lead makes a story the first of the paper: it stands by itself, above all others.
func (c *content) lead(ch *Change) error {
	i, j, err := c.find(ch.Block, ch.Article)
	if err != nil {
		return err
	}
	if !ch.On {
		c.Blocks[i].Lead = false
		return nil
	}
	if c.Blocks[i].Lead && c.Blocks[i].Kind == render.KindStory {
		return nil
	}
	for k := range c.Blocks {
		c.Blocks[k].Lead = false
	}
	lead := render.Block{ID: newBlockID(), Kind: render.KindStory, Lead: true, Stories: []render.Story{c.Blocks[i].Stories[j]}}
	if c.Blocks[i].Kind == render.KindStory {
		lead.ID, lead.Topic = c.Blocks[i].ID, c.Blocks[i].Topic
		c.Blocks = slices.Delete(c.Blocks, i, i+1)
	} else {
		c.Blocks[i].Stories = slices.Delete(c.Blocks[i].Stories, j, j+1)
	}
	at := slices.IndexFunc(c.Blocks, func(b render.Block) bool { return b.Kind == render.KindStory || b.Kind == render.KindSection })
	if at < 0 {
		at = len(c.Blocks)
	}
	c.Blocks = slices.Insert(c.Blocks, at, lead)
	return nil
}

func (c *content) changeStory(ch *Change, m materials) error {
	i, j, err := c.find(ch.Block, ch.Article)
	if err != nil {
		return err
	}
	st := &c.Blocks[i].Stories[j]
	switch ch.Do {
	case EditStory:
		ch.Story.apply(st)
		return nil
	case ResetStory:
		original, ok := m.picked[ch.Article]
		if !ok {
			return errs.New(errs.NotFound, "the original of that story is not known")
		}
		reset(st, original, ch.Fields)
		return nil
	}
	return c.moveStory(i, j, ch)
}

// moveStory takes a story from its place to another. A block of that story alone moves with it; a section stays, even empty.
func (c *content) moveStory(i, j int, ch *Change) error {
	was, st := c.Blocks[i], c.Blocks[i].Stories[j]
	single := was.Kind == render.KindStory
	switch {
	case single && ch.Into == "" && ch.After == was.ID:
		return nil
	case single:
		c.Blocks = slices.Delete(c.Blocks, i, i+1)
	default:
		c.Blocks[i].Stories = slices.Delete(c.Blocks[i].Stories, j, j+1)
	}
	b := render.Block{ID: newBlockID()}
	if single {
		b = was
	}
	return c.place(st, ch, b)
}

func (c *content) remove(ch *Change) error {
	if ch.Article == 0 {
		if i := c.block(ch.Block); i >= 0 {
			c.Blocks = slices.Delete(c.Blocks, i, i+1)
		}
		return nil // it was removed already
	}
	i, j, err := c.find(ch.Block, ch.Article)
	if err != nil {
		return nil
	}
	if c.Blocks[i].Kind == render.KindStory {
		c.Blocks = slices.Delete(c.Blocks, i, i+1)
		return nil
	}
	c.Blocks[i].Stories = slices.Delete(c.Blocks[i].Stories, j, j+1)
	return nil
}

// apply writes the edit into a story.
func (e *StoryEdit) apply(st *render.Story) {
	for to, from := range map[*string]*string{&st.Title: e.Title, &st.Dek: e.Dek, &st.Section: e.Section, &st.URL: e.URL} {
		if from != nil {
			*to = strings.TrimSpace(*from)
		}
	}
	if e.Authors != nil {
		st.Authors = slices.DeleteFunc(slices.Clone(*e.Authors), func(a render.Author) bool { return strings.TrimSpace(a.Name) == "" })
	}
	if e.Image != nil {
		img := *e.Image
		st.Image = &img
		if strings.TrimSpace(img.URL) == "" {
			st.Image = nil
		}
	}
}

// reset gives fields of a story their original values; no fields: all that a mail may have differently.
func reset(st *render.Story, original render.Story, fields []string) {
	if len(fields) == 0 {
		fields = StoryFields
	}
	for _, f := range fields {
		switch f {
		case "title":
			st.Title = original.Title
		case "dek":
			st.Dek = original.Dek
		case "authors":
			st.Authors = original.Authors
		case "section":
			st.Section = original.Section
		case "url":
			st.URL = original.URL
		case "image":
			st.Image = original.Image
		}
	}
}

// differs returns the fields in which a story in a mail is not as it was picked.
func differs(st, original render.Story) (fields []string) {
	for _, f := range StoryFields {
		back := st
		if reset(&back, original, []string{f}); !same(back, st) {
			fields = append(fields, f)
		}
	}
	return fields
}
