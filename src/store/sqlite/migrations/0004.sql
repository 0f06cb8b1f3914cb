-- Separates received work from sent work. A lane is an endpoint, 16 bytes, or a queue of an inbox: x'FF' and its name,
-- never 16 bytes. An event has an audience.

DROP INDEX hookwire_pending;
DROP INDEX hookwire_held;
DROP INDEX hookwire_ordered;
DROP INDEX hookwire_finished;
DROP INDEX hookwire_childless;
DROP INDEX hookwire_spent;
ALTER TABLE hookwire_delivery RENAME COLUMN endpoint TO lane;

-- 0: the subscribers of its tenant; 1: the endpoints it was made for; 2: the queues of an inbox.
ALTER TABLE hookwire_event ADD COLUMN audience INTEGER NOT NULL DEFAULT 0;
-- JSON: what the provider of a received event said beside its payload.
ALTER TABLE hookwire_event ADD COLUMN origin TEXT;

-- The events of an inbox: their ids have this form, and they have no delivery to an endpoint.
UPDATE hookwire_event SET audience = 2
WHERE content_type = 'application/octet-stream' AND id GLOB 'in_*' AND substr(id, 36, 1) = '_'
    AND substr(id, 4, 32) NOT GLOB '*[^0-9a-f]*' AND NOT EXISTS (
        SELECT 1 FROM hookwire_delivery d JOIN hookwire_endpoint n ON n.id = d.lane WHERE d.event = seq
    );
UPDATE hookwire_event SET audience = 1
WHERE audience = 0 AND (type = 'hookwire.test' OR type GLOB 'hookwire.a2a.*' OR type GLOB 'hookwire.mcp.*');

-- The lane of a queue was the digest of the queue's name: the hex digits of this digest now name the queue of these jobs.
DELETE FROM hookwire_health WHERE endpoint NOT IN (SELECT id FROM hookwire_endpoint);
UPDATE hookwire_delivery SET lane = CAST(x'FF' || lower(hex(lane)) AS BLOB)
WHERE event IN (SELECT seq FROM hookwire_event WHERE audience = 2);

-- The ids of received events are separate from all others and do not contain the provider's id. If two ids differ only in it,
-- the second event keeps its id.
UPDATE OR IGNORE hookwire_publish SET id = ':evt_' || substr(id, 4, 32)
WHERE event IN (SELECT seq FROM hookwire_event WHERE audience = 2);
UPDATE hookwire_publish SET id = ':' || id
WHERE substr(id, 1, 1) <> ':' AND event IN (SELECT seq FROM hookwire_event WHERE audience = 2);
UPDATE hookwire_event SET
    origin = json_object('source', '', 'event_id', nullif(substr(id, 37), '')),
    id = CASE WHEN EXISTS (
        SELECT 1 FROM hookwire_publish k
        WHERE k.tenant = hookwire_event.tenant AND k.id = ':evt_' || substr(hookwire_event.id, 4, 32)
            AND k.event = hookwire_event.seq
    ) THEN 'evt_' || substr(id, 4, 32) ELSE id END
WHERE audience = 2;

CREATE INDEX hookwire_pending ON hookwire_delivery (lane, due) WHERE state = 0;
CREATE INDEX hookwire_held ON hookwire_delivery (lane) WHERE state = 4;
CREATE INDEX hookwire_ordered ON hookwire_delivery (lane, order_key, due, event)
    WHERE order_key IS NOT NULL AND finished_at IS NULL;

-- Rows that may be deleted, one index for each kind of work: no worker reads the rows of the other kind.
CREATE INDEX hookwire_finished_sent ON hookwire_delivery (finished_at)
    WHERE finished_at IS NOT NULL AND length(lane) = 16;
CREATE INDEX hookwire_finished_received ON hookwire_delivery (finished_at)
    WHERE finished_at IS NOT NULL AND length(lane) <> 16;
CREATE INDEX hookwire_childless_sent ON hookwire_event (childless) WHERE childless IS NOT NULL AND audience < 2;
CREATE INDEX hookwire_childless_received ON hookwire_event (childless) WHERE childless IS NOT NULL AND audience = 2;
CREATE INDEX hookwire_spent_sent ON hookwire_publish (spent) WHERE spent IS NOT NULL AND substr(id, 1, 1) <> ':';
CREATE INDEX hookwire_spent_received ON hookwire_publish (spent) WHERE spent IS NOT NULL AND substr(id, 1, 1) = ':';

-- Dedup: the response to the first request, and the group by which a record can be forgotten.
ALTER TABLE hookwire_dedup ADD COLUMN event_group BLOB;
ALTER TABLE hookwire_dedup ADD COLUMN content_type TEXT;
ALTER TABLE hookwire_dedup ADD COLUMN body BLOB;
CREATE INDEX hookwire_dedup_group ON hookwire_dedup (event_group) WHERE event_group IS NOT NULL;
