-- +goose Up

ALTER TABLE campaign_blocks DROP CONSTRAINT campaign_blocks_kind_check;
ALTER TABLE campaign_blocks ADD CONSTRAINT campaign_blocks_kind_check
    CHECK (kind IN ('text', 'section', 'story', 'appeal', 'divider', 'image', 'sponsor'));

CREATE TABLE campaign_revisions (
    id            bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    campaign_id   bigint NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    first_version int NOT NULL,
    version       int NOT NULL,
    account       text NOT NULL,
    begun_at      timestamptz NOT NULL,
    at            timestamptz NOT NULL,
    what          text NOT NULL,
    fold          text NOT NULL DEFAULT '',
    restored      bigint,
    touched       jsonb NOT NULL DEFAULT '{}',
    content       jsonb NOT NULL,
    looked        int,
    CHECK (first_version <= version)
);
CREATE INDEX campaign_revisions_campaign ON campaign_revisions (campaign_id, id);
COMMENT ON TABLE campaign_revisions IS 'what the content of a campaign has been, so that it can be looked at and restored';
COMMENT ON COLUMN campaign_revisions.version IS 'of the campaign, with this content; what was folded into it began with first_version';
COMMENT ON COLUMN campaign_revisions.account IS 'who made it so: a name as in the audit log';
COMMENT ON COLUMN campaign_revisions.at IS 'of the last change that was folded into it; the first was at begun_at';
COMMENT ON COLUMN campaign_revisions.restored IS 'of one that takes a change back: the revision whose content it has';
COMMENT ON COLUMN campaign_revisions.fold IS 'what it is about: the next change of the same, soon after and by the same person, is folded into it; empty: nothing is';
COMMENT ON COLUMN campaign_revisions.touched IS 'which parts it changed, each with the version at which it last did';
COMMENT ON COLUMN campaign_revisions.looked IS 'the newest version of the campaign that was found to have this content still; what raised it is not known to the history';

CREATE TABLE campaign_unsaved (
    id          bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    campaign_id bigint NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    account     text NOT NULL,
    at          timestamptz NOT NULL,
    version     int NOT NULL,
    what        text NOT NULL,
    fold        text NOT NULL,
    change      jsonb NOT NULL,
    UNIQUE (campaign_id, account, fold)
);
COMMENT ON TABLE campaign_unsaved IS 'changes that met with a change of somebody else: they wait for their author to put them on top, or to drop them';
COMMENT ON COLUMN campaign_unsaved.version IS 'of the campaign that their author had before them';

CREATE UNLOGGED TABLE campaign_presence (
    campaign_id bigint NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    account     text NOT NULL,
    seen_at     timestamptz NOT NULL,
    block       text NOT NULL DEFAULT '',
    PRIMARY KEY (campaign_id, account)
);
COMMENT ON TABLE campaign_presence IS 'who has the desk of a campaign open; a crash of the database forgets it';
