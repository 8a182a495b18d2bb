package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mailer/internal/errs"
)

const (
	goodSecret  = "0123456789abcdef0123456789abcdef"
	otherSecret = "fedcba9876543210fedcba9876543210"
	goodDB      = "postgres://mailer:hunter22@db.example.org:5432/mailer?sslmode=disable"
	goodSMTP    = "smtp://user:sesame99@smtp.example.org:587?tls=starttls"
	goodBase    = "https://news.example.org"
)

func production() []string {
	return []string{"MAILER_DATABASE_URL=" + goodDB, "MAILER_SMTP_URL=" + goodSMTP, "MAILER_BASE_URL=" + goodBase, "MAILER_SECRET=" + goodSecret}
}

func TestNothingConfigured(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := Load("", []string{"PATH=/bin", "MAILER_SECRET="})
	if err != nil {
		t.Fatal(err)
	}
	if c.Production || c.Complete() != nil {
		t.Error("nothing configured must be development mode, and complete")
	}
	if c.BaseURL != "http://localhost:8025" || c.MailDomain != "mailer.localhost" || c.Connections != 0 || c.StopAfter != 30*time.Second {
		t.Errorf("defaults are %v", c)
	}
	if !filepath.IsAbs(c.Home) || filepath.Base(c.Home) != ".mailer" {
		t.Errorf("home is %s", c.Home)
	}
}

func TestProduction(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := Load("", append(production(), "MAILER_BASE_URL="+goodBase+"/"))
	if err != nil || c.Complete() != nil {
		t.Fatal(err, c.Complete())
	}
	if !c.Production || c.BaseURL != goodBase || c.MailDomain != "news.example.org" {
		t.Errorf("got %v", c)
	}
}

// Any one of the required settings makes production, and the others are then missing by name, with an example.
func TestMissing(t *testing.T) {
	t.Chdir(t.TempDir())
	for i, one := range production() {
		name, _, _ := strings.Cut(one, "=")
		t.Run("only "+name, func(t *testing.T) {
			c, err := Load("", production()[i:i+1])
			if err != nil {
				t.Fatal(err)
			}
			err = c.Complete()
			if errs.KindOf(err) != errs.Config {
				t.Fatalf("Complete = %v; want kind Config", err)
			}
			for _, other := range production() {
				n, _, _ := strings.Cut(other, "=")
				if missing := strings.Contains(err.Error(), n+": is missing"); missing == (n == name) {
					t.Errorf("%s missing is %v in %v", n, missing, err)
				}
				if !strings.Contains(err.Error(), "For example "+n+"=") && n != name {
					t.Errorf("no example for %s in %v", n, err)
				}
			}
		})
	}
}

func TestWrongValues(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, values := range map[string][]string{
		"MAILER_DATABASE_URL": {"mysql://h/db", "postgres://h", "postgres:///db", "postgres://u:p@ss@h:x/db", "mailer"},
		"MAILER_SMTP_URL":     {"http://h", "smtp://", "smtp://h:0", "smtp://h:70000", "smtp://h?tls=maybe", "smtp://h?tls=starttls&x=1", "smtps://h?tls=none", "smtp://h/path", "smtp://u:pa%zz@h", "h:587"},
		"MAILER_BASE_URL":     {"http://news.example.org", "news.example.org", "https://", "https://u:p@h", "https://h?x=1", "https://h#x"},
		"MAILER_SECRET":       {"short", strings.Repeat("a", 64), strings.Repeat("abc", 20)},
		"MAILER_OLD_SECRETS":  {"short", goodSecret + ",short", goodSecret + ","},
		"MAILER_LISTEN":       {"8025", "127.0.0.1:x", "127.0.0.1:99999"},
		"MAILER_MAIL_DOMAIN":  {"nodots", "-x.example.org", "a b.example.org", "example.org/x", "exämple.org"},
		"MAILER_CONNECTIONS":  {"1001", "many", "-1"},
		"MAILER_RATE":         {"many", "-1", "0.5"},
		"MAILER_LOG_LEVEL":    {"loud"},
		"MAILER_LOG_FORMAT":   {"xml"},
		"MAILER_ALLOW_HOSTS":  {"localhost", ":80", "a:80,b"},
		"MAILER_STOP_AFTER":   {"soon", "-1s", "1h"},
	} {
		for _, v := range values {
			t.Run(name+" "+v, func(t *testing.T) {
				_, err := Load("", []string{name + "=" + v})
				if errs.KindOf(err) != errs.Config || !strings.Contains(err.Error(), name+": ") || !strings.Contains(err.Error(), "for example "+name+"=") {
					t.Fatalf("Load = %v; want it refused by name with an example", err)
				}
			})
		}
	}
}

