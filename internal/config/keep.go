package config

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Keep is how long what is kept of readers. Afterwards it goes by itself; see docs/readers.md.
type Keep struct {
	Pending      time.Duration // MAILER_KEEP_PENDING        sign-ups that were never confirmed
	FullNetworks time.Duration // MAILER_KEEP_FULL_NETWORKS  networks in the evidence of consent, as they were noted
	Networks     time.Duration // MAILER_KEEP_NETWORKS       the same, shortened
	Deliveries   time.Duration // MAILER_KEEP_DELIVERIES     who was sent what, and what came of it
	Letters      time.Duration // MAILER_KEEP_LETTERS        what became of single mails
	Inbound      time.Duration // MAILER_KEEP_INBOUND        mail that came back
	Evidence     time.Duration // MAILER_KEEP_EVIDENCE       how erased readers had agreed
}

const day = 24 * time.Hour

// keepSetting is a setting of Keep in days, from least to ten years.
func keepSetting(name, preset, help string, least time.Duration, field func(*Keep) *time.Duration) setting {
	return setting{Name: name, Default: preset, Example: preset, Help: help,
		set: func(c *Config, v string) error {
			d, err := checkDays(v, least, 3660*day)
			*field(&c.Keep) = d
			return err
		},
		get: func(c *Config) string { return showDays(*field(&c.Keep)) }}
}

// checkDays reads 30d, or 12h.
func checkDays(v string, least, most time.Duration) (d time.Duration, err error) {
	if n, ok := strings.CutSuffix(v, "d"); ok {
		var days int
		days, err = strconv.Atoi(n)
		d = time.Duration(days) * day
		if days < 0 || days > 100_000 {
			err = errors.New("out of range")
		}
	} else {
		d, err = time.ParseDuration(v)
	}
	if err != nil || d < least || d > most {
		return 0, errors.New("must be a time from " + showDays(least) + " to " + showDays(most) + ", such as 30d")
	}
	return d, nil
}

// showDays is the reverse.
func showDays(d time.Duration) string {
	if d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return d.String()
}
