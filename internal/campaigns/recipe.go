package campaigns

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"mailer/internal/delivery"
	"mailer/internal/errs"
)

// Recipe says how the editions of a digest are made. docs/recipes.md explains every key. It is written by people in TOML
// and kept in the database as JSON with the same names.
type Recipe struct {
	Slug      string    `toml:"slug" json:"slug"`
	Name      string    `toml:"name" json:"name"`
	List      string    `toml:"list" json:"list"`
	Segments  []string  `toml:"segments" json:"segments,omitempty"` // only readers in all of these
	Exclude   []string  `toml:"exclude" json:"exclude,omitempty"`   // no reader in any of these
	Template  string    `toml:"template" json:"template"`
	Subject   string    `toml:"subject" json:"subject"`
	Preheader string    `toml:"preheader" json:"preheader"`
	Intro     string    `toml:"intro" json:"intro"`
	Schedule  string    `toml:"schedule" json:"schedule"`
	TimeZone  string    `toml:"time_zone" json:"time_zone"`
	Skip      []string  `toml:"skip" json:"skip"`
	Frequency string    `toml:"frequency" json:"frequency"` // each | weekly | all: whose editions these are
	Stories   Stories   `toml:"stories" json:"stories"`
	Lead      Lead      `toml:"lead" json:"lead"`
	Sections  []Section `toml:"sections" json:"sections"`
	Appeal    Appeal    `toml:"appeal" json:"appeal"`
	Clock     Clock     `toml:"clock" json:"clock"`
}

// Stories says which and how many stories an edition takes.
type Stories struct {
	Min    int      `toml:"min" json:"min"`
	Max    int      `toml:"max" json:"max"`
	TooFew string   `toml:"too_few" json:"too_few"` // skip | shrink
	Window Duration `toml:"window" json:"window"`   // since the last edition, and never further back than this
	Repeat string   `toml:"repeat" json:"repeat"`   // list | reader | digest | allow
}

// Lead says which story stands on top.
type Lead struct {
	Rule    string `toml:"rule" json:"rule"` // first | photo | newest | tag | none
	Section string `toml:"section" json:"section"`
	Tag     string `toml:"tag" json:"tag"`
}

// Section is a part of the digest: a title over stories of some feeds.
type Section struct {
	Title    string   `toml:"title" json:"title"`
	Feeds    []string `toml:"feeds" json:"feeds"`
	Sections []string `toml:"sections" json:"sections"`
	Tags     []string `toml:"tags" json:"tags"`
	Topic    string   `toml:"topic" json:"topic,omitempty"` // only for readers who want it
	Max      int      `toml:"max" json:"max"`
	Min      int      `toml:"min" json:"min"`
	Order    string   `toml:"order" json:"order"` // newest | oldest | feed
}

// Appeal says which appeal an edition carries and where. Supporters are never shown one.
type Appeal struct {
	Slug  string `toml:"slug" json:"slug"`
	Place string `toml:"place" json:"place"` // after N | end | none
}

// after returns N of place "after N"; 0 means at the end.
func (a Appeal) after() int {
	n, _ := strconv.Atoi(strings.TrimPrefix(a.Place, "after "))
	return n
}

// Clock is the edition clock: what happens before the send, and what when it does not go as planned. The first three are
// counted back from the send, the others forward.
type Clock struct {
	Opens       Duration `toml:"opens" json:"opens"`
	Cutoff      Duration `toml:"cutoff" json:"cutoff"`
	ApprovalDue Duration `toml:"approval_due" json:"approval_due"`
	NoApproval  string   `toml:"no_approval" json:"no_approval"` // send | hold | skip
	LateBy      Duration `toml:"late_by" json:"late_by"`
	Late        string   `toml:"late" json:"late"` // hold | send | skip
	Expires     Duration `toml:"expires" json:"expires"`
	Doubt       string   `toml:"doubt" json:"doubt"` // retry | hold
}

// Duration is a length of time that people write as 45m, 36h, 7d or 1h30m.
type Duration time.Duration

