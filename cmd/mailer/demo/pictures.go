package demo

import (
	"bytes"
	"hash/fnv"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
)

// PictureWidth and PictureHeight are the size in pixels of every drawn picture: twice the 600 px of a mail, at 3 to 2.
const (
	PictureWidth  = 1200
	PictureHeight = 800
)

// scene is what a picture shows: a sky, a light in it, and layers of land or water in front.
type scene struct {
	top, horizon, low, near color.RGBA // sky above, sky at the horizon, farthest layer, nearest layer
	light                   color.RGBA
	lightX, lightY, lightR  float64 // in parts of the width and height; no light when lightR is 0
	layers                  int
	rough                   float64 // how jagged the layers are
	base                    float64 // where the first layer stands, in parts of the height
	water                   bool    // ripples in front of the horizon
}

func rgb(v uint32) color.RGBA { return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255} }

// scenes are drawn instead of photographed so that the demo carries no pictures of others and stays small.
var scenes = map[string]scene{
	"harbour": {top: rgb(0x5d6b78), horizon: rgb(0xc9cdca), low: rgb(0x8b979c), near: rgb(0x2f3b43), light: rgb(0xf4f1e4), lightX: .68, lightY: .30, lightR: .05, layers: 3, rough: .3, base: .48, water: true},
	"night":   {top: rgb(0x10182b), horizon: rgb(0x3d4468), low: rgb(0x2a3050), near: rgb(0x0b0f1a), light: rgb(0xf5d9a1), lightX: .24, lightY: .22, lightR: .03, layers: 4, rough: .8, base: .45, water: true},
	"window":  {top: rgb(0xe9dfc9), horizon: rgb(0xfaf4e6), low: rgb(0xd9c8a5), near: rgb(0x8d7752), light: rgb(0xfffdf4), lightX: .5, lightY: .18, lightR: .14, layers: 5, rough: .12, base: .55},
	"estuary": {top: rgb(0x8fb3c4), horizon: rgb(0xefe6d3), low: rgb(0xc7c1a6), near: rgb(0x6d7a63), light: rgb(0xfff8e6), lightX: .36, lightY: .34, lightR: .045, layers: 3, rough: .2, base: .46, water: true},
	"road":    {top: rgb(0x4a4e6b), horizon: rgb(0xe2a77f), low: rgb(0x8c6a6c), near: rgb(0x2b2733), light: rgb(0xffe3bd), lightX: .55, lightY: .42, lightR: .05, layers: 5, rough: .45, base: .50},
	"dunes":   {top: rgb(0xd9a679), horizon: rgb(0xf6dfbd), low: rgb(0xdcb483), near: rgb(0x9c6b3f), light: rgb(0xfff4da), lightX: .72, lightY: .26, lightR: .06, layers: 6, rough: .25, base: .42},
	"hills":   {top: rgb(0x9db7cf), horizon: rgb(0xe8edf0), low: rgb(0xa9bccb), near: rgb(0x2f4a60), light: rgb(0xffffff), lightX: .3, lightY: .2, lightR: .04, layers: 7, rough: .6, base: .35},
	"field":   {top: rgb(0x7fb0d6), horizon: rgb(0xe4eedd), low: rgb(0x9dbb82), near: rgb(0x4b7a3f), light: rgb(0xfffbe8), lightX: .8, lightY: .16, lightR: .05, layers: 3, rough: .15, base: .58},
	"orchard": {top: rgb(0xe7b56f), horizon: rgb(0xf9e3b5), low: rgb(0xb79a56), near: rgb(0x4d5a2c), light: rgb(0xfff3cf), lightX: .2, lightY: .3, lightR: .06, layers: 5, rough: .5, base: .48},
}

