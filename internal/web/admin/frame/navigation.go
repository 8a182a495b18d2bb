package frame

import "mailer/internal/accounts"

// section is a group of the navigation.
type section struct {
	Name  string
	Items []item
}

type item struct {
	Name, URL, Icon, Key string
	Here                 bool
}

// navigation returns what a person may open.
func navigation(v *Visit, here string) []section {
	any, all := v.Account.Anywhere(), v.Account.Everywhere()
	type entry struct {
		key, name, url, icon, shortcut string
		may                            bool
	}
	groups := []struct {
		name    string
		entries []entry
	}{
		{"", []entry{
			{"today", "Today", "/admin", "today", "g t", true},
			{"calendar", "Calendar", "/admin/calendar", "calendar", "g k", true},
			{"campaigns", "Campaigns", "/admin/campaigns", "mail", "g c", true},
			{"alert", "Breaking alert", "/admin/alert", "bolt", "g a", any >= accounts.Editor},
		}},
		{"Newsroom", []entry{
			{"stories", "Stories", "/admin/stories", "story", "g s", any >= accounts.Writer},
			{"digests", "Digests", "/admin/digests", "digest", "g d", true},
			{"appeals", "Appeals", "/admin/appeals", "heart", "", any >= accounts.Writer},
			{"feeds", "Feeds", "/admin/feeds", "feed", "g f", any >= accounts.Writer},
		}},
		{"Readers", []entry{
			{"lists", "Lists", "/admin/lists", "list", "g l", true},
			{"readers", "Readers", "/admin/readers", "people", "g r", any >= accounts.Editor},
			{"segments", "Segments", "/admin/segments", "segment", "", all >= accounts.Editor},
			{"imports", "Import and export", "/admin/imports", "import", "", any >= accounts.Editor},
			{"suppressions", "Suppressions", "/admin/suppressions", "stop", "", all >= accounts.Editor},
			{"reports", "Reports", "/admin/reports", "chart", "g p", true},
		}},
		{"Service", []entry{
			{"relays", "Relays", "/admin/relays", "relay", "", all >= accounts.Editor},
			{"people", "People", "/admin/people", "key", "", all >= accounts.Owner},
			{"audit", "Audit log", "/admin/audit", "log", "", all >= accounts.Owner},
			{"settings", "Settings", "/admin/settings", "settings", "", all >= accounts.Owner},
		}},
	}
	var list []section
	for _, g := range groups {
		s := section{Name: g.name}
		for _, e := range g.entries {
			if e.may {
				s.Items = append(s.Items, item{e.name, e.url, e.icon, e.shortcut, e.key == here})
			}
		}
		if len(s.Items) > 0 {
			list = append(list, s)
		}
	}
	return list
}
