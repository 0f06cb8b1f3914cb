-- Bulk jobs.
CREATE TABLE hookwire.job (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- NULL if operators own the job.
    tenant text COLLATE "C",
    -- NULL if the job is finished.
    wake_at bigint,
    version bigint NOT NULL CHECK (version > 0),
    content text NOT NULL
);

CREATE INDEX job_owner ON hookwire.job (tenant, number);
CREATE INDEX job_open ON hookwire.job (wake_at, number) WHERE wake_at IS NOT NULL;
