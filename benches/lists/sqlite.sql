-- Deliveries, one for each event. The program replaces {total}, {finished}, {first} (microseconds since the Unix epoch) and {step}.
PRAGMA synchronous = OFF;
PRAGMA cache_size = -1000000;
CREATE TEMP TABLE lane AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id FROM hookwire_endpoint;
CREATE UNIQUE INDEX temp.lane_by_number ON lane (n);
CREATE TEMP TABLE made AS
    WITH RECURSIVE row(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM row WHERE n + 1 < {total})
    SELECT n, {first} + n * {step} AS at,
        unhex(printf('%012x7%03x8%015x', ({first} + n * {step}) / 1000, n % 4096, n)) AS id,
        CASE WHEN n % 100000 = 50001 THEN 'quiet' ELSE 'tenant-' || (n % 50) END AS tenant,
        CASE WHEN n % 500000 = 3 THEN 'rare.made' WHEN n % 20 = 0 THEN 'invoice.late' ELSE 'invoice.paid' END AS type,
        CASE WHEN n >= {finished} THEN 0 WHEN n % 1000 = 7 THEN 2 WHEN n % 10000 = 8 THEN 3 ELSE 1 END AS state
    FROM row;
BEGIN;
INSERT INTO hookwire_publish (tenant, id, event) SELECT tenant, printf('evt_%032x', n), n + 1 FROM made;
INSERT INTO hookwire_event (seq, tenant, id, type, content_type, occurred_at, appended_at)
    SELECT n + 1, tenant, printf('evt_%032x', n), type, 'application/json', at, at FROM made;
INSERT INTO hookwire_payload (event, body) SELECT n + 1, CAST('{"invoice":1042,"total":99}' AS BLOB) FROM made;
INSERT INTO hookwire_delivery (id, event, lane, state, due, attempts, faults, fence, created_at, finished_at, reason, last_fence,
        last_number, last_at, last_duration, last_class, last_status)
    SELECT m.id, m.n + 1, l.id, m.state, m.at, 1, 0, 2, m.at, CASE WHEN m.state > 0 THEN m.at + 100000 END,
        CASE WHEN m.state = 2 THEN 'exhausted' END, 1, 1, m.at, 100000, 'status', CASE WHEN m.state = 2 THEN 500 ELSE 200 END
    FROM made m JOIN lane l ON l.n = m.n % (SELECT count(*) FROM lane);
CREATE TEMP TABLE part (of BLOB);
INSERT INTO part VALUES {groups};
INSERT INTO hookwire_rollup (step, at, of, numbers)
    WITH RECURSIVE slot(step, at, length, n) AS (
        SELECT column1, column2, column3, column4 FROM (VALUES
            (0, ({first} / 60000000 + 30 * 1440) * 60000000, 60000000, 48 * 60), (1, ({first} / 3600000000 + 720) * 3600000000, 3600000000, 720))
        UNION ALL SELECT step, at - length, length, n - 1 FROM slot WHERE n > 1)
    SELECT step, at, of, {numbers} FROM slot, part;
-- Status 500, exhausted, no response text.
INSERT INTO hookwire_failure (hour, endpoint, kind, tenant, number, first_at, last_at, oldest_made, newest_made, sample)
    SELECT m.at / 3600000000 * 3600000000, l.id, x'01f4010000000000000000', n.tenant, count(*), min(m.at), max(m.at), min(m.at), max(m.at),
        max(m.id)
    FROM made m JOIN lane l ON l.n = m.n % (SELECT count(*) FROM lane) JOIN hookwire_endpoint n ON n.id = l.id WHERE m.state = 2 GROUP BY 1, 2;
COMMIT;
