-- The first schema. `hookwire` stands for the schema's configured name.

-- The number of applied migrations, and the lowest version of the code that can still work with the tables: while an application
-- is upgraded process by process, processes of the version before continue and may be restarted.
CREATE TABLE hookwire.schema (version integer NOT NULL, serves integer NOT NULL);
INSERT INTO hookwire.schema VALUES (0, 1);

-- Numbers of events. A process reserves a block of this length, so that an event needs no call of its own.
CREATE SEQUENCE hookwire.number INCREMENT BY 4096;

-- Places of events that have an ordering key, reserved one by one: if one event is appended after another, it has the higher
-- place, even if another process appends it.
CREATE SEQUENCE hookwire.place;

CREATE TABLE hookwire.endpoint (
    id uuid PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    -- 0 enabled, 1 disabled, 2 removed: nothing owed to it is ever sent.
    state smallint NOT NULL,
    record text NOT NULL
);
CREATE INDEX endpoint_of_tenant ON hookwire.endpoint (tenant, id) WHERE state < 2;

CREATE TABLE hookwire.health (
    endpoint uuid PRIMARY KEY,
    failing_since bigint,
    last_failure bigint,
    failures integer NOT NULL,
    last_success bigint,
    paused_until bigint
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- The taken ids of events. This table is not partitioned, so that an id is unique, and it is separate, so that an id may
-- outlive its event.
CREATE TABLE hookwire.publish (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    event bigint NOT NULL,
    fingerprint bytea,
    appended_at bigint NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX publish_by_age ON hookwire.publish (appended_at);

-- Events, a partition for each day of `key`: milliseconds of `appended_at`, then 21 bits of a number that distinguishes
-- events of one millisecond.
CREATE TABLE hookwire.event (
    key bigint NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    type text NOT NULL,
    content_type text NOT NULL,
    occurred_at bigint NOT NULL,
    appended_at bigint NOT NULL,
    -- `f` or `l` and the ordering key.
    order_key text COLLATE "C",
    place bigint NOT NULL DEFAULT 0,
    expires_at bigint,
    expunged boolean NOT NULL DEFAULT false,
    body bytea NOT NULL,
    PRIMARY KEY (key)
) PARTITION BY RANGE (key);
CREATE INDEX event_of_tenant ON hookwire.event (tenant, key);
CREATE TABLE hookwire.event_rest PARTITION OF hookwire.event DEFAULT;

-- Unfinished deliveries: small, because finished ones are moved out of it.
CREATE TABLE hookwire.delivery (
    id uuid PRIMARY KEY,
    event bigint NOT NULL,
    endpoint uuid NOT NULL,
    -- 0 pending, 4 held.
    state smallint NOT NULL,
    -- When it is due, or its lease ends; never, while it waits for its turn in an ordering key.
    due bigint NOT NULL,
    leased boolean NOT NULL,
    fence bigint NOT NULL,
    attempts integer NOT NULL,
    faults integer NOT NULL,
    created_at bigint NOT NULL,
    order_key text COLLATE "C",
    place bigint NOT NULL,
    reason text,
    -- The attempts, each a line of JSON.
    log text NOT NULL
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0.0,
    autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_analyze_scale_factor = 0.0,
    autovacuum_analyze_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX delivery_lane ON hookwire.delivery (endpoint, due) WHERE state = 0;
CREATE INDEX delivery_of_event ON hookwire.delivery (event);
CREATE INDEX delivery_order ON hookwire.delivery (endpoint, order_key, due, place) WHERE order_key IS NOT NULL;

-- Finished deliveries, a partition for each day of `id`, a UUIDv7: the day on which the delivery was made.
CREATE TABLE hookwire.finished (
    id uuid NOT NULL,
    event bigint NOT NULL,
    endpoint uuid NOT NULL,
    -- 1 delivered, 2 failed, 3 cancelled.
    state smallint NOT NULL,
    due bigint NOT NULL,
    fence bigint NOT NULL,
    attempts integer NOT NULL,
    created_at bigint NOT NULL,
    order_key text COLLATE "C",
    finished_at bigint NOT NULL,
    reason text,
    log text NOT NULL,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX finished_by_age ON hookwire.finished (finished_at, id);
CREATE INDEX finished_of_event ON hookwire.finished (event);
CREATE INDEX finished_of_endpoint ON hookwire.finished (endpoint, id);
CREATE TABLE hookwire.finished_rest PARTITION OF hookwire.finished DEFAULT;

-- Unfinished and finished deliveries, as history shows them.
CREATE VIEW hookwire.every_delivery AS
    SELECT id, event, endpoint, state, due, fence, attempts, created_at, order_key, NULL::bigint AS finished_at, reason, log
    FROM hookwire.delivery
    UNION ALL
    SELECT id, event, endpoint, state, due, fence, attempts, created_at, order_key, finished_at, reason, log
    FROM hookwire.finished;

CREATE TABLE hookwire.dedup (
    key bytea PRIMARY KEY,
    fence bigint NOT NULL,
    -- What was answered; NULL while it is being handled.
    status integer,
    ends bigint NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX dedup_by_end ON hookwire.dedup (ends);

-- Rows that applications write and a worker imports. See hookwire.dispatch().
CREATE TABLE hookwire.outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type text NOT NULL,
    data bytea NOT NULL,
    tenant text NOT NULL DEFAULT 'default',
    -- NULL: `data` is JSON.
    content_type text,
    id text,
    occurred_at bigint,
    fifo_key text,
    latest_key text,
    expires_at bigint,
    written_at bigint DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
    -- Why it cannot be dispatched. Set it to NULL to have it tried again.
    error text
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX outbox_ready ON hookwire.outbox (seq) WHERE error IS NULL;

-- Writes an event into the caller's transaction and returns its id. It writes one row, reads no endpoint and sends no
-- notification: a running worker finds the row once the transaction has committed.
CREATE FUNCTION hookwire.dispatch(
    type text,
    data text,
    tenant text DEFAULT 'default',
    id text DEFAULT NULL,
    fifo_key text DEFAULT NULL,
    latest_key text DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL,
    occurred_at timestamptz DEFAULT NULL
) RETURNS text LANGUAGE sql VOLATILE AS $$
    INSERT INTO hookwire.outbox (type, data, tenant, id, fifo_key, latest_key, expires_at, occurred_at)
    VALUES (
        $1, convert_to($2, 'UTF8'), coalesce($3, 'default'),
        coalesce($4, 'evt_' || replace(gen_random_uuid()::text, '-', '')), $5, $6,
        (extract(epoch FROM $7) * 1000000)::bigint, (extract(epoch FROM $8) * 1000000)::bigint
    )
    RETURNING id
$$;

CREATE FUNCTION hookwire.dispatch(
    type text,
    data jsonb,
    tenant text DEFAULT 'default',
    id text DEFAULT NULL,
    fifo_key text DEFAULT NULL,
    latest_key text DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL,
    occurred_at timestamptz DEFAULT NULL
) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT hookwire.dispatch($1, $2::text, $3, $4, $5, $6, $7, $8) $$;
