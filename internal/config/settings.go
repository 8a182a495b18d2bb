package config

import (
	"errors"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

const prefix = "MAILER_"

// setting is one line of the table below.
type setting struct {
	Name     string // of the variable
	Required bool   // in production
	Secret   bool   // never shown
	IsURL    bool   // shown without its password
	IsList   bool   // an array in the file, separated by commas in a variable
	IsNumber bool
	Default  string
	Example  string
	Help     string
	set      func(c *Config, v string) error
	get      func(c *Config) string
}

// key is the setting's name in the file.
func (s setting) key() string { return strings.ToLower(strings.TrimPrefix(s.Name, prefix)) }

func (s setting) example() string { return s.Name + "=" + s.Example }

// settings is every setting, in the order they are shown.
var settings = []setting{
	{Name: "MAILER_DATABASE_URL", Required: true, IsURL: true, Example: "postgres://mailer:password@localhost:5432/mailer?sslmode=disable",
		Help: "the Postgres that holds everything",
		set:  func(c *Config, v string) error { c.DatabaseURL = v; return checkDatabaseURL(v) },
		get:  func(c *Config) string { return c.DatabaseURL }},
	{Name: "MAILER_SMTP_URL", Required: true, IsURL: true, Example: "smtp://user:password@smtp.example.org:587?tls=starttls",
		Help: "the relay that mail is handed to; smtps:// for TLS from the start",
		set:  func(c *Config, v string) error { c.SMTPURL = v; return checkSMTPURL(v) },
		get:  func(c *Config) string { return c.SMTPURL }},
	{Name: "MAILER_BASE_URL", Required: true, Example: "https://news.example.org",
		Help: "where readers reach the web pages of this service",
		set:  func(c *Config, v string) error { c.BaseURL = strings.TrimRight(v, "/"); return checkBaseURL(v) },
		get:  func(c *Config) string { return c.BaseURL }},
	{Name: "MAILER_IMAGE_URL", Example: "https://images.example.org",
		Help: "another origin for the pictures that editors upload, which leads to this service too (a host of its own, or a cache); the base URL unless set",
		set:  func(c *Config, v string) error { c.ImageURL = strings.TrimRight(v, "/"); return checkImageURL(v) },
		get:  func(c *Config) string { return c.ImageURL }},
	{Name: "MAILER_SECRET", Required: true, Secret: true, Example: "$(openssl rand -hex 32), made once and kept",
		Help: "signs every link in every mail; 32 characters or more; keep a copy",
		set:  func(c *Config, v string) error { c.Secret = v; return checkSecret(v) },
		get:  func(c *Config) string { return c.Secret }},
	{Name: "MAILER_OLD_SECRETS", Secret: true, IsList: true, Example: "the secrets used before, newest first, separated by commas",
		Help: "earlier secrets, so that links in old mail go on working; the last one must never be dropped",
		set: func(c *Config, v string) error {
			for s := range strings.SplitSeq(v, ",") {
				s = strings.TrimSpace(s)
				if err := checkSecret(s); err != nil {
					return err
				}
				c.OldSecrets = append(c.OldSecrets, s)
			}
			return nil
		},
		get: func(c *Config) string { return strings.Join(c.OldSecrets, ",") }},
	{Name: "MAILER_LISTEN", Default: "127.0.0.1:8025", Example: "127.0.0.1:8025",
		Help: "address of the web server; put a TLS proxy in front of it",
		set:  func(c *Config, v string) error { c.Listen = v; return checkListen(v) },
		get:  func(c *Config) string { return c.Listen }},
	{Name: "MAILER_TRUSTED_PROXIES", IsList: true, Default: "127.0.0.0/8,::1/128", Example: "10.0.0.7,192.0.2.0/24",
		Help: "proxies in front of the web server whose X-Forwarded-For is believed, as addresses or networks; none: nobody's",
		set:  func(c *Config, v string) (err error) { c.TrustedProxies, err = checkNetworks(v); return err },
		get:  func(c *Config) string { return showNetworks(c.TrustedProxies) }},
	{Name: "MAILER_INBOUND_LISTEN", Example: "lmtp://127.0.0.1:8024",
		Help: "where mail for the leave addresses and bounces is taken in, by lmtp:// or smtp://; unless set it is not, and List-Unsubscribe names no address",
		set:  func(c *Config, v string) error { c.InboundListen = v; return checkInbound(v) },
		get:  func(c *Config) string { return c.InboundListen }},
	{Name: "MAILER_MAIL_DOMAIN", Example: "news.example.org",
		Help: "domain in Message-ID, List-Id and the greeting to the relay; host of the base URL unless set",
		set:  func(c *Config, v string) error { c.MailDomain = strings.ToLower(v); return checkDomain(v) },
		get:  func(c *Config) string { return c.MailDomain }},
	{Name: "MAILER_HOME", Default: ".mailer", Example: "/var/lib/mailer",
		Help: "folder for what readers asked for while the database was away (spool), files that editors upload (imports), what a sender remembers of its database, and what development mode keeps: private Postgres, generated secret, caught mail",
		set:  func(c *Config, v string) error { c.Home = v; return nil },
		get:  func(c *Config) string { return c.Home }},
	{Name: "MAILER_DKIM_DIR", Example: "/var/lib/mailer/dkim",
		Help: "folder of the DKIM keys that mail is signed with; dkim in the folder above unless set",
		set:  func(c *Config, v string) error { c.DKIMDir = v; return nil },
		get:  func(c *Config) string { return c.DKIMDir }},
	{Name: "MAILER_TEMPLATES", Example: "/etc/mailer/templates",
		Help: "folder whose files replace the built-in e-mail templates of the same name",
		set:  func(c *Config, v string) error { c.Templates = v; return nil },
		get:  func(c *Config) string { return c.Templates }},
	{Name: "MAILER_CONNECTIONS", IsNumber: true, Default: "auto", Example: "20",
		Help: "most connections to relays, per process; auto: as many as bring more",
		set: func(c *Config, v string) (err error) {
			if c.Connections = 0; v != "auto" {
				if c.Connections, err = checkNumber(v, 0, 1000); err != nil {
					err = errors.New("must be auto, or a whole number from 1 to 1000")
				}
			}
			return err
		},
		get: func(c *Config) string {
			if c.Connections == 0 {
				return "auto"
			}
			return strconv.Itoa(c.Connections)
		}},
	{Name: "MAILER_RATE", IsNumber: true, Default: "0", Example: "50",
		Help: "most messages per second, over all relays and processes together; 0: no limit",
		set:  func(c *Config, v string) (err error) { c.Rate, err = checkNumber(v, 0, 100_000); return err },
		get:  func(c *Config) string { return strconv.Itoa(c.Rate) }},
	{Name: "MAILER_LOG_LEVEL", Default: "info", Example: "info",
		Help: "debug, info, warn or error",
		set: func(c *Config, v string) error {
			c.LogLevel = v
			return checkOneOf(v, "debug", "info", "warn", "error")
		},
		get: func(c *Config) string { return c.LogLevel }},
	{Name: "MAILER_LOG_FORMAT", Default: "text", Example: "text",
		Help: "text or json",
		set:  func(c *Config, v string) error { c.LogFormat = v; return checkOneOf(v, "text", "json") },
		get:  func(c *Config) string { return c.LogFormat }},
	{Name: "MAILER_STOP_AFTER", Default: "30s", Example: "30s",
		Help: "how long a stop waits for deliveries in hand before it cuts them",
		set: func(c *Config, v string) (err error) {
			c.StopAfter, err = checkDuration(v, 0, 10*time.Minute)
			return err
		},
		get: func(c *Config) string { return c.StopAfter.String() }},
	{Name: "MAILER_MAIL_LOG", Example: "/var/log/mailer/mail.jsonl",
		Help: "file with one line of JSON for each attempt to hand over a mail; unless set they go to the ordinary log",
		set:  func(c *Config, v string) error { c.MailLog = v; return nil },
		get:  func(c *Config) string { return c.MailLog }},
	{Name: "MAILER_UNDO_WINDOW", Default: "0s", Example: "30s",
		Help: "so long after its launch nothing of a campaign goes out, and the launch can be taken back",
		set: func(c *Config, v string) (err error) {
			c.UndoWindow, err = checkDuration(v, 0, time.Hour)
			return err
		},
		get: func(c *Config) string { return c.UndoWindow.String() }},
	{Name: "MAILER_FIRST_SLICE", Default: "0%", Example: "1%",
		Help: "share of the readers who get a campaign first; the rest follows when that went well",
		set: func(c *Config, v string) (err error) {
			c.FirstSlice, err = ParsePercent(v, 50)
			return err
		},
		get: func(c *Config) string { return strconv.FormatFloat(c.FirstSlice, 'g', -1, 64) + "%" }},
	{Name: "MAILER_SLICE_WAIT", Default: "5m", Example: "5m",
		Help: "at least so long after the first slice the rest waits",
		set: func(c *Config, v string) (err error) {
			c.SliceWait, err = checkDuration(v, 0, 12*time.Hour)
			return err
		},
		get: func(c *Config) string { return c.SliceWait.String() }},
	keepSetting("MAILER_KEEP_PENDING", "30d", "how long a sign-up that is not confirmed is kept", 7*day, func(k *Keep) *time.Duration { return &k.Pending }),
	keepSetting("MAILER_KEEP_FULL_NETWORKS", "30d", "how long the network address in the evidence of consent stays whole; then it is shortened", 0,
		func(k *Keep) *time.Duration { return &k.FullNetworks }),
	keepSetting("MAILER_KEEP_NETWORKS", "365d", "how long the network in the evidence of consent is kept at all", 0, func(k *Keep) *time.Duration { return &k.Networks }),
	keepSetting("MAILER_KEEP_DELIVERIES", "400d", "how long it is kept who was sent what, and what came of it", day, func(k *Keep) *time.Duration { return &k.Deliveries }),
	keepSetting("MAILER_KEEP_LETTERS", "30d", "how long it is kept what became of confirmation and other single mails", 7*day,
		func(k *Keep) *time.Duration { return &k.Letters }),
	keepSetting("MAILER_KEEP_INBOUND", "30d", "how long mail that came back is kept once it is dealt with", 0, func(k *Keep) *time.Duration { return &k.Inbound }),
	keepSetting("MAILER_KEEP_EVIDENCE", "1096d", "how long after a reader's erasure the evidence of their consent is kept, under a hash of the address", 0,
		func(k *Keep) *time.Duration { return &k.Evidence }),
	{Name: "MAILER_SIGNUP_ADDRESS", IsNumber: true, Default: "3", Example: "3",
		Help: "sign-ups taken for one mailbox in a day, however its address is written; the answer is the same beyond it",
		set:  func(c *Config, v string) (err error) { c.SignupAddress, err = checkNumber(v, 0, 1000); return err },
		get:  func(c *Config) string { return strconv.Itoa(c.SignupAddress) }},
	{Name: "MAILER_SIGNUP_NETWORK", IsNumber: true, Default: "20", Example: "20",
		Help: "sign-ups taken from one network (/24 or /56) in an hour",
		set:  func(c *Config, v string) (err error) { c.SignupNetwork, err = checkNumber(v, 0, 1_000_000); return err },
		get:  func(c *Config) string { return strconv.Itoa(c.SignupNetwork) }},
	{Name: "MAILER_SIGNUP_DOMAIN", IsNumber: true, Default: "50", Example: "50",
		Help: "sign-ups taken for addresses of one domain in an hour; large providers are not counted",
		set:  func(c *Config, v string) (err error) { c.SignupDomain, err = checkNumber(v, 0, 1_000_000); return err },
		get:  func(c *Config) string { return strconv.Itoa(c.SignupDomain) }},
	{Name: "MAILER_SIGNUP_TOTAL", IsNumber: true, Default: "1000", Example: "1000",
		Help: "sign-ups taken in an hour, and so the most mails that a flood of them can cause; 0: none",
		set:  func(c *Config, v string) (err error) { c.SignupTotal, err = checkNumber(v, 0, 1_000_000); return err },
		get:  func(c *Config) string { return strconv.Itoa(c.SignupTotal) }},
	{Name: "MAILER_ALLOW_HOSTS", IsList: true, Example: "localhost:9000",
		Help: "hosts of the own network that feeds may be read from; in development only",
		set: func(c *Config, v string) error {
			for h := range strings.SplitSeq(v, ",") {
				h = strings.TrimSpace(h)
				if host, port, err := net.SplitHostPort(h); err != nil || host == "" || !validPort(port) {
					return errors.New("must be hosts with their ports, separated by commas")
				}
				c.AllowHosts = append(c.AllowHosts, h)
			}
			return nil
		},
		get: func(c *Config) string { return strings.Join(c.AllowHosts, ",") }},
}

func byName(name string) *setting {
	for i := range settings {
		if settings[i].Name == name {
			return &settings[i]
		}
	}
	return nil
}

func allNames() []string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.Name
	}
	return names
}

// requiredNames is a list for a sentence.
func requiredNames() string {
	var names []string
	for _, s := range settings {
		if s.Required {
			names = append(names, s.Name)
		}
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// nearest returns the name that is fewest edits away from the given one, empty when none is near enough to be meant.
func nearest(given string, names []string) string {
	best, limit := "", len(given)/3+1
	for _, n := range names {
		if d := edits(strings.ToLower(given), strings.ToLower(n)); d < limit {
			best, limit = n, d
		}
	}
	return best
}

// edits is the Levenshtein distance, counted in bytes: names are ASCII.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
