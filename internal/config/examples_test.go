package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every example of mailer.toml in the documentation is accepted. Those of recipes are tested by campaigns.
func TestExamplesInDocs(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```toml\n(.*?)```")
	environ := []string{}
	for _, name := range []string{"MAIN", "SPARE", "OLD", "NEW"} {
		environ = append(environ, name+"_RELAY_URL=smtp://user:password@smtp.example.org:587")
	}
	n := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "[[relay]]") && !strings.Contains(m[1], "[[lane]]") {
				continue
			}
			n++
			if _, err := Load(write(t, m[1], 0o600), environ); err != nil {
				t.Errorf("%s: %v\n%s", filepath.Base(page), err, m[1])
			}
		}
	}
	if n < 4 {
		t.Errorf("only %d examples were found", n)
	}
}
