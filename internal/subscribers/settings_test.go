package subscribers

import (
	"strings"
	"testing"

	"mailer/internal/audit"
	"mailer/internal/errs"
)

// Two people who change a list at once do not overwrite each other, and the log says who changed what.
func TestSettings(t *testing.T) {
	t.Parallel()
	s, d := newStore(t)
	set, ctx := NewSettings(s), t.Context()
	l, err := set.Create(ctx, validList(), "ed@paper.org")
	if err != nil {
		t.Fatal(err)
	}
	opened, err := s.List(ctx, l.ID)
	if err != nil {
		t.Fatal(err)
	}
	was := ListVersion(opened)
	opened.Name, opened.TypeFace = "Evening Brief", "clean"
	saved, err := set.Save(ctx, opened, was, "ed@paper.org")
	if err != nil || saved.Name != "Evening Brief" || saved.TypeFace != "clean" {
		t.Fatalf("%+v, %v", saved, err)
	}
	if _, err := set.Save(ctx, l, was, "other@paper.org"); errs.KindOf(err) != errs.Conflict {
		t.Errorf("over what somebody else saved: %v", err)
	}
	saved.TypeFace = "comic;}"
	if _, err := set.Save(ctx, saved, ListVersion(saved), "ed@paper.org"); errs.KindOf(err) != errs.Invalid || !strings.Contains(err.Error(), "type_face") {
		t.Errorf("a type face that there is not: %v", err)
	}
	saved.TypeFace, saved.Slug = "clean", "other"
	if _, err := set.Save(ctx, saved, was, "ed@paper.org"); err == nil {
		t.Error("the slug was changed")
	}
	p, err := set.CreatePublication(ctx, Publication{Slug: "paper", Name: "The Paper"}, "ed@paper.org")
	if err == nil {
		p.Name = "The Paper & Co"
		p, err = set.SavePublication(ctx, p, "ed@paper.org")
	}
	if err != nil || p.Name != "The Paper & Co" {
		t.Errorf("%+v, %v", p, err)
	}
	entries, err := audit.Recent(ctx, d, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	var acts []string
	for _, e := range entries {
		acts = append(acts, e.Actor+" "+e.Action+" "+e.Subject+" "+string(e.Detail))
	}
	want := `ed@paper.org publication.update publication paper {}
ed@paper.org publication.create publication paper {}
ed@paper.org list.update list morning-brief {"changed": ["name", "type_face"]}
ed@paper.org list.create list morning-brief {}`
	if got := strings.Join(acts, "\n"); got != want {
		t.Errorf("the log says\n%s\nwant\n%s", got, want)
	}
}
