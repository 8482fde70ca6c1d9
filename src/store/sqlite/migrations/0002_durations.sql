-- How long jobs took, in the order of the rows. They stay when their watches go.
CREATE TABLE duration (
    id       INTEGER NOT NULL PRIMARY KEY,
    project  TEXT NOT NULL,
    job_type TEXT NOT NULL,
    began    INTEGER NOT NULL, -- milliseconds since 1970, by the service's clock
    took     INTEGER NOT NULL  -- milliseconds
) STRICT;

CREATE INDEX duration_by_type ON duration (project, job_type, id);

-- The last 64 of each type are kept, whoever adds one.
CREATE TRIGGER duration_added AFTER INSERT ON duration BEGIN
    DELETE FROM duration
    WHERE project = NEW.project AND job_type = NEW.job_type AND id <= (
        SELECT id FROM duration WHERE project = NEW.project AND job_type = NEW.job_type
        ORDER BY id DESC LIMIT 1 OFFSET 64
    );
END;

-- What the last ten thousand watches tell that have ended already: the last 64 of at most 200 types a
-- project, as the program keeps them from now on. Sorting more would need room for temporary files.
INSERT INTO duration (project, job_type, began, took)
WITH ended AS (
    SELECT project, job_type, job_begin AS began, job_end - job_begin AS took, ended_at, id FROM watch
    WHERE ended_at IS NOT NULL AND job_status IN ('SUCCESS', 'FAIL')
        AND length(CAST(job_type AS BLOB)) BETWEEN 1 AND 100
        AND job_end - job_begin BETWEEN 0 AND 196000000
    ORDER BY ended_at DESC, id DESC LIMIT 10000
), ranked AS (
    SELECT *,
        row_number() OVER (PARTITION BY project, job_type ORDER BY ended_at DESC, id DESC) AS nth_last,
        dense_rank() OVER (PARTITION BY project ORDER BY job_type) AS nth_type
    FROM ended
)
SELECT project, job_type, began, took FROM ranked
WHERE nth_last <= 64 AND nth_type <= 200
ORDER BY ended_at, id;
