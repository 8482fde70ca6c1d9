-- IDs are the 16 bytes of a UUID, which sort by age. Times are milliseconds since 1970.

CREATE TABLE watch (
    id               BLOB NOT NULL PRIMARY KEY,
    project          TEXT NOT NULL,
    job_id           TEXT NOT NULL,
    hooks            TEXT NOT NULL, -- names, with a space between two
    accepted_at      INTEGER NOT NULL,
    deadline_at      INTEGER,
    polls            INTEGER NOT NULL,
    job_status       TEXT, -- without one there is no description of the job
    job_type         TEXT,
    job_begin        INTEGER,
    job_end          INTEGER,
    job_fail_reason  TEXT,
    outcome          TEXT, -- without one the watch goes on
    ended_at         INTEGER,
    fault_status     INTEGER,
    fault_code       TEXT,
    fault_message    TEXT, -- without one there is no fault
    fault_request_id TEXT
) STRICT, WITHOUT ROWID;

-- What an order for the same job joins.
CREATE UNIQUE INDEX watch_to_join ON watch (project, job_id)
    WHERE outcome IS NULL OR outcome IN ('succeeded', 'failed');
-- Also the active ones, whose outcome is NULL.
CREATE INDEX watch_by_outcome ON watch (outcome, id);
CREATE INDEX watch_by_job ON watch (job_id, id);
CREATE INDEX watch_by_project ON watch (project, id);
CREATE INDEX watch_ended ON watch (id) WHERE outcome IS NOT NULL;
CREATE INDEX watch_by_end ON watch (ended_at) WHERE ended_at IS NOT NULL;

-- The history of a watch, in the order of the rows.
CREATE TABLE answers (
    watch_id BLOB NOT NULL REFERENCES watch (id) ON DELETE CASCADE,
    answer   TEXT NOT NULL,
    count    INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX answers_by_watch ON answers (watch_id);

CREATE TABLE delivery (
    id         BLOB NOT NULL PRIMARY KEY,
    watch_id   BLOB NOT NULL REFERENCES watch (id) ON DELETE CASCADE,
    hook       TEXT NOT NULL,
    body       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    state      TEXT NOT NULL,
    due        INTEGER, -- while it is pending
    attempts   INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    UNIQUE (watch_id, hook)
) STRICT;

CREATE INDEX delivery_by_state ON delivery (state, id);
CREATE INDEX delivery_by_hook ON delivery (hook, id);

CREATE TABLE attempt (
    delivery_id BLOB NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    took        INTEGER NOT NULL, -- milliseconds
    answer      TEXT NOT NULL,
    delivered   INTEGER NOT NULL,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

-- How many there are, as counting a million rows takes too long. Kept by the triggers below,
-- so that it is true whoever changes a row.
CREATE TABLE tally (
    what TEXT NOT NULL PRIMARY KEY,
    n    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO tally VALUES ('active', 0), ('ended', 0), ('pending', 0), ('delivered', 0), ('dead', 0);

CREATE TRIGGER watch_added AFTER INSERT ON watch BEGIN
    UPDATE tally SET n = n + 1 WHERE what = iif(NEW.outcome IS NULL, 'active', 'ended');
END;

CREATE TRIGGER watch_changed AFTER UPDATE OF outcome ON watch
WHEN (OLD.outcome IS NULL) <> (NEW.outcome IS NULL) BEGIN
    UPDATE tally SET n = n - 1 WHERE what = iif(OLD.outcome IS NULL, 'active', 'ended');
    UPDATE tally SET n = n + 1 WHERE what = iif(NEW.outcome IS NULL, 'active', 'ended');
END;

CREATE TRIGGER watch_removed AFTER DELETE ON watch BEGIN
    UPDATE tally SET n = n - 1 WHERE what = iif(OLD.outcome IS NULL, 'active', 'ended');
END;

CREATE TRIGGER delivery_added AFTER INSERT ON delivery BEGIN
    UPDATE tally SET n = n + 1 WHERE what = NEW.state;
END;

CREATE TRIGGER delivery_changed AFTER UPDATE OF state ON delivery
WHEN OLD.state <> NEW.state BEGIN
    UPDATE tally SET n = n - 1 WHERE what = OLD.state;
    UPDATE tally SET n = n + 1 WHERE what = NEW.state;
END;

CREATE TRIGGER delivery_removed AFTER DELETE ON delivery BEGIN
    UPDATE tally SET n = n - 1 WHERE what = OLD.state;
END;
