package dkim

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"mailer/internal/errs"
)

// inUse is the file that names the keys which sign new mail, one DNS name on each line.
const inUse = "in-use"

const keyFile = ".pem"

// contents is what a folder of keys holds.
type contents struct {
	keys []*Key            // sorted by domain, then selector
	use  map[string][]*Key // by domain, RSA first
}

// refuse makes an error about a file: what is wrong with it and what to do.
func refuse(path, format string, args ...any) error {
	e := errs.New(errs.Config, format, args...).(*errs.Error)
	e.Field = path
	return e
}

// readFolder reads and checks every key of a folder. One that is not there holds none.
func readFolder(dir string) (contents, error) {
	c := contents{use: map[string][]*Key{}}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	} else if err != nil {
		return c, &errs.Error{Kind: errs.Config, Field: dir, Msg: "the folder of DKIM keys cannot be read; give this user the right to, or set MAILER_DKIM_DIR", Err: err}
	}
	if fi, err := os.Stat(dir); err == nil && runtime.GOOS != "windows" && fi.Mode().Perm()&0o002 != 0 {
		return c, refuse(dir, "can be changed by others on this machine (mode %04o), who could put keys of theirs into it; run: chmod 700 %s", fi.Mode().Perm(), dir)
	}
	var problems []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !strings.HasSuffix(e.Name(), keyFile) {
			continue
		}
		k, err := readKey(filepath.Join(dir, e.Name()))
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if i := slices.IndexFunc(c.keys, func(o *Key) bool { return o.Name() == k.Name() }); i >= 0 {
			problems = append(problems, refuse(k.File, "is a second key under the selector of %s; a selector names one key, so move one of the two away", c.keys[i].File))
		}
		c.keys = append(c.keys, k)
	}
	if err := errors.Join(problems...); err != nil {
		return c, err
	}
	return c, c.readUse(filepath.Join(dir, inUse))
}

// readKey reads a key file. Its name says what it is for; that others cannot read it is part of being right.
func readKey(path string) (*Key, error) {
	name := strings.ToLower(strings.TrimSuffix(filepath.Base(path), keyFile))
	selector, domain, ok := strings.Cut(name, label)
	if !ok || checkSelector(selector) != nil || checkDomain(domain) != nil {
		return nil, refuse(path, "is not the name of a DKIM key; name it after its record, like s2026a%snews.example.org%s, or move it away", label, keyFile)
	}
	data, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	k, err := parseKey(data, domain, selector)
	if err != nil {
		return nil, refuse(path, "%s", err.Error())
	}
	k.File = path
	return k, nil
}

// readSecret reads a file that none but its owner and perhaps its group may read. The mode is that of the file that was
// opened, whatever the name stands for a moment later.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &errs.Error{Kind: errs.Config, Field: path, Msg: "the DKIM key cannot be read; give this user the right to, or move the file away", Err: err}
	}
	defer f.Close()
	fi, err := f.Stat()
	switch {
	case err != nil:
		return nil, &errs.Error{Kind: errs.Config, Field: path, Msg: "the DKIM key cannot be read", Err: err}
	case !fi.Mode().IsRegular():
		return nil, refuse(path, "is not a file; move it away")
	case runtime.GOOS != "windows" && fi.Mode().Perm()&0o027 != 0:
		return nil, refuse(path, "can be read or changed by others on this machine (mode %04o), so it may not be secret any more; run: chmod 600 %s", fi.Mode().Perm(), path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, &errs.Error{Kind: errs.Config, Field: path, Msg: "the DKIM key cannot be read", Err: err}
	}
	return data, nil
}

// readUse reads which keys sign.
func (c *contents) readUse(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return &errs.Error{Kind: errs.Config, Field: path, Msg: "the list of DKIM keys in use cannot be read; give this user the right to", Err: err}
	}
	for line := range strings.Lines(string(text)) {
		name := strings.ToLower(strings.TrimSpace(line))
		if name == "" || name[0] == '#' {
			continue
		}
		i := slices.IndexFunc(c.keys, func(k *Key) bool { return k.Name() == name })
		if i < 0 {
			return refuse(path, "names %.250q, and there is no file %.250s%s beside it; put the key back, or take the line out and choose another with: mailer dkim use", name, name, keyFile)
		}
		k := c.keys[i]
		use := c.use[k.Domain]
		if slices.ContainsFunc(use, func(o *Key) bool { return o.Algorithm == k.Algorithm }) {
			return refuse(path, "names two keys of kind %s for %s; one of each kind signs, so take a line out", k.Algorithm, k.Domain)
		}
		use = append(use, k)
		slices.SortFunc(use, func(a, b *Key) int { return strings.Compare(string(b.Algorithm), string(a.Algorithm)) })
		c.use[k.Domain] = use
	}
	return nil
}

// writeNew writes a file that is not there yet, complete or not at all, for this user alone.
func writeNew(path string, data []byte) error {
	return write(path, data, func(from string) error {
		defer os.Remove(from)
		return os.Link(from, path) // fails, unlike a rename, when there is one
	})
}

// replace writes a file in place of what is there.
func replace(path string, data []byte) error {
	return write(path, data, func(from string) error { return os.Rename(from, path) })
}

func write(path string, data []byte, name func(from string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = name(f.Name())
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
