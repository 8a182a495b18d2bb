package articles

import "testing"

func TestSplitCaption(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{
		"A ferry leaves the harbour at dawn. (AP Photo/Jane Roe)":           {"A ferry leaves the harbour at dawn.", "AP Photo/Jane Roe"},
		"A ferry leaves the harbour (AP Photo/Jane Roe)":                    {"A ferry leaves the harbour", "AP Photo/Jane Roe"},
		"A ferry leaves the harbour at dawn. Reuters/John Doe":              {"A ferry leaves the harbour at dawn.", "Reuters/John Doe"},
		"A ferry leaves the harbour at dawn. Photo: Jane Roe/Harbour News":  {"A ferry leaves the harbour at dawn.", "Jane Roe/Harbour News"},
		"A ferry leaves the harbour at dawn. Jane Roe/AFP via Getty Images": {"A ferry leaves the harbour at dawn.", "Jane Roe/AFP via Getty Images"},
		"A ferry in the harbour, Nov. 3, 2026. THE CANADIAN PRESS/John Doe": {"A ferry in the harbour, Nov. 3, 2026.", "THE CANADIAN PRESS/John Doe"},
		"A ferry in the harbour THE CANADIAN PRESS/John Doe":                {"A ferry in the harbour", "THE CANADIAN PRESS/John Doe"},
		"A ferry leaves. THE CANADIAN PRESS/AP-Jane Roe":                    {"A ferry leaves.", "THE CANADIAN PRESS/AP-Jane Roe"},
		"A ferry leaves the harbour. (Shutterstock)":                        {"A ferry leaves the harbour.", "Shutterstock"},
		"A ferry leaves the harbour. Shutterstock":                          {"A ferry leaves the harbour.", "Shutterstock"},
		"A ferry leaves the harbour. (Unsplash/Jane Roe)":                   {"A ferry leaves the harbour.", "Unsplash/Jane Roe"},
		"A ferry leaves the harbour. (Photo by Jane Roe/Getty Images)":      {"A ferry leaves the harbour.", "Jane Roe/Getty Images"},
		"A ferry leaves the harbour. (Jane Roe)":                            {"A ferry leaves the harbour.", "Jane Roe"},
		"A ferry leaves the harbour. (Jane Roe), CC BY-SA":                  {"A ferry leaves the harbour.", "Jane Roe, CC BY-SA"},
		"A ferry leaves the harbour. Jane Roe/Flickr, CC BY-SA":             {"A ferry leaves the harbour.", "Jane Roe/Flickr, CC BY-SA"},
		"Un bac quitte le port. Crédit photo : Jeanne Leroux":               {"Un bac quitte le port.", "Jeanne Leroux"},
		"Un bac quitte le port. © Jeanne Leroux / Le Phare":                 {"Un bac quitte le port.", "Jeanne Leroux / Le Phare"},
		"Photo: Jane Roe":                                                    {"", "Jane Roe"},
		"A ferry (left) leaves the harbour.":                                 {"A ferry (left) leaves the harbour.", ""},
		"A ferry leaves the harbour (left)":                                  {"A ferry leaves the harbour (left)", ""},
		"A ferry leaves the harbour.":                                        {"A ferry leaves the harbour.", ""},
		"The mayor said so. Nobody agreed":                                   {"The mayor said so. Nobody agreed", ""},
		"He or she and/or they left.":                                        {"He or she and/or they left.", ""},
		"A ferry leaves. Courtesy of the Harbour Museum":                     {"A ferry leaves.", "Courtesy of the Harbour Museum"},
		"Mayor Ann Poe speaks to the council. Handout":                       {"Mayor Ann Poe speaks to the council.", "Handout"},
		"A satellite view of the delta. NASA":                                {"A satellite view of the delta.", "NASA"},
		"A ferry leaves the harbour. [Photo: Jane Roe]":                      {"A ferry leaves the harbour.", "Jane Roe"},
		"The delta from above.\nJohn Doe/Reuters":                            {"The delta from above.", "John Doe/Reuters"},
		"The ferry, seen by Mary O. Poe. John Doe, AFP":                      {"The ferry, seen by Mary O. Poe.", "John Doe, AFP"},
		"A ferry leaves the harbour. Jane Roe for Harbour News":              {"A ferry leaves the harbour. Jane Roe for Harbour News", ""},
		"A woman walks past a mural, 2 June 2026. John Doe/AFP/Getty Images": {"A woman walks past a mural, 2 June 2026.", "John Doe/AFP/Getty Images"},
	} {
		caption, credit, _ := splitCaption(in)
		if caption != want[0] || credit != want[1] {
			t.Errorf("splitCaption(%q)\n got %q | %q\nwant %q | %q", in, caption, credit, want[0], want[1])
		}
	}
}
