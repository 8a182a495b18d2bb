package delivery

import (
	"math/rand/v2"
	"time"

	"mailer/internal/relay"
)

// greylistLeast is the shortest wait that clears greylisting at its usual settings.
const greylistLeast = 5 * time.Minute

var retryWaits = [...]time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour}

// Backoff returns the wait after the given attempt of a delivery (1 is the first) that was deferred, or was in doubt: 5, 15, 30,
// 60 and from then on 120 minutes, each ±10 %, but never less than five minutes after greylisting. RFC 5321 section 4.5.4.1
// asks for 30 minutes or more as a rule; greylisting clears in five, and the relay itself waits longer for the hosts behind it.
func Backoff(attempt int, class string) time.Duration {
	d := jitter(retryWaits[min(max(attempt, 1), len(retryWaits))-1])
	if class == relay.ClassGreylist {
		d = max(d, greylistLeast)
	}
	return d
}

// jitter returns d ±10 %.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()*0.2-0.1)*float64(d))
}

// RelayBackoff returns the wait before a relay that could not be used is tried again, after so many failures in a row: 1 s,
// doubling to 30 minutes, of which a random half is left out so that processes do not come back together.
func RelayBackoff(failures int) time.Duration {
	d := min(time.Second<<min(max(failures, 1)-1, 11), 30*time.Minute)
	return d/2 + rand.N(d/2+1)
}

// MailBackoff returns the wait after so many attempts to send a single mail: 1, 5, 15, then 60 minutes, each ±10 %.
func MailBackoff(attempts int) time.Duration {
	waits := [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
	return jitter(waits[min(max(attempts, 1), len(waits))-1])
}
