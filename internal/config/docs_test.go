package config

import (
	"os"
	"strings"
	"testing"
)

// The page about configuration names every setting, with its default.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings {
		found := false
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "| `") && strings.Contains(line, "`"+s.Name+"`") {
				found = found || s.Default == "" || strings.Contains(line, "`"+s.Default+"`")
			}
		}
		if !found {
			t.Errorf("docs/configuration.md has no row for %s with its default %q", s.Name, s.Default)
		}
	}
}
