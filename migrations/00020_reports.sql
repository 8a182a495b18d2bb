-- +goose Up

CREATE TABLE list_changes (
    list_id      bigint NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    pending      integer NOT NULL DEFAULT 0,
    confirmed    integer NOT NULL DEFAULT 0,
    unsubscribed integer NOT NULL DEFAULT 0,
    signups      integer NOT NULL DEFAULT 0,
    joins        integer NOT NULL DEFAULT 0,
    leaves       integer NOT NULL DEFAULT 0,
    erased       integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE list_changes IS
    'by how much the numbers of a list have changed, a row for each statement that changed subscriptions: added only, so that nobody waits for anybody. '
    'A chore moves them to list_counts and list_days; both together are exact at every moment';

CREATE TABLE list_counts (
    list_id      bigint PRIMARY KEY REFERENCES lists ON DELETE CASCADE,
    pending      bigint NOT NULL DEFAULT 0,
    confirmed    bigint NOT NULL DEFAULT 0,
    unsubscribed bigint NOT NULL DEFAULT 0,
    suppressed   bigint NOT NULL DEFAULT 0,
    supporters   bigint NOT NULL DEFAULT 0,
    reasons      jsonb NOT NULL DEFAULT '{}',
    looked_at    timestamptz
);
COMMENT ON TABLE list_counts IS 'how many subscriptions of a list stand where, less what still waits in list_changes';
COMMENT ON COLUMN list_counts.suppressed IS 'of the confirmed, those whose address is suppressed, as of looked_at; so are supporters (of the others) and reasons ({"complaint": 3})';

CREATE TABLE list_days (
    list_id bigint NOT NULL REFERENCES lists ON DELETE CASCADE,
    day     date NOT NULL,
    signups bigint NOT NULL DEFAULT 0,
    joins   bigint NOT NULL DEFAULT 0,
    leaves  bigint NOT NULL DEFAULT 0,
    erased  bigint NOT NULL DEFAULT 0,
    change  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (list_id, day)
);
COMMENT ON TABLE list_days IS 'what happened to a list on a day of its own time zone. Days before this table was made are those of UTC, and know only how those who were there then had come and gone last';
COMMENT ON COLUMN list_days.signups IS 'asked to join and were to confirm it';
COMMENT ON COLUMN list_days.joins IS 'became confirmed, however: by the link, by an import, by hand, by taking back a leave';
COMMENT ON COLUMN list_days.leaves IS 'were confirmed and are so no more; who asked to be forgotten is counted as erased instead';
COMMENT ON COLUMN list_days.change IS 'of the confirmed, all in all: the total of an earlier day is that of now less the changes since';

-- +goose StatementBegin
CREATE FUNCTION note_new_subscriptions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO list_changes (list_id, pending, confirmed, unsubscribed, signups, joins)
    SELECT list_id, count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'confirmed'), count(*) FILTER (WHERE state = 'unsubscribed'),
           count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'confirmed')
    FROM fresh GROUP BY list_id;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION note_gone_subscriptions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO list_changes (list_id, pending, confirmed, unsubscribed, erased)
    SELECT list_id, -count(*) FILTER (WHERE state = 'pending'), -count(*) FILTER (WHERE state = 'confirmed'), -count(*) FILTER (WHERE state = 'unsubscribed'),
           count(*) FILTER (WHERE state = 'confirmed')
    FROM gone GROUP BY list_id;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION note_changed_subscription() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.list_id <> NEW.list_id THEN
        INSERT INTO list_changes (list_id, pending, confirmed, unsubscribed) VALUES
            (OLD.list_id, -(OLD.state = 'pending')::int, -(OLD.state = 'confirmed')::int, -(OLD.state = 'unsubscribed')::int),
            (NEW.list_id, (NEW.state = 'pending')::int, (NEW.state = 'confirmed')::int, (NEW.state = 'unsubscribed')::int);
        RETURN NULL;
    END IF;
    INSERT INTO list_changes (list_id, pending, confirmed, unsubscribed, signups, joins, leaves) VALUES (NEW.list_id,
        (NEW.state = 'pending')::int - (OLD.state = 'pending')::int, (NEW.state = 'confirmed')::int - (OLD.state = 'confirmed')::int,
        (NEW.state = 'unsubscribed')::int - (OLD.state = 'unsubscribed')::int,
        (NEW.state = 'pending')::int, (NEW.state = 'confirmed')::int, (OLD.state = 'confirmed')::int);
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- From here on nobody else changes subscriptions until this is done, so that what is counted below misses nothing. A trigger for each
-- changed row and not for the statement: it needs no join of what was with what is, whose plan would be made for other sizes.
CREATE TRIGGER subscriptions_new_are_noted AFTER INSERT ON subscriptions REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION note_new_subscriptions();
CREATE TRIGGER subscriptions_gone_are_noted AFTER DELETE ON subscriptions REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION note_gone_subscriptions();
CREATE TRIGGER subscriptions_changes_are_noted AFTER UPDATE ON subscriptions
    FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.list_id <> NEW.list_id) EXECUTE FUNCTION note_changed_subscription();

