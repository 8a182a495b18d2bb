package transfer

import (
	"archive/zip"
	"bytes"
	"io"
	"path"
	"slices"
	"strings"

	"mailer/internal/errs"
	"mailer/internal/subscribers"
)

// ImportFile is a CSV file that is read when its turn comes.
type ImportFile struct {
	Name string
	Open func() (io.ReadCloser, error)
}

// Limits of a ZIP archive. Text shrinks to a tenth or so; a file that grows a hundredfold is made to do harm.
const (
	maxZipFiles  = 10_000
	maxZipGrowth = 100
	freeGrowth   = 64 << 20 // bytes that may come of anything
	maxDirectory = 8 << 20  // bytes that are read to know what is in it: each entry takes several times its size in memory
)

// ImportFiles returns the CSV files of f, which is size bytes long: itself, or those of a ZIP archive such as Mailchimp makes
// of an audience, who left and who bounced first. They are read where they are: nothing is written, and the names in the archive
// lead nowhere. skipped are the archive's other CSV files, for people.
func ImportFiles(name string, f io.ReaderAt, size int64) (files []ImportFile, skipped []string, err error) {
	magic := make([]byte, 4)
	if n, _ := f.ReadAt(magic, 0); n < len(magic) || !bytes.Equal(magic, []byte("PK\x03\x04")) {
		open := func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(f, 0, size)), nil }
		return []ImportFile{{name, open}}, nil, nil
	}
	directory := &directoryReader{r: f, left: maxDirectory}
	archive, err := zip.NewReader(directory, size)
	if directory.left < 0 {
		return nil, nil, errs.New(errs.Invalid, "the ZIP file %s has more than %d files in it", name, maxZipFiles)
	}
	directory.whole = true
	if err != nil {
		return nil, nil, errs.Wrap(err, errs.Invalid, "the ZIP file %s cannot be read: %v", name, err)
	}
	if len(archive.File) > maxZipFiles {
		return nil, nil, errs.New(errs.Invalid, "the ZIP file %s has more than %d files in it", name, maxZipFiles)
	}
	var known, others []ImportFile
	for _, entry := range archive.File {
		base := path.Base(strings.ReplaceAll(entry.Name, `\`, "/"))
		if !strings.EqualFold(path.Ext(base), ".csv") || strings.HasPrefix(base, "._") { // beside each file macOS puts one of its own
			continue
		}
		part := ImportFile{base, func() (io.ReadCloser, error) { return openEntry(entry) }}
		switch prefix, _, _ := strings.Cut(strings.ToLower(base), "_"); prefix {
		case "subscribed", "unsubscribed", "cleaned":
			known = append(known, part)
		case "nonsubscribed":
			skipped = append(skipped, base+": its people never subscribed")
		default:
			others = append(others, part)
		}
	}
	switch {
	case len(known) > 0:
		for _, o := range others {
			skipped = append(skipped, o.Name+": not one of subscribed_, unsubscribed_ and cleaned_")
		}
		slices.SortStableFunc(known, func(a, b ImportFile) int { return zipOrder(a.Name) - zipOrder(b.Name) })
		return known, skipped, nil
	case len(others) == 1:
		return others, skipped, nil
	}
	return nil, nil, errs.New(errs.Invalid, "the ZIP file %s has %d CSV files in it, and it is not plain which to import; unpack it and import them one by one", name, len(others))
}

// zipOrder has those who left come first, so that nobody is on the list for a moment.
func zipOrder(name string) int {
	if of, _ := fileStanding(name); of.State == subscribers.Unsubscribed {
		return 0
	}
	return 1
}

// directoryReader gives up on an archive whose directory has no end; once that was read it reads all of it.
type directoryReader struct {
	r     io.ReaderAt
	left  int64
	whole bool
}

func (d *directoryReader) ReadAt(p []byte, off int64) (int, error) {
	if !d.whole {
		if d.left -= int64(len(p)); d.left < 0 {
			return 0, io.ErrUnexpectedEOF
		}
	}
	return d.r.ReadAt(p, off)
}

func openEntry(entry *zip.File) (io.ReadCloser, error) {
	const encrypted = 0x1
	if entry.Flags&encrypted != 0 {
		return nil, errs.New(errs.Invalid, "it is encrypted; unpack it first")
	}
	r, err := entry.Open()
	if err != nil {
		return nil, err
	}
	packed := min(entry.CompressedSize64, 1<<40)
	return &entryReader{ReadCloser: r, left: max(freeGrowth, int64(packed)*maxZipGrowth)}, nil
}

// entryReader gives up on what grows without end.
type entryReader struct {
	io.ReadCloser
	left int64
}

func (r *entryReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return 0, errs.New(errs.Invalid, "the file is more than %d times as large as its part of the ZIP file; that is no list of people", maxZipGrowth)
	}
	return n, err
}
