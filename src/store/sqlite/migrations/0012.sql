-- Which of several stores has a tenant.
CREATE TABLE hookwire_placement (
    tenant TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    shard TEXT NOT NULL,
    moving_to TEXT,
    frozen INTEGER NOT NULL,
    -- Names of former stores, each with the time of leaving in microseconds, as JSON.
    former TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX hookwire_placement_moving ON hookwire_placement (tenant) WHERE moving_to IS NOT NULL;
