package render

import (
	"fmt"
	"math"
	"strconv"
)

// colour is a colour of the screen (sRGB), each channel 0 to 255.
type colour struct{ r, g, b uint8 }

// parseColour reads #rrggbb, the one form that every mail client knows.
func parseColour(s string) (colour, bool) {
	if len(s) != 7 || s[0] != '#' {
		return colour{}, false
	}
	n, err := strconv.ParseUint(s[1:], 16, 32)
	if err != nil {
		return colour{}, false
	}
	return colour{uint8(n >> 16), uint8(n >> 8), uint8(n)}, true
}

// String writes the colour as #rrggbb.
func (c colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// linear undoes the transfer function of sRGB for one channel.
func linear(v uint8) float64 {
	x := float64(v) / 255
	if x <= 0.04045 {
		return x / 12.92
	}
	return math.Pow((x+0.055)/1.055, 2.4)
}

// encoded applies the transfer function of sRGB to a channel of 0 to 1.
func encoded(x float64) uint8 {
	x = min(max(x, 0), 1)
	if x <= 0.0031308 {
		x *= 12.92
	} else {
		x = 1.055*math.Pow(x, 1/2.4) - 0.055
	}
	return uint8(math.Round(x * 255))
}

// luminance is the relative luminance of WCAG 2.2.
func (c colour) luminance() float64 {
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

// contrast is the contrast ratio of WCAG 2.2 between two colours, 1 to 21.
func contrast(a, b colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// tone is a colour as lightness (0 to 1), chroma and hue of OKLCH, in which a change of lightness keeps the hue.
type tone struct{ l, c, h float64 }

// tone converts to OKLCH with the matrices of Björn Ottosson's OKLab.
func (c colour) tone() tone {
	r, g, b := linear(c.r), linear(c.g), linear(c.b)
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	light := 0.2104542553*l + 0.7936177850*m - 0.0040720468*s
	x := 1.9779984951*l - 2.4285922050*m + 0.4505937099*s
	y := 0.0259040371*l + 0.7827717662*m - 0.8086757660*s
	return tone{light, math.Hypot(x, y), math.Atan2(y, x)}
}

// colour converts back to sRGB, with as much of the chroma as the screen can show at that lightness.
func (t tone) colour() colour {
	low, high := 0.0, t.c
	r, g, b := t.channels(t.c)
	if inGamut(r, g, b) {
		return colour{encoded(r), encoded(g), encoded(b)}
	}
	for range 20 {
		if r, g, b = t.channels((low + high) / 2); inGamut(r, g, b) {
			low = (low + high) / 2
		} else {
			high = (low + high) / 2
		}
	}
	r, g, b = t.channels(low)
	return colour{encoded(r), encoded(g), encoded(b)}
}

// channels returns linear sRGB for the lightness and hue of t with the given chroma.
func (t tone) channels(chroma float64) (r, g, b float64) {
	x, y := chroma*math.Cos(t.h), chroma*math.Sin(t.h)
	cube := func(v float64) float64 { return v * v * v }
	l := cube(t.l + 0.3963377774*x + 0.2158037573*y)
	m := cube(t.l - 0.1055613458*x - 0.0638541728*y)
	s := cube(t.l - 0.0894841775*x - 1.2914855480*y)
	return 4.0767416621*l - 3.3077115913*m + 0.2309699292*s,
		-1.2684380046*l + 2.6097574011*m - 0.3413193965*s,
		-0.0041960863*l - 0.7034186147*m + 1.7076147010*s
}

func inGamut(channels ...float64) bool {
	for _, v := range channels {
		if v < -0.0005 || v > 1.0005 {
			return false
		}
	}
	return true
}

// inverted is what a mail client makes of a colour that forces its own dark mode: the lightness turned round.
func (c colour) inverted() colour {
	t := c.tone()
	t.l = 1 - t.l
	return t.colour()
}