INSERT INTO list_counts (list_id, pending, confirmed, unsubscribed)
SELECT list_id, count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'confirmed'), count(*) FILTER (WHERE state = 'unsubscribed')
FROM subscriptions GROUP BY list_id;

INSERT INTO list_days (list_id, day, signups, joins, leaves, change)
SELECT list_id, (at AT TIME ZONE 'UTC')::date, count(*) FILTER (WHERE what = 'signup'), count(*) FILTER (WHERE what = 'join'), count(*) FILTER (WHERE what = 'leave'),
       count(*) FILTER (WHERE what = 'join') - count(*) FILTER (WHERE what = 'leave')
FROM (SELECT list_id, 'signup' AS what, created_at AS at FROM subscriptions WHERE state = 'pending'
      UNION ALL SELECT list_id, 'join', confirmed_at FROM subscriptions WHERE confirmed_at IS NOT NULL AND state <> 'pending'
      UNION ALL SELECT list_id, 'leave', unsubscribed_at FROM subscriptions WHERE confirmed_at IS NOT NULL AND state = 'unsubscribed') x
GROUP BY list_id, 2;

ALTER TABLE chunks ADD COLUMN answers jsonb;
COMMENT ON COLUMN chunks.answers IS
    'what its attempts were answered, for reports: {"first", "last", "minutes": [[minute since 1970, accepted, deferred, failed]], "refused": [[class, how many, the seq of one]]}. '
    'Null until a chore has looked at the closed chunk, and again when one of its retries ends';
CREATE INDEX chunks_untold ON chunks (id) WHERE closed_at IS NOT NULL AND answers IS NULL;
-- Lists of campaigns add up the tallies of each: from the index alone, since a chunk's row is wide and a large send has thousands.
CREATE INDEX chunks_closed ON chunks (campaign_id) INCLUDE (accepted, failed, suppressed, expired, unknown) WHERE closed_at IS NOT NULL;

CREATE TABLE corrections (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    article_id bigint NOT NULL REFERENCES articles,
    note       text NOT NULL CHECK (note <> ''),
    made_by    text NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now(),
    taken_back timestamptz
);
COMMENT ON TABLE corrections IS 'what was wrong in a story and what is right; a story may have several. The story itself is corrected apart';
COMMENT ON COLUMN corrections.note IS 'plain text, as readers see it';
COMMENT ON COLUMN corrections.taken_back IS 'when the note was withdrawn: it is shown nowhere any more, and nothing more goes out of it';
CREATE INDEX corrections_article ON corrections (article_id);

CREATE VIEW corrected AS SELECT id, article_id, note, made_at FROM corrections WHERE taken_back IS NULL;
COMMENT ON VIEW corrected IS 'declared by articles: what stands of corrections';

CREATE OR REPLACE VIEW sent_to AS
    SELECT d.campaign_id, d.subscriber_id, d.groups
    FROM deliveries d
    WHERE EXISTS (SELECT FROM outcomes o
                  WHERE o.campaign_id = d.campaign_id AND o.seq = d.seq AND o.kind IN ('accepted', 'doubt', 'unknown'));

CREATE VIEW carried_stories AS
    SELECT s.campaign_id, s.article_id, s.groups FROM campaign_stories s JOIN campaigns c ON c.id = s.campaign_id WHERE c.state = 'launched';
COMMENT ON VIEW carried_stories IS 'declared by campaigns for segments: which launched campaigns carry a story, and which groups a delivery must have for it to be in';

ALTER TABLE campaigns ADD COLUMN own_rule jsonb;
COMMENT ON COLUMN campaigns.own_rule IS 'a rule over readers that narrows it besides its segments, such as that of a correction; null: none';

CREATE TABLE correction_mails (
    correction_id bigint NOT NULL REFERENCES corrections,
    list_id       bigint NOT NULL REFERENCES lists,
    campaign_id   bigint NOT NULL UNIQUE REFERENCES campaigns ON DELETE CASCADE,
    PRIMARY KEY (correction_id, list_id)
);
COMMENT ON TABLE correction_mails IS 'campaigns that take a correction to those of a list who were sent the story: one for each list, ever';
