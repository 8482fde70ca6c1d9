-- IDs are UUIDs, which sort by age. Times are milliseconds since 1970, durations milliseconds. Texts
-- from outside may hold a character of number 0, which no text may here: it is written as number 26
-- and a 0, and number 26 itself as two of it.

CREATE TABLE meta (
    program TEXT NOT NULL,
    version BIGINT NOT NULL
);

INSERT INTO meta VALUES ('dcs-wait', 0);

-- Those who share the database. A lease is its instance's, and keeps all that it holds.
CREATE TABLE instance (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       TEXT NOT NULL,
    version    TEXT NOT NULL,
    joined_at  BIGINT NOT NULL,
    renewed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    dead       BOOLEAN NOT NULL DEFAULT FALSE,
    -- What it says that it holds.
    watches    BIGINT NOT NULL DEFAULT 0,
    deliveries BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE watch (
    id               UUID NOT NULL PRIMARY KEY,
    project          TEXT COLLATE "C" NOT NULL,
    job_id           TEXT COLLATE "C" NOT NULL,
    hooks            TEXT NOT NULL, -- names, with a space between two
    accepted_at      BIGINT NOT NULL,
    deadline_at      BIGINT,
    polls            BIGINT NOT NULL DEFAULT 0,
    job_status       TEXT, -- without one there is no description of the job
    job_type         TEXT,
    job_begin        BIGINT,
    job_end          BIGINT,
    job_fail_reason  TEXT,
    outcome          TEXT COLLATE "C", -- without one the watch goes on
    ended_at         BIGINT,
    fault_status     INTEGER,
    fault_code       TEXT,
    fault_message    TEXT, -- without one there is no fault
    fault_request_id TEXT,
    -- Whether an order for the same job joins the watch: TRUE, or NULL where it doesn't, which makes
    -- nothing unequal to others.
    joinable         BOOLEAN DEFAULT TRUE,
    owner            BIGINT NOT NULL, -- an instance that holds it, or did; 0 for none
    fence            BIGINT NOT NULL,
    -- What others than its owner want of it.
    call_off         BOOLEAN NOT NULL DEFAULT FALSE,
    poll_now         BOOLEAN NOT NULL DEFAULT FALSE,
    hooks_changed    BOOLEAN NOT NULL DEFAULT FALSE
) WITH (fillfactor = 85); -- with room for how far it has come to change in its place

CREATE UNIQUE INDEX watch_by_job ON watch (job_id, project, joinable);
CREATE INDEX watch_by_project ON watch (project, id);
-- Nearly all watches succeed: those are found among the ended ones.
CREATE INDEX watch_by_outcome ON watch (outcome, id) WHERE outcome <> 'succeeded';
CREATE INDEX watch_ended ON watch (id) WHERE outcome IS NOT NULL;
CREATE INDEX watch_by_end ON watch (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX watch_active ON watch (id) WHERE outcome IS NULL;
CREATE INDEX watch_by_owner ON watch (owner, id) WHERE outcome IS NULL;
CREATE INDEX watch_wished ON watch (owner)
    WHERE outcome IS NULL AND (call_off OR poll_now OR hooks_changed);

-- The history of a watch, in the order of the rows.
CREATE TABLE answers (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    watch_id UUID NOT NULL REFERENCES watch (id) ON DELETE CASCADE,
    answer   TEXT NOT NULL,
    count    BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at  BIGINT NOT NULL
);

CREATE INDEX answers_by_watch ON answers (watch_id);

CREATE TABLE delivery (
    id         UUID NOT NULL PRIMARY KEY,
    watch_id   UUID NOT NULL REFERENCES watch (id) ON DELETE CASCADE,
    hook       TEXT COLLATE "C" NOT NULL,
    body       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    state      TEXT COLLATE "C" NOT NULL,
    due        BIGINT, -- while it is pending
    attempts   BIGINT NOT NULL,
    tries      BIGINT NOT NULL,
    owner      BIGINT NOT NULL,
    fence      BIGINT NOT NULL,
    wished     BOOLEAN NOT NULL DEFAULT FALSE, -- that its owner carries it out anew
    UNIQUE (watch_id, hook)
);

CREATE INDEX delivery_by_state ON delivery (state, id) WHERE state <> 'delivered';
CREATE INDEX delivery_delivered ON delivery (id) WHERE state = 'delivered';
CREATE INDEX delivery_by_hook ON delivery (hook, id);
CREATE INDEX delivery_by_owner ON delivery (owner, id) WHERE state = 'pending';
CREATE INDEX delivery_wished ON delivery (owner) WHERE state = 'pending' AND wished;

CREATE TABLE attempt (
    delivery_id UUID NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    number      BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    took        BIGINT NOT NULL,
    answer      TEXT NOT NULL,
    delivered   BOOLEAN NOT NULL,
    PRIMARY KEY (delivery_id, number)
);

-- How long jobs took, in the order of the rows. They stay when their watches go.
CREATE TABLE duration (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project  TEXT COLLATE "C" NOT NULL,
    job_type TEXT COLLATE "C" NOT NULL,
    began    BIGINT NOT NULL, -- by the service's clock
    took     BIGINT NOT NULL
);

CREATE INDEX duration_by_type ON duration (project, job_type, id);

-- The last 64 of each type are kept, whoever adds one.
CREATE FUNCTION keep_last_durations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    added RECORD;
BEGIN
    FOR added IN SELECT DISTINCT project, job_type FROM new_rows LOOP
        DELETE FROM duration
        WHERE project = added.project AND job_type = added.job_type AND id <= (
            SELECT id FROM duration WHERE project = added.project AND job_type = added.job_type
            ORDER BY id DESC LIMIT 1 OFFSET 64
        );
    END LOOP;
    RETURN NULL;
END $$;

CREATE TRIGGER duration_added AFTER INSERT ON duration REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION keep_last_durations();

-- How many there are, as counting a million rows takes too long. Kept by the triggers below, so that it
-- is true whoever changes a row. It is the sum over all slots: each connection adds to one of its own,
-- nearly, so that none waits for another's transaction.
CREATE TABLE tally (
    slot INTEGER NOT NULL,
    what TEXT COLLATE "C" NOT NULL,
    n    BIGINT NOT NULL,
    PRIMARY KEY (slot, what)
) WITH (fillfactor = 50);

CREATE FUNCTION watches_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally SELECT pg_backend_pid() % 32, what, count(*)
    FROM (SELECT CASE WHEN outcome IS NULL THEN 'active' ELSE 'ended' END AS what FROM new_rows) AS added
    GROUP BY what ORDER BY what
    ON CONFLICT (slot, what) DO UPDATE SET n = tally.n + excluded.n;
    RETURN NULL;
END $$;

CREATE FUNCTION watches_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    more BIGINT; -- ended ones
BEGIN
    more := (SELECT count(outcome) FROM new_rows) - (SELECT count(outcome) FROM old_rows);
    IF more <> 0 THEN
        INSERT INTO tally
        VALUES (pg_backend_pid() % 32, 'active', -more), (pg_backend_pid() % 32, 'ended', more)
        ON CONFLICT (slot, what) DO UPDATE SET n = tally.n + excluded.n;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION watches_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally SELECT pg_backend_pid() % 32, what, -count(*)
    FROM (SELECT CASE WHEN outcome IS NULL THEN 'active' ELSE 'ended' END AS what FROM old_rows) AS removed
    GROUP BY what ORDER BY what
    ON CONFLICT (slot, what) DO UPDATE SET n = tally.n + excluded.n;
    RETURN NULL;
END $$;

CREATE TRIGGER watch_added AFTER INSERT ON watch REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION watches_added();
CREATE TRIGGER watch_changed AFTER UPDATE ON watch REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION watches_changed();
CREATE TRIGGER watch_removed AFTER DELETE ON watch REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION watches_removed();

CREATE FUNCTION deliveries_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally SELECT pg_backend_pid() % 32, state, count(*)
    FROM new_rows GROUP BY state ORDER BY state
    ON CONFLICT (slot, what) DO UPDATE SET n = tally.n + excluded.n;
    RETURN NULL;
END $$;

CREATE FUNCTION deliveries_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally SELECT pg_backend_pid() % 32, state, sum(n)
    FROM (SELECT state, 1 AS n FROM new_rows UNION ALL SELECT state, -1 FROM old_rows) AS both_of_them
    GROUP BY state HAVING sum(n) <> 0 ORDER BY state
    ON CONFLICT (slot, what) DO UPDATE SET n = tally.n + excluded.n;
    RETURN NULL;
END $$;

CREATE FUNCTION deliveries_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally SELECT pg_backend_pid() % 32, state, -count(*)
    FROM old_rows GROUP BY state ORDER BY state
    ON CONFLICT (slot, what) DO UPDATE SET n = tally.n + excluded.n;
    RETURN NULL;
END $$;

CREATE TRIGGER delivery_added AFTER INSERT ON delivery REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION deliveries_added();
CREATE TRIGGER delivery_changed AFTER UPDATE ON delivery REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION deliveries_changed();
CREATE TRIGGER delivery_removed AFTER DELETE ON delivery REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION deliveries_removed();
