package relay

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"mailer/internal/errs"
)

// Setting is the name of the setting that holds the relay's URL; errors name it.
const Setting = "MAILER_SMTP_URL"

const exampleURL = "smtp://user:password@mail.example.org:587?tls=starttls"

type tlsMode int

const (
	tlsStart    tlsMode = iota // STARTTLS, required
	tlsImplicit                // TLS from the first byte
	tlsNone                    // clear text
)

// target is a parsed URL.
type target struct {
	host       string // A-label or address literal without brackets
	port       int
	mode       tlsMode
	user, pass string
	insecure   bool // clear text beyond loopback was asked for
}

func (t target) loopback() bool {
	if t.host == "localhost" || strings.HasSuffix(t.host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(t.host)
	return err == nil && a.Unmap().IsLoopback()
}

func badURL(msg string) error {
	return &errs.Error{Kind: errs.Config, Field: Setting, Msg: msg + "; an example: " + exampleURL}
}

// parseURL reads the relay's URL. Errors never quote the URL, as it holds the password.
func parseURL(s string) (target, error) {
	if strings.TrimSpace(s) == "" {
		return target{}, badURL("it is not set")
	}
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil {
		return target{}, badURL("it is not a URL; special characters in user name and password must be percent-encoded (@ is %40, / is %2F, # is %23, % is %25)")
	}
	t := target{}
	implied := tlsStart
	switch u.Scheme {
	case "smtp":
	case "smtps":
		implied = tlsImplicit
	default:
		return target{}, badURL("it must begin with smtp:// or smtps://")
	}
	if u.Opaque != "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "" || u.RawFragment != "" {
		return target{}, badURL("after the host there may only be a port and ?options; special characters in user name and password must be percent-encoded (/ is %2F, # is %23, ? is %3F)")
	}
	if t.host, err = hostName(u.Hostname()); err != nil {
		return target{}, badURL("the host name is missing or not valid")
	}
	t.mode = implied
	if err := t.options(u.Query(), u.Scheme); err != nil {
		return target{}, err
	}
	if t.port, err = portOf(u.Port(), t.mode); err != nil {
		return target{}, badURL("the port must be a number from 1 to 65535")
	}
	if u.User != nil {
		t.user = u.User.Username()
		t.pass, _ = u.User.Password()
		if t.user == "" || t.pass == "" {
			return target{}, badURL("it has a user name without a password or the reverse")
		}
		if strings.ContainsAny(t.user+t.pass, "\x00\r\n") {
			return target{}, badURL("user name and password must not contain control characters")
		}
	}
	return t, t.checkClear()
}

func (t *target) options(q url.Values, scheme string) error {
	for name, values := range q {
		if len(values) != 1 {
			return badURL("option " + strconv.Quote(name) + " stands there twice")
		}
		switch v := values[0]; {
		case name == "tls" && v == "starttls" && scheme == "smtp":
			t.mode = tlsStart
		case name == "tls" && v == "implicit":
			t.mode = tlsImplicit
		case name == "tls" && v == "none" && scheme == "smtp":
			t.mode = tlsNone
		case name == "tls":
			return badURL("option tls must be starttls, implicit or none (and with smtps:// only implicit)")
		case name == "insecure" && v == "yes":
			t.insecure = true
		case name == "insecure":
			return badURL("option insecure knows only the value yes")
		default:
			return badURL("there is no option " + strconv.Quote(name) + "; there are tls and insecure")
		}
	}
	return nil
}

// checkClear refuses clear text where it could leak mail or a password. What the name resolves to is checked again on the
// open socket.
func (t target) checkClear() error {
	if t.mode != tlsNone || t.loopback() {
		return nil
	}
	if t.user != "" {
		return badURL("tls=none would send the password in clear text, which is only allowed to this machine itself; use tls=starttls or smtps://")
	}
	if !t.insecure {
		return badURL("tls=none sends mail in clear text, which is only allowed to this machine itself; use tls=starttls or smtps://, or add &insecure=yes when the network between is your own")
	}
	return nil
}

func hostName(h string) (string, error) {
	if a, err := netip.ParseAddr(h); err == nil {
		return a.String(), nil
	}
	h = strings.TrimSuffix(h, ".")
	a, err := idnaProfile.ToASCII(h)
	if err != nil {
		return "", err
	}
	if a == "" || len(a) > 253 {
		return "", errors.New("no host")
	}
	return strings.ToLower(a), nil
}

// idnaProfile maps domain names to A-labels by UTS 46, non-transitional (RULES 1.5).
var idnaProfile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

func portOf(s string, m tlsMode) (int, error) {
	if s == "" {
		return map[tlsMode]int{tlsStart: 587, tlsImplicit: 465, tlsNone: 25}[m], nil
	}
	p, err := strconv.Atoi(s)
	if err != nil || p < 1 || p > 65535 {
		return 0, errors.New("no port")
	}
	return p, nil
}

func (t target) address() string { return net.JoinHostPort(t.host, strconv.Itoa(t.port)) }

// TLS says how connections are kept private: "STARTTLS", "from the first byte" or "none".
func (r *Relay) TLS() string {
	return map[tlsMode]string{tlsStart: "STARTTLS", tlsImplicit: "from the first byte", tlsNone: "none"}[r.target.mode]
}

// LogsIn reports whether connections log in with a user name and a password.
func (r *Relay) LogsIn() bool { return r.target.user != "" }

// Where is where a person changes the URL.
func (r *Relay) Where() string { return cmp.Or(r.cfg.Setting, Setting) }
