-- +goose Up

CREATE TABLE erasures (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    asked_by      text NOT NULL,
    numbers       bigint[] NOT NULL DEFAULT '{}',
    addresses     text[] NOT NULL DEFAULT '{}',
    address_hash  bytea,
    campaign_ids  bigint[] NOT NULL DEFAULT '{}',
    seqs          bigint[] NOT NULL DEFAULT '{}',
    erased_at     timestamptz,
    finished_at   timestamptz,
    CHECK ((finished_at IS NOT NULL) = (address_hash IS NULL)),
    CHECK (finished_at IS NULL OR numbers = '{}'),
    CHECK ((erased_at IS NULL) = (addresses <> '{}'))
);
COMMENT ON TABLE erasures IS 'readers who asked to be forgotten: a job that is taken up again until it is done; then nothing here names them';
COMMENT ON COLUMN erasures.asked_by IS 'reader, or the person who did it for them';
COMMENT ON COLUMN erasures.seqs IS 'the deliveries that were blanked, with campaign_ids, until answers that were under way cannot come any more';
COMMENT ON COLUMN erasures.erased_at IS 'when every room had forgotten the reader; the address is not here any more then';
COMMENT ON COLUMN erasures.finished_at IS 'when what came in meanwhile was taken away as well';
COMMENT ON COLUMN erasures.numbers IS 'of the subscriber, the present one first; empty for an address that is not a subscriber''s, and in the end';
CREATE UNIQUE INDEX erasures_begun ON erasures (address_hash) WHERE erased_at IS NULL;
CREATE INDEX erasures_open ON erasures (id) WHERE finished_at IS NULL;

CREATE TABLE consent_kept (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address_hash bytea NOT NULL,
    at           timestamptz NOT NULL,
    list_id      bigint,
    event        text NOT NULL,
    method       text NOT NULL,
    source       text NOT NULL,
    wording      text NOT NULL,
    form_id      bigint,
    form_version int,
    erased_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE consent_kept IS
    'how erased readers had agreed and left, for a limited time: found only by whoever knows the address, through its hash';
CREATE INDEX consent_kept_hash ON consent_kept (address_hash);
CREATE INDEX consent_kept_erased ON consent_kept (erased_at);

ALTER TABLE subscriptions ADD COLUMN expiry_noted timestamptz;
COMMENT ON COLUMN subscriptions.expiry_noted IS 'the expires_at whose passing stands in the consent log';
CREATE INDEX subscriptions_expiring ON subscriptions (expires_at) WHERE expires_at IS NOT NULL AND expiry_noted IS DISTINCT FROM expires_at;
CREATE INDEX subscriptions_pending ON subscriptions (created_at) WHERE state = 'pending';

CREATE INDEX outbox_recipient ON outbox (lower(recipient));
CREATE INDEX outbox_finished ON outbox (finished_at) WHERE state <> 'queued';
CREATE INDEX audit_log_subject ON audit_log (subject);

-- Evidence stays as it is, but for the network that a reader came from: that may be shortened and taken away. to_jsonb, so that
-- a column that is added one day is kept as well.
CREATE INDEX consent_log_network ON consent_log (at) WHERE network <> '';
CREATE INDEX consent_log_long_network ON consent_log (at) WHERE network <> '' AND network !~ '^[0-9.]+/24$|:.*/48$';
DROP TRIGGER consent_log_append_only ON consent_log;
CREATE TRIGGER consent_log_append_only BEFORE TRUNCATE ON consent_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- +goose StatementBegin
CREATE FUNCTION only_less_network() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'network' = to_jsonb(OLD) - 'network' THEN
        IF NEW.network = '' THEN
            RETURN NEW;
        ELSIF OLD.network::inet <<= NEW.network::inet THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'consent_log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
-- +goose StatementEnd
CREATE TRIGGER consent_log_only_less BEFORE UPDATE ON consent_log
    FOR EACH ROW EXECUTE FUNCTION only_less_network();
