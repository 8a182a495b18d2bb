package articles

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"mailer/internal/errs"
	"mailer/internal/render"
)

// parseJSONFeed reads JSON Feed 1.0 and 1.1 (jsonfeed.org). It is read here and not by gofeed, whose types refuse a whole
// feed because of one number in the place of a string, and which keep neither the language nor the banner of an item.
func parseJSONFeed(text string, where *url.URL, limit int, now time.Time) (parsedFeed, error) {
	var top struct {
		Version  loose           `json:"version"`
		Title    loose           `json:"title"`
		HomeURL  loose           `json:"home_page_url"`
		Language loose           `json:"language"`
		Author   jsonAuthors     `json:"author"`
		Authors  jsonAuthors     `json:"authors"`
		Items    json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal([]byte(text), &top); err != nil {
		return parsedFeed{}, malformedJSON(err, text)
	}
	if len(top.Items) == 0 || top.Items[0] != '[' {
		return parsedFeed{}, errs.New(errs.Invalid, "this is JSON, but not a JSON Feed: it has no list of items")
	}
	base := where
	p := parsedFeed{Title: line(textOfPlain(string(top.Title)), maxTitle), HomeURL: absolute(where, string(top.HomeURL)), Language: languageTag(string(top.Language))}
	if u, err := url.Parse(p.HomeURL); err == nil && p.HomeURL != "" {
		base = u
	}
	authors := append(top.Authors, top.Author...)
	var raw []rawItem
	d := json.NewDecoder(strings.NewReader(string(top.Items)))
	if _, err := d.Token(); err != nil {
		return parsedFeed{}, malformedJSON(err, text)
	}
	for d.More() {
		var i jsonItem
		if err := d.Decode(&i); err != nil {
			var wrong *json.UnmarshalTypeError
			if errors.As(err, &wrong) { // one item of another kind spoils only itself
				p.Skipped++
				continue
			}
			return parsedFeed{}, malformedJSON(err, text)
		}
		if len(raw) >= maxListed {
			return parsedFeed{}, errs.New(errs.Invalid, "the feed lists more than %d stories", maxListed)
		}
		raw = append(raw, i.raw(base, authors))
	}
	finish(&p, raw, limit, now)
	return p, nil
}

func malformedJSON(err error, text string) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at := min(max(int(syntax.Offset), 0), len(text))
		return errs.Wrap(err, errs.Invalid, "the feed is not well-formed JSON: it breaks at line %d", 1+strings.Count(text[:at], "\n"))
	}
	return errs.Wrap(err, errs.Invalid, "the JSON of the feed could not be understood")
}

// loose is a string that may come as a number, a truth value or nothing.
type loose string

func (l *loose) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*l = loose(s)
	} else if c := data[0]; c != '{' && c != '[' && c != 'n' {
		*l = loose(data)
	}
	return nil
}

// jsonAuthors is one author or a list of them, as objects or as plain names.
type jsonAuthors []string

func (a *jsonAuthors) UnmarshalJSON(data []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(data, &list) != nil {
		list = []json.RawMessage{data}
	}
	for _, raw := range list {
		var o struct {
			Name loose `json:"name"`
		}
		var s string
		switch {
		case json.Unmarshal(raw, &s) == nil:
			*a = append(*a, s)
		case json.Unmarshal(raw, &o) == nil && o.Name != "":
			*a = append(*a, string(o.Name))
		}
	}
	return nil
}

// jsonTags is a list of tags, or one string with commas.
type jsonTags []string

func (t *jsonTags) UnmarshalJSON(data []byte) error {
	var list []loose
	var s string
	switch {
	case json.Unmarshal(data, &list) == nil:
		for _, l := range list {
			*t = append(*t, string(l))
		}
	case json.Unmarshal(data, &s) == nil:
		*t = strings.Split(s, ",")
	}
	return nil
}

type jsonItem struct {
	ID          loose       `json:"id"`
	URL         loose       `json:"url"`
	ExternalURL loose       `json:"external_url"`
	Title       loose       `json:"title"`
	HTML        loose       `json:"content_html"`
	Text        loose       `json:"content_text"`
	Summary     loose       `json:"summary"`
	Image       loose       `json:"image"`
	Banner      loose       `json:"banner_image"`
	Published   loose       `json:"date_published"`
	Modified    loose       `json:"date_modified"`
	Author      jsonAuthors `json:"author"`
	Authors     jsonAuthors `json:"authors"`
	Tags        jsonTags    `json:"tags"`
	Language    loose       `json:"language"`
	Attachments []struct {
		URL  loose `json:"url"`
		Type loose `json:"mime_type"`
	} `json:"attachments"`
}

func (i jsonItem) raw(base *url.URL, feedAuthors []string) rawItem {
	r := rawItem{guid: string(i.ID), base: base, title: textValue{string(i.Title), false}, dek: textValue{string(i.Summary), false},
		body: textValue{string(i.HTML), true}, dates: []string{string(i.Published), string(i.Modified)}, categories: i.Tags, language: string(i.Language)}
	if r.body.s == "" {
		r.body = textValue{string(i.Text), false}
	}
	r.url = absolute(base, string(i.URL))
	if r.url == "" {
		r.url = absolute(base, string(i.ExternalURL))
	}
	if r.url == "" && strings.HasPrefix(r.guid, "http") {
		r.url = absolute(nil, r.guid)
	}
	if r.bylines = append(i.Authors, i.Author...); len(r.bylines) == 0 {
		r.bylines = feedAuthors
	}
	for _, u := range []loose{i.Image, i.Banner} {
		if a := absolute(base, string(u)); a != "" {
			r.images = append(r.images, render.Image{URL: a})
		}
	}
	for _, a := range i.Attachments {
		r.images = append(r.images, linkedImage(base, string(a.URL), string(a.Type))...)
	}
	return r
}
