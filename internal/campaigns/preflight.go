package campaigns

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/message"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// Levels of a problem.
const (
	Refused = "refused" // cannot go out
	Warned  = "warned"  // goes out only when a person forces it
	Noted   = "noted"   // worth a look
)

// Problem is one thing that Preflight found.
type Problem struct {
	Level   string `json:"level"`
	Code    string `json:"code"` // short and fixed, for programs
	Message string `json:"message"`
}

// prepared is a campaign with all that was found out about it.
type prepared struct {
	list     subscribers.List
	content  content
	hash     []byte
	groups   grouping
	aimed    aimed
	printed  printed
	problems []Problem
}

func (p *prepared) add(level, code, format string, args ...any) {
	p.problems = append(p.problems, Problem{level, code, fmt.Sprintf(format, args...)})
}

// refusal returns an Invalid error with everything that stands in the way, or nil.
func (p *prepared) refusal(force bool) error {
	var in []string
	for _, pr := range p.problems {
		if pr.Level == Refused || pr.Level == Warned && !force {
			in = append(in, pr.Message)
		}
	}
	if len(in) == 0 {
		return nil
	}
	return errs.New(errs.Invalid, "%s", strings.Join(in, "; "))
}

// Preflight looks at a campaign as it would be sent now and returns everything that stands in the way or is worth a look.
// Errors: NotFound.
func (s *Service) Preflight(ctx context.Context, id int64) ([]Problem, error) {
	c, err := load(ctx, s.DB, id)
	if err != nil {
		return nil, err
	}
	p, err := s.prepare(ctx, c)
	if err == nil {
		_, err = s.countAudience(ctx, c, &p)
	}
	if p.problems == nil {
		p.problems = []Problem{}
	}
	return p.problems, err
}

// prepare reads, hashes, renders and checks a campaign.
func (s *Service) prepare(ctx context.Context, c Campaign) (p prepared, err error) {
	if p.list, err = s.Lists.List(ctx, c.ListID); err != nil {
		return p, err
	}
	p.content = content{Subject: c.Subject, Preheader: c.Preheader}
	if p.content.Blocks, err = loadBlocks(ctx, s.DB, c.ID); err != nil {
		return p, err
	}
	if p.hash, err = hashOf(c.Template, p.content, p.list); err != nil {
		return p, err
	}
	p.checkList()
	if err := s.checkAudience(ctx, c, &p); err != nil {
		return p, err
	}
	s.checkDKIM(&p)
	p.checkContent(c)
	if err := s.checkAppeal(ctx, &p); err != nil {
		return p, err
	}
	if err := s.checkRepeats(ctx, c, &p); err != nil {
		return p, err
	}
	if p.groups, err = s.group(ctx, s.DB, c, p.content); err != nil {
		return p, err
	}
	p.checkTopics()
	// Forced here: a size is for people to judge, below.
	p.printed, err = s.print(c, p.content, p.groups, p.list, s.Now(), forSend, true)
	if k := errs.KindOf(err); k == errs.Invalid || k == errs.Config {
		p.add(Refused, "message", "%s", errs.Public(err))
		return p, nil
	} else if err != nil {
		return p, err
	}
	s.checkPrint(&p)
	return p, nil
}

// checkList refuses a list that does not say who sends (MSG-34: CASL section 6(2), CAN-SPAM 7704(a)(5)).
func (p *prepared) checkList() {
	if missing := p.list.Missing(); len(missing) > 0 {
		p.add(Refused, "list", "the list %s lacks %s; every mail must say who sends it", p.list.Slug, strings.Join(missing, ", "))
	}
	if p.list.ArchivedAt != nil {
		p.add(Refused, "list", "the list %s is archived", p.list.Slug)
	}
}

// checkDKIM notes who has to sign the mail, where it is not we: the relay must then, aligned with the sender (RFC 9989).
func (s *Service) checkDKIM(p *prepared) {
	_, domain, _ := strings.Cut(p.list.FromAddress, "@")
	if !s.Development && len(s.DKIM.For(domain)) == 0 {
		p.add(Noted, "dkim", "mail from %s is not signed here (DKIM): the relay must sign it, or make a key with: mailer dkim new %s", domain, domain)
	}
}

// toCome are the letters editors write where something is still to come. Two capitals: no word of any language we know.
var toCome = regexp.MustCompile(`\bTK(TK)*\b`)

func (p *prepared) checkContent(c Campaign) {
	ct := p.content
	if strings.TrimSpace(ct.Subject) == "" {
		p.add(Refused, "subject", "the subject is empty")
	}
	for _, name := range placeholders {
		if strings.Contains(ct.Subject, "{"+name+"}") {
			p.add(Warned, "placeholder", "the subject still says {%s}", name)
		}
	}
	stories := storiesOf(ct.Blocks)
	switch {
	case len(stories) == 0:
		p.add(Refused, "stories", "there is no story")
	case len(stories) < c.MinStories:
		p.add(Warned, "stories", "stories: %d; the recipe wants at least %d", len(stories), c.MinStories)
	}
	p.checkWords()
	seen := map[string]bool{}
	for _, s := range stories {
		key := fmt.Sprint(s.ArticleID, s.URL)
		if seen[key] {
			p.add(Warned, "twice", "“%s” stands in it twice", clip(s.Title, 60))
		}
		seen[key] = true
		switch {
		case s.URL == "" && c.Template == render.TemplateDigest:
			p.add(Warned, "link", "“%s” has no address to read it at", clip(s.Title, 60))
		case s.URL != "" && !strings.HasPrefix(s.URL, "https://") && !strings.HasPrefix(s.URL, "http://localhost"):
			p.add(Warned, "link", "“%s” is at %s, which is not an https address", clip(s.Title, 60), clip(s.URL, 80))
		}
		if s.Image != nil && s.Image.URL != "" && s.Image.Alt == "" && s.Image.Caption == "" {
			p.add(Noted, "alt", "the photo of “%s” has neither description nor caption", clip(s.Title, 60))
		}
	}
	switch n := utf8.RuneCountInString(ct.Preheader); {
	case n < minPreheader || n > maxPreheader:
		p.add(Noted, "preheader", "the preheader has %d characters; %d to %d show best beside the subject", n, minPreheader, maxPreheader)
	case len(stories) > 0 && strings.HasPrefix(ct.Preheader, stories[0].Title):
		p.add(Noted, "preheader", "the preheader repeats the first headline")
	}
}

