package render

import (
	"html"
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"

	"mailer/internal/errs"
)

// thumbWidth is how wide the photo beside a story's text is, in CSS pixels; shownThumb and shownPhoto are the smallest that
// are worth showing at these places.
const (
	thumbWidth = 176
	thumbTall  = 176
	shownThumb = 80
	shownPhoto = 240
)

// story makes the view of a story; whole says that its body comes with it.
func (p *Page) story(s Story, whole bool) *StoryView {
	dek := maxDek
	if whole {
		dek = maxLongDek
	}
	v := &StoryView{
		Page: p, Title: plainLine(s.Title, maxTitle), Dek: plainLine(s.Dek, dek), URL: cleanURL(s.URL, nil),
		Section: plainLine(s.Section, maxSection), Date: p.day(s.Published),
	}
	if v.Title == "" {
		v.Title = p.words.T("mail.untitled")
	}
	v.Host = hostOf(v.URL)
	v.TitleDir, v.DekDir = direction(v.Title, p.Dir), direction(v.Dek, p.Dir)
	v.TitleAlign, v.DekAlign = p.align(v.TitleDir), p.align(v.DekDir)
	if tag := s.Language; languageTag.MatchString(tag) && primary(tag) != primary(p.Lang) {
		v.TitleLang = tag
	}
	if n := s.ReadingMinutes(); n > 0 {
		v.Minutes = strings.ReplaceAll(p.words.Plural("story.minutes", n), " ", "\u00a0")
	}
	v.authors(s.Authors)
	v.WhenPlain = strings.ReplaceAll(joinPlain(v.Date, v.Minutes), "\u00a0", " ")
	v.FactsPlain = joinPlain(v.ByPlain, v.WhenPlain)
	v.When = escaped(joinPlain(v.Date, v.Minutes))
	v.Facts = v.When
	if v.By != "" {
		v.Facts = v.By
		if v.When != "" {
			v.Facts += " · " + v.When
		}
	}
	v.photos(s.Image)
	if whole {
		d := foreignDocument(s.BodyHTML, nil)
		v.Body, v.BodyPlain = p.set.rows(d), d.plain()
		if d.beginsWith(v.Dek) {
			v.Dek = ""
		}
	}
	return v
}

// align returns the CSS of a text whose script runs in direction dir, where that is not the mail's.
func (p *Page) align(dir string) template.CSS {
	switch {
	case dir == p.Dir:
		return ""
	case dir == "rtl":
		return "text-align:right;"
	}
	return "text-align:left;"
}

func escaped(s string) template.HTML {
	return template.HTML(html.EscapeString(s)) // #nosec G203 -- escaped
}

// authors sets the byline: names with commas and "and" between them, six at most, the rest counted.
func (v *StoryView) authors(authors []Author) {
	var plain, marked []string
	for _, a := range authors {
		name := plainLine(a.Name, maxName)
		if name == "" {
			continue
		}
		if len(v.Authors) < maxAuthors {
			plain, marked = append(plain, name), append(marked, v.bidi(name))
		}
		v.Authors = append(v.Authors, AuthorView{
			Name: name, Dir: direction(name, v.Dir), Bio: plainLine(a.Bio, maxBio), Initials: initials(name),
			Role: joinComma(plainLine(a.Title, maxRole), plainLine(a.Institution, maxRole)),
		})
	}
	v.Many = len(v.Authors) > 1
	for _, a := range v.Authors[:min(len(v.Authors), maxAuthors)] {
		if a.Role != "" && len(v.Authors) <= 2 {
			role := a.Role
			if v.Many {
				role = v.words.T("letter.colon", a.Name, role)
			}
			v.RolesPlain = append(v.RolesPlain, role)
			v.Roles = append(v.Roles, template.HTML(v.bidi(role))) // #nosec G203 -- escaped by bidi
		}
		if a.Role == "" && a.Bio == "" {
			continue
		}
		if a.Line = joinComma(a.Name, a.Role); len(v.Authors) <= 2 {
			a.Line = a.Name
		}
		if a.Bio != "" {
			a.Line = v.words.T("letter.colon", a.Line, a.Bio)
		} else if len(v.Authors) <= 2 {
			a.Line = ""
		}
		v.Cards = append(v.Cards, a)
	}
	if len(plain) == 0 {
		return
	}
	if more := len(v.Authors) - len(plain); more > 0 {
		others := v.words.Plural("story.others", more)
		plain, marked = append(plain, others), append(marked, html.EscapeString(others))
	}
	and := v.words.T("story.and")
	v.ByPlain = v.words.T("story.by", enumerate(plain, and))
	v.By = template.HTML(strings.Replace(html.EscapeString(v.words.T("story.by", "\x00")), "\x00", enumerate(marked, and), 1)) // #nosec G203 -- its parts are escaped
}

