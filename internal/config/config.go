// Package config makes one validated configuration out of a TOML file and the environment, and can say of every setting
// where its value came from without giving secrets away.
package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mailer/internal/errs"
)

// Config is everything an operator can set. Each field names its variable; the key in mailer.toml is the same in lower
// case without MAILER_. A Config prints and logs with secrets hidden.
type Config struct {
	Production     bool           // any of the four required settings is present; see Complete
	DatabaseURL    string         // MAILER_DATABASE_URL  required in production
	SMTPURL        string         // MAILER_SMTP_URL      required in production
	BaseURL        string         // MAILER_BASE_URL      required in production; where readers reach the web pages; no trailing slash
	ImageURL       string         // MAILER_IMAGE_URL     origin that uploaded pictures are served from; empty: BaseURL, see Images
	Secret         string         // MAILER_SECRET        required in production; signs every link
	OldSecrets     []string       // MAILER_OLD_SECRETS   newest first; the last is the root of address hashes
	Listen         string         // MAILER_LISTEN        address of the web server
	InboundListen  string         // MAILER_INBOUND_LISTEN  where mail for the leave addresses is taken in; empty: nowhere; see Inbound
	MailDomain     string         // MAILER_MAIL_DOMAIN   right side of Message-ID and List-Id, EHLO name; host of BaseURL unless set
	Home           string         // MAILER_HOME          folder of the sender's mark, of the spool and, in development, of Postgres, secret and inbox; absolute
	DKIMDir        string         // MAILER_DKIM_DIR      folder of the keys that mail is signed with; absolute; dkim in Home unless set
	Templates      string         // MAILER_TEMPLATES     folder whose files replace the built-in templates; empty or absolute
	Connections    int            // MAILER_CONNECTIONS   most to relays, per process; 0: as many as bring more
	Rate           int            // MAILER_RATE          most messages per second over all relays and processes; 0: no limit
	TrustedProxies []netip.Prefix // MAILER_TRUSTED_PROXIES  whose X-Forwarded-For is believed; never nil
	SignupAddress  int            // MAILER_SIGNUP_ADDRESS  sign-ups taken for one mailbox in a day
	SignupNetwork  int            // MAILER_SIGNUP_NETWORK  from one network in an hour
	SignupDomain   int            // MAILER_SIGNUP_DOMAIN  for one mail domain in an hour
	SignupTotal    int            // MAILER_SIGNUP_TOTAL  in an hour
	LogLevel       string         // MAILER_LOG_LEVEL     debug, info, warn or error
	LogFormat      string         // MAILER_LOG_FORMAT    text or json
	StopAfter      time.Duration  // MAILER_STOP_AFTER    how long a stop waits for deliveries in hand
	MailLog        string         // MAILER_MAIL_LOG      file with a line for each attempt; empty: the ordinary log; absolute
	UndoWindow     time.Duration  // MAILER_UNDO_WINDOW   so long a launch waits and can be taken back
	FirstSlice     float64        // MAILER_FIRST_SLICE   per cent of the readers who get a campaign first
	SliceWait      time.Duration  // MAILER_SLICE_WAIT    at least so long the rest waits after the first slice

	Keep Keep // MAILER_KEEP_… how long what is kept of readers

	// AllowHosts are host:port pairs on this machine or network that feeds and pages may be read from; in development only,
	// since whoever may add a feed could otherwise look into the operator's network.
	AllowHosts []string // MAILER_ALLOW_HOSTS

	Relays []Relay // [[relay]] tables, in place of SMTPURL; see Lines
	Lanes  []Lane  // [[lane]] tables

	File     string   // the file that was read; empty when none was
	Warnings []string // what a person should know, though it stops nothing

	sources map[string]source // by name of the setting; absent means default
}

type source string

const (
	fromDefault     source = "default"
	fromFile        source = "file"
	fromEnvironment source = "environment"
	fromFlag        source = "flag"
	fromGenerated   source = "generated"
)

// Flag is a setting given on the command line, by the name of its variable. It wins over file and environment.
type Flag struct{ Name, Value string }

// Load reads the file at path, then the environment, then flags; the later wins. Without path it is the one that
// MAILER_CONFIG names, else mailer.toml in the current folder, if there is one. A variable that is set but empty counts as
// not set.
//
// Every value is checked. What is wrong comes back as one *errs.Error of kind Config for each setting, joined, with the
// name of the setting as Field and an example in the message. Whether all required settings are there is for Complete.
func Load(path string, environ []string, flags ...Flag) (*Config, error) {
	c := &Config{sources: map[string]source{}}
	env, all := map[string]string{}, map[string]string{}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok {
			if all[name] = value; strings.HasPrefix(name, prefix) {
				env[name] = value
			}
		}
	}
	var problems []error
	if path == "" {
		path = env[prefix+"CONFIG"]
	}
	values, err := c.readFile(path, func(name string) string { return all[name] })
	if err != nil {
		return nil, err
	}
	raw := map[string]string{}
	for name, v := range values {
		raw[name], c.sources[name] = v, fromFile
	}
	for _, s := range settings {
		if v := env[s.Name]; v != "" {
			raw[s.Name], c.sources[s.Name] = v, fromEnvironment
		}
	}
	for _, f := range flags {
		if f.Value != "" {
			raw[f.Name], c.sources[f.Name] = f.Value, fromFlag
		}
	}
	c.warnOfStrangers(env)
	for _, s := range settings {
		v, ok := raw[s.Name]
		if !ok {
			v = s.Default
		}
		if v == "" {
			continue
		}
		if err := s.set(c, v); err != nil {
			problems = append(problems, c.refuse(s, err))
		}
	}
	c.derive()
	if len(c.Relays) > 0 && c.SMTPURL != "" {
		problems = append(problems, &errs.Error{Kind: errs.Config, Field: prefix + "SMTP_URL",
			Msg: "is set, and there are [[relay]] tables in " + c.File + " as well; make it one of them, with a name and its url or url_env"})
	}
	if c.Production && len(c.AllowHosts) > 0 {
		problems = append(problems, &errs.Error{Kind: errs.Config, Field: prefix + "ALLOW_HOSTS",
			Msg: "is for development only; in production addresses of the own network are never read"})
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if c.Keep.Networks < c.Keep.FullNetworks && !c.IsDefault(prefix+"KEEP_FULL_NETWORKS") {
		c.Warnings = append(c.Warnings, "MAILER_KEEP_NETWORKS is shorter than MAILER_KEEP_FULL_NETWORKS: networks go after "+showDays(c.Keep.Networks)+", before they would be shortened")
	}
	return c, nil
}

