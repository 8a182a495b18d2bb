// Package accounts owns the people who log in: their passwords and second factors, sessions, roles and API tokens.
package accounts

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"mailer/internal/letters"
	"mailer/internal/links"
	"mailer/internal/subscribers"
)

// Account is a person who may log in.
type Account struct {
	ID           int64      `json:"id"`
	Email        string     `json:"email"` // also their name in the audit log
	Name         string     `json:"name"`
	TimeZone     string     `json:"time_zone"` // IANA name; empty: that of the first list they may see
	Grants       Grants     `json:"grants"`
	Joined       bool       `json:"joined"` // has chosen a password
	SecondFactor bool       `json:"second_factor"`
	CreatedAt    time.Time  `json:"created_at"`
	LastLogin    *time.Time `json:"last_login,omitempty"`
	Disabled     *time.Time `json:"disabled,omitempty"`
}

// Role returns the role on one list.
func (a Account) Role(list int64) Role { return a.Grants.On(list) }

// Everywhere returns the role on all lists.
func (a Account) Everywhere() Role { return a.Grants.Everywhere() }

// Anywhere returns the highest role on any list.
func (a Account) Anywhere() Role { return a.Grants.Anywhere() }

// Deps is what the room stands on. All are needed, but for Letters, Client and Log.
type Deps struct {
	DB      *sqlx.DB
	Ring    *links.Ring
	Lists   *subscribers.Store
	Letters *letters.Service // invitations and links for a new password; nil: none are mailed
	BaseURL string           // where the desk is reached; no trailing slash
	// Client returns from where a request came, as far as proxies can be believed; nil: from where the connection came.
	Client func(r *http.Request) netip.Addr
	Now    func() time.Time
	Log    *slog.Logger
}

// Service is the room, in parts of one subject each. It is safe for concurrent use.
type Service struct {
	People   *Store    // accounts and what they may do
	Sessions *Sessions // who is logged in
	Door     *Door     // passwords and codes that are tried
	Factors  *Factors  // the second factor
	Links    *Links    // links that let somebody in once
	Tokens   *Tokens   // for programs
}

// New returns the room.
func New(d Deps) *Service {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	d.BaseURL = strings.TrimSuffix(d.BaseURL, "/")
	people := &Store{d}
	factors := &Factors{d}
	return &Service{People: people, Sessions: newSessions(d, people), Door: &Door{d, people, factors, make(chan struct{}, hashesAtOnce)},
		Factors: factors, Links: &Links{d: d, people: people}, Tokens: &Tokens{d, people}}
}
