-- Separates received work from sent work. A lane is an endpoint, 16 bytes, or a queue of an inbox: 0xFF and its name, never
-- 16 bytes. An event has an audience. Code of the version before cannot work with these tables.
UPDATE hookwire.schema SET serves = 3;

-- 0: the subscribers of its tenant; 1: the endpoints it was made for; 2: the queues of an inbox.
ALTER TABLE hookwire.event ADD COLUMN audience smallint NOT NULL DEFAULT 0;
-- JSON: what the provider of a received event said beside its payload.
ALTER TABLE hookwire.event ADD COLUMN origin text;

-- The events of an inbox: their ids have this form, and they have no delivery to an endpoint.
UPDATE hookwire.event e SET audience = 2
WHERE e.content_type = 'application/octet-stream' AND e.id ~ '^in_[0-9a-f]{32}_'
    AND NOT EXISTS (
        SELECT 1 FROM hookwire.every_delivery d JOIN hookwire.endpoint n ON n.id = d.endpoint WHERE d.event = e.key
    );
UPDATE hookwire.event SET audience = 1
WHERE audience = 0
    AND (type = 'hookwire' || '.test' OR type LIKE 'hookwire' || '.a2a.%' OR type LIKE 'hookwire' || '.mcp.%');

-- The lane of a queue was the digest of the queue's name: the hex digits of this digest now name the queue of these jobs.
DROP VIEW hookwire.every_delivery;
ALTER TABLE hookwire.delivery RENAME COLUMN endpoint TO lane;
ALTER TABLE hookwire.finished RENAME COLUMN endpoint TO lane;
ALTER TABLE hookwire.delivery ALTER COLUMN lane TYPE bytea USING uuid_send(lane);
ALTER TABLE hookwire.finished ALTER COLUMN lane TYPE bytea USING uuid_send(lane);
UPDATE hookwire.delivery d SET lane = '\xff'::bytea || convert_to(encode(d.lane, 'hex'), 'UTF8')
FROM hookwire.event e WHERE e.key = d.event AND e.audience = 2;
UPDATE hookwire.finished d SET lane = '\xff'::bytea || convert_to(encode(d.lane, 'hex'), 'UTF8')
FROM hookwire.event e WHERE e.key = d.event AND e.audience = 2;
DELETE FROM hookwire.health h WHERE NOT EXISTS (SELECT 1 FROM hookwire.endpoint n WHERE n.id = h.endpoint);

-- The ids of received events are separate from all others and do not contain the provider's id. If two ids differ only in it,
-- the second event keeps its id.
UPDATE hookwire.publish k SET id = ':' || e.fresh
FROM (
    SELECT key, tenant, id, CASE WHEN row_number() OVER (PARTITION BY tenant, substr(id, 4, 32) ORDER BY key) = 1
        THEN 'evt_' || substr(id, 4, 32) ELSE id END AS fresh
    FROM hookwire.event WHERE audience = 2
) e WHERE k.tenant = e.tenant AND k.id = e.id AND k.event = e.key;
UPDATE hookwire.event e SET
    origin = json_strip_nulls(json_build_object('source', '', 'event_id', nullif(substr(e.id, 37), '')))::text,
    id = CASE WHEN EXISTS (
        SELECT 1 FROM hookwire.publish k
        WHERE k.tenant = e.tenant AND k.id = ':evt_' || substr(e.id, 4, 32) AND k.event = e.key
    ) THEN 'evt_' || substr(e.id, 4, 32) ELSE e.id END
WHERE e.audience = 2;

CREATE VIEW hookwire.every_delivery AS
    SELECT id, event, lane, state, due, fence, attempts, created_at, order_key, NULL::bigint AS finished_at, reason, log
    FROM hookwire.delivery
    UNION ALL
    SELECT id, event, lane, state, due, fence, attempts, created_at, order_key, finished_at, reason, log
    FROM hookwire.finished;

-- One index for each kind of work: no worker reads the rows of the other kind.
DROP INDEX hookwire.finished_by_age;
CREATE INDEX finished_sent ON hookwire.finished (finished_at, id) WHERE length(lane) = 16;
CREATE INDEX finished_received ON hookwire.finished (finished_at, id) WHERE length(lane) <> 16;
ALTER INDEX hookwire.finished_of_endpoint RENAME TO finished_of_lane;
DROP INDEX hookwire.event_of_tenant;
CREATE INDEX event_sent ON hookwire.event (tenant, key) WHERE audience < 2;
CREATE INDEX event_received ON hookwire.event (tenant, key) WHERE audience = 2;
DROP INDEX hookwire.publish_by_age;
CREATE INDEX publish_sent ON hookwire.publish (appended_at) WHERE substr(id, 1, 1) <> ':';
CREATE INDEX publish_received ON hookwire.publish (appended_at) WHERE substr(id, 1, 1) = ':';

-- Dedup: the response to the first request, and the group by which a record can be forgotten.
ALTER TABLE hookwire.dedup ADD COLUMN event_group bytea, ADD COLUMN content_type text, ADD COLUMN body bytea;
CREATE INDEX dedup_by_group ON hookwire.dedup (event_group) WHERE event_group IS NOT NULL;
