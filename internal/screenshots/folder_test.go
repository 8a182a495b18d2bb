package screenshots

import (
	"image/color"
	"os"
	"path/filepath"
	"testing"
)

// ground is what lies behind pictures that stand side by side.
var ground = color.RGBA{0x9a, 0xa0, 0xa6, 0xff}

// folder returns where the pictures go. The test is skipped where nobody wants any.
func folder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("MAILER_SCREENSHOTS")
	if dir == "" {
		t.Skip("no pictures wanted; make screenshots takes them")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func save(t *testing.T, dir, name string, picture []byte) {
	t.Helper()
	picture, err := Compact(picture)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
