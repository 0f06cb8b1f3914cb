CREATE TABLE hookwire_schema (version INTEGER NOT NULL) STRICT;
INSERT INTO hookwire_schema (version) VALUES (0);

-- The ids of dispatched events, for idempotency. A table of its own, because ids and events may be kept for different times.
CREATE TABLE hookwire_publish (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    event INTEGER NOT NULL,
    fingerprint BLOB,
    PRIMARY KEY (id, tenant) -- ids that we make sort by time, so new keys meet on the last page
) STRICT, WITHOUT ROWID;

CREATE TABLE hookwire_event (
    seq INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    content_type TEXT NOT NULL,
    occurred_at INTEGER NOT NULL, -- microseconds since the Unix epoch, as every time here
    appended_at INTEGER NOT NULL,
    childless INTEGER -- appended_at, once no delivery is left; NULL before
) STRICT;

-- Events that may be deleted, so that pruning never reads any other.
CREATE INDEX hookwire_childless ON hookwire_event (childless) WHERE childless IS NOT NULL;

-- Payloads are apart from the events, so that scanning events is cheap.
CREATE TABLE hookwire_payload (
    event INTEGER PRIMARY KEY,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE hookwire_delivery (
    id BLOB NOT NULL PRIMARY KEY,
    event INTEGER NOT NULL,
    endpoint BLOB NOT NULL,
    state INTEGER NOT NULL, -- 0 pending, 1 delivered, 2 failed, 3 cancelled
    due INTEGER NOT NULL, -- while leased: when the lease ends
    attempts INTEGER NOT NULL,
    faults INTEGER NOT NULL,
    fence INTEGER NOT NULL, -- rises with every claim
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    reason TEXT,
    -- The last attempt stands here, so that the common case, one attempt and done, writes one row. Earlier ones are moved
    -- to hookwire_attempt.
    last_fence INTEGER,
    last_number INTEGER,
    last_at INTEGER,
    last_duration INTEGER, -- microseconds
    last_class TEXT,
    last_status INTEGER,
    last_excerpt TEXT
) STRICT, WITHOUT ROWID;

-- The hot index: due deliveries, retries and ended leases of each lane. Finished deliveries are not in it.
CREATE INDEX hookwire_pending ON hookwire_delivery (endpoint, due) WHERE state = 0;
CREATE INDEX hookwire_delivery_event ON hookwire_delivery (event);
CREATE INDEX hookwire_finished ON hookwire_delivery (finished_at) WHERE finished_at IS NOT NULL;

-- All attempts of a delivery except the last one.
CREATE TABLE hookwire_attempt (
    delivery BLOB NOT NULL,
    fence INTEGER NOT NULL, -- of the claim it was made under: orders the attempts
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    duration INTEGER NOT NULL, -- microseconds
    class TEXT NOT NULL,
    status INTEGER,
    excerpt TEXT,
    PRIMARY KEY (delivery, fence)
) STRICT, WITHOUT ROWID;

CREATE TABLE hookwire_endpoint (
    id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    version INTEGER NOT NULL,
    state INTEGER NOT NULL, -- 0 enabled, 1 disabled, 2 removed
    record TEXT NOT NULL -- JSON; holds the keys
) STRICT, WITHOUT ROWID;

CREATE INDEX hookwire_endpoint_tenant ON hookwire_endpoint (tenant) WHERE state < 2;

CREATE TABLE hookwire_dedup (
    key BLOB NOT NULL PRIMARY KEY,
    fence INTEGER NOT NULL,
    status INTEGER, -- NULL while it is being handled
    ends INTEGER NOT NULL -- the lease, or when it is forgotten
) STRICT, WITHOUT ROWID;

CREATE INDEX hookwire_dedup_ends ON hookwire_dedup (ends);
