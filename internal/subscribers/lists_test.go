package subscribers

import (
	"strings"
	"testing"

	"mailer/internal/errs"
)

func validList() List {
	return List{
		Slug: "morning-brief", Name: "Morning Brief", FromName: "The Paper", FromAddress: "brief@news.paper.co.uk", ReplyTo: "postmaster@paper.co.uk",
		LegalName: "The Paper Ltd", PostalAddress: "1 Quay Street\r\nBristol BS1 1AA", Contact: "+44 117 496 0000", HomeURL: "https://www.paper.co.uk/",
		Language: "en-gb", TimeZone: "Europe/London", LogoURL: "https://www.paper.co.uk/logo.png", LogoWidth: 180, LogoHeight: 40, AccentColour: "#AA0000",
	}
}

func TestCreateList(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	l, err := s.CreateList(t.Context(), validList())
	if err != nil {
		t.Fatal(err)
	}
	if l.ID == 0 || l.EnvelopeDomain != "news.paper.co.uk" || l.AccentColour != "#aa0000" || l.PaperColour != "#fdfdfb" || l.Language != "en-GB" ||
		l.PostalAddress != "1 Quay Street\nBristol BS1 1AA" || l.CreatedAt.IsZero() {
		t.Errorf("CreateList = %+v", l)
	}
	if got, err := s.ListBySlug(t.Context(), "morning-brief"); err != nil || got.ID != l.ID || got.Name != l.Name {
		t.Errorf("ListBySlug = %+v, %v", got, err)
	}
	if _, err := s.CreateList(t.Context(), validList()); errs.KindOf(err) != errs.Conflict || !strings.Contains(errs.Public(err), "morning-brief") {
		t.Errorf("the same slug again: %v", err)
	}
	l.Name, l.EnvelopeDomain = "Evening Brief", "bounce.paper.co.uk"
	if got, err := s.UpdateList(t.Context(), l); err != nil || got.Name != "Evening Brief" || got.EnvelopeDomain != "bounce.paper.co.uk" {
		t.Errorf("UpdateList = %+v, %v", got, err)
	}
	l.Slug = "other"
	if _, err := s.UpdateList(t.Context(), l); errs.KindOf(err) != errs.Invalid {
		t.Errorf("a new slug: %v; a List-Id never changes", err)
	}
	l.ID = 999
	if _, err := s.UpdateList(t.Context(), l); errs.KindOf(err) != errs.NotFound {
		t.Errorf("unknown list: %v", err)
	}
	if lists, err := s.Lists(t.Context()); err != nil || len(lists) != 1 {
		t.Errorf("Lists = %v, %v", lists, err)
	}
}

func TestListRefused(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	for name, tc := range map[string]struct {
		field  string
		change func(*List)
	}{
		"MSG-03 freemail":           {"from_address", func(l *List) { l.FromAddress = "paper@gmail.com" }},
		"MSG-03 freemail of others": {"from_address", func(l *List) { l.FromAddress = "paper@yahoo.co.uk" }},
		"MSG-03 other envelope":     {"envelope_domain", func(l *List) { l.EnvelopeDomain = "bounce.sender.com" }},
		"MSG-03 public suffix":      {"envelope_domain", func(l *List) { l.EnvelopeDomain = "bounce.other.co.uk" }},
		"MSG-03 only a suffix":      {"from_address", func(l *List) { l.FromAddress = "x@co.uk" }},
		"MSG-21 list name CR LF":    {"name", func(l *List) { l.Name = "Brief\r\nBcc: all@example.org" }},
		"MSG-21 list name NUL":      {"name", func(l *List) { l.Name = "Brief\x00" }},
		"MSG-21 list name bidi":     {"name", func(l *List) { l.Name = "Brief \u202efdp.exe" }},
		"MSG-21 from name LF":       {"from_name", func(l *List) { l.FromName = "Paper\nBcc: x" }},
		"MSG-21 from name C1":       {"from_name", func(l *List) { l.FromName = "Paper\u0085x" }},
		"MSG-21 from name U+2028":   {"from_name", func(l *List) { l.FromName = "Paper\u2028x" }},
		"MSG-21 from name isolate":  {"from_name", func(l *List) { l.FromName = "Paper\u2066x" }},
		"MSG-21 legal name":         {"legal_name", func(l *List) { l.LegalName = "Paper\rLtd" }},
		"no name":                   {"name", func(l *List) { l.Name = " " }},
		"long name":                 {"name", func(l *List) { l.Name = strings.Repeat("x", 81) }},
		"MSG-20 name in List-Id":    {"name", func(l *List) { l.Name, l.FromName = strings.Repeat("漢", 80), "Paper" }},
		"bytes":                     {"name", func(l *List) { l.Name = "caf\xe9" }},
		"slug":                      {"slug", func(l *List) { l.Slug = "Morning Brief" }},
		"slug edge":                 {"slug", func(l *List) { l.Slug = "-x" }},
		"from":                      {"from_address", func(l *List) { l.FromAddress = "Paper <x@paper.org>" }},
		"from reserved":             {"from_address", func(l *List) { l.FromAddress = "x@paper.test" }},
		"reply-to":                  {"reply_to", func(l *List) { l.ReplyTo = "x@" }},
		"envelope":                  {"envelope_domain", func(l *List) { l.EnvelopeDomain = "-" }},
		"language":                  {"language", func(l *List) { l.Language = "xx-not-one-of-ours" }},
		"language without words":    {"language", func(l *List) { l.Language = "ja" }},
		"zone":                      {"time_zone", func(l *List) { l.TimeZone = "Mars/Olympus" }},
		"zone of the machine":       {"time_zone", func(l *List) { l.TimeZone = "Local" }},
		"colour":                    {"accent_colour", func(l *List) { l.AccentColour = "red" }},
		"colour short":              {"paper_colour", func(l *List) { l.PaperColour = "#fff" }},
		"home":                      {"home_url", func(l *List) { l.HomeURL = "http://paper.org" }},
		"home script":               {"home_url", func(l *List) { l.HomeURL = "javascript:alert(1)" }},
		"home user":                 {"home_url", func(l *List) { l.HomeURL = "https://a:b@paper.org" }},
		"home number":               {"home_url", func(l *List) { l.HomeURL = "https://192.0.2.1/" }},
		"home line":                 {"home_url", func(l *List) { l.HomeURL = "https://paper.org/\r\nX: y" }},
		"logo":                      {"logo_url", func(l *List) { l.LogoURL = "//paper.org/logo.png" }},
		"logo size":                 {"logo_width", func(l *List) { l.LogoWidth = 0 }},
	} {
		l := validList()
		tc.change(&l)
		_, err := s.CreateList(t.Context(), l)
		if errs.KindOf(err) != errs.Invalid || !strings.HasPrefix(errs.Public(err), tc.field+": ") {
			t.Errorf("%s: %v; want a refusal of %s", name, err, tc.field)
		}
	}
	if n := count(t, d, `SELECT count(*) FROM lists`); n != 0 {
		t.Errorf("%d lists were made", n)
	}
}

