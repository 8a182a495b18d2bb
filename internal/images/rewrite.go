package images

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
	decodewebp "golang.org/x/image/webp"

	"mailer/internal/errs"
)

// Limits of what is taken in, and of what is kept.
const (
	MaxUpload = 12 << 20   // bytes of a file
	maxPixels = 24_000_000 // a photo of 6000 by 4000
	maxSide   = 12_000
	maxMemory = 200 << 20 // bytes, while a picture is being decoded
	keptSide  = 1600      // a mail shows a picture 600 wide at most; fine screens have two dots for each
	maxKept   = 3 << 20   // bytes; beyond that readers on a telephone wait
	heavyPNG  = 700 << 10 // an opaque PNG of more is a photo, which JPEG makes small
	quality   = 86        // of JPEG
	maxFrames = 300       // of a GIF
	maxScans  = 64        // of a JPEG, which cameras and programs write in some ten passes
)

// Rewritten is a picture written anew from its pixels.
type Rewritten struct {
	Kind          Kind
	Data          []byte
	Width, Height int
}

// Rewrite decodes a file of any of the formats, turns a photo as its camera meant it, scales down what is larger than a mail needs and
// encodes it anew: names, places, comments and whatever else stood in the file are gone. Errors: Invalid.
func Rewrite(data []byte) (Rewritten, error) {
	if len(data) > MaxUpload {
		return Rewritten{}, errs.Field("file", "the file has more than %d MB; save it smaller, 1600 pixels wide is plenty", MaxUpload>>20)
	}
	kind, err := kindOf(data)
	if err != nil {
		return Rewritten{}, err
	}
	if err := checkSize(kind, data); err != nil {
		return Rewritten{}, err
	}
	if kind == GIF {
		return rewriteGIF(data)
	}
	img, err := decode(kind, data)
	if err != nil {
		return Rewritten{}, broken(kind, err)
	}
	if kind == JPEG {
		img = turned(img, orientation(data))
	}
	return encode(kind, scaled(img))
}

// checkSize reads only the head of a file and refuses what would take too much memory.
func checkSize(kind Kind, data []byte) error {
	c, err := config(kind, data)
	if err != nil {
		return broken(kind, err)
	}
	if c.Width < 1 || c.Height < 1 {
		return errs.Field("file", "the picture has no size; save it anew with a program for pictures")
	}
	if kind == JPEG && scans(data) > maxScans {
		return errs.Field("file", "the photo is written in %d passes, each of which takes time; save it anew with a program for pictures", scans(data))
	}
	perPixel := 8
	switch c.ColorModel {
	case color.RGBA64Model, color.NRGBA64Model:
		perPixel = 12
	case color.YCbCrModel, color.GrayModel, color.CMYKModel:
		if kind == JPEG && progressive(data) {
			perPixel = 12 // its coefficients are kept until the end
		}
	}
	if c.Width > maxSide || c.Height > maxSide || c.Width*c.Height > maxPixels || c.Width*c.Height*perPixel > maxMemory {
		return errs.Field("file", "the picture has %d × %d pixels, which is more than can be read here; save it smaller, 1600 pixels wide is plenty", c.Width, c.Height)
	}
	return nil
}

func config(kind Kind, data []byte) (image.Config, error) {
	r := bytes.NewReader(data)
	switch kind {
	case PNG:
		return png.DecodeConfig(r)
	case JPEG:
		return jpeg.DecodeConfig(r)
	case GIF:
		return gif.DecodeConfig(r)
	}
	return decodewebp.DecodeConfig(r)
}

func decode(kind Kind, data []byte) (image.Image, error) {
	r := bytes.NewReader(data)
	switch kind {
	case PNG:
		return png.Decode(r)
	case JPEG:
		return jpeg.Decode(r)
	}
	return decodewebp.Decode(r)
}

func broken(kind Kind, err error) error {
	if kind == webp {
		return &errs.Error{Kind: errs.Invalid, Field: "file", Msg: "the file is damaged, or a WebP picture that moves; save it as PNG, JPEG or GIF", Err: err}
	}
	return &errs.Error{Kind: errs.Invalid, Field: "file", Msg: "the file is damaged or cut off; save it anew with a program for pictures", Err: err}
}

// scaled returns img made to fit what is kept.
func scaled(img image.Image) image.Image {
	b := img.Bounds()
	w, h := fitted(b.Dx(), b.Dy())
	if w == b.Dx() && h == b.Dy() {
		return img
	}
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.CatmullRom.Scale(out, out.Bounds(), img, b, draw.Src, nil)
	return out
}

func fitted(w, h int) (int, int) {
	if most := max(w, h); most > keptSide {
		return max(1, w*keptSide/most), max(1, h*keptSide/most)
	}
	return w, h
}

// encode writes a picture in the format that suits it: PNG for drawings and whatever can be seen through, JPEG for photos.
func encode(from Kind, img image.Image) (Rewritten, error) {
	b := img.Bounds()
	out := Rewritten{Kind: JPEG, Width: b.Dx(), Height: b.Dy()}
	seen, ok := img.(interface{ Opaque() bool })
	opaque := ok && seen.Opaque()
	var buf bytes.Buffer
	if from == PNG || !opaque {
		out.Kind = PNG
		if err := png.Encode(&buf, img); err != nil {
			return out, errs.Wrap(err, errs.Internal, "write the picture")
		}
	}
	if out.Kind == JPEG || opaque && buf.Len() > heavyPNG {
		out.Kind = JPEG
		buf.Reset()
		if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: quality}); err != nil {
			return out, errs.Wrap(err, errs.Internal, "write the picture")
		}
	}
	if buf.Len() > maxKept {
		return out, errs.Field("file", "the picture is still %d MB when it is made as small as a mail needs it; save it as JPEG, or with fewer colours", buf.Len()>>20)
	}
	out.Data = buf.Bytes()
	return out, nil
}