// UnmarshalText reads a duration; d is a day of 24 hours and may only come first, as in 1d12h.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	var days time.Duration
	if n, rest, ok := strings.Cut(s, "d"); ok {
		v, err := strconv.ParseUint(n, 10, 12)
		if err != nil {
			return fmt.Errorf("%q is not a length of time; write 45m, 2h or 7d", s)
		}
		if days, s = time.Duration(v)*24*time.Hour, rest; s == "" {
			s = "0s"
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 || v > 10_000*time.Hour || s[0] == '+' || s[0] == '-' {
		return fmt.Errorf("%q is not a length of time; write 45m, 2h or 7d", text)
	}
	*d = Duration(days + v)
	return nil
}

// MarshalText writes the duration as UnmarshalText reads it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String writes whole days as 7d and everything else as 1h30m.
func (d Duration) String() string {
	v := time.Duration(d)
	if v >= 24*time.Hour && v%(24*time.Hour) == 0 {
		return strconv.Itoa(int(v/(24*time.Hour))) + "d"
	}
	s := v.String() // always down to the second: 1h30m0s
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (d Duration) std() time.Duration { return time.Duration(d) }

// maxRecipe is the size in bytes above which a file is surely not a recipe.
const maxRecipe = 64 << 10

// ParseRecipe reads a recipe and checks everything that can be checked without the database. Unknown keys are refused, so
// that a slip of the pen does not silently fall back to a default. Errors are Invalid, name the key, and the line where
// there is one.
func ParseRecipe(text []byte) (Recipe, error) {
	if len(text) > maxRecipe {
		return Recipe{}, errs.Field("recipe", "has %d bytes; %d is the limit", len(text), maxRecipe)
	}
	r := Recipe{Sections: []Section{}}
	meta, err := toml.Decode(string(text), &r)
	if err != nil {
		return Recipe{}, tomlError(err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		key := unknown[0]
		return Recipe{}, errs.Field(key.String(), "there is no such key%s; docs/recipes.md lists them all", onLine(string(text), key))
	}
	// A zero that was written is meant; one that was not is filled with the default.
	r.fill(func(key ...string) bool { return meta.IsDefined(key...) })
	if err := r.check(); err != nil {
		return Recipe{}, err
	}
	return r, nil
}

// tomlError makes a sentence of what the TOML decoder says.
func tomlError(err error) error {
	msg := strings.TrimPrefix(err.Error(), "toml: ")
	var pe toml.ParseError
	if errors.As(err, &pe) {
		msg = pe.Message
		if pe.Position.Line > 0 {
			msg = fmt.Sprintf("line %d: %s", pe.Position.Line, pe.Message)
		}
		if pe.LastKey != "" {
			return &errs.Error{Kind: errs.Invalid, Field: pe.LastKey, Msg: msg}
		}
	}
	return &errs.Error{Kind: errs.Invalid, Field: "recipe", Msg: msg}
}

// onLine says on which line of the text a key stands, " (line 12)", or nothing where it cannot be found. The decoder
// knows lines only of keys it could decode.
func onLine(text string, key toml.Key) string {
	table, name := key[:len(key)-1].String(), key[len(key)-1]
	var at string
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if head, ok := strings.CutPrefix(line, "["); ok {
			head, _, _ = strings.Cut(strings.TrimPrefix(head, "["), "]")
			if at = strings.TrimSpace(head); at == key.String() {
				return fmt.Sprintf(" (line %d)", n)
			}
			continue
		}
		left, _, ok := strings.Cut(line, "=")
		left = strings.Trim(strings.TrimSpace(left), `"'`)
		if ok && (at == table && left == name || at == "" && left == key.String()) {
			return fmt.Sprintf(" (line %d)", n)
		}
	}
	return ""
}

// fill sets what was left out.
func (r *Recipe) fill(set func(key ...string) bool) {
	str := func(p *string, value string) {
		if *p == "" {
			*p = value
		}
	}
	span := func(p *Duration, value time.Duration, key string) {
		if !set("clock", key) {
			*p = Duration(value)
		}
	}
	str(&r.Slug, slugOf(r.Name))
	str(&r.Template, "digest")
	str(&r.Subject, "{lead}")
	str(&r.Preheader, "{also}")
	str(&r.Frequency, delivery.FrequencyEach)
	if !set("stories", "min") {
		r.Stories.Min = 1
	}
	if !set("stories", "max") {
		r.Stories.Max = 15
	}
	str(&r.Stories.TooFew, "skip")
	if !set("stories", "window") {
		r.Stories.Window = Duration(7 * 24 * time.Hour)
	}
	str(&r.Stories.Repeat, "list")
	str(&r.Lead.Rule, "first")
	for i := range r.Sections {
		s := &r.Sections[i]
		if s.Max == 0 {
			s.Max = 5
		}
		str(&s.Order, "newest")
	}
	if r.Appeal.Slug == "" {
		str(&r.Appeal.Place, "none")
	}
	str(&r.Appeal.Place, "end")
	span(&r.Clock.Opens, 2*time.Hour, "opens")
	span(&r.Clock.Cutoff, time.Hour, "cutoff")
	span(&r.Clock.ApprovalDue, 15*time.Minute, "approval_due")
	str(&r.Clock.NoApproval, "hold")
	span(&r.Clock.LateBy, 2*time.Hour, "late_by")
	str(&r.Clock.Late, "hold")
	span(&r.Clock.Expires, 24*time.Hour, "expires")
	str(&r.Clock.Doubt, "retry")
}

// slugOf makes a short name of a title: small letters, digits and single dashes.
func slugOf(name string) string {
	var b strings.Builder
	dash := false
	for _, c := range strings.ToLower(name) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(c)
			dash = false
		} else {
			dash = true
		}
	}
	return strings.TrimRight(b.String()[:min(b.Len(), 50)], "-")
}

// recipeOf reads a recipe as it is kept.
func recipeOf(data []byte) (r Recipe, err error) {
	if err := json.Unmarshal(data, &r); err != nil {
		return r, errs.Wrap(err, errs.Internal, "a recipe in the database cannot be read")
	}
	return r, nil
}
