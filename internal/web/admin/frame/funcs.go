package frame

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mailer/internal/delivery"
)

// funcs are what templates may call. Times are shown in the zone of the visit: {{clock .V .D.SendAt}}.
var funcs = template.FuncMap{
	"date":     func(v *Visit, t any) string { return in(v, t, "Mon 2 Jan 2006") },
	"day":      func(v *Visit, t any) string { return in(v, t, "Monday 2 January") },
	"clock":    func(v *Visit, t any) string { return in(v, t, "15:04") },
	"datetime": func(v *Visit, t any) string { return in(v, t, "Mon 2 Jan, 15:04") },
	"full":     func(v *Visit, t any) string { return in(v, t, "Monday 2 January 2006, 15:04:05 MST") },
	"iso":      iso,
	"ago":      func(t any) string { return Ago(moment(t), time.Now()) },
	"num":      num,
	"percent":  percent,
	"sent":     func(b delivery.Balance) int64 { return b.Audience - b.Open() }, // of a send: who need not be thought of any more
	"bytes":    size,
	"plural":   plural,
	"lasting":  lasting,
	"badge":    badge,
	"icon":     icon,
	"dict":     dict,
	"list":     func(values ...any) []any { return values },
	"view":     func(v *Visit, d any) View { return View{v, d} },
	"with_":    With,
	"upper":    upper,
	"whole":    Whole,
	"join":     strings.Join,
	"asset":    func(v *Visit, name string) string { return v.frame.AssetURL(name) },
	"input":    newInput, "choose": newSelect, "tick": newTick,
	"required": func(i Input) Input { i.Required = true; return i },
	"short":    func(i Input) Input { i.Short = true; return i },
	"maxlen":   func(n int, i Input) Input { i.Max = n; return i },
	"hold":     func(text string, i Input) Input { i.Placeholder = text; return i },
	"auto":     func(name string, i Input) Input { i.Autocomplete = name; return i },
	"rows":     func(n int, i Input) Input { i.Rows = n; return i },
	"mode":     func(name string, i Input) Input { i.Mode = name; return i },
	"idof":     func(id string, i Input) Input { i.ID = id; return i },
	"off":      func(i Input) Input { i.Disabled = true; return i },
}

// moment returns a time of a time.Time or a *time.Time; zero for nil.
func moment(t any) time.Time {
	switch t := t.(type) {
	case time.Time:
		return t
	case *time.Time:
		if t != nil {
			return *t
		}
	}
	return time.Time{}
}

func in(v *Visit, t any, format string) string {
	m := moment(t)
	if m.IsZero() {
		return "–"
	}
	return m.In(v.Zone()).Format(format)
}

func iso(t any) string {
	if m := moment(t); !m.IsZero() {
		return m.UTC().Format(time.RFC3339)
	}
	return ""
}

// Ago says how long ago a moment was, or in what time it will be: "3 minutes ago", "in 2 hours".
func Ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	if d > -30*time.Second && d < 30*time.Second {
		return "just now"
	}
	if d < 0 {
		return "in " + lasting(-d)
	}
	return lasting(d) + " ago"
}

// lasting says a duration in its largest unit, in two where it is short of five.
func lasting(d time.Duration) string {
	d = d.Round(time.Second)
	days, hours, minutes, seconds := int(d.Hours())/24, int(d.Hours()), int(d.Minutes()), int(d.Seconds())
	switch {
	case days >= 2:
		return plural(days, "day", "days")
	case hours >= 5:
		return plural(hours, "hour", "hours")
	case hours >= 1:
		if m := minutes - hours*60; m > 0 {
			return plural(hours, "hour", "hours") + " " + plural(m, "minute", "minutes")
		}
		return plural(hours, "hour", "hours")
	case minutes >= 1:
		return plural(minutes, "minute", "minutes")
	}
	return plural(seconds, "second", "seconds")
}

// whole number of whatever integer type.
func integer(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int32:
		return int64(n)
	case int64:
		return n
	case uint64:
		return int64(min(n, 1<<62)) // #nosec G115 -- just bounded
	case *int64:
		if n != nil {
			return *n
		}
	}
	return 0
}

// num writes a number with commas between thousands.
func num(n any) string {
	s := strconv.FormatInt(integer(n), 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

func plural(n any, one, many string) string {
	if integer(n) == 1 {
		return "1 " + one
	}
	return num(n) + " " + many
}

// percent says a part of a whole; small ones with a decimal.
func percent(part, whole any) string {
	p, w := float64(integer(part)), float64(integer(whole))
	if w == 0 {
		return "–"
	}
	share := 100 * p / w
	if p > 0 && share < 10 {
		return fmt.Sprintf("%.1f %%", share)
	}
	return fmt.Sprintf("%.0f %%", share)
}

func size(n any) string {
	b := float64(integer(n))
	switch {
	case b >= 1<<30:
		return fmt.Sprintf("%.1f GB", b/(1<<30))
	case b >= 1<<20:
		return fmt.Sprintf("%.1f MB", b/(1<<20))
	case b >= 1<<10:
		return fmt.Sprintf("%.0f kB", b/(1<<10))
	}
	return fmt.Sprintf("%.0f bytes", b)
}

// upper makes the first letter a capital.
func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// dict makes a map of names and values for a part.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// badgeKinds are the colours of states, and how they are called where the word in the table is not the one for people.
var badgeKinds = map[string][2]string{
	"draft": {"", "Draft"}, "in_review": {"warn", "In review"}, "approved": {"good", "Approved"}, "launched": {"good", "Launched"},
	"skipped": {"", "Skipped"}, "held": {"bad", "Held"}, "cancelled": {"", "Cancelled"}, "expired": {"", "Expired"},
	"running": {"live", "Sending"}, "paused": {"warn", "Paused"}, "done": {"good", "Sent"},
	"accepted": {"good", "Accepted"}, "deferred": {"warn", "Deferred"}, "failed": {"bad", "Failed"}, "unknown": {"warn", "In doubt"},
	"queued": {"", "Queued"}, "claimed": {"live", "Being sent"}, "suppressed": {"", "Suppressed"}, "bounced": {"bad", "Bounced"},
	"confirmed": {"good", "Confirmed"}, "pending": {"warn", "Pending"}, "unsubscribed": {"", "Left"},
	"ok": {"good", "Fine"}, "failing": {"bad", "Failing"}, "active": {"good", "Active"}, "off": {"", "Off"},
	"refused": {"bad", "Must be mended"}, "warned": {"warn", "Look at this"}, "noted": {"", "Worth a look"},
}

// badge shows a state as a coloured label.
func badge(state string) template.HTML {
	k, ok := badgeKinds[state]
	if !ok {
		k = [2]string{"", upper(strings.ReplaceAll(state, "_", " "))}
	}
	class := "badge"
	if k[0] != "" {
		class += " badge-" + k[0]
	}
	return template.HTML(`<span class="` + class + `">` + template.HTMLEscapeString(k[1]) + `</span>`) // #nosec G203 -- escaped
}
