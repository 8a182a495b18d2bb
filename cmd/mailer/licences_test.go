package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var updateLicences = flag.Bool("update-licences", false, "write docs/third-party.md anew")

// licenceMarks are sentences by which a licence is known, in the order in which they are looked for. Those without a name are
// not ones that we may ship: add one here only after reading what it asks for.
var licenceMarks = []struct{ name, mark string }{
	{"", "GNU GENERAL PUBLIC LICENSE"}, {"", "GNU AFFERO GENERAL PUBLIC LICENSE"}, {"", "GNU LESSER GENERAL PUBLIC LICENSE"}, {"", "Server Side Public License"}, {"", "Business Source License"}, {"", "Commons Clause"},
	{"Apache-2.0", "Apache License Version 2.0"},
	{"MPL-2.0", "Mozilla Public License Version 2.0"}, {"MPL-2.0", "Mozilla Public License, version 2.0"},
	{"BSD-3-Clause", "may be used to endorse or promote products derived from this software"},
	{"BSD-2-Clause", "Redistributions in binary form must reproduce the above copyright notice"},
	{"MIT", "The above copyright notice and this permission notice"},
	{"ISC", "with or without fee is hereby granted, provided that the above copyright notice"},
	{"0BSD", "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted."},
}

// licenceOf names the licence of a text; an error for one that is not known or may not be shipped.
func licenceOf(text string) (string, error) {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, l := range licenceMarks {
		if strings.Contains(text, strings.ToLower(l.mark)) {
			if l.name == "" {
				return "", fmt.Errorf("it is under the %s", l.mark)
			}
			return l.name, nil
		}
	}
	return "", errors.New("its licence is not known here")
}

// module is one that the program, its tests or its tools are built with.
type module struct {
	Path, Version, Dir string
	Main               bool
}

// SEC-29: every module that anything here is built with, and every script of others that pages load, has a licence that lets us ship
// it, and stands with it in docs/third-party.md.
func TestSEC29Licences(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	modules := map[string]module{}
	for _, of := range [][]string{{"-test", "./..."}, {"tool"}} { // what tests our tools is none of our business
		listModules(t, root, modules, of...)
	}
	if len(modules) < 20 {
		t.Fatalf("only %d modules", len(modules))
	}
	var rows []string
	for path, m := range modules {
		text, file := licenceFile(m.Dir)
		name, err := licenceOf(text)
		if err != nil {
			t.Errorf("%s %s (%s): %v", path, m.Version, file, err)
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %s |", path, m.Version, name))
	}
	slices.Sort(rows)
	doc := "# What others made\n\nModules of Go that the program, its tests and its tools are built with, and scripts that the editors' desk loads. `make licences` writes this page; a test keeps it true.\n\n" +
		"| module | version | licence |\n|---|---|---|\n" + strings.Join(rows, "\n") + "\n\n| script | version | licence |\n|---|---|---|\n" + strings.Join(scripts(t, root), "\n") + "\n"
	file := filepath.Join(root, "docs", "third-party.md")
	if *updateLicences {
		if err := os.WriteFile(file, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if is, err := os.ReadFile(file); err != nil || string(is) != doc {
		t.Errorf("docs/third-party.md is not what is used (%v); write it anew: make licences", err)
	}
}

// listModules adds the modules of packages and of all that they are built with.
func listModules(t *testing.T, root string, modules map[string]module, of ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-e", "-deps", "-json=Module"}, of...)...)
	cmd.Dir = root
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal("the go command cannot be run: ", err)
	}
	for d := json.NewDecoder(out); ; {
		var p struct{ Module *module }
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module != nil && !p.Module.Main {
			modules[p.Module.Path] = *p.Module
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// licenceFile returns the text of a module's licence.
func licenceFile(dir string) (text, name string) {
	entries, _ := os.ReadDir(dir) // none is an unknown licence
	for _, e := range entries {
		switch base, _, _ := strings.Cut(strings.ToUpper(e.Name()), "."); {
		case base == "LICENSE", base == "LICENCE", base == "COPYING", strings.HasPrefix(base, "LICENSE-"):
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err == nil {
				return string(b), e.Name()
			}
		}
	}
	return "", "no file of a licence"
}

// scripts returns the rows of scripts of others: each file with a banner of its own, or minified, needs its licence beside it.
func scripts(t *testing.T, root string) (rows []string) {
	t.Helper()
	licences := map[string]string{} // file in assets/licences by what it begins with
	assets := filepath.Join(root, "internal", "web", "admin", "frame", "assets")
	files, err := filepath.Glob(filepath.Join(assets, "licences", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no licences of scripts: %v", err)
	}
	named := regexp.MustCompile(`^([a-z]+)-([0-9.]+)\.txt$`)
	for _, f := range files {
		m := named.FindStringSubmatch(filepath.Base(f))
		if m == nil {
			t.Errorf("%s is not named like script-1.2.3.txt", f)
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name, err := licenceOf(string(b))
		if err != nil {
			t.Errorf("%s: %v", f, err)
		}
		licences[m[1]] = fmt.Sprintf("| %s | %s | %s |", m[1], m[2], name)
		rows = append(rows, licences[m[1]])
	}
	slices.Sort(rows)
	err = filepath.WalkDir(filepath.Join(root, "internal", "web"), func(file string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".js" {
			return err
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		base := strings.TrimSuffix(filepath.Base(file), ".js")
		of := ""
		for script := range licences {
			if script == base || strings.HasPrefix(script, base) {
				of = script
			}
		}
		lines := strings.Count(string(b), "\n") + 1
		if foreign := len(b)/lines > 200 || strings.HasPrefix(string(b), "/*!"); foreign && of == "" {
			t.Errorf("%s looks like a script of somebody else, and its licence is not in %s/licences", file, assets)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
