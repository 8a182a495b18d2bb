package images

import (
	"bytes"
	"slices"
	"strings"

	"mailer/internal/errs"
)

// Kind is the format that an image is kept in.
type Kind string

// The formats that every mail program shows.
const (
	PNG  Kind = "png"
	JPEG Kind = "jpeg"
	GIF  Kind = "gif"
)

// webp is taken in and written anew as one of the others, since some mail programs do not show it.
const webp Kind = "webp"

// MIME is the content type.
func (k Kind) MIME() string { return "image/" + string(k) }

func (k Kind) extension() string {
	if k == JPEG {
		return "jpg"
	}
	return string(k)
}

// kindOf tells the format by the first bytes; neither the name of a file nor what a browser says of it counts.
func kindOf(data []byte) (Kind, error) {
	switch {
	case len(data) == 0:
		return "", errs.Field("file", "the file is empty; choose a picture")
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return PNG, nil
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return JPEG, nil
	case bytes.HasPrefix(data, []byte("GIF87a")), bytes.HasPrefix(data, []byte("GIF89a")):
		return GIF, nil
	case len(data) >= 12 && bytes.HasPrefix(data, []byte("RIFF")) && string(data[8:12]) == "WEBP":
		return webp, nil
	}
	return "", errs.Field("file", "%s; use a PNG, JPEG, GIF or WebP picture", foreign(data))
}

// foreign says what a file is that is none of the formats, as far as that helps whoever chose it.
func foreign(data []byte) string {
	head := string(data[:min(len(data), 1024)])
	text := strings.ToLower(strings.TrimLeft(strings.TrimPrefix(head, "\ufeff"), " \t\r\n"))
	brand := head[min(4, len(head)):min(12, len(head))]
	begins := func(with ...string) bool {
		return slices.ContainsFunc(with, func(w string) bool { return strings.HasPrefix(head, w) })
	}
	switch {
	case strings.Contains(text, "<svg") || strings.HasPrefix(text, "<?xml"):
		return "this is an SVG drawing, which can carry scripts and which mail programs do not show: export it as PNG"
	case strings.HasPrefix(text, "<"):
		return "this is a web page and not a picture"
	case begins("PK\x03\x04", "PK\x05\x06", "\x1f\x8b", "Rar!", "7z\xbc\xaf"):
		return "this is an archive of files: unpack it and choose one picture"
	case begins("%PDF"):
		return "this is a PDF: export the page as a picture"
	case strings.HasPrefix(brand, "ftyphei") || strings.HasPrefix(brand, "ftypmif"):
		return "this is a HEIC photo, which most mail programs do not show: export it as JPEG"
	case strings.HasPrefix(brand, "ftypavif"):
		return "this is an AVIF picture, which most mail programs do not show: export it as JPEG"
	case strings.HasPrefix(brand, "ftyp"):
		return "this is a video"
	case begins("II*\x00", "MM\x00*"):
		return "this is a TIFF picture: export it as JPEG"
	case begins("BM"):
		return "this is a BMP picture: save it as PNG"
	}
	return "this is not a picture that is known here"
}
