-- Notes of settlements, which the settle transactions append. A worker adds them to the rollups and deletes them.
CREATE TABLE hookwire_settled (
    seq INTEGER PRIMARY KEY,
    notes BLOB NOT NULL
) STRICT;

-- What happened in each minute (step 0) and hour (step 1), for each lane, tenant and kind of work. In the order of time, so that new
-- rows meet on the last pages and old rows are deleted from the first ones.
CREATE TABLE hookwire_rollup (
    step INTEGER NOT NULL,
    at INTEGER NOT NULL,
    of BLOB NOT NULL,
    numbers BLOB NOT NULL,
    PRIMARY KEY (step, at, of)
) STRICT, WITHOUT ROWID;
