-- What is written for each watch is a page for each index that isn't in the order of time, so there are
-- as few of those as can be.

-- Whether an order for the same job joins the watch: 1, or NULL where it doesn't, which makes nothing
-- unequal to others. Changes only where a watch ends otherwise than its job.
ALTER TABLE watch ADD COLUMN joinable INTEGER DEFAULT 1;
UPDATE watch SET joinable = NULL WHERE outcome NOT IN ('succeeded', 'failed');

DROP INDEX watch_to_join;
DROP INDEX watch_by_job;
CREATE UNIQUE INDEX watch_by_job ON watch (job_id, project, joinable);

-- Nearly all watches succeed: those are found among the ended ones.
DROP INDEX watch_by_outcome;
CREATE INDEX watch_by_outcome ON watch (outcome, id) WHERE outcome <> 'succeeded';
CREATE INDEX watch_active ON watch (id) WHERE outcome IS NULL;
