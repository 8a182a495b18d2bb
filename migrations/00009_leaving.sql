-- +goose Up

CREATE TABLE leave_reasons (
    list_id     bigint NOT NULL REFERENCES lists,
    campaign_id bigint NOT NULL DEFAULT 0,
    reason      text NOT NULL CHECK (reason IN ('often', 'interest', 'never', 'other')),
    day         date NOT NULL DEFAULT current_date,
    readers     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (list_id, campaign_id, reason, day)
);
COMMENT ON TABLE leave_reasons IS 'why readers leave, where they say so; how many, nothing about who';
COMMENT ON COLUMN leave_reasons.campaign_id IS 'whose mail carried the link; 0: none';

CREATE TABLE inbound (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind          text NOT NULL CHECK (kind IN ('leave', 'bounce')),
    subscriber_id bigint NOT NULL,
    list_id       bigint NOT NULL DEFAULT 0,
    campaign_id   bigint NOT NULL DEFAULT 0,
    auto_replied  boolean NOT NULL DEFAULT false,
    size          bigint NOT NULL DEFAULT 0,
    data          bytea,
    handled_at    timestamptz
);
CREATE INDEX inbound_open ON inbound (kind, id) WHERE handled_at IS NULL;
CREATE INDEX inbound_subscriber ON inbound (subscriber_id);
COMMENT ON TABLE inbound IS 'mail that came back, from its arrival until it is dealt with; whose it is stood in the recipient''s token';
COMMENT ON COLUMN inbound.data IS 'the beginning of a bounce; of a wish to leave nothing is kept';
COMMENT ON COLUMN inbound.auto_replied IS 'a vacation notice or the like: no wish of the reader''s';

ALTER TABLE appeal_clicks ADD COLUMN machine_clicks bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN appeal_clicks.clicks IS 'of people, as far as can be told';
COMMENT ON COLUMN appeal_clicks.machine_clicks IS 'of programs that open every link of a mail: they opened one that people do not see';

CREATE TABLE click_salts (
    day  date PRIMARY KEY,
    salt bytea NOT NULL
);
COMMENT ON TABLE click_salts IS 'what the hashes of a day are made with, the same for all nodes; dropped soon after the day, and with it their meaning';

CREATE TABLE machine_marks (
    mark bytea PRIMARY KEY,
    at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE machine_marks IS 'salted hashes of network and browser of who opened a link that people do not see; kept for a day';

CREATE TABLE held_clicks (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    campaign_id bigint NOT NULL,
    variant_id  bigint NOT NULL REFERENCES appeal_variants,
    mark        bytea NOT NULL
);
CREATE INDEX held_clicks_at ON held_clicks (at);
COMMENT ON TABLE held_clicks IS 'clicks of the last minutes: a machine may show itself only after them';