// enumerate returns a, b and c.
func enumerate(names []string, and string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " " + and + " " + names[last]
}

func joinComma(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}

// initials returns the first letters of the first and the last word of a name.
func initials(name string) string {
	letters := ""
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && r != '’' && !unicode.Is(unicode.M, r) })
	for i, w := range words {
		if r, _ := utf8.DecodeRuneInString(w); unicode.IsLetter(r) && (i == 0 || i == len(words)-1) {
			letters += string(unicode.ToUpper(r))
		}
	}
	return letters
}

// photos sets the photo at both sizes, where it is large enough to be worth it.
func (v *StoryView) photos(img *Image) {
	clean, ok := cleanImage(img)
	if !ok {
		return
	}
	known := clean.Width > 0 && clean.Height > 0
	if !known || clean.Width >= shownPhoto {
		v.Photo = v.photo(clean, column, tallest)
	}
	if !known || clean.Width >= shownThumb {
		clean.Alt = "" // it goes with the headline and says nothing that the text beside it does not
		v.Thumb = v.photo(clean, thumbWidth, thumbTall)
	}
}

// picture makes the view of an image that stands by itself, or of a sponsor, no wider than width; nil where there is none to show.
func (p *Page) picture(img *Image, width int) *PhotoView {
	clean, ok := cleanImage(img)
	if !ok {
		return nil
	}
	return p.photo(clean, width, tallest)
}

// cleanImage returns an image with its words on one line each, and whether it is one to show.
func cleanImage(img *Image) (Image, bool) {
	if img == nil {
		return Image{}, false
	}
	clean := Image{URL: imageURL(img.URL, nil), Width: img.Width, Height: img.Height, Alt: plainLine(img.Alt, maxAlt),
		Caption: plainLine(img.Caption, maxCaption), Credit: plainLine(img.Credit, maxCredit)}
	return clean, clean.URL != "" && !tracks(clean)
}

// photo makes the view of a clean image, no larger than width and height.
func (p *Page) photo(clean Image, width, height int) *PhotoView {
	ph := fit(clean, width, height)
	ph.Caption, ph.Credit = clean.Caption, clean.Credit
	var plain, line []string
	var by template.HTML
	if clean.Caption != "" {
		plain, line = append(plain, clean.Caption), append(line, p.bidi(clean.Caption))
	}
	if clean.Credit != "" {
		photo := p.words.T("story.photo", clean.Credit)
		plain, line = append(plain, photo), append(line, p.bidi(photo))
		by = template.HTML(p.bidi(photo)) // #nosec G203 -- escaped by bidi
	}
	return &PhotoView{
		Photo: ph, HTML: p.set.image(ph), By: by, LinePlain: strings.Join(plain, " "),
		Line: template.HTML(strings.Join(line, " ")), // #nosec G203 -- escaped by bidi
	}
}

// appeal makes the view of an appeal.
func (p *Page) appeal(a Appeal) (*AppealView, error) {
	v := &AppealView{Heading: plainLine(a.Heading, maxTitle), URL: a.URL, Button: p.button(plainLine(a.Button, maxName), a.URL)}
	v.HeadingDir = direction(v.Heading, p.Dir)
	if code, reason := urlFault(a.URL); code != "" && code != "localhost" {
		return nil, errs.Field("appeal", "the address of the button (%s) %s", a.URL, reason)
	}
	if hole := findHole(a.Heading + " " + a.Button); hole != "" {
		return nil, errs.Field("appeal", "there is no placeholder %s in a heading or on a button", hole)
	}
	d, err := fromMarkdown(a.Body, p.name)
	if err != nil {
		return nil, err
	}
	v.Body, v.Plain = p.set.rows(d), d.plain()
	return v, nil
}
