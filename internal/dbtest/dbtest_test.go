package dbtest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"mailer/internal/db"
)

// A test binary that is killed leaves its databases behind; the next one to come drops them, and no others.
func TestMain(m *testing.M) {
	if os.Getenv("DBTEST_LEAVE_BEHIND") != "" {
		c, err := theCluster(context.Background())
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		name, err := c.create(context.Background(), true)
		fmt.Println(name, err)
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestOpen(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			d := Open(t)
			current, latest, err := db.Version(t.Context(), d)
			if err != nil || current != latest || current == 0 {
				t.Fatalf("version %d of %d, %v", current, latest, err)
			}
			// Every test sees its own rows only.
			var n int
			if err := d.GetContext(t.Context(), &n, `SELECT count(*) FROM audit_log`); err != nil || n != 0 {
				t.Fatalf("%d rows of others, %v", n, err)
			}
			if _, err := d.ExecContext(t.Context(), `INSERT INTO audit_log (actor, action) VALUES ('x', 'y')`); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestDroppedAtTheEnd(t *testing.T) {
	var name string
	t.Run("inner", func(t *testing.T) {
		if err := Open(t).GetContext(t.Context(), &name, `SELECT current_database()`); err != nil {
			t.Fatal(err)
		}
	})
	if exists(t, name) {
		t.Errorf("%s is still there", name)
	}
}

func TestOpenEmpty(t *testing.T) {
	t.Parallel()
	d, dsn := OpenEmpty(t)
	var n int
	if err := d.GetContext(t.Context(), &n, `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`); err != nil || n != 0 {
		t.Errorf("%d tables, %v", n, err)
	}
	if !strings.HasPrefix(dsn, "postgres://") {
		t.Errorf("address %s", dsn)
	}
}

func TestLeftoversOfKilledRuns(t *testing.T) {
	mine := Open(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "DBTEST_LEAVE_BEHIND=1")
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var name string
	if _, err := fmt.Fscan(out, &name); err != nil || !strings.HasPrefix(name, testPrefix) {
		t.Fatalf("the other run says %q, %v", name, err)
	}
	c, err := theCluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.dropLeftovers(t.Context()); err != nil || !exists(t, name) {
		t.Fatalf("a living run's database was dropped (%v)", err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for exists(t, name) { // until the server has noticed that its connection is gone
		if err := c.dropLeftovers(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := mine.ExecContext(t.Context(), `SELECT 1`); err != nil {
		t.Errorf("our own database was dropped: %v", err)
	}
}

func exists(t *testing.T, name string) (there bool) {
	t.Helper()
	c, err := theCluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.admin.GetContext(t.Context(), &there, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, name); err != nil {
		t.Fatal(err)
	}
	return there
}

// MAILER_TEST_DSN leads to a server elsewhere, and one that is not there fails the tests instead of skipping them.
func TestServerElsewhere(t *testing.T) {
	c, err := theCluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run := func(dsn string) (string, error) {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestOpen$")
		cmd.Env = append(os.Environ(), "MAILER_TEST_DSN="+dsn)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(c.dsn("postgres")); err != nil {
		t.Errorf("with a server: %v\n%s", err, out)
	}
	if out, err := run("postgres://nobody@127.0.0.1:1/none?sslmode=disable"); err == nil || !strings.Contains(out, "no database for tests") {
		t.Errorf("without a server: %v\n%s", err, out)
	}
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		c, err := theCluster(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		name, err := c.create(b.Context(), true)
		if err != nil {
			b.Fatal(err)
		}
		if err := c.drop(b.Context(), name); err != nil {
			b.Fatal(err)
		}
	}
}
