package images

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"math/rand/v2"
	"strings"
	"testing"

	"mailer/internal/errs"
)

// SEC-16: what is no picture of a known kind, or more than can be read, is refused with a sentence that says what to do.
func TestRefused(t *testing.T) {
	t.Parallel()
	good := asPNG(t, patch(8, 8))
	manyFrames := asGIF(t, 4, 4, 2)
	manyFrames = join(manyFrames[:len(manyFrames)-1], bytes.Repeat(frameOf(manyFrames), 5000), []byte{0x3b})
	for name, tc := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":               {nil, "empty"},
		"svg":                   {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), "SVG"},
		"svg with a prologue":   {[]byte("\ufeff <?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><svg>&x;</svg>"), "SVG"},
		"html":                  {[]byte("<!doctype html>" + marker), "web page"},
		"script":                {[]byte("alert(1)"), "not a picture"},
		"script that begins so": {[]byte("GIF89a=1;" + marker + "//"), "pixels"},
		"html in a gif's head":  {[]byte("GIF89a\x01\x00\x01\x00<html>" + marker), "damaged"},
		"zip":                   {zipped(t), "archive"},
		"gzip":                  {[]byte("\x1f\x8b\x08\x00"), "archive"},
		"pdf":                   {[]byte("%PDF-1.7"), "PDF"},
		"heic":                  {[]byte("\x00\x00\x00\x18ftypheic"), "HEIC"},
		"avif":                  {[]byte("\x00\x00\x00\x18ftypavif"), "AVIF"},
		"video":                 {[]byte("\x00\x00\x00\x18ftypisom"), "video"},
		"tiff":                  {[]byte("II*\x00"), "TIFF"},
		"bmp":                   {[]byte("BM...."), "BMP"},
		"picture behind a zip":  {join(zipped(t), good), "archive"},
		"picture behind spaces": {join([]byte("  "), good), "not a picture"},
		"png cut off":           {good[:len(good)-20], "cut off"},
		"png of huge size":      {claims(60_000, 60_000, 8, 6), "60000 × 60000 pixels"},
		"png of a long line":    {claims(30_000, 1, 8, 6), "pixels"},
		"png of 16 bits":        {claims(5_900, 4_000, 16, 6), "pixels"},
		"png without size":      {claims(0, 5, 8, 6), "damaged"},
		"jpeg cut off":          {asJPEG(t, patch(64, 64))[:200], "cut off"},
		"jpeg of huge size":     {hugeJPEG(t), "pixels"},
		"jpeg of many passes":   {manyScans(maxScans + 1), "65 passes"},
		"gif of many frames":    {manyFrames, "frames"},
		"gif without end":       {asGIF(t, 4, 4, 1)[:30], "damaged"},
		"webp that lies":        {hugeWebP(), "damaged"},
		"webp of nothing":       {[]byte("RIFF\x04\x00\x00\x00WEBP"), "damaged"},
		"too many bytes":        {join(good, make([]byte, MaxUpload)), "MB"},
	} {
		t.Run("SEC-16 "+name, func(t *testing.T) {
			t.Parallel()
			got, err := Rewrite(tc.data)
			if errs.KindOf(err) != errs.Invalid || !strings.Contains(errs.Public(err), tc.says) {
				t.Fatalf("Rewrite = %d bytes of %q, %v; want it refused with %q", len(got.Data), got.Kind, err, tc.says)
			}
		})
	}
}

// frameOf returns the last frame of a GIF of ours.
func frameOf(g []byte) []byte {
	return g[bytes.LastIndexByte(g, 0x2c) : len(g)-1]
}

func hugeJPEG(t *testing.T) []byte {
	j := bytes.Clone(asJPEG(t, patch(8, 8)))
	at := bytes.Index(j, []byte{0xff, 0xc0}) // start of frame: length, precision, height, width
	copy(j[at+5:], []byte{0xff, 0xff, 0xff, 0xff})
	return j
}