func TestGoodValues(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, kv := range []string{"MAILER_SMTP_URL=smtps://smtp.example.org", "MAILER_SMTP_URL=smtps://u:p%40@smtp.example.org:465?tls=implicit",
		"MAILER_SMTP_URL=smtp://[::1]:25?tls=none", "MAILER_DATABASE_URL=postgres:///mailer?host=/run/postgresql", "MAILER_LISTEN=:0",
		"MAILER_BASE_URL=https://example.org/news", "MAILER_OLD_SECRETS=" + goodSecret + ", " + otherSecret} {
		if _, err := Load("", []string{kv}); err != nil {
			t.Errorf("%s: %v", kv, err)
		}
	}
}

func TestAllowHostsInProduction(t *testing.T) {
	t.Chdir(t.TempDir())
	if c, err := Load("", []string{"MAILER_ALLOW_HOSTS=localhost:9000, 127.0.0.1:80"}); err != nil || len(c.AllowHosts) != 2 {
		t.Errorf("in development: %v, %v", c, err)
	}
	if _, err := Load("", append(production(), "MAILER_ALLOW_HOSTS=localhost:9000")); errs.KindOf(err) != errs.Config || !strings.Contains(err.Error(), "MAILER_ALLOW_HOSTS: ") {
		t.Errorf("in production: %v; want it refused", err)
	}
}

// All that is wrong is said at once.
func TestAllProblemsAtOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := Load("", []string{"MAILER_LISTEN=x", "MAILER_CONNECTIONS=x"})
	if err == nil || !strings.Contains(err.Error(), "MAILER_LISTEN") || !strings.Contains(err.Error(), "MAILER_CONNECTIONS") {
		t.Fatal(err)
	}
	if pub := errs.Public(err); strings.Count(pub, "\n") != 1 {
		t.Errorf("Public shows %q; want a line for each", pub)
	}
}

func write(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mailer.toml")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFileEnvironmentFlag(t *testing.T) {
	path := write(t, `
base_url = "https://file.example.org"
old_secrets = ["`+goodSecret+`", "`+otherSecret+`"]
connections = 3
home = "data"
listen = "127.0.0.1:1"
`, 0o600)
	c, err := Load(path, []string{"MAILER_CONNECTIONS=4", "MAILER_LISTEN=127.0.0.1:2"}, Flag{"MAILER_LISTEN", "127.0.0.1:3"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2]string{
		"MAILER_BASE_URL":    {"https://file.example.org", "file"},
		"MAILER_CONNECTIONS": {"4", "environment"},
		"MAILER_LISTEN":      {"127.0.0.1:3", "flag"},
		"MAILER_LOG_LEVEL":   {"info", "default"},
		"MAILER_HOME":        {filepath.Join(filepath.Dir(path), "data"), "file"},
	}
	for _, e := range c.Entries() {
		if w, ok := want[e.Name]; ok && (e.Value != w[0] || e.Source != w[1]) {
			t.Errorf("%s is %q from %s; want %v", e.Name, e.Value, e.Source, w)
		}
	}
	if len(c.OldSecrets) != 2 || c.OldSecrets[1] != otherSecret {
		t.Errorf("old secrets are %d", len(c.OldSecrets))
	}
	if len(c.Warnings) != 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
	if byEnv, err := Load("", []string{"MAILER_CONFIG=" + path}); err != nil || byEnv.File != path {
		t.Errorf("MAILER_CONFIG: %v, %v", byEnv, err)
	}
}

func TestBadFiles(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"unknown key":       {`conections = 3`, "conections: is not a setting"},
		"nearest":           {`conections = 3`, "did you mean connections?"},
		"nothing near":      {`zzzzzzzzzz = 3`, "known are database_url"},
		"case":              {`Listen = "x"`, "did you mean listen?"},
		"a table":           {"[smtp]\nurl = 'x'", "smtp: is not a setting"},
		"number as text":    {`connections = "3"`, "without quotes"},
		"text as number":    {`listen = 8025`, `for example listen = "127.0.0.1:8025"`},
		"list as text":      {`old_secrets = [1]`, "must be a list of texts"},
		"wrong value":       {`listen = "x"`, "MAILER_LISTEN: must be a host and a port (listen in "},
		"syntax names line": {"listen = \"x\"\nsecret = \"" + goodSecret, ":2: "},
		"duplicate":         {"connections = 1\nconnections = 2", ":2: "},
		"no quotes":         {"secret = " + goodSecret, ":1: "},
		"half quotes":       {"listen = \"x\"\nsecret = \"\" " + goodSecret, ":2: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(write(t, tc.text, 0o600), nil)
			if errs.KindOf(err) != errs.Config || !strings.Contains(errs.Public(err), tc.want) {
				t.Fatalf("Load = %v; want %q", err, tc.want)
			}
			if strings.Contains(err.Error(), goodSecret[:8]) {
				t.Errorf("the error repeats the secret: %v", err)
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.toml"), nil); errs.KindOf(err) != errs.Config {
		t.Errorf("a named file that is not there: %v", err)
	}
}

func TestWarnings(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, tc := range map[string]struct {
		text string
		mode os.FileMode
		env  string
		want string
	}{
		"secret for all to read":   {`secret = "` + goodSecret + `"`, 0o644, "", "chmod 600"},
		"password for all to read": {`smtp_url = "` + goodSMTP + `"`, 0o604, "", "chmod 600"},
		"nothing secret":           {`smtp_url = "smtp://h.example.org"`, 0o644, "", ""},
		"group may read":           {`secret = "` + goodSecret + `"`, 0o640, "", ""},
		"mistyped variable":        {"", 0o600, "MAILER_CONECTIONS=3", "did you mean MAILER_CONNECTIONS?"},
		"for tests":                {"", 0o600, "MAILER_TEST_DSN=x", ""},
		"whole after it is gone":   {`keep_networks = "10d"` + "\n" + `keep_full_networks = "20d"`, 0o600, "", "MAILER_KEEP_NETWORKS is shorter"},
		"gone before the default":  {`keep_networks = "10d"`, 0o600, "", ""},
		"made by a platform":       {"", 0o600, "MAILER_PORT_8025_TCP_ADDR=10.0.0.1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Load(write(t, tc.text, tc.mode), []string{tc.env})
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(c.Warnings, "\n")
			if (tc.want == "") != (got == "") || !strings.Contains(got, tc.want) {
				t.Errorf("warnings %q; want %q", got, tc.want)
			}
		})
	}
}

// However a Config is printed or logged, no secret and no password shows.
func TestSecretsStayHidden(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := Load("", append(production(), "MAILER_OLD_SECRETS="+otherSecret,
		"MAILER_DATABASE_URL=postgres://db.example.org/mailer?password=hunter22&user=u"))
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(h).Info("config", "pointer", c, "value", *c)
	}
	j, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out := logged.String() + string(j) + c.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		out += fmt.Sprintf(verb, c) + fmt.Sprintf(verb, *c)
	}
	for _, secret := range []string{goodSecret, otherSecret, "hunter22", "sesame99"} {
		if strings.Contains(out, secret) {
			t.Errorf("%s shows in %s", secret, out)
		}
	}
	if !strings.Contains(out, "smtp.example.org") || !strings.Contains(out, "db.example.org") {
		t.Errorf("hosts should show: %s", c)
	}
}

