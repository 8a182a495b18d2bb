-- What the migrations build, for people to read. Written by "make schema"; a test keeps it true.
SET check_function_bodies = false;

CREATE FUNCTION public.add_queue_partitions(n bigint, per bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION public.add_queue_partitions(n bigint, per bigint) IS 'makes the partitions of deliveries and outcomes that hold the campaigns from n * per on, unless they are there';

CREATE FUNCTION public.decided(campaign bigint, from_seq bigint, to_seq bigint) RETURNS TABLE(seq bigint, attempt integer, kind text, class text, code integer, enhanced text, reply text, at timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
    SELECT DISTINCT ON (o.seq) o.seq, o.attempt, o.kind, o.class, o.code, o.enhanced, o.reply, o.at
    FROM outcomes o
    WHERE o.campaign_id = campaign AND o.seq BETWEEN from_seq AND to_seq AND o.kind NOT IN ('deferred', 'doubt')
    ORDER BY o.seq, o.kind = 'accepted' DESC, o.kind = 'unknown', o.at, o.attempt
$$;

COMMENT ON FUNCTION public.decided(campaign bigint, from_seq bigint, to_seq bigint) IS 'the outcome that decides each delivery of a range: the first terminal one, but an acceptance before any other (the reader has the mail) and anything known before unknown. More acceptances are copies. A function and not a view, so that the range reaches the index';

CREATE FUNCTION public.drop_queue_partitions(n bigint, per bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET lock_timeout TO '1s'
    AS $$
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

COMMENT ON FUNCTION public.drop_queue_partitions(n bigint, per bigint) IS 'drops them when their sends are over; it holds up running sends while it waits for its locks, so it gives up after a second and is tried again later';

CREATE FUNCTION public.grant_service(who name) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

COMMENT ON FUNCTION public.grant_service(who name) IS 'gives a role what the program needs to run: rows of every table, no DDL, no change of the audit log or of the schema version';

CREATE FUNCTION public.list_has_nobody() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM subscriptions sn WHERE sn.list_id = OLD.id) THEN
        RAISE EXCEPTION 'list % has subscriptions', OLD.id USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN OLD;
END $$;

CREATE FUNCTION public.list_is_there() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.new_list_is_there() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM lists l WHERE l.id = NEW.list_id) THEN
        RAISE EXCEPTION 'there is no list %', NEW.list_id USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.note_changed_subscription() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.note_gone_subscriptions() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO list_changes (list_id, pending, confirmed, unsubscribed, erased)
    SELECT list_id, -count(*) FILTER (WHERE state = 'pending'), -count(*) FILTER (WHERE state = 'confirmed'), -count(*) FILTER (WHERE state = 'unsubscribed'),
           count(*) FILTER (WHERE state = 'confirmed')
    FROM gone GROUP BY list_id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.note_hand() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.edited_by <> '' THEN
        INSERT INTO campaign_hands (campaign_id, who, at) VALUES (NEW.id, NEW.edited_by, coalesce(NEW.edited_at, now()))
        ON CONFLICT (campaign_id, who) DO UPDATE SET at = EXCLUDED.at;
    ELSIF TG_OP = 'INSERT' AND NEW.created_by NOT IN ('', 'schedule') THEN
        INSERT INTO campaign_hands (campaign_id, who, at) VALUES (NEW.id, NEW.created_by, NEW.created_at);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.note_new_subscriptions() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO list_changes (list_id, pending, confirmed, unsubscribed, signups, joins)
    SELECT list_id, count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'confirmed'), count(*) FILTER (WHERE state = 'unsubscribed'),
           count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'confirmed')
    FROM fresh GROUP BY list_id;
    RETURN NULL;
END $$;

CREATE FUNCTION public.only_less_network() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF to_jsonb(NEW) - 'network' = to_jsonb(OLD) - 'network' THEN
        IF NEW.network = '' THEN
            RETURN NEW;
        ELSIF OLD.network::inet <<= NEW.network::inet THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'consent_log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION public.take_limits(wanted bytea[], most integer[], per bigint[]) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
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

COMMENT ON FUNCTION public.take_limits(wanted bytea[], most integer[], per bigint[]) IS 'counts one against every key, or against none when one is full; per is in milliseconds';

CREATE TABLE public.account_grants (
    account_id bigint NOT NULL,
    list_id bigint,
    role text NOT NULL,
    CONSTRAINT account_grants_check CHECK (((role <> 'owner'::text) OR (list_id IS NULL))),
    CONSTRAINT account_grants_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'writer'::text, 'editor'::text, 'owner'::text])))
);

COMMENT ON COLUMN public.account_grants.list_id IS 'null: all lists, those to come as well';

CREATE TABLE public.accounts (
    id bigint NOT NULL,
    email text NOT NULL,
    canonical text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    time_zone text DEFAULT ''::text NOT NULL,
    password text DEFAULT ''::text NOT NULL,
    totp bytea,
    totp_new bytea,
    totp_step bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_login_at timestamp with time zone,
    disabled_at timestamp with time zone,
    CONSTRAINT accounts_email_check CHECK ((length(email) <= 254))
);

COMMENT ON TABLE public.accounts IS 'people who log in; the audit log names them by their address';

COMMENT ON COLUMN public.accounts.password IS 'argon2id in the PHC string format; empty: none chosen yet';

COMMENT ON COLUMN public.accounts.totp IS 'secret of the second factor, encrypted under MAILER_SECRET; totp_new: not confirmed yet';

COMMENT ON COLUMN public.accounts.totp_step IS 'the last time step a code was taken for: no code is taken twice';

ALTER TABLE public.accounts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.accounts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.address_changes (
    id bigint NOT NULL,
    subscriber_id bigint NOT NULL,
    list_id bigint NOT NULL,
    old_canonical text NOT NULL,
    address text NOT NULL,
    canonical text NOT NULL,
    wire text NOT NULL,
    provider text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    old_confirmed_at timestamp with time zone,
    new_confirmed_at timestamp with time zone,
    done_at timestamp with time zone
);

COMMENT ON TABLE public.address_changes IS 'wishes of readers to get their mail at another address: done when both addresses have confirmed; forgotten after some days';

COMMENT ON COLUMN public.address_changes.list_id IS 'in whose name the reader is written to about it';

COMMENT ON COLUMN public.address_changes.old_canonical IS 'the address when the wish was made: another change since makes it void';

ALTER TABLE public.address_changes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.address_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.address_key (
    only_row boolean DEFAULT true NOT NULL,
    fingerprint bytea NOT NULL,
    CONSTRAINT address_key_only_row_check CHECK (only_row)
);

COMMENT ON TABLE public.address_key IS 'which key the address hashes below were made with: a start with another secret would void every suppression, so it is refused';

CREATE TABLE public.alert_settings (
    list_id bigint NOT NULL,
    topic text NOT NULL,
    template text NOT NULL,
    daily_cap integer NOT NULL,
    cool_down integer NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    updated_by text NOT NULL,
    CONSTRAINT alert_settings_cool_down_check CHECK (((cool_down >= 0) AND (cool_down <= 1440))),
    CONSTRAINT alert_settings_daily_cap_check CHECK (((daily_cap >= 0) AND (daily_cap <= 24))),
    CONSTRAINT alert_settings_template_check CHECK ((template = ANY (ARRAY['story'::text, 'digest'::text])))
);

COMMENT ON COLUMN public.alert_settings.topic IS 'of the list; who has switched it off gets no alert. Empty: everybody gets it';

COMMENT ON COLUMN public.alert_settings.template IS 'story: the whole text; digest: headline, dek and a link';

COMMENT ON COLUMN public.alert_settings.daily_cap IS 'alerts on one day in the time zone of the list, at most';

COMMENT ON COLUMN public.alert_settings.cool_down IS 'minutes between two alerts, at least';

CREATE TABLE public.alerts (
    campaign_id bigint NOT NULL,
    list_id bigint NOT NULL,
    sent_at timestamp with time zone
);

COMMENT ON TABLE public.alerts IS 'campaigns that are breaking alerts';

COMMENT ON COLUMN public.alerts.sent_at IS 'when it was launched, for cap and cool-down; null again when that was taken back';

CREATE TABLE public.api_tokens (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    name text NOT NULL,
    scope text NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT api_tokens_scope_check CHECK ((scope = ANY (ARRAY['reports'::text, 'exports'::text])))
);

ALTER TABLE public.api_tokens ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.api_tokens_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.appeal_clicks (
    campaign_id bigint NOT NULL,
    variant_id bigint NOT NULL,
    hour timestamp with time zone NOT NULL,
    clicks bigint NOT NULL,
    machine_clicks bigint DEFAULT 0 NOT NULL
);

COMMENT ON TABLE public.appeal_clicks IS 'how often the button was followed, by campaign; nothing about who';

COMMENT ON COLUMN public.appeal_clicks.clicks IS 'of people, as far as can be told';

COMMENT ON COLUMN public.appeal_clicks.machine_clicks IS 'of programs that open every link of a mail: they opened one that people do not see';

CREATE TABLE public.appeal_variants (
    id bigint NOT NULL,
    appeal_id bigint NOT NULL,
    heading text NOT NULL,
    body text NOT NULL,
    button text NOT NULL,
    url text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT appeal_variants_body_check CHECK ((body <> ''::text)),
    CONSTRAINT appeal_variants_button_check CHECK ((button <> ''::text)),
    CONSTRAINT appeal_variants_heading_check CHECK ((heading <> ''::text))
);

COMMENT ON TABLE public.appeal_variants IS 'wording of an appeal; a change of wording is a new row, so that a sent campaign keeps what it said';

COMMENT ON COLUMN public.appeal_variants.body IS 'Markdown';

ALTER TABLE public.appeal_variants ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.appeal_variants_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.appeals (
    id bigint NOT NULL,
    slug text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    retired_at timestamp with time zone,
    CONSTRAINT appeals_slug_check CHECK (((slug ~ '^[a-z0-9](-?[a-z0-9])*$'::text) AND (length(slug) <= 50)))
);

ALTER TABLE public.appeals ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.appeals_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.articles (
    id bigint NOT NULL,
    feed_id bigint,
    guid text NOT NULL,
    canonical_url text,
    url text DEFAULT ''::text NOT NULL,
    title text NOT NULL,
    dek text DEFAULT ''::text NOT NULL,
    authors jsonb DEFAULT '[]'::jsonb NOT NULL,
    section text DEFAULT ''::text NOT NULL,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    image jsonb,
    published_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    words integer DEFAULT 0 NOT NULL,
    language text DEFAULT ''::text NOT NULL,
    body_html text DEFAULT ''::text NOT NULL,
    content_hash bytea NOT NULL,
    gone_at timestamp with time zone,
    by_hand boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT articles_title_check CHECK ((title <> ''::text))
);

COMMENT ON COLUMN public.articles.feed_id IS 'the feed that brought it first and may change it; null when a person imported it';

COMMENT ON COLUMN public.articles.canonical_url IS 'the address without fragment and tracking parameters; one story once, whatever feeds carry it';

COMMENT ON COLUMN public.articles.authors IS '[{"name","title","institution","bio"}]';

COMMENT ON COLUMN public.articles.image IS '{"url","width","height","alt","caption","credit"} or null';

COMMENT ON COLUMN public.articles.body_html IS 'sanitised at the door';

COMMENT ON COLUMN public.articles.gone_at IS 'when its publisher was seen to have taken it back';

COMMENT ON COLUMN public.articles.by_hand IS 'imported or corrected by a person: no poll changes its content';

ALTER TABLE public.articles ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.articles_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.audit_log (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text DEFAULT ''::text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL
);

COMMENT ON TABLE public.audit_log IS 'who did what; append-only';

ALTER TABLE public.audit_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.brake_marks (
    campaign_id bigint NOT NULL,
    provider text NOT NULL,
    answered bigint NOT NULL,
    hard bigint NOT NULL,
    blocked bigint NOT NULL,
    unbuilt bigint NOT NULL
);

COMMENT ON TABLE public.brake_marks IS 'what had come of a send when it was last resumed: the brake counts from there';

CREATE TABLE public.budgets (
    key text NOT NULL,
    process uuid NOT NULL,
    want integer NOT NULL,
    held integer NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT budgets_held_check CHECK ((held >= 0))
)
WITH (fillfactor='50');

