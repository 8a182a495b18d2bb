package accounts

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/scs/v2"

	"mailer/internal/db"
	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// How long a session lasts.
const (
	idleLimit     = 24 * time.Hour      // without a request
	absoluteLimit = 14 * 24 * time.Hour // since the log-in
	codeLimit     = 10 * time.Minute    // between password and code
)

// Sessions says who is logged in. A browser has a random token in a cookie, the database a hash of it.
type Sessions struct {
	d       Deps
	people  *Store
	manager *scs.SessionManager
}

// What a session holds, by name.
const (
	keyAccount = "account" // who is logged in
	keyHalf    = "half"    // whose password was right and whose code is missing
	keyHalfAt  = "half at" // since when, in seconds
	keyFlash   = "flash"   // a notice for the next page
)

// visit is what one request knows of its session.
type visit struct {
	id      int64 // of the row that was found; 0: none
	hash    string
	renew   bool
	gone    bool // the session ended while the request was under way
	network string
	browser string
	account *Account // nil: nobody is logged in
}

type visitKey struct{}

func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

func newSessions(d Deps, people *Store) *Sessions {
	m := scs.New()
	m.Lifetime = absoluteLimit
	m.Store = &sessionStore{d}
	m.Codec = codec{}
	m.Cookie.Path, m.Cookie.HttpOnly, m.Cookie.SameSite, m.Cookie.Persist = "/", true, http.SameSiteLaxMode, true
	// The prefix binds the cookie to this very host and to https (RFC 6265bis section 4.1.3.2). Without https, as on a developer's
	// machine, browsers would drop it.
	m.Cookie.Name = "mailer"
	if m.Cookie.Secure = strings.HasPrefix(d.BaseURL, "https://"); m.Cookie.Secure {
		m.Cookie.Name = "__Host-mailer"
	}
	m.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) {
		d.Log.Error("a session cannot be read or saved", "err", err)
		http.Error(w, "The database cannot be reached at the moment. Try again in a minute; nothing was changed.", http.StatusServiceUnavailable)
	}
	return &Sessions{d, people, m}
}

// Middleware reads the session of each request and saves what changes of it.
func (s *Sessions) Middleware(next http.Handler) http.Handler {
	inner := s.manager.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.recognise(r.Context()); err != nil {
			s.manager.ErrorFunc(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{network: Network(s.client(r)), browser: clip(r.UserAgent(), 300)}
		inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
	})
}

// recognise finds out who is logged in.
func (s *Sessions) recognise(ctx context.Context) error {
	id, err := strconv.ParseInt(s.manager.GetString(ctx, keyAccount), 10, 64)
	if err != nil {
		return nil
	}
	a, err := s.people.Get(ctx, id)
	if gone, err := missing(err); gone || err != nil || a.Disabled != nil {
		return err
	}
	v := visitOf(ctx)
	v.account = &a
	if !v.renew {
		return nil
	}
	// Of requests that come together one gets the new token; the others go on with what they have read.
	res, err := s.d.DB.ExecContext(ctx, `UPDATE sessions SET renew = false WHERE id = $1 AND renew`, v.id)
	if err != nil {
		return db.Err(err, "renew a session")
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return db.Err(err, "renew a session")
	}
	return s.Renew(ctx)
}

// Who returns who is logged in, as it was when the request began; see StillIn.
func (s *Sessions) Who(ctx context.Context) (Account, bool) {
	v := visitOf(ctx)
	if v == nil || v.account == nil {
		return Account{}, false
	}
	return *v.account, true
}

// StillIn reports whether the session of a long answer is still there, and whose account may still log in.
func (s *Sessions) StillIn(ctx context.Context) bool {
	v := visitOf(ctx)
	if v == nil || v.account == nil {
		return false
	}
	var there bool
	err := s.d.DB.GetContext(ctx, &there, `SELECT EXISTS (SELECT FROM sessions s JOIN accounts a ON a.id = s.account_id
		WHERE s.id = $1 AND s.expires_at > now() AND a.disabled_at IS NULL)`, v.id)
	return err == nil && there
}

// Login makes this session the one of an account, under a new token: whoever knew the old one knows nothing.
func (s *Sessions) Login(ctx context.Context, a Account) error {
	if err := s.manager.RenewToken(ctx); err != nil {
		return db.Err(err, "begin a session")
	}
	s.manager.Remove(ctx, keyHalf)
	s.manager.Remove(ctx, keyHalfAt)
	s.manager.Put(ctx, keyAccount, strconv.FormatInt(a.ID, 10))
	if v := visitOf(ctx); v != nil {
		v.account, v.gone = &a, false
	}
	return nil
}

// Half notes that somebody has given their password and not yet the code of their second factor, under a new token.
func (s *Sessions) Half(ctx context.Context, a Account) error {
	if err := s.manager.RenewToken(ctx); err != nil {
		return db.Err(err, "begin a session")
	}
	s.manager.Remove(ctx, keyAccount)
	s.manager.Put(ctx, keyHalf, strconv.FormatInt(a.ID, 10))
	s.manager.Put(ctx, keyHalfAt, strconv.FormatInt(s.d.Now().Unix(), 10))
	if v := visitOf(ctx); v != nil {
		v.account, v.gone = nil, false
	}
	return nil
}

// HalfIn returns whose code is missing, for ten minutes.
func (s *Sessions) HalfIn(ctx context.Context) (account int64, ok bool) {
	id, err1 := strconv.ParseInt(s.manager.GetString(ctx, keyHalf), 10, 64)
	at, err2 := strconv.ParseInt(s.manager.GetString(ctx, keyHalfAt), 10, 64)
	return id, err1 == nil && err2 == nil && s.d.Now().Sub(time.Unix(at, 0)) < codeLimit
}

// Renew gives the session at hand a new token, when what its person may do has changed.
func (s *Sessions) Renew(ctx context.Context) error {
	return db.Err(s.manager.RenewToken(ctx), "renew a session")
}

// Logout ends the session, here and in the database.
func (s *Sessions) Logout(ctx context.Context) error {
	if v := visitOf(ctx); v != nil {
		v.account = nil
	}
	return db.Err(s.manager.Destroy(ctx), "end the session")
}

// Flash keeps a notice for the next page.
func (s *Sessions) Flash(ctx context.Context, text string) { s.manager.Put(ctx, keyFlash, text) }

// PopFlash returns the notice that Flash kept, once.
func (s *Sessions) PopFlash(ctx context.Context) string { return s.manager.PopString(ctx, keyFlash) }

// Current returns the number of the session at hand, 0 where there is none in the database yet.
func (s *Sessions) Current(ctx context.Context) int64 {
	if v := visitOf(ctx); v != nil {
		return v.id
	}
	return 0
}

// NetworkOf returns the network that the request at hand comes from.
func (s *Sessions) NetworkOf(ctx context.Context) string {
	if v := visitOf(ctx); v != nil {
		return v.network
	}
	return ""
}

func (s *Sessions) client(r *http.Request) netip.Addr {
	if s.d.Client != nil {
		return s.d.Client(r)
	}
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// Network is what log-ins are counted by and sessions show of an address: its /24 or /56.
func Network(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return subscribers.PrefixOf(a, 24, 56)
}

// clip cuts a text of a stranger, and leaves out what is no text.
func clip(s string, n int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// errNoSession is what acts on a session that is not one's own, or not there, return.
var errNoSession = errs.New(errs.NotFound, "this session has ended already")