// A relay that knows only a token takes it as user name and password.
func TestTokenAsUserStaysHidden(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := Load("", []string{"MAILER_SMTP_URL=smtp://sesame99:sesame99@smtp.example.org:587"})
	if err != nil || strings.Contains(c.String(), "sesame99") || !strings.Contains(c.String(), "smtp.example.org:587") {
		t.Errorf("Load = %v, %v", c, err)
	}
}

func TestRefusalsHideSecrets(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, kv := range []string{"MAILER_SMTP_URL=smtp://u:sesame99@h:bad", "MAILER_DATABASE_URL=postgres://u:sesame99@h:bad/x", "MAILER_SECRET=sesame99",
		"MAILER_BASE_URL=https://u:sesame99@h"} {
		if _, err := Load("", []string{kv}); err == nil || strings.Contains(err.Error(), "sesame99") {
			t.Errorf("%s: %v", kv, err)
		}
	}
}

func TestEnsureSecret(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	load := func() *Config {
		c, err := Load("", nil, Flag{"MAILER_HOME", home})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	t.Chdir(t.TempDir())
	// Many at once agree on one.
	got := make(chan string, 20)
	for range cap(got) {
		c := load()
		go func() {
			if err := c.EnsureSecret(); err != nil {
				t.Error(err)
			}
			got <- c.Secret
		}()
	}
	first := <-got
	for range cap(got) - 1 {
		if s := <-got; s != first {
			t.Fatal("two processes have two secrets")
		}
	}
	if checkSecret(first) != nil {
		t.Errorf("the generated secret is weak: %d characters", len(first))
	}
	c := load()
	if err := c.EnsureSecret(); err != nil || c.Secret != first || c.Production {
		t.Fatal("the second start has another secret, or is production", err)
	}
	fi, err := os.Stat(c.SecretPath())
	if err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", fi.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(home, "secret-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	i := slices.IndexFunc(c.Entries(), func(e Entry) bool { return e.Name == "MAILER_SECRET" })
	if e := c.Entries()[i]; e.Source != "generated" {
		t.Errorf("source is %s", e.Source)
	}
	if err := os.WriteFile(c.SecretPath(), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := load().EnsureSecret(); errs.KindOf(err) != errs.Config {
		t.Errorf("a damaged secret: %v", err)
	}
}
