package articles

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Articles as people copy them from published pages, each with what it must come to.
func TestParsePlainGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/plain/*.txt")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			p, err := ParseFile(f, data, Overrides{Now: testNow})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(f, ".txt")+".golden.json", p)
		})
	}
}