COMMENT ON TABLE public.budgets IS 'shares of processes in limits that all of them have together: connections to a relay or on a lane, messages within a rate. Written under one advisory lock; a share whose time is over is nobody''s';

CREATE TABLE public.campaign_blocks (
    campaign_id bigint NOT NULL,
    "position" integer NOT NULL,
    kind text NOT NULL,
    data jsonb NOT NULL,
    CONSTRAINT campaign_blocks_kind_check CHECK ((kind = ANY (ARRAY['text'::text, 'section'::text, 'story'::text, 'appeal'::text, 'divider'::text, 'image'::text, 'sponsor'::text])))
);

CREATE TABLE public.campaign_fixes (
    id bigint NOT NULL,
    campaign_id bigint NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    subject text NOT NULL,
    preheader text NOT NULL,
    blocks jsonb NOT NULL,
    edited_by text NOT NULL,
    edited_at timestamp with time zone NOT NULL,
    released_by text DEFAULT ''::text NOT NULL,
    released_at timestamp with time zone,
    revision integer,
    reached bigint,
    dropped_at timestamp with time zone,
    hands text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT campaign_fixes_check CHECK (((released_at IS NULL) = (revision IS NULL)))
);

COMMENT ON TABLE public.campaign_fixes IS 'copies of launched campaigns in which somebody mends something, until it is put in the place of the message or dropped';

COMMENT ON COLUMN public.campaign_fixes.revision IS 'of the message that it became';

COMMENT ON COLUMN public.campaign_fixes.reached IS 'readers in the audience who get it; who was added later does as well';

COMMENT ON COLUMN public.campaign_fixes.hands IS 'all who have written any part of it; with four eyes somebody else puts it in place';

ALTER TABLE public.campaign_fixes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.campaign_fixes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.campaign_hands (
    campaign_id bigint NOT NULL,
    who text NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE UNLOGGED TABLE public.campaign_presence (
    campaign_id bigint NOT NULL,
    account text NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    block text DEFAULT ''::text NOT NULL
);

COMMENT ON TABLE public.campaign_presence IS 'who has the desk of a campaign open; a crash of the database forgets it';

CREATE TABLE public.campaign_revisions (
    id bigint NOT NULL,
    campaign_id bigint NOT NULL,
    first_version integer NOT NULL,
    version integer NOT NULL,
    account text NOT NULL,
    begun_at timestamp with time zone NOT NULL,
    at timestamp with time zone NOT NULL,
    what text NOT NULL,
    fold text DEFAULT ''::text NOT NULL,
    restored bigint,
    touched jsonb DEFAULT '{}'::jsonb NOT NULL,
    content jsonb NOT NULL,
    looked integer,
    CONSTRAINT campaign_revisions_check CHECK ((first_version <= version))
);

COMMENT ON TABLE public.campaign_revisions IS 'what the content of a campaign has been, so that it can be looked at and restored';

COMMENT ON COLUMN public.campaign_revisions.version IS 'of the campaign, with this content; what was folded into it began with first_version';

COMMENT ON COLUMN public.campaign_revisions.account IS 'who made it so: a name as in the audit log';

COMMENT ON COLUMN public.campaign_revisions.at IS 'of the last change that was folded into it; the first was at begun_at';

COMMENT ON COLUMN public.campaign_revisions.fold IS 'what it is about: the next change of the same, soon after and by the same person, is folded into it; empty: nothing is';

COMMENT ON COLUMN public.campaign_revisions.restored IS 'of one that takes a change back: the revision whose content it has';

COMMENT ON COLUMN public.campaign_revisions.touched IS 'which parts it changed, each with the version at which it last did';

COMMENT ON COLUMN public.campaign_revisions.looked IS 'the newest version of the campaign that was found to have this content still; what raised it is not known to the history';

ALTER TABLE public.campaign_revisions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.campaign_revisions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.campaign_signatures (
    campaign_id bigint NOT NULL,
    who text NOT NULL,
    content_hash bytea NOT NULL,
    audience_hash bytea,
    at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.campaign_signatures IS 'with four eyes: who agreed to this very content and audience, and could not approve it alone';

CREATE TABLE public.campaign_stories (
    campaign_id bigint NOT NULL,
    article_id bigint NOT NULL,
    picked jsonb NOT NULL,
    groups bigint DEFAULT 0 NOT NULL
);

COMMENT ON TABLE public.campaign_stories IS 'which stories a campaign carries, so that a digest can leave out what was already mailed';

COMMENT ON COLUMN public.campaign_stories.picked IS 'the story as it was picked: what differs from it in a block is an editor''s change, what differs from it in the article is news';

COMMENT ON COLUMN public.campaign_stories.groups IS 'optional groups that a reader must have had to be sent this story, as launched; 0: everybody';

CREATE TABLE public.campaign_unsaved (
    id bigint NOT NULL,
    campaign_id bigint NOT NULL,
    account text NOT NULL,
    at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    what text NOT NULL,
    fold text NOT NULL,
    change jsonb NOT NULL
);

COMMENT ON TABLE public.campaign_unsaved IS 'changes that met with a change of somebody else: they wait for their author to put them on top, or to drop them';

COMMENT ON COLUMN public.campaign_unsaved.version IS 'of the campaign that their author had before them';

ALTER TABLE public.campaign_unsaved ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.campaign_unsaved_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.campaigns (
    id bigint NOT NULL,
    list_id bigint NOT NULL,
    digest_id bigint,
    edition text NOT NULL,
    name text NOT NULL,
    template text NOT NULL,
    state text DEFAULT 'draft'::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    subject text DEFAULT ''::text NOT NULL,
    preheader text DEFAULT ''::text NOT NULL,
    opens_at timestamp with time zone,
    cutoff_at timestamp with time zone,
    approval_due_at timestamp with time zone,
    send_at timestamp with time zone,
    expires_at timestamp with time zone,
    no_approval text DEFAULT 'hold'::text NOT NULL,
    late_by interval DEFAULT '02:00:00'::interval NOT NULL,
    late text DEFAULT 'hold'::text NOT NULL,
    doubt_policy text DEFAULT 'retry'::text NOT NULL,
    min_stories integer DEFAULT 1 NOT NULL,
    content_hash bytea DEFAULT '\x'::bytea NOT NULL,
    composed_at timestamp with time zone,
    composed_to timestamp with time zone,
    edited_by text DEFAULT ''::text NOT NULL,
    edited_at timestamp with time zone,
    approved_by text DEFAULT ''::text NOT NULL,
    approved_at timestamp with time zone,
    approved_hash bytea,
    forced boolean DEFAULT false NOT NULL,
    checked_at timestamp with time zone,
    check_until timestamp with time zone,
    launched_at timestamp with time zone,
    created_by text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    priority smallint DEFAULT 0 NOT NULL,
    undo_window integer,
    slice_percent real,
    slice_wait integer,
    frequency text DEFAULT 'all'::text NOT NULL,
    segments text[],
    exclude text[],
    approved_audience bytea,
    archive_hidden boolean DEFAULT false NOT NULL,
    approved_readers bigint,
    own_rule jsonb,
    CONSTRAINT campaigns_check CHECK (((state = 'launched'::text) = (launched_at IS NOT NULL))),
    CONSTRAINT campaigns_check1 CHECK (((state <> ALL (ARRAY['approved'::text, 'launched'::text])) OR (approved_hash IS NOT NULL))),
    CONSTRAINT campaigns_doubt_policy_check CHECK ((doubt_policy = ANY (ARRAY['retry'::text, 'hold'::text]))),
    CONSTRAINT campaigns_frequency_check CHECK ((frequency = ANY (ARRAY['all'::text, 'each'::text, 'weekly'::text]))),
    CONSTRAINT campaigns_late_check CHECK ((late = ANY (ARRAY['hold'::text, 'send'::text, 'skip'::text]))),
    CONSTRAINT campaigns_min_stories_check CHECK ((min_stories >= 1)),
    CONSTRAINT campaigns_no_approval_check CHECK ((no_approval = ANY (ARRAY['send'::text, 'hold'::text, 'skip'::text]))),
    CONSTRAINT campaigns_slice_percent_check CHECK (((slice_percent >= (0)::double precision) AND (slice_percent <= (50)::double precision))),
    CONSTRAINT campaigns_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'in_review'::text, 'approved'::text, 'launched'::text, 'skipped'::text, 'held'::text, 'cancelled'::text, 'expired'::text])))
);

COMMENT ON COLUMN public.campaigns.edition IS 'nominal local time of a scheduled edition, 2026-11-22T07:00; manual-… for one made by hand';

COMMENT ON COLUMN public.campaigns.reason IS 'why it was skipped, held, cancelled or expired';

COMMENT ON COLUMN public.campaigns.late_by IS 'a send time missed by more than this is dealt with as late says instead of sent';

COMMENT ON COLUMN public.campaigns.min_stories IS 'with fewer stories left it is not sent';

COMMENT ON COLUMN public.campaigns.content_hash IS 'over all that the reader would see; approved_hash is what was approved';

COMMENT ON COLUMN public.campaigns.composed_to IS 'stories published before this moment were looked at; the next edition begins here';

COMMENT ON COLUMN public.campaigns.edited_at IS 'a person has changed the content: it is not composed anew';

COMMENT ON COLUMN public.campaigns.approved_by IS 'a person, or schedule when the recipe sends without approval';

COMMENT ON COLUMN public.campaigns.forced IS 'whoever approved it has seen the warnings, such as a size above 90 kB';

COMMENT ON COLUMN public.campaigns.checked_at IS 'when its stories were re-read for the send; check_until is the lease of who is at it';

COMMENT ON COLUMN public.campaigns.version IS 'raised by every change; who read an older one must read again before changing anything';

COMMENT ON COLUMN public.campaigns.priority IS 'a higher one overtakes others at the next chunk';

COMMENT ON COLUMN public.campaigns.undo_window IS 'seconds in which its launch can be taken back; null, here and in the two below: as the service is set';

COMMENT ON COLUMN public.campaigns.slice_percent IS 'of the readers who get it first; 0: no first slice';

COMMENT ON COLUMN public.campaigns.frequency IS 'whom it is for by how often they want mail: who chose each edition, who chose weekly, or all';

COMMENT ON COLUMN public.campaigns.segments IS 'only readers in all of these segments; null: as the recipe of its digest says';

COMMENT ON COLUMN public.campaigns.exclude IS 'no reader in any of these segments; null: as the recipe of its digest says';

COMMENT ON COLUMN public.campaigns.approved_audience IS 'hash of the rules of its segments as they were approved';

COMMENT ON COLUMN public.campaigns.archive_hidden IS 'an editor keeps it out of the public archive';

COMMENT ON COLUMN public.campaigns.approved_readers IS 'how many readers a person confirmed by typing the number, where the audience was far from usual';

COMMENT ON COLUMN public.campaigns.own_rule IS 'a rule over readers that narrows it besides its segments, such as that of a correction; null: none';

ALTER TABLE public.campaigns ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.campaigns_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.carried_stories AS
 SELECT s.campaign_id,
    s.article_id,
    s.groups
   FROM (public.campaign_stories s
     JOIN public.campaigns c ON ((c.id = s.campaign_id)))
  WHERE (c.state = 'launched'::text);

COMMENT ON VIEW public.carried_stories IS 'declared by campaigns for segments: which launched campaigns carry a story, and which groups a delivery must have for it to be in';

CREATE TABLE public.chunks (
    id bigint NOT NULL,
    campaign_id bigint NOT NULL,
    wave integer NOT NULL,
    provider text NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint NOT NULL,
    priority smallint NOT NULL,
    not_before timestamp with time zone NOT NULL,
    revision integer NOT NULL,
    variant smallint,
    token bigint DEFAULT 0 NOT NULL,
    owner uuid,
    lease_until timestamp with time zone,
    closed_at timestamp with time zone,
    accepted integer DEFAULT 0 NOT NULL,
    failed integer DEFAULT 0 NOT NULL,
    suppressed integer DEFAULT 0 NOT NULL,
    expired integer DEFAULT 0 NOT NULL,
    unknown integer DEFAULT 0 NOT NULL,
    relay text DEFAULT ''::text NOT NULL,
    answers jsonb,
    CONSTRAINT chunks_check CHECK ((to_seq >= from_seq))
)
WITH (fillfactor='70');

