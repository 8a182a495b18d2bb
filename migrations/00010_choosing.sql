-- +goose Up

ALTER TABLE consent_log ADD COLUMN was jsonb;
COMMENT ON COLUMN consent_log.was IS 'of a change of choices: what stood there before, for an undo';

CREATE TABLE address_changes (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscriber_id    bigint NOT NULL REFERENCES subscribers ON DELETE CASCADE,
    list_id          bigint NOT NULL REFERENCES lists,
    old_canonical    text NOT NULL,
    address          text NOT NULL,
    canonical        text NOT NULL,
    wire             text NOT NULL,
    provider         text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    old_confirmed_at timestamptz,
    new_confirmed_at timestamptz,
    done_at          timestamptz
);
CREATE INDEX address_changes_subscriber ON address_changes (subscriber_id);
COMMENT ON TABLE address_changes IS 'wishes of readers to get their mail at another address: done when both addresses have confirmed; forgotten after some days';
COMMENT ON COLUMN address_changes.list_id IS 'in whose name the reader is written to about it';
COMMENT ON COLUMN address_changes.old_canonical IS 'the address when the wish was made: another change since makes it void';

CREATE TABLE merged_subscribers (
    id        bigint PRIMARY KEY,
    into_id   bigint NOT NULL REFERENCES subscribers ON DELETE CASCADE,
    merged_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX merged_subscribers_into ON merged_subscribers (into_id);
COMMENT ON TABLE merged_subscribers IS 'readers who became another one, by a change to an address that had been theirs too: the links in their old mails act for that one';
