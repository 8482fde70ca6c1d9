-- What the wall clock showed when the store was last known to be in use, in milliseconds since 1970: one
-- row. Where the clock has been set meanwhile, the next start finds that out by it.
CREATE TABLE clock (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    seen_at INTEGER NOT NULL
) STRICT;
