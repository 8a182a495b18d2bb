package screenshots

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
)

// maxOff is how far, of 255, a channel of any pixel may be moved to make a picture smaller: nobody sees it.
const maxOff = 4

// Compact returns the PNG in fewer bytes: with a palette of 256 colours where no pixel has to change visibly for it, which
// screens of text and plain areas mostly allow, and otherwise as it is, compressed as well as can be.
func Compact(picture []byte) ([]byte, error) {
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, fmt.Errorf("read the picture: %w", err)
	}
	best := picture
	for _, candidate := range []image.Image{withPalette(img), img} {
		if candidate == nil {
			continue
		}
		var out bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, candidate); err != nil {
			return nil, fmt.Errorf("write the picture: %w", err)
		}
		if out.Len() < len(best) {
			best = out.Bytes()
		}
	}
	return best, nil
}

// tint is a colour of a picture, and how many pixels have it.
type tint struct {
	color.RGBA
	n int
}

func (t tint) channel(i int) uint8 { return [3]uint8{t.R, t.G, t.B}[i] }

// withPalette returns img with at most 256 colours, or nil where that would show, or where it is not opaque.
func withPalette(img image.Image) image.Image {
	count := map[color.RGBA]int{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)
			if c.A != 255 {
				return nil
			}
			count[c]++
		}
	}
	tints := make([]tint, 0, len(count))
	for c, n := range count {
		tints = append(tints, tint{c, n})
	}
	// An order of its own, so that the same picture is the same file.
	slices.SortFunc(tints, func(a, b tint) int {
		return cmp.Or(cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	boxes := split(tints, 256)
	var palette color.Palette
	index := map[color.RGBA]uint8{}
	for i, box := range boxes {
		c := middle(box)
		palette = append(palette, c)
		for _, t := range box {
			if off(t.RGBA, c) > maxOff {
				return nil
			}
			index[t.RGBA] = uint8(i)
		}
	}
	out := image.NewPaletted(b, palette)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			out.SetColorIndex(x, y, index[color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)])
		}
	}
	return out
}

// split parts the tints into at most n boxes, the widest first, so that the largest change that any pixel suffers is small.
func split(tints []tint, n int) [][]tint {
	boxes := [][]tint{tints}
	for len(boxes) < n {
		at, channel, width := -1, 0, 0
		for i, box := range boxes {
			if c, w := widest(box); w > width {
				at, channel, width = i, c, w
			}
		}
		if at < 0 {
			break // each box is one colour
		}
		box := boxes[at]
		slices.SortStableFunc(box, func(a, b tint) int { return cmp.Compare(a.channel(channel), b.channel(channel)) })
		half := int(box[0].channel(channel)) + width/2
		cut, _ := slices.BinarySearchFunc(box, half+1, func(t tint, v int) int { return cmp.Compare(int(t.channel(channel)), v) })
		boxes[at] = box[:cut:cut]
		boxes = append(boxes, box[cut:])
	}
	return boxes
}

// widest returns the channel in which the tints of a box lie farthest apart, and how far.
func widest(box []tint) (channel, width int) {
	for c := range 3 {
		low, high := 255, 0
		for _, t := range box {
			low, high = min(low, int(t.channel(c))), max(high, int(t.channel(c)))
		}
		if high-low > width {
			channel, width = c, high-low
		}
	}
	return channel, width
}

// middle is the colour that stands for a box: the one of most of its pixels where it is near enough to all, else the mean of the ends.
func middle(box []tint) color.RGBA {
	most := slices.MaxFunc(box, func(a, b tint) int { return cmp.Compare(a.n, b.n) })
	if !slices.ContainsFunc(box, func(t tint) bool { return off(t.RGBA, most.RGBA) > maxOff }) {
		return most.RGBA
	}
	ends := func(c int) uint8 {
		low, high := 255, 0
		for _, t := range box {
			low, high = min(low, int(t.channel(c))), max(high, int(t.channel(c)))
		}
		return uint8((low + high) / 2)
	}
	return color.RGBA{ends(0), ends(1), ends(2), 255}
}

// off is the largest difference of a channel.
func off(a, b color.RGBA) int {
	d := func(x, y uint8) int { return max(int(x)-int(y), int(y)-int(x)) }
	return max(d(a.R, b.R), d(a.G, b.G), d(a.B, b.B))
}
