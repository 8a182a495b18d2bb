-- +goose Up

CREATE TABLE publications (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug          text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9](-?[a-z0-9])*$' AND length(slug) <= 50),
    name          text NOT NULL CHECK (name <> ''),
    description   text NOT NULL DEFAULT '',
    home_url      text NOT NULL DEFAULT '',
    language      text NOT NULL DEFAULT 'en',
    accent_colour text NOT NULL DEFAULT '#1f4e79' CHECK (accent_colour ~ '^#[0-9a-f]{6}$'),
    created_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE publications IS 'who publishes several lists and offers them together on one sign-up page';

ALTER TABLE lists
    ADD COLUMN publication_id bigint REFERENCES publications,
    ADD COLUMN signup_open    boolean NOT NULL DEFAULT false,
    ADD COLUMN archive_open   boolean NOT NULL DEFAULT false,
    ADD COLUMN no_welcome     boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN lists.signup_open IS 'anybody may sign up on the public page; without it the list does not exist for the public';
COMMENT ON COLUMN lists.archive_open IS 'past campaigns stand on the public archive pages';
COMMENT ON COLUMN lists.no_welcome IS 'who confirms gets no welcome mail';

CREATE TABLE topics (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list_id     bigint NOT NULL REFERENCES lists,
    bit         smallint NOT NULL CHECK (bit BETWEEN 0 AND 29),
    slug        text NOT NULL CHECK (slug ~ '^[a-z0-9](-?[a-z0-9])*$' AND length(slug) <= 50),
    name        text NOT NULL CHECK (name <> ''),
    description text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    retired_at  timestamptz,
    UNIQUE (list_id, bit),
    UNIQUE (list_id, slug)
);
COMMENT ON TABLE topics IS 'interests within a list that a reader can switch off';
COMMENT ON COLUMN topics.bit IS 'its place in subscriptions.topics_off; never given to another topic';

ALTER TABLE subscriptions
    ADD COLUMN topics_off   bigint NOT NULL DEFAULT 0 CHECK (topics_off >= 0),
    ADD COLUMN frequency    text NOT NULL DEFAULT 'each' CHECK (frequency IN ('each', 'weekly')),
    ADD COLUMN paused_until timestamptz,
    ADD COLUMN expires_at   timestamptz;
COMMENT ON COLUMN subscriptions.topics_off IS 'bits of the topics that the reader does not want; a new topic is wanted';
COMMENT ON COLUMN subscriptions.frequency IS 'each edition, or the weekly campaign alone';
COMMENT ON COLUMN subscriptions.expires_at IS 'when an implied consent ends; null: the consent is express and does not end';

ALTER TABLE subscribers
    ADD COLUMN tracking boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN subscribers.tracking IS 'agreed that clicks are counted per reader; off unless the reader said so';

ALTER TABLE consent_log
    DROP CONSTRAINT consent_log_event_check,
    DROP CONSTRAINT consent_log_method_check,
    ADD CONSTRAINT consent_log_event_check CHECK (event IN ('signed_up', 'confirmed', 'added', 'imported', 'unsubscribed',
        'unsubscribed_all', 'undone', 'suppressed', 'unsuppressed', 'changed', 'paused', 'address_changed', 'expired')),
    ADD CONSTRAINT consent_log_method_check CHECK (method IN ('one-click', 'form', 'mailto', 'admin', 'import', 'complaint', 'bounce',
        'confirm-link', 'preferences', 'schedule')),
    ADD COLUMN form_id bigint,
    ADD COLUMN form_version int,
    ADD COLUMN source_url text NOT NULL DEFAULT '';
COMMENT ON COLUMN consent_log.source IS 'where the consent comes from, or what was changed, in words';
COMMENT ON COLUMN consent_log.source_url IS 'the page on which the form stood';

ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('proof', 'confirm', 'letter', 'issue'));
COMMENT ON COLUMN outbox.kind IS 'letter: any other mail of the service to one reader; issue: a past campaign that one reader asked for';

CREATE OR REPLACE VIEW mailable AS
    SELECT sn.list_id, sn.shuffle, sn.confirmed_at, s.id AS subscriber_id, s.address, s.wire, s.provider, s.name, s.language, s.supporter,
           sn.topics_off, sn.frequency, sn.created_at AS joined_at, s.attributes
    FROM subscriptions sn
    JOIN subscribers s ON s.id = sn.subscriber_id
    WHERE sn.state = 'confirmed'
      AND (sn.paused_until IS NULL OR sn.paused_until <= now())
      AND (sn.expires_at IS NULL OR sn.expires_at > now())
      AND NOT EXISTS (SELECT 1 FROM suppressions x WHERE x.address_hash = s.address_hash);
