-- Which of several stores has a tenant.
CREATE TABLE hookwire.placement (
    tenant text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    shard text NOT NULL,
    moving_to text,
    frozen boolean NOT NULL,
    -- Names of former stores, each with the time of leaving in microseconds, as JSON.
    former text NOT NULL
);

CREATE INDEX placement_moving ON hookwire.placement (tenant) WHERE moving_to IS NOT NULL;
