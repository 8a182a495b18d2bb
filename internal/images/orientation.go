package images

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/draw"
)

// segments calls f with each segment before the pixels of a JPEG, until f returns false (ITU-T T.81, annex B). It returns where it stopped.
func segments(data []byte, f func(marker byte, body []byte) bool) (at int) {
	for at = 2; at+4 <= len(data) && data[at] == 0xff; {
		marker := data[at+1]
		if marker == 0xff { // padding
			at++
			continue
		}
		size := int(binary.BigEndian.Uint16(data[at+2:]))
		if marker == 0xda || size < 2 || at+2+size > len(data) {
			return at
		}
		if !f(marker, data[at+4:at+2+size]) {
			return at
		}
		at += 2 + size
	}
	return at
}

// progressive reports whether a JPEG is written in passes.
func progressive(data []byte) (yes bool) {
	segments(data, func(marker byte, _ []byte) bool {
		yes = marker == 0xc2 || marker == 0xc6 || marker == 0xca || marker == 0xce
		return !yes
	})
	return yes
}

// scans counts the passes over its pixels that a JPEG is written in. A pass may cover the whole picture in a few bytes, so a small file
// of many takes hours to decode. Behind the first one, the bytes that begin a pass stand nowhere else (ITU-T T.81, section B.1.1.5).
func scans(data []byte) int {
	first := segments(data, func(byte, []byte) bool { return true })
	return bytes.Count(data[min(first, len(data)):], []byte{0xff, 0xda})
}

// orientation reads how a camera was held, 1 to 8 (Exif 2.32, tag 0x0112); 1, upright, where the file does not say.
func orientation(data []byte) int {
	turn := 1
	segments(data, func(marker byte, body []byte) bool {
		if marker != 0xe1 || len(body) < 14 || string(body[:6]) != "Exif\x00\x00" {
			return true
		}
		turn = orientationIn(body[6:])
		return false
	})
	return turn
}

// orientationIn looks through the first directory of a TIFF structure.
func orientationIn(tiff []byte) int {
	var order binary.ByteOrder = binary.BigEndian
	if string(tiff[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 1
	}
	n := int64(order.Uint16(tiff[at:]))
	for i := range n {
		entry := at + 2 + 12*i
		if entry+12 > int64(len(tiff)) {
			return 1
		}
		if order.Uint16(tiff[entry:]) != 0x0112 {
			continue
		}
		if turn := int(order.Uint16(tiff[entry+8:])); turn >= 1 && turn <= 8 {
			return turn
		}
		return 1
	}
	return 1
}

// turned returns a photo upright. Since it is scaled down next, it is scaled first where that saves work.
func turned(img image.Image, turn int) image.Image {
	if turn == 1 {
		return img
	}
	img = scaled(img)
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	from := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.Draw(from, from.Bounds(), img, b.Min, draw.Src)
	size := image.Rect(0, 0, w, h)
	if turn >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	to := image.NewNRGBA(size)
	for y := range h {
		for x := range w {
			var tx, ty int
			switch turn {
			case 2:
				tx, ty = w-1-x, y
			case 3:
				tx, ty = w-1-x, h-1-y
			case 4:
				tx, ty = x, h-1-y
			case 5:
				tx, ty = y, x
			case 6:
				tx, ty = h-1-y, x
			case 7:
				tx, ty = h-1-y, w-1-x
			default:
				tx, ty = y, w-1-x
			}
			copy(to.Pix[to.PixOffset(tx, ty):][:4], from.Pix[from.PixOffset(x, y):][:4])
		}
	}
	return to
}