// checkWords looks for what is still to come.
func (p *prepared) checkWords() {
	texts := map[string]string{"the subject": p.content.Subject, "the preheader": p.content.Preheader}
	for _, b := range p.content.Blocks {
		texts["a text"] += "\n" + b.Text + "\n" + b.Title
		for _, s := range b.Stories {
			texts["a story"] += "\n" + s.Title + "\n" + s.Dek + "\n" + s.BodyHTML
			if s.Image != nil {
				texts["a photo"] += "\n" + s.Image.Caption + "\n" + s.Image.Credit + "\n" + s.Image.Alt
			}
		}
		if b.Appeal != nil {
			texts["the appeal"] += "\n" + b.Appeal.Heading + "\n" + b.Appeal.Body + "\n" + b.Appeal.Button
		}
	}
	for _, where := range [...]string{"the subject", "the preheader", "a text", "a story", "a photo", "the appeal"} {
		if toCome.MatchString(texts[where]) {
			p.add(Warned, "tk", "%s still says TK", where)
		}
	}
}

// checkAppeal wants each appeal to be a wording that is on record, since its button is signed with the wording's number.
func (s *Service) checkAppeal(ctx context.Context, p *prepared) error {
	for _, b := range p.content.Blocks {
		if b.Appeal == nil {
			continue
		}
		v, err := s.Appeals.Variant(ctx, b.Appeal.VariantID)
		if errs.KindOf(err) == errs.NotFound {
			p.add(Refused, "appeal", "its appeal is not one of those on record; take it out or choose another")
			continue
		} else if err != nil {
			return err
		}
		if !s.Development && !strings.HasPrefix(v.URL, "https://") {
			p.add(Refused, "appeal", "the appeal leads to %s, which is not an https address", v.URL)
		}
		now, err := s.Appeals.Get(ctx, v.Slug)
		if err != nil {
			return err
		}
		if now.RetiredAt != nil {
			p.add(Noted, "appeal", "the appeal %s has been retired", v.Slug)
		}
	}
	return nil
}

// checkRepeats notes stories that the list has had already.
func (s *Service) checkRepeats(ctx context.Context, c Campaign, p *prepared) error {
	var rows []carried
	err := s.DB.SelectContext(ctx, &rows, `SELECT mine.article_id, c.id AS campaign_id FROM campaign_stories mine
			JOIN campaign_stories theirs ON theirs.article_id = mine.article_id AND theirs.campaign_id <> mine.campaign_id
			JOIN campaigns c ON c.id = theirs.campaign_id
		WHERE mine.campaign_id = $1 AND c.list_id = $2 AND c.state = 'launched' AND `+fmt.Sprintf(sameReaders, "$3")+`
		ORDER BY c.id DESC`, c.ID, c.ListID, c.Frequency)
	if err != nil {
		return db.Err(err, "look for stories already mailed")
	}
	if rows, err = s.reallyMailed(ctx, s.DB, rows); err != nil {
		return err
	}
	for _, st := range storiesOf(p.content.Blocks) {
		if i := slices.IndexFunc(rows, func(r carried) bool { return r.Article == st.ArticleID }); i >= 0 {
			p.add(Noted, "repeat", "“%s” has gone out to this list with campaign %d already", clip(st.Title, 60), rows[i].Campaign)
		}
	}
	return nil
}

// checkPrint looks at the finished HTML: its size (MSG-24), and the rules of HTML in mail, for readers and supporters.
func (s *Service) checkPrint(p *prepared) {
	compiled, all := p.printed.compiled, p.groups.all()
	switch size := compiled.HTMLSize(all | everyoneGroups); {
	case size > message.HTMLLimit:
		p.add(Warned, "size", "the mail is %d kB of HTML, and Gmail cuts it off at about 100; leave stories out", size/1000)
	case size > message.HTMLWarning:
		p.add(Warned, "size", "the mail is %d kB of HTML, near the 100 at which Gmail cuts it off; leave stories out", size/1000)
	}
	if size := compiled.Size(all | everyoneGroups); size > message.SizeLimit {
		p.add(Warned, "size", "the whole mail is %d kB, more than %d", size/1000, message.SizeLimit/1000)
	}
	seen, hosts := map[render.Problem]bool{}, s.hosts(p)
	var elsewhere []render.Problem
	for _, groups := range [...]uint64{all | everyoneGroups, all | supporterGroups, everyoneGroups} {
		if !p.groups.reaches(groups) {
			continue
		}
		for _, f := range render.CheckHTML(p.printed.marks.Strip(p.printed.out.HTML, groups), hosts...) {
			if seen[f] || f.Rule == "localhost" && s.Development {
				continue
			}
			seen[f] = true
			if f.Rule == "host" {
				elsewhere = append(elsewhere, f)
				continue
			}
			p.add(Warned, "html", "%s: %s", f.Rule, f.Detail)
		}
	}
	p.noteElsewhere(elsewhere)
}
