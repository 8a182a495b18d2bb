package images_test

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"

	"mailer/internal/audit"
	"mailer/internal/dbtest"
	"mailer/internal/errs"
	"mailer/internal/images"
)

func TestStore(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t)
	s, ctx := images.NewStore(d, "https://images.paper.org/"), t.Context()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	up := images.Upload{Name: `..\..\<b>evil</b>.svg`, Data: b.Bytes(), Alt: "Two\r\nlines", Credit: "Ines"}
	img, err := s.Add(ctx, up, "ed@paper.org")
	if err != nil {
		t.Fatal(err)
	}
	if img.Name != "b>.svg" || img.Alt != "Two lines" || img.Width != 3 || img.Height != 2 || !strings.HasPrefix(s.URL(img), "https://images.paper.org/i/"+img.Hash) || !strings.HasSuffix(s.URL(img), ".png") {
		t.Errorf("kept as %+v at %s", img, s.URL(img))
	}
	// The same picture again is the same image, and keeps what was said of it.
	up.Alt = ""
	again, err := s.Add(ctx, up, "someone@paper.org")
	if err != nil || again.Hash != img.Hash || again.Who != "ed@paper.org" || again.Alt != "Two lines" {
		t.Errorf("the same picture again is %+v, %v", again, err)
	}
	if list, err := s.Recent(ctx, nil, 10); err != nil || len(list) != 1 {
		t.Errorf("there are %d, %v", len(list), err)
	}
	if list, err := s.Recent(ctx, &images.Before{At: img.CreatedAt, Hash: img.Hash}, 10); err != nil || len(list) != 0 {
		t.Errorf("behind the last there are %d, %v", len(list), err)
	}
	kind, data, err := s.Bytes(ctx, img.File())
	if err != nil || kind != images.PNG || len(data) != img.Size {
		t.Errorf("served are %d bytes of %s, %v", len(data), kind, err)
	}
	for _, file := range []string{img.Hash, img.Hash + ".jpg", img.Hash + ".png.html", "x.png", strings.Repeat("0", 32) + ".png", img.Hash[:31] + "'.png"} {
		if _, _, err := s.Bytes(ctx, file); errs.KindOf(err) != errs.NotFound {
			t.Errorf("%s: %v", file, err)
		}
	}
	for range 2 { // a repeat changes nothing
		if err := s.Remove(ctx, img.Hash, "ed@paper.org"); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Bytes(ctx, img.File()); errs.KindOf(err) != errs.NotFound {
		t.Errorf("a removed picture is served: %v", err)
	}
	var acts []string
	entries, err := audit.Recent(ctx, d, "image "+img.Hash, 10)
	for _, e := range entries {
		acts = append(acts, e.Actor+" "+e.Action)
	}
	if got := strings.Join(acts, ", "); err != nil || got != "ed@paper.org image.remove, someone@paper.org image.upload, ed@paper.org image.upload" {
		t.Errorf("the log says %s, %v", got, err)
	}
	if back, err := s.Add(ctx, up, "ed@paper.org"); err != nil || back.RemovedAt != nil {
		t.Errorf("a removed picture that is uploaded again: %+v, %v", back, err)
	}
}
