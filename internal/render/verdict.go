package render

// Verdict says how a list's two colours get on with each other.
type Verdict struct {
	Ratio   float64 // contrast of the accent on the paper as they were chosen, by WCAG 2.2: 1 to 21
	Used    string  // the accent that links and labels get, #rrggbb: the chosen one, or one of its hue that can be read
	UsedOn  string  // the paper, likewise
	Changed bool    // something had to give
	Palette Palette
}

// Judge returns the verdict on an accent and a paper, each #rrggbb; anything else stands for the default colour.
func Judge(accent, paper string) Verdict {
	v := Verdict{Palette: PaletteOf(accent, paper)}
	v.Used, v.UsedOn = v.Palette.Light.Accent, v.Palette.Light.Paper
	a, ok := parseColour(accent)
	p, known := parseColour(paper)
	if !ok || !known {
		v.Ratio = readable
		return v
	}
	v.Ratio = contrast(a, p)
	v.Changed = v.Ratio < readable
	return v
}
