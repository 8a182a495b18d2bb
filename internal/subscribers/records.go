package subscribers

import (
	"context"
	"time"

	"github.com/lib/pq"

	"mailer/internal/db"
)

// What the record of a reader consists of. The names in the JSON are those that readers get to see, so they are kept.
type (
	// RecordPerson is the reader's own row.
	RecordPerson struct {
		ID         int64      `db:"id" json:"number"`
		Address    string     `db:"address" json:"address"`
		Canonical  string     `db:"canonical" json:"compared_as"`
		Wire       string     `db:"wire" json:"mailed_as"`
		Provider   string     `db:"provider" json:"mail_provider"`
		Name       string     `db:"name" json:"name"`
		Language   string     `db:"language" json:"language"`
		Supporter  bool       `db:"supporter" json:"supporter"`
		Tracking   bool       `db:"tracking" json:"clicks_counted"`
		Attributes Attributes `db:"attributes" json:"attributes"`
		CreatedAt  time.Time  `db:"created_at" json:"since"`
		UpdatedAt  time.Time  `db:"updated_at" json:"changed_at"`
	}
	// RecordSubscription is one list and what the reader chose for it.
	RecordSubscription struct {
		List           string     `db:"list" json:"list"`
		Slug           string     `db:"slug" json:"list_id"`
		State          string     `db:"state" json:"state"`
		Source         string     `db:"source" json:"source"`
		Frequency      string     `db:"frequency" json:"frequency"`
		TopicsOff      texts      `db:"topics_off" json:"topics_not_wanted"`
		PausedUntil    *time.Time `db:"paused_until" json:"paused_until"`
		ExpiresAt      *time.Time `db:"expires_at" json:"consent_ends_at"`
		CreatedAt      time.Time  `db:"created_at" json:"asked_at"`
		ConfirmedAt    *time.Time `db:"confirmed_at" json:"confirmed_at"` // by the evidence, see evidencedConfirmation
		ImportedAt     *time.Time `db:"imported_at" json:"imported_at"`   // when that evidence came in
		UnsubscribedAt *time.Time `db:"unsubscribed_at" json:"left_at"`
		Shuffle        int64      `db:"shuffle" json:"place_in_sends"`
	}
	// RecordConsent is one line of the evidence.
	RecordConsent struct {
		At          time.Time `db:"at" json:"at"`
		Event       string    `db:"event" json:"event"`
		List        string    `db:"list" json:"list"`
		Method      string    `db:"method" json:"method"`
		Source      string    `db:"source" json:"source"`
		SourceURL   string    `db:"source_url" json:"source_page"`
		Wording     string    `db:"wording" json:"wording"`
		FormID      *int64    `db:"form_id" json:"form"`
		FormVersion *int64    `db:"form_version" json:"form_version"`
		Network     string    `db:"network" json:"network"`
		Was         string    `db:"was" json:"before"`
		CampaignID  *int64    `db:"campaign_id" json:"mail"`
	}
	// RecordKept is a line of the evidence that outlived an erasure.
	RecordKept struct {
		At          time.Time `db:"at" json:"at"`
		Event       string    `db:"event" json:"event"`
		List        string    `db:"list" json:"list"`
		Method      string    `db:"method" json:"method"`
		Source      string    `db:"source" json:"source"`
		Wording     string    `db:"wording" json:"wording"`
		FormID      *int64    `db:"form_id" json:"form"`
		FormVersion *int64    `db:"form_version" json:"form_version"`
		ErasedAt    time.Time `db:"erased_at" json:"erased_at"`
	}
	// RecordSuppression is a reason why the address gets no mail.
	RecordSuppression struct {
		ID         int64     `db:"id" json:"number"`
		At         time.Time `db:"created_at" json:"at"`
		Reason     string    `db:"reason" json:"reason"`
		Detail     string    `db:"detail" json:"detail"`
		Address    string    `db:"address" json:"address"`
		CampaignID *int64    `db:"campaign_id" json:"mail"`
	}
	// RecordDeparture is a note for sends that are running.
	RecordDeparture struct {
		At   time.Time `db:"at" json:"at"`
		List string    `db:"list" json:"list"`
	}
)

// RecordChange is a wish to get mail at another address.
type RecordChange struct {
	At             time.Time  `db:"created_at" json:"at"`
	Address        string     `db:"address" json:"new_address"`
	Old            string     `db:"old_canonical" json:"old_address"`
	OldConfirmedAt *time.Time `db:"old_confirmed_at" json:"confirmed_at_old"`
	NewConfirmedAt *time.Time `db:"new_confirmed_at" json:"confirmed_at_new"`
	DoneAt         *time.Time `db:"done_at" json:"done_at"`
}

