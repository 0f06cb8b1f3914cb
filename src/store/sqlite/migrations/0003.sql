-- The live workers, so that they can share the limits of a lane.
CREATE TABLE hookwire_worker (
    id BLOB NOT NULL PRIMARY KEY,
    crew TEXT NOT NULL,
    -- Unless it says more.
    ends INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
