-- Deliveries that failed finally, in groups, for each hour and endpoint. In the order of time, so that new rows meet on the last pages and
-- old rows are deleted from the first ones.
CREATE TABLE hookwire_failure (
    hour INTEGER NOT NULL,
    endpoint BLOB NOT NULL,
    -- The outcome, the reason and a hash of the response's shape.
    kind BLOB NOT NULL,
    -- NULL if the endpoint was not stored.
    tenant TEXT,
    number INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    oldest_made INTEGER NOT NULL,
    newest_made INTEGER NOT NULL,
    -- The delivery that failed last.
    sample BLOB NOT NULL,
    PRIMARY KEY (hour, endpoint, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX hookwire_failure_tenant ON hookwire_failure (tenant, hour);
