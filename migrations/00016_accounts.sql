-- +goose Up

CREATE TABLE accounts (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email         text NOT NULL CHECK (length(email) <= 254),
    canonical     text NOT NULL UNIQUE,
    name          text NOT NULL DEFAULT '',
    time_zone     text NOT NULL DEFAULT '',
    password      text NOT NULL DEFAULT '',
    totp          bytea,
    totp_new      bytea,
    totp_step     bigint NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_login_at timestamptz,
    disabled_at   timestamptz
);
COMMENT ON TABLE accounts IS 'people who log in; the audit log names them by their address';
COMMENT ON COLUMN accounts.password IS 'argon2id in the PHC string format; empty: none chosen yet';
COMMENT ON COLUMN accounts.totp IS 'secret of the second factor, encrypted under MAILER_SECRET; totp_new: not confirmed yet';
COMMENT ON COLUMN accounts.totp_step IS 'the last time step a code was taken for: no code is taken twice';

CREATE TABLE account_grants (
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    list_id    bigint REFERENCES lists,
    role       text NOT NULL CHECK (role IN ('viewer', 'writer', 'editor', 'owner')),
    CHECK (role <> 'owner' OR list_id IS NULL)
);
CREATE UNIQUE INDEX account_grants_one ON account_grants (account_id, coalesce(list_id, 0));
CREATE INDEX account_grants_list ON account_grants (list_id);
COMMENT ON COLUMN account_grants.list_id IS 'null: all lists, those to come as well';

CREATE TABLE recovery_codes (
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    hash       bytea NOT NULL,
    used_at    timestamptz,
    PRIMARY KEY (account_id, hash)
);
COMMENT ON TABLE recovery_codes IS 'each stands in for the second factor once';

CREATE TABLE sessions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE,
    account_id bigint REFERENCES accounts ON DELETE CASCADE,
    data       text NOT NULL,
    renew      boolean NOT NULL DEFAULT false,
    network    text NOT NULL DEFAULT '',
    browser    text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expires ON sessions (expires_at);
COMMENT ON COLUMN sessions.account_id IS 'who is logged in, or is about to and has given the password';
COMMENT ON COLUMN sessions.renew IS 'what the person may do has changed: the next request gets another token';

CREATE TABLE entry_links (
    token_hash bytea PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('owner', 'invite', 'reset', 'demo')),
    account_id bigint REFERENCES accounts ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CHECK ((purpose = 'owner') = (account_id IS NULL))
);
CREATE INDEX entry_links_account ON entry_links (account_id);
COMMENT ON TABLE entry_links IS 'links that let somebody in once, by a hash of what stands in them';

CREATE TABLE login_tries (
    key   bytea PRIMARY KEY,
    n     int NOT NULL,
    until timestamptz NOT NULL
);
CREATE INDEX login_tries_until ON login_tries (until);
COMMENT ON TABLE login_tries IS 'passwords and codes that were tried; kept through a crash, unlike limit_counts; key: an HMAC of who and from where';

CREATE TABLE api_tokens (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name         text NOT NULL,
    scope        text NOT NULL CHECK (scope IN ('reports', 'exports')),
    hash         bytea NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX api_tokens_account ON api_tokens (account_id);

-- The log by its newest entries, of one person, about one thing, or of one kind.
CREATE INDEX audit_log_actor ON audit_log (actor, id DESC);
CREATE INDEX audit_log_kind ON audit_log (split_part(action, '.', 1), id DESC);
DROP INDEX audit_log_subject;
CREATE INDEX audit_log_subject ON audit_log (subject, id DESC);

-- The program may run as a role that changes rows and nothing else (mailer migrate --grant). What it needs beyond that are partitions;
-- these functions make and drop them with the rights of who owns the tables.

-- +goose StatementBegin
CREATE FUNCTION add_queue_partitions(n bigint, per bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    part   text;
BEGIN
    IF n < 0 OR per < 1 OR n > 1::bigint << 40 THEN
        RAISE EXCEPTION 'no such partition' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOREACH parent IN ARRAY ARRAY['deliveries', 'outcomes'] LOOP
        part := parent || '_from_' || n * per;
        CONTINUE WHEN to_regclass('public.' || part) IS NOT NULL;
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', part, parent);
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%s) TO (%s)', parent, part, n * per, (n + 1) * per);
    END LOOP;
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION add_queue_partitions IS 'makes the partitions of deliveries and outcomes that hold the campaigns from n * per on, unless they are there';
REVOKE EXECUTE ON FUNCTION add_queue_partitions FROM PUBLIC;

-- +goose StatementBegin
CREATE FUNCTION drop_queue_partitions(n bigint, per bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    parent text;
    part   text;
BEGIN
    IF EXISTS (SELECT FROM sends WHERE campaign_id / per = n AND finished_at IS NULL) THEN
        RAISE EXCEPTION 'a send is under way in this partition' USING ERRCODE = 'object_in_use';
    END IF;
    FOREACH parent IN ARRAY ARRAY['outcomes', 'deliveries'] LOOP
        part := parent || '_from_' || n * per;
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass('public.' || part) AND inhparent = to_regclass('public.' || parent));
        EXECUTE format('ALTER TABLE public.%I DETACH PARTITION public.%I', parent, part);
        EXECUTE format('DROP TABLE public.%I', part);
    END LOOP;
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION drop_queue_partitions IS
    'drops them when their sends are over; it holds up running sends while it waits for its locks, so it gives up after a second and is tried again later';
REVOKE EXECUTE ON FUNCTION drop_queue_partitions FROM PUBLIC;

-- +goose StatementBegin
CREATE FUNCTION grant_service(who name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', who);
    EXECUTE format('REVOKE CREATE ON SCHEMA public FROM %I, PUBLIC', who);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %I', who);
    EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO %I', who);
    EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO %I', who);
    EXECUTE format('REVOKE ALL ON FUNCTION grant_service(name) FROM %I, PUBLIC', who);
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM %I', who);
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON goose_db_version FROM %I', who);
END $$;
-- +goose StatementEnd
COMMENT ON FUNCTION grant_service IS 'gives a role what the program needs to run: rows of every table, no DDL, no change of the audit log or of the schema version';
