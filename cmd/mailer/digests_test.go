package main

import (
	"testing"
	"time"

	"mailer/internal/campaigns"
	"mailer/internal/errs"
)

// The next edition is told by the clock of its readers, with the zone, whatever the clock of this machine.
func TestNextEdition(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 7, 1, 5, 30, 0, 0, time.UTC)
	for zone, want := range map[string]string{"Europe/London": "2026-07-01 06:30 BST", "America/Toronto": "2026-07-01 01:30 EDT", "UTC": "2026-07-01 05:30 UTC", "Asia/Kathmandu": "2026-07-01 11:15 +0545"} {
		if got := nextEdition(campaigns.Digest{Next: &at, TimeZone: zone}); got != want {
			t.Errorf("%s: %q; want %q", zone, got, want)
		}
	}
	if got := nextEdition(campaigns.Digest{TimeZone: "UTC"}); got != "-" {
		t.Errorf("none: %q", got)
	}
}

// The mail catcher's page is for this machine alone.
func TestOnlyHere(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]errs.Kind{
		"127.0.0.1:8026": errs.OK, "127.9.9.9:0": errs.OK, "localhost:8026": errs.OK, "[::1]:8026": errs.OK,
		"0.0.0.0:8026": errs.Usage, ":8026": errs.Usage, "[::]:8026": errs.Usage, "192.168.1.2:8026": errs.Usage, "news.example.org:8026": errs.Usage,
		"localhost.example.org:80": errs.Usage, "8026": errs.Usage, "": errs.Usage,
	} {
		if err := onlyHere(address); errs.KindOf(err) != want {
			t.Errorf("%q: %v; want kind %d", address, err, want)
		}
	}
}
