package render

// Shades are the colours of one mail in one mode, each as #rrggbb.
type Shades struct {
	Paper     string // behind everything
	Ink       string // headlines and text
	Soft      string // deks and captions
	Muted     string // bylines, dates, the footer
	Accent    string // links and section labels, on Paper and on Tint
	Rule      string // hairlines
	Tint      string // behind the appeal
	Button    string
	ButtonInk string
	Notice    string // behind the banner of a proof
	NoticeInk string
}

// Palette is how a list's two colours look in light and in dark mode.
type Palette struct{ Light, Dark Shades }

// Contrast ratios that text reaches: readable is what WCAG 2.2 asks for (1.4.3, AA) and a little more, because clients
// round; comfortable is for text that is read at length.
const (
	readable    = 4.8
	comfortable = 9
)

// Lightness in OKLCH of the lightest and the darkest colour used: pure white and black are what the forced dark modes of
// mail clients handle worst.
const (
	lightest = 0.992
	darkest  = 0.19
)

// PaletteOf makes a palette of a list's accent and paper, each #rrggbb; anything else stands for the default colour.
// Whatever the two are, every text is readable on what lies behind it.
func PaletteOf(accent, paper string) Palette {
	a, ok := parseColour(accent)
	if !ok {
		a = colour{0x1f, 0x4e, 0x79}
	}
	p, ok := parseColour(paper)
	if !ok {
		p = colour{0xfd, 0xfd, 0xfb}
	}
	night := p.tone()
	night.l, night.c = 0.235, min(night.c, 0.012)
	return Palette{Light: shadesOn(p, a), Dark: shadesOn(night.colour(), a)}
}

// shadesOn makes the colours of one mode on the given paper.
func shadesOn(paper, accent colour) Shades {
	ink, paper := inked(paper, comfortable)
	back := mix(paper, towards(accent, paper, readable), 0.07)
	ground := towards(accent, paper, 3) // a button must stand out from the page; the text on it is chosen after it
	buttonInk, button := inked(ground, readable)
	return Shades{
		Paper:     paper.String(),
		Ink:       ink.String(),
		Soft:      towards(mix(ink, paper, 0.12), paper, readable+1.5).String(),
		Muted:     towards(towards(mix(ink, paper, 0.21), paper, readable), back, readable).String(),
		Accent:    towards(towards(accent, paper, readable), back, readable).String(),
		Rule:      mix(ink, paper, 0.82).String(),
		Tint:      back.String(),
		Button:    button.String(),
		ButtonInk: buttonInk.String(),
		Notice:    "#f2d16b",
		NoticeInk: "#2b2308",
	}
}

// inked returns a near-black or near-white, with a breath of the background's hue, and the background itself: moved away
// from the ink, where it is of a middle lightness, until their contrast is at least ratio.
func inked(back colour, ratio float64) (ink, moved colour) {
	t := back.tone()
	t.l = min(max(t.l, darkest), lightest)
	back = t.colour()
	ink = inkFor(back)
	step := 0.01
	if ink.tone().l > t.l {
		step = -0.01
	}
	for contrast(ink, back) < ratio && t.l > darkest && t.l < lightest {
		t.l += step
		back = t.colour()
	}
	return ink, back
}

// inkFor returns the near-black or near-white that reads better on a background.
func inkFor(back colour) colour {
	t := back.tone()
	dark := tone{0.225, min(t.c, 0.012), t.h}.colour()
	light := tone{0.945, min(t.c, 0.01), t.h}.colour()
	if contrast(dark, back) >= contrast(light, back) {
		return dark
	}
	return light
}

// towards moves the lightness of fore away from back until their contrast is at least ratio, keeping the hue.
func towards(fore, back colour, ratio float64) colour {
	t := fore.tone()
	step := -0.01
	if inkFor(back).luminance() > back.luminance() {
		step = 0.01
	}
	for contrast(fore, back) < ratio && t.l >= 0 && t.l <= 1 {
		t.l += step
		fore = t.colour()
	}
	return fore
}

// mix returns a and b mixed, share of b being 0 to 1.
func mix(a, b colour, share float64) colour {
	at := func(x, y uint8) uint8 { return uint8(float64(x)*(1-share) + float64(y)*share + 0.5) }
	return colour{at(a.r, b.r), at(a.g, b.g), at(a.b, b.b)}
}
