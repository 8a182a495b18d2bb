package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms in their total order: each may import those above it only. ARCHITECTURE.md says what each is for.
var rooms = []string{
	"migrations",
	"templates/email",
	"internal/errs",
	"internal/failpoint",
	"internal/spool",
	"internal/config",
	"internal/lang",
	"internal/links",
	"internal/dkim",
	"internal/fetch",
	"internal/db",
	"internal/db/private",
	"internal/audit",
	"internal/outbox",
	"internal/limits",
	"internal/message",
	"internal/render",
	"internal/relay",
	"internal/subscribers",
	"internal/transfer",
	"internal/letters",
	"internal/preferences",
	"internal/feedback",
	"internal/articles",
	"internal/accounts",
	"internal/delivery",
	"internal/signup",
	"internal/appeals",
	"internal/audience",
	"internal/campaigns",
	"internal/privacy",
	"internal/reports",
	"internal/images",
	"internal/web/answer",
	"internal/web/public",
	"internal/web/admin/frame",
	"internal/web/admin/desk",
	"internal/web/admin/digests",
	"internal/web/admin/newsroom",
	"internal/web/admin/people",
	"internal/web/admin/readers",
	"internal/web/admin/report",
	"internal/web/admin/review",
	"internal/web/admin/sending",
	"internal/web/admin/today",
	"internal/web/admin",
	"internal/inbox",
	"cmd/mailer/demo",
	"cmd/mailer",
	"bench",
}

// forTests are packages that only tests import, and that may import any room.
var forTests = []string{"internal/dbtest", "internal/smtptest", "internal/postfixtest", "internal/logtest", "internal/browsertest", "internal/screenshots", "internal/web/admin/admintest", "crashtest"}

// onlyFor are modules that belong to one room; the others go through it.
var onlyFor = map[string][]string{
	"github.com/wneessen/go-mail":      {"internal/relay", "bench"},
	"github.com/pressly/goose":         {"internal/db"},
	"github.com/alecthomas/kong":       {"cmd/mailer"},
	"github.com/robfig/cron":           {"internal/campaigns", "cmd/mailer"},
	"github.com/mmcdole/gofeed":        {"internal/articles"},
	"github.com/emersion/go-smtp":      {"internal/inbox", "internal/feedback"},
	"github.com/alexedwards/scs":       {"internal/accounts"},
	"github.com/pquerna/otp":           {"internal/accounts"},
	"codeberg.org/readeck":             {"internal/articles"},
	"github.com/microcosm-cc":          {"internal/render", "internal/articles"},
	"github.com/chromedp":              {"internal/browsertest", "internal/screenshots"},
	"github.com/itlightning/dateparse": {"internal/articles"},
}

func TestImportOrder(t *testing.T) {
	imports := readImports(t)
	for pkg, names := range imports {
		place := slices.Index(rooms, pkg)
		if slices.Contains(forTests, pkg) {
			continue
		}
		if place < 0 {
			t.Errorf("%s has no place in the order of rooms; add it to the list in this test and to ARCHITECTURE.md", pkg)
			continue
		}
		for _, name := range names {
			room, ours := strings.CutPrefix(name, "mailer/")
			if !ours {
				continue
			}
			switch above := slices.Index(rooms, room); {
			case slices.Contains(forTests, room):
				t.Errorf("%s imports %s, which is for tests", pkg, room)
			case above < 0 || above >= place:
				t.Errorf("%s imports %s, which is not above it", pkg, room)
			}
		}
	}
	for _, room := range rooms {
		if _, ok := imports[room]; !ok {
			t.Errorf("%s is in the order of rooms and does not exist", room)
		}
	}
}

func TestImportModules(t *testing.T) {
	for pkg, names := range readImports(t) {
		for _, name := range names {
			for module, allowed := range onlyFor {
				if strings.HasPrefix(name, module) && !slices.Contains(allowed, pkg) {
					t.Errorf("%s imports %s, which is for %s alone", pkg, name, strings.Join(allowed, " and "))
				}
			}
		}
	}
}

// readImports returns what each package of the project imports, its tests apart.
func readImports(t *testing.T) map[string][]string {
	t.Helper()
	root := filepath.Join("..", "..")
	imports := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && file != root && (strings.HasPrefix(e.Name(), ".") || e.Name() == "testdata" || e.Name() == "bin") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := path.Clean(filepath.ToSlash(rel))
		imports[pkg] = append(imports[pkg], []string{}...)
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			imports[pkg] = append(imports[pkg], name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}
