-- Deliveries, one for each event. The program replaces {schema}, {total}, {finished}, {first} (microseconds since the Unix epoch) and
-- {step}. The past days get the partitions that they would have.
SET synchronous_commit = off;
DO $$
DECLARE
    day bigint;
    name text;
BEGIN
    FOR day IN SELECT generate_series(({first} / 86400000000)::bigint, (({first} + {total}::bigint * {step}) / 86400000000)::bigint) LOOP
        name := to_char(to_timestamp(day * 86400) AT TIME ZONE 'UTC', 'YYYYMMDD');
        EXECUTE format('CREATE TABLE IF NOT EXISTS {schema}.event_%s PARTITION OF {schema}.event FOR VALUES FROM (%s) TO (%s)',
            name, (day * 86400000) << 21, ((day + 1) * 86400000) << 21);
        EXECUTE format('CREATE TABLE IF NOT EXISTS {schema}.finished_%s PARTITION OF {schema}.finished FOR VALUES FROM (%L) TO (%L)',
            name, (lpad(to_hex(day * 86400000), 12, '0') || repeat('0', 20))::uuid,
            (lpad(to_hex((day + 1) * 86400000), 12, '0') || repeat('0', 20))::uuid);
    END LOOP;
END $$;
CREATE TEMP TABLE lane AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, uuid_send(id) AS id FROM {schema}.endpoint;
CREATE TEMP TABLE made AS
    SELECT n, {first} + n * {step} AS at, ((({first} + n * {step}) / 1000) << 21) | (n % 2097152) AS key,
        (lpad(to_hex(({first} + n * {step}) / 1000), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0') || '8'
            || lpad(to_hex(n), 15, '0'))::uuid AS id,
        CASE WHEN n % 100000 = 50001 THEN 'quiet' ELSE 'tenant-' || (n % 50) END AS tenant,
        CASE WHEN n % 500000 = 3 THEN 'rare.made' WHEN n % 20 = 0 THEN 'invoice.late' ELSE 'invoice.paid' END AS type,
        CASE WHEN n >= {finished} THEN 0 WHEN n % 1000 = 7 THEN 2 WHEN n % 10000 = 8 THEN 3 ELSE 1 END AS state
    FROM generate_series(0::bigint, {total} - 1) n;
INSERT INTO {schema}.publish (tenant, id, event, appended_at)
    SELECT tenant, 'evt_' || lpad(to_hex(n), 32, '0'), key, at FROM made;
INSERT INTO {schema}.event (key, tenant, id, type, content_type, occurred_at, appended_at, body)
    SELECT key, tenant, 'evt_' || lpad(to_hex(n), 32, '0'), type, 'application/json', at, at, '{"invoice":1042,"total":99}' FROM made;
INSERT INTO {schema}.finished (id, event, lane, state, due, fence, attempts, created_at, finished_at, reason, log)
    SELECT m.id, m.key, l.id, m.state, m.at, 2, 1, m.at, m.at + 100000, CASE WHEN m.state = 2 THEN 'exhausted' END,
        format('{"n":1,"at":%s,"us":100000,"class":"status","status":%s}', m.at, CASE WHEN m.state = 2 THEN 500 ELSE 200 END) || chr(10)
    FROM made m JOIN lane l ON l.n = m.n % (SELECT count(*) FROM lane) WHERE m.state > 0;
INSERT INTO {schema}.delivery (id, event, lane, state, due, leased, fence, attempts, faults, created_at, place, log)
    SELECT m.id, m.key, l.id, 0, m.at, false, 0, 0, 0, m.at, 0, ''
    FROM made m JOIN lane l ON l.n = m.n % (SELECT count(*) FROM lane) WHERE m.state = 0;
INSERT INTO {schema}.rollup (step, at, of, numbers)
    SELECT slot.step, (({first} / slot.length) + slot.steps - n) * slot.length, part.of, {numbers}
    FROM (VALUES (0::smallint, 60000000::bigint, 43200, 2880), (1::smallint, 3600000000::bigint, 720, 720)) AS slot (step, length, steps, kept)
    CROSS JOIN LATERAL generate_series(0, kept - 1) n
    CROSS JOIN (VALUES {groups}) AS part (of);
-- Status 500, exhausted, no response text.
INSERT INTO {schema}.failure (hour, endpoint, kind, tenant, number, first_at, last_at, oldest_made, newest_made, sample)
    SELECT m.at / 3600000000 * 3600000000, n.id, '\x01f4010000000000000000'::bytea, max(n.tenant), count(*), min(m.at), max(m.at), min(m.at),
        max(m.at), (array_agg(m.id ORDER BY m.id DESC))[1]
    FROM made m JOIN lane l ON l.n = m.n % (SELECT count(*) FROM lane) JOIN {schema}.endpoint n ON uuid_send(n.id) = l.id
    WHERE m.state = 2 GROUP BY 1, 2;
DROP TABLE made, lane;
