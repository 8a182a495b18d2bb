-- +goose Up

-- Editors look people up by the beginning of a name; by that of an address there is the unique index of canonical.
CREATE INDEX subscribers_name ON subscribers (lower(name) COLLATE "C", id) WHERE name <> '';

-- Of a suppressed address too, whether or not it is a reader's.
CREATE INDEX suppressions_address ON suppressions (lower(address) COLLATE "C", id) WHERE address IS NOT NULL;
