-- +goose Up

CREATE TABLE database_eras (
    number       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    era          uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    system       text NOT NULL,
    timeline     text NOT NULL,
    database_oid bigint NOT NULL,
    table_oid    bigint NOT NULL,
    why          text NOT NULL DEFAULT '',
    began_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE database_eras IS
    'which database this is: a new row whenever it turns out to come from a backup or another timeline. The newest row is the present one';
COMMENT ON COLUMN database_eras.system IS 'system identifier of the cluster; empty where the server does not tell';
COMMENT ON COLUMN database_eras.table_oid IS 'of the table sends, which a restore into the same database makes anew';

CREATE TABLE sender_marks (
    node uuid PRIMARY KEY,
    n    bigint NOT NULL,
    at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE sender_marks IS
    'a number that each sender raises and remembers outside the database: when it is lower than remembered, commits were lost';

ALTER TABLE sends
    ADD COLUMN undo_until    timestamptz,
    ADD COLUMN slice_state   text NOT NULL DEFAULT '' CHECK (slice_state IN ('', 'out', 'passed', 'released', 'failed')),
    ADD COLUMN slice_percent real NOT NULL DEFAULT 0 CHECK (slice_percent >= 0 AND slice_percent <= 50),
    ADD COLUMN slice_wait    int NOT NULL DEFAULT 0,
    ADD COLUMN slice_size    bigint,
    ADD COLUMN slice_of      bigint,
    ADD COLUMN slice_out_at  timestamptz,
    ADD COLUMN resumed_at    timestamptz;
COMMENT ON COLUMN sends.undo_until IS 'until then nothing is written of the audience and the launch can be taken back; null: there is no such time';
COMMENT ON COLUMN sends.slice_state IS 'out: only the first slice is in the audience yet; released: a person let the rest go; failed: it paused the send';
COMMENT ON COLUMN sends.slice_wait IS 'seconds between the end of writing the slice and the earliest decision about the rest';
COMMENT ON COLUMN sends.slice_size IS 'readers in the first slice, of slice_of; null until they were counted';

CREATE TABLE brake_marks (
    campaign_id bigint NOT NULL REFERENCES sends ON DELETE CASCADE,
    provider    text NOT NULL,
    answered    bigint NOT NULL,
    hard        bigint NOT NULL,
    blocked     bigint NOT NULL,
    unbuilt     bigint NOT NULL,
    PRIMARY KEY (campaign_id, provider)
);
COMMENT ON TABLE brake_marks IS 'what had come of a send when it was last resumed: the brake counts from there';

CREATE TABLE doubt_decisions (
    campaign_id bigint NOT NULL,
    seq         bigint NOT NULL,
    attempt     int NOT NULL,
    decision    text NOT NULL CHECK (decision IN ('accept', 'resend')),
    who         text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (campaign_id, seq, attempt)
);
COMMENT ON TABLE doubt_decisions IS 'what a person decided about a reader of whom it is not known whether the mail arrived';

ALTER TABLE campaigns
    ADD COLUMN undo_window   int,
    ADD COLUMN slice_percent real CHECK (slice_percent >= 0 AND slice_percent <= 50),
    ADD COLUMN slice_wait    int;
COMMENT ON COLUMN campaigns.undo_window IS 'seconds in which its launch can be taken back; null, here and in the two below: as the service is set';
COMMENT ON COLUMN campaigns.slice_percent IS 'of the readers who get it first; 0: no first slice';
