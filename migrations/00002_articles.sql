-- +goose Up

CREATE TABLE feeds (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug           text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9](-?[a-z0-9])*$' AND length(slug) <= 50),
    url            text NOT NULL UNIQUE,
    title          text NOT NULL DEFAULT '',
    section        text NOT NULL DEFAULT '',
    home_url       text NOT NULL DEFAULT '',
    language       text NOT NULL DEFAULT '',
    poll_seconds   int NOT NULL DEFAULT 900 CHECK (poll_seconds >= 60),
    etag           text NOT NULL DEFAULT '',
    last_modified  text NOT NULL DEFAULT '',
    polled_at      timestamptz,
    next_poll_at   timestamptz NOT NULL DEFAULT now(),
    good_at        timestamptz,
    body_hash      bytea,
    last_error     text NOT NULL DEFAULT '',
    failing_since  timestamptz,
    failures       int NOT NULL DEFAULT 0,
    moved_to       text NOT NULL DEFAULT '',
    lease          uuid,
    lease_until    timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    removed_at     timestamptz
);
COMMENT ON COLUMN feeds.section IS 'section of stories that name none themselves';
COMMENT ON COLUMN feeds.body_hash IS 'of the last feed that was understood; the same bytes again need no work';
COMMENT ON COLUMN feeds.moved_to IS 'where a permanent redirect leads; polled instead of url until it fails';
COMMENT ON COLUMN feeds.lease IS 'who polls it at the moment; two nodes never poll one feed at once';
CREATE INDEX feeds_due ON feeds (next_poll_at) WHERE removed_at IS NULL;
COMMENT ON COLUMN feeds.good_at IS 'when the last poll that was understood ended; its stories stay whatever comes after';

CREATE TABLE articles (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed_id         bigint REFERENCES feeds,
    guid            text NOT NULL,
    canonical_url   text UNIQUE,
    url             text NOT NULL DEFAULT '',
    title           text NOT NULL CHECK (title <> ''),
    dek             text NOT NULL DEFAULT '',
    authors         jsonb NOT NULL DEFAULT '[]',
    section         text NOT NULL DEFAULT '',
    tags            text[] NOT NULL DEFAULT '{}',
    image           jsonb,
    published_at    timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL DEFAULT now(),
    words           int NOT NULL DEFAULT 0,
    language        text NOT NULL DEFAULT '',
    body_html       text NOT NULL DEFAULT '',
    content_hash    bytea NOT NULL,
    gone_at         timestamptz,
    by_hand         boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (feed_id, guid)
);
COMMENT ON COLUMN articles.feed_id IS 'the feed that brought it first and may change it; null when a person imported it';
COMMENT ON COLUMN articles.gone_at IS 'when its publisher was seen to have taken it back';
COMMENT ON COLUMN articles.by_hand IS 'imported or corrected by a person: no poll changes its content';
COMMENT ON COLUMN articles.canonical_url IS 'the address without fragment and tracking parameters; one story once, whatever feeds carry it';
COMMENT ON COLUMN articles.authors IS '[{"name","title","institution","bio"}]';
COMMENT ON COLUMN articles.image IS '{"url","width","height","alt","caption","credit"} or null';
COMMENT ON COLUMN articles.body_html IS 'sanitised at the door';
CREATE INDEX articles_published ON articles (published_at DESC, id);
CREATE INDEX articles_feed ON articles (feed_id, published_at DESC);

CREATE TABLE feed_items (
    feed_id    bigint NOT NULL REFERENCES feeds,
    guid       text NOT NULL,
    article_id bigint NOT NULL REFERENCES articles,
    position   int NOT NULL,
    section    text NOT NULL DEFAULT '',
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (feed_id, guid)
);
COMMENT ON TABLE feed_items IS 'which feeds carry a story and under which identifiers; a story in two feeds, or under a changed guid, is one article';
COMMENT ON COLUMN feed_items.position IS 'its place in the feed when last seen there, 0 first';
CREATE INDEX feed_items_article ON feed_items (article_id);
