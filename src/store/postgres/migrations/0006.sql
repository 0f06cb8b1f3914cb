-- Notes of settlements, which the settle transactions append. A worker adds them to the rollups and deletes them.
CREATE TABLE hookwire.settled (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notes bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- What happened in each minute (step 0) and hour (step 1), for each lane, tenant and kind of work.
CREATE TABLE hookwire.rollup (
    step smallint NOT NULL,
    at bigint NOT NULL,
    of bytea NOT NULL,
    numbers bytea NOT NULL,
    PRIMARY KEY (step, at, of)
) WITH (fillfactor = 70);
