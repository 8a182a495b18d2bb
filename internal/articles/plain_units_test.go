package articles

import (
	"testing"
	"time"
)

func TestIsInfo(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"Professor of Law, University of Ostmark", "University of Ostmark", "Staff writer", "Lecturer in Ethnomusicology", "Canada Research Chair in Health, Westmark College",
		"Professor and Director, Centre for Tides", "PhD Candidate in Cognitive Science, Westmark College", "Associate professor of history at the University of Ostmark", "Executive Director, Institute for River Studies",
		"Professeure agrégée, Département de science politique, Université d’Aubrac", "Maîtresse de conférences en géographie, Université d’Aubrac", "Redakteurin", "Special to The Star", "Department of Zoology",
		"professor of law, University of Ostmark", "Founder and CEO, Tidal Labs Inc.", "Editor at large"} {
		if !isInfo(s) {
			t.Errorf("isInfo(%q) = false", s)
		}
	}
	for _, s := range []string{"Students march for free buses", "Council votes to keep the swing bridge swinging", "Scientists find the missing eels", "The sand thieves", "University is not a place", "Greta Lind",
		"The university said so.", "Professor Roe has a plan", "Doctors warn of a long winter", "What the museum forgot", "June 3, 2026", "By Jane Roe", "Photo: University of Ostmark", "Why schools need books",
		"Jane Roe is professor of law at the University of Ostmark.", "A school, a church, a bank: what is left"} {
		if isInfo(s) {
			t.Errorf("isInfo(%q) = true", s)
		}
	}
}

func TestIsJunk(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"Share", "X (Twitter)", "• Email", "12 comments", "5 min read", "0:00 / 7:42", "Read more: The other story", "À lire aussi : Le pont", "© 2026 Harbour News", "Sign up for our newsletter",
		"Advertisement", "View all partners", "https://doi.org/10.1000/1", "@janeroe", "jane@harbour.example", "Temps de lecture : 6 min", "1 / 3", "Follow Jane Roe on X"} {
		if !isJunk(s) {
			t.Errorf("isJunk(%q) = false", s)
		}
	}
	for _, s := range []string{"The share of renewables", "Email is dead", "Read the room", "Subscribe to nothing", "More is more", "Comments are free, facts are not.", "***", "1. Share what you have", "Copyright law is changing", "He said: share."} {
		if isJunk(s) {
			t.Errorf("isJunk(%q) = true", s)
		}
	}
}

// How lines become paragraphs.
func TestUnits(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"a line each":   {"Headline\nFirst paragraph, which ends.\nSecond paragraph, which ends too.", []string{"Headline", "First paragraph, which ends.", "Second paragraph, which ends too."}},
		"wrapped":       {"Headline\n\nThe first paragraph is wrapped at some width, so that\nit goes on here, and then it\nends.\n\nThe second one is wrapped at the same width, too, so\nthat it goes on.", []string{"Headline", "The first paragraph is wrapped at some width, so that it goes on here, and then it ends.", "The second one is wrapped at the same width, too, so that it goes on."}},
		"lower case":    {"Headline\n\nIt goes on\nin lower case.", []string{"Headline", "It goes on in lower case."}},
		"hyphen":        {"Headline\n\nA well-\nknown fact.", []string{"Headline", "A well-known fact."}},
		"numbers alone": {"Headline\n\n1\nFirst\n\n2\nSecond", []string{"Headline", "1. First", "2. Second"}},
		"a page number": {"Headline\n\n1\nOnly one", []string{"Headline", "1", "Only one"}},
		"Windows":       {"Headline\r\n\r\nText.\r\n", []string{"Headline", "Text."}},
		"old Mac":       {"Headline\r\rText.\r", []string{"Headline", "Text."}},
		"date and name": {"Headline\n\nJane Roe\nJune 3, 2026\nText that follows.", []string{"Headline", "Jane Roe", "June 3, 2026", "Text that follows."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, u := range unitsOf(tc.text, time.Unix(0, 0)) {
				got = append(got, u.text)
			}
			if len(got) != len(tc.want) {
				t.Fatalf("%q; want %q", got, tc.want)
			}
			for i := range got {
				if got[i] != tc.want[i] {
					t.Errorf("%q; want %q", got[i], tc.want[i])
				}
			}
		})
	}
}
