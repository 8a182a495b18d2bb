// Package render turns a campaign's content into marked HTML and text by the templates of templates/email, and holds
// what is known about HTML that is safe in mail: how foreign HTML is cleaned, and how a finished mail is checked.
package render

import (
	"bytes"
	"cmp"
	"html/template"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"mailer/internal/errs"
	"mailer/internal/message"
)

// proofToken stands where a reader's leave token would in a proof: no token reads like it, so its link does nothing.
const proofToken = "proof"

// Render executes the template that c names. Every value of a reader is a mark of m, and appeals stand in the optional
// group c.AppealGroup, topics and stories in those of c.Groups, in HTML and text alike. Errors are of kind Invalid and say what of the content is wrong, or of kind
// Config where a template of the operator's fails.
func (t *Templates) Render(c Content, m *message.Marks) (Output, error) {
	if c.Template != TemplateDigest && c.Template != TemplateStory {
		return Output{}, errs.Field("template", "%q is no template; there are %s and %s", c.Template, TemplateDigest, TemplateStory)
	}
	if err := CheckSubject("subject", c.Subject+" "+c.Preheader); err != nil {
		return Output{}, err
	}
	mail, err := campaignPage(c, m)
	if err != nil {
		return Output{}, err
	}
	out, err := t.both(c.Template, mail)
	if err != nil {
		return Output{}, err
	}
	web, err := campaignPage(c, nil)
	if err != nil {
		return Output{}, err
	}
	out.Web, err = t.execute(c.Template+".html", web)
	return out, err
}

// Letter renders a single mail. Output.Web is the same: nothing of a letter is on the web.
func (t *Templates) Letter(c Letter) (Output, error) {
	for field, url := range map[string]string{"url": c.URL, "leave_url": c.LeaveURL} {
		if code, reason := urlFault(url); url != "" && code != "" && code != "localhost" {
			return Output{}, errs.Field(field, "%s", reason)
		}
	}
	if err := CheckSubject("subject", c.Subject+" "+c.Preheader); err != nil {
		return Output{}, err
	}
	p, err := letterPage(c)
	if err != nil {
		return Output{}, err
	}
	return t.both(TemplateLetter, p)
}

// both executes a template's HTML and text.
func (t *Templates) both(name string, p *Page) (out Output, err error) {
	if out.HTML, err = t.execute(name+".html", p); err != nil {
		return out, err
	}
	out.Text, err = t.execute(name+".txt", p)
	return out, err
}

// execute runs one template.
func (t *Templates) execute(name string, p *Page) (string, error) {
	var b bytes.Buffer
	if strings.HasSuffix(name, ".txt") {
		if err := t.text.ExecuteTemplate(&b, name, p); err != nil {
			return "", t.fault(name, err)
		}
		return p.tidyText(b.String()), nil
	}
	if err := t.html[p.set.face.Name].ExecuteTemplate(&b, name, p); err != nil {
		return "", t.fault(name, err)
	}
	return tidyHTML(b.String()), nil
}

// campaignPage makes the page of a campaign. marks is nil for the version that browsers show, which has nothing personal.
func campaignPage(c Content, marks *message.Marks) (*Page, error) {
	p, err := newPage(c.List, c.Subject, c.Date, marks)
	if err != nil {
		return nil, err
	}
	p.Template = c.Template
	if p.Subject == "" {
		p.Subject = p.Name
	}
	if marks != nil {
		p.ViewURL, p.CanaryURL, p.Proof = c.ViewURL, c.CanaryURL, c.Proof
		p.LeaveURL = c.LeaveBase + marks.Slot(message.SlotLeave, proofToken)
		if c.PreferencesBase != "" {
			p.PreferencesURL = c.PreferencesBase + marks.Slot(message.SlotPreferences, proofToken)
		}
		if c.Proof {
			p.ReviewURL = c.ReviewURL
			p.LeaveURL = c.LeaveBase + proofToken
			if c.PreferencesBase != "" {
				p.PreferencesURL = c.PreferencesBase + proofToken
			}
		}
	}
	var above heads
	for i := range c.Blocks {
		v, err := p.block(i, c, &above)
		if err != nil {
			return nil, err
		}
		if v.First = i == 0; v.Kind != "" {
			p.Blocks = append(p.Blocks, v)
		}
	}
	p.Preheader = p.preheader(c)
	p.Pad = padding
	return p, nil
}

