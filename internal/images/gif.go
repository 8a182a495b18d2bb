package images

import (
	"bytes"
	"image/gif"

	"mailer/internal/errs"
)

// rewriteGIF writes a GIF anew, with all its frames and as large as it is: scaling would spoil its colours.
func rewriteGIF(data []byte) (Rewritten, error) {
	frames, ok := countFrames(data)
	if !ok {
		return Rewritten{}, broken(GIF, nil)
	}
	c, err := gif.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return Rewritten{}, broken(GIF, err)
	}
	if frames > maxFrames || frames*c.Width*c.Height > maxMemory/2 {
		return Rewritten{}, errs.Field("file", "the GIF has %d frames of %d × %d pixels, which is more than can be read here; make it shorter or smaller", frames, c.Width, c.Height)
	}
	if max(c.Width, c.Height) > keptSide {
		return Rewritten{}, errs.Field("file", "the GIF has %d × %d pixels; a GIF is kept as it is, so make it %d at most on each side", c.Width, c.Height, keptSide)
	}
	all, err := gif.DecodeAll(bytes.NewReader(data))
	if err != nil || len(all.Image) == 0 {
		return Rewritten{}, broken(GIF, err)
	}
	var buf bytes.Buffer
	if err := gif.EncodeAll(&buf, all); err != nil {
		return Rewritten{}, broken(GIF, err)
	}
	if buf.Len() > maxKept {
		return Rewritten{}, errs.Field("file", "the GIF has %d MB, for which readers would wait; make it shorter or smaller, %d MB at most", buf.Len()>>20, maxKept>>20)
	}
	return Rewritten{Kind: GIF, Data: buf.Bytes(), Width: all.Config.Width, Height: all.Config.Height}, nil
}

// countFrames walks the blocks of a GIF without decoding any, so that one of a million frames is known before they take memory
// (GIF89a, section 15 ff.). It reports false where the walk meets anything that is not a block.
func countFrames(data []byte) (n int, ok bool) {
	at := 13 // header and logical screen descriptor
	if len(data) < at {
		return 0, false
	}
	table := func(flags byte) int {
		if flags&0x80 == 0 {
			return 0
		}
		return 3 << (flags&7 + 1)
	}
	at += table(data[10])
	// blocks moves behind the sub-blocks that begin at at.
	blocks := func() bool {
		for at < len(data) {
			size := int(data[at])
			at += 1 + size
			if size == 0 {
				return true
			}
		}
		return false
	}
	for at < len(data) {
		switch data[at] {
		case 0x21: // extension: label, then sub-blocks
			if at += 2; !blocks() {
				return n, false
			}
		case 0x2c: // image descriptor, local colours, size of codes, then sub-blocks
			if at+10 > len(data) {
				return n, false
			}
			at += 10 + table(data[at+9]) + 1
			if n++; !blocks() {
				return n, false
			}
		case 0x3b: // trailer; what follows is not the picture's
			return n, n > 0
		default:
			return n, false
		}
	}
	return n, false
}
