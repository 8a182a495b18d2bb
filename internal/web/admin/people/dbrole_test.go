package people_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"mailer/internal/accounts"
	"mailer/internal/db"
	"mailer/internal/dbtest"
	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/relay"
	"mailer/internal/smtptest"
	"mailer/internal/transfer"
	"mailer/internal/web/admin/admintest"
)

// serviceRole makes a role that may run the program and no more, and opens the database as it.
func serviceRole(t *testing.T) (owner, service *sqlx.DB) {
	t.Helper()
	owner, dsn := dbtest.OpenURL(t)
	role := fmt.Sprintf("mailer_test_%x", rand.Uint64())
	quoted := pq.QuoteIdentifier(role)
	run := func(stmt string) {
		t.Helper()
		if _, err := owner.ExecContext(context.WithoutCancel(t.Context()), stmt); err != nil {
			t.Errorf("%s: %v", stmt, err)
		}
	}
	if err := db.Grant(t.Context(), owner, role); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a role that there is not: %v", err)
	}
	run(`CREATE ROLE ` + quoted + ` LOGIN PASSWORD 'test'`)
	t.Cleanup(func() { run(`DROP OWNED BY ` + quoted); run(`DROP ROLE ` + quoted) })
	for range 2 { // at every migration again
		if err := db.Grant(t.Context(), owner, role); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	service, err = db.Open(t.Context(), dbtest.As(t, dsn, role, "test"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Close() })
	if err := db.Grant(t.Context(), service, role); err == nil {
		t.Error("the role gives itself rights")
	}
	return owner, service
}

