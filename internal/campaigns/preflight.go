package campaigns

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"mailer/internal/errs"
	"mailer/internal/message"
	"mailer/internal/render"
	"mailer/internal/subscribers"
)

// Levels of a problem.
const (
	Refused   = "refused" // cannot go out
	Confirmed = "confirm" // goes out only when a person types the number of readers
	Warned    = "warned"  // goes out only when a person forces it
	Noted     = "noted"   // worth a look
)

// Problem is one thing that Preflight found.
type Problem struct {
	Level   string `json:"level"`
	Code    string `json:"code"` // short and fixed, for programs
	Message string `json:"message"`
	Advice  string `json:"advice,omitempty"` // what to do about it
	Where   *Place `json:"where,omitempty"`  // nil: nowhere in particular
}

// Place says where in a campaign something was found.
type Place struct {
	Part  string `json:"part,omitempty"`  // subject, preheader, list or audience; empty: the content
	Block int    `json:"block,omitempty"` // counted from 1
	ID    string `json:"id,omitempty"`    // of that block
	Story int64  `json:"story,omitempty"` // number of the article
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

	usual, readers int64 // of the sends before it, and of this one; 0: not known
}

func (p *prepared) add(level, code, format string, args ...any) {
	p.find(Problem{Level: level, Code: code, Message: fmt.Sprintf(format, args...)})
}

// at is add for something in one place.
func (p *prepared) at(where Place, level, code, format string, args ...any) {
	p.find(Problem{Level: level, Code: code, Message: fmt.Sprintf(format, args...), Where: &where})
}

func (p *prepared) find(found Problem) {
	if found.Advice == "" {
		found.Advice = adviceOn[found.Code]
		if found.Code == "stories" && found.Level == Refused {
			found.Advice = "Add a story: without any, nothing goes out."
		}
	}
	if found.Where == nil {
		found.Where = placeOf(found.Code)
	}
	p.problems = append(p.problems, found)
}

// refusal returns an Invalid error with everything that stands in the way of what a person wants, or nil. Its field is readers
// where nothing but the number of readers is missing.
func (p *prepared) refusal(a Assent) error {
	var in []string
	others := false
	for _, pr := range p.problems {
		switch {
		case pr.Level == Confirmed && !confirms(a.Readers, p.readers):
			in = append(in, pr.Message+". "+pr.Advice)
		case pr.Level == Refused || pr.Level == Warned && !a.Force:
			in, others = append(in, pr.Message), true
		}
	}
	switch {
	case len(in) == 0:
		return nil
	case !others:
		return errs.Field("readers", "%s", in[0])
	}
	return errs.New(errs.Invalid, "%s", strings.Join(in, "; "))
}

// confirmed returns how many readers a person confirmed by typing the number; nil where nothing asked for that.
func (p *prepared) confirmed() *int64 {
	if slices.ContainsFunc(p.problems, func(pr Problem) bool { return pr.Level == Confirmed }) {
		return &p.readers
	}
	return nil
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
		err = s.Reviews.judge(ctx, c, &p)
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
	return p, s.checkPrinted(c, &p)
}

// checkPrinted renders what is prepared, and checks what comes of it. A size is for people to judge, so it does not keep it from being rendered.
func (s *Service) checkPrinted(c Campaign, p *prepared) (err error) {
	p.printed, err = s.print(c, p.content, p.groups, p.list, s.Now(), forSend, true)
	if k := errs.KindOf(err); k == errs.Invalid || k == errs.Config {
		p.add(Refused, "message", "%s", errs.Public(err))
		return nil
	} else if err != nil {
		return err
	}
	s.checkPrint(p)
	return nil
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
	p.checkWords(c)
	seen := map[string]bool{}
	for at, s := range p.placed() {
		key := fmt.Sprint(s.ArticleID, s.URL)
		if seen[key] {
			p.at(at, Warned, "twice", "“%s” stands in it twice", clip(s.Title, 60))
		}
		seen[key] = true
		switch {
		case s.URL == "" && c.Template == render.TemplateDigest:
			p.at(at, Warned, "link", "“%s” has no address to read it at", clip(s.Title, 60))
		case s.URL != "" && !strings.HasPrefix(s.URL, "https://") && !strings.HasPrefix(s.URL, "http://localhost"):
			p.at(at, Warned, "link", "“%s” is at %s, which is not an https address", clip(s.Title, 60), clip(s.URL, 80))
		}
		p.checkPhoto(at, "the photo of “"+clip(s.Title, 60)+"”", s.Image)
	}
	switch n := utf8.RuneCountInString(ct.Preheader); {
	case n == 0:
		p.add(Noted, "preheader", "the preheader is made of the stories, since none was written")
	case n < minPreheader || n > maxPreheader:
		p.add(Noted, "preheader", "the preheader has %d characters; %d to %d show best beside the subject", n, minPreheader, maxPreheader)
	case len(stories) > 0 && strings.HasPrefix(ct.Preheader, stories[0].Title):
		p.add(Noted, "preheader", "the preheader repeats the first headline")
	}
}

// placed walks the stories of a campaign with the place of each.
func (p *prepared) placed() iter.Seq2[Place, render.Story] {
	return func(yield func(Place, render.Story) bool) {
		for i, b := range p.content.Blocks {
			for _, s := range b.Stories {
				if !yield(Place{Block: i + 1, ID: b.ID, Story: s.ArticleID}, s) {
					return
				}
			}
		}
	}
}

// checkAppeal wants each appeal to be a wording that is on record, since its button is signed with the wording's number.
func (s *Service) checkAppeal(ctx context.Context, p *prepared) error {
	for i, b := range p.content.Blocks {
		if b.Appeal == nil {
			continue
		}
		at := Place{Block: i + 1, ID: b.ID}
		v, err := s.Appeals.Variant(ctx, b.Appeal.VariantID)
		if errs.KindOf(err) == errs.NotFound {
			p.at(at, Refused, "appeal", "its appeal is not one of those on record; take it out or choose another")
			continue
		} else if err != nil {
			return err
		}
		if !s.Development && !strings.HasPrefix(v.URL, "https://") {
			p.at(at, Refused, "appeal", "the appeal leads to %s, which is not an https address", v.URL)
		}
		now, err := s.Appeals.Get(ctx, v.Slug)
		if err != nil {
			return err
		}
		if now.RetiredAt != nil {
			p.at(at, Noted, "appeal", "the appeal %s has been retired", v.Slug)
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
