-- +goose Up

CREATE TABLE segments (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug       text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9](-?[a-z0-9])*$' AND length(slug) <= 50),
    name       text NOT NULL CHECK (name <> ''),
    rule       jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL DEFAULT ''
);
COMMENT ON TABLE segments IS 'saved rules over readers';
COMMENT ON COLUMN segments.rule IS 'what the program makes of the rule as it was written; it is checked again whenever it is read';

CREATE VIEW subscribed AS
    SELECT subscriber_id, list_id, topics_off
    FROM subscriptions
    WHERE state = 'confirmed' AND (expires_at IS NULL OR expires_at > now());
COMMENT ON VIEW subscribed IS 'declared by subscribers for segments: who is on which list, those on a pause included';

CREATE VIEW past_sends AS SELECT campaign_id, list_id, created_at AS launched_at FROM sends;
COMMENT ON VIEW past_sends IS 'declared by delivery for segments: which campaigns were launched to which list';

CREATE VIEW sent_to AS
    SELECT d.campaign_id, d.subscriber_id
    FROM deliveries d
    WHERE EXISTS (SELECT FROM outcomes o
                  WHERE o.campaign_id = d.campaign_id AND o.seq = d.seq AND o.kind IN ('accepted', 'doubt', 'unknown'));
COMMENT ON VIEW sent_to IS 'declared by delivery for segments: who was sent which campaign, or may have been';

ALTER TABLE campaigns
    ADD COLUMN segments text[],
    ADD COLUMN exclude text[],
    ADD COLUMN approved_audience bytea;
COMMENT ON COLUMN campaigns.segments IS 'only readers in all of these segments; null: as the recipe of its digest says';
COMMENT ON COLUMN campaigns.exclude IS 'no reader in any of these segments; null: as the recipe of its digest says';
COMMENT ON COLUMN campaigns.approved_audience IS 'hash of the rules of its segments as they were approved';

CREATE VIEW segment_uses AS
    SELECT x.slug, 'digest ' || d.slug AS used_by
    FROM digests d
    CROSS JOIN LATERAL (SELECT jsonb_path_query(d.recipe, '$.segments[*]') #>> '{}' AS slug
                        UNION SELECT jsonb_path_query(d.recipe, '$.exclude[*]') #>> '{}') x
    UNION ALL
    SELECT x.slug, 'campaign ' || c.id
    FROM campaigns c
    CROSS JOIN LATERAL (SELECT unnest(c.segments) AS slug UNION SELECT unnest(c.exclude)) x
    WHERE c.state IN ('draft', 'in_review', 'approved', 'held');
COMMENT ON VIEW segment_uses IS 'declared by campaigns for segments: which of them are needed yet, and for what';