// heads is what stands above a block: a heading that whoever gets the block gets as well.
type heads struct {
	is    bool
	topic string // that the heading belongs to
}

// block makes the view of the i-th block. One with nothing to show has no kind.
func (p *Page) block(i int, c Content, above *heads) (*BlockView, error) {
	b := c.Blocks[i]
	v := &BlockView{Page: p, Kind: b.Kind, Lead: b.Lead, Title: plainLine(b.Title, maxSection)}
	if above.topic != "" && above.topic != b.Topic && b.Kind != KindAppeal {
		*above = heads{}
	}
	v.TitleDir = direction(v.Title, p.Dir)
	whole := c.Template == TemplateStory && b.Kind == KindStory
	switch b.Kind {
	case KindText:
		d, err := fromMarkdown(b.Text, p.name)
		if err != nil {
			return nil, err
		}
		headed := slices.ContainsFunc(p.Blocks, func(b *BlockView) bool { return b.Kind == KindStory })
		if c.Template == TemplateStory && !headed {
			d.unhead() // the headline, which is the h1, is still to come
		}
		v.Text, v.Plain = p.set.rows(d), d.plain()
		if d.has(heading) {
			*above = heads{true, b.Topic}
		}
		if len(d) == 0 {
			v.Kind = ""
		}
	case KindSection, KindStory:
		if v.Title != "" {
			*above = heads{true, b.Topic}
			v.HeadOpen, v.HeadClose = p.group(c.Groups.Headings[i])
		}
		above.is = above.is && !b.Lead
		for j, s := range b.Stories {
			sv := p.story(s, whole)
			sv.Open, sv.Close = p.group(c.Groups.Stories[s.ArticleID])
			if p.marks == nil {
				sv.Close = template.HTML(EndOfStory(s.ArticleID)) // #nosec G203 -- a number
			}
			sv.optional = c.Groups.Stories[s.ArticleID] != 0
			sv.First, sv.Lead, sv.Level, sv.Labelled = j == 0, b.Lead && j == 0, 3, v.Title != ""
			if !above.is {
				sv.Level = 2
			}
			if c.stories() > manyStories && !sv.Lead {
				sv.Thumb = nil
			}
			v.Stories = append(v.Stories, sv)
		}
		if len(v.Stories) == 0 {
			v.Kind = ""
		}
	case KindAppeal:
		if b.Appeal == nil {
			return nil, errs.Field("blocks", "an appeal block has no appeal")
		}
		var err error
		if v.Appeal, err = p.appeal(*b.Appeal); err != nil {
			return nil, err
		}
		v.Open, v.Close = p.group(cmp.Or(c.AppealGroup, DefaultAppealGroup))
		return v, nil
	case KindDivider:
	case KindImage:
		if v.Photo = p.picture(b.Image, column); v.Photo == nil {
			v.Kind = ""
		}
		v.URL = cleanURL(b.URL, nil)
	case KindSponsor:
		var err error
		if v.Sponsor, err = p.sponsor(b.Sponsor, c.Date); err != nil {
			return nil, err
		}
		if v.Sponsor == nil {
			v.Kind = ""
		}
	default:
		return nil, errs.Field("blocks", "there is no kind of block %q", b.Kind)
	}
	if b.Topic != "" {
		v.optional = c.Groups.Topics[b.Topic] != 0
		v.Open, v.Close = p.group(c.Groups.Topics[b.Topic])
	}
	return v, nil
}

// EndOfStory is what stands behind a story in the version for browsers, so that a note can be put there later.
func EndOfStory(article int64) string {
	if article == 0 {
		return ""
	}
	return "<!--end of story " + strconv.FormatInt(article, 10) + "-->"
}

// group returns the marks around an optional group; none for group 0, and none in the version for browsers.
func (p *Page) group(n int) (first, last template.HTML) {
	if n == 0 || p.marks == nil {
		return "", ""
	}
	from, to := p.marks.Open(n), p.marks.Close(n)
	if !slices.Contains(p.edges, from) {
		p.edges = append(p.edges, from, to)
	}
	return template.HTML(from), template.HTML(to) // #nosec G203 -- letters and digits
}

// manyStories is the number above which a digest shows no small photos: the HTML would grow towards the length at which
// Gmail clips it, and a list that long is read by its headlines.
const manyStories = 24