// refuse makes an error about one setting. The reason must not repeat the value, which may be a secret.
func (c *Config) refuse(s setting, reason error) error {
	from := ""
	if c.sources[s.Name] == fromFile {
		from = " (" + s.key() + " in " + c.File + ")"
	}
	return &errs.Error{Kind: errs.Config, Field: s.Name, Msg: reason.Error() + from + "; for example " + s.example()}
}

// derive fills what follows from other settings.
func (c *Config) derive() {
	c.Production = c.DatabaseURL != "" || c.SMTPURL != "" || len(c.Relays) > 0 || c.BaseURL != "" || c.sources[prefix+"SECRET"] != ""
	if !c.Production && c.BaseURL == "" {
		_, port, _ := net.SplitHostPort(c.Listen)
		c.BaseURL = "http://localhost:" + port
	}
	if c.MailDomain == "" {
		c.MailDomain = developmentDomain
		if u, err := url.Parse(c.BaseURL); err == nil && c.Production && u.Hostname() != "" {
			c.MailDomain = strings.ToLower(u.Hostname())
		}
	}
	c.Home = c.absolute(prefix+"HOME", c.Home)
	if c.DKIMDir == "" {
		c.DKIMDir = filepath.Join(c.Home, "dkim")
	}
	c.DKIMDir = c.absolute(prefix+"DKIM_DIR", c.DKIMDir)
	c.Templates = c.absolute(prefix+"TEMPLATES", c.Templates)
	c.MailLog = c.absolute(prefix+"MAIL_LOG", c.MailLog)
}

// developmentDomain stands in Message-IDs where no domain is configured. RFC 6761 section 6.3 keeps it on this machine.
const developmentDomain = "mailer.localhost"

// absolute resolves a folder: one named in the file counts from where the file is.
func (c *Config) absolute(name, dir string) string {
	if dir == "" || filepath.IsAbs(dir) {
		return dir
	}
	if c.sources[name] == fromFile {
		dir = filepath.Join(filepath.Dir(c.File), dir)
	}
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// Complete returns an error of kind Config for each required setting that production lacks. Without any of them the
// program runs in development mode, and nothing is lacking.
func (c *Config) Complete() error {
	if !c.Production {
		return nil
	}
	var problems []error
	for _, s := range settings {
		if s.Name == prefix+"SMTP_URL" && len(c.Relays) > 0 {
			continue
		}
		if s.Required && s.get(c) == "" {
			problems = append(problems, &errs.Error{Kind: errs.Config, Field: s.Name,
				Msg: "is missing; production needs " + requiredNames() + ". For example " + s.example()})
		}
	}
	return errors.Join(problems...)
}

// Lines returns the relays to use: the [[relay]] tables, or the one of MAILER_SMTP_URL, which has no name of its own.
func (c *Config) Lines() []Relay {
	if len(c.Relays) > 0 {
		return c.Relays
	}
	return []Relay{{URL: c.SMTPURL, URLFrom: prefix + "SMTP_URL", Weight: 1}}
}

// SetBaseURL changes where readers reach the web pages, once a development server knows its port.
func (c *Config) SetBaseURL(u string) { c.BaseURL = strings.TrimSuffix(u, "/") }

// Images is where readers find the pictures that editors upload; no trailing slash.
func (c *Config) Images() string {
	if c.ImageURL != "" {
		return c.ImageURL
	}
	return c.BaseURL
}

// IsDefault reports whether nobody set the setting of this name.
func (c *Config) IsDefault(name string) bool { return c.sources[name] == "" }

// MarkPath is where a sender keeps what tells it that the database went back in time.
func (c *Config) MarkPath() string { return filepath.Join(c.Home, "sender-mark.json") }

// SecretPath is where the generated secret of development mode lies.
func (c *Config) SecretPath() string { return filepath.Join(c.Home, "secret") }

// warnOfStrangers mentions variables that look like ours and are not. They are not refused: container platforms make some
// of their own out of a service's name.
func (c *Config) warnOfStrangers(env map[string]string) {
	for _, name := range sortedKeys(env) {
		if name == prefix+"CONFIG" || strings.HasPrefix(name, prefix+"TEST_") || strings.HasPrefix(name, prefix+"PRIVATE_") || byName(name) != nil {
			continue
		}
		if near := nearest(name, allNames()); near != "" {
			c.Warnings = append(c.Warnings, "the variable "+name+" is unknown and ignored; did you mean "+near+"?")
		}
	}
}

func (c *Config) warnOfReaders(path string, holdsSecrets bool) {
	fi, err := os.Stat(path)
	if err == nil && holdsSecrets && fi.Mode().Perm()&0o004 != 0 {
		c.Warnings = append(c.Warnings, path+" holds secrets and everybody on this machine can read it; run: chmod 600 "+path)
	}
}
