package feedback_test

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/jmoiron/sqlx"

	"mailer/internal/dbtest"
	"mailer/internal/feedback"
	"mailer/internal/links"
	"mailer/internal/spool"
	"mailer/internal/subscribers"
)

// rig is the listener on a real socket, on a database that can be cut off.
type rig struct {
	t       *testing.T
	db      *sqlx.DB
	line    *dbtest.Line
	ring    *links.Ring
	direct  *subscribers.Store
	leaver  *subscribers.Leaver
	spool   *spool.Spool
	store   *feedback.Store
	lmtp    bool
	address string
	list    subscribers.List
	reader  subscribers.Subscriber
}

func newRig(t *testing.T, lmtp bool) *rig {
	t.Helper()
	direct, through, line := dbtest.OpenLine(t)
	ring, err := links.NewRing(strings.Repeat("secret", 10), nil)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	r := &rig{t: t, db: direct, line: line, ring: ring, lmtp: lmtp, direct: subscribers.NewStore(direct, ring)}
	if r.spool, err = spool.Open(t.TempDir(), log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.spool.Close)
	r.leaver = subscribers.NewLeaver(subscribers.NewStore(through, ring), r.spool, log)
	r.store = feedback.NewStore(through, ring, r.leaver, log)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := feedback.NewServer(r.store, "bounce.paper.org", lmtp, log)
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = srv.Shutdown(ctx)
	})
	r.address = ln.Addr().String()
	if r.list, err = r.direct.CreateList(t.Context(), subscribers.List{Slug: "daily", Name: "The Daily", FromAddress: "news@paper.org"}); err != nil {
		t.Fatal(err)
	}
	r.reader = r.add("jane@example.org")
	return r
}

func (r *rig) add(address string) subscribers.Subscriber {
	r.t.Helper()
	added, err := r.direct.Add(r.t.Context(), subscribers.AddRequest{Address: address, ListID: r.list.ID, Confirmed: true, Source: "test"})
	if err != nil {
		r.t.Fatal(err)
	}
	return added.Subscriber
}

// leaveAt is the address that unsubscribes a reader.
func (r *rig) leaveAt(reader int64) string {
	r.t.Helper()
	local, ok := links.AppendLeaveLocal(nil, r.ring.LeaveToken(r.ring.Current(), links.Leave{Subscriber: reader, List: r.list.ID, Campaign: 7}))
	if !ok || len(local) > 64 {
		r.t.Fatalf("%s is no local part", local)
	}
	return string(local) + "@bounce.paper.org"
}

// send hands over a mail and returns what the server says of it.
func (r *rig) send(data string, to ...string) error {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	c := smtp.NewClient(conn)
	if r.lmtp {
		c = smtp.NewClientLMTP(conn)
	}
	defer func() { _ = c.Close() }()
	if err := c.Hello("mx.example.org"); err != nil {
		return err
	}
	if err := c.Mail("jane@example.org", nil); err != nil {
		return err
	}
	for _, rcpt := range to {
		if err := c.Rcpt(rcpt, nil); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(data)); err != nil {
		return err
	}
	return w.Close()
}

func (r *rig) count(query string, args ...any) (n int) {
	r.t.Helper()
	if err := r.db.GetContext(r.t.Context(), &n, query, args...); err != nil {
		r.t.Fatal(err)
	}
	return n
}

func (r *rig) left(reader int64) bool {
	return r.count(`SELECT count(*) FROM subscriptions WHERE subscriber_id = $1 AND state = 'unsubscribed'`, reader) == 1
}

