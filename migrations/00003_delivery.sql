-- +goose Up

CREATE TABLE sends (
    campaign_id       bigint PRIMARY KEY,
    list_id           bigint NOT NULL,
    state             text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'done', 'cancelled', 'expired')),
    reason            text NOT NULL DEFAULT '',
    doubt_policy      text NOT NULL DEFAULT 'retry' CHECK (doubt_policy IN ('retry', 'hold')),
    priority          smallint NOT NULL DEFAULT 0,
    revision          int NOT NULL DEFAULT 1,
    variant           smallint NOT NULL DEFAULT 0,
    groups            bigint NOT NULL DEFAULT 0,
    supporter_groups  bigint NOT NULL DEFAULT 0,
    envelope_domain   text NOT NULL CHECK (envelope_domain <> ''),
    not_before        timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    audience_as_of    timestamptz NOT NULL DEFAULT clock_timestamp(),
    audience_complete boolean NOT NULL DEFAULT false,
    cursor_shuffle    int NOT NULL DEFAULT -1,
    cursor_subscriber bigint NOT NULL DEFAULT 0,
    wave              int NOT NULL DEFAULT 1,
    audience          bigint NOT NULL DEFAULT 0,
    created_at        timestamptz NOT NULL DEFAULT now(),
    finished_at       timestamptz,
    CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'cancelled', 'expired')))
) WITH (fillfactor = 70);
COMMENT ON COLUMN sends.reason IS 'why it is paused, cancelled or expired, for people';
COMMENT ON COLUMN sends.groups IS 'optional groups of the message shown to everyone else; supporter_groups to supporters';
COMMENT ON COLUMN sends.envelope_domain IS 'domain of MAIL FROM, frozen so that a retry has the same envelope';
COMMENT ON COLUMN sends.audience_as_of IS 'who confirmed later is not in the audience';
COMMENT ON COLUMN sends.audience IS 'deliveries written so far; the last of them has this number as its seq';
CREATE INDEX sends_live ON sends (campaign_id) WHERE state IN ('running', 'paused');

CREATE TABLE messages (
    campaign_id bigint NOT NULL,
    revision    int NOT NULL,
    variant     smallint NOT NULL,
    compiled    bytea NOT NULL,
    web_html    text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (campaign_id, revision, variant)
);
COMMENT ON COLUMN messages.web_html IS 'the same content for a browser, free of anything personal';

CREATE TABLE deliveries (
    campaign_id   bigint NOT NULL,
    seq           bigint NOT NULL,
    subscriber_id bigint NOT NULL,
    recipient     text NOT NULL,
    groups        bigint NOT NULL,
    slots         text[] NOT NULL,
    PRIMARY KEY (campaign_id, seq),
    UNIQUE (campaign_id, subscriber_id)
) PARTITION BY RANGE (campaign_id);
COMMENT ON TABLE deliveries IS 'one message to one subscriber; written once, never updated (erasure excepted). Partitions are cut at launch';

CREATE TABLE chunks (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id bigint NOT NULL REFERENCES sends,
    wave        int NOT NULL,
    provider    text NOT NULL,
    from_seq    bigint NOT NULL,
    to_seq      bigint NOT NULL,
    priority    smallint NOT NULL,
    not_before  timestamptz NOT NULL,
    revision    int NOT NULL,
    variant     smallint,
    token       bigint NOT NULL DEFAULT 0,
    owner       uuid,
    lease_until timestamptz,
    closed_at   timestamptz,
    accepted    int NOT NULL DEFAULT 0,
    failed      int NOT NULL DEFAULT 0,
    suppressed  int NOT NULL DEFAULT 0,
    expired     int NOT NULL DEFAULT 0,
    unknown     int NOT NULL DEFAULT 0,
    UNIQUE (campaign_id, from_seq),
    CHECK (to_seq >= from_seq)
) WITH (fillfactor = 70);
COMMENT ON COLUMN chunks.variant IS 'null until a test has chosen';
COMMENT ON COLUMN chunks.token IS 'raised at every claim; who holds an older one may record facts but gets no permit';
COMMENT ON COLUMN chunks.accepted IS 'tally of the outcomes that decide (see decided), written when the chunk closes and again when one of its retries ends';
-- Claims walk one running send after another, so that the chunks of a paused send are never passed over.
CREATE INDEX chunks_open ON chunks (campaign_id, priority DESC, not_before, id) WHERE closed_at IS NULL;

CREATE TABLE permits (
    process      uuid NOT NULL,
    serial       bigint NOT NULL,
    campaign_ids bigint[] NOT NULL,
    seqs         bigint[] NOT NULL,
    attempts     int[] NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (process, serial)
);
COMMENT ON TABLE permits IS
    'the deliveries whose final dot a sending process may have written; those without an outcome after a crash are the doubts. '
    'Each group of permits adds a row with all that is at risk and removes the one before it';

CREATE TABLE outcomes (
    campaign_id bigint NOT NULL,
    seq         bigint NOT NULL,
    attempt     int NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('accepted', 'deferred', 'doubt', 'failed', 'suppressed', 'expired', 'unknown')),
    class       text NOT NULL DEFAULT '',
    code        int NOT NULL DEFAULT 0,
    enhanced    text NOT NULL DEFAULT '',
    reply       text NOT NULL DEFAULT '',
    queue_id    text NOT NULL DEFAULT '',
    relay       text NOT NULL DEFAULT '',
    took_ms     int NOT NULL DEFAULT 0,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (campaign_id, seq, attempt)
) PARTITION BY RANGE (campaign_id);
COMMENT ON TABLE outcomes IS 'what came of each attempt; appended, but a fact replaces a doubt. deferred and doubt are not terminal, all others are';
CREATE INDEX outcomes_notable ON outcomes (campaign_id, kind, seq) WHERE kind IN ('failed', 'suppressed', 'expired', 'unknown');

CREATE TABLE retries (
    campaign_id bigint NOT NULL,
    seq         bigint NOT NULL,
    chunk_id    bigint NOT NULL REFERENCES chunks,
    attempt     int NOT NULL,
    due         timestamptz NOT NULL,
    token       bigint NOT NULL DEFAULT 0,
    owner       uuid,
    lease_until timestamptz,
    PRIMARY KEY (campaign_id, seq)
);
COMMENT ON TABLE retries IS 'deliveries to be tried again; there is a row if and only if the last attempt was deferred or in doubt and nothing is terminal yet';
COMMENT ON COLUMN retries.attempt IS 'the number of the attempt to come';
CREATE INDEX retries_due ON retries (campaign_id, due);

-- +goose StatementBegin
CREATE FUNCTION decided(campaign bigint, from_seq bigint, to_seq bigint)
RETURNS TABLE (seq bigint, attempt int, kind text, class text, code int, enhanced text, reply text, at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (o.seq) o.seq, o.attempt, o.kind, o.class, o.code, o.enhanced, o.reply, o.at
    FROM outcomes o
    WHERE o.campaign_id = campaign AND o.seq BETWEEN from_seq AND to_seq AND o.kind NOT IN ('deferred', 'doubt')
    ORDER BY o.seq, o.kind = 'accepted' DESC, o.kind = 'unknown', o.at, o.attempt
$$;
-- +goose StatementEnd
COMMENT ON FUNCTION decided IS
    'the outcome that decides each delivery of a range: the first terminal one, but an acceptance before any other (the reader has '
    'the mail) and anything known before unknown. More acceptances are copies. A function and not a view, so that the range reaches the index';

CREATE VIEW delivery_state AS
    SELECT d.campaign_id, d.seq, d.subscriber_id, d.recipient, c.provider, c.id AS chunk_id,
           CASE WHEN o.kind IS NOT NULL THEN o.kind
                WHEN s.state IN ('cancelled', 'expired') AND r.seq IS NOT NULL AND EXISTS (
                    SELECT FROM outcomes x WHERE x.campaign_id = d.campaign_id AND x.seq = d.seq AND x.kind = 'doubt') THEN 'unknown'
                WHEN s.state IN ('cancelled', 'expired') THEN s.state
                WHEN r.seq IS NOT NULL THEN 'deferred'
                WHEN c.lease_until > clock_timestamp() THEN 'claimed'
                ELSE 'queued' END AS state,
           coalesce(o.attempt, r.attempt - 1, 0) AS attempts, r.due
    FROM deliveries d
    JOIN sends s ON s.campaign_id = d.campaign_id
    CROSS JOIN LATERAL (SELECT id, provider, lease_until FROM chunks c
                        WHERE c.campaign_id = d.campaign_id AND c.from_seq <= d.seq
                        ORDER BY c.from_seq DESC LIMIT 1) c
    LEFT JOIN retries r ON r.campaign_id = d.campaign_id AND r.seq = d.seq
    LEFT JOIN LATERAL decided(d.campaign_id, d.seq, d.seq) o ON true;
COMMENT ON VIEW delivery_state IS 'the state of each delivery, derived from its outcomes, its retry row and its send';
