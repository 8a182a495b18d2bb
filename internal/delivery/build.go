package delivery

import (
	"context"
	"slices"

	"mailer/internal/links"
	"mailer/internal/message"
	"mailer/internal/relay"
)

// builder makes the octets and the envelope of one delivery after another. Each worker has its own, as signers and the
// buffer are not shared.
type builder struct {
	cache   *messageCache
	ring    *links.Ring
	signers map[links.KeyID]*links.Signer
	dkim    signatures
	buf     []byte
}

func newBuilder(cache *messageCache, ring *links.Ring) *builder {
	return &builder{cache: cache, ring: ring, signers: map[links.KeyID]*links.Signer{}, dkim: signatures{ring: cache.dkim}}
}

// A buildError is an error of the message as a whole: no reader of the campaign can get it, so none is to blame.
type buildError struct{ error }

func (e buildError) Unwrap() error { return e.error }

// build returns the whole message, signed where it is to be, and the envelope; the octets are valid until the next call. Everything in them comes from
// what was frozen, so a retry, on whatever node and with whatever secret is the current one, builds the same. Its error is a
// buildError when it is about the campaign, another when it is about this one reader.
func (b *builder) build(ctx context.Context, it *item) ([]byte, relay.Envelope, error) {
	m, err := b.cache.get(ctx, messageKey{it.Campaign, it.Revision, it.Variant})
	if err != nil {
		return nil, relay.Envelope{}, buildError{err}
	}
	sign := b.signers[m.Key()]
	if sign == nil {
		if sign, err = b.ring.Signer(m.Key()); err != nil {
			return nil, relay.Envelope{}, buildError{err}
		}
		b.signers[m.Key()] = sign
	}
	room, err := b.dkim.room(m)
	if err != nil {
		return nil, relay.Envelope{}, buildError{err}
	}
	bounce := links.Bounce{Campaign: it.Campaign, Subscriber: it.Subscriber}
	b.buf, err = m.Append(slices.Grow(b.buf[:0], room)[:room], &message.Reader{
		To:               it.Recipient,
		MessageID:        sign.MessageID(it.Campaign, it.Subscriber, m.Domain()),
		Name:             it.Name,
		LeaveToken:       sign.Leave(links.Leave{Subscriber: it.Subscriber, List: it.List, Campaign: it.Campaign}),
		PreferencesToken: sign.Preferences(links.Preferences{Subscriber: it.Subscriber, List: it.List, Campaign: it.Campaign}),
		Ref:              sign.Bounce(bounce),
		Groups:           uint64(it.Groups),
	})
	if err != nil {
		return nil, relay.Envelope{}, err
	}
	msg, err := b.dkim.put(b.buf, room)
	if err != nil {
		return nil, relay.Envelope{}, buildError{err}
	}
	return msg, relay.Envelope{From: sign.EnvelopeSender(bounce, it.EnvelopeDomain), To: it.Recipient}, nil
}
