package desk

import (
	"net/url"
	"strconv"
	"strings"

	"mailer/internal/articles"
	"mailer/internal/campaigns"
	"mailer/internal/errs"
	"mailer/internal/render"
)

// readChange reads a change from a form of the desk. Only fields that the form has are changed; the others stay as they are. was is the story that
// it is about, where it is about one.
func readChange(f url.Values, was render.Story) (campaigns.Change, error) {
	ch := campaigns.Change{Do: f.Get("do"), Block: f.Get("block"), Kind: f.Get("kind"), Topic: f.Get("topic"), Appeal: f.Get("appeal"), On: f.Get("on") != ""}
	var err error
	if a := f.Get("article"); a != "" {
		if ch.Article, err = strconv.ParseInt(a, 10, 64); err != nil || ch.Article <= 0 {
			return ch, errs.Field("article", "%q is not the number of a story", a)
		}
	}
	if err := readPlace(f.Get("to"), &ch); err != nil {
		return ch, err
	}
	switch ch.Do {
	case campaigns.SetSubject, campaigns.SetPreheader, campaigns.SetTitle:
		ch.Text = oneLine(f.Get("text"))
	case campaigns.SetText:
		ch.Text = lines(f.Get("text"))
	case campaigns.SetImage:
		ch.Image, ch.URL = readImage(f), strings.TrimSpace(f.Get("url"))
	case campaigns.SetSponsor:
		ch.Sponsor = &render.Sponsor{Name: oneLine(f.Get("name")), Label: oneLine(f.Get("label")), From: f.Get("from"), To: f.Get("until"), Heading: oneLine(f.Get("heading")),
			Text: lines(f.Get("text")), URL: strings.TrimSpace(f.Get("url")), Link: oneLine(f.Get("link"))}
		if img := readImage(f); img.URL != "" {
			ch.Sponsor.Image = img
		}
	case campaigns.EditStory:
		ch.Story = readStory(f, was)
	case campaigns.ResetStory:
		if field := f.Get("field"); field != "" {
			ch.Fields = []string{field}
		}
	}
	return ch, nil
}

// readPlace reads where something goes: "after:ID" behind a block, "after:" on top, "ID:2" into a section as the third story.
func readPlace(to string, ch *campaigns.Change) error {
	if to == "" {
		if ch.Do == campaigns.AddBlock || ch.Do == campaigns.AddStory {
			ch.After = campaigns.AtEnd
		}
		return nil
	}
	first, second, ok := strings.Cut(to, ":")
	if ok && first == "after" {
		ch.After = second
		return nil
	}
	n, err := strconv.Atoi(second)
	if !ok || err != nil || n < 0 {
		return errs.Field("to", "%q is not a place", to)
	}
	ch.Into, ch.At = first, n
	return nil
}

// readStory reads what is written of a story for one mail.
func readStory(f url.Values, was render.Story) *campaigns.StoryEdit {
	e := &campaigns.StoryEdit{}
	text := func(name string) *string {
		if !f.Has(name) {
			return nil
		}
		s := oneLine(f.Get(name))
		return &s
	}
	e.Title, e.Dek, e.Section, e.URL = text("title"), text("dek"), text("section"), text("url")
	if f.Has("byline") {
		authors := articles.ReadByline(lines(f.Get("byline")), was.Authors)
		e.Authors = &authors
	}
	if f.Has("image_url") {
		e.Image = readImage(f)
	}
	return e
}

// readImage reads an image. Its size is only known as long as the address is the one that the size belongs to.
func readImage(f url.Values) *render.Image {
	img := &render.Image{URL: strings.TrimSpace(f.Get("image_url")), Alt: oneLine(f.Get("image_alt")), Caption: oneLine(f.Get("image_caption")), Credit: oneLine(f.Get("image_credit"))}
	if img.URL != "" && img.URL == f.Get("size_of") {
		w, err1 := strconv.Atoi(f.Get("width"))
		h, err2 := strconv.Atoi(f.Get("height"))
		if err1 == nil && err2 == nil && w > 0 && h > 0 && w < 1<<15 && h < 1<<15 {
			img.Width, img.Height = w, h
		}
	}
	return img
}

// oneLine makes one line of what was typed into a field that may have grown to several.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// lines gives the line breaks of a form their ordinary shape.
func lines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
