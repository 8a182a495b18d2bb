package appeals

import (
	"testing"
	"time"

	"mailer/internal/dbtest"
	"mailer/internal/errs"
)

// Each wording shows what came of it, people and programs apart, the present one first.
func TestWordingsWithClicks(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	s, ctx := NewStore(d, time.Now), t.Context()
	first, err := s.Create(ctx, good, "ed")
	if err != nil {
		t.Fatal(err)
	}
	changed := good
	changed.Heading = "Another"
	second, err := s.Revise(ctx, changed, "ed")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ExecContext(ctx, `INSERT INTO appeal_clicks (campaign_id, variant_id, hour, clicks, machine_clicks)
		VALUES (1, $1, '2026-11-01 08:00Z', 3, 1), (2, $1, '2026-11-02 08:00Z', 4, 0), (3, $1, '2026-11-03 08:00Z', 0, 9)`, first.VariantID); err != nil {
		t.Fatal(err)
	}
	got, err := s.Wordings(ctx, good.Slug)
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if n := got[0]; n.ID != second.VariantID || n.Clicks != 0 || n.LastClick != nil {
		t.Errorf("the present wording: %+v", n)
	}
	if o := got[1]; o.Heading != good.Heading || o.Clicks != 7 || o.Machines != 10 || o.Campaigns != 2 || o.LastClick == nil || o.LastClick.Day() != 2 {
		t.Errorf("the first wording: %+v", o)
	}
	if _, err := s.Wordings(ctx, "none"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("an appeal that there is not: %v", err)
	}
}
