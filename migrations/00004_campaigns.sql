-- +goose Up

CREATE TABLE appeals (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug       text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9](-?[a-z0-9])*$' AND length(slug) <= 50),
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);

CREATE TABLE appeal_variants (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    appeal_id  bigint NOT NULL REFERENCES appeals,
    heading    text NOT NULL CHECK (heading <> ''),
    body       text NOT NULL CHECK (body <> ''),
    button     text NOT NULL CHECK (button <> ''),
    url        text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE appeal_variants IS 'wording of an appeal; a change of wording is a new row, so that a sent campaign keeps what it said';
COMMENT ON COLUMN appeal_variants.body IS 'Markdown';

CREATE TABLE appeal_clicks (
    campaign_id bigint NOT NULL,
    variant_id  bigint NOT NULL REFERENCES appeal_variants,
    hour        timestamptz NOT NULL,
    clicks      bigint NOT NULL,
    PRIMARY KEY (campaign_id, variant_id, hour)
);
COMMENT ON TABLE appeal_clicks IS 'how often the button was followed, by campaign; nothing about who';

CREATE TABLE digests (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug       text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9](-?[a-z0-9])*$' AND length(slug) <= 50),
    list_id    bigint NOT NULL REFERENCES lists,
    name       text NOT NULL,
    recipe     jsonb NOT NULL,
    schedule   text NOT NULL DEFAULT '',
    time_zone  text NOT NULL,
    active     boolean NOT NULL DEFAULT true,
    planned_to timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN digests.schedule IS 'cron spec of five fields in time_zone; empty: run by hand only';
COMMENT ON COLUMN digests.planned_to IS 'editions due before this moment have been dealt with';

CREATE TABLE digest_skips (
    digest_id bigint NOT NULL REFERENCES digests,
    day       date NOT NULL,
    reason    text NOT NULL DEFAULT '',
    PRIMARY KEY (digest_id, day)
);

CREATE TABLE campaigns (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list_id         bigint NOT NULL REFERENCES lists,
    digest_id       bigint REFERENCES digests,
    edition         text NOT NULL,
    name            text NOT NULL,
    template        text NOT NULL,
    state           text NOT NULL DEFAULT 'draft' CHECK (state IN
                        ('draft', 'in_review', 'approved', 'launched', 'skipped', 'held', 'cancelled', 'expired')),
    reason          text NOT NULL DEFAULT '',
    subject         text NOT NULL DEFAULT '',
    preheader       text NOT NULL DEFAULT '',
    opens_at        timestamptz,
    cutoff_at       timestamptz,
    approval_due_at timestamptz,
    send_at         timestamptz,
    expires_at      timestamptz,
    no_approval     text NOT NULL DEFAULT 'hold' CHECK (no_approval IN ('send', 'hold', 'skip')),
    late_by         interval NOT NULL DEFAULT '2 hours',
    late            text NOT NULL DEFAULT 'hold' CHECK (late IN ('hold', 'send', 'skip')),
    doubt_policy    text NOT NULL DEFAULT 'retry' CHECK (doubt_policy IN ('retry', 'hold')),
    min_stories     int NOT NULL DEFAULT 1 CHECK (min_stories >= 1),
    content_hash    bytea NOT NULL DEFAULT '',
    composed_at     timestamptz,
    composed_to     timestamptz,
    edited_by       text NOT NULL DEFAULT '',
    edited_at       timestamptz,
    approved_by     text NOT NULL DEFAULT '',
    approved_at     timestamptz,
    approved_hash   bytea,
    forced          boolean NOT NULL DEFAULT false,
    checked_at      timestamptz,
    check_until     timestamptz,
    launched_at     timestamptz,
    created_by      text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         int NOT NULL DEFAULT 1,
    UNIQUE (digest_id, edition),
    CHECK ((state = 'launched') = (launched_at IS NOT NULL)),
    CHECK (state NOT IN ('approved', 'launched') OR approved_hash IS NOT NULL)
);
COMMENT ON COLUMN campaigns.edition IS 'nominal local time of a scheduled edition, 2026-11-22T07:00; manual-… for one made by hand';
COMMENT ON COLUMN campaigns.reason IS 'why it was skipped, held, cancelled or expired';
COMMENT ON COLUMN campaigns.late_by IS 'a send time missed by more than this is dealt with as late says instead of sent';
COMMENT ON COLUMN campaigns.min_stories IS 'with fewer stories left it is not sent';
COMMENT ON COLUMN campaigns.content_hash IS 'over all that the reader would see; approved_hash is what was approved';
COMMENT ON COLUMN campaigns.composed_to IS 'stories published before this moment were looked at; the next edition begins here';
COMMENT ON COLUMN campaigns.edited_at IS 'a person has changed the content: it is not composed anew';
COMMENT ON COLUMN campaigns.approved_by IS 'a person, or schedule when the recipe sends without approval';
COMMENT ON COLUMN campaigns.forced IS 'whoever approved it has seen the warnings, such as a size above 90 kB';
COMMENT ON COLUMN campaigns.checked_at IS 'when its stories were re-read for the send; check_until is the lease of who is at it';
COMMENT ON COLUMN campaigns.version IS 'raised by every change; who read an older one must read again before changing anything';
CREATE INDEX campaigns_due ON campaigns (send_at) WHERE state IN ('draft', 'in_review', 'approved', 'held');
CREATE INDEX campaigns_digest_launched ON campaigns (digest_id, launched_at) WHERE state = 'launched';
CREATE INDEX campaigns_list_launched ON campaigns (list_id, launched_at) WHERE state = 'launched';

CREATE TABLE campaign_blocks (
    campaign_id bigint NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    position    int NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('text', 'section', 'story', 'appeal', 'divider')),
    data        jsonb NOT NULL,
    PRIMARY KEY (campaign_id, position)
);

CREATE TABLE campaign_stories (
    campaign_id bigint NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    article_id  bigint NOT NULL REFERENCES articles,
    picked      jsonb NOT NULL,
    PRIMARY KEY (campaign_id, article_id)
);
COMMENT ON COLUMN campaign_stories.picked IS
    'the story as it was picked: what differs from it in a block is an editor''s change, what differs from it in the article is news';
CREATE INDEX campaign_stories_article ON campaign_stories (article_id);
COMMENT ON TABLE campaign_stories IS 'which stories a campaign carries, so that a digest can leave out what was already mailed';
