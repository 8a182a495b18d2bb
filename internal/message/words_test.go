package message_test

import (
	"mime"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// MSG-20, and subjects that mix plain and encoded words.
func TestSubject(t *testing.T) {
	for name, subject := range map[string]string{
		"MSG-20":                   strings.Repeat("Žluťoučký 馬 ", 25),
		"MSG-20 one word":          strings.Repeat("語", 300),
		"MSG-20 emoji":             strings.Repeat("👩‍👩‍👧🇨🇿", 40),
		"plain":                    "Plain words only",
		"long plain":               strings.Repeat("the quick brown fox ", 15) + "end",
		"very long plain word":     "a " + strings.Repeat("x", 200) + " b",
		"one accent":               "Why the café in the old town closed its doors after ninety years, and who may open it again",
		"accents at both ends":     "Été in the old town, which nobody wanted to have to themselves, not even in hiver à Paris",
		"looks encoded":            "Use =?UTF-8?Q?bold?= type",
		"double space":             "Two  spaces and   three, and é",
		"double space, plain":      "Two  spaces",
		"quotes and specials":      `"Quoted", (commented) <tagged> a@b.example; \ back`,
		"equals and underscores":   "a_b = c_d é",
		"right-to-left with marks": "שלום (עולם)\u200f!",
		"question":                 "Is this it?= é",
	} {
		t.Run(name, func(t *testing.T) {
			d := draft(t)
			d.Subject = subject
			raw := build(t, d, reader(t, 99, 7))
			want := strings.TrimSpace(subject)
			if got := parse(t, raw).subject(t); got != want {
				t.Errorf("decodes to\n%q; want\n%q", got, want)
			}
			words := regexp.MustCompile(`=\?UTF-8\?[QB]\?[^?]*\?=`).FindAllString(rawHeader(t, raw), -1)
			for _, w := range words {
				s, err := new(mime.WordDecoder).Decode(w)
				if err != nil || !utf8.ValidString(s) || len(w) > 75 {
					t.Errorf("encoded-word %s of %d characters: %q, %v", w, len(w), s, err)
				}
			}
			if name == "one accent" && !strings.Contains(rawHeader(t, raw), "closed its\r\n doors") && !strings.Contains(rawHeader(t, raw), "Subject: Why the =?") {
				t.Errorf("plain words were encoded:\n%s", rawHeader(t, raw))
			}
		})
	}
}

// Wherever a run of spaces falls, no line of the field is blank and the text stays the same.
func TestSubjectSpaces(t *testing.T) {
	for n := 40; n < 90; n++ {
		d := draft(t)
		d.Subject = strings.Repeat("x ", n/2) + strings.Repeat("y", n%2) + "   " + strings.Repeat("z", 59) + "  end"
		if got := parse(t, build(t, d, reader(t, 99, 7))).subject(t); got != d.Subject {
			t.Errorf("%q decodes to %q", d.Subject, got)
		}
	}
}

// MSG-22: display names parse back to one mailbox of the same name.
func TestFromNames(t *testing.T) {
	for _, name := range []string{`"Smith, Jo" <x>`, "Jo @ Paper", "名前", "Example News", "Jo (Paper)", `Back\slash "quoted"`, "Ça & là",
		"=?UTF-8?Q?fake?=", strings.Repeat("Long name ", 11) + "end", strings.Repeat("名", 100), "a; b: c.", "Editors: all <nobody@example.com>", ""} {
		d := draft(t)
		d.FromName = name
		raw := build(t, d, reader(t, 99, 7))
		from, err := parse(t, raw).header.AddressList("From")
		if err != nil || len(from) != 1 || from[0].Name != name || from[0].Address != "news@example.org" {
			t.Errorf("MSG-22: %q parses back to %v, %v\n%s", name, from, err, rawHeader(t, raw))
		}
	}
}
