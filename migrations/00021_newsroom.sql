-- +goose Up

CREATE TABLE images (
    hash       text PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{32}$'),
    kind       text NOT NULL CHECK (kind IN ('png', 'jpeg', 'gif')),
    width      int NOT NULL CHECK (width > 0),
    height     int NOT NULL CHECK (height > 0),
    size       int NOT NULL,
    data       bytea NOT NULL,
    name       text NOT NULL DEFAULT '',
    alt        text NOT NULL DEFAULT '',
    credit     text NOT NULL DEFAULT '',
    who        text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz
);
ALTER TABLE images ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE images IS 'pictures that editors uploaded, written anew from their pixels; public at an address made of the hash';
COMMENT ON COLUMN images.hash IS 'first 128 bits of the SHA-256 of data, as it was before a removal';
COMMENT ON COLUMN images.removed_at IS 'taken off the web; data is empty then';
CREATE INDEX images_recent ON images (created_at DESC, hash DESC) WHERE removed_at IS NULL;

ALTER TABLE lists
    ADD COLUMN type_face text NOT NULL DEFAULT '' CHECK (type_face IN ('', 'book', 'clean', 'clear'));
COMMENT ON COLUMN lists.type_face IS 'the fonts of its mails; empty: Georgia for what is read, Helvetica for labels';

CREATE INDEX appeal_clicks_variant ON appeal_clicks (variant_id);
