package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

// inAndOut measures import and export of the large list against what Postgres does at most: rows of the same kind copied straight into
// the tables, over as many connections, and read from them.
func (b *bench) inAndOut(ctx context.Context) error {
	if err := b.importLarge(ctx); err != nil {
		return err
	}
	s, err := b.site(ctx, b.options.million)
	if err != nil {
		return err
	}
	csv := filepath.Join(b.dir, "inout.csv")
	if err := writeReaders(csv, s.readers); err != nil {
		return err
	}
	defer os.Remove(csv)
	n := float64(s.readers)
	for _, again := range []struct {
		name string
		args []string
	}{
		{"the same import again: nothing is new", nil},
		{"a dry run of it", []string{"--dry-run"}},
	} {
		b.say("%s", again.name)
		start, spent := time.Now(), b.spending()
		out, err := s.mailer(ctx, append([]string{"subscribers", "import", csv, "--list", "morning", "--confirmed", "--source", "benchmark", "--json"}, again.args...)...)
		if err != nil {
			return err
		}
		took := time.Since(start)
		var report struct {
			Unchanged int `json:"unchanged"`
		}
		if err := json.Unmarshal(out, &report); err != nil || report.Unchanged != s.readers {
			return fmt.Errorf("%s: %d of %d unchanged (%v)", again.name, report.Unchanged, s.readers, err)
		}
		b.note(measure{Name: again.name, Value: n / took.Seconds(), Unit: "rows/s", Note: fmt.Sprintf("in %.1f s; %s", took.Seconds(), spent())})
	}
	return b.exportLarge(ctx, s)
}

func (b *bench) exportLarge(ctx context.Context, s *site) error {
	b.say("exporting %d readers", s.readers)
	file := filepath.Join(b.dir, "export.csv")
	defer os.Remove(file)
	start, spent := time.Now(), b.spending()
	if _, err := s.mailer(ctx, "subscribers", "export", "--list", "morning", "--output", file); err != nil {
		return err
	}
	took, cpu := time.Since(start), spent()
	start = time.Now()
	rows, err := s.db.QueryContext(ctx, `SELECT s.address, s.name, s.language, s.supporter, sn.state, sn.confirmed_at, s.attributes
		FROM subscriptions sn JOIN subscribers s ON s.id = sn.subscriber_id WHERE sn.list_id = 1 ORDER BY sn.subscriber_id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	read := 0
	for rows.Next() {
		read++
	}
	bare := time.Since(start)
	if err := rows.Err(); err != nil || read != s.readers {
		return fmt.Errorf("%d of %d rows were read (%v)", read, s.readers, err)
	}
	n := float64(s.readers)
	b.note(measure{Name: "export, from the command to its end", Value: n / took.Seconds(), Unit: "rows/s", Note: fmt.Sprintf("in %.1f s; %s", took.Seconds(), cpu)})
	b.note(measure{Name: "export: the rows read in one statement, and thrown away", Value: n / bare.Seconds(), Unit: "rows/s", Note: fmt.Sprintf("in %.1f s", bare.Seconds())})
	b.note(measure{Name: "export against reading alone", Value: bare.Seconds() / took.Seconds(), Unit: "×"})
	return nil
}

// bareLanes is over how many connections rows are copied.
const bareLanes = 2

// bareCopies copies rows straight into the three tables: known to be right, unlike any other, and already encoded.
func bareCopies(ctx context.Context, d *sqlx.DB, readers int) error {
	const step = 20_000
	return together(bareLanes, func(lane int) error {
		conn, err := d.Connx(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		for from := lane * step; from < readers; from += bareLanes * step {
			to := min(from+step, readers)
			err := db.InConnTx(ctx, conn, func(*sqlx.Tx) error { return bareCopy(ctx, conn, from, to) })
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func bareCopy(ctx context.Context, conn *sqlx.Conn, from, to int) error {
	for _, c := range []struct {
		sql string
		row func(buf []byte, i int) []byte
	}{
		{`COPY subscribers (id, address, canonical, wire, address_hash, provider, name, language, supporter, attributes) FROM STDIN`,
			func(buf []byte, i int) []byte {
				address := reader(i)
				hash := sha256.Sum256([]byte(address))
				return fmt.Appendf(buf, "%d\t%s\t%s\t%s\t\\\\x%s\tother\tReader %d\ten\t%t\t{\"city\": \"City %d\"}", i+1, address, address, address,
					hex.EncodeToString(hash[:]), i, i%10 == 0, i%100)
			}},
		{`COPY subscriptions (subscriber_id, list_id, state, source, confirmed_at) FROM STDIN`,
			func(buf []byte, i int) []byte { return fmt.Appendf(buf, "%d\t1\tconfirmed\tbenchmark\tnow", i+1) }},
		{`COPY consent_log (subscriber_id, list_id, event, method, source) FROM STDIN`,
			func(buf []byte, i int) []byte { return fmt.Appendf(buf, "%d\t1\timported\timport\tbenchmark", i+1) }},
	} {
		err := db.CopyText(ctx, conn, c.sql, func(yield func(string) bool) {
			var buf []byte
			for i := from; i < to; i++ {
				buf = append(c.row(buf, i), '\n')
				if len(buf) > 60<<10 || i == to-1 {
					if !yield(string(buf[:len(buf)-1])) {
						return
					}
					buf = buf[:0]
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
