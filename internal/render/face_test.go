package render

import (
	"strings"
	"testing"

	"mailer/internal/message"
)

// A list's choice of fonts is in every part of its mails, and the usual one in none of them.
func TestFaces(t *testing.T) {
	t.Parallel()
	for _, f := range Faces {
		c := sample(TemplateStory)
		c.List.Face = f.Name
		out, err := builtin.Render(c, message.NewMarks("faces"))
		if err != nil {
			t.Fatal(err)
		}
		for where, html := range map[string]string{"mail": out.HTML, "web": out.Web} {
			if !strings.Contains(html, "font-family:"+f.Text+";") || !strings.Contains(html, "font-family:"+f.Small+";") {
				t.Errorf("%s: the %s has none of its fonts", f.Label, where)
			}
			for _, other := range Faces {
				if other.Text != f.Text && strings.Contains(html, "font-family:"+other.Text+";") && other.Text != f.Small {
					t.Errorf("%s: the %s has the fonts of %s", f.Label, where, other.Label)
				}
			}
		}
	}
	if FaceOf(`x;background:url(//evil)`).Text != Serif {
		t.Error("an unknown face is not the usual one")
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	if v := Judge("#1f4e79", "#fdfdfb"); v.Changed || v.Used != "#1f4e79" || v.Ratio < 8 {
		t.Errorf("a dark blue on white: %+v", v)
	}
	if v := Judge("#ffd400", "#ffffff"); !v.Changed || v.Ratio > 2 || v.Used == "#ffd400" {
		t.Errorf("yellow on white: %+v", v)
	} else if used, ok := parseColour(v.Used); !ok || contrast(used, colour{255, 255, 255}) < ReadableContrast-0.3 {
		t.Errorf("what stands for yellow cannot be read: %s", v.Used)
	}
	if v := Judge("red;}", "javascript:"); v.Changed || v.Used != PaletteOf("", "").Light.Accent {
		t.Errorf("no colours at all: %+v", v)
	}
}