// SEC-16: nothing of a file but its pixels is kept.
func TestNothingElseIsKept(t *testing.T) {
	t.Parallel()
	plain := asPNG(t, patch(8, 8))
	head := len("\x89PNG\r\n\x1a\n") + 25
	animated := asGIF(t, 6, 5, 3)
	comment := append([]byte{0x21, 0xfe, byte(len(marker))}, append([]byte(marker), 0)...)
	for name, tc := range map[string]struct {
		data []byte
		kind Kind
		w, h int
	}{
		"png with text":      {join(plain[:head], chunk("tEXt", []byte("Comment\x00"+marker)), plain[head:]), PNG, 8, 8},
		"png and a zip":      {join(plain, zipped(t)), PNG, 8, 8},
		"png and a page":     {join(plain, []byte(marker)), PNG, 8, 8},
		"jpeg with places":   {behind(asJPEG(t, patch(40, 20)), 0xe1, exif(1)), JPEG, 40, 20},
		"jpeg with comment":  {behind(asJPEG(t, patch(40, 20)), 0xfe, []byte(marker)), JPEG, 40, 20},
		"jpeg and a script":  {join(asJPEG(t, patch(40, 20)), []byte(marker)), JPEG, 40, 20},
		"gif with comment":   {join(animated[:len(animated)-1], comment, []byte{0x3b}), GIF, 6, 5},
		"gif and an archive": {join(animated, zipped(t)), GIF, 6, 5},
		"webp":               {join(smallWebP(t), []byte(marker)), PNG, 1, 1},
	} {
		t.Run("SEC-16 "+name, func(t *testing.T) {
			t.Parallel()
			got, err := Rewrite(tc.data)
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind != tc.kind || got.Width != tc.w || got.Height != tc.h {
				t.Errorf("it became %s of %d × %d; want %s of %d × %d", got.Kind, got.Width, got.Height, tc.kind, tc.w, tc.h)
			}
			if bytes.Contains(got.Data, []byte("alert(")) || bytes.Contains(got.Data, []byte("PK\x03\x04")) || bytes.Contains(got.Data, []byte("Exif")) {
				t.Error("what was hidden in the file is kept")
			}
		})
	}
	t.Run("all frames of a GIF stay", func(t *testing.T) {
		got, err := Rewrite(animated)
		if err != nil {
			t.Fatal(err)
		}
		all, err := gif.DecodeAll(bytes.NewReader(got.Data))
		if err != nil || len(all.Image) != 3 || all.LoopCount != 3 {
			t.Fatalf("%d frames, %v; want 3 that repeat as before", len(all.Image), err)
		}
	})
}

// A photo stands as its camera was held, for each way of holding it.
func TestTurned(t *testing.T) {
	t.Parallel()
	red := map[int][2]int{1: {0, 0}, 2: {1, 0}, 3: {1, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 1}, 8: {0, 1}} // the red quarter's column and row
	for turn, want := range red {
		got, err := Rewrite(behind(asJPEG(t, patch(64, 32)), 0xe1, exif(uint16(turn))))
		if err != nil {
			t.Fatal(err)
		}
		if upright := turn < 5; upright != (got.Width == 64) {
			t.Errorf("orientation %d: %d × %d", turn, got.Width, got.Height)
		}
		img, _, err := image.Decode(bytes.NewReader(got.Data))
		if err != nil {
			t.Fatal(err)
		}
		for col := range 2 {
			for row := range 2 {
				r, _, b, _ := img.At(got.Width/4+col*got.Width/2, got.Height/4+row*got.Height/2).RGBA()
				if isRed := r > b; isRed != ([2]int{col, row} == want) {
					t.Errorf("orientation %d: the quarter %d, %d is wrong", turn, col, row)
				}
			}
		}
	}
}

// What is larger than a mail needs is made smaller; a drawing stays a PNG, and an opaque PNG of a photo becomes a JPEG.
func TestScaled(t *testing.T) {
	t.Parallel()
	if got, err := Rewrite(asPNG(t, patch(3200, 800))); err != nil || got.Width != keptSide || got.Height != 400 || got.Kind != PNG {
		t.Errorf("a wide drawing became %s of %d × %d, %v", got.Kind, got.Width, got.Height, err)
	}
	photo := image.NewNRGBA(image.Rect(0, 0, 900, 700))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range photo.Pix {
		photo.Pix[i] = byte(random.Uint32())
		if i%4 == 3 {
			photo.Pix[i] = 255
		}
	}
	if got, err := Rewrite(asPNG(t, photo)); err != nil || got.Kind != JPEG {
		t.Errorf("a heavy opaque PNG became %s, %v", got.Kind, err)
	}
	photo.SetNRGBA(0, 0, color.NRGBA{0, 0, 0, 0})
	if got, err := Rewrite(asPNG(t, photo)); err != nil || got.Kind != PNG {
		t.Errorf("a PNG that can be seen through became %s, %v", got.Kind, err)
	}
}

// FuzzRewrite: whatever comes in is refused in words, or becomes a picture of a known kind and size that is read again as it is.
func FuzzRewrite(f *testing.F) {
	f.Add(asPNG(f, patch(8, 8)))
	f.Add(behind(asJPEG(f, patch(16, 8)), 0xe1, exif(6)))
	f.Add(asGIF(f, 6, 5, 3))
	f.Add(smallWebP(f))
	f.Add(hugeWebP())
	f.Add(claims(60_000, 60_000, 8, 6))
	f.Add([]byte("GIF89a=1;" + marker + "//"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && c.Width*c.Height > 1<<20 && c.Width*c.Height < maxPixels {
			t.Skip("slow, and no different")
		}
		got, err := Rewrite(data)
		if err != nil {
			if errs.KindOf(err) != errs.Invalid {
				t.Fatalf("refused as %v: %v", errs.KindOf(err), err)
			}
			return
		}
		c, kind, err := image.DecodeConfig(bytes.NewReader(got.Data))
		if err != nil || kind != string(got.Kind) || c.Width != got.Width || c.Height != got.Height || max(c.Width, c.Height) > keptSide {
			t.Fatalf("it became %s of %d × %d, which reads as %s of %d × %d, %v", got.Kind, got.Width, got.Height, kind, c.Width, c.Height, err)
		}
		if again, err := Rewrite(got.Data); err != nil || again.Width != got.Width || again.Height != got.Height {
			t.Fatalf("what was kept is not taken again: %v", err)
		}
	})
}
