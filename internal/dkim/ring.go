package dkim

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"mailer/internal/errs"
)

// Ring is a folder of keys. It notices what other processes change there. It is safe for concurrent use; a nil Ring has no
// keys.
type Ring struct {
	dir string

	mu    sync.Mutex
	have  contents
	state [2]fileState // of the folder and its list, when they were read
}

type fileState struct {
	changed time.Time
	size    int64
}

// Open reads the keys of a folder, which need not be there. Anything wrong with one of them is an error of kind Config, with
// the file as Field and what to do in the message.
func Open(dir string) (*Ring, error) {
	r := &Ring{dir: dir}
	r.state = r.look()
	var err error
	r.have, err = readFolder(dir)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// look returns what changes when somebody changes the folder.
func (r *Ring) look() (s [2]fileState) {
	for i, path := range [...]string{r.dir, filepath.Join(r.dir, inUse)} {
		if fi, err := os.Stat(path); err == nil {
			s[i] = fileState{fi.ModTime(), fi.Size()}
		}
	}
	return s
}

// refresh reads the folder again when it has changed, or always when asked to. What it held before stays in use while
// something in it is wrong: mail goes on under the keys that were right.
func (r *Ring) refresh(always bool) error {
	state := r.look()
	if state == r.state && !always {
		return nil
	}
	have, err := readFolder(r.dir)
	if err != nil {
		return err
	}
	r.have, r.state = have, state
	return nil
}

// Dir returns the folder.
func (r *Ring) Dir() string { return r.dir }

// Keys returns all keys, sorted by domain and selector.
func (r *Ring) Keys() []*Key {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.refresh(false)
	keys := slices.Clone(r.have.keys)
	slices.SortFunc(keys, func(a, b *Key) int {
		return cmp.Or(strings.Compare(a.Domain, b.Domain), strings.Compare(a.Selector, b.Selector))
	})
	return keys
}

// InUse reports whether a key signs new mail.
func (r *Ring) InUse(k *Key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.have.use[k.Domain], func(o *Key) bool { return o.ID() == k.ID() })
}

// For returns the keys that sign new mail from an address of this domain: those in use for the domain itself, else for the
// nearest that it is part of, at most one of each kind. So d= is always aligned with From (RFC 9989, relaxed mode). None means
// that such mail is left to the relay to sign.
func (r *Ring) For(fromDomain string) []*Key {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.refresh(false)
	for _, d := range candidates(fromDomain) {
		if keys := r.have.use[d]; len(keys) > 0 {
			return slices.Clone(keys)
		}
	}
	return nil
}

// Stamp returns what a new message from this address freezes of its signatures.
func (r *Ring) Stamp(from string, at time.Time) Stamp {
	_, domain, _ := strings.Cut(from, "@")
	keys := r.For(domain)
	if len(keys) == 0 {
		return Stamp{}
	}
	s := Stamp{Time: at.Unix()}
	for _, k := range keys {
		s.Keys = append(s.Keys, k.ID())
	}
	return s
}

// Signer returns a signer for messages with this stamp; nil for the zero stamp. A key that is gone, or that was replaced by
// another under its selector, is an error of kind Config: what was frozen would not be the same any more.
func (r *Ring) Signer(s Stamp) (*Signer, error) {
	if s.IsZero() {
		return nil, nil
	}
	keys := make([]*Key, len(s.Keys))
	for i, id := range s.Keys {
		if keys[i] = r.key(id); keys[i] == nil {
			return nil, r.gone(id)
		}
	}
	return newSigner(keys, s.Time), nil
}

// key finds a key, if need be by looking into the folder once more.
func (r *Ring) key(id KeyID) *Key {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, again := range [...]bool{false, true} {
		if again && r.refresh(true) != nil {
			break
		}
		if i := slices.IndexFunc(r.have.keys, func(k *Key) bool { return k.ID() == id }); i >= 0 {
			return r.have.keys[i]
		}
	}
	return nil
}

func (r *Ring) gone(id KeyID) error {
	name, _, _ := strings.Cut(string(id), "#")
	where := "the folder of DKIM keys (MAILER_DKIM_DIR)"
	if r != nil {
		where = r.dir
	}
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	return errs.New(errs.Config, "mail that is to be signed with the DKIM key %s cannot be: that key is not in %s on %s. "+
		"Put the file %s%s back and resume; or cancel the send. It is not signed with another key, since copies of one mail must not differ",
		id, where, host, name, keyFile)
}

// Add writes new keys into the folder, which is made when it is not there. They sign nothing until Use. A selector that is
// taken is errs.Conflict.
func (r *Ring) Add(keys ...*Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the folder %s cannot be made; set MAILER_DKIM_DIR to one that can", r.dir)
	}
	for _, k := range keys {
		path := filepath.Join(r.dir, k.Name()+keyFile)
		if slices.ContainsFunc(r.have.keys, func(o *Key) bool { return o.Name() == k.Name() }) {
			return errs.New(errs.Conflict, "there is a key %s already, in %s; choose another selector, since what was once published keeps its meaning", k.Name(), r.dir)
		}
		data, err := k.encode()
		if err != nil {
			return errs.Wrap(err, errs.Internal, "encode a key")
		}
		if err := writeNew(path, data); err != nil {
			return errs.Wrap(err, errs.Unavailable, "the key cannot be written to %s", path)
		}
		k.File = path
	}
	return r.refresh(true)
}

// Newest returns the key of each kind that was made last for a domain.
func (r *Ring) Newest(domain string) []*Key {
	newest := map[Algorithm]*Key{}
	for _, k := range r.Keys() {
		if k.Domain == domain && (newest[k.Algorithm] == nil || !k.Made.Before(newest[k.Algorithm].Made)) {
			newest[k.Algorithm] = k
		}
	}
	var keys []*Key
	for _, a := range [...]Algorithm{RSA, Ed25519} {
		if newest[a] != nil {
			keys = append(keys, newest[a])
		}
	}
	return keys
}

// Use makes these keys, at most one of each kind, the ones that sign new mail for the domain, in place of those before; none
// leaves its mail to the relay to sign. Messages that are frozen keep theirs.
func (r *Ring) Use(domain string, keys []*Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.refresh(true); err != nil {
		return err
	}
	text := "# The keys that sign new mail. Change this with: mailer dkim use DOMAIN\n"
	var names []string
	for d, use := range r.have.use {
		if d == domain {
			continue
		}
		for _, k := range use {
			names = append(names, k.Name())
		}
	}
	for i, k := range keys {
		if k.Domain != domain || slices.ContainsFunc(keys[:i], func(o *Key) bool { return o.Algorithm == k.Algorithm }) {
			return errs.New(errs.Invalid, "one key of each kind signs for a domain, and %s is one too many", k.Name())
		}
		names = append(names, k.Name())
	}
	slices.Sort(names)
	for _, n := range names {
		text += n + "\n"
	}
	path := filepath.Join(r.dir, inUse)
	if err := replace(path, []byte(text)); err != nil {
		return errs.Wrap(err, errs.Unavailable, "the list of keys in use cannot be written to %s", path)
	}
	return r.refresh(true)
}
