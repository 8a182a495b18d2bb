package render

import (
	"html"
	"html/template"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mailer/internal/errs"
	"mailer/internal/lang"
	"mailer/internal/message"
)

// Page is what every template is given. A template may use its fields and call T and Plural; all of it is plain text unless
// its type says HTML, and the templates escape it for where they put it.
type Page struct {
	Template           string // digest, story or letter
	Subject, Preheader string
	Pad                template.HTML // follows the preheader, so that a client shows nothing else behind it
	Lang, Dir          string        // BCP 47; ltr or rtl
	Start, End         string        // left and right in a script from left to right
	Opposite           string        // the other direction, for tables whose cells change places
	Light, Dark        Shades
	Name               string // of the list
	NameSize           string // font-size of the name in the masthead, by its length
	HomeURL            string
	Logo               *Photo
	LegalName          string
	Address            []string // lines of the postal address
	Contact            string
	ContactURL         string // where Contact is an address of the web
	Reason             string
	Date               string // of the edition, with its weekday
	ViewURL            string // empty in the version for browsers
	CanaryURL          string // of a link that people do not see; empty in the version for browsers
	LeaveURL           string // empty in the version for browsers and in most single mails
	PreferencesURL     string // likewise
	Proof, Web         bool
	ReviewURL          string // of a proof for who may approve it; else empty
	Blocks             []*BlockView
	Heading            string // this and the following are of single mails only
	Paragraphs         []string
	Button             *ButtonView // of LetterURL
	LetterURL          string
	Note               string

	words *lang.Words
	zone  *time.Location
	set   typesetter
	name  func(fallback string) string // what stands for a reader's name
	marks *message.Marks               // nil in the version for browsers
	edges []string                     // the marks of the groups that it has
}

// BlockView is a block of content as a template sees it.
type BlockView struct {
	*Page
	Kind        string
	First       bool   // nothing stands above it
	Title       string // of a section, with its direction
	TitleDir    string
	Text        []template.HTML // a text in Markdown, in pieces for rows of a table
	Plain       string          // the same for the text part
	Stories     []*StoryView
	Lead        bool
	Appeal      *AppealView
	Photo       *PhotoView // of an image
	URL         string     // that it leads to; may be empty
	Sponsor     *SponsorView
	Open, Close template.HTML // marks around what some readers do not get

	HeadOpen, HeadClose template.HTML // around the title alone

	optional bool // some readers do not get it
}

// StoryView is a story as a template sees it.
type StoryView struct {
	*Page
	Lead             bool
	First            bool // of its section
	Level            int  // of its headline: 2 or 3
	Title, Dek       string
	TitleDir, DekDir string
	Labelled         bool         // the label of its section stands right above
	TitleAlign       template.CSS // "text-align:right;" where the headline's script runs against the mail's, else empty
	DekAlign         template.CSS
	TitleLang        string // language of the story where it is not the mail's; else empty
	URL, Host        string
	Section          string
	Authors          []AuthorView
	Many             bool          // more than one author
	By               template.HTML // By A, B and C
	ByPlain          string
	Roles            []template.HTML // what the authors are and where, for one or two of them
	RolesPlain       []string
	Cards            []AuthorView // the authors of whom there is more to say than the name
	Date             string       // its spaces do not break
	Minutes          string       // 4 min read; empty where not worth saying
	Facts            template.HTML
	FactsPlain       string // byline, date and minutes on one line, points between them
	When             template.HTML
	WhenPlain        string     // date and minutes
	Photo            *PhotoView // as wide as the column
	Thumb            *PhotoView // small, beside the text
	Body             []template.HTML
	BodyPlain        string
	Open, Close      template.HTML // marks around a story that some readers do not get

	optional bool
}

// AuthorView is an author as a template sees it.
type AuthorView struct {
	Name, Dir, Role, Bio string
	Initials             string
	Line                 string // for the text part: what the byline has not said of the author; may be empty
}

// PhotoView is a photo with the words around it.
type PhotoView struct {
	Photo
	HTML      template.HTML // the img element
	Line      template.HTML // caption and credit
	By        template.HTML // credit alone, as it stands beside a small photo
	LinePlain string
}

// AppealView is an appeal as a template sees it.
type AppealView struct {
	Heading, HeadingDir string
	Body                []template.HTML
	Plain               string
	URL                 string
	Button              *ButtonView
}

// SponsorView is a sponsor's part as a template sees it. Its links are marked as paid for.
type SponsorView struct {
	*Page
	Label               string // what it is, and who pays: Sponsored by Harbour Bank
	Heading, HeadingDir string
	Body                []template.HTML
	Plain               string
	Photo               *PhotoView
	URL                 string // may be empty, and Link with it
	Link                string // the words of the link
}

