package delivery

import (
	"slices"

	"mailer/internal/dkim"
	"mailer/internal/message"
)

// signatures puts the DKIM signatures of messages on top of them. Each worker has its own.
type signatures struct {
	ring   *dkim.Ring // nil where there are no keys
	last   *message.Compiled
	signer *dkim.Signer // of last; nil when it is not signed here
	head   []byte
}

// room sees to it that the keys of a message are at hand and returns how many octets to leave free in front of it.
func (s *signatures) room(m *message.Compiled) (int, error) {
	if m != s.last {
		signer, err := s.ring.Signer(m.DKIM())
		if err != nil {
			return 0, err
		}
		s.last, s.signer = m, signer
	}
	if s.signer == nil {
		return 0, nil
	}
	return s.signer.Room(), nil
}

// put signs the message that stands in buf after so many octets of room, and returns it with its signatures.
func (s *signatures) put(buf []byte, room int) ([]byte, error) {
	if s.signer == nil {
		return buf[room:], nil
	}
	var err error
	if s.head, err = s.signer.Append(s.head[:0], buf[room:]); err != nil {
		return nil, err
	}
	if len(s.head) > room {
		return slices.Insert(buf, room, s.head...)[room:], nil
	}
	copy(buf[room-len(s.head):], s.head)
	return buf[room-len(s.head):], nil
}