COMMENT ON COLUMN public.chunks.variant IS 'null until a test has chosen';

COMMENT ON COLUMN public.chunks.token IS 'raised at every claim; who holds an older one may record facts but gets no permit';

COMMENT ON COLUMN public.chunks.accepted IS 'tally of the outcomes that decide (see decided), written when the chunk closes and again when one of its retries ends';

COMMENT ON COLUMN public.chunks.relay IS 'the relay that the present claim goes over, or the last one did; chosen at the claim';

COMMENT ON COLUMN public.chunks.answers IS 'what its attempts were answered, for reports: {"first", "last", "minutes": [[minute since 1970, accepted, deferred, failed]], "refused": [[class, how many, the seq of one]]}. Null until a chore has looked at the closed chunk, and again when one of its retries ends';

ALTER TABLE public.chunks ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.chunks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.click_salts (
    day date NOT NULL,
    salt bytea NOT NULL
);

COMMENT ON TABLE public.click_salts IS 'what the hashes of a day are made with, the same for all nodes; dropped soon after the day, and with it their meaning';

CREATE TABLE public.confirm_asks (
    id bigint NOT NULL,
    subscriber_id bigint NOT NULL,
    lists bigint[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT confirm_asks_lists_check CHECK ((lists <> '{}'::bigint[]))
);

COMMENT ON TABLE public.confirm_asks IS 'the lists that one confirm mail named: what its link may confirm';

ALTER TABLE public.confirm_asks ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.confirm_asks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.consent_kept (
    id bigint NOT NULL,
    address_hash bytea NOT NULL,
    at timestamp with time zone NOT NULL,
    list_id bigint,
    event text NOT NULL,
    method text NOT NULL,
    source text NOT NULL,
    wording text NOT NULL,
    form_id bigint,
    form_version integer,
    erased_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.consent_kept IS 'how erased readers had agreed and left, for a limited time: found only by whoever knows the address, through its hash';

ALTER TABLE public.consent_kept ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.consent_kept_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.consent_log (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    subscriber_id bigint NOT NULL,
    list_id bigint,
    event text NOT NULL,
    method text NOT NULL,
    campaign_id bigint,
    source text DEFAULT ''::text NOT NULL,
    wording text DEFAULT ''::text NOT NULL,
    network text DEFAULT ''::text NOT NULL,
    form_id bigint,
    form_version integer,
    source_url text DEFAULT ''::text NOT NULL,
    was jsonb,
    CONSTRAINT consent_log_event_check CHECK ((event = ANY (ARRAY['signed_up'::text, 'confirmed'::text, 'added'::text, 'imported'::text, 'unsubscribed'::text, 'unsubscribed_all'::text, 'undone'::text, 'suppressed'::text, 'unsuppressed'::text, 'changed'::text, 'paused'::text, 'address_changed'::text, 'expired'::text]))),
    CONSTRAINT consent_log_method_check CHECK ((method = ANY (ARRAY['one-click'::text, 'form'::text, 'mailto'::text, 'admin'::text, 'import'::text, 'complaint'::text, 'bounce'::text, 'confirm-link'::text, 'preferences'::text, 'schedule'::text])))
);

COMMENT ON COLUMN public.consent_log.source IS 'where the consent comes from, or what was changed, in words';

COMMENT ON COLUMN public.consent_log.source_url IS 'the page on which the form stood';

COMMENT ON COLUMN public.consent_log.was IS 'of a change of choices: what stood there before, for an undo';

ALTER TABLE public.consent_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.consent_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.corrections (
    id bigint NOT NULL,
    article_id bigint NOT NULL,
    note text NOT NULL,
    made_by text NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    taken_back timestamp with time zone,
    CONSTRAINT corrections_note_check CHECK ((note <> ''::text))
);

COMMENT ON TABLE public.corrections IS 'what was wrong in a story and what is right; a story may have several. The story itself is corrected apart';

COMMENT ON COLUMN public.corrections.note IS 'plain text, as readers see it';

COMMENT ON COLUMN public.corrections.taken_back IS 'when the note was withdrawn: it is shown nowhere any more, and nothing more goes out of it';

CREATE VIEW public.corrected AS
 SELECT corrections.id,
    corrections.article_id,
    corrections.note,
    corrections.made_at
   FROM public.corrections
  WHERE (corrections.taken_back IS NULL);

COMMENT ON VIEW public.corrected IS 'declared by articles: what stands of corrections';

CREATE TABLE public.correction_mails (
    correction_id bigint NOT NULL,
    list_id bigint NOT NULL,
    campaign_id bigint NOT NULL
);

COMMENT ON TABLE public.correction_mails IS 'campaigns that take a correction to those of a list who were sent the story: one for each list, ever';

ALTER TABLE public.corrections ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.corrections_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.database_eras (
    number bigint NOT NULL,
    era uuid DEFAULT gen_random_uuid() NOT NULL,
    system text NOT NULL,
    timeline text NOT NULL,
    database_oid bigint NOT NULL,
    table_oid bigint NOT NULL,
    why text DEFAULT ''::text NOT NULL,
    began_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.database_eras IS 'which database this is: a new row whenever it turns out to come from a backup or another timeline. The newest row is the present one';

COMMENT ON COLUMN public.database_eras.system IS 'system identifier of the cluster; empty where the server does not tell';

COMMENT ON COLUMN public.database_eras.table_oid IS 'of the table sends, which a restore into the same database makes anew';

ALTER TABLE public.database_eras ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.database_eras_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.deliveries (
    campaign_id bigint NOT NULL,
    seq bigint NOT NULL,
    subscriber_id bigint NOT NULL,
    recipient text NOT NULL,
    groups bigint NOT NULL,
    slots text[] NOT NULL
)
PARTITION BY RANGE (campaign_id);

COMMENT ON TABLE public.deliveries IS 'one message to one subscriber; written once, never updated (erasure excepted). Partitions are cut at launch';

CREATE TABLE public.outcomes (
    campaign_id bigint NOT NULL,
    seq bigint NOT NULL,
    attempt integer NOT NULL,
    kind text NOT NULL,
    class text DEFAULT ''::text NOT NULL,
    code integer DEFAULT 0 NOT NULL,
    enhanced text DEFAULT ''::text NOT NULL,
    reply text DEFAULT ''::text NOT NULL,
    queue_id text DEFAULT ''::text NOT NULL,
    relay text DEFAULT ''::text NOT NULL,
    took_ms integer DEFAULT 0 NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT outcomes_kind_check CHECK ((kind = ANY (ARRAY['accepted'::text, 'deferred'::text, 'doubt'::text, 'failed'::text, 'suppressed'::text, 'expired'::text, 'unknown'::text])))
)
PARTITION BY RANGE (campaign_id);

COMMENT ON TABLE public.outcomes IS 'what came of each attempt; appended, but a fact replaces a doubt. deferred and doubt are not terminal, all others are';

CREATE TABLE public.retries (
    campaign_id bigint NOT NULL,
    seq bigint NOT NULL,
    chunk_id bigint NOT NULL,
    attempt integer NOT NULL,
    due timestamp with time zone NOT NULL,
    token bigint DEFAULT 0 NOT NULL,
    owner uuid,
    lease_until timestamp with time zone,
    provider text DEFAULT ''::text NOT NULL,
    relay text DEFAULT ''::text NOT NULL
);

COMMENT ON TABLE public.retries IS 'deliveries to be tried again; there is a row if and only if the last attempt was deferred or in doubt and nothing is terminal yet';

COMMENT ON COLUMN public.retries.attempt IS 'the number of the attempt to come';

COMMENT ON COLUMN public.retries.relay IS 'the relay of the last attempt, or of the present claim; the next attempt prefers it, since greylisting and copies in doubt are known there';

CREATE TABLE public.sends (
    campaign_id bigint NOT NULL,
    list_id bigint NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    doubt_policy text DEFAULT 'retry'::text NOT NULL,
    priority smallint DEFAULT 0 NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    variant smallint DEFAULT 0 NOT NULL,
    groups bigint DEFAULT 0 NOT NULL,
    supporter_groups bigint DEFAULT 0 NOT NULL,
    envelope_domain text NOT NULL,
    not_before timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    audience_as_of timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    audience_complete boolean DEFAULT false NOT NULL,
    cursor_shuffle integer DEFAULT '-1'::integer NOT NULL,
    cursor_subscriber bigint DEFAULT 0 NOT NULL,
    wave integer DEFAULT 1 NOT NULL,
    audience bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    undo_until timestamp with time zone,
    slice_state text DEFAULT ''::text NOT NULL,
    slice_percent real DEFAULT 0 NOT NULL,
    slice_wait integer DEFAULT 0 NOT NULL,
    slice_size bigint,
    slice_of bigint,
    slice_out_at timestamp with time zone,
    resumed_at timestamp with time zone,
    frequency text DEFAULT 'all'::text NOT NULL,
    rule jsonb,
    topic_groups bigint DEFAULT 0 NOT NULL,
    story_groups bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    heading_groups bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    CONSTRAINT sends_check CHECK (((finished_at IS NOT NULL) = (state = ANY (ARRAY['done'::text, 'cancelled'::text, 'expired'::text])))),
    CONSTRAINT sends_doubt_policy_check CHECK ((doubt_policy = ANY (ARRAY['retry'::text, 'hold'::text]))),
    CONSTRAINT sends_envelope_domain_check CHECK ((envelope_domain <> ''::text)),
    CONSTRAINT sends_frequency_check CHECK ((frequency = ANY (ARRAY['all'::text, 'each'::text, 'weekly'::text]))),
    CONSTRAINT sends_slice_percent_check CHECK (((slice_percent >= (0)::double precision) AND (slice_percent <= (50)::double precision))),
    CONSTRAINT sends_slice_state_check CHECK ((slice_state = ANY (ARRAY[''::text, 'out'::text, 'passed'::text, 'released'::text, 'failed'::text]))),
    CONSTRAINT sends_state_check CHECK ((state = ANY (ARRAY['running'::text, 'paused'::text, 'done'::text, 'cancelled'::text, 'expired'::text])))
)
WITH (fillfactor='70');

COMMENT ON COLUMN public.sends.reason IS 'why it is paused, cancelled or expired, for people';

COMMENT ON COLUMN public.sends.groups IS 'optional groups of the message shown to everyone else; supporter_groups to supporters';

COMMENT ON COLUMN public.sends.envelope_domain IS 'domain of MAIL FROM, frozen so that a retry has the same envelope';

COMMENT ON COLUMN public.sends.audience_as_of IS 'who confirmed later is not in the audience';

COMMENT ON COLUMN public.sends.audience IS 'deliveries written so far; the last of them has this number as its seq';

COMMENT ON COLUMN public.sends.undo_until IS 'until then nothing is written of the audience and the launch can be taken back; null: there is no such time';

COMMENT ON COLUMN public.sends.slice_state IS 'out: only the first slice is in the audience yet; released: a person let the rest go; failed: it paused the send';

COMMENT ON COLUMN public.sends.slice_wait IS 'seconds between the end of writing the slice and the earliest decision about the rest';

COMMENT ON COLUMN public.sends.slice_size IS 'readers in the first slice, of slice_of; null until they were counted';

COMMENT ON COLUMN public.sends.frequency IS 'only readers who chose to hear this often are in the audience; all: everybody';

COMMENT ON COLUMN public.sends.rule IS 'narrows the audience, in the language of segments; null: nobody is left out by it';

COMMENT ON COLUMN public.sends.topic_groups IS 'groups of topics in the message: the group of a topic is 2 + its bit, switched off for who does not want it';

COMMENT ON COLUMN public.sends.story_groups IS 'what a reader must have for each story; who has none of them is not in the audience. Empty: some story is always there';

COMMENT ON COLUMN public.sends.heading_groups IS 'pairs: the group of a heading, and the groups of the stories below it. It is switched off for who has had all of these';

CREATE VIEW public.delivery_state AS
 SELECT d.campaign_id,
    d.seq,
    d.subscriber_id,
    d.recipient,
    c.provider,
    c.id AS chunk_id,
        CASE
            WHEN (o.kind IS NOT NULL) THEN o.kind
            WHEN ((s.state = ANY (ARRAY['cancelled'::text, 'expired'::text])) AND (r.seq IS NOT NULL) AND (EXISTS ( SELECT
               FROM public.outcomes x
              WHERE ((x.campaign_id = d.campaign_id) AND (x.seq = d.seq) AND (x.kind = 'doubt'::text))))) THEN 'unknown'::text
            WHEN (s.state = ANY (ARRAY['cancelled'::text, 'expired'::text])) THEN s.state
            WHEN (r.seq IS NOT NULL) THEN 'deferred'::text
            WHEN (c.lease_until > clock_timestamp()) THEN 'claimed'::text
            ELSE 'queued'::text
        END AS state,
    COALESCE(o.attempt, (r.attempt - 1), 0) AS attempts,
    r.due
   FROM ((((public.deliveries d
     JOIN public.sends s ON ((s.campaign_id = d.campaign_id)))
     CROSS JOIN LATERAL ( SELECT c_1.id,
            c_1.provider,
            c_1.lease_until
           FROM public.chunks c_1
          WHERE ((c_1.campaign_id = d.campaign_id) AND (c_1.from_seq <= d.seq))
          ORDER BY c_1.from_seq DESC
         LIMIT 1) c)
     LEFT JOIN public.retries r ON (((r.campaign_id = d.campaign_id) AND (r.seq = d.seq))))
     LEFT JOIN LATERAL public.decided(d.campaign_id, d.seq, d.seq) o(seq, attempt, kind, class, code, enhanced, reply, at) ON (true));

COMMENT ON VIEW public.delivery_state IS 'the state of each delivery, derived from its outcomes, its retry row and its send';

CREATE TABLE public.digest_skips (
    digest_id bigint NOT NULL,
    day date NOT NULL,
    reason text DEFAULT ''::text NOT NULL
);

CREATE TABLE public.digests (
    id bigint NOT NULL,
    slug text NOT NULL,
    list_id bigint NOT NULL,
    name text NOT NULL,
    recipe jsonb NOT NULL,
    schedule text DEFAULT ''::text NOT NULL,
    time_zone text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    planned_to timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT digests_slug_check CHECK (((slug ~ '^[a-z0-9](-?[a-z0-9])*$'::text) AND (length(slug) <= 50)))
);

COMMENT ON COLUMN public.digests.schedule IS 'cron spec of five fields in time_zone; empty: run by hand only';

COMMENT ON COLUMN public.digests.planned_to IS 'editions due before this moment have been dealt with';

ALTER TABLE public.digests ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.digests_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.doubt_decisions (
    campaign_id bigint NOT NULL,
    seq bigint NOT NULL,
    attempt integer NOT NULL,
    decision text NOT NULL,
    who text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT doubt_decisions_decision_check CHECK ((decision = ANY (ARRAY['accept'::text, 'resend'::text])))
);

COMMENT ON TABLE public.doubt_decisions IS 'what a person decided about a reader of whom it is not known whether the mail arrived';

CREATE TABLE public.entry_links (
    token_hash bytea NOT NULL,
    purpose text NOT NULL,
    account_id bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT entry_links_check CHECK (((purpose = 'owner'::text) = (account_id IS NULL))),
    CONSTRAINT entry_links_purpose_check CHECK ((purpose = ANY (ARRAY['owner'::text, 'invite'::text, 'reset'::text, 'demo'::text])))
);

COMMENT ON TABLE public.entry_links IS 'links that let somebody in once, by a hash of what stands in them';

CREATE TABLE public.erasures (
    id bigint NOT NULL,
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    asked_by text NOT NULL,
    numbers bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    addresses text[] DEFAULT '{}'::text[] NOT NULL,
    address_hash bytea,
    campaign_ids bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    seqs bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    erased_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT erasures_check CHECK (((finished_at IS NOT NULL) = (address_hash IS NULL))),
    CONSTRAINT erasures_check1 CHECK (((finished_at IS NULL) OR (numbers = '{}'::bigint[]))),
    CONSTRAINT erasures_check2 CHECK (((erased_at IS NULL) = (addresses <> '{}'::text[])))
);

COMMENT ON TABLE public.erasures IS 'readers who asked to be forgotten: a job that is taken up again until it is done; then nothing here names them';

COMMENT ON COLUMN public.erasures.asked_by IS 'reader, or the person who did it for them';

COMMENT ON COLUMN public.erasures.numbers IS 'of the subscriber, the present one first; empty for an address that is not a subscriber''s, and in the end';

COMMENT ON COLUMN public.erasures.seqs IS 'the deliveries that were blanked, with campaign_ids, until answers that were under way cannot come any more';

COMMENT ON COLUMN public.erasures.erased_at IS 'when every room had forgotten the reader; the address is not here any more then';

COMMENT ON COLUMN public.erasures.finished_at IS 'when what came in meanwhile was taken away as well';

ALTER TABLE public.erasures ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.erasures_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.feed_items (
    feed_id bigint NOT NULL,
    guid text NOT NULL,
    article_id bigint NOT NULL,
    "position" integer NOT NULL,
    section text DEFAULT ''::text NOT NULL,
    first_seen timestamp with time zone DEFAULT now() NOT NULL,
    last_seen timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.feed_items IS 'which feeds carry a story and under which identifiers; a story in two feeds, or under a changed guid, is one article';

COMMENT ON COLUMN public.feed_items."position" IS 'its place in the feed when last seen there, 0 first';

CREATE TABLE public.feeds (
    id bigint NOT NULL,
    slug text NOT NULL,
    url text NOT NULL,
    title text DEFAULT ''::text NOT NULL,
    section text DEFAULT ''::text NOT NULL,
    home_url text DEFAULT ''::text NOT NULL,
    language text DEFAULT ''::text NOT NULL,
    poll_seconds integer DEFAULT 900 NOT NULL,
    etag text DEFAULT ''::text NOT NULL,
    last_modified text DEFAULT ''::text NOT NULL,
    polled_at timestamp with time zone,
    next_poll_at timestamp with time zone DEFAULT now() NOT NULL,
    good_at timestamp with time zone,
    body_hash bytea,
    last_error text DEFAULT ''::text NOT NULL,
    failing_since timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    moved_to text DEFAULT ''::text NOT NULL,
    lease uuid,
    lease_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    removed_at timestamp with time zone,
    CONSTRAINT feeds_poll_seconds_check CHECK ((poll_seconds >= 60)),
    CONSTRAINT feeds_slug_check CHECK (((slug ~ '^[a-z0-9](-?[a-z0-9])*$'::text) AND (length(slug) <= 50)))
);

COMMENT ON COLUMN public.feeds.section IS 'section of stories that name none themselves';

COMMENT ON COLUMN public.feeds.good_at IS 'when the last poll that was understood ended; its stories stay whatever comes after';

COMMENT ON COLUMN public.feeds.body_hash IS 'of the last feed that was understood; the same bytes again need no work';

COMMENT ON COLUMN public.feeds.moved_to IS 'where a permanent redirect leads; polled instead of url until it fails';

COMMENT ON COLUMN public.feeds.lease IS 'who polls it at the moment; two nodes never poll one feed at once';

ALTER TABLE public.feeds ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.feeds_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.form_versions (
    form_id bigint NOT NULL,
    version integer NOT NULL,
    wording text NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.form_versions IS 'every wording that a form has shown to somebody who signed up, whole and in its language; a change is a new version';

CREATE TABLE public.forms (
    id bigint NOT NULL,
    list_id bigint,
    publication_id bigint,
    wording text DEFAULT ''::text NOT NULL,
    sites text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT forms_check CHECK ((num_nonnulls(list_id, publication_id) = 1))
);

COMMENT ON TABLE public.forms IS 'the sign-up form of a list, or of all open lists of a publication';

COMMENT ON COLUMN public.forms.wording IS 'what people agree to, in words of the publication''s own; empty: the fixed sentence of the language';

COMMENT ON COLUMN public.forms.sites IS 'origins of other sites whose pages may hold the form, such as https://www.example.org';

ALTER TABLE public.forms ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.forms_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.held_clicks (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    campaign_id bigint NOT NULL,
    variant_id bigint NOT NULL,
    mark bytea NOT NULL
);

COMMENT ON TABLE public.held_clicks IS 'clicks of the last minutes: a machine may show itself only after them';

ALTER TABLE public.held_clicks ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.held_clicks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.images (
    hash text NOT NULL,
    kind text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    size integer NOT NULL,
    data bytea NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    alt text DEFAULT ''::text NOT NULL,
    credit text DEFAULT ''::text NOT NULL,
    who text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    removed_at timestamp with time zone,
    CONSTRAINT images_hash_check CHECK ((hash ~ '^[0-9a-f]{32}$'::text)),
    CONSTRAINT images_height_check CHECK ((height > 0)),
    CONSTRAINT images_kind_check CHECK ((kind = ANY (ARRAY['png'::text, 'jpeg'::text, 'gif'::text]))),
    CONSTRAINT images_width_check CHECK ((width > 0))
);
ALTER TABLE ONLY public.images ALTER COLUMN data SET STORAGE EXTERNAL;

COMMENT ON TABLE public.images IS 'pictures that editors uploaded, written anew from their pixels; public at an address made of the hash';

COMMENT ON COLUMN public.images.hash IS 'first 128 bits of the SHA-256 of data, as it was before a removal';

COMMENT ON COLUMN public.images.removed_at IS 'taken off the web; data is empty then';

CREATE TABLE public.imports (
    id bigint NOT NULL,
    list_id bigint NOT NULL,
    file_name text NOT NULL,
    source text NOT NULL,
    rows bigint DEFAULT 0 NOT NULL,
    added bigint DEFAULT 0 NOT NULL,
    updated bigint DEFAULT 0 NOT NULL,
    unchanged bigint DEFAULT 0 NOT NULL,
    suppressed bigint DEFAULT 0 NOT NULL,
    opted_out bigint DEFAULT 0 NOT NULL,
    duplicates bigint DEFAULT 0 NOT NULL,
    rejected bigint DEFAULT 0 NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    options jsonb DEFAULT '{}'::jsonb NOT NULL,
    done integer[] DEFAULT '{0,0}'::integer[] NOT NULL,
    digests bytea[] DEFAULT '{NULL,NULL}'::bytea[] NOT NULL,
    CONSTRAINT imports_check CHECK ((rows = ((((((added + updated) + unchanged) + suppressed) + opted_out) + duplicates) + rejected)))
);

COMMENT ON COLUMN public.imports.suppressed IS 'rows of people who had left or are suppressed: an import brings nobody back';

COMMENT ON COLUMN public.imports.opted_out IS 'rows that said themselves that the person left, bounced or complained';

COMMENT ON COLUMN public.imports.finished_at IS 'null: under way, or broken off and to be resumed';

COMMENT ON COLUMN public.imports.options IS 'what the import was told, so that it can be resumed with the file alone';

COMMENT ON COLUMN public.imports.done IS 'the last batch that each lane has merged; committed with it';

COMMENT ON COLUMN public.imports.digests IS 'hash of all that was read up to that batch, for each lane: a resume needs the same file';

ALTER TABLE public.imports ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.imports_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.inbound (
    id bigint NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    kind text NOT NULL,
    subscriber_id bigint NOT NULL,
    list_id bigint DEFAULT 0 NOT NULL,
    campaign_id bigint DEFAULT 0 NOT NULL,
    auto_replied boolean DEFAULT false NOT NULL,
    size bigint DEFAULT 0 NOT NULL,
    data bytea,
    handled_at timestamp with time zone,
    CONSTRAINT inbound_kind_check CHECK ((kind = ANY (ARRAY['leave'::text, 'bounce'::text])))
);

COMMENT ON TABLE public.inbound IS 'mail that came back, from its arrival until it is dealt with; whose it is stood in the recipient''s token';

COMMENT ON COLUMN public.inbound.auto_replied IS 'a vacation notice or the like: no wish of the reader''s';

COMMENT ON COLUMN public.inbound.data IS 'the beginning of a bounce; of a wish to leave nothing is kept';

ALTER TABLE public.inbound ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.inbound_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.lanes (
    relay text NOT NULL,
    provider text NOT NULL,
    suspended boolean NOT NULL,
    connections integer NOT NULL,
    per_minute double precision NOT NULL,
    said text NOT NULL,
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    until timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.lanes IS 'lanes (relay and provider) that go slower than they may, because of what a reply said; until then, for all processes';

CREATE TABLE public.leave_reasons (
    list_id bigint NOT NULL,
    campaign_id bigint DEFAULT 0 NOT NULL,
    reason text NOT NULL,
    day date DEFAULT CURRENT_DATE NOT NULL,
    readers bigint DEFAULT 0 NOT NULL,
    CONSTRAINT leave_reasons_reason_check CHECK ((reason = ANY (ARRAY['often'::text, 'interest'::text, 'never'::text, 'other'::text])))
);

COMMENT ON TABLE public.leave_reasons IS 'why readers leave, where they say so; how many, nothing about who';

COMMENT ON COLUMN public.leave_reasons.campaign_id IS 'whose mail carried the link; 0: none';

CREATE TABLE public.leaves (
    subscriber_id bigint NOT NULL,
    list_id bigint,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    id bigint NOT NULL
);

COMMENT ON TABLE public.leaves IS 'who left or was suppressed in the last days: small, so that every permit can look here; a hit is then judged by mailable';

ALTER TABLE public.leaves ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.leaves_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE UNLOGGED TABLE public.limit_counts (
    key bytea NOT NULL,
    n integer NOT NULL,
    until timestamp with time zone NOT NULL
)
WITH (fillfactor='70');

COMMENT ON TABLE public.limit_counts IS 'how often something was done within a time that began with the first; key: an HMAC of what is counted';

CREATE TABLE public.link_checks (
    url_hash bytea NOT NULL,
    url text NOT NULL,
    state text NOT NULL,
    said text DEFAULT ''::text NOT NULL,
    leads_to text DEFAULT ''::text NOT NULL,
    checked_at timestamp with time zone NOT NULL,
    CONSTRAINT link_checks_state_check CHECK ((state = ANY (ARRAY['fine'::text, 'dead'::text, 'moved'::text, 'front'::text, 'trouble'::text, 'private'::text])))
);

COMMENT ON COLUMN public.link_checks.state IS 'moved: leads on to another address for good; front: leads to the front page of its site, as links to removed pages do; trouble: no answer, which may pass; private: not on the public internet';

CREATE TABLE public.list_changes (
    list_id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    pending integer DEFAULT 0 NOT NULL,
    confirmed integer DEFAULT 0 NOT NULL,
    unsubscribed integer DEFAULT 0 NOT NULL,
    signups integer DEFAULT 0 NOT NULL,
    joins integer DEFAULT 0 NOT NULL,
    leaves integer DEFAULT 0 NOT NULL,
    erased integer DEFAULT 0 NOT NULL
);

COMMENT ON TABLE public.list_changes IS 'by how much the numbers of a list have changed, a row for each statement that changed subscriptions: added only, so that nobody waits for anybody. A chore moves them to list_counts and list_days; both together are exact at every moment';

CREATE TABLE public.list_counts (
    list_id bigint NOT NULL,
    pending bigint DEFAULT 0 NOT NULL,
    confirmed bigint DEFAULT 0 NOT NULL,
    unsubscribed bigint DEFAULT 0 NOT NULL,
    suppressed bigint DEFAULT 0 NOT NULL,
    supporters bigint DEFAULT 0 NOT NULL,
    reasons jsonb DEFAULT '{}'::jsonb NOT NULL,
    looked_at timestamp with time zone
);

COMMENT ON TABLE public.list_counts IS 'how many subscriptions of a list stand where, less what still waits in list_changes';

COMMENT ON COLUMN public.list_counts.suppressed IS 'of the confirmed, those whose address is suppressed, as of looked_at; so are supporters (of the others) and reasons ({"complaint": 3})';

CREATE TABLE public.list_days (
    list_id bigint NOT NULL,
    day date NOT NULL,
    signups bigint DEFAULT 0 NOT NULL,
    joins bigint DEFAULT 0 NOT NULL,
    leaves bigint DEFAULT 0 NOT NULL,
    erased bigint DEFAULT 0 NOT NULL,
    change bigint DEFAULT 0 NOT NULL
);

COMMENT ON TABLE public.list_days IS 'what happened to a list on a day of its own time zone. Days before this table was made are those of UTC, and know only how those who were there then had come and gone last';

COMMENT ON COLUMN public.list_days.signups IS 'asked to join and were to confirm it';

COMMENT ON COLUMN public.list_days.joins IS 'became confirmed, however: by the link, by an import, by hand, by taking back a leave';

COMMENT ON COLUMN public.list_days.leaves IS 'were confirmed and are so no more; who asked to be forgotten is counted as erased instead';

COMMENT ON COLUMN public.list_days.change IS 'of the confirmed, all in all: the total of an earlier day is that of now less the changes since';

CREATE TABLE public.lists (
    id bigint NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    from_name text NOT NULL,
    from_address text NOT NULL,
    reply_to text DEFAULT ''::text NOT NULL,
    envelope_domain text NOT NULL,
    legal_name text DEFAULT ''::text NOT NULL,
    postal_address text DEFAULT ''::text NOT NULL,
    contact text DEFAULT ''::text NOT NULL,
    home_url text DEFAULT ''::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    language text DEFAULT 'en'::text NOT NULL,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    logo_url text DEFAULT ''::text NOT NULL,
    logo_width integer DEFAULT 0 NOT NULL,
    logo_height integer DEFAULT 0 NOT NULL,
    accent_colour text DEFAULT '#1f4e79'::text NOT NULL,
    paper_colour text DEFAULT '#fdfdfb'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    archived_at timestamp with time zone,
    publication_id bigint,
    signup_open boolean DEFAULT false NOT NULL,
    archive_open boolean DEFAULT false NOT NULL,
    no_welcome boolean DEFAULT false NOT NULL,
    type_face text DEFAULT ''::text NOT NULL,
    CONSTRAINT lists_accent_colour_check CHECK ((accent_colour ~ '^#[0-9a-f]{6}$'::text)),
    CONSTRAINT lists_name_check CHECK ((name <> ''::text)),
    CONSTRAINT lists_paper_colour_check CHECK ((paper_colour ~ '^#[0-9a-f]{6}$'::text)),
    CONSTRAINT lists_slug_check CHECK (((slug ~ '^[a-z0-9](-?[a-z0-9])*$'::text) AND (length(slug) <= 50))),
    CONSTRAINT lists_type_face_check CHECK ((type_face = ANY (ARRAY[''::text, 'book'::text, 'clean'::text, 'clear'::text])))
);

COMMENT ON COLUMN public.lists.envelope_domain IS 'domain of MAIL FROM; shares the organisational domain of from_address (DMARC alignment)';

COMMENT ON COLUMN public.lists.reason IS 'why the reader gets this mail, as the footer says it; empty: the fixed sentence of the language';

COMMENT ON COLUMN public.lists.signup_open IS 'anybody may sign up on the public page; without it the list does not exist for the public';

COMMENT ON COLUMN public.lists.archive_open IS 'past campaigns stand on the public archive pages';

COMMENT ON COLUMN public.lists.no_welcome IS 'who confirms gets no welcome mail';

COMMENT ON COLUMN public.lists.type_face IS 'the fonts of its mails; empty: Georgia for what is read, Helvetica for labels';

ALTER TABLE public.lists ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.lists_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.login_tries (
    key bytea NOT NULL,
    n integer NOT NULL,
    until timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.login_tries IS 'passwords and codes that were tried; kept through a crash, unlike limit_counts; key: an HMAC of who and from where';

CREATE TABLE public.machine_marks (
    mark bytea NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.machine_marks IS 'salted hashes of network and browser of who opened a link that people do not see; kept for a day';

CREATE TABLE public.subscribers (
    id bigint NOT NULL,
    address text NOT NULL,
    canonical text NOT NULL COLLATE pg_catalog."C",
    wire text NOT NULL,
    address_hash bytea NOT NULL,
    provider text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    language text DEFAULT ''::text NOT NULL,
    supporter boolean DEFAULT false NOT NULL,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    tracking boolean DEFAULT false NOT NULL,
    CONSTRAINT subscribers_canonical_check CHECK ((length(canonical) <= 254))
);

COMMENT ON COLUMN public.subscribers.address IS 'as typed, for people to see';

COMMENT ON COLUMN public.subscribers.canonical IS 'lower-case local part at A-label domain: one row per person';

COMMENT ON COLUMN public.subscribers.wire IS 'local part as typed at A-label domain: what RCPT TO carries';

COMMENT ON COLUMN public.subscribers.address_hash IS 'follows from canonical and is as unique; no index: look people up by canonical';

COMMENT ON COLUMN public.subscribers.provider IS 'who receives mail for the domain: google, microsoft, yahoo, apple …, or other';

COMMENT ON COLUMN public.subscribers.tracking IS 'agreed that clicks are counted per reader; off unless the reader said so';

CREATE TABLE public.subscriptions (
    subscriber_id bigint NOT NULL,
    list_id bigint NOT NULL,
    state text NOT NULL,
    shuffle integer DEFAULT (floor((random() * (2147483647)::double precision)))::integer NOT NULL,
    source text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    confirmed_at timestamp with time zone,
    unsubscribed_at timestamp with time zone,
    topics_off bigint DEFAULT 0 NOT NULL,
    frequency text DEFAULT 'each'::text NOT NULL,
    paused_until timestamp with time zone,
    expires_at timestamp with time zone,
    expiry_noted timestamp with time zone,
    CONSTRAINT subscriptions_check CHECK (((state = 'confirmed'::text) <= (confirmed_at IS NOT NULL))),
    CONSTRAINT subscriptions_check1 CHECK (((state = 'unsubscribed'::text) = (unsubscribed_at IS NOT NULL))),
    CONSTRAINT subscriptions_frequency_check CHECK ((frequency = ANY (ARRAY['each'::text, 'weekly'::text]))),
    CONSTRAINT subscriptions_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'confirmed'::text, 'unsubscribed'::text]))),
    CONSTRAINT subscriptions_topics_off_check CHECK ((topics_off >= 0))
);

COMMENT ON COLUMN public.subscriptions.shuffle IS 'a random number, drawn once: a send walks its list in this order, so that any first slice is a fair sample and the walk can be resumed';

COMMENT ON COLUMN public.subscriptions.topics_off IS 'bits of the topics that the reader does not want; a new topic is wanted';

COMMENT ON COLUMN public.subscriptions.frequency IS 'each edition, or the weekly campaign alone';

COMMENT ON COLUMN public.subscriptions.expires_at IS 'when an implied consent ends; null: the consent is express and does not end';

COMMENT ON COLUMN public.subscriptions.expiry_noted IS 'the expires_at whose passing stands in the consent log';

CREATE TABLE public.suppressions (
    id bigint NOT NULL,
    address_hash bytea NOT NULL,
    address text,
    reason text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    campaign_id bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT suppressions_reason_check CHECK ((reason = ANY (ARRAY['complaint'::text, 'legal'::text, 'hard_bounce'::text, 'manual'::text, 'unsubscribed'::text])))
);

COMMENT ON COLUMN public.suppressions.address_hash IS 'HMAC of the canonical address under a key that is never rotated';

COMMENT ON COLUMN public.suppressions.address IS 'stands beside the hash until the reader is erased';

CREATE VIEW public.mailable AS
 SELECT sn.list_id,
    sn.shuffle,
    sn.confirmed_at,
    s.id AS subscriber_id,
    s.address,
    s.wire,
    s.provider,
    s.name,
    s.language,
    s.supporter,
    sn.topics_off,
    sn.frequency,
    sn.created_at AS joined_at,
    s.attributes
   FROM (public.subscriptions sn
     JOIN public.subscribers s ON ((s.id = sn.subscriber_id)))
  WHERE ((sn.state = 'confirmed'::text) AND ((sn.paused_until IS NULL) OR (sn.paused_until <= now())) AND ((sn.expires_at IS NULL) OR (sn.expires_at > now())) AND (NOT (EXISTS ( SELECT 1
           FROM public.suppressions x
          WHERE (x.address_hash = s.address_hash)))));

COMMENT ON VIEW public.mailable IS 'who may be mailed for which list, now: the only door of other rooms to the reader tables';

CREATE TABLE public.merged_subscribers (
    id bigint NOT NULL,
    into_id bigint NOT NULL,
    merged_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.merged_subscribers IS 'readers who became another one, by a change to an address that had been theirs too: the links in their old mails act for that one';

CREATE TABLE public.messages (
    campaign_id bigint NOT NULL,
    revision integer NOT NULL,
    variant smallint NOT NULL,
    compiled bytea NOT NULL,
    web_html text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON COLUMN public.messages.web_html IS 'the same content for a browser, free of anything personal';

CREATE TABLE public.outbox (
    id bigint NOT NULL,
    dedupe_key text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    envelope_from text NOT NULL,
    recipient text NOT NULL,
    data bytea NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    due timestamp with time zone DEFAULT now() NOT NULL,
    lease_until timestamp with time zone,
    last_reply text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT outbox_check CHECK (((finished_at IS NOT NULL) = (state <> 'queued'::text))),
    CONSTRAINT outbox_kind_check CHECK ((kind = ANY (ARRAY['proof'::text, 'confirm'::text, 'letter'::text, 'issue'::text]))),
    CONSTRAINT outbox_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'accepted'::text, 'failed'::text])))
);

COMMENT ON COLUMN public.outbox.kind IS 'letter: any other mail of the service to one reader; issue: a past campaign that one reader asked for';

ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.past_sends AS
 SELECT sends.campaign_id,
    sends.list_id,
    sends.created_at AS launched_at
   FROM public.sends;

COMMENT ON VIEW public.past_sends IS 'declared by delivery for segments: which campaigns were launched to which list';

CREATE TABLE public.permits (
    process uuid NOT NULL,
    serial bigint NOT NULL,
    campaign_ids bigint[] NOT NULL,
    seqs bigint[] NOT NULL,
    attempts integer[] NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.permits IS 'the deliveries whose final dot a sending process may have written; those without an outcome after a crash are the doubts. Each group of permits adds a row with all that is at risk and removes the one before it';

CREATE TABLE public.proof_groups (
    id bigint NOT NULL,
    list_id bigint,
    name text NOT NULL,
    addresses text[] NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    updated_by text NOT NULL,
    CONSTRAINT proof_groups_name_check CHECK ((name <> ''::text))
);

COMMENT ON COLUMN public.proof_groups.list_id IS 'null: for campaigns of every list';

ALTER TABLE public.proof_groups ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.proof_groups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.proofs (
    id bigint NOT NULL,
    campaign_id bigint NOT NULL,
    address text NOT NULL,
    content_hash bytea NOT NULL,
    audience_hash bytea,
    may_approve boolean NOT NULL,
    sent_by text NOT NULL,
    sent_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.proofs IS 'test copies that were mailed, to staff. What a signed link in one of them may do is bound to its row';

COMMENT ON COLUMN public.proofs.may_approve IS 'a link to approve or hold stood in it';

ALTER TABLE public.proofs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.proofs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.public_sends AS
 SELECT s.campaign_id,
    s.list_id,
    GREATEST(s.not_before, s.undo_until) AS since,
    ( SELECT max(m.revision) AS max
           FROM public.messages m
          WHERE (m.campaign_id = s.campaign_id)) AS revision
   FROM public.sends s
  WHERE ((s.rule IS NULL) AND (s.slice_state <> ALL (ARRAY['out'::text, 'failed'::text])) AND (GREATEST(s.not_before, s.undo_until) <= clock_timestamp()) AND ((s.state = ANY (ARRAY['running'::text, 'done'::text])) OR ((s.state = ANY (ARRAY['paused'::text, 'expired'::text])) AND (EXISTS ( SELECT
           FROM public.chunks k
          WHERE ((k.campaign_id = s.campaign_id) AND (k.accepted > 0)))))));

COMMENT ON VIEW public.public_sends IS 'sends that anybody may know of: they go to the whole list, have begun, and nothing is in their way. Not those that were cancelled, still can be taken back, wait for what comes of their first slice, or stopped before anybody had them';

CREATE TABLE public.publications (
    id bigint NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    home_url text DEFAULT ''::text NOT NULL,
    language text DEFAULT 'en'::text NOT NULL,
    accent_colour text DEFAULT '#1f4e79'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT publications_accent_colour_check CHECK ((accent_colour ~ '^#[0-9a-f]{6}$'::text)),
    CONSTRAINT publications_name_check CHECK ((name <> ''::text)),
    CONSTRAINT publications_slug_check CHECK (((slug ~ '^[a-z0-9](-?[a-z0-9])*$'::text) AND (length(slug) <= 50)))
);

COMMENT ON TABLE public.publications IS 'who publishes several lists and offers them together on one sign-up page';

ALTER TABLE public.publications ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.publications_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.recent_leaves AS
 SELECT leaves.subscriber_id,
    leaves.list_id,
    leaves.at
   FROM public.leaves;

COMMENT ON VIEW public.recent_leaves IS 'declared for delivery: a permit looks here first';

CREATE TABLE public.recovery_codes (
    account_id bigint NOT NULL,
    hash bytea NOT NULL,
    used_at timestamp with time zone
);

COMMENT ON TABLE public.recovery_codes IS 'each stands in for the second factor once';

CREATE TABLE public.relay_days (
    relay text NOT NULL,
    day date NOT NULL,
    sent bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

COMMENT ON TABLE public.relay_days IS 'messages handed to each relay on each day (UTC); where a cap is set, taken in advance in slices';

CREATE TABLE public.relay_states (
    relay text NOT NULL,
    process uuid NOT NULL,
    host text NOT NULL,
    connections integer NOT NULL,
    state text NOT NULL,
    retry_at timestamp with time zone,
    said text NOT NULL,
    said_at timestamp with time zone,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT relay_states_state_check CHECK ((state = ANY (ARRAY['ok'::text, 'resting'::text, 'capped'::text])))
)
WITH (fillfactor='50');

COMMENT ON TABLE public.relay_states IS 'how each sending process finds each relay, for people; written when it changes and every few seconds';

CREATE TABLE public.review_reminders (
    campaign_id bigint NOT NULL,
    due_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.review_reminders IS 'who may approve is reminded once of each deadline';

CREATE TABLE public.review_settings (
    list_id bigint NOT NULL,
    four_eyes boolean DEFAULT false NOT NULL,
    grief_tags text[] NOT NULL,
    reminder_minutes integer NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    updated_by text NOT NULL,
    CONSTRAINT review_settings_reminder_minutes_check CHECK (((reminder_minutes >= 0) AND (reminder_minutes <= 1440)))
);

COMMENT ON COLUMN public.review_settings.four_eyes IS 'who has changed a campaign since its last approval cannot approve it alone';

COMMENT ON COLUMN public.review_settings.grief_tags IS 'tags and sections of stories beside which no appeal should stand, in lower case';

COMMENT ON COLUMN public.review_settings.reminder_minutes IS 'before the deadline of an approval; 0: no reminder';

CREATE VIEW public.segment_uses AS
 SELECT x.slug,
    ('digest '::text || d.slug) AS used_by
   FROM (public.digests d
     CROSS JOIN LATERAL ( SELECT (jsonb_path_query(d.recipe, '$."segments"[*]'::jsonpath) #>> '{}'::text[]) AS slug
        UNION
         SELECT (jsonb_path_query(d.recipe, '$."exclude"[*]'::jsonpath) #>> '{}'::text[])) x)
UNION ALL
 SELECT x.slug,
    ('campaign '::text || c.id) AS used_by
   FROM (public.campaigns c
     CROSS JOIN LATERAL ( SELECT unnest(c.segments) AS slug
        UNION
         SELECT unnest(c.exclude) AS unnest) x)
  WHERE (c.state = ANY (ARRAY['draft'::text, 'in_review'::text, 'approved'::text, 'held'::text]));

COMMENT ON VIEW public.segment_uses IS 'declared by campaigns for segments: which of them are needed yet, and for what';

CREATE TABLE public.segments (
    id bigint NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    rule jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_by text DEFAULT ''::text NOT NULL,
    CONSTRAINT segments_name_check CHECK ((name <> ''::text)),
    CONSTRAINT segments_slug_check CHECK (((slug ~ '^[a-z0-9](-?[a-z0-9])*$'::text) AND (length(slug) <= 50)))
);

COMMENT ON TABLE public.segments IS 'saved rules over readers';

COMMENT ON COLUMN public.segments.rule IS 'what the program makes of the rule as it was written; it is checked again whenever it is read';

ALTER TABLE public.segments ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.segments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.send_repeats (
    campaign_id bigint NOT NULL,
    earlier bigint NOT NULL,
    had bigint NOT NULL,
    off bigint NOT NULL
);

COMMENT ON TABLE public.send_repeats IS 'stories of a send that earlier campaigns to other lists have carried: switched off for readers who were sent them there';

COMMENT ON COLUMN public.send_repeats.had IS 'groups that a delivery of the earlier campaign had to have to carry the stories';

COMMENT ON COLUMN public.send_repeats.off IS 'groups of the stories in this message';

CREATE TABLE public.sender_marks (
    node uuid NOT NULL,
    n bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.sender_marks IS 'a number that each sender raises and remembers outside the database: when it is lower than remembered, commits were lost';

CREATE VIEW public.sent_to AS
 SELECT d.campaign_id,
    d.subscriber_id,
    d.groups
   FROM public.deliveries d
  WHERE (EXISTS ( SELECT
           FROM public.outcomes o
          WHERE ((o.campaign_id = d.campaign_id) AND (o.seq = d.seq) AND (o.kind = ANY (ARRAY['accepted'::text, 'doubt'::text, 'unknown'::text])))));

COMMENT ON VIEW public.sent_to IS 'declared by delivery for segments: who was sent which campaign, or may have been';

CREATE TABLE public.sessions (
    id bigint NOT NULL,
    token_hash bytea NOT NULL,
    account_id bigint,
    data text NOT NULL,
    renew boolean DEFAULT false NOT NULL,
    network text DEFAULT ''::text NOT NULL,
    browser text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

COMMENT ON COLUMN public.sessions.account_id IS 'who is logged in, or is about to and has given the password';

COMMENT ON COLUMN public.sessions.renew IS 'what the person may do has changed: the next request gets another token';

ALTER TABLE public.sessions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.sessions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.signups (
    id bigint NOT NULL,
    list_id bigint,
    publication_id bigint,
    lists bigint[] NOT NULL,
    address text NOT NULL,
    canonical text NOT NULL,
    language text DEFAULT ''::text NOT NULL,
    wording text NOT NULL,
    source_url text DEFAULT ''::text NOT NULL,
    network text DEFAULT ''::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    due timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT signups_check CHECK ((num_nonnulls(list_id, publication_id) = 1)),
    CONSTRAINT signups_lists_check CHECK ((lists <> '{}'::bigint[]))
);

COMMENT ON TABLE public.signups IS 'what was sent off with a form and waits for the worker, mostly for milliseconds; what becomes of it depends on the address, and must not show in the answer';

ALTER TABLE public.signups ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.signups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.subscribed AS
 SELECT subscriptions.subscriber_id,
    subscriptions.list_id,
    subscriptions.topics_off
   FROM public.subscriptions
  WHERE ((subscriptions.state = 'confirmed'::text) AND ((subscriptions.expires_at IS NULL) OR (subscriptions.expires_at > now())));

COMMENT ON VIEW public.subscribed IS 'declared by subscribers for segments: who is on which list, those on a pause included';

ALTER TABLE public.subscribers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.subscribers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE public.suppressions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.suppressions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.topics (
    id bigint NOT NULL,
    list_id bigint NOT NULL,
    "bit" smallint NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    retired_at timestamp with time zone,
    CONSTRAINT topics_bit_check CHECK ((("bit" >= 0) AND ("bit" <= 29))),
    CONSTRAINT topics_name_check CHECK ((name <> ''::text)),
    CONSTRAINT topics_slug_check CHECK (((slug ~ '^[a-z0-9](-?[a-z0-9])*$'::text) AND (length(slug) <= 50)))
);

COMMENT ON TABLE public.topics IS 'interests within a list that a reader can switch off';

COMMENT ON COLUMN public.topics."bit" IS 'its place in subscriptions.topics_off; never given to another topic';

ALTER TABLE public.topics ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.topics_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_canonical_key UNIQUE (canonical);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.address_changes
    ADD CONSTRAINT address_changes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.address_key
    ADD CONSTRAINT address_key_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.alert_settings
    ADD CONSTRAINT alert_settings_pkey PRIMARY KEY (list_id);

ALTER TABLE ONLY public.alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (campaign_id);

ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT api_tokens_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT api_tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.appeal_clicks
    ADD CONSTRAINT appeal_clicks_pkey PRIMARY KEY (campaign_id, variant_id, hour);

ALTER TABLE ONLY public.appeal_variants
    ADD CONSTRAINT appeal_variants_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.appeals
    ADD CONSTRAINT appeals_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.appeals
    ADD CONSTRAINT appeals_slug_key UNIQUE (slug);

ALTER TABLE ONLY public.articles
    ADD CONSTRAINT articles_canonical_url_key UNIQUE (canonical_url);

ALTER TABLE ONLY public.articles
    ADD CONSTRAINT articles_feed_id_guid_key UNIQUE NULLS NOT DISTINCT (feed_id, guid);

ALTER TABLE ONLY public.articles
    ADD CONSTRAINT articles_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.brake_marks
    ADD CONSTRAINT brake_marks_pkey PRIMARY KEY (campaign_id, provider);

ALTER TABLE ONLY public.budgets
    ADD CONSTRAINT budgets_pkey PRIMARY KEY (key, process);

ALTER TABLE ONLY public.campaign_blocks
    ADD CONSTRAINT campaign_blocks_pkey PRIMARY KEY (campaign_id, "position");

ALTER TABLE ONLY public.campaign_fixes
    ADD CONSTRAINT campaign_fixes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.campaign_hands
    ADD CONSTRAINT campaign_hands_pkey PRIMARY KEY (campaign_id, who);

ALTER TABLE ONLY public.campaign_presence
    ADD CONSTRAINT campaign_presence_pkey PRIMARY KEY (campaign_id, account);

ALTER TABLE ONLY public.campaign_revisions
    ADD CONSTRAINT campaign_revisions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.campaign_signatures
    ADD CONSTRAINT campaign_signatures_pkey PRIMARY KEY (campaign_id, who);

ALTER TABLE ONLY public.campaign_stories
    ADD CONSTRAINT campaign_stories_pkey PRIMARY KEY (campaign_id, article_id);

ALTER TABLE ONLY public.campaign_unsaved
    ADD CONSTRAINT campaign_unsaved_campaign_id_account_fold_key UNIQUE (campaign_id, account, fold);

ALTER TABLE ONLY public.campaign_unsaved
    ADD CONSTRAINT campaign_unsaved_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.campaigns
    ADD CONSTRAINT campaigns_digest_id_edition_key UNIQUE (digest_id, edition);

ALTER TABLE ONLY public.campaigns
    ADD CONSTRAINT campaigns_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.chunks
    ADD CONSTRAINT chunks_campaign_id_from_seq_key UNIQUE (campaign_id, from_seq);

ALTER TABLE ONLY public.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.click_salts
    ADD CONSTRAINT click_salts_pkey PRIMARY KEY (day);

ALTER TABLE ONLY public.confirm_asks
    ADD CONSTRAINT confirm_asks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.consent_kept
    ADD CONSTRAINT consent_kept_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.consent_log
    ADD CONSTRAINT consent_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.correction_mails
    ADD CONSTRAINT correction_mails_campaign_id_key UNIQUE (campaign_id);

ALTER TABLE ONLY public.correction_mails
    ADD CONSTRAINT correction_mails_pkey PRIMARY KEY (correction_id, list_id);

ALTER TABLE ONLY public.corrections
    ADD CONSTRAINT corrections_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.database_eras
    ADD CONSTRAINT database_eras_era_key UNIQUE (era);

ALTER TABLE ONLY public.database_eras
    ADD CONSTRAINT database_eras_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_campaign_id_subscriber_id_key UNIQUE (campaign_id, subscriber_id);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (campaign_id, seq);

ALTER TABLE ONLY public.digest_skips
    ADD CONSTRAINT digest_skips_pkey PRIMARY KEY (digest_id, day);

ALTER TABLE ONLY public.digests
    ADD CONSTRAINT digests_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.digests
    ADD CONSTRAINT digests_slug_key UNIQUE (slug);

ALTER TABLE ONLY public.doubt_decisions
    ADD CONSTRAINT doubt_decisions_pkey PRIMARY KEY (campaign_id, seq, attempt);

ALTER TABLE ONLY public.entry_links
    ADD CONSTRAINT entry_links_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY public.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.feed_items
    ADD CONSTRAINT feed_items_pkey PRIMARY KEY (feed_id, guid);

ALTER TABLE ONLY public.feeds
    ADD CONSTRAINT feeds_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.feeds
    ADD CONSTRAINT feeds_slug_key UNIQUE (slug);

ALTER TABLE ONLY public.feeds
    ADD CONSTRAINT feeds_url_key UNIQUE (url);

ALTER TABLE ONLY public.form_versions
    ADD CONSTRAINT form_versions_form_id_hash_key UNIQUE (form_id, hash);

ALTER TABLE ONLY public.form_versions
    ADD CONSTRAINT form_versions_pkey PRIMARY KEY (form_id, version);

ALTER TABLE ONLY public.forms
    ADD CONSTRAINT forms_list_id_key UNIQUE (list_id);

ALTER TABLE ONLY public.forms
    ADD CONSTRAINT forms_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.forms
    ADD CONSTRAINT forms_publication_id_key UNIQUE (publication_id);

ALTER TABLE ONLY public.held_clicks
    ADD CONSTRAINT held_clicks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.images
    ADD CONSTRAINT images_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY public.imports
    ADD CONSTRAINT imports_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.inbound
    ADD CONSTRAINT inbound_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.lanes
    ADD CONSTRAINT lanes_pkey PRIMARY KEY (relay, provider);

ALTER TABLE ONLY public.leave_reasons
    ADD CONSTRAINT leave_reasons_pkey PRIMARY KEY (list_id, campaign_id, reason, day);

ALTER TABLE ONLY public.leaves
    ADD CONSTRAINT leaves_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.limit_counts
    ADD CONSTRAINT limit_counts_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.link_checks
    ADD CONSTRAINT link_checks_pkey PRIMARY KEY (url_hash);

ALTER TABLE ONLY public.list_counts
    ADD CONSTRAINT list_counts_pkey PRIMARY KEY (list_id);

ALTER TABLE ONLY public.list_days
    ADD CONSTRAINT list_days_pkey PRIMARY KEY (list_id, day);

ALTER TABLE ONLY public.lists
    ADD CONSTRAINT lists_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.lists
    ADD CONSTRAINT lists_slug_key UNIQUE (slug);

ALTER TABLE ONLY public.login_tries
    ADD CONSTRAINT login_tries_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.machine_marks
    ADD CONSTRAINT machine_marks_pkey PRIMARY KEY (mark);

ALTER TABLE ONLY public.merged_subscribers
    ADD CONSTRAINT merged_subscribers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (campaign_id, revision, variant);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_dedupe_key_key UNIQUE (dedupe_key);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.outcomes
    ADD CONSTRAINT outcomes_pkey PRIMARY KEY (campaign_id, seq, attempt);

ALTER TABLE ONLY public.permits
    ADD CONSTRAINT permits_pkey PRIMARY KEY (process, serial);

ALTER TABLE ONLY public.proof_groups
    ADD CONSTRAINT proof_groups_list_id_name_key UNIQUE NULLS NOT DISTINCT (list_id, name);

ALTER TABLE ONLY public.proof_groups
    ADD CONSTRAINT proof_groups_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.proofs
    ADD CONSTRAINT proofs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.publications
    ADD CONSTRAINT publications_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.publications
    ADD CONSTRAINT publications_slug_key UNIQUE (slug);

ALTER TABLE ONLY public.recovery_codes
    ADD CONSTRAINT recovery_codes_pkey PRIMARY KEY (account_id, hash);

ALTER TABLE ONLY public.relay_days
    ADD CONSTRAINT relay_days_pkey PRIMARY KEY (relay, day);

ALTER TABLE ONLY public.relay_states
    ADD CONSTRAINT relay_states_pkey PRIMARY KEY (relay, process);

ALTER TABLE ONLY public.retries
    ADD CONSTRAINT retries_pkey PRIMARY KEY (campaign_id, seq);

ALTER TABLE ONLY public.review_reminders
    ADD CONSTRAINT review_reminders_pkey PRIMARY KEY (campaign_id, due_at);

ALTER TABLE ONLY public.review_settings
    ADD CONSTRAINT review_settings_pkey PRIMARY KEY (list_id);

ALTER TABLE ONLY public.segments
    ADD CONSTRAINT segments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.segments
    ADD CONSTRAINT segments_slug_key UNIQUE (slug);

ALTER TABLE ONLY public.send_repeats
    ADD CONSTRAINT send_repeats_pkey PRIMARY KEY (campaign_id, earlier, had);

ALTER TABLE ONLY public.sender_marks
    ADD CONSTRAINT sender_marks_pkey PRIMARY KEY (node);

ALTER TABLE ONLY public.sends
    ADD CONSTRAINT sends_pkey PRIMARY KEY (campaign_id);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY public.signups
    ADD CONSTRAINT signups_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.subscribers
    ADD CONSTRAINT subscribers_canonical_key UNIQUE (canonical);

ALTER TABLE ONLY public.subscribers
    ADD CONSTRAINT subscribers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_pkey PRIMARY KEY (subscriber_id, list_id);

ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT suppressions_address_hash_reason_key UNIQUE (address_hash, reason);

ALTER TABLE ONLY public.suppressions
    ADD CONSTRAINT suppressions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.topics
    ADD CONSTRAINT topics_list_id_bit_key UNIQUE (list_id, "bit");

ALTER TABLE ONLY public.topics
    ADD CONSTRAINT topics_list_id_slug_key UNIQUE (list_id, slug);

ALTER TABLE ONLY public.topics
    ADD CONSTRAINT topics_pkey PRIMARY KEY (id);

CREATE INDEX account_grants_list ON public.account_grants USING btree (list_id);

CREATE UNIQUE INDEX account_grants_one ON public.account_grants USING btree (account_id, COALESCE(list_id, (0)::bigint));

CREATE INDEX address_changes_subscriber ON public.address_changes USING btree (subscriber_id);

CREATE INDEX alerts_sent ON public.alerts USING btree (list_id, sent_at) WHERE (sent_at IS NOT NULL);

CREATE INDEX api_tokens_account ON public.api_tokens USING btree (account_id);

CREATE INDEX appeal_clicks_variant ON public.appeal_clicks USING btree (variant_id);

CREATE INDEX articles_feed ON public.articles USING btree (feed_id, published_at DESC);

CREATE INDEX articles_published ON public.articles USING btree (published_at DESC, id);

CREATE INDEX audit_log_actor ON public.audit_log USING btree (actor, id DESC);

CREATE INDEX audit_log_kind ON public.audit_log USING btree (split_part(action, '.'::text, 1), id DESC);

CREATE INDEX audit_log_subject ON public.audit_log USING btree (subject, id DESC);

CREATE INDEX campaign_fixes_of ON public.campaign_fixes USING btree (campaign_id);

CREATE UNIQUE INDEX campaign_fixes_open ON public.campaign_fixes USING btree (campaign_id) WHERE ((released_at IS NULL) AND (dropped_at IS NULL));

CREATE INDEX campaign_revisions_campaign ON public.campaign_revisions USING btree (campaign_id, id);

CREATE INDEX campaign_stories_article ON public.campaign_stories USING btree (article_id);

CREATE INDEX campaigns_archive ON public.campaigns USING btree (list_id, id) WHERE ((state = 'launched'::text) AND (NOT archive_hidden));

CREATE INDEX campaigns_digest_launched ON public.campaigns USING btree (digest_id, launched_at) WHERE (state = 'launched'::text);

CREATE INDEX campaigns_due ON public.campaigns USING btree (send_at) WHERE (state = ANY (ARRAY['draft'::text, 'in_review'::text, 'approved'::text, 'held'::text]));

CREATE INDEX campaigns_list_launched ON public.campaigns USING btree (list_id, launched_at) WHERE (state = 'launched'::text);

CREATE INDEX chunks_closed ON public.chunks USING btree (campaign_id) INCLUDE (accepted, failed, suppressed, expired, unknown) WHERE (closed_at IS NOT NULL);

CREATE INDEX chunks_open ON public.chunks USING btree (campaign_id, priority DESC, not_before, id) WHERE (closed_at IS NULL);

CREATE INDEX chunks_untold ON public.chunks USING btree (id) WHERE ((closed_at IS NOT NULL) AND (answers IS NULL));

CREATE INDEX confirm_asks_subscriber ON public.confirm_asks USING btree (subscriber_id);

CREATE INDEX consent_kept_erased ON public.consent_kept USING btree (erased_at);

CREATE INDEX consent_kept_hash ON public.consent_kept USING btree (address_hash);

CREATE INDEX consent_log_campaign ON public.consent_log USING btree (campaign_id) WHERE (campaign_id IS NOT NULL);

CREATE INDEX consent_log_long_network ON public.consent_log USING btree (at) WHERE ((network <> ''::text) AND (network !~ '^[0-9.]+/24$|:.*/48$'::text));

CREATE INDEX consent_log_network ON public.consent_log USING btree (at) WHERE (network <> ''::text);

CREATE INDEX consent_log_subscriber ON public.consent_log USING btree (subscriber_id, id);

CREATE INDEX corrections_article ON public.corrections USING btree (article_id);

CREATE INDEX entry_links_account ON public.entry_links USING btree (account_id);

CREATE UNIQUE INDEX erasures_begun ON public.erasures USING btree (address_hash) WHERE (erased_at IS NULL);

CREATE INDEX erasures_open ON public.erasures USING btree (id) WHERE (finished_at IS NULL);

CREATE INDEX feed_items_article ON public.feed_items USING btree (article_id);

CREATE INDEX feeds_due ON public.feeds USING btree (next_poll_at) WHERE (removed_at IS NULL);

CREATE INDEX held_clicks_at ON public.held_clicks USING btree (at);

CREATE INDEX images_recent ON public.images USING btree (created_at DESC, hash DESC) WHERE (removed_at IS NULL);

CREATE INDEX inbound_open ON public.inbound USING btree (kind, id) WHERE (handled_at IS NULL);

CREATE INDEX inbound_subscriber ON public.inbound USING btree (subscriber_id);

CREATE INDEX leaves_subscriber ON public.leaves USING btree (subscriber_id);

CREATE INDEX limit_counts_until ON public.limit_counts USING btree (until);

CREATE INDEX link_checks_age ON public.link_checks USING btree (checked_at);

CREATE INDEX login_tries_until ON public.login_tries USING btree (until);

CREATE INDEX merged_subscribers_into ON public.merged_subscribers USING btree (into_id);

CREATE INDEX outbox_due ON public.outbox USING btree (due) WHERE (state = 'queued'::text);

CREATE INDEX outbox_finished ON public.outbox USING btree (finished_at) WHERE (state <> 'queued'::text);

CREATE INDEX outbox_recipient ON public.outbox USING btree (lower(recipient));

CREATE INDEX outcomes_notable ON ONLY public.outcomes USING btree (campaign_id, kind, seq) WHERE (kind = ANY (ARRAY['failed'::text, 'suppressed'::text, 'expired'::text, 'unknown'::text]));

CREATE INDEX proofs_campaign ON public.proofs USING btree (campaign_id, id);

CREATE INDEX proofs_sent ON public.proofs USING btree (sent_at);

CREATE INDEX retries_due ON public.retries USING btree (campaign_id, provider, due);

CREATE INDEX sends_live ON public.sends USING btree (campaign_id) WHERE (state = ANY (ARRAY['running'::text, 'paused'::text]));

CREATE INDEX sessions_account ON public.sessions USING btree (account_id);

CREATE INDEX sessions_expires ON public.sessions USING btree (expires_at);

CREATE INDEX signups_canonical ON public.signups USING btree (canonical);

CREATE INDEX signups_due ON public.signups USING btree (due);

CREATE INDEX subscribers_name ON public.subscribers USING btree (lower(name) COLLATE "C", id) WHERE (name <> ''::text);

CREATE INDEX subscriptions_expiring ON public.subscriptions USING btree (expires_at) WHERE ((expires_at IS NOT NULL) AND (expiry_noted IS DISTINCT FROM expires_at));

CREATE INDEX subscriptions_pending ON public.subscriptions USING btree (created_at) WHERE (state = 'pending'::text);

CREATE INDEX subscriptions_walk ON public.subscriptions USING btree (list_id, shuffle, subscriber_id) WHERE (state = 'confirmed'::text);

CREATE INDEX suppressions_address ON public.suppressions USING btree (lower(address) COLLATE "C", id) WHERE (address IS NOT NULL);

CREATE TRIGGER audit_log_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER campaigns_hands_edited AFTER UPDATE OF edited_at, edited_by ON public.campaigns FOR EACH ROW EXECUTE FUNCTION public.note_hand();

CREATE TRIGGER campaigns_hands_made AFTER INSERT ON public.campaigns FOR EACH ROW EXECUTE FUNCTION public.note_hand();

CREATE TRIGGER consent_log_append_only BEFORE TRUNCATE ON public.consent_log FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER consent_log_only_less BEFORE UPDATE ON public.consent_log FOR EACH ROW EXECUTE FUNCTION public.only_less_network();

CREATE TRIGGER lists_with_subscriptions_stay BEFORE DELETE ON public.lists FOR EACH ROW EXECUTE FUNCTION public.list_has_nobody();

CREATE TRIGGER subscriptions_changes_are_noted AFTER UPDATE ON public.subscriptions FOR EACH ROW WHEN (((old.state <> new.state) OR (old.list_id <> new.list_id))) EXECUTE FUNCTION public.note_changed_subscription();

CREATE TRIGGER subscriptions_gone_are_noted AFTER DELETE ON public.subscriptions REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION public.note_gone_subscriptions();

CREATE TRIGGER subscriptions_list_is_there AFTER INSERT ON public.subscriptions REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION public.list_is_there();

CREATE TRIGGER subscriptions_new_are_noted AFTER INSERT ON public.subscriptions REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION public.note_new_subscriptions();

CREATE TRIGGER subscriptions_new_list_is_there BEFORE UPDATE OF list_id ON public.subscriptions FOR EACH ROW EXECUTE FUNCTION public.new_list_is_there();

ALTER TABLE ONLY public.account_grants
    ADD CONSTRAINT account_grants_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.account_grants
    ADD CONSTRAINT account_grants_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);

ALTER TABLE ONLY public.address_changes
    ADD CONSTRAINT address_changes_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);

ALTER TABLE ONLY public.address_changes
    ADD CONSTRAINT address_changes_subscriber_id_fkey FOREIGN KEY (subscriber_id) REFERENCES public.subscribers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.alert_settings
    ADD CONSTRAINT alert_settings_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);

ALTER TABLE ONLY public.alerts
    ADD CONSTRAINT alerts_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.alerts
    ADD CONSTRAINT alerts_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);

ALTER TABLE ONLY public.api_tokens
    ADD CONSTRAINT api_tokens_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.appeal_clicks
    ADD CONSTRAINT appeal_clicks_variant_id_fkey FOREIGN KEY (variant_id) REFERENCES public.appeal_variants(id);

ALTER TABLE ONLY public.appeal_variants
    ADD CONSTRAINT appeal_variants_appeal_id_fkey FOREIGN KEY (appeal_id) REFERENCES public.appeals(id);

ALTER TABLE ONLY public.articles
    ADD CONSTRAINT articles_feed_id_fkey FOREIGN KEY (feed_id) REFERENCES public.feeds(id);

ALTER TABLE ONLY public.brake_marks
    ADD CONSTRAINT brake_marks_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.sends(campaign_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.campaign_blocks
    ADD CONSTRAINT campaign_blocks_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.campaign_fixes
    ADD CONSTRAINT campaign_fixes_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.campaign_hands
    ADD CONSTRAINT campaign_hands_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.campaign_presence
    ADD CONSTRAINT campaign_presence_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.campaign_revisions
    ADD CONSTRAINT campaign_revisions_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.campaign_signatures
    ADD CONSTRAINT campaign_signatures_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.campaign_stories
    ADD CONSTRAINT campaign_stories_article_id_fkey FOREIGN KEY (article_id) REFERENCES public.articles(id);

ALTER TABLE ONLY public.campaign_stories
    ADD CONSTRAINT campaign_stories_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.campaign_unsaved
    ADD CONSTRAINT campaign_unsaved_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.campaigns
    ADD CONSTRAINT campaigns_digest_id_fkey FOREIGN KEY (digest_id) REFERENCES public.digests(id);

ALTER TABLE ONLY public.campaigns
    ADD CONSTRAINT campaigns_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);

ALTER TABLE ONLY public.chunks
    ADD CONSTRAINT chunks_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.sends(campaign_id);

ALTER TABLE ONLY public.confirm_asks
    ADD CONSTRAINT confirm_asks_subscriber_id_fkey FOREIGN KEY (subscriber_id) REFERENCES public.subscribers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.correction_mails
    ADD CONSTRAINT correction_mails_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.correction_mails
    ADD CONSTRAINT correction_mails_correction_id_fkey FOREIGN KEY (correction_id) REFERENCES public.corrections(id);

ALTER TABLE ONLY public.correction_mails
    ADD CONSTRAINT correction_mails_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);

ALTER TABLE ONLY public.corrections
    ADD CONSTRAINT corrections_article_id_fkey FOREIGN KEY (article_id) REFERENCES public.articles(id);

ALTER TABLE ONLY public.digest_skips
    ADD CONSTRAINT digest_skips_digest_id_fkey FOREIGN KEY (digest_id) REFERENCES public.digests(id);

ALTER TABLE ONLY public.digests
    ADD CONSTRAINT digests_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);

ALTER TABLE ONLY public.entry_links
    ADD CONSTRAINT entry_links_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.feed_items
    ADD CONSTRAINT feed_items_article_id_fkey FOREIGN KEY (article_id) REFERENCES public.articles(id);

ALTER TABLE ONLY public.feed_items
    ADD CONSTRAINT feed_items_feed_id_fkey FOREIGN KEY (feed_id) REFERENCES public.feeds(id);

ALTER TABLE ONLY public.form_versions
    ADD CONSTRAINT form_versions_form_id_fkey FOREIGN KEY (form_id) REFERENCES public.forms(id);

ALTER TABLE ONLY public.forms
    ADD CONSTRAINT forms_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);

ALTER TABLE ONLY public.forms
    ADD CONSTRAINT forms_publication_id_fkey FOREIGN KEY (publication_id) REFERENCES public.publications(id);

ALTER TABLE ONLY public.held_clicks
    ADD CONSTRAINT held_clicks_variant_id_fkey FOREIGN KEY (variant_id) REFERENCES public.appeal_variants(id);

ALTER TABLE ONLY public.imports
    ADD CONSTRAINT imports_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);

ALTER TABLE ONLY public.leave_reasons
    ADD CONSTRAINT leave_reasons_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);

ALTER TABLE ONLY public.list_counts
    ADD CONSTRAINT list_counts_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.list_days
    ADD CONSTRAINT list_days_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.lists
    ADD CONSTRAINT lists_publication_id_fkey FOREIGN KEY (publication_id) REFERENCES public.publications(id);

ALTER TABLE ONLY public.merged_subscribers
    ADD CONSTRAINT merged_subscribers_into_id_fkey FOREIGN KEY (into_id) REFERENCES public.subscribers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.proof_groups
    ADD CONSTRAINT proof_groups_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);

ALTER TABLE ONLY public.proofs
    ADD CONSTRAINT proofs_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.recovery_codes
    ADD CONSTRAINT recovery_codes_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.retries
    ADD CONSTRAINT retries_chunk_id_fkey FOREIGN KEY (chunk_id) REFERENCES public.chunks(id);

ALTER TABLE ONLY public.review_reminders
    ADD CONSTRAINT review_reminders_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.review_settings
    ADD CONSTRAINT review_settings_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.accounts(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.signups
    ADD CONSTRAINT signups_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);

ALTER TABLE ONLY public.signups
    ADD CONSTRAINT signups_publication_id_fkey FOREIGN KEY (publication_id) REFERENCES public.publications(id);

ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_subscriber_id_fkey FOREIGN KEY (subscriber_id) REFERENCES public.subscribers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.topics
    ADD CONSTRAINT topics_list_id_fkey FOREIGN KEY (list_id) REFERENCES public.lists(id);