// RecordMerged is another number that the reader had.
type RecordMerged struct {
	ID int64     `db:"id" json:"number"`
	At time.Time `db:"merged_at" json:"at"`
}

// RecordAsk is a mail that asked the reader to confirm.
type RecordAsk struct {
	At    time.Time `db:"created_at" json:"at"`
	Lists texts     `db:"lists" json:"lists"`
}

// Record is all that the store knows of one reader.
type Record struct {
	Person        []RecordPerson // one, or none
	Subscriptions []RecordSubscription
	Consent       []RecordConsent // oldest first
	Kept          []RecordKept
	Suppressions  []RecordSuppression
	Departures    []RecordDeparture
	Changes       []RecordChange
	Merged        []RecordMerged
	Asks          []RecordAsk
}

// Of returns all that the store knows of a reader. An identity without a subscriber may have suppressions, and evidence that was kept.
func (r Records) Of(ctx context.Context, id Identity) (rec Record, err error) {
	numbers := pq.Array(id.Numbers())
	for _, part := range []struct {
		into  any
		query string
		arg   any
	}{
		{&rec.Person, `SELECT id, address, canonical, wire, provider, name, language, supporter, tracking, attributes, created_at, updated_at
			FROM subscribers WHERE id = $1`, id.ID},
		{&rec.Subscriptions, `SELECT l.name AS list, l.slug, sn.state, sn.source, sn.frequency, sn.paused_until, sn.expires_at,
				ARRAY(SELECT t.name FROM topics t WHERE t.list_id = sn.list_id AND sn.topics_off & (1::bigint << t.bit) <> 0 ORDER BY t.bit) AS topics_off,
				sn.created_at, e.confirmed_at, CASE WHEN e.confirmed_at < sn.confirmed_at THEN sn.confirmed_at END AS imported_at,
				` + evidencedLeaving + ` AS unsubscribed_at, sn.shuffle
			FROM subscriptions sn JOIN lists l ON l.id = sn.list_id CROSS JOIN LATERAL (SELECT ` + evidencedConfirmation + ` AS confirmed_at) e
			WHERE sn.subscriber_id = $1 ORDER BY sn.created_at, l.slug`, id.ID},
		{&rec.Consent, `SELECT c.at, c.event, coalesce(l.name, '') AS list, c.method, c.source, c.source_url, c.wording, c.form_id, c.form_version,
				c.network, coalesce(c.was::text, '') AS was, c.campaign_id
			FROM consent_log c LEFT JOIN lists l ON l.id = c.list_id WHERE c.subscriber_id = ANY($1) ORDER BY c.id`, numbers},
		{&rec.Kept, `SELECT c.at, c.event, coalesce(l.name, '') AS list, c.method, c.source, c.wording, c.form_id, c.form_version, c.erased_at
			FROM consent_kept c LEFT JOIN lists l ON l.id = c.list_id WHERE c.address_hash = $1 ORDER BY c.id`, id.Hash},
		{&rec.Suppressions, `SELECT x.id, x.created_at, x.reason, x.detail, coalesce(x.address, '') AS address, x.campaign_id
			FROM suppressions x WHERE x.address_hash = $1 ORDER BY x.id`, id.Hash},
		{&rec.Departures, `SELECT v.at, coalesce(l.name, '') AS list FROM leaves v LEFT JOIN lists l ON l.id = v.list_id
			WHERE v.subscriber_id = ANY($1) ORDER BY v.id`, numbers},
		{&rec.Changes, `SELECT created_at, address, old_canonical, old_confirmed_at, new_confirmed_at, done_at FROM address_changes
			WHERE subscriber_id = $1 ORDER BY id`, id.ID},
		{&rec.Merged, `SELECT id, merged_at FROM merged_subscribers WHERE into_id = $1 ORDER BY id`, id.ID},
		{&rec.Asks, `SELECT a.created_at, ARRAY(SELECT l.name FROM lists l WHERE l.id = ANY(a.lists) ORDER BY l.id) AS lists FROM confirm_asks a
			WHERE a.subscriber_id = $1 ORDER BY a.id`, id.ID},
	} {
		if err := r.s.db.SelectContext(ctx, part.into, part.query, part.arg); err != nil {
			return rec, db.Err(err, "read what is known of the reader")
		}
	}
	return rec, nil
}

// AuditSubjects are the names under which acts that concern a reader stand in the audit log.
func (r Record) AuditSubjects() []string {
	var subjects []string
	for _, p := range r.Person {
		subjects = append(subjects, SubscriberSubject(p.ID))
	}
	for _, x := range r.Suppressions {
		subjects = append(subjects, suppressionSubject(x.ID))
	}
	return subjects
}
