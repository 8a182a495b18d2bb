-- +goose Up

-- Breaking alerts: what a list allows, and which campaigns are alerts.
CREATE TABLE alert_settings (
    list_id    bigint PRIMARY KEY REFERENCES lists,
    topic      text NOT NULL,
    template   text NOT NULL CHECK (template IN ('story', 'digest')),
    daily_cap  integer NOT NULL CHECK (daily_cap BETWEEN 0 AND 24),
    cool_down  integer NOT NULL CHECK (cool_down BETWEEN 0 AND 1440),
    updated_at timestamptz NOT NULL,
    updated_by text NOT NULL
);
COMMENT ON COLUMN alert_settings.topic IS 'of the list; who has switched it off gets no alert. Empty: everybody gets it';
COMMENT ON COLUMN alert_settings.template IS 'story: the whole text; digest: headline, dek and a link';
COMMENT ON COLUMN alert_settings.daily_cap IS 'alerts on one day in the time zone of the list, at most';
COMMENT ON COLUMN alert_settings.cool_down IS 'minutes between two alerts, at least';

CREATE TABLE alerts (
    campaign_id bigint PRIMARY KEY REFERENCES campaigns ON DELETE CASCADE,
    list_id     bigint NOT NULL REFERENCES lists,
    sent_at     timestamptz
);
CREATE INDEX alerts_sent ON alerts (list_id, sent_at) WHERE sent_at IS NOT NULL;
COMMENT ON TABLE alerts IS 'campaigns that are breaking alerts';
COMMENT ON COLUMN alerts.sent_at IS 'when it was launched, for cap and cool-down; null again when that was taken back';

-- Corrected content of campaigns that are going out.
CREATE TABLE campaign_fixes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id bigint NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    version     integer NOT NULL DEFAULT 1,
    subject     text NOT NULL,
    preheader   text NOT NULL,
    blocks      jsonb NOT NULL,
    edited_by   text NOT NULL,
    edited_at   timestamptz NOT NULL,
    released_by text NOT NULL DEFAULT '',
    released_at timestamptz,
    revision    integer,
    reached     bigint,
    dropped_at  timestamptz,
    CHECK ((released_at IS NULL) = (revision IS NULL))
);
CREATE UNIQUE INDEX campaign_fixes_open ON campaign_fixes (campaign_id) WHERE released_at IS NULL AND dropped_at IS NULL;
CREATE INDEX campaign_fixes_of ON campaign_fixes (campaign_id);
COMMENT ON TABLE campaign_fixes IS 'copies of launched campaigns in which somebody mends something, until it is put in the place of the message or dropped';
COMMENT ON COLUMN campaign_fixes.revision IS 'of the message that it became';
COMMENT ON COLUMN campaign_fixes.reached IS 'readers in the audience who get it; who was added later does as well';