// Picture draws the named scene as a JPEG of PictureWidth × PictureHeight; the same name gives the same bytes.
// It reports false for a name that is not one of ours.
func Picture(name string) ([]byte, bool) {
	sc, ok := scenes[name]
	if !ok {
		return nil, false
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	rnd := rand.New(rand.NewPCG(h.Sum64(), 7))
	img := image.NewRGBA(image.Rect(0, 0, PictureWidth, PictureHeight))
	sc.sky(img)
	if sc.water {
		sc.ripples(img, rnd)
	}
	for i := range sc.layers {
		sc.layer(img, rnd, i)
	}
	grain(img, rnd)
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: 78}); err != nil {
		return nil, false
	}
	return buf.Bytes(), true
}

func mix(a, b color.RGBA, t float64) color.RGBA {
	t = min(max(t, 0), 1)
	f := func(x, y uint8) uint8 { return uint8(float64(x) + (float64(y)-float64(x))*t) }
	return color.RGBA{f(a.R, b.R), f(a.G, b.G), f(a.B, b.B), 255}
}

func (sc scene) sky(img *image.RGBA) {
	horizon := sc.base + .1
	for y := range PictureHeight {
		row := mix(sc.top, sc.horizon, math.Pow(float64(y)/PictureHeight/horizon, 1.3))
		for x := range PictureWidth {
			c := row
			if sc.lightR > 0 {
				dx := float64(x)/PictureWidth - sc.lightX
				dy := (float64(y)/PictureHeight - sc.lightY) * PictureHeight / PictureWidth
				d := math.Hypot(dx, dy)
				disc := 1 / (1 + math.Exp((d-sc.lightR)*900)) // a soft edge of about two pixels
				c = mix(c, sc.light, max(disc, .55*math.Exp(-d*d/(sc.lightR*sc.lightR*9))))
			}
			img.SetRGBA(x, y, c)
		}
	}
}

func (sc scene) ripples(img *image.RGBA, rnd *rand.Rand) {
	from := int((sc.base + .12) * PictureHeight)
	for y := from; y < PictureHeight; y++ {
		depth := float64(y-from) / float64(PictureHeight-from)
		phase, scale := rnd.Float64()*40, 18+90*depth
		for x := range PictureWidth {
			wave := math.Sin(float64(x)/scale+phase) * math.Sin(float64(x)/(scale*.37)+phase*2)
			glint := math.Exp(-math.Pow((float64(x)/PictureWidth-sc.lightX)/(.05+.12*depth), 2))
			c := mix(sc.horizon, sc.near, .25+.6*depth+.12*wave)
			img.SetRGBA(x, y, mix(c, sc.light, glint*max(0, wave)*.8))
		}
	}
}

// layer draws one ridge, or for a scene with water one far shore, out of a few sine waves of falling size.
func (sc scene) layer(img *image.RGBA, rnd *rand.Rand, i int) {
	depth := float64(i+1) / float64(sc.layers)
	base := (sc.base + (.95-sc.base)*float64(i)/float64(sc.layers)) * PictureHeight
	bottom := PictureHeight
	if sc.water {
		base = (sc.base + .03*float64(i)) * PictureHeight
		bottom = int((sc.base + .12) * PictureHeight)
	}
	type wave struct{ length, height, phase float64 }
	var waves []wave
	for k := 1; k <= 6; k++ {
		waves = append(waves, wave{PictureWidth / (float64(k*k) * (.8 + .6*rnd.Float64())),
			sc.rough * 70 * (.4 + .6*depth) / float64(k), rnd.Float64() * 2 * math.Pi})
	}
	tone := mix(sc.low, sc.near, math.Pow(depth, 1.2))
	for x := range PictureWidth {
		y := base
		for _, w := range waves {
			y += w.height * math.Sin(float64(x)/w.length*2*math.Pi+w.phase)
		}
		for py := max(0, int(y)); py < bottom; py++ {
			haze := math.Exp(-float64(py-int(y)) / 160)
			img.SetRGBA(x, py, mix(tone, sc.horizon, .18*haze*(1-depth)))
		}
	}
}

func grain(img *image.RGBA, rnd *rand.Rand) {
	for i := 0; i < len(img.Pix); i += 4 {
		n := int(rnd.Uint64()%7) - 3
		for k := range 3 {
			img.Pix[i+k] = uint8(min(255, max(0, int(img.Pix[i+k])+n)))
		}
	}
}
