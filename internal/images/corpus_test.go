package images

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"
)

// marker stands wherever a file can hide something; nothing of it may be kept.
const marker = "<script>alert('hidden')</script>"

// patch is a picture with a red quarter at its upper left, so that one sees how it is turned.
func patch(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{20, 90, 200, 255}
			if x < w/2 && y < h/2 {
				c = color.NRGBA{220, 20, 20, 255}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asGIF(t testing.TB, w, h, frames int) []byte {
	t.Helper()
	all := &gif.GIF{LoopCount: 3}
	for i := range frames {
		frame := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.White, color.Black, color.Transparent})
		frame.Pix[i%len(frame.Pix)] = 1
		all.Image, all.Delay = append(all.Image, frame), append(all.Delay, 10)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, all); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// behind puts a segment right behind the beginning of a JPEG.
func behind(jpg []byte, marker byte, body []byte) []byte {
	out := append([]byte{}, jpg[:2]...)
	out = append(out, 0xff, marker)
	out = binary.BigEndian.AppendUint16(out, uint16(len(body)+2))
	return append(append(out, body...), jpg[2:]...)
}

// exif is an Exif segment that says how the camera was held, and where.
func exif(turn uint16) []byte {
	b := []byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00")
	entry := func(tag, kind uint16, n uint32, value uint32) {
		b = binary.LittleEndian.AppendUint16(b, tag)
		b = binary.LittleEndian.AppendUint16(b, kind)
		b = binary.LittleEndian.AppendUint32(b, n)
		b = binary.LittleEndian.AppendUint32(b, value)
	}
	entry(0x0112, 3, 1, uint32(turn))
	entry(0x8298, 2, uint32(len(marker)), 38)
	return append(append(b, 0, 0, 0, 0), marker...)
}

// chunk is a chunk of a PNG.
func chunk(name string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, name...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// claims returns a PNG of a few bytes that says it has w by h pixels.
func claims(w, h uint32, depth, colours byte) []byte {
	head := binary.BigEndian.AppendUint32(nil, w)
	head = binary.BigEndian.AppendUint32(head, h)
	head = append(head, depth, colours, 0, 0, 0)
	out := append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", head)...)
	return append(append(out, chunk("IDAT", []byte{0x78, 1})...), chunk("IEND", nil)...)
}

// zipped is an archive with a file that wants to be written elsewhere.
func zipped(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("../../../../etc/cron.d/mailer")
	if err == nil {
		_, err = w.Write([]byte(marker))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// manyScans is a JPEG of 4096 by 4096 pixels that is written in n passes of a few bytes, each of which says that nothing changes.
func manyScans(n int) []byte {
	out := []byte{0xff, 0xd8}
	segment := func(marker byte, body ...byte) {
		out = append(out, 0xff, marker)
		out = binary.BigEndian.AppendUint16(out, uint16(len(body)+2))
		out = append(out, body...)
	}
	segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)
	segment(0xc2, 8, 0x10, 0, 0x10, 0, 1, 1, 0x11, 0)
	segment(0xc4, append([]byte{0x10, 0, 2}, append(make([]byte, 14), 0xe0, 0x00)...)...)
	for range n {
		segment(0xda, 1, 1, 0, 1, 63, 0)
		for range 16 { // runs of 16,384 blocks that end here
			out = append(out, 0, 0)
		}
	}
	return append(out, 0xff, 0xd9)
}

// smallWebP is one transparent pixel, without loss.
func smallWebP(t testing.TB) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hugeWebP says in its first chunk that it is small and in the next that it is not.
func hugeWebP() []byte {
	canvas := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	body := append([]byte("WEBPVP8X\x0a\x00\x00\x00"), canvas...)
	body = append(body, "VP8L\x05\x00\x00\x00\x2f\xff\xff\xff\x0f\x00"...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