func TestListTaken(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*List){
		"aligned envelope":  func(l *List) { l.EnvelopeDomain = "bounce.paper.co.uk" },
		"envelope case":     func(l *List) { l.EnvelopeDomain = " Bounce.PAPER.co.uk " },
		"IDN":               func(l *List) { l.FromAddress = "news@bücher.de" },
		"name in script":    func(l *List) { l.Name, l.FromName = "عربي \u200fأ", "名前" },
		"name with symbols": func(l *List) { l.FromName = `"Smith, Jo" <x> @ Paper` },
		"localhost":         func(l *List) { l.HomeURL, l.LogoURL = "http://localhost:8025/", "http://localhost:8025/logo.png" },
		"nothing else":      func(l *List) { *l = List{Slug: "x", Name: "X", FromAddress: "x@paper.org"} },
	} {
		l := validList()
		change(&l)
		if got, err := (Policy{}).checkList(l); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if name == "IDN" && got.FromAddress != "news@xn--bcher-kva.de" {
			t.Errorf("IDN: %s", got.FromAddress)
		}
	}
	// What is refused is what a campaign could not carry: the octets of the List-Id,.
	for domain, want := range map[string]bool{"": true, "paper.co.uk": true, strings.Repeat("a", 60) + "." + strings.Repeat("b", 60) + ".org": false} {
		l := validList()
		l.Name = strings.Repeat("漢", 40)
		if _, err := (Policy{MailDomain: domain}).checkList(l); (err == nil) != want {
			t.Errorf("40 characters of three octets at %q: %v", domain, err)
		}
	}
	l := validList()
	l.FromAddress, l.ReplyTo = "news@paper.test", ""
	if _, err := (Policy{AllowReserved: true}).checkList(l); err != nil {
		t.Errorf("a reserved domain in development: %v", err)
	}
}

// MSG-34: what a campaign needs is named until it is there.
func TestMissing(t *testing.T) {
	t.Parallel()
	l := validList()
	if got := l.Missing(); len(got) != 0 {
		t.Errorf("Missing = %v", got)
	}
	l.LegalName, l.PostalAddress, l.Contact = "", "", ""
	if got := strings.Join(l.Missing(), " "); !strings.Contains(got, "legal_name") || !strings.Contains(got, "postal_address") || !strings.Contains(got, "contact") {
		t.Errorf("Missing = %q", got)
	}
}

// Everything that is missing or wrong is said at once, a line each.
func TestListAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Policy{}.checkList(List{LegalName: "Paper\nLtd", TimeZone: "Mars/Olympus", AccentColour: "red"})
	if errs.KindOf(err) != errs.Invalid {
		t.Fatalf("checkList = %v; want kind Invalid", err)
	}
	var fields []string
	for line := range strings.SplitSeq(errs.Public(err), "\n") {
		field, _, _ := strings.Cut(line, ": ")
		fields = append(fields, field)
	}
	if got := strings.Join(fields, " "); got != "slug name legal_name from_address time_zone accent_colour" {
		t.Errorf("problems are told of %s", got)
	}
}

// The sender's name is no place for an address: one of somebody else's, such as a bank's, would be all that many mail programs show.
func TestListFromNameIsNoAddress(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"support@bank.example", "Your bank <support@bank.example>", "support @ bank.example", "support＠bank.example", "support﹫bank．example",
		"sup\u200bport@\u2060bank.example", "support@bank。example", "ünter@bänk.example", "x@y.z", "The Paper (a_b+c@mail.bank.co.uk)", "info@paper.co.uk"} {
		l := validList()
		l.FromName = name
		if _, err := (Policy{}).checkList(l); errs.KindOf(err) != errs.Invalid || !strings.HasPrefix(errs.Public(err), "from_name: ") {
			t.Errorf("%q: %v; want it refused", name, err)
		}
		l = validList()
		l.Name, l.FromName = name, ""
		if _, err := (Policy{}).checkList(l); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%q as the name that stands in for it: %v; want it refused", name, err)
		}
	}
	for _, name := range []string{"The Paper", "News @ The Paper", "@thepaper", "Jane at paper.example", "Dr. Roe @ noon. Daily", "paper.example", "C@fé Society", "50 @ 3.5 each"} {
		l := validList()
		l.FromName = name
		if _, err := (Policy{}).checkList(l); err != nil {
			t.Errorf("%q: %v; want it taken", name, err)
		}
	}
}
