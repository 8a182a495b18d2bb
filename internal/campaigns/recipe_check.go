package campaigns

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mailer/internal/delivery"
	"mailer/internal/errs"
	"mailer/internal/render"
)

var (
	slugRE  = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])*$`)
	placeRE = regexp.MustCompile(`^(after [1-9][0-9]?|end|none)$`)
)

// check refuses what cannot work, with the key at fault.
func (r *Recipe) check() error {
	for _, f := range []func() error{r.checkTexts, r.checkTimes, r.checkStories, r.checkSections, r.checkClock} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recipe) checkTexts() error {
	if err := checkLine("name", r.Name, 100); err != nil {
		return err
	}
	if !slugRE.MatchString(r.Slug) || len(r.Slug) > 50 {
		return errs.Field("slug", "%q is not a short name: use up to 50 small letters, digits and single dashes, such as morning-briefing", r.Slug)
	}
	if r.Slug == "new" {
		return errs.Field("slug", "%q is where new digests are made on the desk; take another short name", r.Slug)
	}
	if !slugRE.MatchString(r.List) {
		return errs.Field("list", "must be the short name of a list")
	}
	if err := checkSegments(r.Segments, r.Exclude); err != nil {
		return err
	}
	if err := oneOf("template", r.Template, "digest"); err != nil {
		return err
	}
	if err := checkPattern("subject", r.Subject, 200); err != nil {
		return err
	}
	if err := checkPattern("preheader", r.Preheader, 200); err != nil {
		return err
	}
	if err := oneOf("frequency", r.Frequency, delivery.FrequencyEach, delivery.FrequencyWeekly, delivery.FrequencyAll); err != nil {
		return err
	}
	if r.Intro != "" {
		if err := checkMarkdown("intro", r.Intro, 4000); err != nil {
			return err
		}
	}
	if !placeRE.MatchString(r.Appeal.Place) {
		return errs.Field("appeal.place", `%q is not known; write "after 3" (any number), "end" or "none"`, r.Appeal.Place)
	}
	if r.Appeal.Slug != "" && !slugRE.MatchString(r.Appeal.Slug) {
		return errs.Field("appeal.slug", "must be the short name of an appeal")
	}
	if r.Appeal.Slug == "" && r.Appeal.Place != "none" {
		return errs.Field("appeal.slug", "is missing; name the appeal, or write place = \"none\"")
	}
	return nil
}

func (r *Recipe) checkTimes() error {
	zone := r.TimeZone
	if zone == "" {
		zone = "UTC" // the list's zone stands in when the digest is kept
	} else if _, err := loadZone(zone); err != nil {
		return err
	}
	if r.Schedule != "" {
		if _, err := ParseSchedule(r.Schedule, zone); err != nil {
			return err
		}
	}
	if len(r.Skip) > 400 {
		return errs.Field("skip", "has %d days; 400 is the limit", len(r.Skip))
	}
	for _, day := range r.Skip {
		if _, err := time.Parse(time.DateOnly, day); err == nil {
			continue
		}
		// 2024 is a leap year, so 02-29 is a day too.
		if _, err := time.Parse(time.DateOnly, "2024-"+day); err != nil {
			return errs.Field("skip", `%q is not a day; write "2026-12-25", or "12-25" for every year`, day)
		}
	}
	return nil
}

func (r *Recipe) checkStories() error {
	s := r.Stories
	switch {
	case s.Min < 1 || s.Min > 100:
		return errs.Field("stories.min", "is %d; it must be between 1 and 100", s.Min)
	case s.Max < s.Min || s.Max > 100:
		return errs.Field("stories.max", "is %d; it must be between stories.min (%d) and 100", s.Max, s.Min)
	case s.Window.std() < time.Hour || s.Window.std() > 90*24*time.Hour:
		return errs.Field("stories.window", "is %s; it must be between 1h and 90d", s.Window)
	}
	if err := oneOf("stories.too_few", s.TooFew, "skip", "shrink"); err != nil {
		return err
	}
	if err := oneOf("stories.repeat", s.Repeat, "list", "reader", "digest", "allow"); err != nil {
		return err
	}
	if err := oneOf("lead.rule", r.Lead.Rule, "first", "photo", "newest", "tag", "none"); err != nil {
		return err
	}
	if (r.Lead.Rule == "tag") != (r.Lead.Tag != "") {
		return errs.Field("lead.tag", `belongs to rule = "tag", and that rule needs it`)
	}
	if r.Lead.Section != "" && !slices.ContainsFunc(r.Sections, func(s Section) bool { return s.Title == r.Lead.Section }) {
		return errs.Field("lead.section", "there is no section with the title %q", r.Lead.Section)
	}
	return nil
}

func (r *Recipe) checkSections() error {
	if len(r.Sections) == 0 || len(r.Sections) > 20 {
		return errs.Field("sections", "there are %d; write between 1 and 20 parts that begin with [[sections]]", len(r.Sections))
	}
	titles := map[string]bool{}
	for i, s := range r.Sections {
		key := func(name string) string { return fmt.Sprintf("sections[%d].%s", i+1, name) }
		if s.Title != "" {
			if err := checkLine(key("title"), s.Title, 80); err != nil {
				return err
			}
			if titles[s.Title] {
				return errs.Field(key("title"), "%q is the title of another section already", s.Title)
			}
			titles[s.Title] = true
		}
		if s.Topic != "" && !slugRE.MatchString(s.Topic) {
			return errs.Field(key("topic"), "must be the short name of a topic of the list")
		}
		if s.Max < 1 || s.Max > 50 {
			return errs.Field(key("max"), "is %d; it must be between 1 and 50", s.Max)
		}
		if s.Min < 0 || s.Min > s.Max {
			return errs.Field(key("min"), "is %d; it must be between 0 and max (%d)", s.Min, s.Max)
		}
		if err := oneOf(key("order"), s.Order, "newest", "oldest", "feed"); err != nil {
			return err
		}
		for name, list := range map[string][]string{"feeds": s.Feeds, "sections": s.Sections, "tags": s.Tags} {
			if len(list) > 50 || slices.Contains(list, "") {
				return errs.Field(key(name), "must hold at most 50 names, none of them empty")
			}
		}
	}
	return nil
}

func (r *Recipe) checkClock() error {
	c := r.Clock
	const week = 7 * 24 * time.Hour
	switch {
	case c.Opens.std() > week:
		return errs.Field("clock.opens", "is %s; the draft may open at most 7d before the send", c.Opens)
	case c.Cutoff > c.Opens:
		return errs.Field("clock.cutoff", "is %s before the send, which is before the draft opens (%s)", c.Cutoff, c.Opens)
	case c.ApprovalDue > c.Cutoff:
		return errs.Field("clock.approval_due", "is %s before the send, which is before the cut-off (%s)", c.ApprovalDue, c.Cutoff)
	case c.Expires.std() < time.Minute || c.Expires.std() > week:
		return errs.Field("clock.expires", "is %s; it must be between 1m and 7d", c.Expires)
	case c.LateBy > c.Expires:
		return errs.Field("clock.late_by", "is %s, which is after the edition expires (%s)", c.LateBy, c.Expires)
	case c.LateBy.std() < time.Minute:
		return errs.Field("clock.late_by", "is %s; one minute is the least, for a restart at the moment of the send", c.LateBy)
	}
	if err := oneOf("clock.no_approval", c.NoApproval, "send", "hold", "skip"); err != nil {
		return err
	}
	if err := oneOf("clock.late", c.Late, "hold", "send", "skip"); err != nil {
		return err
	}
	return oneOf("clock.doubt", c.Doubt, "retry", "hold")
}

func oneOf(key, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return errs.Field(key, "%q is not known; write %s", value, `"`+strings.Join(allowed, `", "`)+`"`)
}

// checkLine is checkText for text of one line.
func checkLine(field, s string, limit int) error {
	if strings.ContainsAny(s, "\r\n\t") {
		return errs.Field(field, "must be one line")
	}
	return checkText(field, s, limit)
}

// checkText refuses what is empty, too long, or carries characters that no reader should see: controls, and directional
// overrides, which make a text read other than it is written.
func checkText(field, s string, limit int) error {
	switch {
	case strings.TrimSpace(s) == "":
		return errs.Field(field, "is empty")
	case !utf8.ValidString(s):
		return errs.Field(field, "is not valid UTF-8")
	case utf8.RuneCountInString(s) > limit:
		return errs.Field(field, "has %d characters; %d is the limit", utf8.RuneCountInString(s), limit)
	}
	for _, c := range s {
		if hidden(c) {
			return errs.Field(field, "contains the invisible character U+%04X; take it out", c)
		}
	}
	return nil
}

// checkMarkdown is checkText for Markdown, whose placeholders are a closed language.
func checkMarkdown(field, s string, limit int) error {
	if err := checkText(field, s, limit); err != nil {
		return err
	}
	if err := render.CheckMarkdown(s); err != nil {
		return errs.Field(field, "%s", errs.Public(err))
	}
	return nil
}

// hidden reports controls (line breaks and tabs apart) and the directional overrides and isolates of Unicode.
func hidden(c rune) bool {
	if c == '\n' || c == '\r' || c == '\t' {
		return false
	}
	return unicode.IsControl(c) || c >= 0x202A && c <= 0x202E || c >= 0x2066 && c <= 0x2069 || c == 0x2028 || c == 0x2029
}