// code is the reply of the server to what was refused.
func code(err error) int {
	var e *smtp.SMTPError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// UNS-14: whatever a mail to the address says, and in whatever case its address comes back, it unsubscribes.
func TestUNS14Mailto(t *testing.T) {
	t.Parallel()
	for _, lmtp := range []bool{false, true} {
		r := newRig(t, lmtp)
		for i, data := range []string{
			"", "\r\n", "Subject: unsubscribe\r\n\r\n", "From: a\r\nSubject: =?iso-2022-jp?B?GyRCNXAhKhsoQg==?=\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n\x1b$B5p!*\x1b(B\r\n",
			"Subject: \xff\xfe\xfd\r\n\r\n\x80\x81\r\n", "no header at all", "Auto-Submitted: no\r\n\r\nx", "Auto-Submitted: auto-generated\r\n\r\nx",
			"Subject: Auto-Submitted: auto-replied\r\n\r\nAuto-Submitted: auto-replied\r\n", "X-A: 1\r\n\r\n" + strings.Repeat("a very long line ", 5000) + "\r\n",
			"Subject: large\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 20_000),
		} {
			reader := r.add(fmt.Sprintf("reader%d@example.org", i)).ID
			to := r.leaveAt(reader)
			if i%2 == 1 {
				to = strings.ToUpper(to)
			}
			if err := r.send(data, to); err != nil {
				t.Fatalf("LMTP %v, %.60q: %v", lmtp, data, err)
			}
			if !r.left(reader) {
				t.Errorf("LMTP %v, %.60q: still subscribed", lmtp, data)
			}
		}
		if n := r.count(`SELECT count(*) FROM inbound WHERE kind = 'leave' AND handled_at IS NOT NULL AND data IS NULL AND campaign_id = 7`); n != 11 {
			t.Errorf("%d mails are on record as dealt with, with nothing of them kept", n)
		}
		if n := r.count(`SELECT count(*) FROM consent_log WHERE event = 'unsubscribed' AND method = 'mailto' AND campaign_id = 7`); n != 11 { // UNS-17
			t.Errorf("%d lines of evidence", n)
		}
		// A repeat is one event, and two readers at once are both served.
		a, b := r.add("a@example.org").ID, r.add("b@example.org").ID
		for range 2 {
			if err := r.send("Subject: x\r\n\r\n", r.leaveAt(a), r.leaveAt(b)); err != nil {
				t.Fatal(err)
			}
		}
		if !r.left(a) || !r.left(b) || r.count(`SELECT count(*) FROM consent_log WHERE method = 'mailto'`) != 13 {
			t.Error("a mail to two addresses")
		}
	}
}

// UNS-14: what is no wish of a reader's of ours is taken and forgotten, without an answer; other recipients are refused.
func TestUNS14Ignored(t *testing.T) {
	t.Parallel()
	r := newRig(t, false)
	mine := r.leaveAt(r.reader.ID)
	for _, data := range []string{
		"Auto-Submitted: auto-replied\r\n\r\nI am away", "auto-submitted:AUTO-REPLIED (vacation); owner-email=\"x\"\r\n\r\n", "A: b\r\nAuto-Submitted:\r\n auto-replied\r\n\r\nx",
		"Auto-Submitted: auto-replied",
	} {
		if err := r.send(data, mine); err != nil {
			t.Errorf("%q: %v", data, err)
		}
	}
	token, _, _ := strings.Cut(mine, "@")
	raw, err := base32.StdEncoding.DecodeString(strings.ToUpper(token[2:]))
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), raw...)
	flipped[20] ^= 1
	preferences, _ := links.AppendLeaveLocal(nil, r.ring.PreferencesToken(r.ring.Current(), links.Preferences{Subscriber: r.reader.ID, List: r.list.ID, Campaign: 7}))
	for name, to := range map[string]string{
		"one bit": "u-" + strings.ToLower(base32.StdEncoding.EncodeToString(flipped)), "of other purpose": string(preferences),
		"bounce with a leave token": "b-" + token[2:46],
	} {
		if err := r.send("Subject: unsubscribe\r\n\r\n", to+"@bounce.paper.org"); err != nil {
			t.Errorf("%s: %v; nobody learns whether a token is genuine", name, err)
		}
	}
	for _, to := range []string{"postmaster@bounce.paper.org", "jane@example.org", "u@bounce.paper.org", "x" + mine, "u-@bounce.paper.org", "b-nothing@bounce.paper.org",
		token[:30] + "@bounce.paper.org", token + "a@bounce.paper.org", "u-" + base64.RawURLEncoding.EncodeToString(raw) + "@bounce.paper.org"} {
		if err := r.send("Subject: x\r\n\r\n", to); code(err) != 550 {
			t.Errorf("%s: %v; want 550", to, err)
		}
	}
	if err := r.send("Subject: x\r\n\r\n"+strings.Repeat(strings.Repeat("x", 998)+"\r\n", 22_000), mine); code(err) != 552 {
		t.Errorf("22 MB: %v; want 552", err)
	}
	if r.left(r.reader.ID) || r.count(`SELECT count(*) FROM inbound`) != 4 || r.count(`SELECT count(*) FROM inbound WHERE auto_replied AND handled_at IS NOT NULL`) != 4 {
		t.Errorf("left %v, %d mails on record; want the four automatic ones", r.left(r.reader.ID), r.count(`SELECT count(*) FROM inbound`))
	}
	if r.count(`SELECT count(*) FROM outbox`) != 0 {
		t.Error("it answers")
	}
	// A reader who was erased leaves no trace here.
	if err := r.send("Subject: x\r\n\r\n", r.leaveAt(123456)); err != nil || r.count(`SELECT count(*) FROM inbound WHERE subscriber_id = 123456`) != 0 {
		t.Errorf("an erased reader: %v", err)
	}
}

