package signup

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// A person needs some seconds for a form, and does not leave it open for days.
const (
	minFill = 2 * time.Second
	maxFill = 24 * time.Hour
)

const stampSize = 8 + 8 + 16

// Stamp is what a form brings back: which wording it showed and when it was made, so that both can be trusted without keeping
// anything. The zero time is that of a copy on another site, which has none.
func (s *Service) Stamp(f Form, wording string, at time.Time) string {
	b := make([]byte, 0, stampSize)
	b = append(b, hashed(wording)...)
	var ms uint64
	if !at.IsZero() {
		ms = uint64(at.UnixMilli())
	}
	b = binary.BigEndian.AppendUint64(b, ms)
	b = append(b, s.Ring.Mark("signup form", f.Path+"\x00"+string(b))...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Restamp returns the stamp of a form that is shown once more, to put something right: as long as it is good it stays, since
// whoever corrects a slip may be quick.
func (s *Service) Restamp(f Form, wording, stamp string) string {
	shown, at, ok := s.readStamp(f, stamp)
	if ok && bytes.Equal(shown, hashed(wording)) && (at.IsZero() || s.Now().Sub(at) < maxFill) {
		return stamp
	}
	return s.Stamp(f, wording, s.Now())
}

// readStamp returns what a stamp of this form says; a forged one, or that of another form, is not ok.
func (s *Service) readStamp(f Form, stamp string) (wording []byte, at time.Time, ok bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(stamp)
	if err != nil || len(b) != stampSize || !s.Ring.Marked("signup form", f.Path+"\x00"+string(b[:16]), b[16:]) {
		return nil, time.Time{}, false
	}
	if ms := binary.BigEndian.Uint64(b[8:16]); ms != 0 {
		at = time.UnixMilli(int64(ms))
	}
	return b[:8], at, true
}
