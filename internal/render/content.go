package render

import "time"

// List is what a mail says of the list it belongs to.
type List struct {
	Name          string
	LegalName     string // who publishes it, as the footer says
	PostalAddress string // lines of the postal address
	Contact       string // e-mail address, telephone number or https URL
	HomeURL       string
	Reason        string // why the reader gets this mail; empty: the fixed sentence of the language
	Language      string // BCP 47
	TimeZone      string // IANA name
	LogoURL       string
	LogoWidth     int // of the logo as shown, in CSS pixels
	LogoHeight    int
	Accent        string // #rrggbb, for links, labels and buttons
	Paper         string // #rrggbb, the background
	Face          string // name of one of Faces
	FromName      string
}

// Author is one name of a byline.
type Author struct {
	Name        string `json:"name"`
	Title       string `json:"title,omitempty"`
	Institution string `json:"institution,omitempty"`
	Bio         string `json:"bio,omitempty"`
}

// Image is a photo with the words that belong to it. A width or height of 0 means that the size is not known.
type Image struct {
	URL     string `json:"url"`
	Width   int    `json:"width,omitempty"`
	Height  int    `json:"height,omitempty"`
	Alt     string `json:"alt,omitempty"`
	Caption string `json:"caption,omitempty"`
	Credit  string `json:"credit,omitempty"`
}

// Story is an article as a mail carries it.
type Story struct {
	ArticleID int64     `json:"article_id"`
	Title     string    `json:"title"`
	Dek       string    `json:"dek,omitempty"`
	Authors   []Author  `json:"authors,omitempty"`
	Section   string    `json:"section,omitempty"`
	Tags      []string  `json:"tags,omitempty"`
	Image     *Image    `json:"image,omitempty"`
	URL       string    `json:"url,omitempty"`
	Published time.Time `json:"published"`
	Words     int       `json:"words,omitempty"`
	Language  string    `json:"language,omitempty"`  // BCP 47; empty: the list's
	BodyHTML  string    `json:"body_html,omitempty"` // as SanitizeBody returned it
}

// wordsPerMinute is how fast a reader reads; under shortRead words nothing is said about it.
const (
	wordsPerMinute = 220
	shortRead      = 100
)

// ReadingMinutes returns how long a reader needs, in minutes rounded up, and 0 where it is not worth saying: for a
// length that is not known or below 100 words.
func (s Story) ReadingMinutes() int {
	if s.Words < shortRead {
		return 0
	}
	return (s.Words + wordsPerMinute - 1) / wordsPerMinute
}

// Appeal asks the reader for support.
type Appeal struct {
	VariantID int64  `json:"variant_id"`
	Heading   string `json:"heading"`
	Body      string `json:"body"` // Markdown
	Button    string `json:"button"`
	URL       string `json:"url"` // the signed link that records which campaign it came from
}

// Kinds of blocks.
const (
	KindText    = "text"    // Text in Markdown
	KindSection = "section" // Stories under Title; an empty Title goes on with the section above
	KindStory   = "story"   // one story; Lead: the first of the paper
	KindAppeal  = "appeal"
	KindDivider = "divider"
	KindImage   = "image"   // Image, a link to URL where there is one
	KindSponsor = "sponsor" // Sponsor, labelled as what it is, on its days only
)

// Block is a part of a campaign's content.
type Block struct {
	ID      string   `json:"id,omitempty"` // within its campaign; no reader sees it
	Kind    string   `json:"kind"`
	Text    string   `json:"text,omitempty"`
	Title   string   `json:"title,omitempty"`
	Stories []Story  `json:"stories,omitempty"`
	Appeal  *Appeal  `json:"appeal,omitempty"`
	Lead    bool     `json:"lead,omitempty"`
	Topic   string   `json:"topic,omitempty"` // slug: only for readers who want it; empty: for all
	Image   *Image   `json:"image,omitempty"`
	URL     string   `json:"url,omitempty"` // of an image
	Sponsor *Sponsor `json:"sponsor,omitempty"`
	// Correction is the number of the correction that a text is about; 0: of none. No reader sees it.
	Correction int64 `json:"correction,omitempty"`
}

// Templates that a campaign may name.
const (
	TemplateDigest = "digest"
	TemplateStory  = "story"
)

// TemplateLetter is the template of single mails.
const TemplateLetter = "letter"

// DefaultAppealGroup is the optional group that appeals stand in where Content names none.
const DefaultAppealGroup = 1

// Content is all that a campaign's mail says.
type Content struct {
	List      List
	Template  string // TemplateDigest or TemplateStory
	Subject   string
	Preheader string // empty: made of the stories
	Date      time.Time
	Blocks    []Block
	ViewURL   string // "view in browser"; empty: no such link
	CanaryURL string // a link that people do not see, to tell programs that open every link; empty: none
	LeaveBase string // what the leave token is put behind
	// PreferencesBase is what the token of the preferences is put behind; empty: no such link.
	PreferencesBase string
	AppealGroup     int    // 0: DefaultAppealGroup
	Groups          Groups // optional groups of topics, stories and headings
	Proof           bool   // a test copy: says so, and its leave link does nothing
	ReviewURL       string // of a proof, where whoever gets it may approve or hold the campaign; empty: no such link
}

// Groups says which optional groups the parts of a content stand in. What is not in it is for every reader.
type Groups struct {
	Topics   map[string]int // of blocks, by topic
	Stories  map[int64]int  // of single stories, by article
	Headings map[int]int    // of the titles of sections, by the index of the block
}

// Letter is what a single mail of the service to one reader says, such as the one that asks for a confirmation. All of it is
// plain text.
type Letter struct {
	List       List // in the language of the letter
	Subject    string
	Preheader  string
	Heading    string
	Paragraphs []string
	Button     string // of URL; both or neither
	URL        string
	Note       string // in small print below
	LeaveURL   string // empty where there is nothing to leave yet
}

// Output is a mail rendered: HTML and Text with the marks of the message engine in them, and Web for browsers, with
// nothing personal in it.
type Output struct {
	HTML, Text, Web string
}
