package campaigns

import (
	"cmp"
	"fmt"
	"strings"

	"mailer/internal/render"
)

var fieldWords = map[string]string{"title": "the headline", "dek": "the dek", "authors": "the byline", "section": "the section label", "url": "the link", "image": "the image"}

// words says what the change does, for people, behind the name of who does it: moved “…” to “City”.
func (ch *Change) words(before, after content, m materials) string {
	story := func() string {
		if m.story != nil {
			return quoted(m.story.Title)
		}
		if original, ok := m.picked[ch.Article]; ok {
			return quoted(original.Title)
		}
		return "a story"
	}
	switch ch.Do {
	case SetSubject:
		return cmp.Or(with("set the subject to ", ch.Text), "emptied the subject")
	case SetPreheader:
		return cmp.Or(with("set the preheader to ", ch.Text), "emptied the preheader")
	case SetText:
		return cmp.Or(with("wrote ", ch.Text), "emptied a text")
	case SetTitle:
		return cmp.Or(with("called a section ", ch.Text), "took the title off "+before.name(ch.Block))
	case SetTopic:
		if ch.Topic == "" {
			return "gave " + before.name(ch.Block) + " to every reader"
		}
		return "gave " + before.name(ch.Block) + " to readers of the topic " + ch.Topic + " only"
	case SetLead:
		if !ch.On {
			return "took " + story() + " down from the top"
		}
		return "made " + story() + " the first story"
	case SetAppeal:
		return "took the appeal " + ch.Appeal
	case SetSponsor:
		return "wrote the sponsor" + and(ch.Sponsor.Name)
	case SetImage:
		return "changed an image" + and(ch.Image.Caption)
	case AddBlock:
		kind := map[string]string{render.KindText: "a text", render.KindSection: "a section", render.KindImage: "an image", render.KindSponsor: "a sponsor",
			render.KindAppeal: "an appeal", render.KindDivider: "a divider"}[ch.Kind]
		if ch.Kind == render.KindSection {
			kind += and(ch.Text)
		}
		return "added " + kind
	case AddStory:
		return "added " + story() + after.into(ch.Into)
	case MoveBlock:
		return "moved " + before.name(ch.Block)
	case MoveStory:
		return "moved " + story() + after.into(ch.Into)
	case EditStory:
		return "rewrote " + listed(ch.Story.fields()) + " of " + story()
	case ResetStory:
		if len(ch.Fields) == 0 {
			return "took back what was rewritten of " + story()
		}
		return "took the original of " + listed(ch.Fields) + " of " + story()
	case Remove:
		if ch.Article != 0 {
			return "removed " + story()
		}
		return "removed " + before.name(ch.Block)
	}
	if ch.Undo {
		return "took back the last change"
	}
	return "went back to an earlier version"
}

// name says which block it is, for people.
func (c *content) name(id string) string {
	i := c.block(id)
	if i < 0 {
		return "a part"
	}
	switch b := c.Blocks[i]; b.Kind {
	case render.KindSection:
		return "the section" + and(b.Title)
	case render.KindStory:
		if len(b.Stories) > 0 {
			return quoted(b.Stories[0].Title)
		}
		return "a story"
	case render.KindText:
		return "the text" + and(b.Text)
	case render.KindSponsor:
		if b.Sponsor != nil {
			return "the sponsor" + and(b.Sponsor.Name)
		}
		return "the sponsor"
	default:
		return "the " + b.Kind
	}
}

func (c *content) into(section string) string {
	if i := c.block(section); i >= 0 && c.Blocks[i].Title != "" {
		return " to " + quoted(c.Blocks[i].Title)
	}
	return ""
}

func listed(fields []string) string {
	var words []string
	for _, f := range fields {
		words = append(words, fieldWords[f])
	}
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

func quoted(s string) string {
	return fmt.Sprintf("“%s”", clip(strings.Join(strings.Fields(s), " "), 60))
}

func with(words, s string) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return words + quoted(s)
}

func and(s string) string { return with(" ", s) }
