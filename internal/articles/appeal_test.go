package articles

import (
	"strings"
	"testing"
)

// Ends of texts that ask for support, and ends that only speak of it. Each stands behind the same short story.
func TestFindAppeal(t *testing.T) {
	t.Parallel()
	const story = "The weir\n\nBy Jane Roe\n\nThe wheel at Lower Mill turned for the last time on a Tuesday in March, and nobody noticed it until Thursday.\n\n" +
		"By then the pond had risen by a hand. The trout that had lived in the race had moved to the pond, where nothing swam against them.\n\n" +
		"“It was the cheapest thing that you could do for a fish,” says Hanna Kolb, who has removed forty of them in her life.\n\n"
	for name, tc := range map[string]struct {
		end, heading, button string // heading "-": no appeal
	}{
		"heading and button":  {"Support our newsroom\n\nWe are funded by readers. If you can, please donate.\n\nGive now", "Support our newsroom", "Give now"},
		"by name":             {"Support The Weir Post\n\nThe Weir Post has no paywall and lives on readers like you. Please consider a monthly gift.\n\nBecome a friend", "Support The Weir Post", "Become a friend"},
		"no button":           {"Before you go…\n\nOur reporters need your support. Please become a member of our newsroom today, or give what you can.", "Before you go…", ""},
		"one paragraph":       {"Our journalism is free to read because readers like you pay for it. Please consider a donation to our newsroom.", "", ""},
		"button with address": {"We need your help\n\nWe have no owner, and our work is paid for by our readers. Will you join them?\n\nDonate: https://weir.example/give", "We need your help", "Donate"},
		"in brackets":         {"Keep our reporting free\n\nWe do this for you, and we need your help to go on. Please donate.\n\n[ Yes, I’ll give ]", "Keep our reporting free", "Yes, I’ll give"},
		"signed":              {"A word from the editor\n\nDear reader,\n\nWe are a small team. If you value our work, please support our journalism.\n\nMaria Santos\nEditor\n\nSupport us", "A word from the editor", "Support us"},
		"French":              {"Soutenez notre journal\n\nNous n’avons pas d’actionnaires. Votre don nous aide à rester libres.\n\nFaire un don", "Soutenez notre journal", "Faire un don"},

		"a call for donations to others": {"The mill needs a new roof. Donations can be made at the town hall, and anyone who wants to help may call the miller.", "-", ""},
		"reported":                       {"“We rely on donations,” said Kolb. “If you can, please give.” Her charity has removed forty weirs, and it hopes for support.", "-", ""},
		"media policy": {"Support local journalism\n\nIf we want local news we must pay for it: you, me and the state. Subscribe to your paper, and think of a donation if it is a charity.\n\n" +
			"Several countries give readers a tax credit. The evidence is mixed, but it does keep reporters employed in cities that would have kept a paper anyway.", "-", ""},
		"a question of science": {"Help us understand this\n\nThe team looks for volunteers. If you have seen an eel, write to them. “We need your help,” says Lena Ortiz.", "-", ""},
		"a menu":                {"Donate\n\nSubscribe\n\nSign up", "-", ""},
		"we of an essay":        {"We have learned to live with less water, and if we can, you can. We do not need your support; we need rain, and so do you.", "-", ""},
		"a subhead":             {"We need to talk about eels\n\nThere are fewer of them each year, and nobody who counts them can say where they have gone or whether they will ever return.", "-", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := ParseFile("a.txt", []byte(story+tc.end+"\n"), Overrides{Now: testNow})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case tc.heading == "-":
				if p.Appeal != nil {
					t.Fatalf("taken for an appeal: %+v", p.Appeal)
				}
			case p.Appeal == nil:
				t.Fatalf("no appeal found; body:\n%s", p.Story.BodyHTML)
			case p.Appeal.Heading != tc.heading || p.Appeal.Button != tc.button || p.Appeal.Body == "":
				t.Errorf("%+v; want heading %q, button %q", p.Appeal, tc.heading, tc.button)
			}
			if !strings.Contains(p.Story.BodyHTML, "cheapest thing") {
				t.Errorf("the story is cut:\n%s", p.Story.BodyHTML)
			}
		})
	}
}
