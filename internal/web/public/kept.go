package public

import (
	"bytes"
	"compress/gzip"
	"container/list"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// maxKept is how many octets of pages a process keeps.
const maxKept = 64 << 20

// draft is a page as it was made.
type draft struct {
	body     []byte
	kind     string // Content-Type
	language string
	policy   string // Content-Security-Policy
}

// made is a page that is kept, ready to be sent.
type made struct {
	draft
	zipped   []byte
	tag      string // of body, within the quotes of ETag
	modified time.Time
}

// kept keeps what was made, the least used of it no longer than there is room. Its zero value is empty.
type kept struct {
	making singleflight.Group

	mu    sync.Mutex
	items map[string]*list.Element
	order list.List // of *keptItem, the last used first
	size  int
}

type keptItem struct {
	key string
	*made
}

// keep returns what is kept under key, and has it made where nothing is: once, however many ask.
func (a *past) keep(key string, modified time.Time, do func() (draft, error)) (*made, error) {
	if m := a.kept.get(key); m != nil {
		return m, nil
	}
	v, err, _ := a.kept.making.Do(key, func() (any, error) {
		d, err := do()
		if err != nil {
			return nil, err
		}
		m := d.made(modified)
		a.kept.put(key, m)
		return m, nil
	})
	if err != nil {
		return nil, err
	}
	return v.(*made), nil
}

func (k *kept) get(key string) *made {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.items[key]
	if !ok {
		return nil
	}
	k.order.MoveToFront(e)
	return e.Value.(*keptItem).made
}

func (k *kept) put(key string, m *made) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.items == nil {
		k.items = make(map[string]*list.Element)
	}
	if _, ok := k.items[key]; ok || m.size() > maxKept {
		return
	}
	k.items[key] = k.order.PushFront(&keptItem{key, m})
	for k.size += m.size(); k.size > maxKept; {
		last := k.order.Remove(k.order.Back()).(*keptItem)
		delete(k.items, last.key)
		k.size -= last.size()
	}
}

func (m *made) size() int { return len(m.body) + len(m.zipped) + 500 }

// made makes a page ready to be sent.
func (d draft) made(modified time.Time) *made {
	sum := sha256.Sum256(append([]byte(d.policy), d.body...))
	m := &made{draft: d, tag: base64.RawURLEncoding.EncodeToString(sum[:12]), modified: modified.UTC().Truncate(time.Second)}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(d.body)
	if err == nil && z.Close() == nil && b.Len() < len(d.body) {
		m.zipped = b.Bytes()
	}
	return m
}

// serve answers with the page, or says that who asks has it already. Others may keep it for a minute, and know it.
func (m *made) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	body, tag := m.body, `"`+m.tag+`"`
	if m.zipped != nil && accepts(r, "gzip") {
		body, tag = m.zipped, `"`+m.tag+`-gzip"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Del("X-Robots-Tag")
	h.Set("Cache-Control", "public, max-age=60")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", tag)
	h.Set("Last-Modified", m.modified.Format(http.TimeFormat))
	h.Set("Content-Security-Policy", m.policy)
	h.Set("Content-Language", m.language)
	if m.known(r) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", m.kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // who asked may have gone
	}
}

// known reports whether who asks has this page (RFC 9110 section 13.1: If-None-Match before If-Modified-Since).
func (m *made) known(r *http.Request) bool {
	if tags := r.Header.Values("If-None-Match"); len(tags) > 0 {
		for t := range strings.SplitSeq(strings.Join(tags, ","), ",") {
			// A tag for another encoding of the same is the same page; so is one that a proxy has made weak.
			t = strings.Trim(strings.TrimPrefix(strings.TrimSpace(t), "W/"), `"`)
			if t == "*" || strings.TrimSuffix(t, "-gzip") == m.tag {
				return true
			}
		}
		return false
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	return err == nil && !m.modified.After(since)
}

// accepts reports whether who asks takes an encoding (RFC 9110 section 12.5.3).
func accepts(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			q, ok := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			v, err := strconv.ParseFloat(q, 64)
			return !ok || err == nil && v > 0
		}
	}
	return false
}
