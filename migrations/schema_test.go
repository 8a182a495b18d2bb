package migrations_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailer/internal/db/private"
	"mailer/internal/dbtest"
)

var update = flag.Bool("update", false, "write schema.sql anew")

const header = `-- What the migrations build, for people to read. Written by "make schema"; a test keeps it true.
SET check_function_bodies = false;

`

// TestSchema keeps schema.sql true: a database made by it is dumped, and one made by the migrations, and both must read
// the same. Comparing two dumps of one pg_dump makes the test independent of its version.
func TestSchema(t *testing.T) {
	t.Parallel()
	_, migrated := dbtest.OpenURL(t)
	want := dump(t, migrated)
	if *update {
		if err := os.WriteFile("schema.sql", []byte(header+want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	d, loaded := dbtest.OpenEmpty(t)
	if _, err := d.ExecContext(t.Context(), string(text)); err != nil {
		t.Fatalf("schema.sql does not load: %v", err)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(dump(t, loaded), "\n")); diff != "" {
		t.Errorf("schema.sql is not what the migrations build; run: make schema\n(-migrations +schema.sql)\n%s", diff)
	}
}

// noise are lines that are about the dump and not about the schema.
var noise = regexp.MustCompile(`(?m)^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*)\n`)

var blank = regexp.MustCompile(`\n{3,}`)

// dump returns the schema of a database without goose's own table.
func dump(t *testing.T, url string) string {
	t.Helper()
	tool, err := private.Tool("pg_dump")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.CommandContext(t.Context(), tool, "--schema-only", "--no-owner", "--no-privileges",
		"--exclude-table=goose_db_version", "--exclude-table=goose_db_version_id_seq", "--dbname="+url)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, problems.String())
	}
	text := noise.ReplaceAllString(out.String(), "")
	return strings.TrimSpace(blank.ReplaceAllString(text, "\n\n")) + "\n"
}
