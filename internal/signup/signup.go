// Package signup is how people join: forms with their wording, what comes in by them, limits against floods, and what is sent
// to who joins. What a form brings is checked without looking at the address's standing and stored; a worker does the rest, so
// that nobody learns from an answer, nor from its time, who is a reader.
package signup

import (
	"log/slog"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/delivery"
	"mailer/internal/letters"
	"mailer/internal/limits"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// Caps are how many sign-ups are taken. What is 0 is closed to all.
type Caps struct {
	Address int // for one mailbox, whatever way its address is written, in a day; answered like the others
	Network int // from one network (/24, /56), in an hour
	Domain  int // for addresses of one domain, in an hour; not for providers that are known by name
	Total   int // in an hour
}

// Deps is what the room stands on. All are needed, but for Domains.
type Deps struct {
	DB          *sqlx.DB
	Ring        *links.Ring
	Subscribers *subscribers.Store
	Letters     *letters.Service
	Delivery    *delivery.Store
	Limits      *limits.Store
	Domains     *Domains // asks whether a domain takes mail; nil: nobody is asked
	BaseURL     string   // of the public pages, without a trailing slash
	Caps        Caps
	Now         func() time.Time
	Log         *slog.Logger
}

// Service takes sign-ups. It is safe for concurrent use.
type Service struct {
	Deps
	wake chan struct{} // there may be something to do
}

// New returns the room on its dependencies.
func New(d Deps) *Service {
	d.BaseURL = strings.TrimRight(d.BaseURL, "/")
	return &Service{Deps: d, wake: make(chan struct{}, 1)}
}
