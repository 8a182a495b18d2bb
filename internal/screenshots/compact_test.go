package screenshots

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"testing"
)

// A picture gets smaller, keeps its size, and no pixel moves further than maxOff, whatever it shows.
func TestCompact(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for name, tc := range map[string]struct {
		at      func(x, y int) color.RGBA
		exact   bool // few colours: not one pixel changes
		palette bool
	}{
		"two colours": {func(x, y int) color.RGBA { return color.RGBA{uint8(255 * (x / 7 % 2)), 40, 60, 255} }, true, true},
		"256 colours": {func(int, int) color.RGBA {
			return color.RGBA{uint8(random.Uint32N(16) * 16), uint8(random.Uint32N(16) * 16), 0, 255}
		}, true, true},
		"grey shades": {func(int, int) color.RGBA {
			v := uint8(random.Uint32N(250))
			return color.RGBA{v, v, v + uint8(random.Uint32N(4)), 255}
		}, false, true},
		"noise": {func(x, y int) color.RGBA {
			return color.RGBA{uint8(random.Uint32()), uint8(random.Uint32()), uint8(random.Uint32()), 255}
		}, true, false},
		"see-through":  {func(x, y int) color.RGBA { return color.RGBA{0, 0, 0, uint8(x)} }, true, false},
		"one gradient": {func(x, y int) color.RGBA { return color.RGBA{uint8(x), uint8(y), uint8(x ^ y), 255} }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			img := image.NewRGBA(image.Rect(0, 0, 256, 256))
			for y := range 256 {
				for x := range 256 {
					img.SetRGBA(x, y, tc.at(x, y))
				}
			}
			var before bytes.Buffer
			if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&before, img); err != nil {
				t.Fatal(err)
			}
			small, err := Compact(before.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			got, err := png.Decode(bytes.NewReader(small))
			if err != nil {
				t.Fatal(err)
			}
			if _, paletted := got.(*image.Paletted); paletted != tc.palette || got.Bounds() != img.Bounds() || len(small) > before.Len() {
				t.Errorf("%T of %v in %d bytes, before %v in %d", got, got.Bounds(), len(small), img.Bounds(), before.Len())
			}
			worst := 0
			for y := range 256 {
				for x := range 256 {
					worst = max(worst, off(color.RGBAModel.Convert(got.At(x, y)).(color.RGBA), img.RGBAAt(x, y)))
				}
			}
			if worst > maxOff || tc.exact && worst > 0 {
				t.Errorf("a pixel is off by %d", worst)
			}
		})
	}
	if _, err := Compact([]byte("no picture")); err == nil {
		t.Error("what is no picture was taken")
	}
}
