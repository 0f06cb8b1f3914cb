-- The table that other clients write: one INSERT dispatches an event. Only `type` and `data` are required; documented in
-- `hookwire::store::sqlite`. A worker turns each row into an event with its deliveries and deletes the row.
CREATE TABLE hookwire_outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: two workers may look at one row
    type TEXT NOT NULL CHECK (length(type) BETWEEN 1 AND 128),
    data ANY NOT NULL CHECK (typeof(data) IN ('text', 'blob')),
    tenant TEXT NOT NULL DEFAULT 'default' CHECK (length(tenant) BETWEEN 1 AND 128),
    content_type TEXT, -- NULL: `data` is JSON and is sent in the Standard Webhooks envelope; else it is sent as it is
    id TEXT CHECK (length(id) BETWEEN 1 AND 128), -- the caller's own: makes the INSERT idempotent
    occurred_at INTEGER, -- microseconds since the Unix epoch, as every time here
    fifo_key TEXT CHECK (length(fifo_key) BETWEEN 1 AND 128),
    latest_key TEXT CHECK (latest_key IS NULL OR (length(latest_key) BETWEEN 1 AND 128 AND fifo_key IS NULL)),
    expires_at INTEGER,
    written_at INTEGER,
    error TEXT -- why the row cannot be dispatched; it stays until somebody corrects it and sets this to NULL
) STRICT;

CREATE INDEX hookwire_outbox_new ON hookwire_outbox (seq) WHERE error IS NULL;

-- `f` or `l` (first in first out, or latest) and the key.
ALTER TABLE hookwire_event ADD COLUMN order_key TEXT;
ALTER TABLE hookwire_event ADD COLUMN expires_at INTEGER;
ALTER TABLE hookwire_event ADD COLUMN expunged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hookwire_delivery ADD COLUMN order_key TEXT;

-- The deliveries of each key: first the one that blocks the key, then those that wait, whose due time is the largest integer.
CREATE INDEX hookwire_ordered ON hookwire_delivery (endpoint, order_key, due, event)
    WHERE order_key IS NOT NULL AND finished_at IS NULL;

-- When the event was appended; set once the event is deleted while its id is still taken.
ALTER TABLE hookwire_publish ADD COLUMN spent INTEGER;
CREATE INDEX hookwire_spent ON hookwire_publish (spent) WHERE spent IS NOT NULL;

-- Deliveries held by decision, for the removal of their endpoint.
CREATE INDEX hookwire_held ON hookwire_delivery (endpoint) WHERE state = 4;

-- Health is apart from the endpoints, because attempts change it.
CREATE TABLE hookwire_health (
    endpoint BLOB NOT NULL PRIMARY KEY,
    failing_since INTEGER,
    last_failure INTEGER,
    failures INTEGER NOT NULL,
    last_success INTEGER,
    paused_until INTEGER
) STRICT, WITHOUT ROWID;
