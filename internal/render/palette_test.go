package render

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestPaletteIsReadable tries the corners and many colours in between. MSG-30
func TestPaletteIsReadable(t *testing.T) {
	t.Parallel()
	levels := []uint8{0, 0x55, 0x78, 0xb0, 0xff}
	var papers, accents []string
	for _, r := range levels {
		for _, g := range levels {
			for _, b := range levels {
				papers = append(papers, colour{r, g, b}.String())
			}
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 6 {
		accents = append(accents, colour{uint8(rnd.IntN(256)), uint8(rnd.IntN(256)), uint8(rnd.IntN(256))}.String())
	}
	accents = append(accents, "#000000", "#ffffff", "#ff0000", "#ffff00", "#1f4e79", "not a colour", "")
	for _, paper := range papers {
		for _, accent := range accents {
			p := PaletteOf(accent, paper)
			for mode, s := range map[string]Shades{"light": p.Light, "dark": p.Dark} {
				pairs := map[string][2]string{
					"ink": {s.Ink, s.Paper}, "ink on tint": {s.Ink, s.Tint}, "soft": {s.Soft, s.Paper}, "soft on tint": {s.Soft, s.Tint},
					"muted": {s.Muted, s.Paper}, "muted on tint": {s.Muted, s.Tint}, "accent": {s.Accent, s.Paper},
					"accent on tint": {s.Accent, s.Tint}, "button": {s.ButtonInk, s.Button}, "notice": {s.NoticeInk, s.Notice},
				}
				for name, pair := range pairs {
					fore, _ := parseColour(pair[0])
					back, _ := parseColour(pair[1])
					if c := contrast(fore, back); c < 4.5 {
						t.Errorf("accent %q paper %q %s: %s %v has contrast %.2f", accent, paper, mode, name, pair, c)
					}
				}
			}
		}
	}
}

// TestDefaultPaletteInverted: what clients that force their own dark mode make of the default colours stays readable.
func TestDefaultPaletteInverted(t *testing.T) {
	t.Parallel()
	s := PaletteOf("", "").Light
	for _, pair := range [][2]string{{s.Ink, s.Paper}, {s.Soft, s.Paper}, {s.Muted, s.Paper}, {s.Accent, s.Paper}, {s.ButtonInk, s.Button}} {
		fore, _ := parseColour(pair[0])
		back, _ := parseColour(pair[1])
		if c := contrast(fore.inverted(), back.inverted()); c < 4.5 {
			t.Errorf("%v inverted has contrast %.2f", pair, c)
		}
	}
}

func TestContrast(t *testing.T) {
	t.Parallel()
	white, black := colour{255, 255, 255}, colour{}
	for _, tc := range []struct {
		a, b colour
		want string
	}{{black, white, "21.00"}, {white, white, "1.00"}, {colour{0x59, 0x59, 0x59}, white, "7.00"}, {colour{0x77, 0x77, 0x77}, white, "4.48"}} {
		if got := fmt.Sprintf("%.2f", contrast(tc.a, tc.b)); got != tc.want {
			t.Errorf("contrast(%v, %v) = %s; want %s", tc.a, tc.b, got, tc.want)
		}
	}
}

func TestToneRoundTrip(t *testing.T) {
	t.Parallel()
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				c := colour{uint8(r), uint8(g), uint8(b)}
				d := c.tone().colour()
				if max(diff(c.r, d.r), diff(c.g, d.g), diff(c.b, d.b)) > 1 {
					t.Fatalf("%v came back as %v", c, d)
				}
			}
		}
	}
}

func diff(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }
