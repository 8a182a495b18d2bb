-- +goose Up

CREATE TABLE audit_log (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor   text NOT NULL,
    action  text NOT NULL,
    subject text NOT NULL DEFAULT '',
    detail  jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE audit_log IS 'who did what; append-only';

-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE outbox (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dedupe_key    text COLLATE "C" NOT NULL UNIQUE,
    kind          text NOT NULL CHECK (kind IN ('proof', 'confirm')),
    envelope_from text NOT NULL,
    recipient     text NOT NULL,
    data          bytea NOT NULL,
    state         text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'accepted', 'failed')),
    attempts      int NOT NULL DEFAULT 0,
    due           timestamptz NOT NULL DEFAULT now(),
    lease_until   timestamptz,
    last_reply    text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    CHECK ((finished_at IS NOT NULL) = (state <> 'queued'))
);
CREATE INDEX outbox_due ON outbox (due) WHERE state = 'queued';

CREATE TABLE address_key (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    fingerprint bytea NOT NULL
);
COMMENT ON TABLE address_key IS
    'which key the address hashes below were made with: a start with another secret would void every suppression, so it is refused';

CREATE TABLE lists (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug            text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9](-?[a-z0-9])*$' AND length(slug) <= 50),
    name            text NOT NULL CHECK (name <> ''),
    description     text NOT NULL DEFAULT '',
    from_name       text NOT NULL,
    from_address    text NOT NULL,
    reply_to        text NOT NULL DEFAULT '',
    envelope_domain text NOT NULL,
    legal_name      text NOT NULL DEFAULT '',
    postal_address  text NOT NULL DEFAULT '',
    contact         text NOT NULL DEFAULT '',
    home_url        text NOT NULL DEFAULT '',
    reason          text NOT NULL DEFAULT '',
    language        text NOT NULL DEFAULT 'en',
    time_zone       text NOT NULL DEFAULT 'UTC',
    logo_url        text NOT NULL DEFAULT '',
    logo_width      int NOT NULL DEFAULT 0,
    logo_height     int NOT NULL DEFAULT 0,
    accent_colour   text NOT NULL DEFAULT '#1f4e79' CHECK (accent_colour ~ '^#[0-9a-f]{6}$'),
    paper_colour    text NOT NULL DEFAULT '#fdfdfb' CHECK (paper_colour ~ '^#[0-9a-f]{6}$'),
    created_at      timestamptz NOT NULL DEFAULT now(),
    archived_at     timestamptz
);
COMMENT ON COLUMN lists.envelope_domain IS 'domain of MAIL FROM; shares the organisational domain of from_address (DMARC alignment)';
COMMENT ON COLUMN lists.reason IS 'why the reader gets this mail, as the footer says it; empty: the fixed sentence of the language';

CREATE TABLE subscribers (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address      text NOT NULL,
    canonical    text NOT NULL UNIQUE CHECK (length(canonical) <= 254),
    wire         text NOT NULL,
    address_hash bytea NOT NULL UNIQUE,
    provider     text NOT NULL,
    name         text NOT NULL DEFAULT '',
    language     text NOT NULL DEFAULT '',
    supporter    boolean NOT NULL DEFAULT false,
    attributes   jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN subscribers.address IS 'as typed, for people to see';
COMMENT ON COLUMN subscribers.canonical IS 'lower-case local part at A-label domain: one row per person';
COMMENT ON COLUMN subscribers.wire IS 'local part as typed at A-label domain: what RCPT TO carries';
COMMENT ON COLUMN subscribers.provider IS 'who receives mail for the domain: google, microsoft, yahoo, apple …, or other';

CREATE TABLE subscriptions (
    subscriber_id   bigint NOT NULL REFERENCES subscribers ON DELETE CASCADE,
    list_id         bigint NOT NULL REFERENCES lists,
    state           text NOT NULL CHECK (state IN ('pending', 'confirmed', 'unsubscribed')),
    shuffle         int NOT NULL DEFAULT floor(random() * 2147483647)::int,
    source          text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    confirmed_at    timestamptz,
    unsubscribed_at timestamptz,
    PRIMARY KEY (subscriber_id, list_id),
    CHECK ((state = 'confirmed') <= (confirmed_at IS NOT NULL)),
    CHECK ((state = 'unsubscribed') = (unsubscribed_at IS NOT NULL))
);
COMMENT ON COLUMN subscriptions.shuffle IS
    'a random number, drawn once: a send walks its list in this order, so that any first slice is a fair sample and the walk can be resumed';
CREATE INDEX subscriptions_walk ON subscriptions (list_id, shuffle, subscriber_id) WHERE state = 'confirmed';

CREATE TABLE suppressions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address_hash bytea NOT NULL,
    address      text,
    reason       text NOT NULL CHECK (reason IN ('complaint', 'legal', 'hard_bounce', 'manual', 'unsubscribed')),
    detail       text NOT NULL DEFAULT '',
    campaign_id  bigint,
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (address_hash, reason)
);
COMMENT ON COLUMN suppressions.address_hash IS 'HMAC of the canonical address under a key that is never rotated';
COMMENT ON COLUMN suppressions.address IS 'stands beside the hash until the reader is erased';

CREATE TABLE consent_log (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    subscriber_id bigint NOT NULL,
    list_id       bigint,
    event         text NOT NULL CHECK (event IN ('signed_up', 'confirmed', 'added', 'imported', 'unsubscribed',
                      'unsubscribed_all', 'undone', 'suppressed', 'unsuppressed')),
    method        text NOT NULL CHECK (method IN ('one-click', 'form', 'mailto', 'admin', 'import', 'complaint', 'bounce', 'confirm-link')),
    campaign_id   bigint,
    source        text NOT NULL DEFAULT '',
    wording       text NOT NULL DEFAULT '',
    network       text NOT NULL DEFAULT ''
);
CREATE INDEX consent_log_subscriber ON consent_log (subscriber_id, id);
CREATE INDEX consent_log_campaign ON consent_log (campaign_id) WHERE campaign_id IS NOT NULL;
CREATE TRIGGER consent_log_append_only BEFORE UPDATE OR TRUNCATE ON consent_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE leaves (
    subscriber_id bigint NOT NULL,
    list_id       bigint,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);
CREATE INDEX leaves_subscriber ON leaves (subscriber_id);
COMMENT ON TABLE leaves IS
    'who left or was suppressed in the last days: small, so that every permit can look here; a hit is then judged by mailable';

CREATE TABLE imports (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list_id     bigint NOT NULL REFERENCES lists,
    file_name   text NOT NULL,
    source      text NOT NULL,
    rows        bigint NOT NULL DEFAULT 0,
    added       bigint NOT NULL DEFAULT 0,
    updated     bigint NOT NULL DEFAULT 0,
    unchanged   bigint NOT NULL DEFAULT 0,
    suppressed  bigint NOT NULL DEFAULT 0,
    opted_out   bigint NOT NULL DEFAULT 0,
    duplicates  bigint NOT NULL DEFAULT 0,
    rejected    bigint NOT NULL DEFAULT 0,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CHECK (rows = added + updated + unchanged + suppressed + opted_out + duplicates + rejected)
);
COMMENT ON COLUMN imports.suppressed IS 'rows of people who had left or are suppressed: an import brings nobody back';
COMMENT ON COLUMN imports.opted_out IS 'rows that said themselves that the person left, bounced or complained';

CREATE VIEW mailable AS
    SELECT sn.list_id, sn.shuffle, sn.confirmed_at, s.id AS subscriber_id, s.address, s.wire, s.provider, s.name, s.language, s.supporter
    FROM subscriptions sn
    JOIN subscribers s ON s.id = sn.subscriber_id
    WHERE sn.state = 'confirmed'
      AND NOT EXISTS (SELECT 1 FROM suppressions x WHERE x.address_hash = s.address_hash);
COMMENT ON VIEW mailable IS 'who may be mailed for which list, now: the only door of other rooms to the reader tables';

CREATE VIEW recent_leaves AS SELECT subscriber_id, list_id, at FROM leaves;
COMMENT ON VIEW recent_leaves IS 'declared for delivery: a permit looks here first';