// SEC-09, SEC-25: the program runs as a role of Postgres that owns nothing: a newsroom is set up, a campaign composed, approved and
// sent, readers are exported, erased and suppressed, old rows dropped. Who did it stands in the log, which that role cannot change,
// any more than it can change or drop a table.
func TestSEC09DatabaseRole(t *testing.T) {
	t.Parallel()
	owner, service := serviceRole(t)
	r := &rig{t, admintest.Open(t, admintest.On(service))}
	if err := db.Migrate(t.Context(), service); err != nil {
		t.Fatalf("a start as the role: %v", err)
	}
	r.Newsroom()
	ines := r.Person("Ines", accounts.Owner)
	c := r.Client(ines)
	r.withFactor(c)

	draft := r.Draft()
	if _, err := r.Campaigns.Approve(t.Context(), draft.ID, ines.Email, true); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Campaigns.Start(t.Context(), draft.ID, ines.Email, true); err != nil {
		t.Fatal(err)
	}
	sink := smtptest.Start(t)
	line, err := relay.New(relay.Config{URL: sink.URL(), HelloName: "mail.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sent := make(chan error, 1)
	sender := delivery.NewSender(delivery.SenderConfig{Store: r.Delivery, Relays: []delivery.RelayLine{{Relay: line}}, Log: slog.New(slog.NewTextHandler(r.Log, nil)),
		Connections: 2, Hold: -1, Idle: 20 * time.Millisecond, Tick: 100 * time.Millisecond})
	go func() { sent <- sender.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		b, err := r.Delivery.Balance(t.Context(), draft.ID)
		if err != nil {
			t.Fatal(err)
		}
		if b.State == "done" && b.Accepted == b.Audience && b.Audience > 40 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not sent: %+v\n%s", b, r.Log.String())
		}
	}
	cancel()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}

	reader := int64(r.count(`SELECT min(id) FROM subscribers`))
	if err := r.Transfer.Export(t.Context(), r.List.ID, io.Discard, transfer.ExportOptions{Who: ines.Email}); err != nil {
		t.Fatal(err)
	}
	id, err := r.Subscribers.Records().Find(t.Context(), reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Privacy.Erase(t.Context(), id, ines.Email); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Subscribers.SuppressAddress(t.Context(), "enough@example.org", "manual", "asked by telephone", ines.Email); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Audience.Create(t.Context(), "givers", "Givers", "supporter", ines.Email); err != nil {
		t.Fatal(err)
	}
	if err := r.Audience.Delete(t.Context(), "givers", ines.Email); err != nil {
		t.Fatal(err)
	}
	tom := r.Person("Tom", accounts.Viewer)
	if err := r.Accounts.People.SetGrants(t.Context(), tom.ID, nil, ines.Email); err != nil {
		t.Fatal(err)
	}
	if p := c.Get("/admin/audit?who=ines%40example.org"); !strings.Contains(p.Body, "campaign.approve") {
		t.Errorf("the page of the log: %d\n%s", p.Status, cut(p.Body))
	}
	for _, action := range []string{"campaign.approve", "campaign.launch", "subscribers.export", "reader.erase", "suppression.add", "segment.create", "segment.delete", "account.roles",
		"account.login", "account.factor_on"} {
		if n := r.count(`SELECT count(*) FROM audit_log WHERE action = $1 AND actor = $2`, action, ines.Email); n == 0 {
			t.Errorf("SEC-25: %s by %s is not in the log", action, ines.Email)
		}
	}

	if _, err := owner.ExecContext(t.Context(), `UPDATE sends SET finished_at = now() - interval '500 days'`); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Delivery.DropOld(t.Context(), 400*24*time.Hour); n != 1 || err != nil {
		t.Errorf("%d partitions dropped, %v", n, err)
	}

	var log string
	if err := owner.GetContext(t.Context(), &log, `SELECT md5(string_agg(a::text, '' ORDER BY id)) FROM audit_log a`); err != nil {
		t.Fatal(err)
	}
	for _, stmt := range []string{
		`UPDATE audit_log SET actor = 'somebody else'`, `DELETE FROM audit_log`, `TRUNCATE audit_log`, `ALTER TABLE audit_log DISABLE TRIGGER ALL`, `DROP TRIGGER audit_log_append_only ON audit_log`,
		`DROP TABLE audit_log`, `DROP TABLE accounts CASCADE`, `ALTER TABLE accounts ADD COLUMN x int`, `CREATE TABLE x (y int)`, `CREATE TABLE public.x (y int)`, `CREATE SCHEMA x`, `TRUNCATE subscribers CASCADE`,
		`CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'`, `CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
		`DROP FUNCTION add_queue_partitions(bigint, bigint)`, `CREATE INDEX ON subscribers (name)`, `DELETE FROM goose_db_version`, `UPDATE goose_db_version SET version_id = 1`,
		`SELECT grant_service('postgres')`, `CREATE ROLE x`, `COPY subscribers TO PROGRAM 'cat'`, `SELECT pg_read_file('/etc/passwd')`, `ALTER SYSTEM SET log_statement = 'all'`,
		`SET session_replication_role = replica`,
	} {
		_, err := service.ExecContext(t.Context(), stmt)
		if errs.KindOf(db.Err(err, "try")) != errs.Denied {
			t.Errorf("%s: %v; want it refused", stmt, err)
		}
	}
	var now, timeout string
	if err := owner.GetContext(t.Context(), &now, `SELECT md5(string_agg(a::text, '' ORDER BY id)) FROM audit_log a`); err != nil || now != log {
		t.Errorf("the log has changed, %v", err)
	}
	if err := service.GetContext(t.Context(), &timeout, `SHOW statement_timeout`); err != nil || timeout != "5min" {
		t.Errorf("statements end after %s, %v", timeout, err)
	}
}

// SEC-24: with everything in it that is secret, the database holds none of it in the clear, the log says none of it, and no page shows
// it again.
func TestSEC24(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.Newsroom()
	ines := r.Person("Ines", accounts.Owner)
	c := r.Client(ines)
	secret, codes := r.withFactor(c)
	p := c.Post("/admin/account/tokens", url.Values{"name": {"Sheet"}, "scope": {"exports"}})
	_, token, _ := strings.Cut(p.Body, `id="token">`)
	token, _, _ = strings.Cut(token, "<")
	link, err := r.Accounts.Links.For(t.Context(), r.Person("Tom", accounts.Viewer), ines.Email)
	if err != nil {
		t.Fatal(err)
	}
	pending := r.Client(r.Person("Una", accounts.Viewer))
	p = pending.Post("/admin/account/factor", nil)
	half := secretText.FindStringSubmatch(p.Body)[1]
	secrets := map[string]string{"the password": admintest.Password, "the secret of the second factor": strings.ReplaceAll(secret, " ", ""), "one that is being set up": strings.ReplaceAll(half, " ", ""),
		"the API token": token, "the link": link[strings.LastIndex(link, "/")+1:], "the session": c.Cookies()[0].Value, "a recovery code": codes[0], "a recovery code without dashes": strings.ReplaceAll(codes[0], "-", "")}
	var tables []string
	if err := r.DB.SelectContext(t.Context(), &tables, `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`); err != nil {
		t.Fatal(err)
	}
	for what, s := range secrets {
		if len(s) < 16 {
			t.Fatalf("%s is %q: the test does not test what it says", what, s)
		}
		for _, name := range tables {
			if n := r.count(`SELECT count(*) FROM `+name+` t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, $2) > 0`, s, hex.EncodeToString([]byte(s))); n != 0 {
				t.Errorf("%s stands in the table %s", what, name)
			}
		}
		if strings.Contains(r.Log.String(), s) {
			t.Errorf("%s stands in the log", what)
		}
	}
	for _, path := range []string{"/admin/account", "/admin/people", "/admin/people/1", "/admin/people/3", "/admin/audit", "/admin/settings"} {
		page := c.Get(path)
		for what, s := range secrets {
			if strings.Contains(page.Body, s) {
				t.Errorf("%s shows %s", path, what)
			}
		}
	}
	// Not even a panic shows what a request brought.
	r.exec(`ALTER TABLE accounts RENAME TO away`)
	page := r.Stranger().Post("/admin/login", url.Values{"email": {ines.Email}, "password": {admintest.Password}})
	if page.Status < 500 || strings.Contains(page.Body, "accounts") || strings.Contains(r.Log.String(), admintest.Password) || strings.Contains(r.Log.String(), "SELECT a.id") {
		t.Errorf("%d\n%s\n%s", page.Status, cut(page.Body), r.Log.String())
	}
	if strings.Contains(r.Log.String(), "postgres://") {
		t.Error("the address of the database stands in the log")
	}
}
