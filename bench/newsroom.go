package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// stories of the digest that is sent. With the built-in template they make a message of about 20 kB.
const stories = 8

// domains of the invented readers. Nothing leaves this machine: the relay is the sink. Providers known by name have limits of their own for each
// relay, of connections above all, so with them it is those limits that are measured.
var (
	plainDomains = []string{"example.org", "example.net", "mail.example.com", "post.example.org", "letters.example.net"}
	mixedDomains = []string{"gmail.com", "outlook.com", "yahoo.com", "icloud.com", "gmx.de", "example.org", "example.net", "mail.example.com"}
	domains      = plainDomains
)

// reader returns the address of the nth reader.
func reader(n int) string {
	return fmt.Sprintf("reader%07d@%s", n, domains[(n*7+n/13)%len(domains)])
}

// writeReaders writes a CSV file of so many readers.
func writeReaders(path string, n int) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintln(w, "email,name,language,supporter,city")
	for i := range n {
		supporter := ""
		if i%10 == 0 {
			supporter = "yes"
		}
		fmt.Fprintf(w, "%s,Reader %d,en,%s,City %d\n", reader(i), i, supporter, i%100)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

const (
	recipeFile = "recipe.toml"
	recipe     = `slug    = "digest-%d"
name    = "The Morning"
list    = "morning"
subject = "{lead}"
intro   = """
Good morning, {name|dear reader}. This is what happened **while the town slept**.
"""

[stories]
min    = 1
max    = 20
repeat = "allow"

[[sections]]
title = "City"
max   = 20
`
)

var sentences = []string{
	"The council met for three hours and agreed on less than it had hoped for.",
	"A wall of three metres stands where half a metre would have done for most of a century.",
	"Nobody had asked the people who ride the night bus, so we did.",
	"The figures of the transport office do not count those who hold a monthly pass.",
	"What looks like a small repair will close the bridge for the whole of next summer.",
}

// writeStories writes the stories, one file each, and returns their names.
func writeStories(dir string) ([]string, error) {
	var names []string
	for i := range stories {
		var dek, body strings.Builder
		for n := range 2 {
			dek.WriteString(sentences[(i+n)%len(sentences)] + " ")
		}
		for n := range 12 {
			body.WriteString(sentences[(i+n)%len(sentences)] + "\n\n")
		}
		name := filepath.Join(dir, fmt.Sprintf("story%02d.md", i))
		text := fmt.Sprintf("---\ntitle: Story number %d, with a headline as long as headlines are\ndek: %s\nauthor: Ines Duarte\nsection: City\nurl: https://paper.example.org/2026/11/story-%d\n---\n%s",
			i+1, strings.TrimSpace(dek.String()), i+1, body.String())
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}
