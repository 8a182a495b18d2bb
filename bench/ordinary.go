package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"net"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/wneessen/go-mail"

	"mailer/internal/db"
)

// ordinarySpec is what the ordinary way is told.
type ordinarySpec struct {
	Address, Database string
	HTML, Text        string // template texts
	Workers, Messages int
}

const nameOrdinary = "templates per reader, go-mail, a state column"

// ordinaryWorkers are tried; the faster counts.
var ordinaryWorkers = []int{8, 50}

// ordinaryWay measures what one would write in an afternoon, and write well: workers that each keep a connection, take
// readers by the hundred from a table with a state column (FOR UPDATE SKIP LOCKED), execute an html/template and a text/template
// for each reader, send with go-mail as it comes, and update the reader's row. It promises less than mailer: a kill repeats or
// loses what was in hand, nobody's leaving is looked at while it runs, and no reply is kept.
func (b *bench) ordinaryWay(ctx context.Context) error {
	p, err := b.preview(ctx)
	if err != nil {
		return err
	}
	html, text := templates(p)
	var best measure
	for _, workers := range ordinaryWorkers {
		if err := b.ordinaryTable(ctx); err != nil {
			return err
		}
		rate, cpu, err := b.send(ctx, "ordinary", b.ordinary, func(address string) any {
			return ordinarySpec{Address: address, Database: b.pg.DatabaseURL("ordinary"), HTML: html, Text: text, Workers: workers, Messages: b.ordinary}
		})
		if err != nil {
			return err
		}
		b.say("%d workers: %.0f messages/s", workers, rate)
		if rate > best.Value {
			best = measure{Name: nameOrdinary, Value: rate, Unit: "messages/s", CPU: cpu,
				Note: fmt.Sprintf("%d readers, fastest with %d connections of %v tried", b.ordinary, workers, ordinaryWorkers)}
		}
	}
	b.note(best)
	return nil
}

var leaveToken = regexp.MustCompile(`/u/[A-Za-z0-9_-]{30,}`)

// templates makes templates of a preview: the name and the link to leave are the reader's, all else is fixed. It is less
// than most digests ask of their templates.
func templates(p preview) (html, text string) {
	make := func(s string) string {
		s = strings.ReplaceAll(s, "{{", `{{"{{"}}`)
		s = strings.ReplaceAll(s, readerName, "{{.Name}}")
		return leaveToken.ReplaceAllString(s, "/u/{{.Token}}")
	}
	return make(p.HTML), make(p.Text)
}

func (b *bench) ordinaryTable(ctx context.Context) error {
	d, err := b.database(ctx, "ordinary")
	if err != nil {
		return err
	}
	defer d.Close()
	if _, err := d.ExecContext(ctx, `CREATE TABLE recipients (id bigint PRIMARY KEY, address text NOT NULL, name text NOT NULL,
		state text NOT NULL DEFAULT 'queued', sent_at timestamptz)`); err != nil {
		return err
	}
	if _, err := d.ExecContext(ctx, `INSERT INTO recipients (id, address, name) SELECT n, 'reader' || n || '@example.org', 'Reader ' || n
		FROM generate_series(1, $1::int) n`, b.ordinary); err != nil {
		return err
	}
	if _, err := d.ExecContext(ctx, `CREATE INDEX recipients_queued ON recipients (id) WHERE state = 'queued'`); err != nil {
		return err
	}
	_, err = d.ExecContext(ctx, `VACUUM ANALYZE recipients`)
	return err
}

// ordinary is the ordinary sender.
type ordinary struct {
	spec ordinarySpec
	db   *sqlx.DB
	html *htmltemplate.Template
	text *template.Template
}

func runOrdinary(data []byte) error {
	var o ordinary
	if err := fromJSON(data, &o.spec); err != nil {
		return err
	}
	ctx := context.Background()
	var err error
	if o.db, err = db.Open(ctx, o.spec.Database); err != nil {
		return err
	}
	defer o.db.Close()
	o.db.SetMaxOpenConns(o.spec.Workers)
	o.db.SetMaxIdleConns(o.spec.Workers)
	if o.html, err = htmltemplate.New("html").Parse(o.spec.HTML); err != nil {
		return err
	}
	if o.text, err = template.New("text").Parse(o.spec.Text); err != nil {
		return err
	}
	return whenTold(func() error {
		return together(o.spec.Workers, func(int) error { return o.work(ctx) })
	})
}

type recipient struct {
	ID      int64  `db:"id"`
	Address string `db:"address"`
	Name    string `db:"name"`
}

// Token is as long as a real one, and costs nothing.
func (r recipient) Token() string { return fmt.Sprintf("%040d", r.ID) }

func (o *ordinary) work(ctx context.Context) error {
	host, port, err := net.SplitHostPort(o.spec.Address)
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(port)
	client, err := mail.NewClient(host, mail.WithPort(n), mail.WithTLSPolicy(mail.NoTLS), mail.WithHELO("bench.example.org"), mail.WithTimeout(time.Minute))
	if err != nil {
		return err
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = client.CloseWithSMTPClient(conn) }()
	for {
		var batch []recipient
		err := o.db.SelectContext(ctx, &batch, `UPDATE recipients SET state = 'claimed' WHERE id IN (
			SELECT id FROM recipients WHERE state = 'queued' ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED) RETURNING id, address, name`)
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, r := range batch {
			msg, err := o.message(r)
			if err != nil {
				return err
			}
			if err := client.SendWithSMTPClient(conn, msg); err != nil {
				return err
			}
			if !msg.IsDelivered() {
				return errors.New("not delivered")
			}
			if _, err := o.db.ExecContext(ctx, `UPDATE recipients SET state = 'accepted', sent_at = now() WHERE id = $1`, r.ID); err != nil {
				return err
			}
		}
	}
}

func (o *ordinary) message(r recipient) (*mail.Msg, error) {
	var html, text bytes.Buffer
	if err := o.text.Execute(&text, r); err != nil {
		return nil, err
	}
	if err := o.html.Execute(&html, r); err != nil {
		return nil, err
	}
	m := mail.NewMsg()
	if err := m.From("The Paper <morning@news.example.org>"); err != nil {
		return nil, err
	}
	if err := m.EnvelopeFrom(fmt.Sprintf("b-%d@bounce.example.org", r.ID)); err != nil {
		return nil, err
	}
	if err := m.To(r.Address); err != nil {
		return nil, err
	}
	m.Subject("Story number 8, with a headline as long as headlines are")
	m.SetMessageID()
	m.SetDate()
	m.SetGenHeader("List-Unsubscribe", "<https://news.example.org/u/"+r.Token()+">")
	m.SetGenHeader("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	m.SetBodyString(mail.TypeTextPlain, text.String())
	m.AddAlternativeString(mail.TypeTextHTML, html.String())
	return m, nil
}
