package lang

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// scan reads the sources for the keys that they ask for.
type scan struct {
	// asks are the functions that take a key, by name, and which of their arguments it is: those that say so themselves, and
	// those that hand a parameter of theirs on to such a one.
	asks map[string]int
	// used are keys, and beginnings of keys that end with a dot, with one place that names them.
	used, begun map[string]string
	asked       map[string]string // those that stand where only a key can
	plural      map[string]string
}

// TestEveryKeyIsUsed: no code asks for a word that there is not, and there is no word that nobody asks for. Keys are seen in
// templates, where T, Plural, say and Has are called, where functions are called that hand their argument on to these, in
// tables of texts and in beginnings to which the rest is added.
func TestEveryKeyIsUsed(t *testing.T) {
	t.Parallel()
	s := &scan{asks: map[string]int{"T": 0, "Plural": 0, "Has": 0, "say": 1}, used: map[string]string{}, begun: map[string]string{},
		asked: map[string]string{}, plural: map[string]string{}}
	var trees []*ast.File
	set := token.NewFileSet()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := e.Name()
		if e.IsDir() {
			if strings.HasPrefix(name, ".") && path != root || name == "testdata" || name == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		switch ext := filepath.Ext(name); {
		case ext == ".go" && !strings.HasSuffix(name, "_test.go"):
			f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			trees = append(trees, f)
			return err
		case ext == ".html" || ext == ".txt":
			raw, err := os.ReadFile(path)
			s.template(path, string(raw))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for found := true; found; {
		found = false
		for _, f := range trees {
			found = s.helpers(f) || found
		}
	}
	for _, f := range trees {
		s.literals(set, f)
	}
	english := languages["en"].words
	for key, where := range s.asked {
		if _, ok := english[key]; !ok {
			t.Errorf("%s asks for %s, which there is not", where, key)
		}
	}
	for key, where := range s.plural {
		for _, form := range []string{".one", ".other"} {
			if _, ok := english[key+form]; !ok {
				t.Errorf("%s asks for the plural %s, of which %s is missing", where, key, form)
			}
		}
	}
	for key := range english {
		base := strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other")
		// In templates, calls and tables the key stands as it is; a beginning stands for every key below it.
		direct := s.used[key] != "" || base != key && s.plural[base] != ""
		for begin := range s.begun {
			direct = direct || strings.HasPrefix(key, begin)
		}
		if !direct {
			t.Errorf("nobody asks for %s", key)
		}
	}
	for begin, where := range s.begun {
		if !slices.ContainsFunc(keysOf(english), func(key string) bool { return strings.HasPrefix(key, begin) }) {
			t.Errorf("%s asks for something below %s, where there is nothing", where, begin)
		}
	}
}

func keysOf(words map[string]string) (keys []string) {
	for key := range words {
		keys = append(keys, key)
	}
	return keys
}

var inTemplate = regexp.MustCompile(`\b(T|Plural|Has)\s+"([^"]+)"`)

func (s *scan) template(path, text string) {
	for _, m := range inTemplate.FindAllStringSubmatch(text, -1) {
		if m[1] == "Plural" {
			s.plural[m[2]] = path
			continue
		}
		s.used[m[2]], s.asked[m[2]] = path, path
	}
}

// helpers adds the functions of a file that hand a parameter on as a key, and reports whether there were new ones.
func (s *scan) helpers(f *ast.File) (found bool) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		if _, known := s.asks[fn.Name.Name]; known {
			continue
		}
		place := map[string]int{}
		n := 0
		for _, field := range fn.Type.Params.List {
			for _, name := range field.Names {
				if kind, ok := field.Type.(*ast.Ident); ok && kind.Name == "string" {
					place[name.Name] = n
				}
				n++
			}
		}
		ast.Inspect(fn.Body, func(node ast.Node) bool {
			if arg := s.key(node); arg != nil {
				if name, ok := arg.(*ast.Ident); ok {
					if at, ok := place[name.Name]; ok {
						s.asks[fn.Name.Name], found = at, true
					}
				}
			}
			return true
		})
	}
	return found
}

// key returns the argument of a call that is a key.
func (s *scan) key(node ast.Node) ast.Expr {
	call, ok := node.(*ast.CallExpr)
	if !ok {
		return nil
	}
	at, ok := s.asks[nameOf(call)]
	if !ok || at >= len(call.Args) {
		return nil
	}
	return call.Args[at]
}

func nameOf(call *ast.CallExpr) string {
	switch fn := call.Fun.(type) {
	case *ast.Ident:
		return fn.Name
	case *ast.SelectorExpr:
		return fn.Sel.Name
	}
	return ""
}

var (
	keyShaped = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$`)
	beginning = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.|\.[a-z0-9_]*_)$`)
)

// table reports whether the first part of a key names a table.
func (s *scan) table(key string) bool {
	top, _, _ := strings.Cut(key, ".")
	return slices.ContainsFunc(keysOf(languages["en"].words), func(key string) bool { return strings.HasPrefix(key, top+".") })
}

// literals notes the keys of a file.
func (s *scan) literals(set *token.FileSet, f *ast.File) {
	where := func(n ast.Node) string { p := set.Position(n.Pos()); return p.Filename + ":" + strconv.Itoa(p.Line) }
	ast.Inspect(f, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok {
			// Other things have a Has too, and dots in their names.
			if text := literal(s.key(call)); keyShaped.MatchString(text) && (nameOf(call) != "Has" || s.table(text)) {
				if nameOf(call) == "Plural" {
					s.plural[text] = where(call)
				} else {
					s.asked[text] = where(call)
				}
			}
		}
		if sum, ok := node.(*ast.BinaryExpr); ok && sum.Op == token.ADD {
			// "page.reason." + reason or "page.done_" + what, in a call or on the way to one
			if begin := literal(sum.X); beginning.MatchString(begin) && s.table(begin) {
				s.begun[begin] = where(sum)
			}
		}
		if text := literal(node); keyShaped.MatchString(text) {
			s.used[text] = where(node)
		}
		return true
	})
}

// literal returns the text of a string literal, else "".
func literal(node ast.Node) string {
	if lit, ok := node.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		text, _ := strconv.Unquote(lit.Value)
		return text
	}
	return ""
}
