package campaigns

import (
	"slices"
	"strconv"
	"strings"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// What a Change can do. Fields that are not named are not looked at.
const (
	SetSubject   = "set_subject"   // Text
	SetPreheader = "set_preheader" // Text; empty: made of the stories
	SetText      = "set_text"      // Block (text), Text in Markdown
	SetTitle     = "set_title"     // Block (section), Text; empty: it goes on with the section above
	SetTopic     = "set_topic"     // Block (not an appeal), Topic; empty: for every reader
	SetLead      = "set_lead"      // Block, Article: the first of the paper; On false: no longer
	SetAppeal    = "set_appeal"    // Block (appeal), Appeal
	SetSponsor   = "set_sponsor"   // Block (sponsor), Sponsor
	SetImage     = "set_image"     // Block (image), Image, URL
	AddBlock     = "add_block"     // Kind, After; and what SetText, SetTitle … of that kind take. Block: the id that it gets; empty: one is made
	AddStory     = "add_story"     // Article; Into and At, or After. Block: as AddBlock
	MoveBlock    = "move_block"    // Block, After
	MoveStory    = "move_story"    // Block, Article; Into and At, or After
	Remove       = "remove"        // Block, or Article of it
	EditStory    = "edit_story"    // Block, Article, Story
	ResetStory   = "reset_story"   // Block, Article, Fields; no fields: all of it
	Restore      = "restore"       // Revision: all of the content as it was then
)

// Change is one thing that an editor does to a campaign's content. It names what it is about by ids, so that it can be done to a
// later version as well, and does nothing where it was done already: who is not sure may ask again.
type Change struct {
	Do      string          `json:"do"`
	Block   string          `json:"block,omitempty"`   // id of the block
	Article int64           `json:"article,omitempty"` // the story in it, by its article
	Into    string          `json:"into,omitempty"`    // id of a section: the story becomes one of it, at place At
	At      int             `json:"at,omitempty"`      // 0: the first; too large: the last
	After   string          `json:"after,omitempty"`   // id of the block that it comes behind; empty: on top; "end": at the end
	Kind    string          `json:"kind,omitempty"`
	Text    string          `json:"text,omitempty"`
	Topic   string          `json:"topic,omitempty"`
	Appeal  string          `json:"appeal,omitempty"` // slug
	URL     string          `json:"url,omitempty"`
	On      bool            `json:"on,omitempty"`
	Image   *render.Image   `json:"image,omitempty"`
	Sponsor *render.Sponsor `json:"sponsor,omitempty"`
	Story   *StoryEdit      `json:"story,omitempty"`
	Fields  []string        `json:"fields,omitempty"` // of StoryFields

	Revision int64 `json:"revision,omitempty"`
	Undo     bool  `json:"undo,omitempty"` // of Restore: it takes the newest change back, and the next Undo the one before
}

// AtEnd is Change.After of what comes last.
const AtEnd = "end"

// StoryEdit is what an editor writes of a story for one mail only. What is nil stays as it is.
type StoryEdit struct {
	Title   *string          `json:"title,omitempty"`
	Dek     *string          `json:"dek,omitempty"`
	Authors *[]render.Author `json:"authors,omitempty"` // none: no byline
	Section *string          `json:"section,omitempty"`
	URL     *string          `json:"url,omitempty"`
	Image   *render.Image    `json:"image,omitempty"` // with alt, caption and credit; one without an address: no image
}

// StoryFields are the parts of a story that a mail may have differently.
var StoryFields = []string{"title", "dek", "authors", "section", "url", "image"}

// fields are those that the edit changes.
func (e *StoryEdit) fields() (list []string) {
	for name, there := range map[string]bool{"title": e.Title != nil, "dek": e.Dek != nil, "authors": e.Authors != nil, "section": e.Section != nil,
		"url": e.URL != nil, "image": e.Image != nil} {
		if there {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// storyPart is the name of a part of a story, or of all of it.
func storyPart(article int64, part string) string {
	name := "story/" + strconv.FormatInt(article, 10)
	if part != "" {
		name += "/" + part
	}
	return name
}

func blockPart(id, part string) string {
	if part == "" {
		return "block/" + id
	}
	return "block/" + id + "/" + part
}

// everything is the part that all others belong to.
const everything = "*"

// touches names the parts that the change is about. Two changes of which neither touches what the other does may be made by two people
// who do not know of each other.
func (ch *Change) touches(ct *content) []string {
	switch ch.Do {
	case SetSubject:
		return []string{"subject"}
	case SetPreheader:
		return []string{"preheader"}
	case SetText, SetTitle, SetAppeal, SetSponsor, SetImage:
		return []string{blockPart(ch.Block, "content")}
	case SetTopic:
		return []string{blockPart(ch.Block, "topic")}
	case SetLead:
		return []string{"lead", storyPart(ch.Article, "place")}
	case AddBlock:
		return []string{blockPart(ch.Block, "")}
	case AddStory:
		return []string{storyPart(ch.Article, "")}
	case MoveBlock:
		return []string{blockPart(ch.Block, "place")}
	case MoveStory:
		return []string{storyPart(ch.Article, "place")}
	case EditStory, ResetStory:
		fields := ch.Fields
		if ch.Do == EditStory {
			fields = ch.Story.fields()
		}
		if len(fields) == 0 {
			fields = StoryFields
		}
		var parts []string
		for _, f := range fields {
			parts = append(parts, storyPart(ch.Article, f))
		}
		return parts
	case Remove:
		if ch.Article != 0 {
			return []string{storyPart(ch.Article, "")}
		}
		parts := []string{blockPart(ch.Block, "")}
		if i := ct.block(ch.Block); i >= 0 {
			for _, st := range ct.Blocks[i].Stories {
				parts = append(parts, storyPart(st.ArticleID, ""))
			}
		}
		return parts
	}
	return []string{everything}
}

// overlap reports whether one of two parts belongs to the other.
func overlap(a, b string) bool {
	return a == everything || b == everything || a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// fold names what the change is about where the next one of the same belongs to the same revision: texts as they are typed. What moves,
// adds or removes stands by itself, so that it can be taken back.
func (ch *Change) fold() string {
	switch ch.Do {
	case SetSubject, SetPreheader, SetText, SetTitle, SetSponsor, SetImage:
		return ch.Do + " " + ch.Block
	case EditStory:
		return ch.Do + " " + strconv.FormatInt(ch.Article, 10) + " " + strings.Join(ch.Story.fields(), " ")
	}
	return ""
}

// check refuses what makes no sense whatever the campaign.
func (ch *Change) check() error {
	known := []string{SetSubject, SetPreheader, SetText, SetTitle, SetTopic, SetLead, SetAppeal, SetSponsor, SetImage, AddBlock, AddStory, MoveBlock,
		MoveStory, Remove, EditStory, ResetStory, Restore}
	adds := ch.Do == AddBlock || ch.Do == AddStory
	switch {
	case !slices.Contains(known, ch.Do):
		return errs.Field("do", "%q is nothing that can be done; it is one of %s", ch.Do, strings.Join(known, ", "))
	case ch.Block != "" && !blockID.MatchString(ch.Block):
		return errs.Field("block", "%q is not the id of a block", ch.Block)
	case ch.Block == "" && !adds && !slices.Contains([]string{SetSubject, SetPreheader, Restore}, ch.Do):
		return errs.Field("block", "say which block it is about")
	case ch.Article == 0 && ch.Do == AddStory:
		return errs.Field("article", "say which story")
	case ch.Do == EditStory && (ch.Story == nil || len(ch.Story.fields()) == 0):
		return errs.Field("story", "say what of the story is to be different")
	case ch.Do == SetSponsor && ch.Sponsor == nil:
		return errs.Field("sponsor", "say who the sponsor is")
	case ch.Do == SetImage && ch.Image == nil:
		return errs.Field("image", "say which image")
	}
	if err := ch.checkTexts(); err != nil {
		return err
	}
	for _, f := range ch.Fields {
		if !slices.Contains(StoryFields, f) {
			return errs.Field("fields", "%q is no part of a story; they are %s", f, strings.Join(StoryFields, ", "))
		}
	}
	return nil
}

// checkTexts refuses texts that no mail may have. One that is empty may still be filled in; a headline may not be.
func (ch *Change) checkTexts() error {
	lines := map[string]string{}
	switch {
	case ch.Do == SetSubject || ch.Do == SetPreheader:
		field := strings.TrimPrefix(ch.Do, "set_")
		if err := render.CheckSubject(field, ch.Text); err != nil {
			return err
		}
		lines[field] = ch.Text
	case ch.Do == SetTitle || ch.Do == AddBlock && ch.Kind == render.KindSection:
		lines["title"] = ch.Text
	case ch.Text != "":
		if err := checkMarkdown("text", ch.Text, maxText); err != nil {
			return err
		}
	}
	if e := ch.Story; e != nil {
		if e.Title != nil && strings.TrimSpace(*e.Title) == "" {
			return errs.Field("title", "a story needs a headline")
		}
		for field, text := range map[string]*string{"title": e.Title, "dek": e.Dek, "section": e.Section} {
			if text != nil {
				lines[field] = *text
			}
		}
		if e.URL != nil {
			if err := render.CheckLink("url", *e.URL); err != nil {
				return err
			}
		}
		if e.Image != nil {
			if err := e.Image.Check(); err != nil {
				return err
			}
		}
	}
	for field, text := range lines {
		if strings.TrimSpace(text) == "" {
			continue
		}
		if err := checkLine(field, text, 500); err != nil {
			return err
		}
	}
	if ch.Image != nil {
		if err := ch.Image.Check(); err != nil {
			return err
		}
	}
	if err := render.CheckLink("url", ch.URL); err != nil || ch.Sponsor == nil {
		return err
	}
	return ch.Sponsor.Check()
}