// stories counts the stories of all blocks.
func (c Content) stories() int {
	n := 0
	for _, b := range c.Blocks {
		n += len(b.Stories)
	}
	return n
}

// letterPage makes the page of a single mail.
func letterPage(c Letter) (*Page, error) {
	p, err := newPage(c.List, c.Subject, time.Time{}, nil)
	if err != nil {
		return nil, err
	}
	p.Template, p.Reason, p.Web = TemplateLetter, "", false
	p.Heading, p.LetterURL, p.Note, p.LeaveURL = wordedLine(c.Heading, maxTitle), c.URL, wordedLine(c.Note, maxParagraph), c.LeaveURL
	for _, text := range c.Paragraphs {
		p.Paragraphs = append(p.Paragraphs, wordedLine(text, maxParagraph))
	}
	if c.URL != "" {
		p.Button = p.button(c.Button, c.URL)
	}
	p.Preheader = pad(append([]string{c.Preheader, p.Note}, p.Paragraphs...)...)
	p.Pad = padding
	return p, nil
}

// padding follows the preheader: characters that take room and show nothing, so that the client's list of mails shows no
// more of the mail behind it.
var padding = template.HTML(strings.Repeat("&#847;&zwnj;&nbsp;", 45)) // #nosec G203 -- a constant

// preheader returns the line that clients show beside the subject: the editor's own, else what else there is to read; always
// of 40 to 110 characters where there is enough to say.
func (p *Page) preheader(c Content) string {
	parts := []string{plainLine(c.Preheader, longestLine)}
	var titles, deks []string
	for _, b := range p.Blocks {
		for _, s := range b.Stories {
			if b.optional || s.optional {
				continue // it names only what every reader finds
			}
			if !strings.Contains(c.Subject, s.Title) && !strings.HasPrefix(s.Title, c.Subject) {
				titles = append(titles, s.Title)
			}
			deks = append(deks, s.Dek)
		}
	}
	if c.Template == TemplateStory {
		titles, deks = deks, nil
	}
	return pad(slices.Concat(parts, titles, deks[:min(len(deks), 1)], []string{p.Name, p.Date, p.Reason})...)
}

// pad joins as many of the parts as it takes to reach a length that is worth showing.
func pad(parts ...string) string {
	line := ""
	for _, part := range parts {
		if part == "" || strings.Contains(line, part) {
			continue
		}
		if utf8.RuneCountInString(line) >= shortestLine {
			break
		}
		line = joinPlain(line, part)
	}
	return cut(line, longestLine)
}

var (
	leadingSpace = regexp.MustCompile(`(?m)^[ \t]+`)
	emptyLines   = regexp.MustCompile(`\n{2,}`)
)

// tidyHTML takes out the indentation and the empty lines that templates leave: no reader sees them, and every octet counts
// towards the length at which clients clip.
func tidyHTML(s string) string {
	return emptyLines.ReplaceAllString(leadingSpace.ReplaceAllString(s, ""), "\n")
}

var (
	trailingSpace = regexp.MustCompile(`(?m)[ \t]+$`)
	manyLines     = regexp.MustCompile(`\n{3,}`)
)

// tidyText takes out spaces at line ends and surplus empty lines. A mark on a line of its own joins the text that it belongs
// to, so that no empty line stays where a group is left out.
func (p *Page) tidyText(s string) string {
	s = trailingSpace.ReplaceAllString(strings.ReplaceAll(s, "\r\n", "\n"), "")
	s = joinMarks(s, p.edges)
	return strings.TrimSpace(manyLines.ReplaceAllString(s, "\n\n")) + "\n"
}

// joinMarks moves marks, those that follow each other together, to the start of the next line that says something, and leaves one empty
// line before them: what is in a group so has its empty line with it, and none is left over where the group is.
func joinMarks(s string, marks []string) string {
	if len(marks) == 0 {
		return s
	}
	quoted := make([]string, len(marks))
	for i, m := range marks {
		quoted[i] = regexp.QuoteMeta(m)
	}
	together := regexp.MustCompile(`\n*(?:(?:` + strings.Join(quoted, "|") + `)\n*)+`)
	s = together.ReplaceAllStringFunc(s, func(run string) string { return "\n\n" + strings.ReplaceAll(run, "\n", "") })
	return strings.TrimLeft(s, "\n")
}