// UNS-11, UNS-14: a wish by mail while the database is away is kept and answered 250; where nothing can keep it the sender is asked to come back.
func TestUNS14Away(t *testing.T) {
	t.Parallel()
	r := newRig(t, true)
	r.line.Cut()
	if err := r.send("Subject: x\r\n\r\n", r.leaveAt(r.reader.ID)); err != nil || r.spool.Pending() != 1 {
		t.Fatalf("%v, %d are kept", err, r.spool.Pending())
	}
	if err := r.send("Auto-Submitted: auto-replied\r\n\r\n", r.leaveAt(r.reader.ID)); err != nil || r.spool.Pending() != 1 {
		t.Errorf("automatic: %v, %d are kept", err, r.spool.Pending())
	}
	bounce := "b-" + r.ring.BounceToken(r.ring.Current(), links.Bounce{Campaign: 7, Subscriber: r.reader.ID}) + "@bounce.paper.org"
	if err := r.send("Subject: failed\r\n\r\n", bounce); code(err) != 451 {
		t.Errorf("a bounce: %v; want 451, and the MTA keeps it", err)
	}
	r.line.Restore()
	if _, err := r.leaver.Drain(t.Context()); err != nil || !r.left(r.reader.ID) {
		t.Errorf("%v, left %v", err, r.left(r.reader.ID))
	}
	if r.count(`SELECT count(*) FROM consent_log WHERE method = 'mailto'`) != 1 {
		t.Error("no evidence")
	}
	// Bounces are kept for whoever reads them, and what a crash left undone is done later.
	if err := r.send("Auto-Submitted: auto-replied\r\nSubject: failed\r\n\r\nUser unknown\r\n", bounce); err != nil {
		t.Error(err)
	}
	if r.count(`SELECT count(*) FROM inbound WHERE kind = 'bounce' AND campaign_id = 7 AND handled_at IS NULL AND encode(data, 'escape') LIKE '%User unknown%'`) != 1 {
		t.Error("the bounce is not kept")
	}
	other := r.add("other@example.org").ID
	if _, err := r.db.ExecContext(t.Context(), `INSERT INTO inbound (kind, subscriber_id, list_id, campaign_id, received_at) VALUES ('leave', $1, $2, 7, now() - interval '2 minutes')`, other, r.list.ID); err != nil {
		t.Fatal(err)
	}
	n, err := r.store.Settle(t.Context())
	if err != nil || n != 1 || r.count(`SELECT count(*) FROM inbound WHERE kind = 'leave' AND handled_at IS NULL`) != 0 {
		t.Errorf("%d, %v", n, err)
	}
	// The reader was added after that mail: it is void, as their consent is newer.
	if r.left(other) {
		t.Error("a mail from before the sign-up counted")
	}
	if n, err := feedback.Prune(t.Context(), r.db, time.Now().Add(time.Minute), 10); err != nil || n != 2 || r.count(`SELECT count(*) FROM inbound`) != 0 {
		t.Errorf("pruned %d, %v", n, err)
	}
}

// One address has so many connections and no more; others are told to come back, and there is room again when one ends.
func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t, false)
	greeting := func() (string, net.Conn) {
		conn, err := net.Dial("tcp", r.address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		b := make([]byte, 3)
		if _, err := conn.Read(b); err != nil {
			t.Fatal(err)
		}
		return string(b), conn
	}
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for {
		said, conn := greeting()
		if said == "421" {
			_ = conn.Close()
			break
		}
		if open = append(open, conn); len(open) > 200 {
			t.Fatal("there is no limit")
		}
	}
	_ = open[0].Close()
	deadline := time.Now().Add(20 * time.Second)
	for {
		said, conn := greeting()
		_ = conn.Close()
		if said == "220" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("there is never room again")
		}
	}
}
