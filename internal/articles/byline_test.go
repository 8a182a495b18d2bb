package articles

import (
	"strings"
	"testing"

	"mailer/internal/render"
)

// show writes authors as "Name|Title|Institution; …".
func show(authors []render.Author) string {
	var out []string
	for _, a := range authors {
		s := a.Name
		if a.Title != "" || a.Institution != "" {
			s += "|" + a.Title + "|" + a.Institution
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestParseByline(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Jane Roe":                          "Jane Roe",
		"By Jane Roe":                       "Jane Roe",
		"By: Jane Roe":                      "Jane Roe",
		"BY SEAN MCDOE AND ANN-MARIE O’POE": "Sean McDoe; Ann-Marie O’Poe",
		"BY JANE ROE":                       "Jane Roe",
		"Par Jeanne Leroux":                 "Jeanne Leroux",
		"Par : Jeanne Leroux et Marc d’Aubigny":                                              "Jeanne Leroux; Marc d’Aubigny",
		"By Jane Roe and John Doe":                                                           "Jane Roe; John Doe",
		"By Jane Roe, John Doe and Ann van der Poe":                                          "Jane Roe; John Doe; Ann van der Poe",
		"By Jane Roe, John Doe, and Ann Poe":                                                 "Jane Roe; John Doe; Ann Poe",
		"Jane Roe & John Doe":                                                                "Jane Roe; John Doe",
		"Jane Roe, Professor of Law, University of Ostmark":                                  "Jane Roe|Professor of Law|University of Ostmark",
		"Jane Roe, Professor of Law and Economics, University of Ostmark":                    "Jane Roe|Professor of Law and Economics|University of Ostmark",
		"Jane Roe, Professor of Politics and International Relations, University of Ostmark": "Jane Roe|Professor of Politics and International Relations|University of Ostmark",
		"Jane Roe, Professor of Law, University of Ostmark and John Doe, PhD Candidate in History, Westmark College": "Jane Roe|Professor of Law|University of Ostmark; John Doe|PhD Candidate in History|Westmark College",
		"Jane Roe, Professor of Law, University of Ostmark, and John Doe, Lecturer, Westmark College":                "Jane Roe|Professor of Law|University of Ostmark; John Doe|Lecturer|Westmark College",
		"Jane Roe, Professor of Law and John Doe, Lecturer in History":                                               "Jane Roe|Professor of Law|; John Doe|Lecturer in History|",
		"Jane Roe, University of Ostmark; John Doe, Westmark College":                                                "Jane Roe||University of Ostmark; John Doe||Westmark College",
		"Jane Roe, University of Ostmark and John Doe, Westmark College":                                             "Jane Roe||University of Ostmark; John Doe||Westmark College",
		"Jane Roe (University of Ostmark)":                                                                           "Jane Roe||University of Ostmark",
		"Jane Roe (University of Ostmark), John Doe (Westmark College)":                                              "Jane Roe||University of Ostmark; John Doe||Westmark College",
		"Jane Roe (University of Ostmark) and John Doe (Westmark College)":                                           "Jane Roe||University of Ostmark; John Doe||Westmark College",
		"Jane Roe (Professor of Law, University of Ostmark)":                                                         "Jane Roe|Professor of Law|University of Ostmark",
		"Jane Roe (she/her), Reporter":                                                                               "Jane Roe|Reporter|",
		"By Jane Roe, Harbour News":                                                                                  "Jane Roe||Harbour News",
		"By Jane Roe, Staff Writer":                                                                                  "Jane Roe|Staff Writer|",
		"By Jane Roe, Staff Writer | June 3, 2026 | 5 min read":                                                      "Jane Roe|Staff Writer|",
		"By Jane Roe · 3 June 2026":                                                                                  "Jane Roe",
		"By Jane Roe | Staff Writer":                                                                                 "Jane Roe|Staff Writer|",
		"By Jane Roe for Harbour News":                                                                               "Jane Roe||Harbour News",
		"By Jane Roe in Berlin and John Doe in Paris":                                                                "Jane Roe; John Doe",
		"Staff writer Jane Roe":                                                                                      "Jane Roe|Staff writer|",
		"Jane Roe, University of California, Berkeley":                                                               "Jane Roe||University of California, Berkeley",
		"Jane Roe, University of Ostmark, Professor of Law":                                                          "Jane Roe|Professor of Law|University of Ostmark",
		"Jane Roe, Professor of Law at the University of Ostmark":                                                    "Jane Roe|Professor of Law|University of Ostmark",
		"Jane Roe, Director of the Centre for Tides, University of Ostmark":                                          "Jane Roe|Director of the Centre for Tides|University of Ostmark",
		"Jane Roe, Johns Hopkins":                                                                                    "Jane Roe||Johns Hopkins",
		"Jane Roe, PhD, Lecturer, Westmark College":                                                                  "Jane Roe, PhD|Lecturer|Westmark College",
		"John Doe, Jr., Reporter":                                                                                    "John Doe Jr.|Reporter|",
		"Jane Roe jane@example.org":                                                                                  "Jane Roe",
		"jane@example.org (Jane Roe)":                                                                                "Jane Roe",
		"By Jane Roe @janeroe":                                                                                       "Jane Roe",
		"Jeanne Leroux, Professeure de droit, Université d’Aubrac":                                                   "Jeanne Leroux|Professeure de droit|Université d’Aubrac",
		"Jeanne Leroux, chercheuse en histoire à l’Université d’Aubrac":                                              "Jeanne Leroux|chercheuse en histoire|Université d’Aubrac",
		"By The Associated Press":                                                                                    "The Associated Press",
		"admin":                                                                                                      "", "": "", "  ": "",
		"李 明":                   "李 明",
		"Dr. Jane Q. Roe-Smith": "Dr. Jane Q. Roe-Smith",
		"By Jane Roe, Climate Reporter, and John Doe, Data Editor": "Jane Roe|Climate Reporter|; John Doe|Data Editor|",
		"Jane Roe, novelist": "Jane Roe|novelist|",
		"Jane Roe, London School of Economics and Political Science": "Jane Roe||London School of Economics and Political Science",
		"Jane Roe\nJohn Doe":       "Jane Roe; John Doe",
		"By Jane Roe, By John Doe": "Jane Roe; John Doe",
	} {
		if got := show(parseByline(in)); got != want {
			t.Errorf("parseByline(%q)\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestBylineLine(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"By Jane Roe", "By: Jane Roe and John Doe", "Par Jeanne Leroux", "By The Associated Press", "By Harbour News staff",
		"Jane Roe, University of Ostmark", "Jane Roe, Professor of Law, University of Ostmark", "by Jane Roe", "Author: Jane Roe", "Von Jana Reh"} {
		if _, ok := bylineLine(in); !ok {
			t.Errorf("bylineLine(%q) is none", in)
		}
	}
	for _, in := range []string{"By the time the ferry docked, nobody was left.", "By 2030 the harbour will be gone", "By Monday, the water had gone", "Jane Roe",
		"Toronto, Canada", "The University of Ostmark, a school, closes", "By then it was late", "By far the best", "Par temps de pluie", "par exemple", "Von hier an",
		"Jane Roe was professor of law at the University of Ostmark.", "By hand, by sea"} {
		if a, ok := bylineLine(in); ok {
			t.Errorf("bylineLine(%q) = %s; want none", in, show(a))
		}
	}
}
