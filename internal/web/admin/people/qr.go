package people

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"

	"mailer/internal/errs"
)

// qrCode is a QR code as the path of an SVG image: dark squares of one unit on a ground of Size units, with the quiet zone of four.
type qrCode struct {
	Size int
	Path string
}

const quiet = 4 // ISO/IEC 18004 section 9.1

// makeQR makes the QR code of a text.
func makeQR(text string) (qrCode, error) {
	code, err := qr.Encode(text, qr.L, qr.Auto)
	if err != nil {
		return qrCode{}, errs.Wrap(err, errs.Internal, "make a QR code")
	}
	n := code.Bounds().Dx()
	var b strings.Builder
	for y := range n {
		for x := 0; x < n; {
			from := x
			for x < n && dark(code.At(x, y)) {
				x++
			}
			if x > from {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
				continue
			}
			x++
		}
	}
	return qrCode{Size: n + 2*quiet, Path: b.String()}, nil
}

func dark(c color.Color) bool {
	r, _, _, _ := c.RGBA()
	return r < 0x8000
}
