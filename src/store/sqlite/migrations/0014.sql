-- Bulk jobs. AUTOINCREMENT: the number of a deleted job is never used again.
CREATE TABLE hookwire_job (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    -- NULL if operators own the job.
    tenant TEXT,
    -- NULL if the job is finished.
    wake_at INTEGER,
    version INTEGER NOT NULL CHECK (version > 0),
    content TEXT NOT NULL
) STRICT;

CREATE INDEX hookwire_job_owner ON hookwire_job (tenant, number);
CREATE INDEX hookwire_job_open ON hookwire_job (wake_at) WHERE wake_at IS NOT NULL;
