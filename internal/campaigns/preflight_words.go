package campaigns

import (
	"iter"
	"regexp"

	"mailer/internal/render"
)

// toCome are the letters editors write where something is still to come. Two capitals: no word of any language we know.
var toCome = regexp.MustCompile(`\bTK(TK)*\b`)

// passage is one text of a campaign that a reader reads.
type passage struct {
	at    Place
	name  string        // what it is, for people
	text  string        // lines
	story *render.Story // nil: the newsroom's own words
}

// passages walks all that a campaign says in words, one text after the other.
func (p *prepared) passages() iter.Seq[passage] {
	return func(yield func(passage) bool) {
		ct := p.content
		if !yield(passage{Place{Part: "subject"}, "the subject", ct.Subject, nil}) || !yield(passage{Place{Part: "preheader"}, "the preheader", ct.Preheader, nil}) {
			return
		}
		for i, b := range ct.Blocks {
			at := Place{Block: i + 1, ID: b.ID}
			texts := []passage{{at, "a text", b.Title + "\n" + b.Text, nil}}
			if b.Appeal != nil {
				texts = append(texts, passage{at, "the appeal", b.Appeal.Heading + "\n" + b.Appeal.Body + "\n" + b.Appeal.Button, nil})
			}
			if b.Image != nil {
				texts = append(texts, passage{at, "an image", wordsOf(b.Image), nil})
			}
			if b.Sponsor != nil {
				texts = append(texts, passage{at, "a sponsor", b.Sponsor.Heading + "\n" + b.Sponsor.Text, nil})
			}
			for _, s := range b.Stories {
				at.Story = s.ArticleID
				texts = append(texts, passage{at, "a story", s.Title + "\n" + s.Dek + "\n" + plainBody(s.BodyHTML), &s})
				if s.Image != nil {
					texts = append(texts, passage{at, "a photo", wordsOf(s.Image), &s})
				}
			}
			for _, t := range texts {
				if !yield(t) {
					return
				}
			}
		}
	}
}

func wordsOf(i *render.Image) string { return i.Caption + "\n" + i.Credit + "\n" + i.Alt }

var tags = regexp.MustCompile(`<[^<>]*>`)

// plainBody is the text of a story's body, near enough to look for words in it.
func plainBody(html string) string { return tags.ReplaceAllString(html, " ") }

// checkWords looks for what is still to come, and for days that disagree with their dates.
func (p *prepared) checkWords(c Campaign) {
	for t := range p.passages() {
		if toCome.MatchString(t.text) {
			p.at(t.at, Warned, "tk", "%s still says TK", t.name)
		}
		p.checkDates(c, t)
	}
}
