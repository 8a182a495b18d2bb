-- +goose Up

-- Of limits nothing is worth keeping through a crash, and writing them must cost little in a flood: no write-ahead log.
CREATE UNLOGGED TABLE limit_counts (
    key   bytea PRIMARY KEY,
    n     int NOT NULL,
    until timestamptz NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE limit_counts IS 'how often something was done within a time that began with the first; key: an HMAC of what is counted';
CREATE INDEX limit_counts_until ON limit_counts (until);

-- +goose StatementBegin
CREATE FUNCTION take_limits(wanted bytea[], most int[], per bigint[]) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    -- What is full is seen without waiting for anybody: in a flood that is nearly every call.
    IF EXISTS (SELECT FROM unnest(wanted, most) w(k, m) JOIN limit_counts l ON l.key = w.k
               WHERE l.until > clock_timestamp() AND l.n >= w.m) THEN
        RETURN false;
    END IF;
    INSERT INTO limit_counts (key, n, until) SELECT k, 0, clock_timestamp() FROM unnest(wanted) w(k) ORDER BY k
        ON CONFLICT DO NOTHING;
    PERFORM FROM limit_counts WHERE key = ANY (wanted) ORDER BY key FOR UPDATE;
    IF EXISTS (SELECT FROM unnest(wanted, most) w(k, m) JOIN limit_counts l ON l.key = w.k
               WHERE l.until > clock_timestamp() AND l.n >= w.m) THEN
        RETURN false;
    END IF;
    INSERT INTO limit_counts AS l (key, n, until)
        SELECT k, 1, clock_timestamp() + p * interval '1 millisecond' FROM unnest(wanted, per) w(k, p) ORDER BY k
        ON CONFLICT (key) DO UPDATE SET
            n = CASE WHEN l.until > clock_timestamp() THEN l.n + 1 ELSE 1 END,
            until = CASE WHEN l.until > clock_timestamp() THEN l.until ELSE excluded.until END;
    RETURN true;
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION take_limits IS 'counts one against every key, or against none when one is full; per is in milliseconds';

CREATE TABLE confirm_asks (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscriber_id bigint NOT NULL REFERENCES subscribers ON DELETE CASCADE,
    lists         bigint[] NOT NULL CHECK (lists <> '{}'),
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX confirm_asks_subscriber ON confirm_asks (subscriber_id);
COMMENT ON TABLE confirm_asks IS 'the lists that one confirm mail named: what its link may confirm';

CREATE TABLE forms (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list_id        bigint UNIQUE REFERENCES lists,
    publication_id bigint UNIQUE REFERENCES publications,
    wording        text NOT NULL DEFAULT '',
    sites          text[] NOT NULL DEFAULT '{}',
    created_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(list_id, publication_id) = 1)
);
COMMENT ON TABLE forms IS 'the sign-up form of a list, or of all open lists of a publication';
COMMENT ON COLUMN forms.wording IS 'what people agree to, in words of the publication''s own; empty: the fixed sentence of the language';
COMMENT ON COLUMN forms.sites IS 'origins of other sites whose pages may hold the form, such as https://www.example.org';

CREATE TABLE form_versions (
    form_id    bigint NOT NULL REFERENCES forms,
    version    int NOT NULL,
    wording    text NOT NULL,
    hash       bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (form_id, version),
    UNIQUE (form_id, hash)
);
COMMENT ON TABLE form_versions IS 'every wording that a form has shown to somebody who signed up, whole and in its language; a change is a new version';

CREATE TABLE signups (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list_id        bigint REFERENCES lists,
    publication_id bigint REFERENCES publications,
    lists          bigint[] NOT NULL CHECK (lists <> '{}'),
    address        text NOT NULL,
    canonical      text NOT NULL,
    language       text NOT NULL DEFAULT '',
    wording        text NOT NULL,
    source_url     text NOT NULL DEFAULT '',
    network        text NOT NULL DEFAULT '',
    attempts       int NOT NULL DEFAULT 0,
    due            timestamptz NOT NULL DEFAULT now(),
    created_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(list_id, publication_id) = 1)
);
CREATE INDEX signups_due ON signups (due);
CREATE INDEX signups_canonical ON signups (canonical);
COMMENT ON TABLE signups IS
    'what was sent off with a form and waits for the worker, mostly for milliseconds; what becomes of it depends on the address, and must not show in the answer';
