package articles

import (
	"math/rand/v2"
	"strings"
	"testing"

	"mailer/internal/errs"
)

const underMenu = "The river that forgot its name\n\nA valley argues about what to call its water.\n\nBy Jane Roe, Professor of Hydrology, University of the Northern Coast\n\n" +
	"Share on X  Share on Facebook\n\nPublished 3 June 2026\n\nThe river has had four names in a century. Each was given by somebody who had just arrived, and each was resented.\n\n" +
	"In the spring the council will choose again, and this time it has asked the people who fish in it.\n"

func TestMenuIsNoHeadline(t *testing.T) {
	t.Parallel()
	got, err := ParseFile("a.txt", []byte("Home\nNews\nOpinion\n\n"+underMenu), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	s := got.Story
	if s.Title != "The river that forgot its name" || s.Dek != "A valley argues about what to call its water." || s.Published.Format("2006-01-02") != "2026-06-03" ||
		len(s.Authors) != 1 || s.Authors[0].Institution != "University of the Northern Coast" {
		t.Errorf("%+v\n%s", s, strings.Join(got.Recognised, "\n"))
	}
	if left := strings.Join(got.Recognised, "\n"); !strings.Contains(left, "Home") || !strings.Contains(left, "Opinion") {
		t.Errorf("what was left out is not told: %s", left)
	}
}

func TestNoText(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 3000)
	r := rand.NewChaCha8([32]byte{7})
	_, _ = r.Read(noise)
	if _, err := ParseFile("a.txt", noise, Overrides{}); errs.KindOf(err) != errs.Invalid {
		t.Errorf("random octets: %v", err)
	}
}
