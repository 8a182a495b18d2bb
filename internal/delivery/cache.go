package delivery

import (
	"context"
	"slices"
	"sync"

	"mailer/internal/db"
	"mailer/internal/dkim"
	"mailer/internal/errs"
	"mailer/internal/message"
)

// cacheSize is how many compiled messages a process keeps: the campaigns that run side by side, and a few.
const cacheSize = 16

type messageKey struct {
	campaign int64
	revision int
	variant  int
}

// messageCache keeps compiled messages, the one used last at the end. Messages never change, so it cannot be out of date.
type messageCache struct {
	store *Store
	dkim  *dkim.Ring // signs them; nil where there are no keys

	mu   sync.Mutex
	kept []cachedMessage
}

type cachedMessage struct {
	key messageKey
	m   *message.Compiled
}

// get returns a compiled message, from the database when it is not kept. Others wait meanwhile: they want the same one.
func (c *messageCache) get(ctx context.Context, k messageKey) (*message.Compiled, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.kept, func(x cachedMessage) bool { return x.key == k }); i >= 0 {
		found := c.kept[i]
		c.kept = append(slices.Delete(c.kept, i, i+1), found)
		return found.m, nil
	}
	const q = `SELECT compiled FROM messages WHERE campaign_id = $1 AND revision = $2 AND variant = $3`
	var data []byte
	if err := c.store.db.GetContext(ctx, &data, q, k.campaign, k.revision, k.variant); err != nil {
		return nil, db.Err(err, "read the message")
	}
	m := &message.Compiled{}
	if err := m.UnmarshalBinary(data); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "the stored message of campaign %d cannot be read", k.campaign)
	}
	if len(c.kept) == cacheSize {
		c.kept = slices.Delete(c.kept, 0, 1)
	}
	c.kept = append(c.kept, cachedMessage{k, m})
	return m, nil
}