// ButtonView is a button as a template sees it.
type ButtonView struct {
	*Page
	Label, URL string
	Width      int // in CSS pixels, for Word, which cannot find it out
}

func (p *Page) button(label, url string) *ButtonView {
	return &ButtonView{Page: p, Label: label, URL: url, Width: min(60+columnsOf(label)*9, column-80)}
}

// T returns a fixed text of the mail's language. An unknown key is an error of the template.
func (p *Page) T(key string, args ...any) (string, error) {
	if !p.words.Has(key) {
		return "", errs.New(errs.Config, "there is no text %q", key)
	}
	return p.words.T(key, args...), nil
}

// newPage makes what all mails have in common. marks is nil for the version that browsers show.
func newPage(l List, subject string, date time.Time, marks *message.Marks) (*Page, error) {
	zone, err := time.LoadLocation(l.TimeZone)
	if err != nil {
		return nil, errs.Field("time_zone", "%q is not a time zone; write it like Europe/Paris", l.TimeZone)
	}
	words := lang.For(l.Language)
	palette := PaletteOf(l.Accent, l.Paper)
	p := &Page{
		Subject: message.CleanHeader(subject), Lang: words.Tag(), Dir: words.Dir(),
		Light: palette.Light, Dark: palette.Dark,
		Name: plainLine(l.Name, maxName), HomeURL: cleanURL(l.HomeURL, nil),
		LegalName: plainLine(l.LegalName, maxRole), Contact: plainLine(l.Contact, maxRole),
		Reason: plainLine(l.Reason, maxBio), Web: marks == nil,
		words: words, zone: zone, marks: marks,
	}
	if languageTag.MatchString(l.Language) { // also one that we have no words of: the stories are in it
		p.Lang, p.Dir = l.Language, lang.DirOf(l.Language)
	}
	if !date.IsZero() {
		p.Date = capital(words.LongDate(date.In(zone)))
	}
	p.Start, p.End, p.Opposite = "left", "right", "rtl"
	if p.Dir == "rtl" {
		if !date.IsZero() {
			p.Date = capital(words.LongDate(date.In(zone)))
		}
		p.Start, p.End, p.Opposite = "right", "left", "ltr"
	}
	for line := range strings.Lines(l.PostalAddress) {
		if line = plainLine(line, maxRole); line != "" {
			p.Address = append(p.Address, line)
		}
	}
	if p.Reason == "" {
		p.Reason = words.T("mail.reason", p.Name)
	}
	if strings.HasPrefix(p.Contact, "https://") {
		p.ContactURL = cleanURL(p.Contact, nil)
	}
	if logo := imageURL(l.LogoURL, nil); logo != "" {
		fitted := fit(Image{URL: logo, Width: l.LogoWidth, Height: l.LogoHeight, Alt: p.Name}, 420, 120)
		p.Logo = &fitted
	}
	p.NameSize = nameSize(p.Name)
	p.set = typesetter{shades: p.Light, dir: p.Dir, column: column, face: FaceOf(l.Face)}
	p.name = func(fallback string) string {
		if fallback = message.CleanHeader(fallback); fallback == "" {
			fallback = words.T("mail.reader")
		}
		if marks == nil {
			return fallback
		}
		return marks.Slot(message.SlotName, fallback)
	}
	return p, nil
}

// languageTag is the part of BCP 47 that is in use.
var languageTag = regexp.MustCompile(`^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}$`)

// capital returns s as the beginning of a line.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func primary(tag string) string {
	tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
	return tag
}

// nameSize returns how large a list's name is set, so that it stands on one line of 600 pixels where it can.
func nameSize(name string) string {
	switch n := columnsOf(name); {
	case n <= 16:
		return "46px"
	case n <= 24:
		return "38px"
	case n <= 34:
		return "30px"
	}
	return "25px"
}

// bidi escapes text and marks its direction where it runs against the text around it.
func (p *Page) bidi(s string) string {
	if dir := direction(s, p.Dir); dir != p.Dir {
		return `<span dir="` + dir + `">` + html.EscapeString(s) + "</span>"
	}
	return html.EscapeString(s)
}

// day returns the day of t in the list's zone, in words, with spaces that do not break; nothing for no time.
func (p *Page) day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strings.ReplaceAll(p.words.Date(t.In(p.zone)), " ", "\u00a0")
}

// joinPlain puts points between what is there.
func joinPlain(parts ...string) string {
	var there []string
	for _, s := range parts {
		if s != "" {
			there = append(there, s)
		}
	}
	return strings.Join(there, " · ")
}
