-- Deliveries that failed finally, in groups, for each hour and endpoint.
CREATE TABLE hookwire.failure (
    hour bigint NOT NULL,
    endpoint uuid NOT NULL,
    -- The outcome, the reason and a hash of the response's shape.
    kind bytea NOT NULL,
    -- NULL if the endpoint was not stored.
    tenant text COLLATE "C",
    number bigint NOT NULL,
    first_at bigint NOT NULL,
    last_at bigint NOT NULL,
    oldest_made bigint NOT NULL,
    newest_made bigint NOT NULL,
    -- The delivery that failed last.
    sample uuid NOT NULL,
    PRIMARY KEY (hour, endpoint, kind)
) WITH (fillfactor = 70);

CREATE INDEX failure_tenant ON hookwire.failure (tenant, hour);
