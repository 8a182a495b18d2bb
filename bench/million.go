package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/db"
)

// million measures the launch of the large list against bare SQL that comes to the same end in the same tables, with the
// same indexes and foreign keys, on the same Postgres.
func (b *bench) million(ctx context.Context) error {
	s, err := b.site(ctx, b.options.million)
	if err != nil {
		return err
	}
	if err := b.launchLarge(ctx, s); err != nil {
		return err
	}
	r, err := b.largeSend(ctx)
	if err != nil {
		return err
	}
	during := "while it is sent as well"
	b.note(measure{Name: "launch to first message", Value: ms(r.first.Sub(r.launched)), Unit: "ms", Less: true, Aim: atMost(2000, "< 2,000"), Note: during})
	b.note(measure{Name: "launch to complete audience", Value: r.complete.Seconds(), Unit: "s", Less: true, Note: during})
	b.note(measure{Name: "a public page meanwhile, 99 of 100 within", Value: ms(r.page), Unit: "ms", Less: true,
		Note: fmt.Sprintf("%d pages; %.1f ms before the launch", r.samples, ms(r.pageBefore))})
	b.note(measure{Name: "a trivial write meanwhile, 99 of 100 within", Value: ms(r.query), Unit: "ms", Less: true,
		Note: fmt.Sprintf("%.1f ms before the launch", ms(r.queryBefore))})
	n := float64(r.audience)
	b.note(measure{Name: "the whole send, launch to done", Value: n / r.done.Sub(r.launched).Seconds(), Unit: "messages/s", CPU: r.cpu})
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// importLarge compares an import by the command line, from a CSV file, with COPY and INSERT of rows that need no check.
func (b *bench) importLarge(ctx context.Context) error {
	fresh := b.sites[b.options.million] == nil
	s, err := b.site(ctx, b.options.million)
	if err != nil {
		return err
	}
	took, spent := s.took, s.spent
	if !fresh && b.imported { // a later round
		again, err := b.newSite(ctx, "again", s.readers)
		if err != nil {
			return err
		}
		took, spent = again.took, again.spent
		if err := b.drop(ctx, again.db, "again"); err != nil {
			return err
		}
	}
	b.imported = true
	bare, bareSpent, err := b.bareImport(ctx, s.readers, "bare SQL", func(d *sqlx.DB) error {
		return db.InTx(ctx, d, func(tx *sqlx.Tx) error { return bareRows(ctx, tx, s.readers) })
	})
	if err != nil {
		return err
	}
	copied, copiedSpent, err := b.bareImport(ctx, s.readers, "bare COPY", func(d *sqlx.DB) error { return bareCopies(ctx, d, s.readers) })
	if err != nil {
		return err
	}
	n := float64(s.readers)
	m := measure{Name: "import, from the command to its end", Value: n / took.Seconds(), Unit: "rows/s", Note: fmt.Sprintf("%d rows in %.1f s; %s", s.readers, took.Seconds(), spent)}
	if s.readers == 1_000_000 {
		m.Aim = atLeast(50_000, "≥ 50,000")
	}
	b.note(m)
	b.note(measure{Name: "import by bare SQL", Value: n / bare.Seconds(), Unit: "rows/s",
		Note: fmt.Sprintf("in %.1f s: COPY into an unlogged table, then three INSERT … SELECT, in one transaction; %s", bare.Seconds(), bareSpent)})
	b.note(measure{Name: "import against bare SQL", Value: bare.Seconds() / took.Seconds(), Unit: "×", Aim: atLeast(0.6, "≥ 0.6")})
	b.note(measure{Name: "import by bare COPY into the tables", Value: n / copied.Seconds(), Unit: "rows/s",
		Note: fmt.Sprintf("in %.1f s, over %d connections; %s", copied.Seconds(), bareLanes, copiedSpent)})
	b.note(measure{Name: "import against bare COPY", Value: copied.Seconds() / took.Seconds(), Unit: "×"})
	b.note(measure{Name: "memory of the import", Value: s.memory, Unit: "MB", Less: true})
	return nil
}

// launchLarge compares how the audience is written with one statement that writes it. The relay is away meanwhile, so that
// nothing else is at work.
func (b *bench) launchLarge(ctx context.Context, s *site) error {
	p, _, err := s.serve()
	if err != nil {
		return err
	}
	defer p.stop()
	id, err := s.campaign(ctx)
	if err != nil {
		return err
	}
	if err := s.checkpoint(ctx); err != nil {
		return err
	}
	spending := b.spending()
	if err := s.launch(ctx, id); err != nil {
		return err
	}
	var took time.Duration
	for sleep(ctx, 20*time.Millisecond) {
		st, err := s.state(ctx, id)
		if err != nil {
			return err
		}
		if st.State != "running" {
			return fmt.Errorf("the send is %s: %s", st.State, st.Reason)
		}
		if took = time.Since(st.Launched); st.Complete {
			break
		}
	}
	spent := spending()
	if _, err := s.mailer(ctx, "campaigns", "cancel", fmt.Sprint(id), "--yes"); err != nil {
		return err
	}
	p.stop()
	bare, bareSpent, err := s.bareLaunch(ctx, id)
	if err != nil {
		return err
	}
	n := float64(s.readers)
	b.note(measure{Name: "launch: audience written", Value: n / took.Seconds(), Unit: "rows/s", Note: fmt.Sprintf("in %.1f s, the relay being away; %s", took.Seconds(), spent)})
	b.note(measure{Name: "launch by bare SQL", Value: n / bare.Seconds(), Unit: "rows/s", Note: fmt.Sprintf("in %.1f s: one statement that writes deliveries and chunks; %s", bare.Seconds(), bareSpent)})
	b.note(measure{Name: "launch against bare SQL", Value: bare.Seconds() / took.Seconds(), Unit: "×", Aim: atLeast(0.7, "≥ 0.7")})
	return nil
}
