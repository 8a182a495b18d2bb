package render

import "time"

// samplePreferences must not show in the version for browsers.
const samplePreferences = "https://news.lantern.example/p/"

// sample is content that makes use of everything the templates can show. Templates are tried with it at the start.
func sample(template string) Content {
	story := Story{
		ArticleID: 1, Title: "The tide tables are wrong, & the harbour knows", Section: "Science",
		Dek:     "For ninety years the town has set its clocks by a printed book. Now the book is a hand’s breadth short.",
		Authors: []Author{{Name: "Maren Oduya", Title: "Professor of Coastal Hydrology", Institution: "Northern Estuary University", Bio: "Maren Oduya has measured the same pier every spring since 1998."}},
		Image:   &Image{URL: "https://www.lantern.example/photos/pier.jpg", Width: 1800, Height: 1200, Alt: "A wooden pier at low tide", Caption: "The old pier at Sandholm, where the gauge has stood since 1934.", Credit: "Ines Falk / Lantern"},
		URL:     "https://www.lantern.example/science/tide-tables", Published: time.Date(2026, 11, 20, 7, 30, 0, 0, time.UTC), Words: 940,
	}
	short := Story{ArticleID: 2, Title: "Two ferries, one timetable", Authors: []Author{{Name: "A"}, {Name: "B"}, {Name: "C"}},
		URL: "https://www.lantern.example/region/ferries", Published: story.Published}
	c := Content{
		List: List{
			Name: "The Lantern", LegalName: "Lantern Press Cooperative", PostalAddress: "12 Quay Street\nSandholm 4410", Contact: "https://www.lantern.example/contact",
			HomeURL: "https://www.lantern.example/", LogoURL: "https://www.lantern.example/logo.png", LogoWidth: 240, LogoHeight: 48,
			Language: "en", TimeZone: "Europe/Copenhagen", Accent: "#8c1c13", Paper: "#fbf8f1",
		},
		Template: template, Subject: "The tide tables are wrong", Date: story.Published,
		ViewURL: "https://news.lantern.example/v/sample", LeaveBase: "https://news.lantern.example/u/", PreferencesBase: samplePreferences,
	}
	text := Block{Kind: KindText, Text: "Good morning, {name|reader}. **Three stories** today.\n\n## For the weekend\n\n- one\n- two\n\n> A quote."}
	appeal := Block{Kind: KindAppeal, Appeal: &Appeal{Heading: "This paper belongs to its readers", Body: "Dear {name}, no owner tells us what to print.", Button: "Become a supporter", URL: "https://news.lantern.example/give/sample"}}
	if template == TemplateStory {
		story.BodyHTML = `<p>First.</p><h2>Second</h2><ol><li>One</li></ol><blockquote><p>Said</p></blockquote><pre>code</pre><hr><figure><img src="https://www.lantern.example/photos/gauge.jpg" alt="A gauge" width="900" height="600"><figcaption>The gauge.</figcaption></figure>`
		c.Blocks = []Block{text, {Kind: KindStory, Lead: true, Stories: []Story{story}}, {Kind: KindDivider}, {Kind: KindSection, Title: "More", Stories: []Story{short}}, appeal}
		return c
	}
	c.Blocks = []Block{text, {Kind: KindStory, Lead: true, Stories: []Story{story}}, {Kind: KindSection, Title: "Region", Stories: []Story{story, short}},
		appeal, {Kind: KindSection, Stories: []Story{short}}, {Kind: KindDivider}, {Kind: KindStory, Stories: []Story{short}}}
	return c
}

// grouped is a sample whose sections are of a topic, and whose stories and headings some readers do not get.
func grouped(c Content) Content {
	c.Groups = Groups{Topics: map[string]int{"region": 2}, Stories: map[int64]int{}, Headings: map[int]int{}}
	for i, b := range c.Blocks {
		if b.Kind == KindSection {
			c.Blocks[i].Topic = "region"
			if b.Title != "" {
				c.Groups.Headings[i] = 40 + i
			}
		}
		for _, s := range b.Stories {
			c.Groups.Stories[s.ArticleID] = 32 + int(s.ArticleID)
		}
	}
	return c
}

// sampleLetter is what the letter template is tried with.
func sampleLetter() Letter {
	return Letter{List: sample(TemplateDigest).List, Subject: "Please confirm: The Lantern", Preheader: "One click, and The Lantern is yours.", Heading: "Is this you?",
		Paragraphs: []string{"Someone, we hope you, asked us to send The Lantern to reader@example.org. Please confirm that you want it."},
		Button:     "Yes, send it to me", URL: "https://news.lantern.example/c/sample",
		Note: "If it was not you, do nothing: without this click you will get no mail from us. The link works for seven days."}
}
