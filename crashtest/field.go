package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// plan says how a send is made and what it goes through.
type plan struct {
	connections int
	hold        bool          // policy hold: a doubt is not sent again
	template    string        // the usual one unless set
	haste       string        // other waits than the usual ones
	lasts       time.Duration // the relay thinks as long as it takes for one sender to need about this time; 0: it does not think
	relay       relaySpec
	leavers     bool      // some readers leave while it runs
	pg          *postgres // nil: the shared one
}

// usualHaste are the waits of a scenario. The lease is short so that a kill costs seconds; it is still many times a group's round.
const usualHaste = "lease=5s,retry=1s,relay=100ms,dot=10s,tick=1s,hold=1s"

// lease is what usualHaste says.
const lease = 5 * time.Second

// finishing is how long what must happen may take, on a machine that has much else to do.
const finishing = 3 * time.Minute

// field is one send under trial: its database, its relay, its senders.
type field struct {
	*session
	plan
	dir      string
	db       *sqlx.DB
	url      string
	address  string // of the web pages
	relay    *relayProcess
	campaign int64
	list     int64
	served   int
	watch    *watch
	leaving  *leaving

	allowed int // copies that are within the promise
	sum     figures
}

// newField makes the database and the relay of a send, and the campaign, which is not started yet.
func (s *session) newField(p plan) *field {
	s.lab.mu.Lock()
	s.fields++
	name := fmt.Sprintf("field%d", s.fields)
	s.lab.mu.Unlock()
	p.template, p.haste = cmp.Or(p.template, usual), cmp.Or(p.haste, usualHaste)
	if p.pg == nil {
		p.pg = s.pg
		s.must(s.lab.template(s.ctx, p.template))
	}
	// A dialogue takes half of what the relay thinks at most, on the average, and each connection is at one at any time.
	p.relay.Think = 2 * p.lasts * time.Duration(p.connections) / time.Duration(s.size(p.template))
	f := &field{session: s, plan: p, dir: filepath.Join(s.dir, name)}
	s.must(os.Mkdir(f.dir, 0o755))
	s.must(p.pg.createDatabase(s.ctx, name, p.template))
	f.url = p.pg.url("mailer", name)
	s.cleanup(func() { f.tidy(name) })
	var err error
	f.db, err = sqlx.Open("postgres", f.url)
	s.must(err)
	f.db.SetMaxOpenConns(2)
	s.cleanup(func() { _ = f.db.Close() })
	p.relay.Seed = s.rnd.Uint64()
	f.relay, err = startRelay(s.sys, f.dir, p.relay)
	s.must(err)
	s.cleanup(f.relay.end)
	f.address, err = freePort()
	s.must(err)
	created := f.command("campaigns", "create", "--story", "1", "--list", "weekly")
	f.campaign = int64(created["id"].(float64))
	s.must(f.db.GetContext(s.ctx, &f.list, `SELECT list_id FROM campaigns WHERE id = $1`, f.campaign))
	if p.hold {
		_, err := f.db.ExecContext(s.ctx, `UPDATE campaigns SET doubt_policy = 'hold' WHERE id = $1`, f.campaign)
		s.must(err)
	}
	return f
}

// tidy takes away the database of a send that kept its promises, and writes down that of another one.
func (f *field) tidy(name string) {
	if len(f.broken) == 0 {
		_ = f.pg.asSuperuser(context.Background(), func(d *sqlx.DB) error {
			_, err := d.Exec(`DROP DATABASE ` + name + ` WITH (FORCE)`)
			return err
		})
		return
	}
	dump := f.pg.command("pg_dump", "--host", f.pg.dir, "--username", "postgres", name)
	if out, err := f.pg.output(dump); err == nil {
		_ = os.WriteFile(filepath.Join(f.dir, "database.sql"), out, 0o600)
	}
}

// command runs a command of the program on this field's database.
func (f *field) command(args ...string) map[string]any {
	v, err := f.lab.command(f.ctx, f.lab.env(f.url, f.relay.url()), args...)
	f.must(err)
	return v
}

// launch starts the send and attends to it.
func (f *field) launch() {
	f.command("campaigns", "start", fmt.Sprint(f.campaign), "--yes")
	f.attend()
}

// attend starts the readers who leave, and the one who counts.
func (f *field) attend() {
	f.watch = f.startWatch()
	n := 0
	if f.leavers {
		n = f.size(f.template) / 40
	}
	f.leaving = f.startLeaving(n)
}

// report is where the send stands, as the operator is told.
func (f *field) report() (map[string]any, error) {
	v, err := f.lab.command(f.ctx, f.lab.env(f.url, f.relay.url()), "campaigns", "report", fmt.Sprint(f.campaign))
	if err != nil {
		return nil, err
	}
	b, ok := v["balance"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("a report without a balance: %v", v)
	}
	return b, nil
}

// state returns the state of the send, empty when the database does not answer now.
func (f *field) state() string {
	ctx, cancel := context.WithTimeout(f.ctx, 5*time.Second)
	defer cancel()
	var state string
	_ = f.db.GetContext(ctx, &state, `SELECT state FROM sends WHERE campaign_id = $1`, f.campaign)
	return state
}

// number reads one number of the database; it must answer.
func (f *field) number(query string, args ...any) (n int) {
	f.must(f.db.GetContext(f.ctx, &n, query, args...))
	return n
}

// mails returns how many entries the ledger has.
func (f *field) mails() int {
	b, err := os.ReadFile(f.relay.spec.Ledger)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		f.must(err)
	}
	return strings.Count(string(b), "\n")
}

// untilShare waits until the relay has taken this share of the mails, and checks that the send is not over by then: a fault after
// its end would prove nothing.
func (f *field) untilShare(share float64) {
	n := int(share * float64(f.size(f.template)))
	f.until(fmt.Sprintf("%d mails", n), finishing, func() bool { return f.mails() >= n || f.state() == "done" })
	if f.state() == "done" {
		f.breaks("the send was over before the fault; use more readers")
	}
}

// finish waits for the end of the send, which some sender must be working on, and compares everything.
func (f *field) finish() {
	done := f.untilDone()
	f.leaving.stop()
	f.watch.stop()
	if !done {
		b, err := f.report()
		text, _ := json.Marshal(b)
		f.must(fmt.Errorf("the send does not end: %s %v", text, errors.Join(err, f.ctx.Err())))
	}
	f.verify()
}

// untilDone waits for the end of the send. A machine may be slow, so it is in vain only when for a long time nothing has gone on at all.
func (f *field) untilDone() bool {
	last, since := -1, time.Now()
	for f.state() != "done" {
		if n := f.mails(); n != last {
			last, since = n, time.Now()
		}
		if time.Since(since) > finishing || !again(f.ctx, 50*time.Millisecond) {
			return false
		}
	}
	return true
}

// risk widens what is within the promise by one message for each connection, for one fault.
func (f *field) risk(kills, faults int) {
	f.allowed += (kills + faults) * f.connections
	f.sum.Kills += kills
	f.sum.Faults += faults
}
