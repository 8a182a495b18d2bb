package privacy

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/dbtest"
	"mailer/internal/delivery"
	"mailer/internal/links"
	"mailer/internal/logtest"
	"mailer/internal/subscribers"
)

const day = 24 * time.Hour

// rig is a database with a list and one confirmed reader, whose name and address have quince in them and nothing else has.
type rig struct {
	*testing.T
	db     *sqlx.DB
	ring   *links.Ring
	subs   *subscribers.Store
	svc    *Service
	log    *logtest.Buffer
	list   subscribers.List
	person subscribers.Subscriber
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, db: dbtest.Open(t), log: &logtest.Buffer{}}
	var err error
	if r.ring, err = links.NewRing(strings.Repeat("secret of a test ", 3), nil); err != nil {
		t.Fatal(err)
	}
	r.subs = subscribers.NewStore(r.db, r.ring)
	r.svc = New(Deps{DB: r.db, Subscribers: r.subs, Delivery: delivery.NewStore(r.db, r.ring, r.subs), Now: time.Now,
		Log:  slog.New(slog.NewTextHandler(r.log, nil)),
		Keep: Keep{Pending: 30 * day, FullNetworks: 30 * day, Networks: 365 * day, Deliveries: 400 * day, Letters: 30 * day, Inbound: 30 * day, Evidence: 1096 * day}})
	if r.list, err = r.subs.CreateList(t.Context(), subscribers.List{Slug: "daily", Name: "The Daily", FromAddress: "news@paper.org"}); err != nil {
		t.Fatal(err)
	}
	r.person = r.add("Jane.Quince@example.org", subscribers.AddRequest{Name: "Jane Quince", Confirmed: true, Source: "book fair",
		Wording: "Send me The Daily.", Attributes: map[string]string{"city": "Quinceton"}}).Subscriber
	return r
}

func (r *rig) add(address string, a subscribers.AddRequest) subscribers.Added {
	r.Helper()
	a.Address, a.ListID = address, r.list.ID
	added, err := r.subs.Add(r.Context(), a)
	if err != nil {
		r.Fatal(err)
	}
	return added
}

func (r *rig) exec(query string, args ...any) {
	r.Helper()
	if _, err := r.db.ExecContext(context.Background(), query, args...); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
}

func (r *rig) count(query string, args ...any) (n int64) {
	r.Helper()
	if err := r.db.GetContext(context.Background(), &n, query, args...); err != nil {
		r.Fatalf("%s: %v", query, err)
	}
	return n
}

func (r *rig) identity() subscribers.Identity {
	r.Helper()
	id, err := r.subs.Records().Find(r.Context(), r.person.ID)
	if err != nil {
		r.Fatal(err)
	}
	return id
}

func (r *rig) erase() {
	r.Helper()
	if begun, err := r.svc.Erase(r.Context(), r.identity(), ByReader); err != nil || !begun {
		r.Fatalf("erase: %v, %v", begun, err)
	}
}

// tables are all of the schema, but for partitions: these are read through their parents.
func (r *rig) tables() []string {
	r.Helper()
	var names []string
	if err := r.db.SelectContext(r.Context(), &names, `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
		AND NOT relispartition AND relname <> 'goose_db_version' ORDER BY 1`); err != nil {
		r.Fatal(err)
	}
	return names
}

// holding are the tables with rows that contain a text, whatever its case, in columns of any type.
func (r *rig) holding(text string) (names []string) {
	r.Helper()
	for _, table := range r.tables() {
		where := `t::text ILIKE $1`
		var binary []string
		if err := r.db.SelectContext(r.Context(), &binary, `SELECT column_name FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name = $1 AND data_type = 'bytea'`, table); err != nil {
			r.Fatal(err)
		}
		for _, column := range binary {
			where += ` OR encode(` + column + `, 'escape') ILIKE $1`
		}
		if r.count(`SELECT count(*) FROM `+table+` t WHERE `+where, "%"+text+"%") > 0 {
			names = append(names, table)
		}
	}
	return names
}
