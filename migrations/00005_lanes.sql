-- +goose Up

ALTER TABLE chunks ADD COLUMN relay text NOT NULL DEFAULT '';
COMMENT ON COLUMN chunks.relay IS 'the relay that the present claim goes over, or the last one did; chosen at the claim';

ALTER TABLE retries
    ADD COLUMN provider text NOT NULL DEFAULT '',
    ADD COLUMN relay text NOT NULL DEFAULT '';
UPDATE retries r SET provider = c.provider FROM chunks c WHERE c.id = r.chunk_id;
COMMENT ON COLUMN retries.relay IS 'the relay of the last attempt, or of the present claim; the next attempt prefers it, since greylisting and copies in doubt are known there';
-- A batch is of one provider, and those of a slowed lane must not be walked over: they may be many.
DROP INDEX retries_due;
CREATE INDEX retries_due ON retries (campaign_id, provider, due);

CREATE TABLE budgets (
    key     text NOT NULL,
    process uuid NOT NULL,
    want    int NOT NULL,
    held    int NOT NULL CHECK (held >= 0),
    until   timestamptz NOT NULL,
    PRIMARY KEY (key, process)
) WITH (fillfactor = 50);
COMMENT ON TABLE budgets IS
    'shares of processes in limits that all of them have together: connections to a relay or on a lane, messages within a rate. '
    'Written under one advisory lock; a share whose time is over is nobody''s';

CREATE TABLE relay_days (
    relay text NOT NULL,
    day   date NOT NULL,
    sent  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (relay, day)
) WITH (fillfactor = 50);
COMMENT ON TABLE relay_days IS 'messages handed to each relay on each day (UTC); where a cap is set, taken in advance in slices';

CREATE TABLE relay_states (
    relay       text NOT NULL,
    process     uuid NOT NULL,
    host        text NOT NULL,
    connections int NOT NULL,
    state       text NOT NULL CHECK (state IN ('ok', 'resting', 'capped')),
    retry_at    timestamptz,
    said        text NOT NULL,
    said_at     timestamptz,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (relay, process)
) WITH (fillfactor = 50);
COMMENT ON TABLE relay_states IS 'how each sending process finds each relay, for people; written when it changes and every few seconds';

CREATE TABLE lanes (
    relay       text NOT NULL,
    provider    text NOT NULL,
    suspended   boolean NOT NULL,
    connections int NOT NULL,
    per_minute  double precision NOT NULL,
    said        text NOT NULL,
    since       timestamptz NOT NULL DEFAULT clock_timestamp(),
    until       timestamptz NOT NULL,
    PRIMARY KEY (relay, provider)
);
COMMENT ON TABLE lanes IS 'lanes (relay and provider) that go slower than they may, because of what a reply said; until then, for all processes';

ALTER TABLE campaigns ADD COLUMN priority smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN campaigns.priority IS 'a higher one overtakes others at the next chunk';
