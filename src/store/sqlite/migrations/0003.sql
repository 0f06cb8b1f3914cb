-- Which workers live, so that they can share what a lane may use.
CREATE TABLE hookwire_worker (
    id BLOB NOT NULL PRIMARY KEY,
    crew TEXT NOT NULL,
    -- Unless it says more.
    ends INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
