package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/smtptest"
)

// byProvider is a language of rules with one word: the provider.
func byProvider(rule []byte, first int) (string, []any, error) {
	var r struct{ Provider string }
	if err := json.Unmarshal(rule, &r); err != nil || r.Provider == "" {
		return "", nil, errs.New(errs.Invalid, "the rule names no provider")
	}
	return fmt.Sprintf(`m.provider = $%d OR m.provider = $%d`, first, first+1), []any{r.Provider, r.Provider}, nil
}

func ruled(rule string) func(*Launch) {
	return func(l *Launch) { l.Rule = []byte(rule) }
}

// recipients of the audience, in order.
func (r *rig) recipients() []string {
	r.Helper()
	var list []string
	if err := r.db.SelectContext(r.Context(), &list, `SELECT recipient FROM deliveries WHERE campaign_id = $1 ORDER BY recipient`, testCampaign); err != nil {
		r.Fatal(err)
	}
	return list
}

// A rule narrows the audience in every step, and the first slice is counted of what it leaves.
func TestRuleNarrows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.store.Narrow = byProvider
	r.readers(6000)
	r.launch(ruled(`{"provider": "google"}`), sliced(10, 0))
	s := smtptest.Start(t)
	r.sender(r.relay(s))
	if b := r.state(StateDone); b.Audience != 2000 || r.slice() != slicePassed {
		t.Errorf("slice %q, balance: %+v", r.slice(), b)
	}
	if n := r.count(`SELECT slice_of FROM sends`); n != 2000 {
		t.Errorf("the slice is cut of %d readers", n)
	}
	for to := range copies(s) {
		if !strings.HasSuffix(to, "@google.example") {
			t.Fatalf("a copy went to %s", to)
		}
	}
}

// What is launched is obeyed as it was then; when it cannot be obeyed any more nobody is mailed, and the send says why.
func TestRuleThatCannotBeObeyed(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]func(rule []byte, first int) (string, []any, error){
		"refused": func([]byte, int) (string, []any, error) {
			return "", nil, errs.New(errs.Invalid, "the topic it names is gone")
		},
		"unknown": nil,
		"empty":   func([]byte, int) (string, []any, error) { return " ", nil, nil },
		"bad SQL": func([]byte, int) (string, []any, error) { return "m.no_such_column", nil, nil },
		"a bad value": func(_ []byte, first int) (string, []any, error) {
			return fmt.Sprintf("m.subscriber_id = $%d::text::bigint", first), []any{"x"}, nil
		},
		"not our kind": func([]byte, int) (string, []any, error) { return "", nil, errors.New("no") },
	} {
		for _, slice := range []float64{0, 10} {
			t.Run(fmt.Sprintf("%s, slice %g", name, slice), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.store.Narrow = byProvider
				r.readers(30)
				r.launch(ruled(`{"provider": "google"}`), sliced(slice, 0))
				r.store.Narrow = broken
				c, err := r.store.extendAudience(t.Context())
				if c != testCampaign || err != nil {
					t.Errorf("step: %d, %v", c, err)
				}
				b := r.balance()
				if b.State != StatePaused || !strings.HasPrefix(b.Reason, "The audience: the rule") || b.Audience != 0 {
					t.Errorf("%+v", b)
				}
				if n := r.count(`SELECT count(*) FROM deliveries`); n != 0 {
					t.Errorf("%d readers in the audience", n)
				}
				r.store.Narrow = byProvider
				if err := r.store.Resume(t.Context(), testCampaign); err != nil {
					t.Fatal(err)
				}
				for range 5 {
					if _, err := r.store.extendAudience(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if got := len(r.recipients()); got != 10 {
					t.Errorf("%d readers after it was mended; want 10", got)
				}
			})
		}
	}
}

// A rule that cannot be obeyed is refused at the launch already.
func TestRuleRefusedAtLaunch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, narrow := range []func([]byte, int) (string, []any, error){nil, byProvider} {
		r.store.Narrow = narrow
		l := r.launchOf(testCampaign)
		l.Rule = []byte(`{}`)
		tx := r.db.MustBegin()
		if err := r.store.LaunchTx(t.Context(), tx, l); err == nil {
			t.Error("launched")
		}
		_ = tx.Rollback()
	}
}

// A send for those who want each edition, or the weekly one alone, goes to them; one for all goes to everybody.
func TestFrequency(t *testing.T) {
	t.Parallel()
	weekly := []string{addressOf(2), addressOf(5), addressOf(9)}
	slices.Sort(weekly)
	for frequency, want := range map[string]int{"": 12, FrequencyAll: 12, FrequencyEach: 9, FrequencyWeekly: 3} {
		t.Run(frequency, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.readers(12)
			for _, a := range weekly {
				r.exec(`UPDATE subscriptions SET frequency = 'weekly' WHERE subscriber_id = $1`, r.subscriber(a))
			}
			r.launch(func(l *Launch) { l.Frequency = frequency })
			s := smtptest.Start(t)
			r.sender(r.relay(s))
			if b := r.state(StateDone); b.Audience != int64(want) {
				t.Errorf("%+v", b)
			}
			switch frequency {
			case FrequencyEach:
				r.once(s, all(12, weekly...)...)
			case FrequencyWeekly:
				r.once(s, weekly...)
			default:
				r.once(s, all(12)...)
			}
		})
	}
}
