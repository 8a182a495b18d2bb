-- +goose Up

-- A person is unique by the canonical address, and the hash follows from that; nobody is looked up by it here (suppressions are).
-- Random hashes are the dearest index that an import of a million people has to fill.
ALTER TABLE subscribers DROP CONSTRAINT subscribers_address_hash_key;
COMMENT ON COLUMN subscribers.address_hash IS 'follows from canonical and is as unique; no index: look people up by canonical';

-- Byte order: no language's rules are asked for each comparison.
ALTER TABLE subscribers ALTER COLUMN canonical TYPE text COLLATE "C";

-- A foreign key asks for each row anew whether its list is there; an import has a million rows of one list. These
-- triggers say the same, once for each statement.
ALTER TABLE subscriptions DROP CONSTRAINT subscriptions_list_id_fkey;
-- +goose StatementBegin
CREATE FUNCTION list_is_there() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    missing bigint;
BEGIN
    SELECT f.list_id INTO missing FROM (SELECT DISTINCT list_id FROM fresh) f
    WHERE NOT EXISTS (SELECT 1 FROM lists l WHERE l.id = f.list_id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no list %', missing USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION new_list_is_there() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM lists l WHERE l.id = NEW.list_id) THEN
        RAISE EXCEPTION 'there is no list %', NEW.list_id USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION list_has_nobody() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM subscriptions sn WHERE sn.list_id = OLD.id) THEN
        RAISE EXCEPTION 'list % has subscriptions', OLD.id USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN OLD;
END $$;
-- +goose StatementEnd
CREATE TRIGGER subscriptions_list_is_there AFTER INSERT ON subscriptions
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION list_is_there();
CREATE TRIGGER subscriptions_new_list_is_there BEFORE UPDATE OF list_id ON subscriptions
    FOR EACH ROW EXECUTE FUNCTION new_list_is_there();
CREATE TRIGGER lists_with_subscriptions_stay BEFORE DELETE ON lists
    FOR EACH ROW EXECUTE FUNCTION list_has_nobody();

ALTER TABLE imports
    ADD COLUMN options jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN done    int[] NOT NULL DEFAULT '{0,0}',
    ADD COLUMN digests bytea[] NOT NULL DEFAULT '{NULL,NULL}';
-- Those that the program before this broke off cannot be resumed: what they were told was not kept.
UPDATE imports SET done = '{}', digests = '{}' WHERE finished_at IS NULL;
COMMENT ON COLUMN imports.options IS 'what the import was told, so that it can be resumed with the file alone';
COMMENT ON COLUMN imports.done IS 'the last batch that each lane has merged; committed with it';
COMMENT ON COLUMN imports.digests IS 'hash of all that was read up to that batch, for each lane: a resume needs the same file';
COMMENT ON COLUMN imports.finished_at IS 'null: under way, or broken off and to be resumed';
