package subscribers

// subscriptions.confirmed_at and unsubscribed_at are moments of this service: running sends go by them, so that an import writes its own
// moment there. What its file tells of when and how people agreed and left stands in the consent log, dated, just before. These
// are the moments that count as evidence, of a row sn of subscriptions: the earliest that the file of an import tells, unless the reader
// has done something since that the subscription's own moment comes from.
const (
	evidencedConfirmation = `least(sn.confirmed_at, CASE WHEN sn.confirmed_at IS NOT NULL THEN (SELECT min(c.at) FROM consent_log c
		WHERE c.subscriber_id = sn.subscriber_id AND c.list_id = sn.list_id AND c.event = 'confirmed' AND c.method = 'import'
			AND NOT EXISTS (SELECT FROM consent_log o WHERE o.subscriber_id = c.subscriber_id AND (o.list_id = c.list_id OR o.list_id IS NULL)
				AND o.id > c.id AND o.method <> 'import' AND o.at < sn.confirmed_at)) END)`
	evidencedLeaving = `least(sn.unsubscribed_at, CASE WHEN sn.unsubscribed_at IS NOT NULL THEN (SELECT min(c.at) FROM consent_log c
		WHERE c.subscriber_id = sn.subscriber_id AND c.list_id = sn.list_id AND c.event = 'unsubscribed' AND c.method = 'import' AND c.at >= coalesce(sn.confirmed_at, '-infinity')
			AND NOT EXISTS (SELECT FROM consent_log o WHERE o.subscriber_id = c.subscriber_id AND (o.list_id = c.list_id OR o.list_id IS NULL)
				AND o.id > c.id AND o.method <> 'import' AND o.at < sn.unsubscribed_at)) END)`
)
