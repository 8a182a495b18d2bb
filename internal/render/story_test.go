package render

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mailer/internal/errs"
	"mailer/internal/message"
)

// view makes the view of a fixture as the mail of one story shows it.
func view(t *testing.T, name string) *StoryView {
	t.Helper()
	p, err := campaignPage(contents()["mail of "+name], message.NewMarks("x"))
	if err != nil {
		t.Fatal(err)
	}
	return p.Blocks[0].Stories[0]
}

func TestDekFromTheBody(t *testing.T) {
	t.Parallel()
	if v := view(t, "dek in the body"); v.Dek != "" {
		t.Errorf("the dek %q is how the body begins, and is shown twice", v.Dek)
	}
	if v := view(t, "plain"); v.Dek == "" {
		t.Error("a dek that is not in the body is not shown")
	}
}

func TestPhotos(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ photo, thumb string }{
		"plain": {"600x400", "176x117"}, "portrait": {"320x640", "88x176"}, "size unknown": {"600x400", "176x117"}, "small photo": {"", "120x90"},
		"no image": {}, "photo not https": {}, "MSG-37 tracking pixel": {}, "MSG-37 tracking line": {},
	} {
		v := view(t, name)
		if got := size(v.Photo); got != tc.photo {
			t.Errorf("%s: photo %s; want %s", name, got, tc.photo)
		}
		if got := size(v.Thumb); got != tc.thumb {
			t.Errorf("%s: small photo %s; want %s", name, got, tc.thumb)
		}
		if v.Thumb != nil && v.Thumb.Alt != "" {
			t.Errorf("%s: the small photo, which goes with the headline, has the alt %q", name, v.Thumb.Alt)
		}
	}
}

func size(p *PhotoView) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%dx%d", p.Width, p.Height)
}

func TestBylines(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		by    string
		roles []string
		cards int
	}{
		"plain":         {"By Maren Oduya", []string{"Professor of Coastal Hydrology, Northern Estuary University"}, 1},
		"two authors":   {"By Bo Chen and Cy Dahl", []string{"Bo Chen: Editor", "Cy Dahl: Sandholm Museum"}, 2},
		"six authors":   {"By Ann Lee, Bo Chen, Cy Dahl, Dee Ek, Ed Fox and Flo Gray", nil, 3},
		"eight authors": {"By Ann Lee, Bo Chen, Cy Dahl, Dee Ek, Ed Fox, Flo Gray and 2 others", nil, 3},
		"no author":     {"", nil, 0},
	} {
		v := view(t, name)
		if v.ByPlain != tc.by || strings.Join(v.RolesPlain, "|") != strings.Join(tc.roles, "|") || len(v.Cards) != tc.cards {
			t.Errorf("%s: %q, %q, %d cards; want %q, %q, %d", name, v.ByPlain, v.RolesPlain, len(v.Cards), tc.by, tc.roles, tc.cards)
		}
	}
	if v := view(t, "Hebrew in English"); v.By != `By <span dir="rtl">דנה לוי</span>` {
		t.Errorf("a name that is written the other way is not set apart: %s", v.By)
	}
	if v := view(t, "no date"); v.FactsPlain != "By Maren Oduya" {
		t.Errorf("facts %q; want no date, no minutes and no points between them", v.FactsPlain)
	}
}

// TestOneLink: a headline has one link that keyboard and screen reader meet; the photo's own is for the pointer. MSG-29
func TestOneLink(t *testing.T) {
	t.Parallel()
	c := sample(TemplateDigest)
	c.Blocks = []Block{{Kind: KindSection, Title: "A", Stories: []Story{plainStory(nil)}}}
	s := send(t, c, message.Reader{})
	all, hidden := strings.Count(s.html, `href="https://www.lantern.example/science/tide-tables"`), strings.Count(s.html, `href="https://www.lantern.example/science/tide-tables" aria-hidden="true" tabindex="-1"`)
	if all != 2 || hidden != 1 {
		t.Errorf("%d links to a story, %d of them for the pointer only; want 2 and 1", all, hidden)
	}
}

func TestCheckMarkdown(t *testing.T) {
	t.Parallel()
	if err := CheckMarkdown("Dear {name|friend}, **hello**."); err != nil {
		t.Error(err)
	}
	err := CheckMarkdown("Dear {nane}")
	if e := (*errs.Error)(nil); !errors.As(err, &e) || e.Kind != errs.Invalid || !strings.Contains(e.Msg, "{nane}") {
		t.Errorf("%v; want an Invalid error that names {nane}", err)
	}
}
