-- +goose Up

ALTER TABLE campaigns ADD COLUMN approved_readers bigint;
COMMENT ON COLUMN campaigns.approved_readers IS 'how many readers a person confirmed by typing the number, where the audience was far from usual';

CREATE TABLE review_settings (
    list_id          bigint PRIMARY KEY REFERENCES lists,
    four_eyes        boolean NOT NULL DEFAULT false,
    grief_tags       text[] NOT NULL,
    reminder_minutes integer NOT NULL CHECK (reminder_minutes BETWEEN 0 AND 1440),
    updated_at       timestamptz NOT NULL,
    updated_by       text NOT NULL
);
COMMENT ON COLUMN review_settings.four_eyes IS 'who has changed a campaign since its last approval cannot approve it alone';
COMMENT ON COLUMN review_settings.grief_tags IS 'tags and sections of stories beside which no appeal should stand, in lower case';
COMMENT ON COLUMN review_settings.reminder_minutes IS 'before the deadline of an approval; 0: no reminder';

-- Who had a hand in a campaign since its last approval by a person. A trigger notes it, so that no door is forgotten.
CREATE TABLE campaign_hands (
    campaign_id bigint NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    who         text NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (campaign_id, who)
);

-- +goose StatementBegin
CREATE FUNCTION note_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.edited_by <> '' THEN
        INSERT INTO campaign_hands (campaign_id, who, at) VALUES (NEW.id, NEW.edited_by, coalesce(NEW.edited_at, now()))
        ON CONFLICT (campaign_id, who) DO UPDATE SET at = EXCLUDED.at;
    ELSIF TG_OP = 'INSERT' AND NEW.created_by NOT IN ('', 'schedule') THEN
        INSERT INTO campaign_hands (campaign_id, who, at) VALUES (NEW.id, NEW.created_by, NEW.created_at);
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER campaigns_hands_made AFTER INSERT ON campaigns FOR EACH ROW EXECUTE FUNCTION note_hand();
CREATE TRIGGER campaigns_hands_edited AFTER UPDATE OF edited_at, edited_by ON campaigns FOR EACH ROW EXECUTE FUNCTION note_hand();

INSERT INTO campaign_hands (campaign_id, who, at)
    SELECT id, edited_by, coalesce(edited_at, updated_at) FROM campaigns WHERE edited_by <> '' AND state IN ('draft', 'in_review', 'held');

CREATE TABLE campaign_signatures (
    campaign_id   bigint NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    who           text NOT NULL,
    content_hash  bytea NOT NULL,
    audience_hash bytea,
    at            timestamptz NOT NULL,
    PRIMARY KEY (campaign_id, who)
);
COMMENT ON TABLE campaign_signatures IS 'with four eyes: who agreed to this very content and audience, and could not approve it alone';

CREATE TABLE proof_groups (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list_id    bigint REFERENCES lists,
    name       text NOT NULL CHECK (name <> ''),
    addresses  text[] NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (list_id, name)
);
COMMENT ON COLUMN proof_groups.list_id IS 'null: for campaigns of every list';

CREATE TABLE proofs (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id   bigint NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    address       text NOT NULL,
    content_hash  bytea NOT NULL,
    audience_hash bytea,
    may_approve   boolean NOT NULL,
    sent_by       text NOT NULL,
    sent_at       timestamptz NOT NULL
);
COMMENT ON TABLE proofs IS 'test copies that were mailed, to staff. What a signed link in one of them may do is bound to its row';
COMMENT ON COLUMN proofs.may_approve IS 'a link to approve or hold stood in it';
CREATE INDEX proofs_campaign ON proofs (campaign_id, id);
CREATE INDEX proofs_sent ON proofs (sent_at);

CREATE TABLE link_checks (
    url_hash   bytea PRIMARY KEY,
    url        text NOT NULL,
    state      text NOT NULL CHECK (state IN ('fine', 'dead', 'moved', 'front', 'trouble', 'private')),
    said       text NOT NULL DEFAULT '',
    leads_to   text NOT NULL DEFAULT '',
    checked_at timestamptz NOT NULL
);
COMMENT ON COLUMN link_checks.state IS 'moved: leads on to another address for good; front: leads to the front page of its site, as links to removed pages do; trouble: no answer, which may pass; private: not on the public internet';
CREATE INDEX link_checks_age ON link_checks (checked_at);

CREATE TABLE review_reminders (
    campaign_id bigint NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    due_at      timestamptz NOT NULL,
    sent_at     timestamptz NOT NULL,
    PRIMARY KEY (campaign_id, due_at)
);
COMMENT ON TABLE review_reminders IS 'who may approve is reminded once of each deadline';
